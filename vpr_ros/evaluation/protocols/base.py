# SPDX-License-Identifier: Apache-2.0
"""What every reader of a published data set is: a name, options, and a folder that it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vpr_ros.errors import DatasetError
from vpr_ros.evaluation.retrieval_set import RetrievalSet

Value = str | int | float | bool

_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class Option:
    """A choice that a data set leaves open; its default is the published rule."""

    default: Value
    help: str

    def parsed(self, name: str, value: Value) -> Value:
        """A value, or the text of one, as the type of the default.

        Raises:
            DatasetError: it is not of that type.
        """
        if isinstance(self.default, bool):
            if str(value).lower() not in _FLAGS:
                raise DatasetError(f"option {name} = {value!r}: say true or false")
            return _FLAGS[str(value).lower()]
        try:
            return type(self.default)(value)
        except ValueError:
            kind = type(self.default).__name__
            raise DatasetError(f"option {name} = {value!r}: not a {kind}: {self.help}") from None


@dataclass(frozen=True)
class Protocol:
    """How one data set is read and judged."""

    summary: str  # one line: what it is and by which rule an answer is right
    reader: Callable[..., RetrievalSet]  # called with the folder and all options as keywords
    options: Mapping[str, Option] = field(default_factory=dict)

    def read(self, folder: Path, **options: Value) -> RetrievalSet:
        """The data set in a folder; no image is read yet.

        Values of options may be texts, as a command line gives them.

        Raises:
            DatasetError: the folder does not hold this data set, or holds it damaged; or there is
                no such option.
        """
        unknown = sorted(set(options) - set(self.options))
        if unknown:
            known = ", ".join(self.options) or "none"
            raise DatasetError(f"no option {unknown[0]}; this data set's are: {known}")
        path = Path(folder)
        if not path.is_dir():
            raise DatasetError(f"{path}: there is no such folder")
        given = {name: self.options[name].parsed(name, value) for name, value in options.items()}
        defaults = {name: option.default for name, option in self.options.items()}
        return self.reader(path, **{**defaults, **given})

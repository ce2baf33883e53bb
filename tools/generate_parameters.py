# SPDX-License-Identifier: Apache-2.0
"""Write the parameter files and the table of parameters from ``vpr_ros/config``.

Usage: ``tools/env.sh python tools/generate_parameters.py``. It writes ``config/map.yaml``,
``config/localize.yaml`` and ``docs/parameters.md``; nothing but Python and this checkout is needed.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from vpr_ros.config import (  # noqa: E402
    LocalizerConfig,
    MapperConfig,
    NodeConfig,
    PipelineConfig,
    Setting,
    settings_of,
)

WIDTH = 100
COMMAND = "tools/env.sh python tools/generate_parameters.py"
SPDX = "SPDX-License-Identifier: Apache-2.0"
ALWAYS = "map_path"  # ROS refuses a parameter file without any entry

YAML_HEAD = f"""\
# {SPDX}
# Every parameter of the {{node}} with its meaning and its default, as vpr_ros/config/ has them.
# Copy this file, take the # away before what you change, and launch with params_file:=YOUR.yaml.
# Those that are marked (live) may change while the node runs; the others are read by `configure`.
#
# Made by tools/generate_parameters.py: do not edit it here.
/**:
  ros__parameters:
"""

TABLE_HEAD = f"""\
<!-- {SPDX} -->
# Parameters

They are read when a node is configured; those marked *live* may change while it runs.
`config/map.yaml` and `config/localize.yaml` hold the same, ready to be copied and changed. Where a
default differs, that of the mapper stands before that of the localizer.

Made from `vpr_ros/config/` by `tools/generate_parameters.py`: do not edit it here.
"""
SECTION = """
## {title}

| parameter | default | may be | |
|---|---|---|---|
"""
TITLES = {
    "Of the nodes": True,
    "Of the nodes, and of `vpr` by `--set NAME=VALUE`": False,
}
PIPELINE = {name for name, _, _ in settings_of(PipelineConfig())}


def parameter_file(node: str, config: NodeConfig) -> str:
    """The commented parameter file of a node.

    Args:
        node: its name, for the heading.
        config: its defaults.
    """
    rows = sorted(settings_of(config), key=lambda row: row[0] in PIPELINE)
    return YAML_HEAD.format(node=node) + "\n".join("".join(_entry(*row)) for row in rows)


def parameter_table() -> str:
    """The page of all parameters."""
    other = {name: value for name, value, _ in settings_of(LocalizerConfig())}
    text = TABLE_HEAD
    for title, only_nodes in TITLES.items():
        text += SECTION.format(title=title)
        for name, value, setting in settings_of(MapperConfig()):
            if (name not in PIPELINE) == only_nodes:
                text += _row(name, value, other[name], setting)
    return text


def files() -> dict[Path, str]:
    """Path below the root -> what the file must hold."""
    return {
        Path("config/map.yaml"): parameter_file("mapper", MapperConfig()),
        Path("config/localize.yaml"): parameter_file("localizer", LocalizerConfig()),
        Path("docs/parameters.md"): parameter_table(),
    }


def main() -> int:
    """Write the files."""
    for path, text in files().items():
        (ROOT / path).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


def _entry(name: str, value: Any, setting: Setting) -> Iterator[str]:
    limits = f" [{setting.limits}]" if setting.limits else ""
    live = " (live)" if setting.live else ""
    words = f"{setting.description}{limits}{live}"
    for line in textwrap.wrap(words, WIDTH - 6, break_on_hyphens=False):
        yield f"    # {line}\n"
    yield f"    {'' if name == ALWAYS else '#'}{name}: {_as_yaml(value)}\n"


def _as_yaml(value: Any) -> str:
    """JSON is YAML; quotes stay, or the word off would be a truth value."""
    return json.dumps(value)


def _row(name: str, value: Any, other: Any, setting: Setting) -> str:
    default = f"`{_as_yaml(value)}`"
    if other != value:
        default += f", `{_as_yaml(other)}`"
    live = " *live*" if setting.live else ""
    words = setting.description.replace("|", "\\|")
    return f"| `{name}` | {default} | {setting.limits} | {words}{live} |\n"


if __name__ == "__main__":
    sys.exit(main())

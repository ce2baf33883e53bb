# SPDX-License-Identifier: Apache-2.0
"""HTML and SVG as text: elements whose attributes and contents cannot break out of them."""

from __future__ import annotations

import base64
from html import escape


def element(name: str, /, *contents: str, **attributes: object) -> str:
    """An element; its contents are markup already, its attributes are not.

    Underscores in the names of attributes become hyphens, and one at the end is dropped
    (``class_``). Attributes that are None or False are left out; True ones have no value.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        parts.append(label if value is True else f'{label}="{_value(value)}"')
    opening = " ".join(parts)
    if name in ("img", "meta", "link"):
        return f"<{opening}>"
    return f"<{opening}>{''.join(contents)}</{name}>"


def text(value: object) -> str:
    """Any value as text that is no markup."""
    return escape(str(value))


def number(value: float) -> str:
    """A coordinate, short: a tenth of a pixel is enough."""
    return f"{value:.1f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def picture_data(data: bytes, kind: str) -> str:
    """An image as the address of itself, such as ``kind`` jpeg or png."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _value(value: object) -> str:
    return number(value) if isinstance(value, float) else escape(str(value), quote=True)

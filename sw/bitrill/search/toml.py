"""Writes a recipe's tables as TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def text(tables: Mapping[str, Any]) -> str:
    """Return tables of plain values as TOML; tables inside of tables stand in one line."""
    blocks: list[str] = []
    for name, value in tables.items():
        if isinstance(value, list):
            blocks += [_block(f"[[{_key(name)}]]", each) for each in value]
        else:
            blocks.append(_block(f"[{_key(name)}]", value))
    return "\n".join(blocks)


def _block(head: str, table: Mapping[str, Any]) -> str:
    lines = [f"{_key(key)} = {_value(value)}" for key, value in table.items()]
    return "\n".join([head, *lines, ""])


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)

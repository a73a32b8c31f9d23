"""YAML that every reader takes as it was meant: floats with a dot, text that looks like a number in quotes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import yaml


class _Dumper(yaml.SafeDumper):
    """PyYAML reads ``1e-05`` as text (YAML 1.1 wants a dot); YAML 1.2 readers take the text ``1e-4`` as a number."""

    def ignore_aliases(self, data: Any) -> bool:
        return True  # what occurs twice is written twice: not every reader knows anchors


def _float(dumper: _Dumper, value: float) -> yaml.ScalarNode:
    text = repr(value)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=_quotes(value))


def _quotes(text: str) -> str | None:
    if not text.isprintable():  # escapes: in any other style a reader may change the line breaks of Unicode
        return '"'
    return "'" if text.lower() in ("y", "n") or _looks_like_number(text) else None


def _looks_like_number(text: str) -> bool:
    try:
        float(text.replace("_", ""))
    except ValueError:
        return text.lower().startswith(("0x", "0o", "0b"))
    return True


_Dumper.add_representer(float, _float)
_Dumper.add_representer(str, _text)


def dump_yaml(values: Mapping[str, Any]) -> str:
    """``values`` (nested mappings and lists of JSON scalars, all finite) as block-style YAML, in the given order."""
    return yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False)


class _OneLine(_Dumper):
    """All on one line, which is valid in a block and within ``[ ]`` and ``{ }``."""

    quotes: Literal["'", '"', ""] = ""


def _kept(dumper: _OneLine, value: str) -> yaml.ScalarNode:
    style = dumper.quotes if dumper.quotes and value.isprintable() else _quotes(value)
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_OneLine.add_representer(str, _kept)


def one_line(value: Any, quotes: Literal["'", '"', ""] = "") -> str:
    """A value as it stands after ``key: ``, with text in ``quotes`` where these are given."""
    dumper = type("_Quoting", (_OneLine,), {"quotes": quotes})
    text: str = yaml.dump(
        [value], Dumper=dumper, sort_keys=False, allow_unicode=True, default_flow_style=True, width=float("inf")
    )
    return text.strip()[1:-1]

"""YAML that PyYAML and our own reader both give back exactly."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from assay.analysis.yaml_writer import dump_yaml
from assay.search.yaml_reader import read_yaml

# fmt: off
TRICKY = [
    "1e-4", "1E5", "1e5", ".5", "5.", "+1", "-1", "1_000", "010", "08", "0x1f", "0X1F", "0o17", "0b11",
    "12:30:00", "1:30", "~", "null", "Null", "NULL", "no", "No", "NO", "yes", "on", "Off", "y", "n", "Y", "N",
    "true", "TRUE", "False", ".inf", "-.inf", ".NaN", "nan", "inf", "infinity", "2024-01-01",
    "2024-01-01T12:30:00Z", "=", "<<", "<<:", "---", "...", "-", "?", ":", "#", "&", "*", "!", "|", ">", "%",
    "@", "`", "{}", "[]", "{a:", "[,", ",a", "'a", "\"a\"", "!!int", "1", "a:b", "#a", "é", "ünïcode", "日本", "🙂",
]
# fmt: on
TEXTS = [*TRICKY, "", " ", " a", "a ", "a: b", "a #b", "- a", "a\nb", "a\n", "\n\na\n\n", "\ta", "a\rb", "\x00", "\x07"]
LONG = ["word " * 60, "x" * 300, "é " * 100 + "\n" + "y " * 80, "\x85a\u2028b\u2029c\x85", "\ufeff", "\xa0", "\u200b"]

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(TEXTS + LONG),
    st.text(),
)
TREES = st.dictionaries(
    st.text(max_size=12) | st.sampled_from(TRICKY),
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_size=5,
)


def exact(value: Any) -> Any:
    """With types, so that 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return [(key, exact(inner)) for key, inner in value.items()]
    return [exact(inner) for inner in value] if isinstance(value, list) else (type(value), repr(value))


def check(values: dict[str, Any]) -> None:
    text = dump_yaml(values)
    assert exact(yaml.safe_load(text)) == exact(values)
    document = read_yaml(text)
    assert exact(document.value) == exact(values)
    assert document.duplicates == []


@given(TREES)
def test_both_readers_give_back_every_value(values: dict[str, Any]) -> None:
    check(values)


@pytest.mark.parametrize("text", TEXTS + LONG, ids=ascii)
def test_text_stays_text(text: str) -> None:
    check({"value": text, "group": {text: text}, "list": [text]})


@pytest.mark.parametrize("value", [1e-05, 1e16, 1.5e-7, 5e-324, 1.7976931348623157e308, 0.1, -0.0, 1.0, 123456789.125])
def test_floats_of_all_sizes(value: float) -> None:
    check({"value": value})
    written = dump_yaml({"value": value}).split()[1]
    assert "." in written  # YAML 1.1 takes 1e-05 for text


@pytest.mark.parametrize(
    "text", ["1e-4", "1_000", "0x1f", "0o17", "012", "y", "N", "off", "12:30:00", "2024-01-01", "~"]
)
def test_what_some_reader_would_convert_is_quoted(text: str) -> None:
    assert dump_yaml({"value": text}) == f"value: '{text}'\n"


def test_order_style_and_empty() -> None:
    assert dump_yaml({"b": 1, "a": {"d": None, "c": [True, "x"]}}) == "b: 1\na:\n  d: null\n  c:\n  - true\n  - x\n"
    assert dump_yaml({}) == "{}\n"


def test_no_anchors() -> None:
    shared = [1.0]
    assert "&" not in dump_yaml({"a": shared, "b": shared})

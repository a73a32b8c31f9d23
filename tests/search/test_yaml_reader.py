"""YAML as people mean it: 1.2 values, marks, duplicates, and nothing that hangs or runs code."""

from __future__ import annotations

import contextlib
import json
import math
import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.search.yaml_reader import read_yaml

SCALARS = [
    ("1e-5", 1e-5),
    ("1E5", 1e5),
    ("+1.5e+3", 1500.0),
    (".5", 0.5),
    ("5.", 5.0),
    ("-0.0", -0.0),
    ("-.inf", -math.inf),
    ("12", 12),
    ("+12", 12),
    ("-3", -3),
    ("010", 10),
    ("08", 8),
    ("0x1F", 31),
    ("0o17", 15),
    ("0b11", "0b11"),
    ("1_000", "1_000"),
    ("1:30", "1:30"),
    ("2024-01-02", "2024-01-02"),
    ("no", "no"),
    ("off", "off"),
    ("Yes", "Yes"),
    ("y", "y"),
    ("true", True),
    ("False", False),
    ("tRue", "tRue"),
    ("null", None),
    ("~", None),
    ("''", ""),
    ("'1e-5'", "1e-5"),
    ('"true"', "true"),
    ("1e-5x", "1e-5x"),
    ("e5", "e5"),
    (".", "."),
    ("=", "="),
    ("1.2.3", "1.2.3"),
    ("loguniform(1e-5, 1e-1)", "loguniform(1e-5, 1e-1)"),
    ("!!str 12", "12"),
    ("!!float 1", 1.0),
    ("!!int '7'", 7),
    (r'"\ud83d\ude80"', "🚀"),
    (r'"a\ud83d"', "a�"),
]


@pytest.mark.parametrize(("text", "expected"), SCALARS, ids=[text for text, _ in SCALARS])
def test_scalars_are_what_they_look_like(text: str, expected: Any) -> None:
    value = read_yaml(f"a: {text}\n").value
    assert value == {"a": expected}
    assert type(value["a"]) is type(expected)


def test_an_empty_value_is_null() -> None:
    assert read_yaml("a:\nb: \n").value == {"a": None, "b": None}
    assert math.isnan(read_yaml("a: .nan").value["a"])
    assert read_yaml("").value is read_yaml("# only a comment\n").value is read_yaml("---\n").value is None


def test_every_value_has_its_place() -> None:
    document = read_yaml("a: 1\nb:\n  - x\n  - {c: 2, d: [3, 4]}\n3: y\n")
    assert document.value == {"a": 1, "b": ["x", {"c": 2, "d": [3, 4]}], 3: "y"}
    assert document.mark(("a",)) == (1, 1)
    assert document.mark(("b", 0)) == (3, 5)
    assert document.mark(("b", 1)) == (4, 5)
    assert document.mark(("b", 1, "d")) == (4, 12)
    assert document.mark(("b", 1, "d", 1)) == (4, 19)
    assert document.mark(("b", 1, "missing", "deep")) == (4, 5)
    assert document.mark((3,)) == (5, 1)
    assert document.mark(("missing",)) == document.mark(()) == (1, 1)


def test_duplicate_keys_are_found_at_any_depth() -> None:
    document = read_yaml("a: 1\nb: {c: 1, d: 2, c: 3}\na: 2\n'a': 4\n")
    assert [(problem.where, problem.message) for problem in document.duplicates] == [
        (("b", "c"), "'c' is given twice (first in line 2): keep one"),
        (("a",), "'a' is given twice (first in line 1): keep one"),
        (("a",), "'a' is given twice (first in line 3): keep one"),
    ]
    assert document.mark(("b", "c")) == (2, 17)


def test_anchors_repeat_a_value() -> None:
    document = read_yaml("a: &x {k: [1, 2]}\nb: *x\nc: [*x, *x]\n")
    same = {"k": [1, 2]}
    assert document.value == {"a": same, "b": same, "c": [same, same]}
    assert document.value["b"] is not document.value["a"]
    assert document.duplicates == []
    assert document.mark(("b",)) == (2, 1)


REFUSED = [
    ("a: &x {k: 1}\nb:\n  <<: *x\n", 3, 3, "merge keys (<<) are not part of YAML 1.2: write the keys out"),
    ("a: &x [*x]\n", 1, 4, "this anchor (&) contains itself"),
    ("a: &x {b: {c: *x}}\n", 1, 4, "this anchor (&) contains itself"),
    ("{[1]: 2}", 1, 2, "a key must be text"),
    ("? {a: b}\n: c", 1, 3, "a key must be text"),
    ("~: 1", 1, 1, "a key must be text"),
    ("b: 1\n1.5: x", 2, 1, "a key must be text"),
    ("a: !!int x", 1, 4, "'x' cannot be read as int: put it in quotes if it is text"),
    ("a: !!float x", 1, 4, "'x' cannot be read as float: put it in quotes if it is text"),
    ("a: !!bool x", 1, 4, "'x' cannot be read as bool: put it in quotes if it is text"),
    ("a: !!timestamp x", 1, 4, "'x' cannot be read as timestamp: put it in quotes if it is text"),
    (
        "a: !!python/object/apply:os.getcwd []",
        1,
        4,
        "tag:yaml.org,2002:python/object/apply:os.getcwd is not part of a sweep file: remove the tag",
    ),
    ("a: !!python/name:os.system x", 1, 4, "could not determine a constructor for the tag"),
    ("a: !mine x", 1, 4, "could not determine a constructor for the tag '!mine'"),
    ("a: *x", 1, 4, "found undefined alias 'x'"),
    ("a: [1, 2", 2, 1, "expected ',' or ']', but got '<stream end>'"),
    ("a:\n\tb: 1", 2, 1, "found character '\\t' that cannot start any token"),
    ("a: 1\n---\nb: 2", 2, 1, "but found another document"),
]


@pytest.mark.parametrize(("text", "line", "column", "problem"), REFUSED, ids=[text for text, *_ in REFUSED])
def test_what_is_not_plain_yaml_is_refused_with_its_place(text: str, line: int, column: int, problem: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError) as caught:
        read_yaml(text if text.endswith("\n") else f"{text}\n")
    assert caught.value.problem is not None
    assert caught.value.problem.startswith(problem)
    assert caught.value.problem_mark is not None
    assert (caught.value.problem_mark.line + 1, caught.value.problem_mark.column + 1) == (line, column)


def test_a_quoted_merge_key_is_text() -> None:
    assert read_yaml("'<<': 1").value == {"<<": 1}


@pytest.mark.parametrize("form", ["[{}]", "{{k: [{}]}}"])
def test_a_bomb_of_aliases_ends_at_once(form: str) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} {form.format(', '.join([f'*a{level - 1}'] * 10))}" for level in range(1, 12)]
    started = time.monotonic()
    with pytest.raises(yaml.YAMLError, match="more than 50,000 values, counting what aliases"):
        read_yaml("\n".join(lines))
    assert time.monotonic() - started < 10


def test_endless_nesting_is_refused() -> None:
    for text in ("[" * 5000, "{a: " * 5000, "- " * 5000):
        with pytest.raises(yaml.YAMLError, match="nested too deeply"):
            read_yaml(text)


def test_an_endless_number_is_refused() -> None:
    with pytest.raises(yaml.YAMLError, match=r"^'999.*\.\.\. cannot be read as int"):
        read_yaml(f"a: {'9' * 5000}")


numbers = st.integers() | st.floats(allow_nan=False)
scalars = st.none() | st.booleans() | numbers | st.text(st.characters(exclude_categories=["Cs", "Cc"]))
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab<ç🚀", max_size=3), inner),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(trees, st.booleans(), st.sampled_from([None, 2]))
def test_json_reads_as_json(tree: Any, plain: bool, indent: int | None) -> None:
    text = json.dumps(tree, ensure_ascii=plain, indent=indent)
    if "Infinity" in text:
        return
    assert read_yaml(text).value == json.loads(text)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text("ab1 :-[]{},&*!|>'\"\n\t#%@`?~.<\\\0é") | st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(yaml.YAMLError):
        read_yaml(text)

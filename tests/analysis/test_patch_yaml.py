"""Values filled into a file of the user's: they arrive, and nothing else moves."""

from __future__ import annotations

import difflib
import json
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from assay.analysis.patch_yaml import fill_in, read_values
from assay.spaces import Config, SpaceError
from assay.spaces.config import flatten, groups, nest

from .test_export_formats import typed, values

EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True)
OWN = """\
# my config
base: &base {lr: 0.1, wd: 1e-4}   # shared
model:
  <<: *base
  name:   "resnet"     # quoted
  layers:   [1, 2]
  optimizer:
      lr:           !!float 0.001   # aligned
      betas:
      - 0.9
      - !own 0.99
  # after the optimizer

data:   # nothing yet
trainer: {epochs: 3, # of flow
  flag: no}
text: |
  long
  text
'last': !!int '3'   # the end
"""
FILLED = """\
# my config
base: &base {lr: 0.1, wd: 1e-4}   # shared
model:
  <<: *base
  name:   "1e-4"     # quoted
  layers:   [1, 2]
  optimizer:
      lr:           1.0e-05   # aligned
      betas:
      - 0.9
      - !own 0.99
      momentum: null
  lr: 3.0
  # after the optimizer

data: {size: 4}   # nothing yet
trainer: {epochs: 40, # of flow
  flag: true, new: {deep: 'a, b'}}
text: short
'last': '7'   # the end
brand:
  new:
    name: adam
"""
VALUES = {
    "model.name": "1e-4", "model.optimizer.lr": 1e-5, "model.optimizer.momentum": None, "model.lr": 3.0,
    "data.size": 4, "trainer.epochs": 40, "trainer.flag": True, "trainer.new.deep": "a, b", "text": "short",
    "last": "7", "brand.new.name": "adam",
}  # fmt: skip


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_a_file_with_everything(line_break: str) -> None:
    patched = fill_in(OWN.replace("\n", line_break), VALUES)
    assert patched.text == FILLED.replace("\n", line_break)
    assert patched.added == ("model.optimizer.momentum", "model.lr", "data.size", "trainer.new.deep", "brand.new.name")
    assert patched.anchored == ()
    assert typed(read_values(patched.text, VALUES)) == typed(VALUES)
    assert fill_in(patched.text, VALUES).text == patched.text


ANCHORED = "base: &b {lr: 1}\nuse: *b\nnumber: &n 3\nother: *n\nalone: &x 4\n"


@pytest.mark.parametrize(
    ("name", "text", "anchored"),
    [
        ("base.lr", ANCHORED.replace("lr: 1", "lr: 9"), True),
        ("use.lr", ANCHORED.replace("lr: 1", "lr: 9"), True),
        ("base.new", ANCHORED.replace("lr: 1", "lr: 1, new: 9"), True),
        ("number", ANCHORED.replace("&n 3", "&n 9"), True),
        ("other", ANCHORED.replace("other: *n", "other: 9"), False),
        ("alone", ANCHORED.replace("&x 4", "&x 9"), False),
    ],
)
def test_a_value_under_an_anchor_is_told(name: str, text: str, anchored: bool) -> None:
    patched = fill_in(ANCHORED, {name: 9})
    assert (patched.text, patched.anchored) == (text, (name,) * anchored)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x:", "x: 1"),
        ("x:\ny: 2\n", "x: 1\ny: 2\n"),
        ("{}", "{x: 1}"),
        ("{y: 2,}", "{y: 2, x: 1}"),
        ("y: 2", "y: 2\nx: 1\n"),
        ("--- # top\ny: 2\n...\n", "--- # top\ny: 2\nx: 1\n...\n"),
        ("\ufeffy: [1,\n  2] # c\n# end\n", "\ufeffy: [1,\n  2] # c\nx: 1\n# end\n"),
        ("y: |\n  text\n\n# end\n", "y: |\n  text\n\nx: 1\n# end\n"),
        ("y:\n# end\n", "y:\nx: 1\n# end\n"),
        ("y:\n- a\n-\n", "y:\n- a\n-\nx: 1\n"),
        ("x: !!str\n", "x: 1\n"),
        ("x: &a\ny: *a\n", "x: &a 1\ny: *a\n"),
        ("x: 'it''s'\n", "x: 1\n"),
        ("x: a b\n  c\n", "x: 1\n"),
        ("? x\n: 2\n", "? x\n: 1\n"),
    ],
)
def test_forms_of_yaml(before: str, after: str) -> None:
    assert fill_in(before, {"x": 1}).text == after
    assert yaml.safe_load(after)["x"] == 1


def test_quotes_stay() -> None:
    assert fill_in("x: 'a'\ny: \"a\"\nz: a\n", {"x": "b", "y": "c", "z": "d"}).text == "x: 'b'\ny: \"c\"\nz: d\n"
    assert fill_in("x: 'a'\n", {"x": "b\nc"}).text == 'x: "b\\nc"\n'


def test_json_stays_json() -> None:
    text = '{\n    "lr": 1,\n    "deep": {"name": "a", "none": null}\n}\n'
    patched = fill_in(text, {"lr": 1e-05, "deep.name": "é", "deep.none.x": True, "new": "no"}, as_json=True)
    assert patched.added == ("deep.none.x", "new")
    assert json.loads(patched.text) == {"lr": 1e-05, "deep": {"name": "é", "none": {"x": True}}, "new": "no"}
    assert patched.text.startswith('{\n    "lr": 1.0e-05,\n    "deep": {"name": "\\u00e9", ')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no mapping with keys such as `lr: 0.1`"),
        ("- a\n", "holds no mapping with keys such as `lr: 0.1`"),
        ("a: [1\n", "is not one YAML document: expected ',' or ']', but got '<stream end>' (line 2)"),
        ("a: 1\n---\na: 2\n", "is not one YAML document: but found another document (line 2)"),
        ("a: *b\n", "is not one YAML document: found undefined alias 'b' (line 1)"),
        ("a: " + "[" * 400, "is nested too deeply"),
        ("x: [1]\n", "x: is a list there, not a value"),
        ("x: {y: 1}\n", "x: is a mapping there, not a value"),
        ("x: 1\nx: 2\n", "x: 'x' is given 2 times there: keep one"),
        ("deep: 3\n", "deep.y: 'deep' is no mapping there"),
        ("{x}\n", "x: cannot be filled in: write it as `key: value` on a line"),
    ],
)
def test_what_cannot_be_filled_in(text: str, message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        fill_in(text, {"deep.y": 1} if text.startswith("deep") else {"x": 1})
    assert str(caught.value) == message


def test_all_mistakes_at_once() -> None:
    with pytest.raises(SpaceError) as caught:
        fill_in("x: [1]\nz: 2\n", {"x": 1, "y": 2, "z.a": 3})
    assert str(caught.value).splitlines() == ["x: is a list there, not a value", "z.a: 'z' is no mapping there"]


leaves = st.sampled_from(["a", "b", "lr", "o.a", "o.b", "o.p.a", "o.p.b", "m.x.y.z", "m.no", "q"])
words = st.sampled_from(["word", "two words", 1, 0.5, True, None, "it's", "long " * 30, "a\nb\n", [1, "x"]])


@EXAMPLES
@given(
    st.dictionaries(leaves, words, min_size=1),
    st.dictionaries(leaves, values, min_size=1).map(lambda given: dict(Config(given))),
    st.sampled_from([True, False, None]),
    st.sampled_from([None, "|", '"']),
    st.integers(2, 5),
)
def test_values_arrive_and_nothing_else_moves(
    own: dict[str, Any], new: dict[str, Any], flow: bool | None, style: str | None, indent: int
) -> None:
    assume(not any(isinstance(own.get(name), list) for name in new))
    text = yaml.dump(nest(own), default_flow_style=flow, default_style=style, indent=indent, sort_keys=False)
    assume(not groups(own) & new.keys() and not groups(new) & {name for name in own if own[name] is not None})
    patched = fill_in(text, new)
    expected = {name: value for name, value in own.items() if name not in groups(new)} | new
    assert typed(flatten(yaml.safe_load(patched.text))) == typed(expected)
    assert set(patched.added) == new.keys() - own.keys()
    if not flow and style is None and all(isinstance(own.get(name), (int, float, bool)) for name in new):
        assert patched.text.count("\n") == text.count("\n")
        changed = [line for line in difflib.ndiff(text.splitlines(), patched.text.splitlines()) if line[0] == "-"]
        assert len(changed) <= len(new)

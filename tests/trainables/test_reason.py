"""One line for somebody else's exception."""

from __future__ import annotations

import json

from assay.trainables.reason import one_line


def caught(function: object) -> Exception:
    try:
        function()  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001
        return error
    raise AssertionError("no error")


def test_text_in_one_line_of_bounded_length() -> None:
    assert one_line(ValueError("a\n  b")) == "ValueError: a b"
    assert one_line(ValueError()) == "ValueError"
    assert len(one_line(ValueError("x" * 10_000))) < 400


def test_the_innermost_line_of_the_user() -> None:
    def load() -> None:
        json.loads("")

    line = load.__code__.co_firstlineno + 1
    assert one_line(caught(load)).endswith(f"(test_reason.py:{line})")


def test_the_place_of_the_cause_when_there_is_none_else() -> None:
    def fail() -> None:
        raise ValueError("inner")

    outer = RuntimeError("outer")
    outer.__cause__ = caught(fail)
    assert one_line(outer) == f"RuntimeError: outer (test_reason.py:{fail.__code__.co_firstlineno + 1})"

"""Mistakes that people make in each section of a sweep file, and the exact answer to each: see mistakes.txt."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.search import SEARCHERS, Sweep
from assay.spaces import one_of

from .conftest import BASE

TABLE = Path(__file__).parent / "mistakes.txt"
INVALID = Path(__file__).parent / "sweeps" / "invalid"
GOOD = {line.partition(":")[0]: line for line in re.split(r"\n(?=\w)", BASE.strip())}


def cases() -> list[tuple[str, str, list[str]]]:
    """Title, sections of a sweep file, and its answers (lines after ``>``); ``<searchers>`` for all there are."""
    found = []
    for block in TABLE.read_text(encoding="utf-8").split("\n\n"):
        title, *lines = block.strip().splitlines()
        if lines:
            answers = [
                line.removeprefix("> ").replace("<searchers>", one_of(SEARCHERS))
                for line in lines
                if line.startswith("> ")
            ]
            found.append((title.removeprefix("# "), "\n".join(line for line in lines if line[:2] != "> "), answers))
    return found


def completed(sections: str) -> str:
    """With the sections that a sweep needs and the case does not have, below it."""
    return "\n".join([sections, *(text for key, text in GOOD.items() if not re.search(rf"^{key}:", sections, re.M))])


@pytest.mark.parametrize(("sections", "answers"), [case[1:] for case in cases()], ids=[case[0] for case in cases()])
def test_a_mistake_is_answered_with_its_place_and_cure(
    sections: str, answers: list[str], mistakes: Callable[[str], list[str]]
) -> None:
    assert mistakes(completed(sections)) == answers


def test_there_are_mistakes_of_every_section() -> None:
    table = TABLE.read_text(encoding="utf-8")
    sections = set(Sweep.model_fields) - {"name", "description", "engine", "checkpoints"}  # in other suites
    assert not [section for section in sections if not re.search(rf"^{section}:", table, re.M)]


@pytest.mark.parametrize("file", sorted(INVALID.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_invalid_files(file: Path, mistakes: Callable[[str], list[str]]) -> None:
    assert mistakes(file.read_text(encoding="utf-8")) == file.with_suffix(".txt").read_text().splitlines()

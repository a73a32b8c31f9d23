"""The leaderboard in a notebook: the same numbers as in text."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

from assay.analysis import Results, text
from assay.analysis.page.board_table import board_table

from ..conftest import Recorder


def cells(html: str) -> list[list[str]]:
    rows = ElementTree.fromstring(html).iter("tr")
    return [["".join(cell.itertext()) for cell in row] for row in rows]


def test_numbers_are_those_of_the_text(finished: Results) -> None:
    board = finished.leaderboard()
    head, *rows = cells(board_table(board))
    assert head[:3] == ["rank", "trial", "accuracy (95 %)"]
    for row, shown in zip(board.rows, rows, strict=True):
        assert shown[2] == text.interval(row.fresh)
        assert shown[4:6] == [text.p_value(row), "yes" if row.tied else ""]
        assert shown[-1] == text.parameter(row.config["lr"])


def test_classes_tell_who_won(finished: Results) -> None:
    rows = list(ElementTree.fromstring(board_table(finished.leaderboard())).iter("tr"))[1:]
    assert [row.get("class") for row in rows] == ["tied winner", "tied", ""]


def test_a_notebook_shows_headline_and_notes(finished: Results) -> None:
    board = finished.leaderboard()
    assert finished._repr_html_() == board._repr_html_()
    assert text.interval(board.rows[0].fresh) in board._repr_html_()
    for line in (board.headline, *board.notes):
        assert line.replace("'", "&#x27;") in board._repr_html_()


def test_names_are_text(recorder: Callable[..., Recorder]) -> None:
    name = "<img src=x onerror=alert(1)>"
    made = recorder(objectives=[{"metric": name, "goal": "maximize"}])
    made.search([0.5], {"lr": 0.1, "kind": name})
    made.search([0.4], {"lr": 0.1, "kind": "&"})
    html = made.results()._repr_html_()
    assert "<img" not in html
    assert "&lt;img" in html


def test_without_trials(recorder: Callable[..., Recorder]) -> None:
    assert recorder().results()._repr_html_().count("<tr") == 1

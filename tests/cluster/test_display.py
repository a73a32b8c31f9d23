"""What is shown while a sweep runs."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from assay.cluster import Progress, Silent
from assay.cluster.display import LiveDisplay, PlainDisplay, describe, display_for
from assay.search import Phase

START = Progress(Phase.SEARCH, 20, 2, 0, 0, 0, None, 0.0, 0)


def test_rate_and_time_left_count_only_what_ended_in_this_run() -> None:
    resumed = replace(START, complete=8, stopped=3, failed=1, elapsed=120.0, finished_here=6)
    assert resumed.done == 12
    assert resumed.rate == pytest.approx(3)  # a minute
    assert resumed.eta == pytest.approx(160)  # 8 at 3 a minute


@pytest.mark.parametrize(
    ("changes", "rate", "eta"),
    [
        ({}, None, None),
        ({"elapsed": 5.0}, None, None),
        ({"finished_here": 3}, None, None),
        ({"total": None, "elapsed": 60.0, "finished_here": 3}, 3.0, None),
        ({"total": 2, "complete": 3, "elapsed": 60.0, "finished_here": 3}, 3.0, 0.0),
    ],
)
def test_what_is_not_known_is_none(changes: dict[str, Any], rate: float | None, eta: float | None) -> None:
    progress = replace(START, **changes)
    assert (progress.rate, progress.eta) == (rate, eta)


def test_the_words() -> None:
    progress = replace(START, complete=8, stopped=3, failed=1, elapsed=120.0, finished_here=6, best=(0.98612, 7))
    assert describe(progress) == [
        "best 0.9861 (trial 7)",
        "2 running",
        "3 stopped early",
        "1 failed",
        "3.0/min",
        "2 m 40 s left",
    ]
    assert describe(replace(START, running=0)) == []
    assert describe(replace(progress, elapsed=1.0))[4] == "360/min"
    assert not any("best" in part for part in describe(replace(progress, phase=Phase.REPLICATE)))


class Screen:
    """A console whose output can be read, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.file = io.StringIO()
        self.console = Console(file=self.file, width=40, force_terminal=False)

    @property
    def lines(self) -> list[str]:
        return self.file.getvalue().splitlines()


def test_plain_lines_at_the_start_the_end_and_every_ten_seconds() -> None:
    screen = Screen()
    with PlainDisplay(screen.console, lambda: screen.now) as display:
        for second in range(26):
            screen.now = float(second)
            display.update(replace(START, complete=second // 2))
        display.update(replace(START, running=0, complete=20))
        display.update(replace(START, phase=Phase.REPLICATE, total=None))
    assert screen.lines == [
        "search: 0/20  2 running",
        "search: 5/20  2 running",
        "search: 10/20  2 running",
        "search: 20/20  ",
        "replicate finalists: 0  2 running",
    ]


def test_an_empty_phase_shows_nothing() -> None:
    screen = Screen()
    with PlainDisplay(screen.console, lambda: screen.now) as display:
        display.update(replace(START, total=0, running=0))
    assert screen.lines == []


def test_messages_are_neither_folded_nor_read_as_markup() -> None:
    screen = Screen()
    text = "trial 3 failed: KeyError: '[bold]' " + "x" * 60
    PlainDisplay(screen.console).message(text)
    assert screen.lines == [text]


def test_the_live_display() -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True, record=True, color_system=None)
    with LiveDisplay(console) as display:
        display.update(replace(START, total=0))
        display.update(START)
        display.update(replace(START, complete=7, best=(0.5, 3)))
        display.message("trial 3 failed: [red]")
        display.update(replace(START, phase=Phase.TEST, total=None, running=1))
    shown = console.export_text()
    assert "7/20" in shown
    assert "best 0.5000 (trial 3)" in shown
    assert "trial 3 failed: [red]" in shown
    assert "sealed test" in shown


@pytest.mark.parametrize(
    ("terminal", "variable", "kind"),
    [
        (True, None, LiveDisplay),
        (False, None, PlainDisplay),
        (True, "CI", PlainDisplay),
        (True, "NO_COLOR", PlainDisplay),
    ],
)
def test_live_only_where_somebody_looks(
    terminal: bool, variable: str | None, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CI", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, "1")
    assert type(display_for(Console(file=io.StringIO(), force_terminal=terminal))) is kind


def test_silence(capsys: pytest.CaptureFixture[str]) -> None:
    Silent().update(START)
    Silent().message("text")
    assert capsys.readouterr() == ("", "")

"""The report: one file that loads nothing, whatever the sweep holds."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.analysis import Results
from assay.search import State
from assay.spaces import UsageError

from .conftest import Recorder, probabilities

VOID = {"meta", "br", "img", "link", "input", "hr"}
LOADING = {"src", "srcset", "href", "xlink:href", "data", "action", "poster", "background"}
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>'\"&</title></style></pre></svg>"


class Page(HTMLParser):
    """Collects tags, attributes and text; fails on tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(results: Results) -> Page:
    path = results.report()
    assert path == results.folder / "report.html"
    html = path.read_text(encoding="utf-8")
    read = Page(html)
    assert not {"script", "iframe", "link", "object", "embed", "img", "base"} & set(read.tags)
    assert all(value.startswith("#") for name, value in read.attributes if name in LOADING)
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert not [value for name, value in read.attributes if name == "style" and "url(http" in value]
    assert "@import" not in html
    return read


def test_finished(finished: Results) -> None:
    read = page(finished)
    assert finished.leaderboard().headline in read.text
    assert "trial 1 (winner): 0.7500 ± 0.0000 over 3 models" in read.text
    assert "lr: 0.05" in read.text
    assert "Winning config" in read.text
    assert read.tags.count("svg") == 2


def test_unreplicated(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    made.search([0.5, 0.7])
    made.search([0.4], state=State.STOPPED)
    read = page(made.results())
    assert "not replicated yet" in read.text
    assert "Best config of the search" in read.text
    assert read.tags.count("svg") == 1


def test_all_failed(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    for number in range(3):
        made.search([0.5] * number, state=State.FAILED, reason=f"reason {number}")
    read = page(made.results("failed"))
    assert "trial 2 (search): reason 2" in read.text
    assert "svg" not in read.tags


def test_empty(recorder: Callable[..., Recorder]) -> None:
    assert "All 0 trials of the search" in page(recorder().results("running")).text


def test_running(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    made.search([0.5])
    made.search([0.3, 0.4], state=State.RUNNING)
    made.search([], state=State.PENDING)
    assert "search: 1 complete, 1 pending, 1 running" in page(made.results("running")).text


def test_only_running_trials_have_scores(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    made.search([0.3], state=State.RUNNING)
    assert "lr: 0.1" in page(made.results("running")).text


def test_with_an_ensemble(recorder: Callable[..., Recorder]) -> None:
    made, targets = recorder(), np.arange(60) % 3
    for seed in range(4):
        values = probabilities(np.random.default_rng(seed), targets, 3, 0.8)
        made.predict(made.search([0.5]), "validation", values, targets)
    read = page(made.results())
    assert "members:" in read.text
    assert "gain per example (" in read.text


def test_hostile_names_are_text(recorder: Callable[..., Recorder]) -> None:
    made = recorder(
        description=HOSTILE,
        objectives=[{"metric": HOSTILE, "goal": "maximize"}],
        leaderboard={"top": 2, "seeds": 2},
    )
    trials = [made.search([value], {"lr": value, HOSTILE.replace(".", ""): HOSTILE}) for value in (0.5, 0.6)]
    trials.append(made.search([0.7], {"lr": 0.7}))
    for trial in trials[1:]:
        made.replicate(trial, [0.4, 0.5 + trial.number])
    made.search([], state=State.FAILED, reason=HOSTILE)
    read = page(made.results())
    assert read.text.count(HOSTILE) > 6


@pytest.mark.parametrize("metric", ["$x_{", "$\\frac{$", "a$b$c", "precisão", "精度"])
def test_a_metric_is_no_formula(recorder: Callable[..., Recorder], metric: str) -> None:
    made = recorder(objectives=[{"metric": metric, "goal": "maximize"}], leaderboard={"top": 1, "seeds": 2})
    made.replicate(made.search([0.5]), [0.4, 0.5])
    assert f"{metric} (maximize)" in page(made.results()).text


@pytest.mark.parametrize("value", ["half \ud83d", "a\x00b", "\u2028", "🙂"])
def test_any_character(recorder: Callable[..., Recorder], value: str) -> None:
    made = recorder()
    made.search([0.5], {"lr": 0.1, "name": value})
    made.search([0.4], {"lr": 0.1, "name": "other"})
    page(made.results())


@pytest.mark.parametrize("values", [[1e300, 0.1], [1.7e308, -1.7e308], [5e-324, 1e-320], [0.0, 0.0]])
def test_extreme_values(recorder: Callable[..., Recorder], values: list[float]) -> None:
    made = recorder(leaderboard={"top": 2, "seeds": 2})
    for value in values:
        made.replicate(made.search([value]), values)
    page(made.results())


def test_many_trials_make_a_small_file(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    rng: Any = np.random.default_rng(0)
    for _ in range(200):
        made.search(rng.random(3).tolist(), {"lr": rng.random(), "width": int(rng.integers(512)), "act": "relu"})
    results = made.results()
    page(results)
    assert results.report().stat().st_size < 600_000


def test_paths(finished: Results, tmp_path: Path) -> None:
    path = finished.report(tmp_path / "new" / "page.html")
    assert path == tmp_path / "new" / "page.html"
    assert [entry.name for entry in path.parent.iterdir()] == ["page.html"]
    assert finished.report(str(path)) == path  # again
    with pytest.raises(UsageError) as caught:
        finished.report(tmp_path)
    assert str(caught.value) == f"report: {tmp_path} is a folder: name a file in it, such as {tmp_path / 'report.html'}"
    with pytest.raises(UsageError, match=r"^report: cannot write "):
        finished.report(path / "inside.html")

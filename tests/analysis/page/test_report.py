"""The report: one file that makes no request, whatever the sweep holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.analysis import Results
from assay.analysis.page.report import ShownReport
from assay.search import State
from assay.spaces import UsageError

from ..conftest import Recorder, probabilities

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
        self.scripts: list[str] = []
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
        if self._open[-1:] == ["script"]:
            self.scripts.append(data)
        else:
            self.text += data

    @property
    def data(self) -> dict[str, Any]:
        """What the script draws."""
        found: dict[str, Any] = json.loads(self.scripts[0])
        return found


def page(results: Results) -> Page:
    path = results.report()
    assert path == results.folder / "report.html"
    html = path.read_text(encoding="utf-8")
    read = Page(html)
    assert not {"iframe", "link", "object", "embed", "img", "base"} & set(read.tags)
    assert read.tags.count("script") == len(read.scripts) == 2
    [policy] = [value for name, value in read.attributes if name == "content" and "default-src" in value]
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    assert all(value.startswith("#") for name, value in read.attributes if name in LOADING)
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert not [value for name, value in read.attributes if name == "style" and "url(http" in value]
    assert "@import" not in html
    return read


def test_finished(finished: Results) -> None:
    read = page(finished)
    assert finished.leaderboard().headline in read.text
    assert read.data["board"] == finished.leaderboard().to_dict()
    assert "trial 1 (winner): 0.7500 ± 0.0000 over 3 models" in read.data["tests"]
    assert read.tags.count("tr") == 4  # without a script: the head, and a row for each finalist


def test_unreplicated(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    made.search([0.5, 0.7])
    made.search([0.4], state=State.STOPPED)
    read = page(made.results())
    assert "not replicated yet" in read.text
    assert read.data["trials"]["value"] == [0.7, 0.4]
    assert read.data["trials"]["state"] == ["complete", "stopped"]


def test_all_failed(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    for number in range(3):
        made.search([0.5] * number, state=State.FAILED, reason=f"reason {number}")
    read = page(made.results("failed"))
    assert [one["reason"] for one in read.data["failures"]] == ["reason 0", "reason 1", "reason 2"]
    assert read.data["failures"][2]["trials"] == [{"trial": 2, "phase": "search"}]


def test_empty(recorder: Callable[..., Recorder]) -> None:
    data = page(recorder().results("running")).data
    assert (data["trials"]["number"], data["board"]["rows"], data["audit"]) == ([], [], None)


def test_running(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    made.search([0.5])
    made.search([0.3, 0.4], state=State.RUNNING)
    made.search([], state=State.PENDING)
    data = page(made.results("running")).data
    assert data["sweep"]["counts"] == {"search": {"complete": 1, "pending": 1, "running": 1}}
    assert (data["sweep"]["state"], data["sweep"]["running"]) == ("interrupted", False)  # nobody drives it


def test_only_running_trials_have_scores(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    made.search([0.3], state=State.RUNNING)
    [lr] = page(made.results("running")).data["trials"]["columns"]
    assert (lr["values"], lr["default"]) == ([0.1], 0.1)


def test_with_an_ensemble(recorder: Callable[..., Recorder]) -> None:
    made, targets = recorder(), np.arange(60) % 3
    for seed in range(4):
        values = probabilities(np.random.default_rng(seed), targets, 3, 0.8)
        made.predict(made.search([0.5]), "validation", values, targets)
    read = page(made.results())
    data = read.data
    assert sum(data["ensemble"]["weights"].values()) == pytest.approx(1)
    assert any(line.startswith("members: ") for line in data["ensemble_lines"])


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
    assert HOSTILE in read.text  # the table without a script
    data = read.data
    assert (data["sweep"]["description"], data["sweep"]["metric"]) == (HOSTILE, HOSTILE)
    assert data["failures"][0]["reason"] == HOSTILE


@pytest.mark.parametrize("metric", ["$x_{", "$\\frac{$", "a$b$c", "precisão", "精度"])
def test_a_metric_is_no_formula(recorder: Callable[..., Recorder], metric: str) -> None:
    made = recorder(objectives=[{"metric": metric, "goal": "maximize"}], leaderboard={"top": 1, "seeds": 2})
    made.replicate(made.search([0.5]), [0.4, 0.5])
    read = page(made.results())
    assert f"{metric} (95 %)" in read.text
    assert read.data["sweep"]["metric"] == metric


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


def test_many_trials_make_a_small_file(recorder: Callable[..., Recorder], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.analysis.page.findings.FEWEST", 1000)  # takes seconds, adds little
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


def test_a_notebook_shows_it_in_a_frame(finished: Results) -> None:
    shown = finished.show(height=500)
    assert isinstance(shown, ShownReport)
    read = Page(shown._repr_html_())
    assert read.tags == ["iframe"]
    given = dict(read.attributes)
    assert given["srcdoc"] == shown.html
    assert given["sandbox"] == "allow-scripts"  # no access to the notebook
    assert "height:500px" in given["style"]
    assert not (finished.folder / "report.html").exists()

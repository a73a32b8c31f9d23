"""The page in a real browser: Chromium, driven by one Node process that does what a reader does."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import assay
from assay.analysis import Interval, Results, text
from assay.analysis.board import interval_dict
from assay.analysis.page.data import page_data
from assay.analysis.page.rendered import rendered
from assay.analysis.page.server import PageServer
from assay.analysis.yaml_writer import dump_yaml
from assay.search import State

from .analysis.conftest import Recorder, probabilities
from .analysis.networks import STAGED, network, one_shot

CHECKS = Path(__file__).parent / "browser" / "checks.mjs"
ASSETS = Path(assay.__file__).parent / "analysis" / "page" / "assets"
NODE = shutil.which("node")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>'\"&</title></style></pre></svg>"
SPACE = {
    "lr": {"type": "float", "min": 1e-6, "max": 1.0, "log": True, "default": 0.1},
    "optimizer": ["adam", "on", "1e-4"],
    "momentum": {"min": 0.0, "max": 1.0, "when": {"optimizer": "on"}},
    "model.layers": {"type": "int", "min": 1, "max": 4},
    "model.bias": [True, False, None],
}

SPECIAL = {1: 1e-5, 3: 1.0, 5: 1.23456789012345e-06}
"""Learning rates of the trials that become finalists."""

pytestmark = pytest.mark.skipif(NODE is None or CHROMIUM is None, reason="no node or no chromium")


def configs() -> list[dict[str, Any]]:
    """Values that are easily written wrong: 1e-05, 1.0, text that looks like something else."""
    rng = np.random.default_rng(3)
    made: list[dict[str, Any]] = [{"lr": 0.1, "optimizer": "adam", "model.layers": 3, "model.bias": True}]
    for number in range(1, 40):
        optimizer = ("adam", "on", "1e-4")[number % 3]
        made.append(
            {
                "lr": SPECIAL.get(number) or float(10 ** rng.uniform(-6, 0)),
                "optimizer": optimizer,
                "model.layers": int(rng.integers(1, 5)),
                "model.bias": (True, False, None)[number % 2 + number % 5 // 4],
            }
            | ({"momentum": 1.0 if number == 1 else float(rng.uniform())} if optimizer == "on" else {})
        )
    return made


def finished(store: Path) -> Results:
    """A sweep with everything that the page shows."""
    made, rng, targets = (
        Recorder(store, parameters=SPACE, fidelity={"max": 9}),
        np.random.default_rng(1),
        np.arange(60) % 3,
    )
    for number, config in enumerate(configs()):
        curve = np.sort(rng.uniform(0.5, 0.9, 9)) + number / 1000 + 0.5 * (number in SPECIAL)
        if number % 13 == 12:
            made.search([], config, state=State.FAILED, reason="RuntimeError: out of memory")
        elif number % 2:
            made.predict(
                made.search(curve.tolist(), config), "validation", probabilities(rng, targets, 3, 0.8), targets
            )
        else:
            made.search(curve[:3].tolist(), config, state=State.STOPPED)
    results = made.results()
    for finalist in results.replication().finalists:
        for run in made.replicate(finalist, rng.normal(0.8, 0.02, 3).tolist()):
            made.predict(run, "validation", probabilities(rng, targets, 3, 0.8), targets)
    return made.results()


def hostile(store: Path) -> Results:
    made = Recorder(store, description=HOSTILE, objectives=[{"metric": HOSTILE, "goal": "maximize"}])
    name = HOSTILE.replace(".", "")
    for trial in [made.search([0.5 + value], {"lr": value, name: HOSTILE}) for value in (0.3, 0.2, 0.1)]:
        made.replicate(trial, [0.4, 0.5, 0.45])
    made.search([], state=State.FAILED, reason=HOSTILE)
    return made.results()


def searched(store: Path) -> Results:
    """Networks by three objectives: the default is best in none but size, two others are tied."""
    made = Recorder(
        store,
        architecture={**STAGED, "input": [3, 8, 8]},
        objectives=[
            {"metric": "accuracy", "goal": "maximize"},
            {"metric": "latency_ms", "goal": "minimize"},
            {"metric": "params_m", "goal": "minimize"},
        ],
    )
    for layers, values, others in (
        (("conv3x3", "conv3x3"), (0.5, 0.6), (2.0, 0.1)),
        (("conv5x5", "conv5x5"), (0.7, 0.9), (3.0, 0.4)),
        (("conv5x5", "identity"), (0.6, 0.8), (3.5, 0.2)),  # on the front of all three alone
        (("conv3x3", "conv5x5"), (0.6, 0.55), (4.0, 0.5)),
    ):
        made.others = dict(zip(("latency_ms", "params_m"), others, strict=True))
        made.replicate(
            made.search(values, network(*layers) | {"lr": 0.1}), [values[-1] + 0.01 * one for one in (0, 1, -1)]
        )
    return made.results()


def drawn_by_another(results: Results, path: Path) -> Path:
    """The report with a drawing that no one would make: it is sent as data, and may have been changed."""
    bad = (
        '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(3)" width="5000" height="50"><script>alert(4)</script>'
        '<image href="http://example.org/a.png"/><foreignObject><img src="x" onerror="alert(5)"/></foreignObject>'
        '<a href="javascript:alert(6)"><text>link</text></a>'
        '<rect class="box" onclick="alert(7)" fill="url(http://example.org/b)" x="3000" y="2" width="9" height="9" '
        'rx="5"/></svg>'
    )
    data = page_data(results)
    data["network"] |= {"svg": bad, "text": "layer " * 50}
    path.write_text(rendered(data, results.leaderboard()), encoding="utf-8")
    return path


class Running:
    """A sweep that a process drives, with its page served."""

    def __init__(self, store: Path) -> None:
        self.made = Recorder(store)
        self.made.search([0.5, 0.6])
        self._lock = self.made.ledger.lock("demo")
        self._lock.acquire("demo")
        self.server = PageServer(self.made.ledger, "demo", port=0)
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self._thread.start()

    def change(self) -> None:
        """Another trial, and the end."""
        self.made.search([0.4])
        self._lock.release()
        self.made.results("finished")

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], Results]]:
    """What the browser found, and the sweep that it was shown."""
    assert (CHECKS.parent / "node_modules" / "playwright-core").exists(), "make setup installs it, where there is npm"
    folder = tmp_path_factory.mktemp("pages")
    results, running, networks = finished(folder / "a"), Running(folder / "c"), searched(folder / "d")
    notebook = folder / "notebook.html"
    notebook.write_text(f"<!DOCTYPE html><title>notebook</title>{results.show()._repr_html_()}", encoding="utf-8")
    told = {
        "chromium": CHROMIUM,
        "static": results.report().as_uri(),
        "hostile": hostile(folder / "b").report().as_uri(),
        "networks": networks.report().as_uri(),
        "drawn": drawn_by_another(one_shot(folder / "e").results(), folder / "drawn.html").as_uri(),
        "notebook": notebook.as_uri(),
        "live": running.server.url,
        "brush": "lr",
    }
    try:
        yield drive(told, running), results
    finally:
        running.close()


def drive(told: dict[str, Any], running: Running) -> dict[str, Any]:
    command = [str(NODE), str(CHECKS), json.dumps(told)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        assert node.stderr is not None
        lines = []
        for line in node.stdout:
            lines.append(line)
            if line == "change\n":
                running.change()
        said = node.stderr.read()
    assert node.returncode == 0, said
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def test_nothing_goes_wrong_and_nothing_is_asked_of_others(page: Any) -> None:
    found, _ = page
    blocked = "violates the following Content Security Policy"  # the second wall, behind the copying of the drawing
    assert [one for one in found["errors"] if not ("drawn.html" in one and blocked in one)] == []
    assert found["dialogs"] == []
    assert [url for url in found["requests"] if not url.startswith(("file:", "http://127.0.0.1:"))] == []
    assert sum(url.startswith("file:") for url in found["requests"]) == 7  # the pages themselves
    assert (found["nan"], found["text"], found["drawings"], found["unlabelled"]) == (0, False, 0, 0)


def test_the_page_shows_the_sweep(page: Any) -> None:
    found, results = page
    board = results.leaderboard()
    assert found["title"] == "demo – Assay"
    assert found["headline"] == board.headline
    assert found["board"] == [row.trial for row in board.rows]
    wanted = {"leaderboard", "forest", "paired", "history", "curves", "parallel", "ensemble", "audit", "costs"}
    assert wanted | {"failures", "notes", "trials", "sweep", "diagnostics", "optimism"} <= set(found["sections"])
    assert "front" not in found["sections"]  # one objective


def test_a_config_is_copied_exactly(page: Any) -> None:
    found, results = page
    configs = {trial.number: trial.config for trial in results.trials}
    assert set(map(int, found["yaml"])) == {0, *SPECIAL}
    assert "lr: 1.0e-05\n" in found["yaml"]["1"]
    for trial, copied in found["yaml"].items():
        assert copied == dump_yaml(configs[int(trial)].nested())


def test_rows_are_chosen_with_the_keyboard_and_sorted(page: Any) -> None:
    found, _ = page
    assert found["keyboard"] == [str(found["board"][1]), "true", True]
    assert found["ascending"] == sorted(found["board"])
    assert found["descending"] == sorted(found["board"], reverse=True)
    assert found["sorted"] == "descending"


def test_axes_are_brushed(page: Any) -> None:
    found, results = page
    scored = sum(bool(trial.reports) for trial in results.phase(results.trials[0].phase))
    left, text = found["brushed"]
    assert found["lines"] == found["cleared"] == scored
    assert 0 < left < scored
    assert text == f"{left} of {scored} trials"
    assert found["brushedRows"] >= left  # those without a score have a config, too
    assert found["byKey"].endswith(f"of {scored} trials")


def test_trials_are_filtered(page: Any) -> None:
    found, results = page
    search = results.phase(results.trials[0].phase)
    assert found["filtered"] == sum(trial.state is State.STOPPED for trial in search)
    assert found["both"] == sum(trial.state is State.COMPLETE and trial.config["lr"] < 1e-3 for trial in search)


def test_dark_narrow_printed_and_without_a_script(page: Any) -> None:
    found, results = page
    assert found["light"] == found["back"] != found["dark"] == found["prefersDark"]
    assert found["narrow"] == 0
    assert found["printed"] == "none"
    assert found["withoutScript"] == 1 + len(results.leaderboard().rows)


def test_the_network_is_drawn_in_the_colours_of_the_page(page: Any) -> None:
    found, _ = page
    drawn = found["network"]
    assert drawn["title"] == "Network of trial 4"
    assert drawn["label"] == "the network of trial 4: conv5x5-4/2, conv5x5-4 | pool-3"
    assert {"Conv2d 5×5, 4→4", "convolution", "input"} <= set(drawn["texts"])
    assert drawn["styles"] == 0
    assert drawn["boxes"] == ["rgb(31, 131, 201)", "rgb(29, 35, 41)"]  # a convolution, and its text
    assert drawn["dark"] == ["rgb(31, 131, 201)", "rgb(228, 231, 234)"]
    assert drawn["hint"].startswith("stages.0.0")
    assert drawn["scrolls"] and not drawn["fits"]
    assert drawn["changes"] == ["stage1.op1|conv3x3|conv5x5", "stage1.op2|conv3x3|conv5x5"]


def test_the_board_says_whose_a_network_is(page: Any) -> None:
    found, _ = page
    assert found["supernet"] == {"1": "", "2": "1st choice", "3": "2nd choice", "4": "random check"}
    assert found["whole"] == "conv5x5-4/2, identity | pool-3"  # as a hint


def test_a_wide_drawing_begins_at_its_input_and_a_long_text_is_folded(page: Any) -> None:
    found, _ = page
    assert 2500 < found["scrolled"] < 3000
    assert found["folded"] == [False, "all choices"]


def test_a_drawing_is_copied_without_what_could_harm(page: Any) -> None:
    found, _ = page
    box = '<rect class="box" x="3000" y="2" width="9" height="9" rx="5"></rect>'
    assert found["copied"] == f'<svg width="5000" height="50" role="img">{box}</svg>'


def test_the_front_of_three_objectives_says_which_networks(page: Any) -> None:
    found, _ = page
    assert found["front"]["marks"] == [
        "0",
        "4",
        "8",
    ]  # 12 is worse in everything; 8 is behind 4 in the two that are shown
    assert found["front"]["hover"].splitlines() == [
        "trial 4: complete, 2 steps",
        "search accuracy 0.9000",
        "fresh accuracy 0.9000 ± 0.0248",
        "latency_ms 3",
        "params_m 0.4000 ± 0.0000",
        "conv5x5-4/2, conv5x5-4 | pool-3",
    ]
    assert found["front"]["columns"][:4] == ["trial", "state", "accuracy", "latency_ms"]
    assert "architecture" in found["front"]["columns"]
    assert "architecture.stage1.op1" not in found["front"]["columns"]
    assert found["front"]["filtered"] == 2  # by a parameter that has no column


def test_names_are_text(page: Any) -> None:
    found, _ = page
    assert found["injected"] == 0
    assert HOSTILE in found["hostile"]


def test_a_notebook_shows_the_report(page: Any) -> None:
    found, results = page
    assert found["notebook"] == results.leaderboard().headline


def test_a_live_page_follows_its_sweep(page: Any) -> None:
    found, _ = page
    assert (found["before"], found["after"]) == ("All 1 trial of the search", "All 2 trials of the search")
    assert found["kept"] == 1  # what was chosen
    assert found["asksWhenOver"] == 0


@pytest.mark.parametrize(
    "interval",
    [
        *(Interval(3658.0, 3658.0, 3658.0, 3), Interval(1.0, 1.0, 1.0, 3), Interval(0.5, 0.5, 0.5, 3)),
        *(Interval(0.9, 0.7, 1.0, 3), Interval(0.3, 0.3 - 0.1, 0.3 + 0.1, 3), Interval(770.0, 760.0, 780.0, 3)),
    ],
)
def test_the_page_writes_intervals_as_the_terminal_does(interval: Interval) -> None:
    code = (ASSETS / "format.js").read_text(encoding="utf-8")
    code += f"process.stdout.write(interval({json.dumps(interval_dict(interval))}))"
    done = subprocess.run([str(NODE), "-e", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == text.interval(interval)

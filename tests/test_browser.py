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

from assay.analysis import Results
from assay.analysis.page.server import PageServer
from assay.analysis.yaml_writer import dump_yaml
from assay.search import State

from .analysis.conftest import Recorder, probabilities

CHECKS = Path(__file__).parent / "browser" / "checks.mjs"
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
    results, running = finished(folder / "a"), Running(folder / "c")
    notebook = folder / "notebook.html"
    notebook.write_text(f"<!DOCTYPE html><title>notebook</title>{results.show()._repr_html_()}", encoding="utf-8")
    told = {
        "chromium": CHROMIUM,
        "static": results.report().as_uri(),
        "hostile": hostile(folder / "b").report().as_uri(),
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
    assert found["errors"] == []
    assert found["dialogs"] == []
    assert [url for url in found["requests"] if not url.startswith(("file:", "http://127.0.0.1:"))] == []
    assert sum(url.startswith("file:") for url in found["requests"]) == 5  # the pages themselves
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

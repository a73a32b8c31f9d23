"""What the page is given: the numbers of the record, and no others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from assay.analysis import Results
from assay.analysis.page.audit import stopping_audit
from assay.analysis.page.data import page_data
from assay.analysis.page.findings import FEWEST
from assay.analysis.page.trials import curves_data
from assay.search import Phase, Report, State, Trial
from assay.spaces import Config, Objective

from ..conftest import Recorder

FIDELITY = {"unit": "epoch", "max": 9}


def test_the_same_record_gives_the_same_document(finished: Results) -> None:
    document = page_data(finished)
    assert document == page_data(finished.refresh())
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["board"] == finished.leaderboard().to_dict()
    assert document["sweep"]["counts"]["replicate"] == {"complete": 9}
    assert document["export"].startswith("assay export demo")


def test_replicates_are_named_by_finalist_and_split(finished: Results) -> None:
    found = {(one["of"], one["split"]): one["value"] for one in page_data(finished)["replicates"]}
    assert found[0, 2] == 0.69
    assert found[2, 3] == 0.94
    assert len(found) == 9


def test_a_running_replicate_has_no_value_yet(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    trial = made.search([0.5])
    made.replicate(trial, [0.4], state=State.RUNNING)
    [one] = page_data(made.results("running"))["replicates"]
    assert (one["state"], one["value"]) == ("running", None)


def test_a_sweep_that_runs_is_known_by_its_lock(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    made.search([0.5])
    results = made.results("running")
    assert page_data(results)["sweep"]["state"] == "interrupted"
    lock = made.ledger.lock("demo")
    lock.acquire("demo")
    document = page_data(results)
    lock.release()
    assert (document["sweep"]["state"], document["sweep"]["running"]) == ("running", True)
    assert document["ensemble_note"] == "no ensemble yet: it is chosen when the search is over"
    assert document["importance_note"] == "the importance of parameters follows when the sweep is over"


def test_long_curves_are_thinned_but_keep_their_ends() -> None:
    values = np.linspace(0.1, 0.9, 400)
    reports = tuple(
        Report(step, {"loss": value}, elapsed=step, order=step) for step, value in enumerate(values, start=1)
    )
    trial = Trial(0, Phase.SEARCH, State.COMPLETE, Config({"x": 1}), seed=0, split=0, reports=reports)
    stopped = replace(trial, reports=reports[:2], state=State.STOPPED)
    curves = curves_data([trial] * 60 + [stopped], "loss", [2])
    assert {len(curve) // 2 for curve in curves[:60]} < {*range(200, 300)}
    assert curves[0][:2] == [1, 0.1]
    assert curves[0][-2:] == [400, 0.9]
    assert 2 in curves[0][::2]  # a rung
    assert curves[60] == [1, 0.1, 2, 0.102]
    assert curves_data([trial], "loss", [])[0][::2] == list(range(1, 401))  # alone it has room


def test_importance_needs_trials(recorder: Callable[..., Recorder], monkeypatch: pytest.MonkeyPatch) -> None:
    class Found:
        def to_dict(self) -> dict[str, str]:
            return {"method": "fanova"}

    monkeypatch.setattr(Results, "importance", lambda results: Found())  # takes seconds
    made = recorder()
    for number in range(FEWEST - 1):
        made.search([0.01 * number])
    few = page_data(made.results())
    assert few["importance"] is None
    assert (
        few["importance_note"]
        == f"no importance of parameters: {FEWEST - 1} trials have a score, {FEWEST} are the fewest here"
    )
    made.search([0.5])
    assert page_data(made.results())["importance"] == {"method": "fanova"}


def test_importance_of_a_large_search_is_left_to_its_command(
    recorder: Callable[..., Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(results: Results) -> None:
        raise AssertionError("takes seconds")

    monkeypatch.setattr(Results, "importance", refuse)
    monkeypatch.setattr("assay.analysis.page.findings.MOST", 5 * FEWEST - 1)
    made = recorder()
    for number in range(FEWEST):
        made.search([0.01 * number], {"lr": 0.01 + 0.01 * number})
    document = page_data(made.results())
    assert document["importance"] is None
    note = f"no importance of parameters here, {FEWEST} trials and 1 parameters take too long for a page: "
    assert document["importance_note"].startswith(f"{note}assay importance demo --store ")


def test_what_cannot_be_worked_out_says_why(finished: Results) -> None:
    document = page_data(finished)
    assert document["diagnostics"] is None
    assert "keeps no validation predictions" in document["diagnostics_note"]
    assert (document["front"], document["front_note"]) == (None, "one objective has no front")


def test_other_objectives_and_limits(recorder: Callable[..., Recorder]) -> None:
    made = recorder(
        objectives=[{"metric": "accuracy", "goal": "maximize"}, {"metric": "lag", "goal": "minimize"}],
        constraints=[{"metric": "lag", "max": 3.0}],
    )
    document = page_data(made.results())
    assert [one["metric"] for one in document["sweep"]["objectives"]] == ["accuracy", "lag"]
    assert document["trials"]["others"] == {"lag": []}
    assert document["sweep"]["limits"] == ["lag <= 3"]


def test_costs_count_workers_and_prices(recorder: Callable[..., Recorder]) -> None:
    made = recorder(resources={"cpu": 2, "gpu": 1, "workers": 3, "usd_per_hour": 6.0})
    made.search([0.5], seconds=600.0)
    [line] = page_data(made.results())["costs"]
    assert (line["seconds"], line["cpu_hours"], line["gpu_hours"], line["usd"]) == (600.0, 1.0, 0.5, 3.0)


def test_failures_are_grouped(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    for reason in ("rare", *["common"] * 20):
        made.search([], state=State.FAILED, reason=reason)
    common, rare = page_data(made.results("failed"))["failures"]
    assert (common["reason"], common["count"], len(common["trials"])) == ("common", 20, 12)
    assert (rare["count"], rare["trials"]) == (1, [{"trial": 0, "phase": "search"}])


def test_the_audit_counts_what_stopping_saved(recorder: Callable[..., Recorder]) -> None:
    made = recorder(fidelity=FIDELITY)
    for place in range(5):
        made.search([0.1 * place, 0.2 * place] + [0.5 + 0.01 * place] * 7)
    made.search([0.3, 0.4], state=State.STOPPED)
    made.search([0.2], state=State.STOPPED)
    audit = page_data(made.results())["audit"]
    first, second = audit["rungs"]
    assert first == {"step": 1, "reached": 7, "stopped": 1, "best_stopped": 0.2, "turned": 0.0, "full_runs": 5}
    assert (second["step"], second["reached"], second["stopped"], second["best_stopped"]) == (2, 6, 1, 0.4)
    assert (audit["saved_steps"], audit["all_steps"]) == (7 + 8, 7 * 9)


@pytest.mark.parametrize(("ends", "turned"), [([1, 2, 3, 4, 5], 0.0), ([5, 4, 3, 2, 1], 1.0), ([2, 1, 3, 4, 5], 0.1)])
def test_the_audit_tells_how_the_order_changes(
    recorder: Callable[..., Recorder], ends: list[float], turned: float
) -> None:
    made = recorder(fidelity=FIDELITY)
    for place, end in enumerate(ends):
        made.search([float(place), float(end)])
    made.search([0.0], state=State.STOPPED)
    trials = made.results().trials
    audit = stopping_audit(trials, Objective("accuracy", "maximize"), 9)
    assert audit is not None
    assert audit["rungs"][0]["turned"] == pytest.approx(turned)  # share of pairs


def test_the_audit_says_nothing_from_few_runs(recorder: Callable[..., Recorder]) -> None:
    made = recorder(fidelity=FIDELITY)
    for place in range(4):
        made.search([float(place), float(place)])
    made.search([0.0], state=State.STOPPED)
    [rung] = page_data(made.results())["audit"]["rungs"]
    assert (rung["turned"], rung["full_runs"]) == (None, 4)

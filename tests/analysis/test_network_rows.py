"""What a leaderboard and a trial say of networks and of the supernet that proposed them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from assay.analysis import Results
from assay.analysis.network_trial import NetworkFacts
from assay.analysis.page.board_table import board_table
from assay.analysis.page.data import page_data
from assay.analysis.supernet import report_of, supernet_lines, supernet_report
from assay.analysis.supernet_trials import Origin
from assay.analysis.terminal import config_table, leaderboard_table, summary_lines, supernet_table, trials_table
from assay.search import State
from assay.search.nas.one_shot.found import Candidate, Found
from assay.spaces import Config

from .conftest import Recorder
from .networks import DEEP, HUB, STAGED, deep, network, one_shot
from .test_terminal import shown


@pytest.fixture
def found(tmp_path: Path) -> Results:
    return one_shot(tmp_path).results()


def test_the_leaderboard_says_whose_a_network_is(found: Results) -> None:
    board = found.leaderboard()
    assert {row.trial: row.supernet for row in board.rows} == {
        1: None,
        2: Origin("top", 1, 0.9),
        3: Origin("top", 2, 0.8),
        4: Origin("sample", 1, 0.7),
    }
    table = shown(leaderboard_table(board, wide=False)).splitlines()
    lines = {line.split()[1]: line for line in table if line.strip()[:1].isdigit()}
    assert "2nd choice" in lines["3"]
    assert "random check" in lines["4"]
    assert "choice" not in lines["1"]
    rows = {row["trial"]: row for row in board.to_dict()["rows"]}
    assert rows[2]["supernet"] == {"kind": "top", "place": 1, "score": 0.9, "words": "1st choice"}
    assert rows[1]["supernet"] is None
    assert (rows[2]["network"], rows[2]["network_short"]) == ("conv5x5-4/2, conv3x3-4 | pool-3",) * 2
    assert "2 (supernet: 1st choice)" in board_table(board)
    assert "4 (supernet: random check)" in board_table(board)


def test_no_column_where_there_is_no_supernet(finished: Results) -> None:
    board = finished.leaderboard()
    assert "supernet" not in shown(leaderboard_table(board))
    assert "supernet" not in board_table(board)


def test_networks_that_no_trial_built_are_told(tmp_path: Path) -> None:
    """A trial that builds its network has the size of it in its reports; a failed one tells nothing."""
    told = "no trial called trial.build_model(): the architecture had no effect"
    made = Recorder(tmp_path, architecture=STAGED)
    made.search([0.3], network("identity", "conv3x3") | {"lr": 0.1}, state=State.FAILED)
    assert not any(note.startswith(told) for note in made.results().leaderboard().notes)
    made.search([0.5], network("conv3x3", "conv3x3") | {"lr": 0.1})
    board = made.results().leaderboard()
    assert sum(note.startswith(told) for note in board.notes) == 1
    assert any(line.startswith(f"note: {told}") for line in summary_lines(made.results(), board))
    made.others = {"params_m": 0.01}
    made.search([0.4], network("conv5x5", "conv3x3") | {"lr": 0.1})
    assert not any(note.startswith(told) for note in made.results().leaderboard().notes)


def test_only_a_sweep_of_networks_speaks_of_building_them(finished: Results) -> None:
    assert not any("build_model" in note for note in finished.leaderboard().notes)


def test_rows_of_a_model_space_are_short_and_have_the_whole_as_a_hint(tmp_path: Path) -> None:
    made = Recorder(tmp_path, architecture=HUB)
    default = made.record.sweep.parameters.default()
    made.replicate(made.search([0.5], dict(default)), [0.5, 0.51])
    every = dict(default) | dict.fromkeys(HUB["parameters"], "sep_conv_5x5")
    made.replicate(made.search([0.6], every), [0.6, 0.61])
    results = made.results()
    short = "3 changed: cell_0_1=sep_conv_5x5 … cell_1_2=sep_conv_5x5"
    whole = "cell_0_1=sep_conv_5x5 cell_0_2=sep_conv_5x5 cell_1_2=sep_conv_5x5"
    assert short in shown(config_table(results.leaderboard()))
    assert short in shown(trials_table(results.trials, results.sweep))
    assert f'<td title="{whole}">{short}</td>' in board_table(results.leaderboard())
    assert results.leaderboard().to_dict()["rows"][0]["network"] == whole
    facts = NetworkFacts.of(results, results.trials[3])
    assert facts.lines == [f"network: 3 changed: {whole}"]
    assert facts.to_dict() == {"network": whole}


def test_networks_that_differ_late_are_not_the_same_in_any_table(tmp_path: Path) -> None:
    made = Recorder(tmp_path, architecture=DEEP)
    for changed in (0, 9):
        made.replicate(made.search([0.5 + changed / 100], deep(changed) | {"lr": 0.1}), [0.5, 0.51])
    results = made.results()
    shorts = {row.network_short for row in results.leaderboard().rows}
    assert len(shorts) == 2
    tables = (shown(config_table(results.leaderboard())), shown(trials_table(results.trials, results.sweep)))
    own = tuple(Candidate(Config(deep(changed)), "top", 0.5) for changed in (0, 9))
    found = report_of(Found("darts", 2, 2, False, "", 0, 2, own), [], [], results.sweep)
    for table in (*tables, shown(supernet_table(found, results.sweep)), board_table(results.leaderboard())):
        assert all(short in table for short in shorts)
    assert set(page_data(results)["trials"]["network"]) == shorts


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_scores_that_are_not_finite_hinder_no_report(tmp_path: Path, broken: float) -> None:
    results = one_shot(tmp_path, believed=(broken, 0.8, broken)).results()
    board = json.loads(json.dumps(results.leaderboard().to_dict(), allow_nan=False))
    assert {row["trial"]: row["supernet"] and row["supernet"]["score"] for row in board["rows"]}[2] is None
    assert "1st choice" in results.report().read_text(encoding="utf-8")
    for number, name in ((0, "supernet"), (2, "origin"), (4, "origin")):
        facts = NetworkFacts.of(results, results.trials[number])
        json.dumps(facts.to_dict()[name], allow_nan=False)
    assert "supernet: 1st choice, score – with its weights" in NetworkFacts.of(results, results.trials[2]).lines


def test_a_trial_says_what_the_supernet_has_to_do_with_it(found: Results) -> None:
    facts = NetworkFacts.of(found, found.trials[4])
    assert facts.lines == [
        "network: project-4/2, conv5x5-4 | pool-3",
        "supernet: random check, score 0.7000 with its weights",
    ]
    assert facts.to_dict()["origin"] == {"kind": "sample", "place": 1, "score": 0.7, "words": "random check"}
    assert "origin" not in NetworkFacts.of(found, found.trials[1]).to_dict()  # the default


def test_the_supernet_shows_what_it_found(found: Results) -> None:
    facts = NetworkFacts.of(found, found.trials[0])
    assert facts.report == supernet_report(found)
    assert facts.report is not None
    table = shown(supernet_table(facts.report, found.sweep))
    (second,) = (line.split() for line in table.splitlines() if "2nd choice" in line)
    assert second == ["2nd", "choice", "0.8000", "0.3000", "3", "0.8000", "conv5x5-4/2,", "identity", "|", "pool-3"]
    assert facts.to_dict()["supernet"]["candidates"][1]["trial"] == 3
    assert "warning: it collapsed" in facts.report.lines()
    assert supernet_lines(found)[-1] == f"its architectures: assay show demo --store {found.ledger.store} 0"


def test_a_damaged_file_is_told_and_hinders_nothing_else(tmp_path: Path) -> None:
    made = one_shot(tmp_path)
    (made.ledger.store / "found.json").write_text("{}")
    results = made.results()
    facts = NetworkFacts.of(results, results.trials[0])
    assert facts.report is None
    assert "is not the file that was written" in facts.lines[0]
    assert "is not the file that was written" in facts.to_dict()["supernet_note"]
    of_search = NetworkFacts.of(results, results.trials[2])
    assert of_search.lines[0] == "network: conv5x5-4/2, conv3x3-4 | pool-3"
    assert of_search.lines[1].startswith("supernet: left out: ")
    assert "is not the file that was written" in of_search.to_dict()["supernet_note"]
    replicate = next(trial for trial in results.trials if trial.parent == 2)
    assert NetworkFacts.of(results, replicate).damaged == ""  # which never has an origin
    assert {row.supernet for row in results.leaderboard().rows} == {None}


def test_a_supernet_that_is_not_over_has_found_nothing(tmp_path: Path) -> None:
    results = one_shot(tmp_path).results()
    assert NetworkFacts.of(results, replace(results.trials[0], state=State.RUNNING)) == NetworkFacts()

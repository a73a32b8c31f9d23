"""CSV files: exports of other tools, what is found by itself, and mistakes with the line they stand on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from assay.search import State
from assay.search.csv_table import as_moment, as_seconds, read_cell
from assay.search.from_csv import read_csv
from assay.search.imported import to_sweep
from assay.spaces import SpaceError, UsageError

OPTUNA = """\
number,value,datetime_start,datetime_complete,duration,params_lr,params_layers,params_opt,params_m,user_attrs_n,state
0,0.5,2026-01-01 00:00:00.5,2026-01-01 00:01:00,0 days 00:00:59.500000,0.001,3.0,adam,,7,COMPLETE
1,0.7,2026-01-01 00:00:30,2026-01-01 00:00:40,0 days 00:00:10,1.0,2.0,sgd,0.5,8,PRUNED
2,,2026-01-01 00:01:00,2026-01-01 00:01:10,0 days 00:00:10,0.01,1.0,adam,,,FAIL
5,,,,,,,,,,WAITING
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "My results.csv"


def read(
    file: Path, text: str, metric: str | None = "loss", goal: str | None = "minimize", *args: Any, **more: Any
) -> Any:
    file.write_text(text, encoding="utf-8")
    return read_csv(file, metric, goal, *args, **more)


def space(file: Path, text: str, *args: Any, **more: Any) -> dict[str, Any]:
    return to_sweep(read(file, text, "loss", "minimize", *args, **more))[0].parameters.to_dict()


def test_what_optuna_exports(file: Path) -> None:
    found = read(file, OPTUNA, "value", "maximize")
    assert (found.name, found.metric, found.goal) == ("my-results", "value", "maximize")
    assert found.notes == ("1 trial that had not ended was left out",)
    sweep, trials = to_sweep(found)
    assert sweep.parameters.to_dict() == {
        "lr": {"type": "float", "min": 0.001, "max": 1.0, "log": True},
        "layers": {"type": "int", "min": 1, "max": 3},
        "opt": {"values": ["adam", "sgd"]},
        "m": {"value": 0.5, "when": {"opt": "sgd"}},
    }
    assert [(trial.number, trial.state.value, trial.seconds, trial.reason) for trial in trials] == [
        (0, "complete", 59.5, ""), (1, "stopped", 10.0, ""), (2, "failed", 10.0, "failed; the file does not say why"),
    ]  # fmt: skip
    assert trials[0].reports[0].metrics == {"value": 0.5, "user_attrs_n": 7}
    assert [trials[0].started, trials[1].started] == [1, 3]
    assert trials[1].ended is not None
    assert trials[0].ended is not None
    assert trials[1].ended < trials[0].ended < trials[2].started


@pytest.mark.parametrize("prefix", ["config/", "config.", "params_", "params.", "param_", "param."])
def test_columns_of_parameters(file: Path, prefix: str) -> None:
    text = f"loss,{prefix}optim/lr,{prefix}net.size,other\n1,0.1,3,x\n2,0.2,4,y\n"
    assert list(space(file, text)) == ["optim.lr", "net.size"]


def test_columns_that_are_named(file: Path) -> None:
    assert list(space(file, "loss,lr,size\n1,0.1,3\n", ["size"])) == ["size"]
    with pytest.raises(
        UsageError, match=r"csv: no column begins with config/, .*: name the parameters with --param \(it"
    ):
        read(file, "loss,lr,size\n1,0.1,3\n")
    with pytest.raises(
        UsageError, match=r"csv: has no column 'sise' \(did you mean 'size'\?\): it has loss, lr, size$"
    ):
        read(file, "loss,lr,size\n1,0.1,3\n", "loss", "minimize", ["sise"])


def test_kinds_of_cells(file: Path) -> None:
    rows = ["1,1,1.0, true ,x,7,", "2,3,2.5,FALSE,3,,nan", "3,2,3,True,,1,9"]
    text = "\n".join(["loss,param_a,param_b,param_c,param_d,param_e,param_f", *rows])
    sweep, trials = to_sweep(read(file, text), drop=["d", "e", "f"])
    assert sweep.parameters.to_dict() == {
        "a": {"type": "int", "min": 1, "max": 3},
        "b": {"type": "float", "min": 1.0, "max": 3.0},
        "c": {"values": [True, False]},
    }
    assert dict(trials[2].config) == {"a": 2, "b": 3.0, "c": True}
    assert [trial.parameters for trial in read(file, text).trials] == [
        {"a": 1, "b": 1.0, "c": True, "d": "x", "e": 7},
        {"a": 3, "b": 2.5, "c": False, "d": 3},
        {"a": 2, "b": 3, "c": True, "e": 1, "f": 9},
    ]


def test_empty_means_null_only_where_a_sweep_says_so(file: Path) -> None:
    found = read(file, "loss,param_x,param_kind\n1,0.5,\n2,0.6,a\n")
    with pytest.raises(SpaceError, match=r"^kind: 1 of 2 trials lack it, and no other parameter tells which: leave"):
        to_sweep(found)
    from assay.search import Sweep

    sweep = Sweep(
        name="s",
        objectives=[{"metric": "loss", "goal": "minimize"}],
        parameters={"x": "uniform(0, 1)", "kind": ["a", None]},
        budget={"trials": 1},
    )
    assert [trial.config["kind"] for trial in to_sweep(found, sweep=sweep)[1]] == [None, "a"]


def test_several_rows_of_a_trial(file: Path) -> None:
    text = "run,epoch,loss,state,param_x\na,0,3,,0.1\nb,0,5,,0.2\na,1,2,finished,0.1\nb,1,,Pruned,\n"
    _, trials = to_sweep(read(file, text, trial="run"))
    assert [(trial.number, trial.state, trial.config["x"]) for trial in trials] == [
        (0, State.COMPLETE, 0.1), (1, State.STOPPED, 0.2),
    ]  # fmt: skip
    assert [[(report.step, report.metrics["loss"]) for report in trial.reports] for trial in trials] == [
        [(1, 3), (2, 2)], [(1, 5)],
    ]  # fmt: skip


def test_several_rows_without_steps(file: Path) -> None:
    text = "trial,loss,param_x,n\n3,3,0.1,1\n3,2,0.1,2\n"
    with pytest.raises(UsageError, match=r"csv: trial '3' has 2 rows, and no column tells their steps: name it with"):
        read(file, text)
    [trial] = to_sweep(read(file, text, step="n"))[1]
    assert (trial.number, trial.last_step) == (3, 2)


def test_parameters_that_change_within_a_trial(file: Path) -> None:
    found = read(file, "trial,step,loss,param_x,param_y\n7,1,3,0.1,1\n7,2,2,0.2,1\n")
    with pytest.raises(SpaceError, match=r"^x: changed while trials 7 trained"):
        to_sweep(found)


def test_a_table_of_pandas_and_back(file: Path) -> None:
    frame = pd.DataFrame({"config/x": [1, None, 3], "config/y": ["a", "b", "c"], "loss": [1.0, 2.0, float("nan")]})
    frame.to_csv(file, index=False)
    _, trials = to_sweep(read_csv(file, "loss", "minimize"), drop=["x"])
    assert [(trial.state.value, trial.reason) for trial in trials] == [
        ("complete", ""), ("complete", ""), ("failed", "it ended without loss"),
    ]  # fmt: skip


@pytest.mark.parametrize("letter", [";", "\t"])
def test_other_separators(file: Path, letter: str) -> None:
    assert space(file, "loss,param_x\n1,0.5\n".replace(",", letter)) == {"x": {"value": 0.5}}


def test_a_mark_of_excel_and_quotes(file: Path) -> None:
    assert space(file, '\ufeffloss,param_x\r\n1,"a, ""b"""\r\n\r\n') == {"x": {"value": 'a, "b"'}}


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("TrialState.COMPLETE", "complete"),
        ("finished", "complete"),
        ("early stopped", "stopped"),
        ("Crashed", "failed"),
    ],
)
def test_words_for_states(file: Path, word: str, state: str) -> None:
    [trial] = read(file, f"loss,param_x,status,error\n1,0.5,{word},out of\t memory\n").trials
    assert (trial.state.value, trial.reason) == (state, "out of memory" if state == "failed" else "")


def test_without_states(file: Path) -> None:
    assert read(file, "loss,param_x\n1,0.5\n").notes == (
        "no column tells how trials ended: all with a score count as trained in full",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"results\.csv: has no rows: expected a header and one row for each trial$"),
        ("loss,param_x\n", r"results\.csv: has no rows"),
        ("loss,param_x,loss\n1,2,3\n", r"results\.csv: column 'loss' is there 2 times: rename one$"),
        ("loss,param_x\n1,2\n1\n", r"results\.csv:3: 1 cells, but the header has 2: mend the row$"),
        ('loss,param_x\n1,"2\n', r"results\.csv: is not CSV: unexpected end of data$"),
        ("loss,param_x\n1,2\noops,3\n", r"results\.csv:3: loss is 'oops', expected a number or an empty cell$"),
        (
            "loss,param_x,state\n1,2,finish\n",
            r"csv:2: state 'finish' is not known \(did you mean 'finished'\?\): write",
        ),
        ("loss,param_x,step\n1,2,0.5\n", r"csv:2: step is '0\.5', expected a whole number$"),
        ("loss,param_x,step\n1,2,inf\n", r"csv:2: step is 'inf', expected a whole number$"),
        ("loss,param_x,step\n1,2,yes\n", r"csv:2: step is 'yes', expected a whole number$"),
        ("loss,param_x,trial,step\n1,2,,1\n", r"csv:2: 'trial' is empty: every row needs its trial$"),
        ("lost,param_x\n1,2\n", r"csv has no metric 'loss' \(did you mean 'lost'\?\): it has lost$"),
    ],
)
def test_mistakes(file: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(file, text)


def test_what_was_optimised_has_to_be_said(file: Path) -> None:
    text = "loss,param_x,text\n1,0.5,x\n"
    with pytest.raises(
        UsageError, match=r"does not say which metric was optimised: name it with --metric \(it has loss\)"
    ):
        read(file, text, None)
    with pytest.raises(UsageError, match="does not say which direction of 'loss' is better: add --goal maximize or"):
        read(file, text, "loss", None)


def test_files_that_are_none(file: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"My results\.csv: there is no such file$"):
        read_csv(file, "loss", "minimize")
    with pytest.raises(UsageError, match=r"is a folder, expected a CSV file$"):
        read_csv(tmp_path, "loss", "minimize")
    file.write_bytes(b"loss,param_x\n1,\xff\n")
    with pytest.raises(UsageError, match=r"is not UTF-8 text \(byte \d+\): save it as UTF-8$"):
        read_csv(file, "loss", "minimize")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), (" 12 ", 12), ("-0.5", -0.5), ("1e3", 1000.0), (".5", 0.5), ("true", True), ("1_000", "1_000"),
        ("0x1f", "0x1f"), ("adam", "adam"), ("-inf", float("-inf")), ("1" * 400, float("inf")), ("None", "None"),
    ],
)  # fmt: skip
def test_cells(text: str, value: object) -> None:
    assert read_cell(text) == value
    assert type(read_cell(text)) is type(value)


def test_times() -> None:
    assert as_seconds("1 day, 2:03:04.5") == as_seconds("1 days 02:03:04.5") == 93784.5
    assert as_seconds("12.5") == 12.5
    assert as_seconds("long") is None
    assert as_moment("1767225600") == as_moment("2026-01-01T00:00:00+00:00") == 1767225600
    assert as_moment("yesterday") is None

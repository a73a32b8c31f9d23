"""`assay plot`."""

from __future__ import annotations

from pathlib import Path

import pytest

from .analysis.conftest import Recorder
from .conftest import CommandLine


@pytest.fixture
def sweep(cli: CommandLine) -> Path:
    made = Recorder(cli.folder / "assay-results")
    trials = [made.search([0.5, value]) for value in (0.70, 0.95, 0.92)]
    for trial in trials:
        made.replicate(trial, [0.9, 0.91, 0.89])
    return made.results().folder


def test_all_that_have_data_are_drawn(cli: CommandLine, sweep: Path) -> None:
    done = cli("plot", "demo", "--format", "svg", "--json").json
    assert done["files"]["forest"] == "assay-results/demo/plots/forest.svg"
    assert "lineage" in done["empty"]
    assert {path.stem for path in (sweep / "plots").iterdir()} == {*done["files"]}
    assert not {*done["files"]} & {*done["empty"]}


def test_one_figure_into_a_file(cli: CommandLine, sweep: Path) -> None:
    assert cli("plot", "demo", "slice", "--option", "parameter=lr", "-o", "figures/lr.png").out == "figures/lr.png\n"
    assert (cli.folder / "figures/lr.png").read_bytes().startswith(b"\x89PNG")
    assert cli("plot", "demo", "cost").out == "assay-results/demo/plots/cost.png\n"
    assert cli("plot", "demo", "cost", "--json").json["files"] == {"cost": "assay-results/demo/plots/cost.png"}


def test_what_there_is(cli: CommandLine, sweep: Path) -> None:
    lines = cli("plot", "demo", "--list").out.splitlines()
    listed = cli("plot", "demo", "--list", "--json").json["plots"]
    assert [line.split()[0] for line in lines] == [*listed]
    assert listed["history"]["options"] == {"by": "seconds"}
    assert next(line for line in lines if line.startswith("history")).endswith(". [by]")


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["forrest"], 4, "there is no plot 'forrest' (did you mean 'forest'?): use"),
        (["lineage"], 2, "plot lineage: no trial was copied, and none began with the weights of another: that is"),
        (["slice", "--option", "lr"], 2, "--option 'lr' must be NAME=VALUE, such as parameter=lr"),
        (["slice", "--option", "parameter=a", "--option", "parameter=b"], 2, "--option parameter is given twice"),
        (["slice", "--option", "parameter=la"], 2, "parameter must be 'lr', got 'la'"),
        (["slice", "--option", "parameter=3"], 2, "parameter must be 'lr', got 3"),
        (["--option", "parameter=lr"], 2, "--option parameter=lr belongs to one figure: name it"),
        (["--format", "gif"], 2, "--format must be 'png', 'svg' or 'pdf', got 'gif'"),
        (["cost", "--format", "gif"], 2, "--format must be 'png', 'svg' or 'pdf', got 'gif'"),
        (["cost", "-o", "cost.gif"], 2, "plot: the name of cost.gif must end in '.png', '.svg' or '.pdf'"),
        (["cost", "-o", "cost.png", "--format", "svg"], 2, "--format svg: the ending of cost.png says it already"),
        (["-o", "file"], 2, "--output: file is a file: name a folder"),
    ],
)
def test_mistakes(words: list[str], code: int, error: str, cli: CommandLine, sweep: Path) -> None:
    (cli.folder / "file").write_text("")
    (found,) = cli.mistakes(code, "plot", "demo", *words)
    assert found.startswith(error)
    assert not (sweep / "plots").exists()


def test_methods_over_data_sets(cli: CommandLine, sweep: Path) -> None:
    rows = ["data,tpe,random,asha", *(f"set{n},{0.9 - n / 10},{0.7 - n / 10},{0.8 - n / 10}" for n in range(6))]
    cli.write(scores_csv="\n".join(rows))
    done = cli("compare", "--table", "scores.csv", "--plot", "ranks.svg", "--json")
    assert done.json["methods"] == ["tpe", "asha", "random"]
    drawn = (cli.folder / "ranks.svg").read_text(encoding="utf-8")
    assert all(name in drawn for name in ("tpe", "asha", "random", "critical difference"))
    (error,) = cli.mistakes(2, "compare", "demo", "--plot", "ranks.svg")
    assert error == "--plot draws methods over data sets: give --table, or three sweeps and more"

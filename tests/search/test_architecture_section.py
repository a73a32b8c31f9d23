"""The section ``architecture``: its networks are parameters among the others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assay.search import Sweep
from assay.spaces import Float, Space, SweepError

STAGES = [{"ops": ["conv3x3", "identity"], "depth": "int(1, 2)", "width": [8, 16], "stride": 2}]
STAGED = {"input": [1, 8, 8], "output": 10, "stages": STAGES}
NAMES = ["depth", "width", "op1", "op2"]


def sweep(**changes: Any) -> Sweep:
    return Sweep.make(
        {
            "name": "networks",
            "objectives": [{"metric": "accuracy", "goal": "maximize"}],
            "architecture": STAGED,
            "budget": {"trials": 5},
        }
        | changes
    )


def mistakes(**changes: Any) -> list[str]:
    with pytest.raises(SweepError) as caught:
        sweep(**changes)
    return str(caught.value).splitlines()


def test_networks_are_parameters_beside_the_others() -> None:
    made = sweep(parameters={"lr": "loguniform(1e-4, 1e-1)"})
    assert list(made.parameters) == ["lr", *(f"architecture.stage1.{name}" for name in NAMES)]
    assert made.parameters["architecture.stage1.op2"].when == {"architecture.stage1.depth": 2}


def test_networks_alone_are_something_to_search() -> None:
    assert len(sweep().parameters) == 4


@pytest.mark.parametrize("own", [Space({"lr": Float(0.1, 1.0)}, ["lr < 0.5"]), {"lr": "uniform(0.1, 1.0)"}])
def test_what_is_written_reads_as_the_same(own: Any) -> None:
    made = sweep(parameters=own)
    again = Sweep.make(made.model_dump(mode="json"))
    assert again == made
    assert again.parameters == made.parameters


def test_constraints_may_speak_of_networks() -> None:
    made = sweep(constraints=[{"require": "architecture.stage1.width * architecture.stage1.depth <= 16"}])
    assert {(c["architecture.stage1.width"], c["architecture.stage1.depth"]) for c in made.parameters.configs()} == {
        (8, 1), (8, 2), (16, 1),
    }  # fmt: skip


def test_a_gaussian_process_searches_networks_unless_told_otherwise() -> None:
    assert sweep().searcher.type == "gp"
    assert sweep(searcher="random").searcher.type == "random"
    front = [{"metric": "accuracy", "goal": "maximize"}, {"metric": "latency_ms", "goal": "minimize"}]
    assert sweep(objectives=front).searcher.type == "tpe"


def test_size_is_always_measured_and_time_where_it_counts() -> None:
    assert sweep().measured == ("params_m", "flops_m")
    assert sweep(constraints=[{"metric": "latency_ms", "max": 3.0}]).measured[-1] == "latency_ms"
    assert sweep(constraints=[{"metric": "params", "max": 3.0}]).measured[0] == "params"
    assert sweep(leaderboard={"tie_break": ["latency_ms"]}).measured[-1] == "latency_ms"
    assert sweep(architecture=None, parameters={"lr": "uniform(0.1, 1.0)"}).measured == ()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"architecture": {"input": [64]}}, "architecture: output and stages missing: write input, output and stages"),
        ({"architecture": STAGED | {"space": "darts"}}, "architecture.output: space says already which networks"),
        ({"architecture": STAGED | {"arguments": {"a": 1}}}, "architecture.arguments: stages take no arguments"),
        ({"architecture": STAGED | {"prefilter": 0.5}}, "architecture.prefilter: nothing to filter by: add zero_cost"),
        ({"parameters": {"architecture.stage1.op9": 3}}, "parameters.architecture.stage1.op9: architecture.* comes"),
        ({"parameters": {"activation": ["relu", "rely"]}}, "parameters.activation: 'rely' is no activation"),
        ({"parameters": {"activation": 2}}, "parameters.activation: 2 is no activation"),
        (
            {"parameters": {"activation": "int(1, 3)"}},
            "parameters.activation: expected activations such as [relu, gelu, silu], got int 1 .. 3",
        ),
        ({"parameters": {"activation": "uniform(0, 1)"}}, "parameters.activation: expected activations such as"),
        (
            {"architecture": STAGED | {"activation": "relu"}, "parameters": {"activation": ["relu", "silu"]}},
            "parameters.activation: architecture.activation says relu already: remove one of the two",
        ),
        (
            {
                "searcher": "one_shot",
                "architecture": STAGED | {"stages": [{"ops": ["conv3x3"], "depth": 1, "width": 8}]},
            },
            "architecture: there is one network only, and one_shot chooses among several",
        ),
        ({"architecture": None}, "parameters"),
        (
            {"searcher": {"type": "nni", "strategy": "grid"}, "parameters": {"lr": "uniform(0.1, 1.0)"}},
            "parameters.lr: is continuous, and strategy grid needs a list",
        ),
        ({"searcher": {"type": "nni", "strategy": "tpe"}}, "searcher.strategy: NNI's TPE minimizes"),
        (
            {
                "searcher": {"type": "regularized_evolution", "inherit": True},
                "architecture": None,
                "parameters": {"lr": "uniform(0.1, 1.0)"},
            },
            "searcher.inherit: weights are inherited by networks: add the section architecture",
        ),
        (
            {"searcher": "one_shot", "architecture": None, "parameters": {"lr": "uniform(0.1, 1.0)"}},
            "searcher: one_shot needs networks to search",
        ),
    ],
)
def test_mistakes(changes: dict[str, Any], text: str) -> None:
    assert any(line.startswith(text) for line in mistakes(**changes)), mistakes(**changes)


WITHOUT = """
import sys

blocked = set(sys.argv.pop(1).split(","))

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
from assay.cli import main
main()
"""


def without_nni(
    *words: str, folder: Path, blocked: str = "nni,pytorch_lightning,lightning"
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT, blocked, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("blocked", ["nni,pytorch_lightning,lightning", "pytorch_lightning"])
def test_without_nni_what_needs_it_says_so_in_one_line(tmp_path: Path, blocked: str) -> None:
    """Spaces of the hub need Lightning as well: NNI's own import of it."""
    if "nni" not in blocked:
        pytest.importorskip("nni")
    file = tmp_path / "sweep.yaml"
    file.write_text(
        "name: a\\ntrainable: t.py:train\\nobjectives: [{metric: m, goal: maximize}]\\nbudget: {trials: 3}\\n"
        "architecture: {space: nasbench201, input: [3, 32, 32]}\\n".replace("\\n", "\n")
    )
    done = without_nni("check", "sweep.yaml", folder=tmp_path, blocked=blocked)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: sweep.yaml:5:")
    assert f"""pip install "assay[nas]" (No module named '{blocked.split(",")[0]}')""" in line


def test_without_nni_recorded_model_spaces_are_read(tmp_path: Path) -> None:
    from assay.search import Ledger

    by_name = {"space": "nasbench201", "parameters": {"architecture.op": {"values": ["conv", "skip"]}}}
    Ledger(tmp_path, create=True).create_sweep(sweep(architecture=by_name), str(tmp_path))
    done = without_nni("show", "networks", "--store", str(tmp_path), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("networks: ")


PBT: dict[str, Any] = {
    "scheduler": {"type": "pbt", "population": 4, "interval": 1},
    "fidelity": {"unit": "epoch", "max": 4},
}


def test_a_population_perturbs_how_networks_are_trained_and_never_the_networks() -> None:
    made = sweep(parameters={"lr": "loguniform(1e-4, 1e-1)"}, budget={"trials": 4}, **PBT)
    assert list(made.scheduler.perturbed(made.parameters)) == ["lr"]  # type: ignore[attr-defined]
    named = PBT | {"scheduler": PBT["scheduler"] | {"perturb": ["architecture.stage1.width"]}}
    (line,) = mistakes(parameters={"lr": "loguniform(1e-4, 1e-1)"}, budget={"trials": 4}, **named)
    assert line.startswith("scheduler.perturb: pbt cannot perturb 'architecture.stage1.width': weights go on in")


def test_a_model_of_settings_goes_with_networks() -> None:
    from pydantic import BaseModel, Field

    class Settings(BaseModel):
        lr: float = Field(default=0.1, ge=0.01, le=1.0)

    assert list(sweep(parameters=Settings).parameters)[:2] == ["lr", "architecture.stage1.depth"]


def test_a_mistake_in_the_section_is_the_only_one_that_is_named() -> None:
    (line,) = mistakes(architecture=STAGED | {"stages": [STAGES[0] | {"ops": ["conv4x4"]}]})
    assert "conv4x4" in line

"""The command ``assay space``: the spaces of other tools, there and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assay.search import Sweep
from assay.search.yaml_reader import read_yaml
from assay.spaces import Space
from assay.spaces.from_config_space import from_config_space
from assay.spaces.from_nni_space import from_nni_space
from assay.spaces.to_nni import to_nni

SWEEP = """
parameters:
  optimizer: [adam, sgd]
  lr: loguniform(1e-5, 1e-1)
  momentum: {min: 0.0, max: 0.9, when: {optimizer: sgd}}
  optim.width: {min: 8, max: 64, log: true, help: "yes: 1e5"}
  tiny: {min: 1.0e-7, max: 1.0e+20, log: true}
  depth: {min: 1, max: 4, when: "lr > 1e-3 or optimizer == 'adam'"}
constraints: [{require: "depth * 2 <= optim.width"}]
"""
WANDB = """
name: digits
method: random
metric: {name: acc, goal: maximize}
parameters:
  lr: {distribution: log_uniform_values, min: 1e-5, max: 1e-1}
  layers: {min: 1, max: 3}
"""
NNI = '{"units": {"_type": "randint", "_value": [8, 65]}, "act": {"_type": "choice", "_value": ["relu", "tanh"]}}'
SETTINGS = """
from dataclasses import dataclass
from typing import Annotated
from assay.spaces import Space

@dataclass
class Settings:
    lr: Annotated[float, "loguniform(1e-5, 1e-1)"] = 1e-3
    layers: Annotated[int, "int(1, 3)"] = 2

def train(config: Settings, trial):
    return {"loss": 1.0}

def direct(trial, lr: Annotated[float, "loguniform(1e-5, 1e-1)"] = 1e-3, layers: Annotated[int, "int(1, 3)"] = 2):
    return {"loss": 1.0}

SPACE = Space({"a": [1, 2]})
"""


def space_in(text: str) -> Space:
    written = read_yaml(text).value
    return Space(written["parameters"], [one["require"] for one in written.get("constraints", [])])


def test_a_sweep_file_is_written_in_full_and_reads_back_equal(cli: Any) -> None:
    cli.write(sweep_yaml=SWEEP)
    done = cli("space", "sweep.yaml")
    assert (done.code, done.err) == (0, "")
    assert space_in(done.out) == space_in(SWEEP)
    assert "min: 1.0e-07" in done.out  # readers of YAML 1.1 take 1e-07 for text
    again = cli("space", "sweep.yaml", "-o", "full.yaml")
    assert again.out.strip() == "full.yaml"
    assert (cli.folder / "full.yaml").read_text() == done.out


def test_a_sweep_of_wandb_becomes_most_of_a_sweep(cli: Any) -> None:
    cli.write(sweep_yaml=WANDB)
    done = cli("space", "sweep.yaml")
    assert (done.code, done.err.strip()) == (0, "for a whole sweep, add trainable, budget")
    raw = read_yaml(done.out).value | {"trainable": "train.py:train", "budget": {"trials": 3}}
    sweep = Sweep.make(raw)
    assert sweep.searcher.type == "random"
    assert sweep.parameters == Space({"lr": "loguniform(1e-5, 1e-1)", "layers": {"min": 1, "max": 3}})


def test_nni_and_configspace_go_there_and_back(cli: Any) -> None:
    cli.write(nni_json=NNI)
    there = cli("space", "nni.json", "--to", "configspace", "-o", "config.json")
    assert there.code == 0
    space = from_config_space(json.loads((cli.folder / "config.json").read_text()))
    assert space == from_nni_space(json.loads(NNI))
    back = cli("space", "config.json", "--to", "nni")
    assert json.loads(back.out) == json.loads(NNI)


@pytest.mark.parametrize("name", ["Settings", "train", "direct"])
def test_a_class_or_a_function_is_read(cli: Any, name: str) -> None:
    cli.write(settings_py=SETTINGS)
    done = cli("space", f"settings.py:{name}")
    assert done.code == 0, done.err
    assert list(space_in(done.out)) == ["lr", "layers"]
    assert space_in(done.out)["lr"].default_value == 1e-3
    assert list(space_in(cli("space", "settings.py:SPACE", "--from", "python").out)) == ["a"]


NETWORKS = """
name: networks
trainable: train.py:train
objectives: [{metric: loss, goal: minimize}]
architecture: {input: [4], output: 2, stages: [{ops: [linear, glu], depth: "int(1, 2)", width: [8, 16]}]}
budget: {trials: 3}
"""


@pytest.mark.parametrize("own", ["", "parameters: {lr: [0.1, 0.2]}"])
def test_networks_are_of_the_space_as_in_the_sweep(cli: Any, own: str) -> None:
    cli.write(sweep_yaml=f"{NETWORKS}{own}")
    done = cli("space", "sweep.yaml")
    assert done.code == 0, done.err
    expected = Sweep.from_yaml(cli.folder / "sweep.yaml").parameters
    assert "architecture.stage1.op2" in expected
    assert space_in(done.out) == expected
    assert json.loads(cli("space", "sweep.yaml", "--to", "nni").out) == to_nni(expected)
    there = cli("space", "sweep.yaml", "--to", "configspace").out
    assert from_config_space(json.loads(there)) == expected


def test_mistakes_in_networks_have_their_lines(cli: Any) -> None:
    cli.write(
        section_yaml="parameters: {a: [1, 2]}\narchitecture: {input: [4],\n  outputs: 2}\n",
        word_yaml="architecture:\n  input: [4]\n  output: 2\n  stages:\n  - {ops: [liner], depth: 1, width: 8}\n",
        name_yaml=f"{NETWORKS}parameters:\n  architecture.stage1.depth: [7, 8]\n",
    )
    assert "architecture.outputs: unknown key 'outputs'" in cli.mistakes(2, "space", "section.yaml")[0]
    assert cli.mistakes(2, "space", "word.yaml")[0].startswith("word.yaml:5:12: architecture.stages.0.ops.0: 'liner'")
    (name,) = cli.mistakes(2, "space", "name.yaml")
    assert name.startswith("name.yaml:8:3: parameters.architecture.stage1.depth: architecture.* comes from")


CONSTRAINED = """
import nni
from nni.mutable import ExpressionConstraint
from nni.nas.nn.pytorch import LayerChoice, ModelSpace
from torch import nn


class Free(ModelSpace):
    def __init__(self):
        super().__init__()
        self.layer = LayerChoice({"one": nn.Linear(4, 2), "two": nn.Bilinear(4, 4, 2)}, label="layer")


class Bound(Free):
    def __init__(self):
        super().__init__()
        a, b = nni.choice("a", [1, 2]), nni.choice("b", [1, 2])
        self.add_mutable(a)
        self.add_mutable(b)
        self.add_mutable(ExpressionConstraint(a + b <= 3, label="small"))
"""


def test_a_model_space_is_translated_unless_it_has_constraints(cli: Any) -> None:
    pytest.importorskip("nni")
    cli.write(
        models_py=CONSTRAINED,
        free_yaml='architecture: {space: "models.py:Free"}',
        bound_yaml='parameters: {lr: [1, 2]}\narchitecture:\n  space: "models.py:Bound"\n',
    )
    done = cli("space", "free.yaml")
    assert list(space_in(done.out)) == ["architecture.layer"], done.err
    (told,) = cli.mistakes(2, "space", "bound.yaml", "--to", "nni")
    assert told.startswith("bound.yaml:3:3: architecture.space: models.py:Bound has constraints of its own")


def test_mistakes_have_their_lines(cli: Any) -> None:
    cli.write(
        wandb_yaml="method: grid\nparameters:\n  a: {distribution: beta, a: 2}\n  b: {min: 1}\n",
        nni_json='{"a": {"_type": "uniform", "_value": [1]},\n "b": {"_type": "x", "_value": [1]}}',
        sweep_yaml="parameters:\n  a: uniform(0, 1)\n  b: {min: 2, max: 1}\nconstraints:\n  - {require: a > 2}\n",
        limits_yaml="parameters: {a: [1, 2]}\nconstraints: [{metric: loss, max: 2}]\n",
        twice_yaml="parameters:\n  a: [1, 2]\n  a: [3, 4]\n",
    )
    beta, missing = cli.mistakes(2, "space", "wandb.yaml")
    assert beta.startswith("wandb.yaml:3:3: parameters.a: Assay has no beta distribution")
    assert missing.startswith("wandb.yaml:4:3: parameters.b: needs min and max")
    first, second = cli.mistakes(2, "space", "nni.json")
    assert first.startswith("nni.json:1:") and "a._value: uniform needs 2 numbers" in first
    assert second.startswith("nni.json:2:") and "b._type: 'x' is not a type of NNI" in second
    assert cli.mistakes(2, "space", "sweep.yaml")[0].startswith("sweep.yaml:3:3: parameters.b: min 2 must be below")
    assert "limits of metrics are no part of a space" in cli.mistakes(2, "space", "limits.yaml")[0]
    assert cli.mistakes(2, "space", "twice.yaml")[0].startswith("twice.yaml:3:3: parameters.a: 'a' is given twice")


def test_what_the_other_tool_cannot_express_is_told(cli: Any) -> None:
    cli.write(sweep_yaml=SWEEP)
    told = cli.mistakes(2, "space", "sweep.yaml", "--to", "nni", "-o", "nni.json")
    assert len(told) == 1
    assert told[0].startswith("sweep.yaml: constraints.0: NNI has no constraints such as depth * 2 <= optim.width: ")
    assert not (cli.folder / "nni.json").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("none.yaml",), "none.yaml: there is no such file"),
        (("list.yaml",), "list.yaml: expected a mapping with a search space"),
        (("odd.yaml",), "odd.yaml: whose search space this is cannot be told: add --from 'sweep', 'wandb', 'nni' or"),
        (("bad.yaml",), "bad.yaml:1:"),
        (("sweep.yaml", "--to", "ray"), "--to: 'ray' is not offered, because its spaces are Python objects"),
        (("sweep.yaml", "--to", "nnni"), "--to: 'nnni' is not offered (did you mean 'nni'?)"),
        (("sweep.yaml", "--from", "optuna"), "--from: 'optuna' is not offered"),
        (("sweep.yaml", "-o", "no/such/folder.yaml"), "--output: no/such/folder.yaml cannot be written"),
        (("none.py:Settings",), "there is no file"),
        (("odd.yaml", "--from", "wandb"), "expected a sweep of Weights & Biases"),
        (("odd.yaml", "--from", "configspace"), "expected a ConfigurationSpace, or its file with `hyperparameters`"),
    ],
)
def test_wrong_words_are_told(cli: Any, words: tuple[str, ...], message: str) -> None:
    cli.write(sweep_yaml="parameters: {a: [1, 2]}", list_yaml="[1, 2]", odd_yaml="a: 1", bad_yaml="a: [")
    assert message in cli.mistakes(2, "space", *words)[0]

"""The user's own model spaces as spaces of networks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from assay.spaces import Space, SpaceError
from assay.spaces.architectures import Architecture, architecture_of

pytest.importorskip("nni")

FILE = """
import nni
import nni.nas.nn.pytorch as nas
import torch
from torch import nn

LOADED = []
LOADED.append(1)

class Net(nas.ModelSpace):
    def __init__(self, width=4, slow=False):
        super().__init__()
        self.first = nas.LayerChoice({"linear": nn.Linear(4, width), "twice": nn.Sequential(
            nn.Linear(4, width), nn.Identity())}, label="first")
        self.heads = nas.LayerChoice([nn.Linear(width, 2), nn.Sequential(nn.Tanh(), nn.Linear(width, 2))],
                                     label="heads")

    def forward(self, x):
        return self.heads(self.first(x))

class Looping(Net):
    def forward(self, x):
        while x.sum() > 0:
            x = x - 1
        return super().forward(x)

class Plain(nas.ModelSpace):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

class Broken(nas.ModelSpace):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1).missing

def make(width):
    return Net(width)

def none():
    return nn.Linear(1, 1)

made = Net()
number = 3
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("own")
    (found / "own_spaces.py").write_text(FILE)
    return found


def own(folder: Path, name: str, shape: Any = (4,), **arguments: Any) -> Architecture:
    described = {"space": f"own_spaces.py:{name}", "directory": str(folder), "arguments": arguments}
    return architecture_of(described | ({"input": list(shape)} if shape else {}))


def config(first: str, heads: int) -> dict[str, Any]:
    return {"architecture.first": first, "architecture.heads": heads, "lr": 0.1}


def test_a_class_with_arguments_and_a_function(folder: Path) -> None:
    for architecture in (own(folder, "Net", width=8), own(folder, "make", width=8)):
        assert architecture.input_shape == (4,)
        assert [*Space(architecture.parameters())] == ["architecture.first", "architecture.heads"]
        model = architecture.build(config("twice", 1))
        assert model(torch.randn(3, 4)).shape == (3, 2)
        assert sum(one.numel() for one in model.parameters()) == 4 * 8 + 8 + 8 * 2 + 2
        assert architecture.describe(config("twice", 1)) == "first=twice, heads=1"
        assert architecture.feasible(config("twice", 1))


def test_a_module_named_gym_beside_the_file_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gym", sys)  # so that what the file imports is taken out again
    monkeypatch.delitem(sys.modules, "gym")
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "gym.py").write_text("WIDTH = 16\n")
    (tmp_path / "spaces_with_gym.py").write_text(f"from gym import WIDTH\n{FILE}\ndef wide():\n    return Net(WIDTH)\n")
    described = {"space": "spaces_with_gym.py:wide", "directory": str(tmp_path)}
    model = architecture_of(described).build(config("linear", 0))
    assert model(torch.randn(3, 4)).shape == (3, 2)
    assert sum(one.numel() for one in model.parameters()) == 4 * 16 + 16 + 16 * 2 + 2


def test_a_module_by_its_dotted_name_is_the_same(folder: Path) -> None:
    architecture = architecture_of({"space": "own_spaces:Net", "directory": str(folder)})
    assert len(architecture.parameters()) == 2
    assert sys.modules["own_spaces"].LOADED == [1]


def test_networks_are_compared_by_their_graphs(folder: Path) -> None:
    architecture = own(folder, "Net")
    assert architecture.canonical(config("linear", 0)) == architecture.canonical(config("twice", 0))
    assert architecture.canonical(config("linear", 0)) != architecture.canonical(config("linear", 1))


@pytest.mark.parametrize(("name", "shape"), [("Looping", (4,)), ("Net", None)])
def test_without_a_graph_they_are_compared_by_their_choices(folder: Path, name: str, shape: Any) -> None:
    architecture = own(folder, name, shape)
    expected = '{"architecture.first": "linear", "architecture.heads": 0}'
    assert architecture.canonical(config("linear", 0)) == expected
    assert architecture.canonical(config("twice", 0)) != expected


@pytest.mark.parametrize(
    ("name", "arguments", "match"),
    [
        ("Nat", {}, r"own_spaces.py has no 'Nat' \(did you mean 'Net'\?\)"),
        ("Net", {"widht": 3}, r"arguments: own_spaces.py:Net: .*unexpected keyword argument 'widht'"),
        ("make", {}, r"arguments: own_spaces.py:make: missing a required argument: 'width'"),
        ("Plain", {}, "there is nothing to choose in this model space"),
        ("Broken", {}, "space: own_spaces.py:Broken cannot be made: AttributeError: 'Linear' object has no attribute"),
        ("none", {}, "space: expected a ModelSpace of NNI, got Linear"),
        ("made", {}, "space: expected a class of model spaces, or a function that returns one, got Net"),
        ("number", {}, "space: expected a class of model spaces, or a function that returns one, got int"),
    ],
)
def test_mistakes_are_located(folder: Path, name: str, arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(SpaceError, match=match):
        own(folder, name, **arguments)


@pytest.mark.parametrize(
    ("description", "match"),
    [
        ({"space": 3}, "space: expected a word such as nasbench201"),
        ({"space": "nasbench201", "arguments": [1]}, "arguments: expected a mapping, got"),
        ({"space": "nasbench201", "input": [3, "x"]}, "input: expected the shape of one example"),
        ({"space": "nasbench201", "inputs": [3]}, r"inputs: unknown key \(did you mean 'input'\?\)"),
        ({"space": "gone.py:Net"}, "space: there is no file"),
        ({"space": "gone.py:"}, r"'gone.py:' is not of the form file.py:Class or package.module:Class"),
    ],
)
def test_mistakes_in_a_description(description: dict[str, Any], match: str) -> None:
    with pytest.raises(SpaceError, match=match):
        architecture_of(description)

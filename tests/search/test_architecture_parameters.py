"""Model spaces by name in a sweep: mistakes stand where they were written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from assay.search.architecture_parameters import translated
from assay.spaces import SweepError

pytest.importorskip("nni")

FILE = """
import nni.nas.nn.pytorch as nas
import torch
from torch import nn


class Net(nas.ModelSpace):
    def __init__(self, width=4):
        super().__init__()
        assert width < 100
        choices = {"linear": nn.Linear(6, width), "none": nn.Tanh(), "deep": nn.Sequential(nn.Linear(6, width))}
        self.first = nas.LayerChoice(choices, label="first")

    def forward(self, x):
        return self.first(x)


class Words(Net):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(9, 6)

    def forward(self, x):
        return super().forward(self.table(x))


class Looking(Net):
    def forward(self, x):
        return super().forward(x if x.sum() > 0 else -x)
"""

ZEROS = """
import nni.nas.nn.pytorch as nas
from torch import nn


class Zero(nn.Module):
    def forward(self, x):
        return x * 0


class Strided(Zero):
    pass


class Named(nas.ModelSpace):
    def __init__(self):
        super().__init__()
        self.norm = nas.LayerChoice({"none": nn.Identity(), "layer": nn.LayerNorm(6)}, label="norm")
        self.skip = nas.LayerChoice({"nothing": Strided(), "tanh": nn.Tanh()}, label="skip")
        self.all = nas.LayerChoice([Zero(), nn.Tanh()], label="all")

    def forward(self, x):
        return self.norm(x) + self.skip(x) + self.all(x)
"""


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("named")
    (found / "named_spaces.py").write_text(FILE)
    (found / "zero_spaces.py").write_text(ZEROS)
    return found


def section(folder: Path, **architecture: Any) -> dict[str, Any]:
    found: dict[str, Any] = translated({"architecture": architecture}, folder)["architecture"]
    return found


@pytest.mark.parametrize(
    ("architecture", "start"),
    [
        ({"space": "named_spaces.py:Nit"}, "architecture.space: named_spaces.py has no 'Nit' (did you mean 'Net'?): use"
                                           " 'Net', 'Words' or 'Looking'"),
        ({"space": "nasbench"}, "architecture.space: there is no space 'nasbench'"),
        ({"space": "gone.py:Net"}, "architecture.space: there is no file"),
        ({"space": "named_spaces.py:FILE"}, "architecture.space: named_spaces.py has no 'FILE'"),
        ({"space": "darts", "arguments": {"widht": 3}}, "architecture.arguments.widht: darts has no argument widht"),
        ({"space": "named_spaces.py:Net", "arguments": {"width": 200}},
         "architecture.arguments: named_spaces.py:Net cannot be made with {'width': 200}: AssertionError at"
         " named_spaces.py:10: assert width < 100"),
        ({"space": "darts", "input": [1, 8, 8]}, "architecture.input: networks of DARTS take images [3, height"),
        ({"space": "named_spaces.py:Net", "input": [7]},
         "architecture.input: the default network does not take [7]: RuntimeError: mat1 and mat2 shapes cannot be"),
        ({"space": "named_spaces.py:Looking", "input": [7]}, "architecture.input: the default network does not take"),
    ],
)  # fmt: skip
def test_mistakes_stand_where_they_were_written(folder: Path, architecture: dict[str, Any], start: str) -> None:
    with pytest.raises(SweepError) as caught:
        section(folder, **architecture)
    assert str(caught.value).startswith(start)


def test_arguments_that_the_hub_does_not_take_are_told_with_what_failed(folder: Path) -> None:
    wrong = {"num_labels": 10, "base_widths": [8] * 8, "width_multipliers": [1.0], "expand_ratios": [1.0, 2.0]}
    with pytest.raises(SweepError) as caught:
        section(folder, space="mobilenet_v3", arguments=wrong)
    text = str(caught.value)
    assert text.startswith("architecture.arguments: mobilenet_v3 cannot be made with {'base_widths': [8, ")
    assert "AssertionError at mobilenetv3.py:152: assert len(base_widths) == len(stride)" in text
    assert "; the default is {base_widths: (" in text


@pytest.mark.parametrize(("name", "shape"), [("Net", [6]), ("Net", [2, 6]), ("Looking", [6]), ("Words", [5])])
def test_an_input_that_the_default_network_takes_is_fine(folder: Path, name: str, shape: list[int]) -> None:
    state = torch.get_rng_state()
    assert list(section(folder, space=f"named_spaces.py:{name}", input=shape)["parameters"]) == ["architecture.first"]
    assert torch.equal(torch.get_rng_state(), state)


def test_no_default_is_a_layer_that_gives_only_zeros(folder: Path) -> None:
    """By its class, whatever the choice is called, also where it is one of a list."""
    named = section(folder, space="zero_spaces.py:Named")["parameters"]
    defaults = {name: one.get("default", one["values"][0]) for name, one in named.items()}
    assert defaults == {"architecture.norm": "none", "architecture.skip": "tanh", "architecture.all": 1}
    for word in ("nasbench201", "darts"):
        for parameter in section(folder, space=word)["parameters"].values():
            assert parameter.get("default", (parameter.get("values") or [None])[0]) != "none"

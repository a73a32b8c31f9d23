"""The winner's network on the page: drawn where it can be, and the page is made anyway where it cannot."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch

from assay.analysis import Results
from assay.analysis.network_files import network_drawing
from assay.analysis.page import network as module
from assay.analysis.page.data import page_data
from assay.analysis.page.network import network_data
from assay.spaces.from_nni import fixes
from assay.spaces.networks.drawing import without_style

from ..conftest import Recorder
from ..networks import HUB, STAGED, network, one_shot


@pytest.fixture
def searched(recorder: Callable[..., Recorder]) -> Recorder:
    made = recorder(architecture=STAGED)
    for config, score in ((network("conv3x3", "conv3x3"), 0.5), (network("conv5x5", "identity"), 0.7)):
        made.replicate(made.search([score], config | {"lr": 0.1}), [score, score + 0.01, score - 0.01])
    return made


def test_the_winner_is_drawn_as_on_the_command_line(searched: Recorder) -> None:
    results = searched.results()
    before = torch.get_rng_state()
    found = network_data(results, running=False)
    assert torch.equal(torch.get_rng_state(), before)
    assert found is not None
    assert found["trial"] == results.leaderboard().winner == 4
    assert found["text"] == "conv5x5-4/2, identity | pool-3"
    assert found["command"] == f"assay show demo --store {results.ledger.store} 4 --graph"
    drawing = network_drawing(results, 4)
    assert found["svg"] == without_style(drawing)
    assert "Conv2d 5×5" in found["svg"]
    names = [one.tag.rpartition("}")[2] for one in ElementTree.fromstring(drawing).iter()]
    assert names.count("style") == 1
    assert [name for name in names if name != "style"] == [
        one.tag.rpartition("}")[2] for one in ElementTree.fromstring(found["svg"]).iter()
    ]
    assert found["note"] == ""


def test_the_one_that_is_handed_over_is_drawn(recorder: Callable[..., Recorder]) -> None:
    """Not the best mean, where ties are broken by something else."""
    made = recorder(architecture=STAGED, leaderboard={"top": 2, "seeds": 3, "tie_break": "cost", "test": "paired_t"})
    dear = made.search([0.9], network("conv5x5", "conv5x5") | {"lr": 0.1})
    cheap = made.search([0.8], network("conv5x5", "identity") | {"lr": 0.1})
    made.replicate(dear, [0.90, 0.91, 0.95], seconds=9.0)
    made.replicate(cheap, [0.89, 0.93, 0.91], seconds=2.0)
    results = made.results()
    assert results.leaderboard().rows[0].trial == dear.number
    found = network_data(results, running=False)
    assert found is not None
    assert (found["trial"], found["text"]) == (cheap.number, "conv5x5-4/2, identity | pool-3")
    assert found["svg"] == without_style(network_drawing(results, cheap.number))


def test_boxes_keep_their_colours_without_the_style(searched: Recorder) -> None:
    found = network_data(searched.results(), running=False)
    assert found is not None
    boxes = [one for one in ElementTree.fromstring(found["svg"]).iter() if one.get("rx") == "5"]
    assert all(box.get("fill") == box.get("stroke") != None for box in boxes)  # noqa: E711 - of both
    assert {"#1f83c9", "#6e7681"} <= {box.get("fill") for box in boxes}  # convolutions, input and output


def test_the_best_of_the_search_before_there_is_a_winner(recorder: Callable[..., Recorder]) -> None:
    made = recorder(architecture=STAGED)
    made.search([0.5], network("conv3x3", "conv3x3") | {"lr": 0.1})
    made.search([0.7], network("conv5x5", "identity") | {"lr": 0.1})
    found = network_data(made.results(), running=False)
    assert found is not None
    assert found["trial"] == 1
    assert found["svg"] is not None


def test_a_running_sweep_is_not_drawn_with_every_report(searched: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "network_drawing", lambda *given: pytest.fail("drawn"))
    found = network_data(searched.results(), running=True)
    assert found is not None
    assert (found["svg"], found["note"]) == (None, "the network is drawn when the sweep is over")


def test_a_huge_drawing_stays_outside(searched: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1000)
    found = network_data(searched.results(), running=False)
    assert found is not None
    assert (found["svg"], found["note"]) == (None, "the network is too large to be drawn here")
    assert found["command"].endswith("--graph")


def hub_sweep(made: Recorder) -> Results:
    made.search([0.5], dict(made.record.sweep.parameters.default()))
    return made.results()


def test_the_page_is_made_without_the_users_file(recorder: Callable[..., Recorder]) -> None:
    pytest.importorskip("nni")
    results = hub_sweep(recorder(architecture=HUB))
    found = page_data(results)["network"]
    assert found["svg"] is None
    assert found["note"].startswith("no drawing of the network: ")
    assert "gone.py" in found["note"]
    assert "\n" not in found["note"]
    assert found["text"] == "cell_0_1=skip cell_0_2=skip cell_1_2=skip"
    assert found["note"] in results.report().read_text(encoding="utf-8").replace("\\u003c", "<")


def test_the_page_is_made_without_nni(recorder: Callable[..., Recorder], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nni.nas.nn.pytorch", None)
    fixes.nni.cache_clear()
    found = network_data(
        hub_sweep(recorder(architecture={**HUB, "space": "nasbench201", "input": [3, 8, 8]})), running=False
    )
    monkeypatch.undo()
    fixes.nni.cache_clear()
    assert found is not None
    assert found["svg"] is None
    assert 'pip install "assay[nas]"' in found["note"]


def test_a_class_of_the_user_that_fails_is_told(tmp_path: Path) -> None:
    pytest.importorskip("nni")
    (tmp_path / "raising.py").write_text(
        "from nni.nas.nn.pytorch import LayerChoice, ModelSpace\n"
        "import torch\n\n\n"
        "class Failing(ModelSpace):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layer = LayerChoice({'linear': torch.nn.Linear(2, 2), 'tanh': torch.nn.Tanh()}, label='layer')\n"
        "        if torch.get_default_dtype() is torch.float64:\n"
        "            raise ZeroDivisionError('by\\nnought')\n\n"
        "    def forward(self, inputs):\n"
        "        return self.layer(inputs)\n"
    )
    parameters = {"architecture.layer": ["linear", "tanh"]}
    section = {"space": "raising.py:Failing", "input": [2], "parameters": parameters}
    results = hub_sweep(Recorder(tmp_path, architecture=section))
    assert network_data(results, running=False)["note"] == ""  # type: ignore[index]
    torch.set_default_dtype(torch.float64)
    try:
        note = network_data(results, running=False)["note"]  # type: ignore[index]
    finally:
        torch.set_default_dtype(torch.float32)
    assert note == "no drawing of the network: the network of trial 0 cannot be built: ZeroDivisionError: by nought"


def test_there_is_none_without_a_score_or_an_architecture(finished: Results, recorder: Callable[..., Recorder]) -> None:
    assert network_data(finished, running=False) is None
    assert network_data(recorder(architecture=STAGED).results(), running=False) is None


def test_trials_are_told_with_their_networks(searched: Recorder, finished: Results, tmp_path: Path) -> None:
    told = page_data(searched.results())["trials"]["network"]
    assert told == ["conv3x3-4/2, conv3x3-4 | pool-3", "conv5x5-4/2, identity | pool-3"]
    assert page_data(finished)["trials"]["network"] is None
    supernets = page_data(one_shot(tmp_path / "one-shot").results())
    assert len(supernets["trials"]["network"]) == 4  # of the search alone
    assert supernets["supernet"][1] == "warning: it collapsed"

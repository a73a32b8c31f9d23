"""Weights of a registered network are stored as safetensors, with what tells whether they can be averaged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, load_model

from assay.trainables import Failed, Finished, Reported, Session, TrialHandle, TrialSpec
from assay.trainables.weights import Weights, architecture_of, fingerprint_of

SPEC = TrialSpec(3, {"width": 4}, metric="loss", seed=5, max_steps=3)


def network_of(width: int) -> torch.nn.Sequential:
    return torch.nn.Sequential(torch.nn.Linear(2, width), torch.nn.BatchNorm1d(width), torch.nn.Linear(width, 1))


def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
    network = network_of(config["width"])
    trial.save_weights(network)
    for step in trial.steps():
        with torch.no_grad():
            network[0].weight += 1.0
        yield {"loss": float(step)}


def weights_of(function: Any, spec: TrialSpec = SPEC, stop_after: int | None = None) -> Weights:
    session = Session(function, spec)
    while isinstance(event := session.advance(), Reported):
        if event.step == stop_after:
            event = session.stop()
            break
    assert isinstance(event, Finished), event
    assert event.weights is not None
    return event.weights


def metadata(weights: Weights) -> dict[str, str]:
    size = int.from_bytes(weights.content[:8], "little")
    found: dict[str, str] = json.loads(weights.content[8 : 8 + size])["__metadata__"]
    return found


def test_the_weights_are_those_of_the_end_also_when_the_trial_is_stopped() -> None:
    torch.manual_seed(SPEC.seed)
    start = network_of(4)[0].weight
    assert torch.equal(load(weights_of(train).content)["0.weight"], start + 3)
    assert torch.equal(load(weights_of(train, stop_after=1).content)["0.weight"], start + 1)


def test_the_starting_point_and_the_architecture_have_fingerprints() -> None:
    one, again = weights_of(train), weights_of(train, stop_after=2)
    other_start = weights_of(train, replace(SPEC, seed=6))
    other_shape = weights_of(train, replace(SPEC, config={"width": 5}))
    assert one.init_fingerprint == again.init_fingerprint != other_start.init_fingerprint
    assert one.architecture_fingerprint == other_start.architecture_fingerprint != other_shape.architecture_fingerprint
    expected = {"init_fingerprint": one.init_fingerprint, "architecture_fingerprint": one.architecture_fingerprint}
    assert expected.items() <= metadata(one).items()


def test_fingerprints_tell_types_and_order_of_bytes_but_not_of_names() -> None:
    a, b = torch.arange(4.0), torch.arange(4.0).bfloat16()
    assert fingerprint_of({"a": a, "b": b}) == fingerprint_of({"b": b, "a": a})
    assert fingerprint_of({"a": a}) != fingerprint_of({"a": a.reshape(2, 2)})
    assert fingerprint_of({"a": a}) != fingerprint_of({"a": a.flip(0)})
    assert fingerprint_of({"a": torch.tensor(1.0)}) != fingerprint_of({"a": torch.tensor([1.0])})
    assert architecture_of({"a": a}) != architecture_of({"a": a.bfloat16()})
    assert architecture_of({"a": a}) == architecture_of({"a": a + 1})


def test_tied_weights_are_stored_once_and_load(tmp_path: Path) -> None:
    class Tied(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
            self.second.weight = self.first.weight

    def tied(config: dict[str, Any], trial: TrialHandle) -> dict[str, float]:
        trial.save_weights(Tied())
        return {"loss": 0.0}

    file = tmp_path / "tied.safetensors"
    file.write_bytes(weights_of(tied).content)
    assert len({"first.weight", "second.weight"} & load(file.read_bytes()).keys()) == 1
    loaded = Tied()
    load_model(loaded, str(file))
    torch.manual_seed(SPEC.seed)
    assert torch.equal(loaded.second.weight, Tied().first.weight)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ({"a": 1}, "expected a torch module, got dict"),
        (torch.nn.LazyLinear(3), "run one batch through the network first"),
    ],
)
def test_what_is_no_network_is_refused(network: Any, words: str) -> None:
    def wrong(config: dict[str, Any], trial: TrialHandle) -> dict[str, float]:
        trial.save_weights(network)
        return {"loss": 0.0}

    event = Session(wrong, SPEC).advance()
    assert isinstance(event, Failed)
    assert words in event.reason


def test_extra_state_that_is_no_tensor_is_refused_when_it_is_registered() -> None:
    class Extra(torch.nn.Linear):
        def get_extra_state(self) -> str:
            return "words"

    def wrong(config: dict[str, Any], trial: TrialHandle) -> dict[str, float]:
        trial.save_weights(Extra(1, 1))
        return {"loss": 0.0}

    event = Session(wrong, SPEC).advance()
    assert isinstance(event, Failed)
    assert "_extra_state is str" in event.reason


@pytest.mark.parametrize("spec", [replace(SPEC, rank=1, world_size=2), replace(SPEC, open_test=True)])
def test_only_the_first_process_keeps_weights_and_the_test_phase_none(spec: TrialSpec) -> None:
    session = Session(train, spec)
    while isinstance(event := session.advance(), Reported):
        pass
    assert isinstance(event, Finished)
    assert event.weights is None

"""The model of a trial is had back as it was after its last report."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from assay.spaces import TrainableError
from assay.trainables import Reported, Session, TrialHandle, TrialSpec
from assay.trainables.opened_model import OpenedModel, open_model

X = np.arange(60.0).reshape(30, 2)
Y = np.arange(30) % 2
SPEC = TrialSpec(3, {"rate": 0.5}, metric="loss", seed=5, max_steps=4)


class Counter(torch.nn.Module):
    """Its output is how often it was trained."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def predict(self, inputs: Any) -> Any:
        share = np.full(len(inputs), float(self.count) / 10, np.float32)
        return np.stack([1 - share, share], axis=1)


def _prepared(trial: TrialHandle) -> Counter:
    trial.split(X, Y)
    model = Counter()
    trial.save_weights(model)
    trial.save_predictions(model.predict)
    if trial.checkpoint:
        model.load_state_dict(torch.load(trial.checkpoint / "model.pt"))
    return model


def generator(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
    model = _prepared(trial)
    for step in trial.steps():
        model.count += 1
        trial.save_checkpoint(lambda folder: torch.save(model.state_dict(), folder / "model.pt"))
        yield {"loss": float(step)}


def plain(config: dict[str, Any], trial: TrialHandle) -> None:
    for metrics in generator(config, trial):
        trial.report(metrics)


def without_checkpoints(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
    model = _prepared(trial)
    for step in trial.steps():
        model.count += 1
        yield {"loss": float(step)}


def checkpoints_of(function: Any, folder: Path, count: int) -> list[tuple[int, str]]:
    """Those that a run of ``count`` reports leaves, the newest first."""
    session = Session(function, replace(SPEC, checkpoints=str(folder)))
    found = []
    for _ in range(count):
        event = session.advance()
        assert isinstance(event, Reported)
        if event.checkpoint:
            found.append((event.step, event.checkpoint))
    session.abandon()
    return found[::-1]


def trained(model: OpenedModel) -> int:
    assert model.predict is not None and model.split is not None
    probability: float = model.predict(model.split.x_val)[0, 1]
    return round(10 * probability)


@pytest.mark.parametrize("function", [generator, plain])
@pytest.mark.parametrize(("kept", "length", "stopped"), [(4, 4, False), (2, 2, True), (2, 4, False), (0, 3, True)])
def test_it_is_restored_or_trained_again_to_its_last_report(
    function: Callable[..., Any], kept: int, length: int, stopped: bool, tmp_path: Path
) -> None:
    spec = replace(SPEC, restore=tuple(checkpoints_of(function, tmp_path, kept)))
    with open_model(function, spec, length, stopped=stopped) as model:
        assert trained(model) == length
        assert (model.restored_step, model.trained_again) == (kept, length - kept)
        assert int(model.network.count) == length
        assert model.sealed is None


def test_without_checkpoints_it_is_trained_again_from_its_seed() -> None:
    with open_model(without_checkpoints, SPEC, 4) as model:
        assert trained(model) == 4
        assert model.restored_step == 0


def test_opening_writes_no_checkpoint_and_leaves_the_generators_alone(tmp_path: Path) -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    expected = random.Random(1).random(), np.random.RandomState(1).rand(), torch.rand(1, generator=_seeded(1))
    with open_model(generator, replace(SPEC, checkpoints=str(tmp_path)), 4):
        pass
    assert (random.random(), np.random.rand()) == expected[:2]  # noqa: NPY002
    assert torch.equal(torch.rand(1), expected[2])
    assert not list(tmp_path.rglob("*"))


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_sealed_part_is_there_only_in_the_test_phase() -> None:
    with open_model(generator, replace(SPEC, open_test=True), 4) as model:
        assert model.sealed is not None
        assert len(model.sealed[0]) == 6


def test_files_of_the_checkpoint_stay_mapped_while_it_is_open(tmp_path: Path) -> None:
    def mapped(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
        trial.split(X, Y)
        if trial.checkpoint is None:
            trial.save_checkpoint(lambda folder: np.save(folder / "table.npy", np.full(30, 0.25)))
            yield {"loss": 0.0}
            return
        file = trial.checkpoint / "table.npy"
        trial.save_predictions(lambda inputs: np.load(file, mmap_mode="r")[: len(inputs)])

    spec = replace(SPEC, max_steps=None)
    spec = replace(spec, restore=tuple(checkpoints_of(mapped, tmp_path, 1)))
    with open_model(mapped, spec, 1) as model:
        assert model.predict is not None and model.split is not None
        assert model.predict(model.split.x_val).tolist() == [0.25] * 6


def test_a_function_that_trains_on_is_told_how_not_to(tmp_path: Path) -> None:
    def headless(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
        model = _prepared(trial)
        for step in range(4):  # whatever the checkpoint says
            model.count += 1
            trial.save_checkpoint(lambda folder: torch.save(model.state_dict(), folder / "model.pt"))
            yield {"loss": float(step)}

    spec = replace(SPEC, restore=tuple(checkpoints_of(headless, tmp_path, 4)))
    with pytest.raises(TrainableError, match="trains on past report 4"), open_model(headless, spec, 4):
        pass


@pytest.mark.parametrize("plainly", [False, True])
def test_what_the_function_raises_is_one_line(plainly: bool) -> None:
    def broken(config: dict[str, Any], trial: TrialHandle) -> Any:
        raise ValueError("no such file")
        yield

    function = (lambda config, trial: next(broken(config, trial))) if plainly else broken
    with pytest.raises(TrainableError, match="trial 3 cannot be restored: ValueError: no such file"):
        open_model(function, SPEC, 4).__enter__()

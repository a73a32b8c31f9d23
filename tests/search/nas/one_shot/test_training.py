"""Supernets under each strategy: trained, interrupted, collapsed, refused."""

# ruff: noqa: E402 - NNI is imported without its warnings first

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("nni")

from assay.spaces.from_nni.fixes import nni, with_tianshou

nni()

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from assay.search.nas.one_shot.data import Data
from assay.search.nas.one_shot.found import SCORE, Candidate, Found
from assay.search.nas.one_shot.module import Recipe
from assay.search.nas.one_shot.options import OneShotOptions
from assay.search.nas.one_shot.progress import CHECKPOINT, Progress
from assay.search.nas.one_shot.searchable import Searchable
from assay.search.nas.one_shot.strategies import make_strategy
from assay.search.nas.one_shot.training import train_supernet
from assay.spaces import Config, Limit, Space, SpaceError
from assay.spaces.architectures import Architecture
from assay.spaces.from_nni.model_space_architecture import ModelSpaceArchitecture

from . import tiny

STRATEGIES = ("darts", "gumbel_darts", "random", "proxyless", "enas")
SHAPE = (1, 8, 8)


class Interrupted(BaseException):
    """As a trial is told to stop."""


@dataclass
class Trial:
    """As much of a trial as a supernet sees.

    Args:
        stop: leave with so many reports.
    """

    folder: Path
    checkpoint: Path | None = None
    stop: int | None = None
    seed: int = 7
    reports: list[dict[str, Any]] = field(default_factory=list)

    def report(self, metrics: Mapping[str, Any], /) -> None:
        self.reports.append({name: round(value, 9) for name, value in metrics.items()})
        if len(self.reports) == self.stop:
            raise Interrupted

    def save_checkpoint(self, write: Callable[[Path], None]) -> None:
        self.saved = Path(tempfile.mkdtemp(dir=self.folder))
        write(self.saved)


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)


def digits() -> Data:
    from sklearn.datasets import load_digits

    images, classes = load_digits(return_X_y=True)
    inputs, targets = torch.tensor(images[:96] / 16).float().reshape(-1, *SHAPE), torch.tensor(classes[:96])
    train, validation = TensorDataset(inputs[:64], targets[:64]), TensorDataset(inputs[64:], targets[64:])
    return Data.of((DataLoader(train, 16, shuffle=True), DataLoader(validation, 16)))


def trained(space: type[Any], trial: Trial, strategy: str, limits: Sequence[Limit] = (), **more: Any) -> Found:
    if strategy == "enas":
        with_tianshou()
    architecture = ModelSpaceArchitecture(space, SHAPE)
    options = {"epochs": 2, "top": 2, "samples": 2, "candidates": 4, "architecture_learning_rate": 0.03} | more
    plan = OneShotOptions(strategy=strategy, **options).plan(limits)  # type: ignore[arg-type]
    return train_supernet(plan, architecture, Searchable.of(architecture, {}), digits(), trial)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_reports_each_epoch_and_finds_architectures(strategy: str, tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    found = trained(tiny.Everything, trial, strategy)
    learnt = set() if strategy == "random" else {"entropy", "skip_share"}
    assert [set(one) for one in trial.reports] == [{SCORE, "supernet_loss"} | learnt] * 2
    assert all(0 <= one[SCORE] <= 1 and 0 < one["supernet_loss"] < 5 for one in trial.reports)
    assert (found.strategy, found.epochs, found.planned, found.choices) == (strategy, 2, 2, 1)
    assert [one.origin for one in found.candidates] == ["top", "top", "sample", "sample"]
    architecture: Architecture = ModelSpaceArchitecture(tiny.Everything, SHAPE)
    space = Space(architecture.parameters())
    assert len({architecture.canonical(space.validate(one.config)) for one in found.candidates}) == 4
    assert all(0 <= one.score <= 1 for one in found.candidates)
    probable = [one.probability for one in found.candidates[:2]]
    if strategy == "random":
        assert found.candidates[0].score >= found.candidates[1].score
    if strategy in ("random", "enas"):
        assert probable == [None, None]
    else:
        assert probable[0] is not None and probable[1] is not None
        assert 1 > probable[0] > 0 < probable[1] < 1
    assert list(tmp_path.iterdir()) == [*tmp_path.glob("tmp*")]  # nothing but checkpoints


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_interruption_changes_nothing(strategy: str, tmp_path: Path) -> None:
    whole = Trial(tmp_path)
    expected = trained(tiny.Everything, whole, strategy, epochs=3)
    first = Trial(tmp_path, stop=1)
    torch.rand(3)
    with pytest.raises(Interrupted):
        trained(tiny.Everything, first, strategy, epochs=3)
    assert torch.load(first.saved / CHECKPOINT, weights_only=True)  # no pickle of anybody's classes
    torch.rand(5)
    second = Trial(tmp_path, checkpoint=first.saved)
    assert trained(tiny.Everything, second, strategy, epochs=3) == expected
    assert first.reports + second.reports == whole.reports
    late = Trial(tmp_path, checkpoint=whole.saved)
    assert trained(tiny.Everything, late, strategy, epochs=3) == expected
    assert late.reports == []


def test_a_collapse_ends_training_with_the_architecture_of_the_last_healthy_epoch(tmp_path: Path) -> None:
    options = {"epochs": 4, "architecture_learning_rate": 0.1, "warmup": 1, "samples": 0, "top": 1}
    trial = Trial(tmp_path)
    found = trained(tiny.Collapsing, trial, "darts", max_skips=2, **options)
    assert trial.reports[-1]["skip_share"] == 1.0 > trial.reports[-2]["skip_share"]
    assert found.collapsed
    assert found.epochs == len(trial.reports) < 4
    assert found.skips == round(3 * trial.reports[-2]["skip_share"])
    healthy = max(epoch for epoch, one in enumerate(trial.reports, 1) if one["skip_share"] <= 2 / 3)
    assert f"collapsed to skip connections in epoch {found.epochs} (more than 2 of 3)" in found.warning
    assert found.warning.endswith(f"its architectures are those of epoch {healthy}, the last without")
    (best,) = found.candidates
    assert sum(value == "skip_connect" for value in best.config.values()) == found.skips
    again = Trial(tmp_path, checkpoint=trial.saved)
    assert trained(tiny.Collapsing, again, "darts", max_skips=2, **options) == found
    assert again.reports == []
    kept = trained(tiny.Collapsing, Trial(tmp_path), "darts", max_skips=3, **options)
    assert (kept.collapsed, kept.epochs, kept.skips, kept.warning) == (False, 4, 3, "")


def test_equal_choices_are_no_collapse_and_are_told(tmp_path: Path) -> None:
    found = trained(tiny.Collapsing, Trial(tmp_path), "darts", max_skips=0, architecture_learning_rate=1e-6)
    assert not found.collapsed
    assert "prefers hardly anything (entropy 1.0000 of 1)" in found.warning


class Watched:
    """A supernet with so many skip connections as it is told to have."""

    learns, skippable = True, 4

    def __init__(self) -> None:
        self.now, self.restored = 0, -1

    def skips(self, sample: dict[str, Any]) -> int:
        return self.now

    def likeliest(self) -> dict[str, Any]:
        return {}

    def weights(self) -> int:
        return self.now

    def restore(self, weights: int) -> None:
        self.restored = weights


def watched(tmp_path: Path, epochs: list[tuple[int, float]]) -> tuple[Progress, Watched]:
    """After epochs with so many skip connections and such an entropy each."""
    choices, supernet = SimpleNamespace(skips={key: {"skip"} for key in "abcd"}), Watched()
    plan = OneShotOptions(epochs=9, top=1, samples=0).plan()
    progress = Progress(plan, None, choices, digits(), Trial(tmp_path))  # type: ignore[arg-type]
    progress.supernet = supernet  # type: ignore[assignment]
    for epoch, (skips, entropy) in enumerate(epochs, 1):
        supernet.now, progress._entropy, progress._epochs = skips, entropy, epoch
        progress._watch({})
    return progress, supernet


def test_a_collapse_is_of_a_supernet_that_prefers_something(tmp_path: Path) -> None:
    one = (Candidate(Config({"architecture.a": 1}), "top", 0.5),)
    undecided, supernet = watched(tmp_path, [(1, 0.5), (3, 0.995), (4, 0.99)])
    assert supernet.restored == -1
    assert not undecided.outcome(one).collapsed
    decided, supernet = watched(tmp_path, [(1, 0.5), (2, 0.5), (3, 0.995), (3, 0.98)])
    assert supernet.restored == 2
    found = decided.outcome(one)
    assert found.collapsed
    assert "in epoch 4 (more than 2 of 4): training ended, and its architectures are those of epoch 2," in found.warning
    never, supernet = watched(tmp_path, [(3, 0.5), (4, 0.5)])
    assert supernet.restored == -1
    assert not never.outcome(one).collapsed


def test_fewer_different_architectures_than_asked_for_are_told(tmp_path: Path) -> None:
    found = trained(tiny.Layers, Trial(tmp_path), "darts", epochs=1, top=6, samples=6, candidates=6)
    networks: Architecture = ModelSpaceArchitecture(tiny.Layers, SHAPE)
    different = {networks.canonical(config) for config in Space(networks.parameters()).configs()}
    assert len(found.candidates) == len(different) == 7
    assert [one.origin for one in found.candidates] == ["top"] * 6 + ["sample"]
    text = "only 7 different architectures were found, 5 fewer than top and samples ask for"
    assert found.warning.endswith(text)


def test_limits_that_nothing_meets_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.search.nas.one_shot.choosing._IN_VAIN", 5)
    found = trained(tiny.Layers, Trial(tmp_path), "darts", limits=[Limit("params", max=1)], epochs=1)
    assert found.candidates == ()
    text = "; looking for architectures ended after 5 that were refused or isomorphic to others (of 9 networks looked "
    assert text in found.warning
    assert found.warning.endswith("at, 9 break limits on params): make the limits or the space wider")


def test_random_architectures_fill_up_what_the_supernet_prefers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.search.nas.one_shot.choosing._MOST_PROBABLE", 1)
    found = trained(tiny.Layers, Trial(tmp_path), "darts", epochs=1, top=4, samples=2)
    first, *others = found.candidates[:4]
    assert first.probability is not None
    assert [one.probability for one in others] == [None] * 3
    assert [one.origin for one in found.candidates] == ["top"] * 4 + ["sample"] * 2
    scores = [one.score for one in others]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(("limit", "length"), [(0.5, 0.5), (9.0, 5.0), (None, 5.0)])
def test_the_gradient_of_the_weights_is_clipped(limit: float | None, length: float) -> None:
    recipe = Recipe(digits(), OneShotOptions(gradient_clip=limit).plan())
    weight = nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([3.0, 4.0])
    recipe._trainer = SimpleNamespace(optimizers=[torch.optim.SGD([weight])])
    recipe.on_after_backward()
    assert float(weight.grad.norm()) == pytest.approx(length, rel=1e-5)


def test_a_score_is_the_mean_over_examples() -> None:
    recording = Recording(tiny.Layers, "random")
    validation = DataLoader(recording.data.validation.dataset, 24)  # batches of 24 and 8
    score = lambda outputs, targets: float(len(targets))  # noqa: E731
    data = Data.of({"train": recording.data.train, "validation": validation, "score": score})
    sample = {"first": "conv3", "second": "conv1"}
    assert recording.supernet.score(sample, data, torch.device("cpu")) == (24 * 24 + 8 * 8) / 32


def test_patience_ends_training(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    found = trained(tiny.Layers, trial, "random", epochs=30, patience=1, learning_rate=1e-6, samples=0)
    scores = [one[SCORE] for one in trial.reports]
    assert found.epochs == len(scores) < 30
    assert scores[-1] <= max(scores[:-1])
    assert all(later > earlier for earlier, later in itertools.pairwise(scores[:-1]))


class Recording:
    """A supernet that is not trained, and what it computes."""

    def __init__(self, space: type[Any], strategy: str) -> None:
        from nni.nas.evaluator.pytorch import Lightning, Trainer
        from nni.nas.execution import SequentialExecutionEngine
        from nni.nas.space import RawFormatModelSpace

        from assay.search.nas.one_shot.module import Recipe
        from assay.search.nas.one_shot.supernet import Choices, Supernet

        if strategy == "enas":
            with_tianshou()
        torch.manual_seed(0)
        model = space()
        choices, plan = Choices(model), OneShotOptions(strategy=strategy).plan()  # type: ignore[arg-type]
        nni_strategy, data = make_strategy(plan, 2), digits()
        recipe = Recipe(data, plan)
        recipe.set_model(model)
        trainer = Trainer(logger=False, enable_checkpointing=False, accelerator="cpu", enable_progress_bar=False)
        evaluator = Lightning(recipe, trainer, [0], [0])
        nni_strategy.initialize(RawFormatModelSpace(model, evaluator), SequentialExecutionEngine())
        self.supernet = Supernet(strategy, nni_strategy, choices)
        self.supernet.module.set_model(model)
        self.data = data

    def outputs(self, sample: dict[str, Any]) -> torch.Tensor:
        seen: list[torch.Tensor] = []
        score = lambda outputs, targets: seen.append(outputs.clone()) or 0.0  # noqa: E731
        data = Data.of({"train": self.data.train, "validation": self.data.validation, "score": score})
        self.supernet.score(sample, data, torch.device("cpu"))
        return torch.cat(seen)

    def frozen(self, sample: dict[str, Any]) -> torch.Tensor:
        """By NNI, with BatchNorm statistics of all training examples at once."""
        network = deepcopy(self.supernet.network.freeze(sample)).eval()  # type: ignore[operator]
        norms = [one for one in network.modules() if isinstance(one, nn.BatchNorm2d)]
        for norm in norms:
            norm.momentum = 1.0
            norm.train()
        batch = next(iter(DataLoader(self.data.train.dataset, 64)))[0]
        with torch.no_grad():
            network(batch)
            return network.eval()(self.data.validation.dataset.tensors[0])  # type: ignore[no-any-return]


@pytest.mark.parametrize("strategy", ["darts", "gumbel_darts", "random", "proxyless"])
@pytest.mark.parametrize("space", [tiny.Everything, tiny.Widths])
def test_a_path_is_scored_as_the_network_that_is_cut_out(space: type[Any], strategy: str) -> None:
    if (space, strategy) == (tiny.Widths, "proxyless"):
        pytest.skip("NNI has no proxyless supernet of widths")
    recording = Recording(space, strategy)
    architecture = ModelSpaceArchitecture(space, SHAPE)
    searchable, configs = Searchable.of(architecture, {}), [*Space(architecture.parameters()).configs()]
    before = {name: value.clone() for name, value in recording.supernet.network.state_dict().items()}
    outputs = {}
    for config in configs:
        sample = searchable.sample_of(config)
        outputs[config] = recording.outputs(sample)
        torch.testing.assert_close(outputs[config], recording.frozen(sample), rtol=0.05, atol=0.02)
    assert len({float(one.abs().sum()) for one in outputs.values()}) == len(configs) > 1
    after = recording.supernet.network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.parametrize("strategy", ["darts", "gumbel_darts", "proxyless", "enas"])
def test_what_is_preferred_can_be_set_back(strategy: str) -> None:
    supernet = Recording(tiny.Layers, strategy).supernet
    before, preferred = supernet.weights(), supernet.likeliest()
    probable = supernet.probabilities()
    supernet.restore({name: -3 * value for name, value in before.items()})
    assert supernet.likeliest() != preferred
    supernet.restore(before)
    assert supernet.likeliest() == preferred
    assert supernet.probabilities() == probable


@pytest.mark.parametrize(
    ("space", "strategy", "said"),
    [
        (tiny.Dropping, "darts", "strategy darts cannot train this space: .*`drop`.*: make it a LayerChoice"),
        (tiny.Widths, "proxyless", "strategy proxyless cannot train this space: .*dangling mutables"),
        (tiny.Constrained, "random", "one-shot search cannot train .*Constraint: use regularized_evolution"),
        (tiny.TwoInputs, "enas", "strategy enas cannot choose 2 inputs at once at 'source': choose one"),
    ],
)
def test_what_nni_cannot_train_is_refused_with_the_cure(
    space: type[Any], strategy: str, said: str, tmp_path: Path
) -> None:
    trial = Trial(tmp_path)
    with pytest.raises(SpaceError, match=said):
        trained(space, trial, strategy)
    assert trial.reports == []


def test_two_of_three_inputs(tmp_path: Path) -> None:
    found = trained(tiny.TwoInputs, Trial(tmp_path), "darts", top=3, samples=0)
    assert len(found.candidates) == 3
    assert sum(one.probability or 0.0 for one in found.candidates) == pytest.approx(1.0)

"""A model soup from the weights that the trials of a sweep have kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis import Results, Scorer
from ..analysis.ensembles import Gain, Library
from ..analysis.ensembles.folds import folds_of
from ..analysis.ensembles.gain import gain_of
from ..analysis.ensembles.recorded import scorer_for
from ..analysis.ensembles.report import NOT_BETTER
from ..analysis.finalists import rank_search
from ..analysis.scorers import Array, Floats, kind_of
from ..search import Artifact, State
from ..spaces import UsageError
from ..trainables import Predictions, Trainable
from ..trainables.opened_model import OpenedModel
from ..trainables.predictions import as_predictions
from ..trainables.soup import Soup, average, greedy_members, has_batch_norm, settle_batch_norm
from .explaining import opened

if TYPE_CHECKING:
    import torch

_MOST = 20
"""Networks that are tried: each costs a few passes over the validation examples."""
_OTHER = "another architecture or other starting weights than trial {}"


@dataclass(frozen=True)
class SoupReport:
    """A soup and what it is worth.

    Args:
        members: trials whose weights are averaged, in the order in which they were added.
        single: the trial whose network is best alone.
        metric: what was optimised.
        score, single_score: cross-fitted over the validation examples: the soup, and the best single network.
        gain: of the soup over it.
        selection_score: of the soup on the examples that chose its members: optimistic.
        barriers: trial -> by how much the loss halfway between it and the best single network is above the worse one.
        connected: whether any of them can be reached without such a rise.
        batch_norm: whether running statistics were worked out anew, on the training inputs.
        left_out: trials that cannot be averaged with the best one, and why.
        examples: for validation.
    """

    members: tuple[int, ...]
    single: int
    metric: str
    score: float
    single_score: float
    gain: Gain | None
    selection_score: float
    barriers: dict[int, float]
    connected: bool
    batch_norm: bool
    left_out: dict[int, str]
    examples: int

    @property
    def accepted(self) -> bool:
        """Whether it is worth more than the best single network."""
        return len(self.members) > 1 and self.gain is not None and self.gain.proven

    @property
    def verdict(self) -> str:
        """What to do with it, in one line."""
        if self.accepted:
            return f"better than trial {self.single}, the best single model"
        alone = f"use trial {self.single} alone"
        if not self.connected:
            return f"not linearly connected: halfway between two networks the loss is higher than at both; {alone}"
        return f"{NOT_BETTER}: {alone}"

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {
            "method": "soup",
            "accepted": self.accepted,
            "verdict": self.verdict,
            "metric": self.metric,
            "members": list(self.members),
            "single": self.single,
            "score": _finite(self.score),
            "single_score": _finite(self.single_score),
            "gain": _finite(self.gain.mean) if self.gain else None,
            "gain_interval": [_finite(bound) for bound in self.gain.interval] if self.gain else None,
            "gain_p": _finite(self.gain.p_value) if self.gain else None,
            "selection_score": _finite(self.selection_score),
            "barriers": {str(trial): _finite(barrier) for trial, barrier in self.barriers.items()},
            "connected": self.connected,
            "batch_norm": self.batch_norm,
            "left_out": {str(trial): why for trial, why in self.left_out.items()},
            "examples": self.examples,
        }

    def lines(self) -> list[str]:
        """For people."""
        made = [
            f"members: trials {', '.join(map(str, self.members))} of {len(self.barriers) + 1} tried",
            f"{self.metric}, cross-fitted: {self.score:.4f}; best single network chosen the same way: "
            f"{self.single_score:.4f}",
        ]
        if self.gain is not None:
            low, high = self.gain.interval
            made.append(f"gain: {self.gain.mean:+.4f} [{low:+.4f}, {high:+.4f}]")
        for trial, barrier in self.barriers.items():
            made.append(f"trial {trial}: barrier of the loss halfway to trial {self.single}: {barrier:+.4f}")
        if self.batch_norm:
            made.append("running statistics of batch normalisation: worked out anew on the training inputs")
        return made + [f"trial {trial} is left out: {why}" for trial, why in self.left_out.items()]


def make_soup(
    results: Results,
    *,
    output: Path | None = None,
    function: Trainable | None = None,
    directory: str | Path | None = None,
) -> SoupReport:
    """Average the weights of networks of the search that started alike, as far as that helps on validation examples.

    The training function runs in this process, to restore one model. Wortsman et al., Model Soups, ICML 2022.

    Args:
        output: safetensors file for the averaged weights; it is not written unless the soup is accepted.
        function, directory: see :func:`~assay.cluster.explaining.opened`.

    Raises:
        UsageError: when there are no two networks that can be averaged, or nothing to be scored on.
    """
    best, files, left_out = _alike(results)
    with opened(results, best, function=function, directory=directory) as model:
        kitchen = _Kitchen(results, model, files)
        report = _report(results, kitchen, left_out)
        if output is not None and report.accepted:
            kitchen.write(tuple(sorted(kitchen.numbers.index(number) for number in report.members)), output)
    return report


class _Kitchen:
    """The networks of some trials, and what averages of them predict for the validation examples."""

    def __init__(self, results: Results, model: OpenedModel, files: dict[int, Artifact]) -> None:
        if model.predict is None or model.split is None or model.network is None:
            raise UsageError("no soup: it needs trial.split, trial.save_predictions(function) and trial.save_weights")
        self._predict, self._split = model.predict, model.split
        self._network: torch.nn.Module = model.network
        self.numbers = [*files]
        self._states = [_load(self._network, results.ledger.store, file) for file in files.values()]
        self.batch_norm = has_batch_norm(self._network)
        self._once = cache(self._predicted)

    def predicted(self, members: tuple[int, ...]) -> Predictions:
        """What the average of these states predicts; the same in whatever order they come."""
        return self._once(tuple(sorted(members)))

    def _predicted(self, members: tuple[int, ...]) -> Predictions:
        self._serve(members)
        split = self._split
        return as_predictions(self._predict(split.x_val), np.asarray(split.y_val), split.classes)

    def _serve(self, members: tuple[int, ...]) -> None:
        """Put the average of these states into the network."""
        self._network.load_state_dict(average([self._states[index] for index in members]))
        if self.batch_norm and len(members) > 1:
            settle_batch_norm(self._network, lambda: self._predict(self._split.x_train))

    def write(self, members: tuple[int, ...], output: Path) -> None:
        from safetensors.torch import save_model

        self._serve(members)
        try:
            save_model(self._network, str(output), {"format": "pt"})
        except OSError as error:
            raise UsageError(f"--output: {output} cannot be written: {error.strerror or error}") from error


def _report(results: Results, kitchen: _Kitchen, left_out: dict[int, str]) -> SoupReport:
    alone = kitchen.predicted((0,))
    targets = alone.targets
    scorer = scorer_for(results, kind_of(targets))
    soup = greedy_members(len(kitchen.numbers), _loss(kitchen, scorer, slice(None)))
    mixed, single = np.empty_like(alone.values), np.empty_like(alone.values)
    for rest, held_out in folds_of(Library([0], [alone.values], targets), results.sweep.seed):
        part = greedy_members(len(kitchen.numbers), _loss(kitchen, scorer, rest))
        mixed[held_out] = kitchen.predicted(part.members).values[held_out]
        single[held_out] = kitchen.predicted(part.members[:1]).values[held_out]
    numbers = kitchen.numbers
    return SoupReport(
        members=tuple(numbers[index] for index in soup.members),
        single=numbers[soup.members[0]],
        metric=scorer.name,
        score=scorer.compute(mixed, targets),
        single_score=scorer.compute(single, targets),
        gain=gain_of(mixed, [single], targets, scorer, results.sweep.seed),
        selection_score=scorer.compute(kitchen.predicted(soup.members).values, targets),
        barriers=_barriers(soup, numbers),
        connected=soup.connected,
        batch_norm=kitchen.batch_norm,
        left_out=left_out,
        examples=len(targets),
    )


def _barriers(soup: Soup, numbers: list[int]) -> dict[int, float]:
    return {numbers[index]: barrier for index, barrier in soup.barriers.items()}


def _loss(kitchen: _Kitchen, scorer: Scorer, rows: Array | slice) -> Callable[[tuple[int, ...]], float]:
    def loss(members: tuple[int, ...]) -> float:
        predicted = kitchen.predicted(members)
        values: Floats = predicted.values[rows]
        found = scorer.loss(values, predicted.targets[rows])
        return math.inf if math.isnan(found) else found

    return loss


def _alike(results: Results) -> tuple[int, dict[int, Artifact], dict[int, str]]:
    """The best trial with weights, the files of those that started as it did (it is the first), and the others."""
    stored = {file.trial: file for file in results.ledger.artifacts(results.record, "weights")}
    ranked = rank_search(results.trials, results.sweep.objective)
    numbers = [trial.number for trial in ranked if trial.state is State.COMPLETE and trial.number in stored]
    if not numbers:
        raise UsageError("no soup: the training function keeps no weights: call trial.save_weights(network)")
    marks = {number: _fingerprints(results.ledger.store, stored[number]) for number in numbers}
    best = numbers[0]
    alike = [number for number in numbers if marks[number] == marks[best]]
    if len(alike) < 2:
        raise UsageError(
            f"no soup: no other trial has the architecture and the starting weights of trial {best}, the best one: "
            "averages make sense for networks that go on from the same trained weights"
        )
    left_out = {number: _OTHER.format(best) for number in numbers if number not in alike}
    left_out |= dict.fromkeys(alike[_MOST:], f"beyond the best {_MOST}")
    return best, {number: stored[number] for number in alike[:_MOST]}, dict(sorted(left_out.items()))


def _fingerprints(store: Path, file: Artifact) -> tuple[str, str]:
    from safetensors import safe_open

    with safe_open(str(file.checked(store)), framework="pt") as weights:
        known = weights.metadata() or {}
    return known.get("architecture_fingerprint", ""), known.get("init_fingerprint", "")


def _load(network: torch.nn.Module, store: Path, file: Artifact) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_model

    load_model(network, str(file.checked(store)))
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

"""What happens after each epoch of a supernet: scored, watched, saved, reported. Loaded only where one is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from pytorch_lightning import Callback

from .choices import entropy
from .data import Data
from .found import SCORE, Candidate, Found
from .strategies import POLICY, policy_state, restore_policy
from .supernet import Choices, Sample, Supernet

CHECKPOINT = "supernet.ckpt"
_UNDECIDED = 0.99
"""Entropy of the choices, as a share of the largest, from which on none is preferred clearly: two at 56 to 44."""
_PATHS_SCORED = 4
"""Random paths scored after each epoch, where none is likelier than another."""


class Trial(Protocol):
    """What is needed of the trial."""

    seed: int
    checkpoint: Path | None

    def report(self, metrics: Mapping[str, Any], /) -> None: ...

    def save_checkpoint(self, write: Callable[[Path], None]) -> None: ...


class Progress(Callback):  # type: ignore[misc]  # followed no further by mypy
    """After each epoch: scores a path, watches for a collapse, saves, reports. Its state is part of the checkpoint."""

    supernet: Supernet

    # Lightning's own count of epochs is one behind when it makes the batches of a run that goes on.
    @property
    def epochs(self) -> int:
        """Epochs trained so far."""
        return self._epochs

    def __init__(self, options: dict[str, Any], strategy: Any, choices: Choices, data: Data, trial: Trial) -> None:
        self.strategy = strategy
        self.device = torch.device("cpu")
        self._options = options
        self._data = data
        self._trial = trial
        skippable = len(choices.skips)
        given = options["max_skips"]
        self._most = skippable / 2 if given is None else given
        self._best, self._best_epoch = -np.inf, 0
        self._epochs = 0
        self._entropy = 1.0
        self._healthy: dict[str, torch.Tensor] | None = None
        self._healthy_epoch = 0
        self._collapsed_at = 0

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        self.device = module.device
        self._epochs = trainer.current_epoch + 1
        training = module.training
        sample = self.supernet.likeliest()
        score = self._score(sample)
        module.train(training)
        metrics = {SCORE: score, "supernet_loss": module.training_module.mean_loss()}
        if sample is not None:
            self._entropy = entropy(self.supernet.probabilities())
            metrics |= {"entropy": self._entropy, "skip_share": self._share(sample)}
            self._watch(sample)
        if score > self._best:
            self._best, self._best_epoch = score, self._epochs
        trainer.should_stop = self._over
        self._trial.save_checkpoint(lambda folder: trainer.save_checkpoint(folder / CHECKPOINT))
        self._trial.report(metrics)

    def _score(self, sample: Sample | None) -> float:
        samples = [sample] if sample is not None else [self.supernet.module.resample() for _ in range(_PATHS_SCORED)]
        return float(np.mean([self.supernet.score(one, self._data, self.device) for one in samples]))

    def _share(self, sample: Sample) -> float:
        return self.supernet.skips(sample) / max(1, self.supernet.skippable)

    def _watch(self, sample: Sample) -> None:
        """End when skip connections take over, with the architecture weights of the last epoch without.

        Liang et al., DARTS+, arXiv 1909.06035, criterion 1: too many skip connections end the search. While choices are
        as good as equal, their order is chance and says nothing.
        """
        if self.supernet.skips(sample) <= self._most:
            self._healthy, self._healthy_epoch = self.supernet.weights(), self._epochs
        elif self._entropy < _UNDECIDED and self._healthy is not None:
            self._collapsed_at = self._epochs
            self.supernet.restore(self._healthy)

    def outcome(self, candidates: tuple[Candidate, ...], ended: str = "") -> Found:
        """The end of the training, in words and numbers.

        Args:
            ended: :attr:`Choosing.ended`.
        """
        sample = self.supernet.likeliest()
        skips = self.supernet.skips(sample) if sample is not None else 0
        return Found(
            strategy=self._options["strategy"],
            epochs=self._epochs,
            planned=self._options["epochs"],
            collapsed=bool(self._collapsed_at),
            warning="; ".join(text for text in (self._warning(skips), self._shortage(candidates), ended) if text),
            skips=skips,
            choices=self.supernet.skippable,
            candidates=candidates,
        )

    def _warning(self, skips: int) -> str:
        if self._collapsed_at:
            return (
                f"the supernet collapsed to skip connections in epoch {self._collapsed_at} (more than {self._most:g} "
                f"of {self.supernet.skippable}): training ended, and its architectures are those of epoch "
                f"{self._healthy_epoch}, the last without"
            )
        if self.supernet.learns and self._entropy >= _UNDECIDED:
            return (
                f"the supernet prefers hardly anything (entropy {self._entropy:.4f} of 1): its architectures are "
                "nearly random ones; train more epochs, or raise architecture_learning_rate"
            )
        if skips > self._most:
            return (
                f"{skips} of {self.supernet.skippable} places of the supernet's architecture are skip connections: "
                "compare it with the random architectures"
            )
        return ""

    def _shortage(self, candidates: tuple[Candidate, ...]) -> str:
        """That there are fewer different architectures than the options ask for."""
        missing = self._options["top"] + self._options["samples"] - len(candidates)
        if not missing:
            return ""
        return (
            f"only {len(candidates)} different architectures were found, {missing} fewer than top and samples ask for"
        )

    def state_dict(self) -> dict[str, Any]:
        names = ("_best", "_best_epoch", "_epochs", "_entropy", "_healthy", "_healthy_epoch", "_collapsed_at")
        state = {name: getattr(self, name) for name in names}
        module = self.strategy.oneshot_module
        return state | (policy_state(module) if hasattr(module, "policy") else {})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        state = dict(state_dict)
        if POLICY in state:
            restore_policy(self.strategy.oneshot_module, state.pop(POLICY))
        for name, value in state.items():
            setattr(self, name, value)

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        self.device = trainer.strategy.root_device

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        trainer.should_stop = self._over  # it was, when the checkpoint was written

    @property
    def _over(self) -> bool:
        patience = self._options["patience"]
        return bool(self._collapsed_at) or (patience is not None and self._epochs - self._best_epoch >= patience)

"""Recorded results of every config of a space, for several training seeds: what a search finds, and what that is worth.

A query gives the result of one seed, as a search would see it; replicates give those of up to two others. What a config
is worth is the mean over the seeds that are left; over all, in tables of three seeds and fewer, where none is.
The folder that holds the tables is an argument everywhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.spaces import Categorical, Config, Objective, Space

Floats = NDArray[np.float64]

OBJECTIVE = Objective("score", "maximize")
PREFIX = "architecture."
REPLICATES = 2


@dataclass(frozen=True)
class Source:
    """Where the numbers of a table are.

    Args:
        scores, seconds: names of arrays in the file; without seconds every config takes one.
        loss: small scores are good.
        accuracy: scores in this many percentage points per unit; 0: scores are no accuracies.
        cheap: arrays that are known before training.
    """

    file: str
    scores: str
    seconds: str = ""
    loss: bool = False
    accuracy: float = 1.0
    cheap: tuple[str, ...] = ()


SOURCES = {
    "nasbench201 cifar10": Source("nasbench201.npz", "cifar10__val_acc", "cifar10__train_time"),
    "nasbench_macro": Source("nasbench_macro.npz", "test_acc", cheap=("params", "flops")),
} | {
    f"hpolib {task}": Source("hpolib.npz", f"{task}__val_mse", f"{task}__train_time", loss=True, accuracy=0.0)
    for task in ("naval_propulsion", "protein_structure")
} | {
    f"hpobench {task}": Source("hpobench_nn.npz", f"{task}__val_acc", f"{task}__train_time", accuracy=100.0)
    for task in ("australian", "blood_transfusion", "car", "segment")
}  # fmt: skip


class ConfigTable:
    """All configs of a space with their scores (large is good), configs x seeds, and the seconds that each takes."""

    def __init__(self, folder: Path, source: Source) -> None:
        with np.load(folder / source.file, allow_pickle=False) as arrays:
            meta = json.loads(str(arrays["meta"]))
            scores = arrays[source.scores].astype(float)
            seconds = arrays[source.seconds].astype(float) if source.seconds else np.ones(len(scores))
            self.cheap = {name: arrays[name].astype(float) for name in source.cheap}
        self.scores: Floats = -scores if source.loss else scores
        self.seconds: Floats = seconds.mean(axis=1) if seconds.ndim > 1 else seconds
        self.points = source.accuracy
        self._sizes = tuple(meta["sizes"])
        self.space = Space(
            {
                PREFIX + name: {"values": values, "ordered": kind == "ord"}
                for name, values, kind in zip(meta["params"], meta["values"], meta["kind"], strict=True)
            }
        )

    def row(self, config: Config) -> int:
        """Where a config stands."""
        return int(np.ravel_multi_index([_index(self.space[name], config[name]) for name in self.space], self._sizes))

    def query(self, row: int, run: int) -> float:
        """The score of one seed, always the same in a run."""
        return float(self._shuffled(row, run)[0])

    def fresh(self, row: int, run: int) -> Floats:
        """The scores of replicates, of which there are at most two; that of the search where there is no other seed."""
        scores = self._shuffled(row, run)
        return scores[1 : 1 + REPLICATES] if len(scores) > 1 else scores

    def worth(self, row: int, run: int) -> float:
        """What a config is worth, by seeds that had no part in choosing it in this run, where there are any."""
        scores = self._shuffled(row, run)
        left = scores[1 + REPLICATES :]
        return float(left.mean() if len(left) else scores.mean())

    def _shuffled(self, row: int, run: int) -> Floats:
        known = self.scores[row, np.isfinite(self.scores[row])]
        return np.random.default_rng([run, row]).permutation(known)

    @cached_property
    def means(self) -> Floats:
        """Of each config over its seeds."""
        return np.nanmean(self.scores, axis=1)  # type: ignore[no-any-return]

    @property
    def best(self) -> float:
        return float(self.means.max())

    @cached_property
    def scale(self) -> float:
        """How far a median config is below the best."""
        return self.best - float(np.median(self.means))

    @cached_property
    def unit(self) -> float:
        """Seconds that a random config takes, on average."""
        return float(self.seconds.mean())


def _index(parameter: Any, value: Any) -> int:
    if not isinstance(parameter, Categorical):
        raise TypeError(f"expected a choice, got {parameter.describe()}")
    return parameter.index(value)

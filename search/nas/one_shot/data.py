"""What a supernet is trained on, as the user's function gives it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ....spaces import TrainableError

if TYPE_CHECKING:
    import torch

_FORM = "expected (training loader, validation loader), or a mapping with train, validation and maybe loss and score"


@dataclass(frozen=True)
class Data:
    """Batches, and how a network does on one.

    Args:
        train, validation: give batches of (inputs, targets), and have a length.
        loss: of (outputs, targets), to be differentiated.
        score: of (outputs, targets), the mean over the batch; larger is better.
    """

    train: Any
    validation: Any
    loss: Callable[[Any, Any], torch.Tensor]
    score: Callable[[Any, Any], float]

    @classmethod
    def of(cls, made: Any) -> Data:
        """From what the user's function returned.

        Raises:
            TrainableError: when it is something else.
        """
        if isinstance(made, (tuple, list)) and len(made) == 2:
            made = {"train": made[0], "validation": made[1]}
        if not isinstance(made, Mapping) or not {"train", "validation"} <= made.keys():
            raise TrainableError(f"data: {_FORM}, got {_described(made)}")
        unknown = sorted(map(str, made.keys() - {"train", "validation", "loss", "score"}))
        if unknown:
            raise TrainableError(f"data: {_FORM}, got also {', '.join(unknown)}")
        for part in ("train", "validation"):
            if not hasattr(made[part], "__iter__") or not hasattr(made[part], "__len__"):
                got = type(made[part]).__name__
                raise TrainableError(f"data: {part} has to be a loader with a length, such as a DataLoader, got {got}")
            if len(made[part]) == 0:
                raise TrainableError(f"data: {part} has no batches: make the batches smaller, or give more examples")
        return cls(
            made["train"], made["validation"], made.get("loss") or default_loss, made.get("score") or default_score
        )


def _described(made: Any) -> str:
    """What it is, without the numbers that it holds."""
    if made is None:
        return "None"
    kind = type(made).__name__
    if isinstance(made, Mapping):
        return f"{kind} with {', '.join(map(str, made)) or 'nothing'}"
    if isinstance(made, (tuple, list)):
        return f"{kind} of {len(made)}: {', '.join(_kind(one) for one in made[:4])}{', ...' * (len(made) > 4)}"
    return _kind(made)


def _kind(one: Any) -> str:
    shape = getattr(one, "shape", None)
    return type(one).__name__ if shape is None else f"{type(one).__name__} of shape {tuple(shape)}"


class Batches:
    """The batches of a loader, checked; the generators are seeded by the epoch, so that an interruption changes none.

    Args:
        epoch: the present one, counted from 0.
        seed: None for a loader that begins after another one that seeds.
    """

    def __init__(self, loader: Any, epoch: Callable[[], int], seed: int | None) -> None:
        self._loader = loader
        self._epoch = epoch
        self._seed = seed

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        if self._seed is not None:
            seed_epoch(self._seed, self._epoch())
        return map(pair, self._loader)


def pair(batch: Any) -> tuple[Any, Any]:
    """A batch as inputs and targets.

    Raises:
        TrainableError: when it is something else.
    """
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise TrainableError(f"data: a batch has to be (inputs, targets), got {type(batch).__name__}")
    return batch[0], batch[1]


def seed_epoch(seed: int, epoch: int) -> None:
    """Seed all generators for one epoch."""
    import torch

    drawn = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    random.seed(drawn)
    np.random.seed(drawn)  # noqa: NPY002 - what NNI and users' loaders draw from
    torch.manual_seed(drawn)


def default_loss(outputs: Any, targets: Any) -> torch.Tensor:
    """Cross entropy for class numbers, mean squared error for numbers with a fraction."""
    from torch.nn import functional

    if targets.is_floating_point():
        return functional.mse_loss(_alike(outputs, targets), targets)
    return functional.cross_entropy(outputs, targets)


def default_score(outputs: Any, targets: Any) -> float:
    """Accuracy for class numbers; for numbers with a fraction the mean squared error with its sign turned."""
    if targets.is_floating_point():
        return -float(((_alike(outputs, targets) - targets) ** 2).mean())
    return float((outputs.argmax(1) == targets).float().mean())


def _alike(outputs: Any, targets: Any) -> Any:
    if outputs.numel() != targets.numel():
        shapes = f"{tuple(outputs.shape)}, and targets of shape {tuple(targets.shape)}"
        raise TrainableError(f"data: the network gives outputs of shape {shapes}: they have to agree")
    return outputs.reshape(targets.shape)

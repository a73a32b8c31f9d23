"""What a worker is told to run, and what it tells back."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from .weights import Weights

OUTPUT = "output.log"
"""What a trial printed, in its folder."""


@dataclass(frozen=True)
class TrialSpec:
    """One run of a training function.

    Args:
        number: the trial's number in its sweep.
        config: nested parameter values, as the training function receives them.
        metric: must be in every report, and finite.
        others: metrics of further objectives, of which the same holds.
        seed: for every random generator of the run.
        split_id: which train/validation split of the development part; equal ids give equal splits.
        data_seed: fixes the sealed test part; one value for the whole sweep.
        data_id: what :meth:`TrialHandle.split` was given in earlier trials of the sweep; empty when not known yet.
        folds: validation is one of so many parts instead of a share, chosen by ``split_id``.
        open_test: predict the sealed test part when the run ends. Only the test phase sets it.
        max_steps: reports of a full run (the fidelity's ``max``); None when the sweep has no fidelity.
        restore: checkpoints to go on from, as (steps before it, path or URL), the one to be preferred first; the next
            is taken where one cannot be read, a fresh start where none can.
        must_restore: a fresh start is no substitute: the trial is to go on from another's checkpoint.
        segment, attempt: of the trial; part of the names of its checkpoints.
        checkpoints: folder or URL where checkpoints of this trial go; None turns them off.
        save_every: steps between checkpoints; one is also kept where a decision is due.
        folder: where what it prints is kept; None drops it.
        rank, world_size: of this process among those that run the trial together.
        stop_timeout: seconds that a function may take to return once it was told to; None: as long as it likes.
        architecture: the sweep's space of networks in plain data, for ``spaces.architectures.architecture_of``.
        measure: metrics that are measured on the network of :meth:`TrialHandle.build_model` and added to its reports.
        latency: how ``latency_ms`` is measured: ``batch``, ``warmup``, ``runs``; None for the defaults.
        keep_network: keep the weights of a network that :meth:`TrialHandle.build_model` made, though nobody asks.
        inherit: safetensors file from which :meth:`TrialHandle.build_model` takes what weights fit; or what is in it,
            for a worker that may not see the file.
        supernet: the trial trains one network that holds all others, in this way.
    """

    number: int
    config: dict[str, Any]
    metric: str
    seed: int = 0
    split_id: int = 0
    data_seed: int = 0
    data_id: str = ""
    folds: int | None = None
    open_test: bool = False
    max_steps: int | None = None
    restore: tuple[tuple[int, str], ...] = ()
    must_restore: bool = False
    segment: int = 0
    attempt: int = 1
    checkpoints: str | None = None
    save_every: int = 1
    folder: str | None = None
    rank: int = 0
    world_size: int = 1
    stop_timeout: float | None = 60.0
    others: tuple[str, ...] = ()
    architecture: dict[str, Any] | None = None
    measure: tuple[str, ...] = ()
    latency: dict[str, int] | None = None
    inherit: str | bytes | None = None
    keep_network: bool = True
    supernet: dict[str, Any] | None = None


@dataclass(frozen=True)
class Predictions:
    """Predictions for the examples of one part of the data.

    Args:
        values: probabilities, shape (n, C) with rows that sum to 1; of labels that do not exclude each other, shape
            (n, L); or regression outputs, shape (n,).
        targets: class indices 0..C-1 (int64, shape (n,)), labels of 0 and 1 (int8, shape (n, L)) or regression targets
            (float64, shape (n,)).
        names: of the classes or labels, in the order of the columns; empty when they are not known.
        rows: numbers of the examples in the data set that was split, shape (n,); None when they are not known.
        sensitive: value of a sensitive column, shape (n,); None without one.
    """

    values: npt.NDArray[np.float32]
    targets: npt.NDArray[Any]
    names: tuple[str, ...] = ()
    rows: npt.NDArray[np.int64] | None = None
    sensitive: npt.NDArray[np.str_] | None = None


@dataclass(frozen=True)
class Reported:
    """A trial made report number ``step`` (counted from 1) and waits for a decision.

    ``inherited``: its network began with weights of the parent that the spec names; None when that is not known, as
    none was built yet, or none is where a checkpoint is loaded.
    """

    number: int
    step: int
    metrics: dict[str, Any]
    seconds: float
    checkpoint: str | None = None
    inherited: bool | None = None


@dataclass(frozen=True)
class Finished:
    """A trial ended, by itself or because it was told to.

    ``predictions`` has "validation" and, in the test phase, "test". ``resplit`` says that the data were split by
    ``split_id``, so that another id means other data; ``testable`` that the model can predict the sealed test part.
    ``data_id`` identifies targets and shares of the split, which fix the sealed part; ``train_rows`` and
    ``validation_rows`` are the sizes of its parts, 0 without one. ``weights`` are those of the network that was
    registered, if one was. ``architectures`` is what a supernet found, as JSON. ``inherited`` is as in
    :class:`Reported`.
    """

    number: int
    seconds: float
    predictions: dict[str, Predictions] = field(default_factory=dict)
    resplit: bool = False
    testable: bool = False
    data_id: str = ""
    train_rows: int = 0
    validation_rows: int = 0
    weights: Weights | None = None
    architectures: str = ""
    inherited: bool | None = None


class Cause(StrEnum):
    """Why a trial failed, as far as it matters for what happens next."""

    EXCEPTION = "exception"
    METRIC = "metric"
    STUCK = "stuck"
    MEMORY = "out of memory"
    TIMEOUT = "timeout"
    WORKER_LOST = "worker lost"
    DISPLACED = "displaced"
    """Its process had to be replaced, through no fault of this trial."""

    @property
    def unfit(self) -> bool:
        """Whether a process in which a trial ended so runs no further one."""
        return self in (Cause.WORKER_LOST, Cause.DISPLACED, Cause.STUCK, Cause.MEMORY)


@dataclass(frozen=True)
class Failed:
    """A trial ended without a usable result. ``reason`` is one line, ``detail`` the traceback if there is one."""

    number: int
    cause: Cause
    reason: str
    detail: str = ""
    seconds: float = 0.0


Event = Reported | Finished | Failed

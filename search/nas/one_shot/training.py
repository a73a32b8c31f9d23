"""Training a supernet as one trial. Imports NNI, torch and Lightning; loaded only where a supernet is trained."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import nni.trial
import torch
from nni.nas.evaluator.pytorch import Lightning, Trainer
from nni.nas.execution import SequentialExecutionEngine
from nni.nas.space import RawFormatModelSpace

from ....spaces.architectures import Architecture
from ....spaces.from_nni.fixes import LOCK, mend
from .choosing import Choosing
from .data import Batches, Data, seed_epoch
from .found import Found
from .module import Recipe
from .progress import CHECKPOINT, Progress, Trial
from .searchable import Searchable
from .strategies import (
    check,
    make_strategy,
    ordered_weights,
    refusal,
    seeded_draws,
)
from .supernet import Choices, Supernet


def train_supernet(
    options: dict[str, Any], architecture: Architecture, searchable: Searchable, data: Data, trial: Trial
) -> Found:
    """Train a supernet, or go on with it, and say what it found; a report and maybe a checkpoint after each epoch.

    Args:
        options: :meth:`OneShotOptions.plan`.

    Raises:
        SpaceError: when the strategy cannot train this space.
    """
    mend(seeded_draws, ordered_weights)
    torch.manual_seed(trial.seed)
    with _quiet():
        with LOCK:
            space = searchable.make()
            check(options["strategy"], space)
            supernet, progress = _prepare(options, space, Choices(space), data, trial)
        if trial.checkpoint is not None:
            progress.strategy.load_state_dict({"ckpt_path": str(trial.checkpoint / CHECKPOINT)})
        try:
            progress.strategy.run()
        finally:
            nni.trial._params = None  # NNI would hold the supernet until the next one
    seed_epoch(trial.seed, options["epochs"] + 1)
    best = Choosing(options, architecture, searchable, supernet, data, progress.device, trial.seed)
    supernet.network.to(progress.device)
    candidates = tuple(best.candidates())
    supernet.network.to("cpu")
    return progress.outcome(candidates, best.ended)


def _prepare(
    options: dict[str, Any], space: Any, choices: Choices, data: Data, trial: Trial
) -> tuple[Supernet, Progress]:
    word = options["strategy"]
    strategy = make_strategy(options, len(data.validation))
    progress = Progress(options, strategy, choices, data, trial)
    trainer = Trainer(
        max_epochs=options["epochs"],
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        devices=1,
        callbacks=[progress],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        default_root_dir=tempfile.gettempdir(),
    )
    train = Batches(data.train, lambda: progress.epochs, trial.seed)
    validation = Batches(data.validation, lambda: 0, None)
    recipe = Recipe(data, options)
    recipe.set_model(space)
    evaluator = Lightning(recipe, trainer, train, validation, fit_kwargs={"weights_only": True})
    try:
        strategy.initialize(RawFormatModelSpace(space, evaluator), SequentialExecutionEngine())
    except (TypeError, ValueError, KeyError, NotImplementedError) as error:
        raise refusal(word, error) from error
    progress.supernet = Supernet(word, strategy, choices)
    return progress.supernet, progress


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what Lightning and NNI say of themselves."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning", "lightning.fabric", "nni")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(pytorch_lightning|lightning_fabric)(\.|$)")
        warnings.filterwarnings("ignore", r"Direct export from RandomOneShot", UserWarning)
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)

"""Copies of the record in the formats of other tools, made while a sweep runs or later."""

from __future__ import annotations

from collections.abc import Callable

from .mirror import Mirror, Mirrored, fill

__all__ = ["MIRRORS", "Mirror", "Mirrored", "fill"]


def _optuna(mirrored: Mirrored) -> Mirror:
    from .optuna_mirror import OptunaMirror

    return OptunaMirror(mirrored)


def _tensorboard(mirrored: Mirrored) -> Mirror:
    from .tensorboard_mirror import TensorboardMirror

    return TensorboardMirror(mirrored)


MIRRORS: dict[str, Callable[[Mirrored], Mirror]] = {"optuna": _optuna, "tensorboard": _tensorboard}
"""By the key of the sweep file's section ``tracking``: begins a mirror afresh, in the place of an earlier one."""

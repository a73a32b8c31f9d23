"""Regret of searches against simulated time, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

COLOURS = {
    "random": "#999999",
    "local_search": "#56B4E9",
    "tpe": "#E69F00",
    "nni_evolution": "#D55E00",
    "regularized_evolution": "#CC79A7",
    "gp": "#0072B2",
}
"""Okabe and Ito's, which colour-blind people tell apart."""
_LEAST = 1e-4
"""Regret below is drawn here."""


def draw(outcomes: Sequence[dict[str, Any]], arms: Sequence[str], trainings: int, plain: str, path: Path) -> None:
    """Mean regret after replicates with 95 % bands, one panel for each table.

    Args:
        plain: an arm that is drawn once more, dashed: by its best score, without replicates.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(one["table"] for one in outcomes))
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    drawing, axes = plt.subplots(rows, columns, figsize=(4.4 * columns, 2.9 * rows + 0.6), squeeze=False)
    lines = [(arm, "replicates") for arm in arms] + [(arm, "score") for arm in arms if arm == plain]
    for name, axis in zip(names, axes.flat, strict=False):
        for arm, rule in lines:
            curves = np.array([o["curve"][rule] for o in outcomes if (o["table"], o["arm"]) == (name, arm)])
            _curve(axis, curves, trainings, arm, rule)
        axis.set(title=name, yscale="log", xlim=(0, trainings), ylim=(None, 2))
        axis.grid(alpha=0.3)
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    for axis in axes[-1]:
        axis.set_xlabel("simulated time, in trainings of an average config")
    for axis in axes[:, 0]:
        axis.set_ylabel("regret (1: a median config)")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="lower center", ncol=4, fontsize=9, frameon=False)
    drawing.tight_layout(rect=(0, 0.09, 1, 1))
    drawing.savefig(path, dpi=90, pil_kwargs={"optimize": True})
    plt.close(drawing)


def _curve(axis: Any, curves: np.ndarray[Any, Any], trainings: int, arm: str, rule: str) -> None:
    """One arm; ``curves`` are runs x times."""
    times = np.linspace(0, trainings, curves.shape[1] + 1)[1:]
    draws = np.random.default_rng(0).integers(len(curves), size=(1000, len(curves)))
    low, high = np.quantile(curves[draws].mean(axis=1), [0.025, 0.975], axis=0)
    dashed = rule == "score"
    label = f"{arm}, best score" if dashed else arm
    mean, colour = np.maximum(curves.mean(axis=0), _LEAST), COLOURS.get(arm)
    axis.plot(times, mean, label=label, color=colour, linestyle="--" if dashed else "-", linewidth=1.8)
    if not dashed:
        axis.fill_between(times, np.maximum(low, _LEAST), np.maximum(high, _LEAST), color=colour, alpha=0.18, lw=0)

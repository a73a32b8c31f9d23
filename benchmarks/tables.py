"""Recorded learning curves as tuning problems: a space, a curve for every config, and what counts as good.

Values are what a trial would report after each unit of training; seconds are what each unit would have taken. A value
that is not finite fails the trial. The folder that holds the tables is an argument everywhere.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from assay.spaces import Config, Float, Integer, Objective, Space

Floats = NDArray[np.float64]

_SEED = 20_240_501
_POOL = 4_000
_PARENTS = 40
_CHILDREN = 200
_GENERATIONS = 30


class CurveTable(ABC):
    """A learning curve for every config of a space.

    Attributes:
        space: what is tuned.
        objective: the metric, and whether large or small values are better.
        max: units of training in a full run.
    """

    space: Space
    objective: Objective
    max: int

    @abstractmethod
    def curve(self, config: Config) -> tuple[Floats, Floats]:
        """Value after each unit, and the seconds that each unit took; both of length ``max``."""

    @property
    @abstractmethod
    def best(self) -> float:
        """The best value known at any unit of any config."""

    @property
    @abstractmethod
    def median(self) -> float:
        """The best value along the curve of a random config: the median over configs."""

    @property
    @abstractmethod
    def seconds(self) -> float:
        """The mean time of a full run with a random config."""

    def regret(self, value: float) -> float:
        """0 for the best value known, 1 for a median random config; larger is worse."""
        return (self.best - value) / (self.best - self.median)


class LcBench(CurveTable):
    """Validation accuracy of neural networks on one OpenML task: the YAHPO Gym v1 surrogate of LCBench.

    The surrogate knows epochs 1 to 52, of which epoch 1 is before any training: unit t is epoch t + 1. Its time is
    cumulative and predicted, so that it may fall between epochs: the running maximum is used.

    Pfisterer et al., YAHPO Gym, AutoML-Conf 2022; Zimmer et al., Auto-PyTorch Tabular, TPAMI 2021 (LCBench). Needs
    ``onnxruntime``.

    Args:
        folder: holds ``yahpo/lcbench/model.onnx``, ``config_space.json`` and ``encoding.json``.
        instance: an OpenML task; see :meth:`instances`.
    """

    max = 51
    objective = Objective("val_accuracy", "maximize")
    _INPUTS: ClassVar = (
        "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout",
    )  # fmt: skip
    _TIME, _ACCURACY = 0, 1

    def __init__(self, folder: str | Path, instance: str) -> None:
        self._folder = Path(folder) / "yahpo" / "lcbench"
        self.space = Space({name: _yahpo_parameter(self._hyperparameter(name)) for name in self._INPUTS})
        self._code = int(self._json("encoding.json")["OpenML_task_id"][instance])
        self._session = _onnx_session(self._folder / "model.onnx")

    @staticmethod
    def instances(folder: str | Path) -> list[str]:
        """Every second task in text order, from the first; the others are kept for checking."""
        space = json.loads((Path(folder) / "yahpo" / "lcbench" / "config_space.json").read_text(encoding="utf-8"))
        tasks = next(one["choices"] for one in space["hyperparameters"] if one["name"] == "OpenML_task_id")
        return sorted(tasks)[::2]

    def curve(self, config: Config) -> tuple[Floats, Floats]:
        values, seconds = self._curves([config])
        return values[0], seconds[0]

    @cached_property
    def best(self) -> float:
        """From random configs, improved by mutating the best ones on every scale of distance."""
        rng = np.random.default_rng(_SEED)
        points, scores = self._pool_points, self._pool[0].max(axis=1)
        for generation in range(_GENERATIONS):
            parents = np.argsort(-scores)[:_PARENTS]
            noise = rng.normal(scale=0.2 * 0.9**generation, size=(_CHILDREN, points.shape[1]))
            children = np.clip(points[rng.choice(parents, _CHILDREN)] + noise, 0, 1)
            values, _ = self._curves([_decode(self.space, point) for point in children])
            points = np.concatenate([points[parents], children])
            scores = np.concatenate([scores[parents], values.max(axis=1)])
        return float(scores.max())

    @property
    def median(self) -> float:
        return float(np.median(self._pool[0].max(axis=1)))

    @property
    def seconds(self) -> float:
        return float(self._pool[1].sum(axis=1).mean())

    @cached_property
    def _pool_points(self) -> Floats:
        return np.random.default_rng(_SEED).random((_POOL, len(self._INPUTS)))

    @cached_property
    def _pool(self) -> tuple[Floats, Floats]:
        return self._curves([_decode(self.space, point) for point in self._pool_points])

    def _curves(self, configs: Sequence[Config]) -> tuple[Floats, Floats]:
        """Values and seconds, each configs x units."""
        epochs = np.tile(np.arange(2.0, self.max + 2), len(configs))
        rows = np.array([[config[name] for name in self._INPUTS] for config in configs], dtype=float)
        inputs = np.column_stack([epochs, np.repeat(rows, self.max, axis=0)]).astype(np.float32)
        codes = np.full((len(inputs), 1), self._code, dtype=np.int32)
        output = np.asarray(self._session.run(None, {"x_cat": codes, "x_cont": inputs})[0], dtype=float)
        output = output.reshape(len(configs), self.max, -1)
        total = np.maximum.accumulate(np.maximum(output[:, :, self._TIME], 0.0), axis=1)
        return output[:, :, self._ACCURACY], np.diff(total, axis=1, prepend=0.0)

    def _hyperparameter(self, name: str) -> dict[str, Any]:
        return next(one for one in self._json("config_space.json")["hyperparameters"] if one["name"] == name)

    def _json(self, name: str) -> Any:
        return json.loads((self._folder / name).read_text(encoding="utf-8"))


class TaskSet(CurveTable):
    """Validation loss of a small text model under Adam with eight hyperparameters: 1,000 recorded runs.

    A config gets the run that is nearest in the unit cube of the space's (logarithmic) scales. The first recorded point
    is before any training: unit t is point t + 1. Every unit takes one second. NaN in a curve is a run that diverged.

    Metz et al., Using a thousand optimization tasks to learn hyperparameter search strategies, arXiv 2002.11887.

    Args:
        folder: holds ``taskset.npz``.
        task: see :meth:`tasks`.
    """

    max = 50
    objective = Objective("valid_loss", "minimize")
    space = Space(
        {
            "learning_rate": "loguniform(1e-8, 1e1)",
            "one_minus_beta1": "loguniform(1e-4, 1)",
            "one_minus_beta2": "loguniform(1e-6, 1)",
            "epsilon": "loguniform(1e-10, 1e3)",
            "l1": "loguniform(1e-8, 1e1)",
            "l2": "loguniform(1e-8, 1e1)",
            "linear_decay": "loguniform(1e-7, 1e-4)",
            "exponential_decay": "loguniform(1e-6, 1e-3)",
        }
    )

    def __init__(self, folder: str | Path, task: str) -> None:
        with np.load(Path(folder) / "taskset.npz", allow_pickle=False) as tables:
            runs = tables[f"{task}__hp"].copy()
            self._curves = tables[f"{task}__valid_loss"][:, 1:].astype(float)
        runs[:, 1:3] = 1 - runs[:, 1:3]
        self._points = np.column_stack([_unit(self.space, name, runs[:, i]) for i, name in enumerate(self.space)])

    @staticmethod
    def tasks(folder: str | Path) -> list[str]:
        with np.load(Path(folder) / "taskset.npz", allow_pickle=False) as tables:
            return sorted(name.removesuffix("__hp") for name in tables if name.endswith("__hp"))

    def curve(self, config: Config) -> tuple[Floats, Floats]:
        point = np.array([_unit(self.space, name, np.array(config[name], dtype=float)) for name in self.space])
        nearest = int(np.argmin(((self._points - point) ** 2).sum(axis=1)))
        return self._curves[nearest], np.ones(self.max)

    @cached_property
    def best(self) -> float:
        return float(self._lowest.min())

    @cached_property
    def median(self) -> float:
        return float(np.median(self._lowest))

    @property
    def seconds(self) -> float:
        return float(self.max)

    @cached_property
    def _lowest(self) -> Floats:
        """The lowest loss of each run before it diverged."""
        diverged = np.logical_or.accumulate(~np.isfinite(self._curves), axis=1)
        return np.where(diverged, np.inf, self._curves).min(axis=1)  # type: ignore[no-any-return]


def _onnx_session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options)


def _yahpo_parameter(raw: dict[str, Any]) -> Float | Integer:
    if raw["type"] == "uniform_int":
        return Integer(raw["lower"], raw["upper"], log=raw["log"], default=raw["default"])
    return Float(raw["lower"], raw["upper"], log=raw["log"], default=raw["default"])


def _ends(space: Space, name: str) -> tuple[float, float, bool]:
    parameter = space[name]
    if not isinstance(parameter, (Float, Integer)):
        raise TypeError(f"{name} is not a number")
    return parameter.min, parameter.max, parameter.log


def _unit(space: Space, name: str, values: Floats) -> Floats:
    """Values on the parameter's own scale, its range being 0 to 1."""
    low, high, log = _ends(space, name)
    return np.log(values / low) / np.log(high / low) if log else (values - low) / (high - low)


def _decode(space: Space, point: Floats) -> Config:
    """The config at a point of the unit cube."""
    values = {}
    for name, at in zip(space, point.tolist(), strict=True):
        low, high, log = _ends(space, name)
        value = low * (high / low) ** at if log else low + (high - low) * at
        value = min(max(value, low), high)
        values[name] = space[name].check(round(value) if isinstance(space[name], Integer) else value)
    return Config(values)

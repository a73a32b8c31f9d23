"""The ready-made parameters: ranges, defaults and what they mean.

Ranges span what people use across tasks; defaults are those of PyTorch, or of the paper that is named. Momentum, betas
and the like have the names of PyTorch's arguments, so a parameter that is added beside a preset has one too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Spec = Mapping[str, Any]
"""A parameter as a sweep file has it."""


@dataclass(frozen=True)
class Family:
    """Presets that may stand together.

    Args:
        plural: what they are called in messages.
        members: the presets, each with its parameters.
        extras: presets that join any choice, with the one parameter that each adds.
        without: members in which an extra is not active.
        choice: whether one of the members is chosen; otherwise all that are named are used together, and each member
            has one parameter, of its own name.
    """

    plural: str
    members: Mapping[str, Mapping[str, Spec]]
    extras: Mapping[str, Spec] = field(default_factory=dict)
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    choice: bool = True

    @property
    def words(self) -> tuple[str, ...]:
        return (*self.members, *self.extras)


def _log(low: float, high: float, default: float, help: str) -> Spec:
    return {"min": low, "max": high, "log": True, "default": default, "help": help}


def _real(low: float, high: float, default: float, help: str) -> Spec:
    return {"min": low, "max": high, "default": default, "help": help}


_LR = "learning rate"
_DECAY = "weight decay: share of each weight that a step takes away, times the learning rate"
# torch's own example of SGD has 0.01; He et al. 2015 (arXiv:1512.03385) use 0.1 with batch normalisation, a momentum of
# 0.9 and a weight decay of 1e-4.
_SGD = {"lr": _log(1e-3, 1.0, 0.01, _LR), "weight_decay": _log(1e-6, 1e-2, 1e-4, _DECAY)}
_MOMENTUM = _SGD | {"momentum": _real(0.8, 0.99, 0.9, "share of the last step that is kept")}
_BETA1 = _real(0.8, 0.99, 0.9, "decay of the mean of gradients, which is Adam's momentum")

OPTIMIZERS: Mapping[str, Mapping[str, Spec]] = {
    "sgd": _SGD,
    "momentum": _MOMENTUM,
    "nesterov": _MOMENTUM,
    "adagrad": {"lr": _log(1e-3, 1.0, 0.01, _LR)},  # torch: 0.01
    # Hinton's lecture 6e and Keras: 1e-3, where torch has 0.01. alpha: 0.9 there, 0.99 in torch.
    "rmsprop": {"lr": _log(1e-5, 1e-2, 1e-3, _LR), "alpha": _real(0.9, 0.999, 0.99, "decay of the mean of squares")},
    "adam": {"lr": _log(1e-5, 1e-2, 1e-3, _LR), "beta1": _BETA1},  # Kingma & Ba 2015 (arXiv:1412.6980), torch
    # Loshchilov & Hutter 2019 (arXiv:1711.05101): decoupled decay wants larger values than SGD; torch: 0.01.
    "adamw": {"lr": _log(1e-5, 1e-2, 1e-3, _LR), "beta1": _BETA1, "weight_decay": _log(1e-4, 1.0, 0.01, _DECAY)},
}

_FINAL = "learning rate at the end, as a share of the largest"
# Loshchilov & Hutter 2017 (arXiv:1608.03983) and torch end at 0.
_ANNEALED = {"values": [0.0, 0.01, 0.1], "default": 0.0, "ordered": True, "help": _FINAL}

SCHEDULES: Mapping[str, Mapping[str, Spec]] = {
    "constant": {},
    # He et al. 2015: divided by 10 when the error plateaus, two or three times in a run; torch's gamma is 0.1 too.
    "step": {
        "drops": {"min": 1, "max": 4, "default": 2, "help": "how often it falls, at equal distances"},
        "gamma": _log(0.05, 0.5, 0.1, "what it is multiplied by at each drop"),
    },
    "exponential": {"final": _log(1e-4, 0.1, 0.01, _FINAL)},
    "cosine": {"final": _ANNEALED},
    # arXiv:1608.03983 doubles the length of the cycle (T_mult = 2) in its best runs.
    "warm_restarts": {
        "cycles": {"min": 2, "max": 4, "default": 3, "help": "cosine cycles in a run"},
        "growth": {"values": [1, 2], "default": 2, "ordered": True, "help": "how much longer each cycle is"},
        "final": _ANNEALED,
    },
    # Smith & Topin 2018 (arXiv:1708.07120); torch: pct_start=0.3.
    "one_cycle": {"pct_start": _real(0.1, 0.5, 0.3, "share of the run before the peak")},
}
# Goyal et al. 2017 (arXiv:1706.02677) warm up for 5 of 90 epochs.
_WARMUP = _real(0.0, 0.2, 0.05, "share of the run in which the learning rate rises linearly to its start")

REGULARIZATION: Mapping[str, Spec] = {
    "l1": _log(1e-7, 1e-2, 1e-5, "weight of the sum of absolute weights in the loss"),
    "l2": _log(1e-6, 1e-2, 1e-4, "weight of half the sum of squared weights in the loss"),
    "weight_decay": _log(1e-6, 0.1, 1e-4, _DECAY),
    # Srivastava et al. 2014: 0.5 in hidden layers; 0.1 in transformers (Vaswani et al. 2017).
    "dropout": _real(0.0, 0.5, 0.1, "chance that an activation is set to 0"),
    "label_smoothing": _real(0.0, 0.2, 0.1, "probability that is spread over all classes"),  # arXiv:1512.00567: 0.1
    # Pascanu et al. 2013 (arXiv:1211.5063); 1.0 is what language models are trained with.
    "clipping": _log(0.1, 10.0, 1.0, "largest norm of the gradient"),
    "augmentation": _real(0.0, 1.0, 0.5, "strength: 0 leaves inputs as they are, 1 is the most that makes sense"),
}

# Smaller batches generalise at least as well (Keskar et al. 2017, arXiv:1609.04836); larger ones take less time.
_BATCH_SIZE = {"values": [16, 32, 64, 128, 256, 512], "default": 64, "ordered": True, "help": "examples per step"}

FAMILIES = (
    Family("optimizers", OPTIMIZERS),
    Family("schedules", SCHEDULES, {"warmup": _WARMUP}, {"warmup": ("one_cycle",)}),
    Family("regularization", {name: {name: spec} for name, spec in REGULARIZATION.items()}, choice=False),
    Family("batches", {"batch_size": {"batch_size": _BATCH_SIZE}}, choice=False),
)

"""The model spaces of NNI's hub, by word: what they are called there, and the input that their networks take."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from ..errors import Problem, SpaceError, did_you_mean, one_of
from .fixes import importing, nni, with_gym


@dataclass(frozen=True)
class HubSpace:
    """A model space of ``nni.nas.hub.pytorch``.

    Attributes:
        name: of the class.
        input: shape of one example that its defaults are made for; other heights and widths work as well.
        classes: the argument that sets how many numbers come out; None where ``dataset`` does: 10 or 1000.
        source: the paper.
        large: the input with ``dataset='imagenet'``.
        sized: whether the networks take only images of ``img_size``.
    """

    name: str
    input: tuple[int, ...]
    classes: str | None
    source: str
    large: tuple[int, ...] | None = None
    sized: bool = False

    def shape(self, arguments: Mapping[str, Any]) -> tuple[int, ...]:
        """The input of the networks that these arguments give."""
        if self.sized:
            size = arguments.get("img_size", self.input[-1])
            return (arguments.get("in_channels", 3), size, size)
        return self.large if self.large and arguments.get("dataset") == "imagenet" else self.input

    def checked(self, shape: tuple[int, ...] | None, arguments: Mapping[str, Any]) -> tuple[int, ...]:
        """The input that was given, or the usual one; :class:`SpaceError` for what the networks cannot take."""
        usual = self.shape(arguments)
        if shape is None:
            return usual
        if len(shape) != 3 or shape[0] != usual[0]:
            text = f"networks of {self.name} take images [{usual[0]}, height, width], got {list(shape)}"
            raise SpaceError([Problem(("input",), f"{text}: repeat the channel in your data, or subclass the space")])
        if self.sized and shape != usual:
            text = f"networks of {self.name} take {list(usual)} and nothing else, got {list(shape)}"
            raise SpaceError([Problem(("input",), f"{text}: write arguments: {{img_size: {shape[1]}}}")])
        return shape


_CIFAR, _IMAGENET = (3, 32, 32), (3, 224, 224)
HUB: dict[str, HubSpace] = {
    "amoebanet": HubSpace("AmoebaNet", _CIFAR, None, "Real et al., arXiv 1802.01548", _IMAGENET),
    "autoformer": HubSpace("AutoFormer", _IMAGENET, "num_labels", "Chen et al., arXiv 2107.00651", sized=True),
    "darts": HubSpace("DARTS", _CIFAR, None, "Liu et al., arXiv 1806.09055", _IMAGENET),
    "enas": HubSpace("ENAS", _CIFAR, None, "Pham et al., arXiv 1802.03268", _IMAGENET),
    "mobilenet_v3": HubSpace("MobileNetV3Space", _IMAGENET, "num_labels", "Howard et al., arXiv 1905.02244"),
    "nasbench101": HubSpace("NasBench101", _CIFAR, "num_labels", "Ying et al., arXiv 1902.09635"),
    "nasbench201": HubSpace("NasBench201", _CIFAR, "num_labels", "Dong and Yang, arXiv 2001.00326"),
    "nasnet": HubSpace("NASNet", _CIFAR, None, "Zoph et al., arXiv 1707.07012", _IMAGENET),
    "pnas": HubSpace("PNAS", _CIFAR, None, "Liu et al., arXiv 1712.00559", _IMAGENET),
    "proxylessnas": HubSpace("ProxylessNAS", _IMAGENET, "num_labels", "Cai et al., arXiv 1812.00332"),
    "shufflenet": HubSpace("ShuffleNetSpace", _IMAGENET, "num_labels", "Guo et al., arXiv 1904.00420"),
}
_GONE = ("pretrained", "download", "name", "progress")
"""Arguments of NNI's ``load_searched_model``."""


def hub_space(word: str, arguments: Mapping[str, Any]) -> partial[Any]:
    """What makes the model space of a word; its class is called anew for every network.

    Raises:
        SpaceError: for an unknown word, and for arguments that the space does not have.
        UsageError: when NNI or pytorch-lightning is not installed.
    """
    if word not in HUB:
        text = f"there is no space {word!r}{did_you_mean(word, HUB)}: use {one_of(HUB)}, or file.py:Class"
        raise SpaceError([Problem(("space",), text)])
    nni()
    with importing(), with_gym():
        made = getattr(import_module("nni.nas.hub.pytorch"), HUB[word].name)
    known = [name for name in inspect.signature(made._init_wrapped).parameters if name != "self"]
    problems = [Problem(("arguments", name), _unknown(name, word, known)) for name in arguments if name not in known]
    if problems:
        raise SpaceError(problems)
    # JSON has no tuples, which some of these spaces ask for.
    return partial(made, **{name: _tuples(value) for name, value in arguments.items()})


def _unknown(name: str, word: str, known: list[str]) -> str:
    if name in _GONE:
        return f"NNI's trained and searched networks cannot be had any more: remove {name}, and search {word}"
    classes = HUB[word].classes
    if name in ("num_labels", "num_classes", "output", "classes"):
        cure = f"write {classes}" if classes else "dataset: cifar gives 10 outputs and imagenet 1000; or subclass it"
        return f"{word} has no argument {name}: {cure}"
    return f"{word} has no argument {name}{did_you_mean(name, known)}: use {one_of(known)}"


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, (list, tuple)) else value

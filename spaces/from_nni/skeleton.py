"""An NNI model space before a network is chosen: made without weights, checked, and with its labelled choices."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import SpaceError
from ..networks.draws import own_draws
from .fixes import nni


def skeleton(make: Callable[[], Any]) -> Any:
    """The model space that ``make`` gives, as a tree of modules whose weights say nothing.

    Raises:
        SpaceError: when it is none, or one that NNI refuses.
    """
    from nni.nas.nn.pytorch import ModelSpace, MutationAnchor

    try:
        model = without_weights(make)
    except ValueError as error:
        raise _explained(error) from error
    if not isinstance(model, ModelSpace):
        raise SpaceError(f"expected a ModelSpace of NNI, got {type(model).__name__}")
    for name, module in model.named_modules():
        if isinstance(module, MutationAnchor):
            raise SpaceError(f"{name}: a MutationAnchor needs a Mutator, which is not supported: use a LayerChoice")
    return model


def labelled(model: Any) -> dict[str, Any]:
    """The choices and constraints of a model space, by label.

    Raises:
        SpaceError: when two different ones share a label, or a label is another one in every process.
    """
    try:
        found: dict[str, Any] = model.simplify()
    except ValueError as error:
        cure = "choices of one label are one choice; rename one, or give them the same candidates"
        raise SpaceError(f"{error}: {cure}") from error
    for label in found:
        if re.match(r"global/\d", label):
            cure = "give it label='...', or make it inside of the model space's __init__"
            raise SpaceError(f"the choice {found[label]!r} has a label that changes from time to time: {cure}")
    return found


def without_weights(make: Callable[[], Any]) -> Any:
    """What ``make`` gives on the meta device, or on the CPU where it looks at numbers; it draws no random numbers."""
    import torch

    try:
        with torch.device("meta"):
            return make()
    except (NotImplementedError, RuntimeError):  # it looks at numbers, which that device does not have
        with own_draws(0):
            return make()


def _explained(error: ValueError) -> ValueError:
    """What NNI says of a mistake in a model space, with its place and cure; another error as it is."""
    if "Label must be specified manually" in str(error):
        cure = "give it label='...', or the model space a label_prefix: class Net(ModelSpace, label_prefix='net')"
        return SpaceError(f"a choice without a label{_place(error)}: {cure}")
    if "Cannot find a valid default" in str(error):
        text = str(error).partition(". Please")[0]
        return SpaceError(f"{text}{_place(error)}: give one of its choices a default=... that meets the constraint")
    return error


def _place(error: BaseException) -> str:
    """Where in the user's code an error comes from."""
    import torch

    libraries = [Path(str(module.__file__)).parent for module in (torch, nni())]
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not any(Path(frame.filename).is_relative_to(library) for library in (*libraries, Path(__file__).parent))
    ]
    return f" in {Path(own[-1].filename).name}:{own[-1].lineno} ({own[-1].line})" if own else ""

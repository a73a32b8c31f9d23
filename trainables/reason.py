"""An exception of somebody else's code in one line."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

_FOLDER = Path(__file__).parent
_NETWORKS = _FOLDER.parent / "spaces" / "architectures"
_PACKAGES = tuple(sysconfig.get_path(name) for name in ("purelib", "platlib"))
_STANDARD = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))


def one_line(error: BaseException) -> str:
    """``ValueError: text (train.py:12)``: the innermost line that is neither Assay's nor a library's.

    When all lines are in installed packages, one of which may hold the training function, it is the outermost.
    """
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if text else ''}{text[:300]}{_where(error)}"


def in_a_network(error: BaseException) -> bool:
    """Whether it was raised in, or below, a layer of a network of stages."""
    return any(Path(frame.filename).parent == _NETWORKS for frame in traceback.extract_tb(error.__traceback__))


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = (_FOLDER, _NETWORKS)
    foreign = [frame for frame in frames if frame.filename[:1] != "<" and Path(frame.filename).parent not in ours]
    packaged = [frame for frame in foreign if frame.filename.startswith(_PACKAGES)]
    users = [frame for frame in foreign if not frame.filename.startswith((*_PACKAGES, *_STANDARD))]
    ready = [frame for frame in frames if Path(frame.filename) == _FOLDER / "digits.py"]
    for frame in (*users[-1:], *ready[-1:], *packaged[:1]):
        return f" ({Path(frame.filename).name}:{frame.lineno})"
    return _where(error.__cause__) if error.__cause__ else ""  # a generator's StopIteration is only there

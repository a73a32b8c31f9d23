"""What can be wrong with a checkpoint, in one line."""

from __future__ import annotations

import errno
import re
import socket
import tempfile

from ..spaces import TrainableError

_SECRET = re.compile(r"(?<=://)[^/@:\s]*:[^/@\s]+@")


class CheckpointError(TrainableError):
    """A checkpoint that cannot be saved, read, listed or removed."""


class CheckpointMissing(CheckpointError):
    """There is no such checkpoint, or it was never completed."""


class CheckpointCorrupt(CheckpointError):
    """A committed checkpoint is not what was saved."""


def damaged(url: str, what: str) -> CheckpointCorrupt:
    return CheckpointCorrupt(without_passwords(f"checkpoint {url} is damaged: {what}"))


def cause_and_cure(error: Exception) -> str:
    text = f"{type(error).__name__}{': ' if str(error) else ''}{' '.join(str(error).split())[:300]}"
    if isinstance(error, ImportError):
        return f"{' '.join(str(error).split())}: install it on every node"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left ({text}): free some there or in {tempfile.gettempdir()}, or save less"
    if isinstance(error, PermissionError):
        return f"not allowed ({text}): give this user or these credentials the right to write there, or another store"
    return f"{text}: check the address, the credentials, and that {socket.gethostname()} reaches it"


def without_passwords(text: str) -> str:
    """Without the passwords that a URL may hold."""
    return _SECRET.sub("***@", text)

"""Figures as files. The same data give the same bytes."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes

from ...spaces import UsageError, did_you_mean, one_of

FORMATS = ("png", "svg", "pdf")
"""What a figure can be written as, by the ending of the file's name."""
_DPI = 150
_DATES: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


def save(ax: Axes, path: Path) -> Path:
    """Write the figure of ``ax`` to a file that ends in ``.png``, ``.svg`` or ``.pdf``; its folder is made.

    Raises:
        UsageError: for another ending, or when it cannot be written.
    """
    kind = format_of(path)
    content = _drawn(ax, kind)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"plot: {path} cannot be written: {error.strerror or error}") from error
    return path


def format_of(path: Path) -> str:
    """The format that the ending of a name stands for.

    Raises:
        UsageError: for another ending.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        endings = [f".{one}" for one in FORMATS]
        raise UsageError(
            f"plot: the name of {path} must end in {one_of(endings)}{did_you_mean(path.suffix.lower(), endings)}"
        )
    return kind


def to_svg(ax: Axes) -> str:
    """The figure of ``ax`` as an SVG element, the same for the same data."""
    text = _drawn(ax, "svg").decode("utf-8")
    return text[text.index("<svg") :]


def to_png(ax: Axes) -> bytes:
    """The figure of ``ax`` as a PNG image."""
    return _drawn(ax, "png")


def _drawn(ax: Axes, kind: str) -> bytes:
    figure = ax.get_figure(root=True)
    if figure is None:
        raise UsageError("plot: these axes were removed from their figure: draw on new ones")
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "assay", "svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)  # the reader's font has it
        figure.savefig(buffer, format=kind, bbox_inches="tight", dpi=_DPI, metadata=_DATES.get(kind))
    return buffer.getvalue()

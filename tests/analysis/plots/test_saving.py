"""Figures as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.analysis import Results
from assay.analysis.plots import save, to_png, to_svg
from assay.spaces import UsageError

from .conftest import STATES


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("SVG", b"<?xml"), ("pdf", b"%PDF")])
def test_the_same_data_give_the_same_file(suffix: str, start: bytes, finished: Results, tmp_path: Path) -> None:
    first, second = (
        save(finished.plot.rungs(), tmp_path / folder / f"rungs.{suffix}").read_bytes() for folder in ("a", "b")
    )
    assert first.startswith(start)
    assert first == second


def test_svg_is_an_element_with_text(finished: Results) -> None:
    svg = to_svg(finished.plot.forest())
    assert svg.startswith("<svg")
    assert "fresh replicates" in svg
    assert svg == to_svg(finished.plot.forest())


def test_glyphs_that_the_font_lacks_are_no_warning() -> None:
    assert to_png(STATES["odd"]().plot.rungs()).startswith(b"\x89PNG")
    assert "精度" in to_svg(STATES["odd"]().plot.history())


def test_what_cannot_be_written_is_told(finished: Results, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"must end in '.png', '.svg' or '.pdf' \(did you mean '.png'\?\)"):
        save(finished.plot.rungs(), tmp_path / "rungs.pgn")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written: "):
        save(finished.plot.rungs(), tmp_path / "file" / "rungs.png")

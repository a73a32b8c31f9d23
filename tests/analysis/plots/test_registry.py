"""What every figure promises, whatever there is to draw."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import assay
from assay.analysis import Results
from assay.analysis.plots import PLOTS, draw, emptiness, options_of, summary_of
from assay.spaces import NotFoundError, UsageError

from .conftest import STATES

_LEARNED = ("importance", "dependence", "ablation")
_UNLEARNED = ("empty", "single")  # a second of resampling otherwise: see test_learned.py
_CASES = [(name, kind) for name in STATES for kind in PLOTS if kind not in _LEARNED or name in _UNLEARNED]
_RENDERED = ("odd", "finished", "population")


@pytest.fixture(scope="module")
def sweeps() -> dict[str, Results]:
    return {name: make() for name, make in STATES.items()}


@pytest.mark.parametrize(("name", "kind"), _CASES)
def test_every_figure_of_every_sweep(name: str, kind: str, sweeps: dict[str, Results]) -> None:
    results = sweeps[name]
    figure = Figure(figsize=(5, 3), dpi=40)
    FigureCanvasAgg(figure)
    ax = figure.add_subplot()
    assert draw(results, kind, ax) is ax
    if name in _RENDERED:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
            figure.canvas.draw()  # text that is no formula, and places that are too far apart, fail here
    why = emptiness(ax)
    assert why is None or len(why) > 20
    if why is None:
        assert name != "empty"
        assert ax.has_data()
        assert ax.get_xlabel() or ax.get_xticklabels()
    assert plt.get_fignums() == []


@pytest.mark.parametrize("kind", [kind for kind in PLOTS if kind not in _LEARNED])
def test_figures_of_their_own(kind: str, finished: Results) -> None:
    ax = draw(finished, kind)
    assert isinstance(ax, Axes)
    assert ax.figure is not draw(finished, "rungs").figure
    assert plt.get_fignums() == []


@pytest.mark.parametrize("kind", PLOTS)
def test_what_is_told_of_them(kind: str) -> None:
    assert summary_of(kind).endswith(".")
    assert isinstance(options_of(kind), dict)


def test_a_sweep_without_a_trial_has_nothing_to_draw() -> None:
    results = STATES["empty"]()
    assert all(emptiness(draw(results, kind)) for kind in PLOTS)


def test_other_names_are_refused(finished: Results) -> None:
    with pytest.raises(NotFoundError, match=r"there is no plot 'forrest' \(did you mean 'forest'\?\): use 'history'"):
        draw(finished, "forrest")
    with pytest.raises(UsageError, match=r"plot slice: there is no option 'parametre' \(did you mean 'parameter'\?\)"):
        draw(finished, "slice", options={"parametre": "lr"})
    with pytest.raises(UsageError, match="plot forest: there is no option 'by': it has none"):
        draw(finished, "forest", options={"by": "trials"})


def test_the_accessor(finished: Results) -> None:
    ax = Figure().add_subplot()
    assert finished.plot.forest(ax=ax) is ax
    assert {*PLOTS} <= {*dir(finished.plot)}
    assert finished.plot.history.__doc__ == PLOTS["history"].__doc__
    assert "forest" in repr(finished.plot)
    with pytest.raises(AttributeError, match=r"there is no plot 'histroy' \(did you mean 'history'\?\)"):
        finished.plot.histroy()
    assert not hasattr(finished.plot, "_repr_html_")


def test_a_notebook_shows_a_figure_of_its_own(finished: Results) -> None:
    assert finished.plot.rungs()._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


def test_the_page_lists_them_all() -> None:
    text = (Path(assay.__file__).parent / "docs" / "plots.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*?)\|$", text, flags=re.MULTILINE)
    assert [kind for kind, _ in rows] == [*PLOTS]
    assert all({*options_of(kind)} <= {*re.findall(r"`(\w+)`", told)} for kind, told in rows)

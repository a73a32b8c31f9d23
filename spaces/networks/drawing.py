"""A network as an SVG: one file without scripts, with text that can be searched, legible on light and dark pages."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from textwrap import wrap
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from .frames import frames
from .layout import Point, layered
from .recorded import INPUT
from .traced import OUTPUT, GraphNode, NetworkGraph, trace

if TYPE_CHECKING:
    from torch import nn

_LINE, _PADDING, _LETTER, _MARGIN = 15, 8, 6.7, 28
_LONGEST, _SWATCH = 6, 30
_ROW, _NARROW = 18, 340  # height of a row of the legend; what fits on a telephone
_NAMED = 3  # unused parts
_HEAVY = ("attention", "recurrent", "convolution", "linear")
_BY_WEIGHT = (*_HEAVY, "pooling", "merge", "normalisation", "activation", "other", INPUT, OUTPUT)
_COLOURS = {  # mostly Okabe and Ito's, which the colour-blind can tell apart; legible as lines on light and on dark
    "convolution": "#1f83c9",
    "linear": "#009e73",
    "attention": "#cc79a7",
    "recurrent": "#d55e00",
    "pooling": "#b0a21a",
    "merge": "#e69f00",
    "normalisation": "#8a8a8a",
    "activation": "#9c6b4a",
    "other": "#8a8a8a",
    INPUT: "#6e7681",
    OUTPUT: "#6e7681",
}
_STYLE = """
svg { background: #ffffff; color: #1b1f24; font: 12px system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif }
text { fill: currentColor } .title { font-size: 16px; font-weight: 600 } .bold { font-weight: 600 }
.muted { fill: #59636e } .edge { fill: none; stroke: #7d8590; stroke-width: 1.3 } .point { fill: #7d8590 }
.group { fill: #7d8590; fill-opacity: .07; stroke: #7d8590; stroke-opacity: .45; stroke-dasharray: 3 3 }
.block { font-size: 11px; paint-order: stroke; stroke: #ffffff; stroke-width: 3; stroke-linejoin: round }
.box { fill-opacity: .16; stroke-width: 1.4 }
@media (prefers-color-scheme: dark) {
svg { background: #0d1117; color: #e6edf3 } .muted { fill: #9198a1 } .box { fill-opacity: .3 }
.block { stroke: #0d1117 } }
"""


def network_svg(model: nn.Module, input_shape: Sequence[int], title: str) -> str:
    """The drawing of a network: see :func:`draw_svg`.

    Raises:
        TraceError: when the network does not run on a batch of this shape.
    """
    from ..architectures.blocks import StagedNetwork

    return draw_svg(trace(model, input_shape), title, _parameters_of if isinstance(model, StagedNetwork) else None)


def draw_svg(graph: NetworkGraph, title: str = "", named: Callable[[str], str] | None = None) -> str:
    """The graph from top to bottom. Steps without a branch between them share a box around a layer with weights.

    A box says the shape of one example where it changes; its tooltip has names, shape and parameters. Boxes of one
    block of the network stand in a frame with its name.

    Args:
        named: what a block is called, by its path in the network; empty for one that has no such name. A block that
            has one gets a frame for a single box too.
    """
    boxes, edges = _boxes(_without_identities(graph))
    sizes = [(box.width, box.height) for box in boxes]
    layout = layered(sizes, edges)
    framed = frames([box.group for box in boxes], sizes, layout, named or (lambda path: ""))
    kinds = [kind for kind in _BY_WEIGHT if kind in {box.kind for box in boxes} - {INPUT, OUTPUT}]
    head, legend = _head(graph, title), _legend(kinds)
    top = 26 + _ROW * (len(head) + len(legend)) + 6
    left = min([0.0, *(frame.sides[0] + _MARGIN / 2 for frame in framed)])
    right = max([layout.width, *(frame.sides[2] - _MARGIN / 2 for frame in framed)])
    written = [_wide(text) * (1.3 if style == "title" else 1.0) for text, style in head]
    needed = max([right - left, *written, *(row.width for row in legend)])
    shift = (needed - (right - left)) / 2 - left + _MARGIN
    width, height = needed + 2 * _MARGIN, layout.height + top + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        *(
            f'<text class="{style}" x="{_MARGIN}" y="{26 + _ROW * row}">{escape(text)}</text>'
            for row, (text, style) in enumerate(head)
        ),
        *(row.drawn(26 + _ROW * (len(head) + at)) for at, row in enumerate(legend)),
        f'<g transform="translate({shift:.1f} {top})">',
        *(frame.drawn for frame in framed),
        *(_arrow(route) for route in layout.routes),
        *(_drawn(box, at) for box, at in zip(boxes, layout.boxes, strict=True)),
        *(frame.name for frame in framed),
        "</g></svg>",
    ]
    return "\n".join(parts) + "\n"


def without_style(svg: str) -> str:
    """A drawing for a page that has a style for it, by classes; the colours of boxes are in the drawing itself."""
    return svg.replace(f"<style>{_STYLE}</style>", "")


@dataclass(frozen=True)
class _Box:
    """Steps that follow one another, and what is written for them."""

    nodes: tuple[GraphNode, ...]
    shape: str

    @property
    def kind(self) -> str:
        return min((node.kind for node in self.nodes), key=_BY_WEIGHT.index)

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Texts with their style; the stacking of what is summed is left out."""
        labels = [node.label for node in self.nodes]
        nothing = {at for at, pair in enumerate(pairwise(labels)) if pair == ("stack", "sum")}
        shown = [node for at, node in enumerate(self.nodes) if at not in nothing] or [self.nodes[0]]
        strong = (*_HEAVY, INPUT, OUTPUT)
        lines = [(_pretty(node.label), "bold" if node.kind in strong else "plain") for node in shown]
        return [*lines, (self.shape, "muted")] if self.shape else lines

    @property
    def group(self) -> str:
        return _group(self.nodes[0])

    @property
    def width(self) -> float:
        return max(_wide(text) * (1.14 if style == "bold" else 1.0) for text, style in self.lines) + 2 * _PADDING

    @property
    def height(self) -> float:
        return _LINE * len(self.lines) + 2 * _PADDING - 3

    @property
    def tooltip(self) -> str:
        lines = [f"{node.name}: {_pretty(node.label)}{_size(node)}" for node in self.nodes]
        return "\n".join(lines)


def _size(node: GraphNode) -> str:
    shape = f" → {_times(node.shape)}" if node.shape is not None else ""
    return shape + (f", {node.parameters:,} parameters" if node.parameters else "")


def _times(shape: Sequence[int] | None) -> str:
    return "×".join(map(str, shape)) if shape else ""


def _group(node: GraphNode) -> str:
    """``cells.0`` of ``cells.0.layers.1.op``: the name of the block, with its numbers."""
    found = re.match(r"[^.\d][^.]*(\.\d+)*", node.module)
    return found[0] if found else ""


def _parameters_of(path: str) -> str:
    """``stage2.op1`` for ``stages.1.0`` of a network of stages: the parameter that chose the block."""
    found = re.fullmatch(r"stages\.(\d+)\.(\d+)", path)
    return f"stage{int(found[1]) + 1}.op{int(found[2]) + 1}" if found else ""


def _pretty(label: str) -> str:
    """``3×3, 16→32`` for ``3x3, 16->32``."""
    return re.sub(r"(?<=\d)x(?=\d)", "×", label).replace("->", "→")


def _wide(text: str) -> float:
    return _LETTER * len(text)


def _without_identities(graph: NetworkGraph) -> NetworkGraph:
    """With an arrow instead of each step that does nothing."""
    stands_for: dict[str, str] = {}
    for node in graph.nodes:
        sources = [first for first, last in graph.edges if last == node.name]
        if node.label == "Identity" and len(sources) == 1:
            stands_for[node.name] = stands_for.get(sources[0], sources[0])
    kept = [edge for edge in graph.edges if edge[1] not in stands_for]
    edges = dict.fromkeys((stands_for.get(first, first), last) for first, last in kept)
    return NetworkGraph(tuple(node for node in graph.nodes if node.name not in stands_for), tuple(edges))


def _boxes(graph: NetworkGraph) -> tuple[list[_Box], list[tuple[int, int]]]:
    """The boxes in the order of their first steps, and the arrows between them."""
    before, after = defaultdict(list), Counter[str]()
    for first, last in graph.edges:
        before[last].append(first)
        after[first] += 1
    box_of: dict[str, int] = {}
    chains: list[list[GraphNode]] = []
    for node in graph.nodes:
        alone = len(before[node.name]) == 1 and after[before[node.name][0]] == 1
        at = box_of[before[node.name][0]] if alone else -1
        if alone and _joins(node, chains[at]):
            chains[at].append(node)
        else:
            at = len(chains)
            chains.append([node])
        box_of[node.name] = at
    shapes = {node.name: node.shape for node in graph.nodes}
    boxes = [_Box(tuple(chain), _changed(chain, before[chain[0].name], shapes)) for chain in chains]
    edges = {(box_of[first], box_of[last]) for first, last in graph.edges}
    return boxes, sorted(edge for edge in edges if edge[0] != edge[1])


def _joins(node: GraphNode, chain: Sequence[GraphNode]) -> bool:
    """Whether a step goes into the box before it: one layer with weights in each, a depthwise convolution beside it."""
    ends = {INPUT, OUTPUT}
    if node.kind in ends or chain[-1].kind in ends or _group(node) != _group(chain[-1]):
        return False
    if node.kind in _HEAVY:
        fits = all(one.kind not in (*_HEAVY, "merge") or one.label.endswith("depthwise") for one in chain)
        return fits and node.module == chain[-1].module
    return len(chain) < _LONGEST


def _changed(chain: Sequence[GraphNode], sources: Sequence[str], shapes: dict[str, tuple[int, ...] | None]) -> str:
    """The shape after the chain where it is not that of what goes in."""
    shape = chain[-1].shape
    same = bool(sources) and chain[-1].kind != OUTPUT and all(shapes[name] == shape for name in sources)
    return "" if same else _times(shape)


def _head(graph: NetworkGraph, title: str) -> list[tuple[str, str]]:
    """Title and counts, with what is no part of the drawing: texts with their style."""
    total = sum(node.parameters for node in graph.nodes)
    steps = len(graph.nodes) - 2  # without input and output
    lines = [(title, "title"), (f"{total:,} parameters, {steps} step{'' if steps == 1 else 's'}", "muted")]
    if graph.unused:
        more = f" and {len(graph.unused) - _NAMED} more" if len(graph.unused) > _NAMED else ""
        parts = ", ".join(graph.unused[:_NAMED]) + more
        told = f"not used to predict: {graph.unused_parameters:,} parameters in {parts}"
        lines += [(line, "muted") for line in wrap(told, int(_NARROW / _LETTER), break_on_hyphens=False)]
    return lines


@dataclass(frozen=True)
class _LegendRow:
    """Some of the kinds, and where each begins."""

    kinds: tuple[str, ...]

    @property
    def width(self) -> float:
        return sum(_wide(kind) + _SWATCH for kind in self.kinds)

    def drawn(self, y: float) -> str:
        found, x = "", float(_MARGIN)
        for kind in self.kinds:
            found += f'<rect class="box" {_colour(kind)} x="{x:.1f}" y="{y - 9}" width="10" height="10" rx="2"/>'
            found += f'<text class="muted" x="{x + 15:.1f}" y="{y}">{kind}</text>'
            x += _wide(kind) + _SWATCH
        return found


def _legend(kinds: Sequence[str]) -> list[_LegendRow]:
    """Rows that fit on a narrow screen."""
    rows: list[_LegendRow] = []
    for kind in kinds:
        longer = _LegendRow((*rows[-1].kinds, kind)) if rows else None
        if longer is not None and longer.width <= _NARROW:
            rows[-1] = longer
        else:
            rows.append(_LegendRow((kind,)))
    return rows


def _colour(kind: str) -> str:
    """As attributes: a page that shows the drawing among others has a style of its own."""
    return f'fill="{_COLOURS[kind]}" stroke="{_COLOURS[kind]}"'


def _drawn(box: _Box, at: Point) -> str:
    x, y = at
    middle = x + box.width / 2
    texts = "".join(
        f'<text class="{style}" x="{middle:.1f}" y="{y + _PADDING + 9 + _LINE * index:.1f}" text-anchor="middle">'
        f"{escape(text)}</text>"
        for index, (text, style) in enumerate(box.lines)
    )
    place = f'x="{x:.1f}" y="{y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    frame = f'<rect class="box" {_colour(box.kind)} {place} rx="5"/>'
    return f"<g><title>{escape(box.tooltip)}</title>{frame}{texts}</g>"


def _arrow(route: Sequence[Point]) -> str:
    """A line that leaves and arrives upright, with a tip."""
    (x, y), rest = route[0], route[1:]
    path = f"M{x:.1f} {y:.1f}"
    for at, (to_x, to_y) in enumerate(rest):
        end = to_y - 4 if at == len(rest) - 1 else to_y
        half = (y + end) / 2
        straight = abs(to_x - x) < 0.5
        path += f"V{end:.1f}" if straight else f"C{x:.1f} {half:.1f} {to_x:.1f} {half:.1f} {to_x:.1f} {end:.1f}"
        x, y = to_x, to_y
    return f'<path class="edge" d="{path}"/><path class="point" d="M{x:.1f} {y:.1f}l-3.5 -6.5h7z"/>'

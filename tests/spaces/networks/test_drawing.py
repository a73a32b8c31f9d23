"""A drawing shows every layer once, in boxes that do not overlap, with arrows from top to bottom."""

import math
import re
from collections import OrderedDict
from collections.abc import Iterator
from itertools import combinations
from xml.etree import ElementTree

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from assay.spaces import Space
from assay.spaces.architectures import architecture_of
from assay.spaces.networks import drawing
from assay.spaces.networks.drawing import draw_svg, network_svg
from assay.spaces.networks.layout import layered
from assay.spaces.networks.traced import GraphNode, NetworkGraph, trace

from .sample_networks import SAMPLES, Residual, hub_network, staged_network

Graph = tuple[list[tuple[float, float]], list[tuple[int, int]]]  # sizes and edges
SVG = "{http://www.w3.org/2000/svg}"


pytestmark = pytest.mark.usefixtures("one_thread")


def drawn(svg: str) -> tuple[list[dict[str, float]], list[str], str]:
    """Boxes of steps, all texts, all tooltips."""
    root = ElementTree.fromstring(svg)
    rects = [one for one in root.iter(f"{SVG}rect") if one.get("rx") == "5"]
    boxes = [place(one) for one in rects]
    texts = [one.text or "" for one in root.iter(f"{SVG}text")]
    return boxes, texts, "\n".join(one.text or "" for one in root.iter(f"{SVG}title"))


def apart(one: dict[str, float], other: dict[str, float]) -> bool:
    beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
    return beside or one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]


@pytest.mark.parametrize("name", [*SAMPLES, "cnn", "nasbench201"])
def test_every_layer_is_there_once(name: str) -> None:
    if name in SAMPLES:
        model, shape = SAMPLES[name][0](), SAMPLES[name][1]
    else:
        model, shape = staged_network(name) if name == "cnn" else hub_network(name)
    boxes, _, tooltips = drawn(network_svg(model, shape, name))
    for node in trace(model, shape).nodes:
        assert len(re.findall(rf"^{re.escape(node.name)}: ", tooltips, re.M)) == (0 if node.label == "Identity" else 1)
    assert all(apart(one, other) for one, other in combinations(boxes, 2))


def test_what_is_written() -> None:
    boxes, texts, tooltips = drawn(network_svg(Residual(), (3, 8, 8), "net, trial 3 <best>"))
    assert texts[:2] == ["net, trial 3 <best>", "418 parameters, 15 steps"]
    assert {"Conv2d 3×3, 3→8", "BatchNorm2d", "ReLU", "8×8×8", "cat", "convolution", "merge"} <= set(texts)
    assert "stem.0: Conv2d 3×3, 3→8 → 8×8×8, 224 parameters" in tooltips
    stem = next(one for one in boxes if one["height"] > 60)  # convolution, norm, activation and the shape in one box
    assert stem["width"] > 90


def test_nothing_runs_and_nothing_is_loaded() -> None:
    svg = network_svg(Residual(), (3, 8, 8), "net")
    assert "<script" not in svg
    assert "href" not in svg
    assert svg.count("http") == 1  # the name of SVG itself
    assert "prefers-color-scheme: dark" in svg


def test_blocks_have_a_frame_with_their_name() -> None:
    model, shape = staged_network("cnn", seed=3)
    svg = network_svg(model, shape, "net")
    named = [text for text in drawn(svg)[1] if re.fullmatch(r"stage\d\.op\d", text)]
    assert len(named) == svg.count('class="group"') > 1
    assert "stages.0.0" not in drawn(svg)[1]
    own = drawn(network_svg(nn.Sequential(OrderedDict(stages=staged_blocks())), (8, 8, 8), "net"))[1]
    assert {"stages.0", "stages.1"} <= set(own), "a network of one's own has the names that it gave"


def branches(*names: str) -> NetworkGraph:
    """Blocks side by side, each of two small boxes."""
    nodes = [GraphNode("input", "input", "in", "", (4,), 0)]
    edges = []
    for name in names:
        nodes += [GraphNode(f"{name}.{at}", "linear", "L", f"{name}.{at}", (4,), 4) for at in "ab"]
        edges += [("input", f"{name}.a"), (f"{name}.a", f"{name}.b"), (f"{name}.b", "output")]
    nodes.append(GraphNode("output", "output", "out", "", (4,), 0))
    return NetworkGraph(tuple(nodes), tuple(edges))


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_frames_stay_on_the_page_and_hold_no_box_of_others(count: int) -> None:
    """However long their names are."""
    names = [f"{letter}_block_with_a_name_that_is_longer_than_wide" for letter in "abcde"[:count]]
    svg = draw_svg(branches(*names))
    root = ElementTree.fromstring(svg)
    page = float(root.get("width", "nan"))
    moved = re.search(r'<g transform="translate\(([-\d.]+) ', svg)
    assert moved is not None
    shift = float(moved[1])
    frames = [one for one in root.iter(f"{SVG}rect") if one.get("class") == "group"]
    words = [one.text or "" for one in root.iter(f"{SVG}text") if "block" in (one.get("class") or "").split()]
    assert sorted(words) == names
    for frame, name in zip(map(place, frames), words, strict=True):
        assert 0 <= shift + frame["x"] <= shift + frame["x"] + frame["width"] <= page
        for group in root.iter(f"{SVG}g"):
            title, box = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
            if title is not None and box is not None and not (title.text or "").startswith(name):
                assert apart(frame, place(box)), (name, title.text)


def place(rect: ElementTree.Element) -> dict[str, float]:
    return {key: float(rect.get(key, "nan")) for key in ("x", "y", "width", "height")}


def staged_blocks() -> nn.Sequential:
    """Two blocks of two convolutions."""
    return nn.Sequential(*(nn.Sequential(*(nn.Conv2d(8, 8, 1) for _ in range(2))) for _ in range(2)))


def test_each_layer_of_stages_has_the_name_of_the_parameter_that_chose_it() -> None:
    stages = [{"ops": ["conv3x3"], "depth": 2, "width": 4}, {"ops": ["resblock3x3"], "depth": 1, "width": 8}]
    architecture = architecture_of({"input": [1, 8, 8], "output": 2, "stages": stages})
    config = Space(architecture.parameters()).default()
    texts = drawn(network_svg(architecture.build(config), (1, 8, 8), "net"))[1]
    named = {f"architecture.{text}" for text in texts if text.startswith("stage")}
    assert named == {name for name in config if ".op" in name}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("family", ["cnn", "mlp", "sequence"])
def test_no_arrow_crosses_the_name_of_a_block(family: str, seed: int) -> None:
    model, shape = staged_network(family, seed)
    root = ElementTree.fromstring(network_svg(model, shape, "net"))
    names = [one for one in root.iter(f"{SVG}text") if "block" in (one.get("class") or "")]
    assert names
    arrows = [one.get("d") or "" for one in root.iter(f"{SVG}path") if one.get("class") == "edge"]
    for one in names:
        left, bottom = float(one.get("x", "nan")), float(one.get("y", "nan"))
        right = left + 6 * len(one.text or "")
        for arrow in arrows:
            assert not any(left < x < right and bottom - 8 < y < bottom for x, y in points(arrow)), (one.text, arrow)


def points(path: str) -> Iterator[tuple[float, float]]:
    """Of a line of upright pieces and of curves."""
    x = y = 0.0
    for word, numbers in re.findall(r"([MVC])([-\d. ]+)", path):
        given = [float(one) for one in numbers.split()]
        end = (given[0], given[1]) if word == "M" else (x, given[0]) if word == "V" else (given[4], given[5])
        for share in [place / 20 for place in range(21)] if word != "M" else [1.0]:
            bent = share**2 * (3 - 2 * share) if word == "C" else share  # of x; its handles are upright
            along = 1.5 * share * (1 - share) + share**3 if word == "C" else share
            yield x + bent * (end[0] - x), y + along * (end[1] - y)
        x, y = end


def test_the_legend_fits_on_a_narrow_screen() -> None:
    svg = network_svg(nn.Sequential(*EVERY_KIND), (8, 8), "net")
    root = ElementTree.fromstring(svg)
    marks = [one for one in root.iter(f"{SVG}rect") if one.get("rx") == "2"]
    assert len(marks) >= 5
    assert len({one.get("y") for one in marks}) == 2
    texts = [one for one in root.iter(f"{SVG}text") if one.text in {*drawing._COLOURS} - {"input", "output"}]
    assert max(float(one.get("x", "nan")) + 7 * len(one.text or "") for one in texts) < 420
    assert float(root.get("width", "nan")) < 420
    first = min(float(one.get("y", "nan")) for one in root.iter(f"{SVG}rect") if one.get("rx") == "5")
    moved = re.search(r'<g transform="translate\([\d.]+ (\d+)\)">', svg)
    assert moved is not None
    assert float(moved[1]) + first > max(float(one.get("y", "nan")) for one in texts)


class Sum(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + x.flip(1)


class First(nn.Module):
    """The first result of a layer that has several."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)[0]


EVERY_KIND = (
    nn.Conv1d(8, 8, 1),
    nn.Linear(8, 8),
    nn.TransformerEncoderLayer(8, 2, 8, batch_first=True),
    First(nn.GRU(8, 8, batch_first=True)),
    Sum(),
    nn.Linear(8, 4),
    nn.AvgPool1d(1),
    Sum(),
)


@pytest.mark.parametrize("page", ["#ffffff", "#0d1117", "#1b2025"])
def test_kinds_are_told_apart_by_colour_on_light_and_dark_pages(page: str) -> None:
    """As lines they are seen (contrast, WCAG 2 section 1.4.11, with some give for the light ones), and differ."""
    shown = ("convolution", "linear", "attention", "recurrent", "pooling", "merge", "activation", "other")
    colours = {kind: drawing._COLOURS[kind] for kind in shown}
    for first, second in combinations(shown, 2):
        apart = math.dist(lab(colours[first]), lab(colours[second]))
        assert apart > 20, (first, second, apart)
    for kind, colour in colours.items():
        dark, light = sorted((lab(colour)[0], lab(page)[0]))
        assert light - dark > 27, kind


def lab(colour: str) -> tuple[float, float, float]:
    """CIE 1976 L*a*b* of an sRGB colour, white D65."""
    rgb = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    r, g, b = ((one / 12.92) if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in rgb)
    x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089
    f, h, k = (one ** (1 / 3) if one > 0.008856 else 7.787 * one + 16 / 116 for one in (x, y, z))
    return 116 * h - 16, 500 * (f - h), 200 * (h - k)


def test_what_is_not_used_is_not_drawn_but_named() -> None:
    model = nn.ModuleDict({"used": nn.Linear(4, 2), "never": nn.Linear(4, 3)})
    model.forward = lambda x: (model["never"](x), model["used"](x))[1]  # type: ignore[method-assign, assignment]
    _, texts, tooltips = drawn(network_svg(model, (4,), "net"))
    assert texts[1:3] == ["10 parameters, 1 step", "not used to predict: 15 parameters in never"]
    assert "never" not in tooltips


def test_three_of_many_unused_parts_are_named() -> None:
    model = nn.ModuleDict({name: nn.Linear(4, 1) for name in ("used", "one", "two", "three", "four")})
    model.forward = lambda x: model["used"](x)  # type: ignore[method-assign, assignment]
    told = " ".join(drawn(network_svg(model, (4,), "net"))[1])
    assert "not used to predict: 20 parameters in one, two, three and 1 more " in told


def test_an_identity_is_an_arrow() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Identity(), nn.Linear(4, 2))
    _, texts, _ = drawn(network_svg(model, (4,), "net"))
    assert "Identity" not in texts
    assert {"Linear 4→4", "Linear 4→2"} <= set(texts)


def test_a_graph_without_steps() -> None:
    nodes = tuple(GraphNode(name, name, name, "", (4,), 0) for name in ("input", "output"))
    boxes, texts, _ = drawn(draw_svg(NetworkGraph(nodes, (("input", "output"),))))
    assert len(boxes) == 2
    assert texts.count("4") == 2


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(1, 12))
    sizes = [(draw(st.integers(20, 120)), draw(st.integers(15, 60))) for _ in range(count)]
    pairs = list(combinations(range(count), 2))
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=20)) if pairs else []
    return [(float(width), float(height)) for width, height in sizes], edges


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_boxes_never_overlap_and_arrows_lead_down(
    graph: tuple[list[tuple[float, float]], list[tuple[int, int]]],
) -> None:
    sizes, edges = graph
    layout = layered(sizes, edges)
    boxes = [
        {"x": x, "y": y, "width": width, "height": height}
        for (x, y), (width, height) in zip(layout.boxes, sizes, strict=True)
    ]
    assert all(apart(one, other) for one, other in combinations(boxes, 2))
    assert all(one["x"] >= 0 and one["x"] + one["width"] <= layout.width + 1e-6 for one in boxes)
    assert max(one["y"] + one["height"] for one in boxes) <= layout.height + 1e-6
    for (first, last), route in zip(edges, layout.routes, strict=True):
        start, end = boxes[first], boxes[last]
        assert route[0] == pytest.approx((start["x"] + start["width"] / 2, start["y"] + start["height"]))
        assert route[-1] == pytest.approx((end["x"] + end["width"] / 2, end["y"]))
        heights = [y for _, y in route]
        assert heights == sorted(heights)
        passed = [box for at, box in enumerate(boxes) if at not in (first, last)]
        assert not any(inside(point, box) for point in route[1:-1] for box in passed)
    assert layered(sizes, edges) == layout


def inside(point: tuple[float, float], box: dict[str, float]) -> bool:
    x, y = point
    return box["x"] < x < box["x"] + box["width"] and box["y"] <= y <= box["y"] + box["height"]

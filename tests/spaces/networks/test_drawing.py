"""A drawing shows every layer once, in boxes that do not overlap, with arrows from top to bottom."""

import re
from collections.abc import Iterator
from itertools import combinations
from xml.etree import ElementTree

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from assay.spaces.networks.drawing import draw_svg, network_svg
from assay.spaces.networks.layout import layered
from assay.spaces.networks.traced import GraphNode, NetworkGraph, trace

from .sample_networks import SAMPLES, Residual, hub_network, staged_network

Graph = tuple[list[tuple[float, float]], list[tuple[int, int]]]  # sizes and edges
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(svg: str) -> tuple[list[dict[str, float]], list[str], str]:
    """Boxes of steps, all texts, all tooltips."""
    root = ElementTree.fromstring(svg)
    rects = [one for one in root.iter(f"{SVG}rect") if one.get("rx") == "5"]
    boxes = [{key: float(one.get(key, "nan")) for key in ("x", "y", "width", "height")} for one in rects]
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
    named = [text for text in drawn(svg)[1] if re.fullmatch(r"stages\.\d\.\d|stem|head", text)]
    assert len(named) == svg.count('class="group"') > 0


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

"""Isomorphic networks share a text, others do not: small networks, and all cells of NAS-Bench-201."""

import itertools
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.spaces.architectures import architecture_of
from assay.spaces.networks.canonical import canonical_of, canonical_text
from assay.spaces.networks.recorded import Call, Recording

from .sample_networks import HUB, ByValue, hub_network, staged_network

SHAPE = (4, 6, 6)


pytestmark = pytest.mark.usefixtures("one_thread")


class Net(nn.Module):
    """Two 3x3 convolutions ``a`` and ``b``, a 1x1 convolution ``c``, and a forward pass of one's own."""

    def __init__(self, forward: Callable[["Net", Tensor], object]) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.c = nn.Conv2d(4, 4, 1, bias=False)
        self.norm, self.relu, self.same = nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Identity()
        self.keeps, self.drops = nn.Dropout(0.0), nn.Dropout(0.1)
        self._forward = forward

    def forward(self, x: Tensor) -> object:
        return self._forward(self, x)


def text(forward: Callable[[Net, Tensor], object]) -> str:
    found = canonical_text(Net(forward), SHAPE)
    assert found is not None
    return found


def with_part(x: Tensor, at: int, factor: float) -> Tensor:
    """Changed in place."""
    x[:, at].mul_(factor)
    return x


EQUAL: dict[str, tuple[Callable[[Net, Tensor], object], Callable[[Net, Tensor], object]]] = {
    "order of a sum": (lambda n, x: n.a(x) + n.c(x), lambda n, x: n.c(x) + n.a(x)),
    "grouping of a sum": (lambda n, x: (x + n.a(x)) + n.c(x), lambda n, x: x + (n.c(x) + n.a(x))),
    "ways to sum": (lambda n, x: sum([n.a(x), n.c(x)]), lambda n, x: torch.stack([n.c(x), n.a(x)]).sum(0)),
    "order of a product": (lambda n, x: n.a(x) * n.c(x), lambda n, x: n.c(x).mul(n.a(x))),
    "names": (lambda n, x: n.a(n.c(x)), lambda n, x: n.b(n.c(x))),
    "order of computation": (lambda n, x: (n.a(x), n.c(x)), lambda n, x: (n.c(x), n.a(x))[::-1]),
    "identity": (lambda n, x: n.a(x), lambda n, x: n.same(n.a(n.same(x.contiguous())))),
    "dropout of nothing": (lambda n, x: n.a(x), lambda n, x: functional.dropout(n.keeps(n.a(x)), 0.0, n.training)),
    "dropout only where nobody trains": (lambda n, x: n.a(x), lambda n, x: functional.dropout(n.a(x), 0.5, False)),
    "view of the same shape": (lambda n, x: n.a(x), lambda n, x: n.a(x.view(x.shape[0], 4, 6, 6))),
    "once zero": (lambda n, x: n.a(x), lambda n, x: n.a(x) + n.c(x) * 0.0),
    "zero through layers": (lambda n, x: n.a(x), lambda n, x: n.norm(n.c(n.relu(x * 0))) + n.a(x)),
    "made of zeros": (lambda n, x: n.a(x), lambda n, x: n.a(x) + torch.zeros_like(x)),
    "neutral numbers": (lambda n, x: n.a(x), lambda n, x: (n.a(x) + 0) * 1.0),
    "dead code": (lambda n, x: n.a(x), lambda n, x: (n.a(x), n.b(x), x + 1)[0]),
    "layer and function": (lambda n, x: n.relu(n.a(x)), lambda n, x: functional.relu(n.a(x))),
    "same value twice": (lambda n, x: torch.relu(x) + torch.relu(x), lambda n, x: (lambda y: y + y)(torch.relu(x))),
}
DIFFERENT: dict[str, tuple[Callable[[Net, Tensor], object], Callable[[Net, Tensor], object]]] = {
    "one layer twice, two layers": (lambda n, x: n.a(n.a(x)), lambda n, x: n.a(n.b(x))),
    "one result twice, two results": (lambda n, x: (lambda y: y + y)(n.a(x)), lambda n, x: n.a(x) + n.b(x)),
    "one draw twice, two draws": (lambda n, x: (lambda y: y + y)(n.drops(x)), lambda n, x: n.drops(x) + n.drops(x)),
    "order of a concatenation": (lambda n, x: torch.cat([x, n.a(x)], 1), lambda n, x: torch.cat([n.a(x), x], 1)),
    "order of a difference": (lambda n, x: x - n.a(x), lambda n, x: n.a(x) - x),
    "order of layers": (lambda n, x: n.a(n.c(x)), lambda n, x: n.c(n.a(x))),
    "series and parallel": (lambda n, x: n.a(n.b(x)), lambda n, x: n.a(x) + n.b(x)),
    "which part": (lambda n, x: n.a(x).chunk(2, 1)[0], lambda n, x: n.a(x).chunk(2, 1)[1]),
    "arguments of a layer": (lambda n, x: n.a(x), lambda n, x: n.c(x)),
    "arguments of a function": (lambda n, x: n.a(x).mean((2, 3)), lambda n, x: n.a(x).mean((1, 2))),
    "dropout": (lambda n, x: n.a(x), lambda n, x: n.drops(n.a(x))),
    "dropout while training": (lambda n, x: n.a(x), lambda n, x: functional.dropout(n.a(x), 0.5, n.training)),
    "a bias of nothing": (lambda n, x: n.c(x), lambda n, x: n.c(x) + n.a(x * 0)),
    "scale": (lambda n, x: n.a(x), lambda n, x: n.a(x) * 2),
    "a sum that widens": (lambda n, x: x.mean(1, True), lambda n, x: x.mean(1, True) + x * 0),
    "outputs": (lambda n, x: (n.a(x), n.c(x)), lambda n, x: (n.c(x), n.a(x))),
    "transposed square": (lambda n, x: n.a(x), lambda n, x: n.a(x).transpose(2, 3)),
    "a change of a part": (lambda n, x: n.a(x), lambda n, x: with_part(n.a(x), 0, 2.0)),
    "a change of which part": (lambda n, x: with_part(n.a(x), 0, 2.0), lambda n, x: with_part(n.a(x), 1, 2.0)),
    "zeros in which part": (lambda n, x: n.c(with_part(x + 1, 0, 0.0)), lambda n, x: n.c(with_part(x + 1, 1, 0.0))),
    "zeros in a part": (lambda n, x: with_part(n.a(x), 0, 0.0) + n.c(x), lambda n, x: n.c(x)),
}


@pytest.mark.parametrize("what", EQUAL)
def test_the_same_but_for(what: str) -> None:
    assert text(EQUAL[what][0]) == text(EQUAL[what][1])


@pytest.mark.parametrize("what", DIFFERENT)
def test_told_apart_by(what: str) -> None:
    assert text(DIFFERENT[what][0]) != text(DIFFERENT[what][1])


def test_arguments_of_layers_that_do_not_print_them() -> None:
    texts = {
        canonical_text(nn.Sequential(nn.TransformerEncoderLayer(8, heads, 16, norm_first=first)), (5, 8))
        for heads, first in itertools.product((1, 2, 4), (True, False))
    }
    assert len(texts) == 6


def test_no_weights_are_needed() -> None:
    model, shape = hub_network("nasbench101")
    assert canonical_text(model, shape) == canonical_text(model.to("meta"), shape) is not None


@pytest.mark.parametrize("word", HUB)
def test_networks_of_the_hub(word: str) -> None:
    texts = [canonical_text(*hub_network(word, seed)) for seed in (0, 0, 1, 2)]
    assert None not in texts
    assert texts[0] == texts[1]
    assert len(set(texts)) == (2 if word == "autoformer" else 3)  # its smallest space has few networks


@pytest.mark.parametrize("family", ["cnn", "mlp", "sequence"])
def test_networks_of_stages(family: str) -> None:
    texts = [canonical_text(*staged_network(family, seed)) for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    assert None not in texts


def test_a_network_whose_steps_depend_on_values_has_no_text() -> None:
    assert canonical_text(ByValue(), (4,)) is None


OPS = ("none", "skip_connect", "conv_1x1", "conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))  # of a cell of NAS-Bench-201, by target
Cell = tuple[str, ...]


def recorded(cell: Cell) -> Recording:
    """What a cell of NAS-Bench-201 does, as the recorder would write it down."""
    shapes = ((2, 8, 4, 4),)
    calls = [Call("input", "", (), (), "", None, shapes)]
    sizes: dict[str, tuple[int, ...]] = {}

    def add(op: str, settings: str, inputs: list[tuple[int, int]], weights: tuple[str, ...] = ()) -> tuple[int, int]:
        calls.append(Call(op, settings, tuple(inputs), weights, "", None, shapes))
        return len(calls) - 1, 0

    nodes = {0: (0, 0)}
    for node in (1, 2, 3):
        taken = []
        for index, (source, target) in enumerate(EDGES):
            if target == node:
                x, op = nodes[source], cell[index]
                if op == "none":
                    taken.append(add("mul", "(_, 0.0)", [x]))
                elif op == "skip_connect":
                    taken.append(add("Identity", "Identity", [x]))
                elif op == "avg_pool_3x3":
                    taken.append(add("AvgPool2d", "AvgPool2d, kernel_size=3", [x]))
                else:
                    sizes[f"w{index}"] = (8, 8, 1, 1) if op == "conv_1x1" else (8, 8, 3, 3)
                    taken.append(add("Conv2d", op, [x], (f"w{index}",)))
        stacked = add("stack", f"(({', '.join('_' * len(taken))}))", taken)
        nodes[node] = add("sum", "(_, 0)", [stacked])
    return Recording(tuple(calls), (nodes[3],), sizes)


def term(cell: Cell, names: dict[int, str]) -> str:
    """The cell as a formula, without zeros and skips; sums are sorted."""
    nodes: dict[int, tuple[str, ...]] = {0: ("x",)}
    for node in (1, 2, 3):
        parts: list[str] = []
        for index, (source, target) in enumerate(EDGES):
            if target == node and cell[index] != "none" and nodes[source]:
                inside = nodes[source]
                parts += inside if cell[index] == "skip_connect" else [f"{names[index]}({'+'.join(inside)})"]
        nodes[node] = tuple(sorted(parts))
    return "+".join(nodes[3])


def by_force(cell: Cell) -> str:
    """The least formula over all ways to number the convolutions: isomorphism without any cleverness."""
    named = {index: f"{op}_{index}" for index, op in enumerate(cell)}
    formula = term(cell, named)
    used = [at for at, op in named.items() if f"{op}(" in formula]
    convolutions = {op: [at for at in used if cell[at] == op] for op in OPS[2:4]}
    best = ""
    for first in itertools.permutations(range(len(convolutions["conv_1x1"]))):
        for second in itertools.permutations(range(len(convolutions["conv_3x3"]))):
            names = dict(enumerate(cell))
            names |= {at: f"c1.{rank}" for at, rank in zip(convolutions["conv_1x1"], first, strict=True)}
            names |= {at: f"c3.{rank}" for at, rank in zip(convolutions["conv_3x3"], second, strict=True)}
            found = term(cell, names)
            best = found if not best or found < best else best
    return best


def test_cells_of_nasbench201_are_told_apart_as_by_brute_force() -> None:
    """Of all 15,625 cells 5,260 differ; Dong and Yang count 6,466, as their text keeps a mark for each zero."""
    cells = list(itertools.product(OPS, repeat=6))
    formulas = {cell: by_force(cell) for cell in cells}
    assert len(set(formulas.values())) == 5260
    chosen = [cells[index] for index in np.random.default_rng(0).choice(len(cells), 3000, replace=False)]
    texts, meanings = defaultdict(set), defaultdict(set)
    for cell in chosen:
        found = canonical_of(recorded(cell))
        texts[found].add(formulas[cell])
        meanings[formulas[cell]].add(found)
    assert all(len(one) == 1 for one in [*texts.values(), *meanings.values()])
    assert len(texts) < 2000  # so there was something to find


def test_the_recorded_cells_are_those_of_nni() -> None:
    pytest.importorskip("nni")
    arguments = {"stem_out_channels": 4, "num_modules_per_stack": 1}
    architecture = architecture_of({"space": "nasbench201", "arguments": arguments, "input": [3, 8, 8]})
    drawn = np.random.default_rng(1)
    cells = [tuple(str(op) for op in drawn.choice(OPS, size=6)) for _ in range(400)]
    alike: dict[str, list[Cell]] = defaultdict(list)
    for cell in dict.fromkeys(cells):
        alike[by_force(cell)].append(cell)
    pairs = [found for found in alike.values() if len(found) > 1 and "conv_3x3" in found[0]][:4]
    assert len(pairs) == 4
    seen = set()
    for pair in pairs:
        texts = {
            architecture.canonical({f"architecture.cell_{a}_{b}": op for (a, b), op in zip(EDGES, cell, strict=True)})
            for cell in pair[:2]
        }
        assert len(texts) == 1, pair
        seen |= texts
    assert len(seen) == 4

"""When a choice of an NNI model space matters at all, which NNI forgets in its flat list of choices.

A layer inside a branch of a ``LayerChoice`` matters only while that branch is chosen, a block of a ``Repeat`` only
while the depth reaches it. A choice that stands in several places matters while one of them does.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Way = Mapping[str, frozenset[int]]
"""For each of these choices, by label, one of the values at these places of its list: all have to hold."""

_MOST_WAYS = 64
"""A place that is reached in more ways counts as always reached: no condition of that length would help a search."""

_ZEROS = {"zero", "zeros", "zeroize"}
"""Names of classes of layers that give only zeros: those of NNI, and what is usual elsewhere."""


@dataclass
class Activity:
    """Where the choices of a model space stand.

    Attributes:
        paths: ways that lead to a choice, by its label: it matters while one of them holds; none when it never does.
        layers: labels whose values are layers.
        zeros: by label, those of its values that are layers which give only zeros.
    """

    paths: dict[str, list[Way]] = field(default_factory=dict)
    layers: set[str] = field(default_factory=set)
    zeros: dict[str, list[Any]] = field(default_factory=dict)
    _sizes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, space: Any) -> Activity:
        """Of a model space: ways are as short as they can be."""
        found = cls()
        found._walk(space, [{}])
        for label, paths in found.paths.items():
            found.paths[label] = found._merged(paths)
        for label, paths in found.paths.items():
            found.paths[label] = [found._without_implied(path) for path in paths]
        return found

    def _walk(self, module: Any, paths: Sequence[Way]) -> None:
        from nni.nas.nn.pytorch import LayerChoice, Repeat
        from nni.nas.nn.pytorch.base import MutableModule

        if isinstance(module, LayerChoice):
            self._note(module.choice, paths)
            self.layers.add(module.choice.label)
            self._note_zeros(module)
            for index, name in enumerate(module.names):
                self._walk(module[name], self._narrowed(paths, module.choice, {index}))
        elif isinstance(module, Repeat):
            self._note(module.depth_choice, paths)
            for index, block in enumerate(module.blocks):
                self._walk(block, self._reached(paths, module.depth_choice, index))
        elif _is_cell_of_101(module):
            self._note(module.num_nodes, paths)
            for index, (layer, inputs) in enumerate(itertools.zip_longest(module.ops, module.inputs)):
                # Vertices are numbered from 0; the last one, the output, has inputs and no operation.
                self._walk(inputs, self._more_than(paths, module.num_nodes, index))
                if layer is not None:
                    self._walk(layer, self._more_than(paths, module.num_nodes, index + 1))
        else:
            for mutable in module.mutables if isinstance(module, MutableModule) else ():
                self._note(mutable, paths)
            for child in module.children():
                self._walk(child, paths)

    def _note(self, mutable: Any, paths: Sequence[Way]) -> None:
        from nni.mutable import Mutable

        for label in mutable.simplify() if isinstance(mutable, Mutable) else ():
            known = self.paths.setdefault(label, [])
            known += [path for path in paths if path not in known]

    def _note_zeros(self, choice: Any) -> None:
        found = self.zeros.setdefault(choice.choice.label, [])
        for value, name in zip(choice.choice.values, choice.names, strict=True):
            # Not by the choice's name: "none" is often an identity.
            classes = {one.__name__.lower() for one in type(choice[name]).__mro__}
            if classes & _ZEROS and value not in found:
                found.append(value)

    def _more_than(self, paths: Sequence[Way], choice: Any, least: int) -> list[Way]:
        return self._narrowed(paths, choice, {at for at, value in enumerate(choice.values) if value > least})

    def _narrowed(self, paths: Sequence[Way], choice: Any, places: set[int]) -> list[Way]:
        """The ways on which a choice also has one of the values at ``places``."""
        self._sizes[choice.label] = len(choice.values)
        return [found for path in paths if (found := self._with(path, choice.label, frozenset(places))) is not None]

    def _with(self, path: Way, label: str, places: frozenset[int]) -> Way | None:
        left = places & path.get(label, places)
        if len(left) == self._sizes[label]:
            return path
        return {**path, label: left} if left else None

    def _reached(self, paths: Sequence[Way], depth: Any, index: int) -> list[Way]:
        """The ways on which the block at ``index`` is used; ``depth`` is a number, a choice, or made of some."""
        from nni.mutable import Categorical

        if isinstance(depth, int):
            return list(paths)
        if isinstance(depth, Categorical):
            return self._more_than(paths, depth, index)
        choices = list(depth.simplify().values())
        if not all(isinstance(choice, Categorical) for choice in choices):
            return list(paths)
        if len(choices) == 1:
            (choice,) = choices
            values = enumerate(choice.values)
            return self._narrowed(
                paths, choice, {at for at, one in values if depth.freeze({choice.label: one}) > index}
            )
        found: list[Way] = []
        for places in itertools.product(*(range(len(choice.values)) for choice in choices)):
            sample = {choice.label: choice.values[at] for choice, at in zip(choices, places, strict=True)}
            if depth.freeze(sample) > index:
                ways = list(paths)
                for choice, at in zip(choices, places, strict=True):
                    ways = self._narrowed(ways, choice, {at})
                found += ways
            if len(found) > _MOST_WAYS**2:
                return list(paths)
        found = self._merged(found)
        return found if len(found) <= _MOST_WAYS else list(paths)

    def _merged(self, paths: Sequence[Way]) -> list[Way]:
        """The same with fewer and shorter ways."""
        left = list(paths)
        while True:
            for one, other in itertools.permutations(left, 2):
                wider = [] if _within(one, other) else self._wider(one, other)
                if wider is not None:
                    left = [path for path in left if path is not one] + wider
                    break
            else:
                return left

    def _wider(self, one: Way, other: Way) -> list[Way] | None:
        """``one`` with more values of a choice, where ``other`` holds for those anyway; None when there are none."""
        for label in (label for label in one if label in other):
            rest = {name: places for name, places in one.items() if name != label}
            if not other[label] <= one[label] and _within(rest, other, but=label):
                places = one[label] | other[label]
                return [rest if len(places) == self._sizes[label] else {**rest, label: places}]
        return None

    def _without_implied(self, path: Way) -> Way:
        """Without what has to hold anyway for another of its choices to matter."""
        implied = {
            label
            for other in path
            for label, places in self._only(other)
            if label in path and label != other and places <= path[label]
        }
        return {label: places for label, places in path.items() if label not in implied}

    def _only(self, label: str) -> Iterator[tuple[str, frozenset[int]]]:
        """What holds whenever a choice matters."""
        if len(self.paths[label]) == 1:
            for parent, places in self.paths[label][0].items():
                yield parent, places
                yield from self._only(parent)


def _within(one: Way, other: Way, but: str = "") -> bool:
    """Whether ``other`` holds wherever ``one`` does, its choice ``but`` left aside."""
    return all(label == but or (label in one and one[label] <= places) for label, places in other.items())


def _is_cell_of_101(module: Any) -> bool:
    """Whether it is a cell of NAS-Bench-101, without the import of its class, which takes Lightning along."""
    home = sys.modules.get("nni.nas.hub.pytorch.modules.nasbench101")
    return home is not None and isinstance(module, home.NasBench101Cell)

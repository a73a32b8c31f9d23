"""What a trial occupies on a cluster, and whether there is room for it at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..search.section_effort import ResourcesSection
from ..spaces import ClusterError

_GIB = 2**30


class Placement:
    """The resources of one process of a trial, in Ray's words."""

    def __init__(self, resources: ResourcesSection) -> None:
        self._resources = resources
        self._needs = {"CPU": resources.cpu, "GPU": resources.gpu, "memory": resources.memory or 0, **resources.custom}

    @property
    def bundle(self) -> dict[str, float]:
        """For a placement group."""
        return {name: amount for name, amount in self._needs.items() if amount}

    @property
    def options(self) -> dict[str, Any]:
        """For an actor."""
        more = {"memory": self._resources.memory} if self._resources.memory else {}
        custom = {"resources": dict(self._resources.custom)} if self._resources.custom else {}
        return {"num_cpus": self._resources.cpu, "num_gpus": self._resources.gpu, **more, **custom}

    def fitting(self, nodes: Sequence[Mapping[str, float]]) -> int:
        """How many trials fit on these nodes at the same time.

        Raises:
            ClusterError: when not one does, however long one waits.
        """
        processes = sum(self._fit(node) for node in nodes)
        trials = processes // self._resources.workers
        if trials > 0:
            return trials
        together = f" in each of {self._resources.workers} processes" if self._resources.workers > 1 else ""
        largest = ", ".join(_words({name: node.get(name, 0) for name in self.bundle}) for node in nodes)
        raise ClusterError(
            f"a trial needs {_words(self.bundle)}{together}, and there is no room for that, ever (nodes: {largest}): "
            "lower `resources` in the sweep, or add nodes"
        )

    def _fit(self, node: Mapping[str, float]) -> int:
        shares = [node.get(name, 0.0) / amount for name, amount in self.bundle.items()]
        if 0 < self._resources.gpu < 1:  # a part of one GPU is never put together from two
            shares.append(node.get("GPU", 0.0) * math.floor(1 / self._resources.gpu + 1e-9))
        return math.floor(min(shares) + 1e-9)


def _words(amounts: Mapping[str, float]) -> str:
    def word(name: str, amount: float) -> str:
        return f"{amount / _GIB:.3g} GiB memory" if name == "memory" else f"{amount:g} {name}"

    return " + ".join(word(name, amount) for name, amount in amounts.items())

"""What a trial occupies, and how many fit: parts of GPUs, custom resources, memory, several processes."""

from __future__ import annotations

from typing import Any

import pytest

from assay.cluster.placement import Placement
from assay.search.section_effort import ResourcesSection
from assay.spaces import ClusterError

GIB = 2**30
SMALL = {"CPU": 4.0, "memory": 8.0 * GIB}
GPUS = {"CPU": 16.0, "GPU": 2.0, "memory": 64.0 * GIB}


def fitting(*nodes: dict[str, float], **resources: Any) -> int:
    return Placement(ResourcesSection(**resources)).fitting(nodes)


@pytest.mark.parametrize(
    ("resources", "nodes", "count"),
    [
        ({}, [SMALL], 4),
        ({}, [SMALL, GPUS], 20),
        ({"cpu": 3.0}, [SMALL, SMALL], 2),
        ({"cpu": 0.1}, [SMALL], 40),
        ({"cpu": 0.3}, [{"CPU": 0.9}], 3),
        ({"gpu": 1.0}, [SMALL, GPUS], 2),
        ({"gpu": 2.0}, [GPUS, GPUS], 2),
        ({"gpu": 0.5}, [GPUS], 4),
        ({"gpu": 0.4}, [GPUS], 4),
        ({"gpu": 0.34}, [GPUS], 4),
        ({"gpu": 0.6}, [GPUS], 2),
        ({"gpu": 0.1}, [{"CPU": 64.0, "GPU": 1.0}], 10),
        ({"gpu": 0.4, "cpu": 6.0}, [GPUS], 2),
        ({"memory": "3GiB"}, [SMALL], 2),
        ({"memory": "3GiB", "cpu": 4.0}, [SMALL, GPUS], 5),
        ({"custom": {"licence": 1.0}}, [SMALL | {"licence": 2.0}, SMALL], 2),
        ({"custom": {"licence": 0.5, "disk": 2.0}}, [SMALL | {"licence": 1.0, "disk": 3.0}], 1),
        ({"workers": 2}, [SMALL], 2),
        ({"workers": 3}, [SMALL, SMALL], 2),
        ({"workers": 5}, [SMALL, SMALL], 1),
        ({"workers": 3, "gpu": 1.0}, [GPUS, GPUS], 1),
        ({"workers": 2, "gpu": 0.4}, [GPUS], 2),
    ],
    ids=str,
)
def test_as_many_trials_as_fit(resources: dict[str, Any], nodes: list[dict[str, float]], count: int) -> None:
    assert fitting(*nodes, **resources) == count


@pytest.mark.parametrize(
    ("resources", "nodes", "says"),
    [
        (
            {"gpu": 8.0},
            [SMALL],
            "a trial needs 1 CPU + 8 GPU, and there is no room for that, ever (nodes: 4 CPU + 0 GPU): "
            "lower `resources` in the sweep, or add nodes",
        ),
        (
            {"cpu": 64.0},
            [SMALL, GPUS],
            "a trial needs 64 CPU, and there is no room for that, ever (nodes: 4 CPU, 16 CPU)",
        ),
        (
            {"memory": "100GiB"},
            [GPUS],
            "needs 1 CPU + 100 GiB memory, and there is no room for that, ever (nodes: 16 CPU + 64 GiB",
        ),
        (
            {"custom": {"licence": 1.0}},
            [SMALL],
            "needs 1 CPU + 1 licence, and there is no room for that, ever (nodes: 4 CPU + 0 l",
        ),
        (
            {"workers": 5},
            [SMALL],
            "a trial needs 1 CPU in each of 5 processes, and there is no room for that, ever (nodes: 4 CPU)",
        ),
        ({"gpu": 0.4}, [SMALL], "a trial needs 1 CPU + 0.4 GPU, and"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_can_never_be_placed_is_said_with_what_there_is(
    resources: dict[str, Any], nodes: list[dict[str, float]], says: str
) -> None:
    with pytest.raises(ClusterError) as error:
        fitting(*nodes, **resources)
    assert says in str(error.value)


def test_in_rays_words() -> None:
    plain = Placement(ResourcesSection())
    assert plain.options == {"num_cpus": 1.0, "num_gpus": 0.0}
    assert plain.bundle == {"CPU": 1.0}
    all_kinds = Placement(ResourcesSection(cpu=2.0, gpu=0.5, memory="1GiB", custom={"licence": 1.0}))  # type: ignore[arg-type]
    assert all_kinds.options == {"num_cpus": 2.0, "num_gpus": 0.5, "memory": GIB, "resources": {"licence": 1.0}}
    assert all_kinds.bundle == {"CPU": 2.0, "GPU": 0.5, "memory": GIB, "licence": 1.0}

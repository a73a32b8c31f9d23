"""Every domain of Ray Tune becomes a parameter with the same distribution, or is refused with the cure."""

from __future__ import annotations

from typing import Any

import pytest

from assay.spaces import Categorical, Constant, Float, Integer, Parameter, Space, SpaceError
from assay.spaces.from_param_space import from_param_space

from .agreement import DRAWS, agrees
from .test_to_ray_tune import drawn


def domains() -> dict[str, tuple[Any, Parameter | None]]:
    """A domain, and the parameter that it has to become where that is short to write."""
    from ray import tune

    return {
        "uniform": (tune.uniform(-1, 2), Float(-1, 2)),
        "loguniform": (tune.loguniform(1e-4, 1), Float(1e-4, 1, log=True)),
        "randn": (tune.randn(1, 2), Float(mean=1, std=2)),
        "randint": (tune.randint(-2, 5), Integer(-2, 4)),
        "randint_one": (tune.randint(3, 4), Constant(3)),
        "qrandint": (tune.qrandint(3, 17, 4), Integer(4, 16, step=4)),
        "qrandint_of_1": (tune.qrandint(1, 5), Integer(1, 4)),
        "lograndint": (tune.lograndint(1, 12), None),
        "qlograndint": (tune.qlograndint(8, 64, 8), None),
        "quniform": (tune.quniform(0, 1, 0.5), Categorical([0.0, 0.5, 1.0], weights=[1, 2, 1], ordered=True)),
        "qloguniform": (tune.qloguniform(0.1, 1, 0.1), None),
        "choice": (tune.choice(["a", 1, None, True]), Categorical(["a", 1, None, True])),
        "repeated": (tune.choice(["a", "b", "a"]), Categorical(["a", "b"], weights=[2, 1])),
        "constant": (5, Constant(5)),
    }  # fmt: skip


def test_every_domain_keeps_its_distribution() -> None:
    made = domains()
    param_space = {name: domain for name, (domain, _) in made.items()}
    space, configs = from_param_space(param_space), drawn(param_space, DRAWS)
    for name, (_, expected) in made.items():
        assert expected is None or space[name] == expected
        assert agrees(space[name], [config[name] for config in configs]), space[name].describe()


def test_groups_and_grid_search() -> None:
    from ray import tune

    space = from_param_space(
        {"net": {"depth": tune.grid_search([1, 2]), "act": "relu"}, "grid": {"grid_search": [3, 4]}}
    )
    assert space == Space({"net.depth": [1, 2], "net.act": "relu", "grid": [3, 4]})


def test_what_cannot_be_kept_is_refused_all_at_once() -> None:
    from ray import tune

    class Own:
        def __str__(self) -> str:
            return "Own"

    own = tune.uniform(0, 1)
    own.sampler = Own()
    raw = {
        "function": tune.sample_from(lambda config: 1),
        "rounded": tune.qrandn(0, 1, 0.5),
        "nested": tune.choice([{"name": "sgd"}, {"name": "adam"}]),
        "domain": tune.choice([tune.uniform(0, 1), 3]),
        "many": tune.lograndint(1, 5000),
        "endless": tune.lograndint(1, 10**9),
        "own": own,
        "list": [1, 2],
        "zero": tune.qlograndint(1, 64, 8),
    }
    with pytest.raises(SpaceError) as caught:
        from_param_space(raw)
    lines = dict(line.split(": ", 1) for line in str(caught.value).splitlines())
    assert set(lines) == set(raw) - {"zero"}
    cures = {
        "function": "write a domain",
        "rounded": "use randn, and round",
        "nested": "side by side, each with `when`",
        "many": "round in the training function",
        "own": "unknown sampler Own: write another domain",
    }
    for name, cure in cures.items():
        assert cure in lines[name]


def test_messages_name_domains_and_ways_to_nest() -> None:
    from ray import tune

    raw = {
        "a/b": tune.uniform(0, 1),
        "list": [tune.uniform(0, 1), 3],
        "choice": tune.choice([tune.choice(["x", 2]), 3]),
        "branches": tune.choice([{"lr": tune.randint(1, 9)}]),
        "grid": tune.grid_search([tune.sample_from(lambda _: 1)]),
    }
    with pytest.raises(SpaceError) as caught:
        from_param_space(raw)
    rest = "and others: choices are scalars; write the parameters of the branches side by side, each with `when`"
    assert str(caught.value).splitlines() == [
        "a/b: 'a/b' is not a name: write a nested dict, or 'a.b'",
        "list: [Float(0, 1), 3] is a list, and a config holds scalars: give each entry a name of its own, or choose "
        "between them with tune.choice",
        f"choice: a choice between Categorical(['x', 2]) {rest}",
        f"branches: a choice between {{'lr': Integer(1, 9)}} {rest}",
        f"grid: a choice between Function {rest}",
    ]


@pytest.mark.parametrize("raw", [None, [1], "uniform(0, 1)"])
def test_something_else_is_told(raw: Any) -> None:
    with pytest.raises(SpaceError, match=r"expected a mapping from names to domains of ray.tune, got "):
        from_param_space(raw)

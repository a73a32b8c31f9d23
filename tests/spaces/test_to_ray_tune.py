"""Ray Tune's random search draws what a space declares; searchers refuse what they would change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assay.spaces import Config, Space, SpaceError, flatten
from assay.spaces.from_param_space import from_param_space
from assay.spaces.to_optuna import optuna_function
from assay.spaces.to_ray_tune import to_ray_tune

from .agreement import DRAWS, EVERY, TREE, disagreements


def drawn(param_space: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Configs of Tune's random search."""
    from ray.tune.search.variant_generator import generate_variants

    state = np.random.RandomState(5)  # what Tune itself takes
    return [
        next(iter(generate_variants({"config": param_space}, random_state=state)))[1]["config"] for _ in range(count)
    ]


def test_draws_follow_what_is_declared() -> None:
    configs = [Config(flatten(config)) for config in drawn(to_ray_tune(EVERY), DRAWS)]
    assert disagreements(EVERY, configs) == []


def test_a_space_comes_back_from_its_param_space() -> None:
    back = from_param_space(to_ray_tune(EVERY))
    assert {name for name in EVERY if back[name] != EVERY[name]} == {"size", "one"}
    assert (back["size"].choices, back["one"].choices) == (EVERY["size"].choices, EVERY["one"].choices)


def test_a_param_space_can_be_sent_to_another_process() -> None:
    import cloudpickle

    assert from_param_space(cloudpickle.loads(cloudpickle.dumps(to_ray_tune(EVERY)))) == from_param_space(
        to_ray_tune(EVERY)
    )


def test_dotted_names_are_nested() -> None:
    nested = to_ray_tune(Space({"optim.lr": "loguniform(1e-5, 1e-1)", "optim.name": "sgd"}))
    assert nested["optim"]["name"] == "sgd"
    assert 1e-5 <= drawn(nested, 1)[0]["optim"]["lr"] <= 1e-1


@pytest.mark.parametrize("name", ["bounded", "guess", "grid", "width", "odd", "rare", "scale"])
@pytest.mark.parametrize("searcher", ["optuna", "hyperopt"])
def test_searchers_refuse_a_distribution_that_they_do_not_know(name: str, searcher: str) -> None:
    from ray.tune.search.hyperopt import HyperOptSearch
    from ray.tune.search.optuna import OptunaSearch

    domains = to_ray_tune(Space({name: EVERY[name]}))
    search = {"optuna": OptunaSearch, "hyperopt": HyperOptSearch}[searcher]
    with pytest.raises(ValueError, match=r"does not support parameters of type .* with samplers of type .Declared"):
        search(metric="loss", mode="min").set_search_properties("loss", "min", domains)


def test_conditions_and_constraints_are_refused_together() -> None:
    space = Space({"a": [1, 2], "b": {"min": 0.0, "max": 1.0, "when": {"a": 1}}}, ["b < 0.5"])
    with pytest.raises(SpaceError) as caught:
        to_ray_tune(space)
    conditions, constraints = str(caught.value).splitlines()
    assert conditions.startswith(
        "b.when: param_space has no conditions: use OptunaSearch(space=optuna_function(space))"
    )
    assert constraints.startswith("constraints.0: Ray Tune has no constraints such as b < 0.5: remove it")


@pytest.mark.filterwarnings("ignore:Define-by-run function:UserWarning")  # it took long: the machine is busy
@pytest.mark.parametrize("space", [EVERY, TREE], ids=["every kind", "conditions"])
def test_optuna_search_draws_any_space_with_the_function(space: Space) -> None:
    import optuna
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.RandomSampler(seed=2)
    search = OptunaSearch(space=optuna_function(space), metric="loss", mode="min", sampler=sampler)
    configs = [Config(flatten(search.suggest(str(number)))) for number in range(DRAWS)]
    assert disagreements(space, configs) == []

"""Population based training and PB2: mistakes in their options, valid copies, and the scale on which PB2 looks."""

from __future__ import annotations

import math
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.search import SCHEDULERS, Decision, Sweep
from assay.search.population import Pb2Options, PbtOptions, PopulationOptions, repaired
from assay.search.tune_scheduler import TuneScheduler
from assay.spaces import Config, Fidelity, Objective, Space, SpaceError, SweepError

from ..contracts.scheduler_driver import SPACE, Driver
from ..oracle import run_tune

OBJECTIVE = Objective("score", "maximize")
FIDELITY = Fidelity("epoch", 1, 27)

both = pytest.mark.parametrize("word", ["pbt", "pb2"])


def options(word: str = "pbt", **given: Any) -> PopulationOptions:
    chosen = SCHEDULERS[word].model_validate({"type": word, **given})
    assert isinstance(chosen, PopulationOptions)
    return chosen


def mistakes(scheduler: dict[str, Any], trials: int | None = 8, longest: int = 27) -> list[str]:
    """What a sweep with this scheduler is refused for."""
    try:
        Sweep(
            name="small",
            objectives=[{"metric": "score", "goal": "maximize"}],
            parameters=SPACE,
            fidelity={"max": longest},
            scheduler=scheduler,
            budget={"trials": trials, "time": "10m"},
        )
    except SweepError as error:
        return str(error).splitlines()
    return []


def test_the_defaults() -> None:
    common = {
        "metric": None,
        "population": None,
        "interval": None,
        "quantile": 0.25,
        "perturb": None,
        "synchronous": False,
    }
    assert options("pb2").model_dump() == {"type": "pb2"} | common
    assert options("pbt").model_dump() == {"type": "pbt", "resample": 0.25, "factors": [0.8, 1.2]} | common
    for word in ("pbt", "pb2"):
        assert options(word).needs_checkpoints
        assert list(options(word).perturbed(SPACE)) == ["lr", "momentum"], "continuous, and not under a condition"
        assert options(word).grace_of(FIDELITY) == 27, "no member is stopped"


@both
@pytest.mark.parametrize(
    ("interval", "fidelity", "rungs"),
    [
        (None, (1, 100), list(range(10, 100, 10))),
        (None, (1, 5), [1, 2, 3, 4]),
        (None, (4, 20), [4, 8, 12, 16]),
        (7, (1, 27), [7, 14, 21]),
        (9, (1, 27), [9, 18]),
    ],
)
def test_comparisons_are_an_interval_apart(
    word: str, interval: int | None, fidelity: tuple[int, int], rungs: list[int]
) -> None:
    assert options(word, interval=interval).rungs(Fidelity("epoch", *fidelity)) == rungs


@both
@pytest.mark.parametrize(
    "wrong",
    [
        {"population": 1},
        {"interval": 0},
        {"interval": 1.5},
        {"quantile": 0},
        {"quantile": 0.6},
        {"perturb": "lr"},
        {"synchronous": "yes"},
        {"resample": 1.1},
        {"factors": [0.8]},
        {"factors": [0.5, 1.0, 2.0]},
        {"factors": [0.8, float("inf")]},
    ],
)
def test_wrong_options_are_refused(word: str, wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        options(word, **wrong)


@pytest.mark.parametrize("wrong", [{"resample": 0.5}, {"factors": [0.8, 1.2]}])
def test_pb2_neither_draws_nor_multiplies(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        options("pb2", **wrong)


@both
@pytest.mark.parametrize(
    ("given_", "more", "mistake"),
    [
        (
            {"perturb": ["lr", "moment"]},
            {},
            "scheduler.perturb: {} cannot perturb 'moment': no such parameter (did you mean 'momentum'?)",
        ),
        (
            {"perturb": ["b.rate"]},
            {},
            "scheduler.perturb: {} cannot perturb 'b.rate': it is active only under a condition",
        ),
        ({"perturb": []}, {}, "scheduler.perturb: {} has nothing to perturb: name parameters, e.g. perturb: [lr]"),
        ({"interval": 27}, {}, "scheduler.interval: interval 27 must be below the fidelity's max 27"),
        ({}, {"longest": 1}, "scheduler.interval: interval 1 must be below the fidelity's max 1"),
        (
            {"population": 6},
            {},
            "scheduler.population: population 6 and budget.trials 8 differ: every trial is a member; give one",
        ),
        ({}, {"trials": None}, "scheduler: {} needs to know its members: add population: 16, or budget.trials"),
    ],
)
def test_what_does_not_fit_the_sweep_is_refused(
    word: str, given_: dict[str, Any], more: dict[str, Any], mistake: str
) -> None:
    assert mistakes({"type": word, **given_}, **more) == [mistake.format(word)]


@both
@pytest.mark.parametrize(
    ("given_", "trials"), [({}, 8), ({"population": 8}, 8), ({"population": 8}, None), ({"perturb": ["width"]}, 2)]
)
def test_what_fits_the_sweep(word: str, given_: dict[str, Any], trials: int | None) -> None:
    assert mistakes({"type": word, **given_}, trials) == []


def test_a_space_without_numbers_has_nothing_to_perturb() -> None:
    space = Space({"kind": ["a", "b"], "depth": "int(1, 9)"})
    with pytest.raises(ValueError, match=r"pbt has nothing to perturb: name parameters, e.g. perturb: \[kind\]"):
        options().check(space, FIDELITY, 8)
    options(perturb=["kind"]).check(space, FIDELITY, 8)
    with pytest.raises(ValueError, match="pb2 changes numbers only, and 'kind' is none: take it out, or use pbt"):
        options("pb2", perturb=["depth", "kind"]).check(space, FIDELITY, 8)


@pytest.mark.parametrize("synchronous", [False, True])
@pytest.mark.parametrize(("interval", "longest"), [(3, 10), (2, 7)])
def test_the_rungs_are_where_rays_own_run_compares(
    interval: int, longest: int, synchronous: bool, tmp_path: Path
) -> None:
    chosen = options(interval=interval, synchronous=synchronous, perturb=["lr"])
    fidelity = Fidelity("epoch", 1, longest)
    rng = np.random.default_rng(interval)
    configs = [dict(SPACE.sample(rng)) | {"number": number} for number in range(12)]
    random.seed(3)
    ran = run_tune(
        chosen.tune_scheduler(SPACE, OBJECTIVE, fidelity),
        configs,
        lambda config, step: (config["lr"] * step, 1.0 + config["number"] / 100),
        slots=4,
        max_t=longest,
        goal="max",
        folder=tmp_path,
        metric=TuneScheduler.METRIC,
    )
    decided = {result.step for trial in ran for result in trial.results if result.decision in ("NOOP", "PAUSE")}
    assert sorted(decided) == chosen.rungs(fidelity)


# What copies change to


def copies(driver: Driver) -> list[tuple[Config, Config]]:
    """The config of the source and that of the copy, for each exploit."""
    configs: dict[int, Config] = {}
    found = []
    for name, arguments, _, answer in driver.log:
        if name == "on_add":
            configs[arguments[0]] = arguments[1]
        for exploit in answer if name == "actions" else ():
            found.append((configs[exploit.source.number], exploit.config))
            configs[exploit.number] = exploit.config
    return found


def drive(chosen: PopulationOptions, members: int = 8, longest: int = 27, **given: Any) -> Driver:
    scheduler = chosen.build(SPACE, OBJECTIVE, Fidelity("epoch", 1, longest), given.pop("seed", 0))
    driver = Driver(scheduler, 1, members, longest=longest, fails=0, loses=0, ends=0, **given)
    driver.run()
    return driver


def near(value: Any, others: list[float]) -> bool:
    return any(math.isclose(value, other, rel_tol=1e-9) for other in others)


def test_numbers_are_multiplied_and_moved_into_their_bounds() -> None:
    driver = drive(options(interval=2, resample=0, factors=[0.1, 3], perturb=["lr", "depth"]))
    assert driver.exploits
    for source, copy in copies(driver):
        assert near(copy["lr"], [min(max(source["lr"] * factor, 1e-4), 1e-1) for factor in (0.1, 3)])  # type: ignore[operator]
        grid = [min(max(round(source["depth"] * factor), 2), 20) for factor in (0.1, 3)]  # type: ignore[operator]
        assert copy["depth"] in [SPACE["depth"].round_to_grid(value) for value in grid]  # type: ignore[attr-defined]
        assert {name: copy[name] for name in ("momentum", "width", "kind")} == {
            name: source[name] for name in ("momentum", "width", "kind")
        }


def test_choices_shift_along_their_list_and_open_what_depends_on_them() -> None:
    driver = drive(options(interval=2, resample=0, perturb=["kind"]), seed=4)
    order: list[Any] = ["a", "b", None]
    for source, copy in copies(driver):
        assert abs(order.index(copy["kind"]) - order.index(source["kind"])) <= 1
        assert ("b.rate" in copy) == (copy["kind"] == "b")
        if copy["kind"] == "b" != source["kind"]:
            assert copy["b.rate"] == SPACE["b.rate"].default_value
    assert {copy["kind"] for _, copy in copies(driver)} == set(order)


def test_new_draws_have_nothing_to_do_with_the_source() -> None:
    driver = drive(options(interval=2, resample=1, perturb=["lr"]))
    assert driver.exploits
    for source, copy in copies(driver):
        assert not near(copy["lr"], [source["lr"] * factor for factor in (0.8, 1, 1.2)])  # type: ignore[operator]


@pytest.mark.parametrize(("quantile", "pairs"), [(0.1, 1), (0.25, 2), (0.5, 4)])
def test_at_each_comparison_the_worst_copy_the_best(quantile: float, pairs: int) -> None:
    driver = drive(options(interval=9, quantile=quantile, synchronous=True))
    batches = [answer for name, *_, answer in driver.log if name == "actions" and answer]
    assert [len(batch) for batch in batches] == [pairs, pairs], "after steps 9 and 18"
    for batch, step in zip(batches, (9, 18), strict=True):
        best, worst = {exploit.source.number for exploit in batch}, {exploit.number for exploit in batch}
        assert len(worst) == pairs
        assert not best & worst
        assert {exploit.source.step for exploit in batch} == {step}


def test_the_order_in_which_members_report_is_up_to_them() -> None:
    """They take turns on two places, and go on from where others were compared last."""
    driver = drive(options(interval=9), 6, places=2)
    assert driver.ended == set(range(6))
    assert all(exploit.source.step % 9 == 0 for exploit in driver.exploits)
    assert {decision for *_, decision in driver.decided} <= {Decision.CONTINUE, Decision.PAUSE}


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    low, count = draw(st.integers(1, 9)), draw(st.integers(1, 30))
    kinds: dict[str, Any] = {
        "whole": {"type": "int", "min": low, "max": low + 2 * count, "step": 2, "log": draw(st.booleans())},
        "grid": {"min": low / 10, "max": (low + count) / 10, "step": 0.1, "log": draw(st.booleans())},
        "rate": {"min": low / 10, "max": (low + count) / 10, "log": draw(st.booleans())},
        "on": [True, False],
        "child": {"values": [1, 2], "when": {"on": True}},
        "grand.child": {"min": 0.0, "max": 1.0, "when": {"child": 2}},
        "fixed": "x",
    }
    return Space({name: kinds[name] for name in draw(st.permutations(list(kinds)))})


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_what_was_changed_is_moved_to_the_next_valid_config(data: st.DataObject) -> None:
    space = data.draw(spaces())
    config = space.sample(np.random.default_rng(data.draw(st.integers(0, 99))))
    assert repaired(space, config) == config
    changed: dict[str, Any] = dict(config)
    for name in ("whole", "grid", "rate"):
        changed[name] = changed[name] * data.draw(st.floats(-3, 9))
    if data.draw(st.booleans()):
        changed["on"] = not changed["on"]
    found = repaired(space, changed)
    assert space.validate(found) == found
    assert repaired(space, found) == found
    assert list(found) == list(space.validate(found))
    assert (found["on"], found["fixed"]) == (changed["on"], "x")
    for name in ("whole", "grid", "rate"):
        parameter: Any = space[name]
        value = min(max(changed[name], parameter.min), parameter.max)
        assert abs(found[name] - value) <= (parameter.step or 0) / 2 + 1e-9  # type: ignore[operator]
    opened = changed.get("child", 1) if found["on"] else None
    assert found.get("child") == opened, "kept, or opened with its default"
    assert ("grand.child" in found) == (found.get("child") == 2)


# How PB2 sees the space


def test_pb2_sees_logarithms() -> None:
    chosen = options("pb2", perturb=["lr", "momentum", "width"])
    scheduler = chosen.tune_scheduler(SPACE, OBJECTIVE, FIDELITY)
    assert scheduler._hyperparam_bounds == {
        "lr": [pytest.approx(math.log(1e-4)), pytest.approx(math.log(1e-1))],
        "momentum": [0.0, 0.9],
        "width": [pytest.approx(math.log(8)), pytest.approx(math.log(512))],
    }
    encode, decode = chosen.codec(SPACE)
    values = encode(Config({"lr": 1e-3, "momentum": 0.3, "width": 64, "depth": 5, "kind": "a"}))
    assert values == {
        "lr": pytest.approx(math.log(1e-3)),
        "momentum": 0.3,
        "width": pytest.approx(math.log(64)),
        "depth": 5,
        "kind": "a",
    }
    assert decode(values | {"lr": math.log(1e-2) + 1e-6, "width": math.log(100.4)}) == SPACE.validate(
        {"lr": math.exp(math.log(1e-2) + 1e-6), "momentum": 0.3, "width": 100, "depth": 5, "kind": "a"}
    )


@settings(max_examples=100, deadline=None, derandomize=True)
@given(spaces(), st.integers(0, 99))
def test_pb2s_view_of_a_config_is_the_same_there_and_back(space: Space, seed: int) -> None:
    encode, decode = options("pb2", perturb=["whole", "grid", "rate"]).codec(space)
    values = encode(space.sample(np.random.default_rng(seed)))
    again = decode(values)
    assert encode(again) == values
    assert decode(encode(again)) == again


@pytest.mark.parametrize("name", ["lr", "depth"])
def test_pb2_learns_from_what_came_of_its_proposals(name: str) -> None:
    """It looks for the results of a config by its exact values: a proposal between two points of a grid has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        driver = drive(options("pb2", interval=4, perturb=[name]), 4, 13)
    data = driver.scheduler._scheduler.data  # type: ignore[attr-defined]
    begun = [(str(exploit.number), exploit.source.step) for exploit in driver.exploits]
    assert begun
    encode, _ = options("pb2", perturb=[name]).codec(SPACE)
    for (trial, step), exploit in zip(begun, driver.exploits, strict=True):
        rows = data[(data["Trial"] == trial) & (data["Time"] == step)]
        assert encode(exploit.config)[name] in list(rows[name])
    assert set(data[name]) <= {encode(config)[name] for config in configs_of(driver)}


def configs_of(driver: Driver) -> list[Config]:
    """Every config that a member ever had."""
    added = [arguments[1] for name, arguments, *_ in driver.log if name == "on_add"]
    return added + [exploit.config for exploit in driver.exploits]


def test_the_two_are_what_the_registry_says() -> None:
    assert isinstance(options("pbt"), PbtOptions)
    assert isinstance(options("pb2"), Pb2Options)


@pytest.mark.parametrize("word", ["pbt", "pb2"])
def test_what_decides_whether_a_bound_parameter_is_there_is_not_perturbed(word: str) -> None:
    """With a new `a`, `y` could appear at its default and break the constraint."""
    space = Space(
        {
            "a": "uniform(0, 1)",
            "free": "uniform(0, 1)",
            "y": {"min": 1, "max": 6, "default": 6, "when": "a > 0.5"},
            "z": "int(1, 6)",
        },
        ["y * z <= 6"],
    )
    options = SCHEDULERS[word](type=word)
    assert list(options.perturbed(space)) == ["free"]  # type: ignore[attr-defined]
    with pytest.raises(SpaceError, match=rf"{word} cannot perturb 'a': the constraint y \* z <= 6 ties it to others"):
        SCHEDULERS[word](type=word, perturb=["a"], population=4).check(space, Fidelity("step", 1, 9), 4)

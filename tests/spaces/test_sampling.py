"""Draws follow the declared distribution, as scipy sees it, and meet the constraints."""

import math
import threading
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

from assay.spaces import Categorical, Config, Float, Space, SpaceError
from assay.spaces.counting import Count

DRAWS = 4000
LEAST_P = 1e-3


def draws(raw: Any) -> list[Any]:
    return [config["x"] for config in Space({"x": raw}).sample_many(np.random.default_rng(5), DRAWS)]


def cauchy(center: float, half: float, low: float, high: float, log: bool = False) -> Any:
    """The distribution function of a Cauchy cut off at both ends."""
    at = math.log if log else float
    law = stats.cauchy(at(center), half * (at(high) - at(low)))
    start, end = law.cdf([at(low), at(high)])
    return lambda values: (law.cdf(np.log(values) if log else values) - start) / (end - start)


CONTINUOUS = [
    ("uniform(-2, 3)", stats.uniform(-2, 5).cdf),
    ("loguniform(1e-5, 1e-1)", stats.loguniform(1e-5, 1e-1).cdf),
    ("normal(-1, 2)", stats.norm(-1, 2).cdf),
    ("lognormal(-3, 0.5)", stats.lognorm(0.5, scale=math.exp(-3)).cdf),
    ({"mean": 1, "std": 2, "min": 0}, stats.truncnorm(-0.5, math.inf, loc=1, scale=2).cdf),
    ({"mean": 1, "std": 2, "min": 0, "max": 2}, stats.truncnorm(-0.5, 0.5, loc=1, scale=2).cdf),
    ({"min": 0.0, "max": 1.0, "prior": {"center": 0.2, "confidence": "low"}}, cauchy(0.2, 0.2, 0, 1)),
    ({"min": -1.0, "max": 3.0, "prior": {"center": 3.0, "confidence": "medium"}}, cauchy(3, 0.1, -1, 3)),
    (
        {"min": 1e-5, "max": 0.1, "log": True, "prior": {"center": 1e-3, "confidence": "high"}},
        cauchy(1e-3, 0.05, 1e-5, 0.1, log=True),
    ),
]


@pytest.mark.parametrize(("raw", "cdf"), CONTINUOUS, ids=[str(raw) for raw, _ in CONTINUOUS])
def test_real_numbers_follow_their_distribution(raw: Any, cdf: Any) -> None:
    assert stats.kstest(draws(raw), cdf).pvalue > LEAST_P


def rounded(cdf: Any, points: list[float], half: float, ends: tuple[float, float]) -> list[float]:
    """Shares of grid points that a distribution between ``ends`` gives when it is rounded."""
    edges = [ends[0], *(point + half for point in points[:-1]), ends[1]]
    start, *rest = (cdf(edge) for edge in edges)
    shares = np.diff([start, *rest])
    return list(shares / shares.sum())


FINITE = [
    ([1, "a", None], {1: 1, "a": 1, None: 1}),
    ({"values": ["a", "b", "c"], "weights": [1, 2, 5]}, {"a": 1, "b": 2, "c": 5}),
    ("int(3, 7)", dict.fromkeys(range(3, 8), 1)),
    ({"min": 2, "max": 8, "step": 3}, dict.fromkeys([2, 5, 8], 1)),
    ({"min": 0.0, "max": 0.5, "step": 0.1}, dict.fromkeys([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], 1)),
    ("logint(1, 6)", {k: math.log((k + 0.5) / (k - 0.5)) for k in range(1, 7)}),
    (
        {"min": 32, "max": 128, "step": 32, "log": True},
        {k: math.log((k + 16) / (k - 16)) for k in (32, 64, 96, 128)},
    ),
    (
        # Half a step below the first point is below 0, so it ends as far below it, on the scale, as it does above.
        {"min": 0.1, "max": 0.5, "step": 0.4, "log": True},
        {0.1: math.log(0.3 / (0.1 * 0.1 / 0.3)), 0.5: math.log(0.7 / 0.3)},
    ),
    (
        {"min": 1, "max": 5, "prior": {"center": 4, "confidence": "high"}},
        dict(
            zip(
                range(1, 6),
                rounded(cauchy(4, 0.05, 0.5, 5.5), [1, 2, 3, 4, 5], 0.5, (0.5, 5.5)),
                strict=True,
            )
        ),
    ),
]


@pytest.mark.parametrize(("raw", "weights"), FINITE, ids=[str(raw) for raw, _ in FINITE])
def test_finitely_many_values_have_their_shares(raw: Any, weights: dict[Any, float]) -> None:
    counts = Counter(draws(raw))
    assert counts.keys() == weights.keys()
    expected = np.array(list(weights.values())) / sum(weights.values()) * DRAWS
    assert stats.chisquare([counts[value] for value in weights], expected).pvalue > LEAST_P


def test_half_of_a_prior_or_more_lies_near_its_centre() -> None:
    """More because the tails beyond the bounds are cut off: half / (2 atan(0.5 / share) / pi)."""
    for confidence, share in (("low", 0.2), ("medium", 0.1), ("high", 0.05)):
        near = sum(
            abs(x) < share * 2
            for x in draws({"min": -1.0, "max": 1.0, "prior": {"center": 0, "confidence": confidence}})
        )
        expected = 0.5 / (2 * math.atan(0.5 / share) / math.pi)
        assert 0.5 < expected < 0.67
        assert stats.binomtest(near, DRAWS, expected).pvalue > LEAST_P


def test_draws_under_a_constraint_are_those_that_meet_it() -> None:
    free = Space({"a": "uniform(0, 1)", "b": "uniform(0, 1)", "c": [1, 2]})
    bound = free.with_constraints(["a + b <= 1", "c == 1 or a < 0.5"])
    found = bound.sample_many(np.random.default_rng(0), DRAWS)
    assert all(one["a"] + one["b"] <= 1 and (one["c"] == 1 or one["a"] < 0.5) for one in found)
    # Below the diagonal: of c = 2 only the part with a < 0.5, three quarters of the triangle.
    ones = sum(config["c"] == 1 for config in found)
    assert stats.binomtest(ones, DRAWS, 1 / 1.75).pvalue > LEAST_P
    free_a = [config["a"] for config in found if config["c"] == 1]
    assert stats.kstest(free_a, lambda a: 1 - (1 - a) ** 2).pvalue > LEAST_P


def test_a_constraint_on_what_is_not_there_is_met() -> None:
    space = Space(
        {"opt": ["sgd", "adam"], "momentum": {"min": 0.0, "max": 1.0, "when": {"opt": "sgd"}}}, ["momentum >= 0.5"]
    )
    found = space.sample_many(np.random.default_rng(0), 300)
    assert {"adam", "sgd"} == {config["opt"] for config in found}
    assert all(config.get("momentum", 1.0) >= 0.5 for config in found)  # type: ignore[operator]
    with pytest.raises(SpaceError, match=r"^breaks the constraint momentum >= 0\.5$"):
        space.validate({"opt": "sgd", "momentum": 0.1})


def test_when_hardly_anything_is_feasible_it_says_which_constraint_is_to_blame() -> None:
    space = Space({"a": "uniform(0, 1)", "b": "uniform(0, 1)"}, ["a > 0.5", "a * b > 0.999999"])
    with pytest.raises(SpaceError) as caught:
        space.sample(np.random.default_rng(0))
    text = str(caught.value)
    assert text.startswith("no config met all constraints in 20,000 random draws; alone each is met by: a * b > ")
    assert "a * b > 0.999999 (0.0%), a > 0.5 (5" in text or "a * b > 0.999999 (0.0%), a > 0.5 (4" in text
    assert text.endswith("Loosen them, or narrow the ranges so that most configs meet them")


@pytest.mark.parametrize("rare", [False, True])
def test_many_conditional_parameters_are_active_where_they_should_be(rare: bool) -> None:
    """Rows are told apart by the activity of more parameters than one number of 64 bits can hold."""
    owners = {f"p{n}": ("a", n % 5) if (n < 62) != rare else ("b", n % 2) for n in range(70)}
    children = {name: {"values": [1, 2], "when": {parent: value}} for name, (parent, value) in owners.items()}
    space = Space({"a": "int(0, 4)", "b": {"min": 0, "max": 1, "type": "int"}, **children})
    configs = space.sample_many(np.random.default_rng(0), 100)
    assert len({(config["a"], config["b"]) for config in configs}) == 10
    for config in configs:
        active = {name for name, (parent, value) in owners.items() if config[parent] == value}
        assert set(config) == {"a", "b"} | active


def test_misses_between_hits_do_not_add_up_to_giving_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """About 50,000 draws are needed here, more than may miss in a row."""
    monkeypatch.setattr("assay.spaces.sampling._LARGEST_BATCH", 100)  # small batches: most of them miss
    found = Space({"a": "uniform(0, 1)"}, ["a < 0.002"]).sample_many(np.random.default_rng(0), 100)
    assert len(found) == 100
    assert all(config["a"] < 0.002 for config in found)  # type: ignore[operator]


# The default


def test_the_default_meets_the_constraints_and_keeps_what_was_declared() -> None:
    parameters = {"layers": {"min": 1, "max": 6, "default": 6}, "hidden": "int(16, 1024)", "lr": "uniform(0, 1)"}
    assert dict(Space(parameters).default()) == {"layers": 6, "hidden": 520, "lr": 0.5}
    found = Space(parameters, ["layers * hidden <= 1200"]).default()
    assert (found["layers"], found["lr"]) == (6, 0.5)  # declared, and in no constraint
    assert 150 < found["hidden"] <= 200  # type: ignore[operator]  # the nearest to the middle that may be
    assert Space(parameters, ["layers * hidden <= 1200"]).default() == found


def test_declared_defaults_that_break_a_constraint_are_refused() -> None:
    parameters = {"a": {"min": 0.0, "max": 1.0, "default": 0.9}, "b": {"min": 0.0, "max": 1.0, "default": 0.9}}
    with pytest.raises(SpaceError) as caught:
        Space(parameters, ["a + b <= 1"]).default()
    assert str(caught.value) == (
        "the search starts from the defaults, and none of 20,000 random configs that keep them meets a + b <= 1 "
        "(declared: a=0.9, b=0.9): change the defaults or the constraint"
    )


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("normal(3, 1)", 3.0),
        ({"mean": 3, "std": 1, "max": 2.5}, 2.5),
        ("lognormal(0, 1)", 1.0),
        ({"min": 1.0, "max": 9.0, "prior": {"center": 2.0}}, 2.0),
        ({"min": 1.0, "max": 9.0, "prior": {"center": 2.0}, "default": 3.0}, 3.0),
        ({"min": 1, "max": 9, "prior": {"center": 2}}, 2),
        ({"values": ["a", "b"], "weights": [1, 2]}, "a"),
    ],
)
def test_defaults_of_other_distributions(raw: Any, value: Any) -> None:
    assert Space({"x": raw}).default() == Config({"x": value})


# Size, neighbours, vectors


@pytest.mark.parametrize(
    ("parameters", "constraints", "size"),
    [
        ({"a": [1, 2, 3], "b": "int(1, 4)"}, [], 12),
        ({"a": [1, 2, 3], "b": {"min": 1, "max": 4, "when": {"a": 1}}}, [], 6),
        ({"a": "int(1, 6)", "b": {"values": [True, False], "when": "a >= 3"}}, [], 10),
        ({"a": "int(1, 6)", "b": "int(1, 6)"}, ["a < b"], 15),
        ({"a": ["x"], "b": 3}, [], 1),
        ({"a": "uniform(0, 1)"}, [], math.inf),
        ({"a": ["x", "y"], "b": {"min": 0.0, "max": 1.0, "when": {"a": "y"}}}, [], math.inf),
        ({f"p{n}": "int(1, 10)" for n in range(20)}, [], 10**20),
        ({"a": "int(1, 1000)", "b": "int(1, 1000)"}, ["a < b"], 10**6),  # too many to count: an upper bound
    ],
)
def test_the_size_of_a_space(parameters: Any, constraints: list[str], size: float) -> None:
    assert Space(parameters, constraints).size() == size


def test_an_infinite_space_cannot_be_listed() -> None:
    with pytest.raises(SpaceError, match=r"^the space is infinite: a is continuous$"):
        Space({"a": "uniform(0, 1)"}).configs()


def test_neighbours() -> None:
    space = Space(
        {
            "opt": ["sgd", "adam", "rmsprop"],
            "momentum": {"min": 0.0, "max": 1.0, "default": 0.9, "when": {"opt": "sgd"}},
            "layers": {"min": 1, "max": 3, "when": {"opt": ["sgd", "adam"]}},
            "size": {"values": [16, 32, 64], "ordered": True},
        },
        ["layers != 3 or size == 32"],
    )
    here = {"opt": "adam", "layers": 2, "size": 32}
    assert [dict(one) for one in space.neighbours(here)] == [
        {"layers": 2, "momentum": 0.9, "opt": "sgd", "size": 32},
        {"opt": "rmsprop", "size": 32},
        {"layers": 1, "opt": "adam", "size": 32},
        {"layers": 3, "opt": "adam", "size": 32},
        {"layers": 2, "opt": "adam", "size": 16},
        {"layers": 2, "opt": "adam", "size": 64},
    ]
    near = {one.get("momentum") for one in space.neighbours({**here, "opt": "sgd", "momentum": 0.95})}
    assert sorted(near - {None, 0.95}) == pytest.approx([0.85]), "one step down; one up would leave the range"


def test_vectors() -> None:
    from assay.spaces import Encoding

    space = Space(
        {
            "opt": ["sgd", "adam"],
            "momentum": {"min": 0.0, "max": 1.0, "when": {"opt": "sgd"}},
            "lr": "loguniform(1e-4, 1)",
            "size": {"values": [16, 32, 64], "ordered": True},
            "epochs": 3,
        }
    )
    config = space.validate({"opt": "adam", "lr": 0.01, "size": 64, "epochs": 3})
    plain, spread = Encoding(space), Encoding(space, one_hot=True)
    assert plain.encode(config) == pytest.approx([0.75, math.nan, 0.5, 5 / 6], nan_ok=True)
    assert spread.columns == [("opt", "sgd"), ("opt", "adam"), ("momentum", None), ("lr", None), ("size", None)]
    assert spread.encode(config) == pytest.approx([0, 1, math.nan, 0.5, 5 / 6], nan_ok=True)
    assert plain.encode_many([config, config]).shape == (2, 4)
    assert plain.encode_many([]).shape == (0, 4)
    assert dict(spread.decode([0.2, 0.1, 0.25, 2.0, 0.4])) == {
        "opt": "sgd",
        "momentum": 0.25,
        "lr": 1.0,
        "size": 32,
        "epochs": 3,
    }
    with pytest.raises(SpaceError, match=r"^momentum is active, but its coordinate is NaN$"):
        spread.decode([1, 0, math.nan, 0.5, 0.5])
    with pytest.raises(SpaceError, match=r"^expected 5 coordinates, got 1$"):
        spread.decode([1.0])


@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("raw", [["x", "y"], {"values": [1, 2], "ordered": True}, "int(1, 3)", "normal(0, 1)"], ids=str)
def test_a_vector_without_a_coordinate_is_refused_whatever_the_parameter(raw: Any, one_hot: bool) -> None:
    from assay.spaces import Encoding

    encoding = Encoding(Space({"x": raw}), one_hot)
    with pytest.raises(SpaceError, match=r"^x is active, but its coordinate is NaN$"):
        encoding.decode([0.5, math.nan][-len(encoding.columns) :])


@pytest.mark.parametrize(
    "raw", ["normal(-1, 2)", "lognormal(-3, 0.5)", {"mean": 1, "std": 2, "min": 0}, {"mean": 1, "std": 2, "max": 0}]
)
def test_the_ends_of_a_normal_are_values(raw: Any) -> None:
    parameter = Space({"x": raw})["x"]
    for ends in (
        [parameter.quantile(0.0), parameter.quantile(1.0)],
        parameter.values_at(np.array([0.0, 1.0])).tolist(),
    ):
        assert [parameter.check(end) for end in ends] == ends  # finite, and above 0 for a lognormal
        assert ends[0] < ends[1]


def test_every_point_of_a_grid_has_both_neighbours() -> None:
    for low, high, step in ((0.2, 0.5, 0.1), (0.0, 0.3, 0.1), (-1.0, 1.0, 1 / 3), (0.05, 1.0, 0.05)):
        parameter = Float(low, high, step=step)
        space, points = Space({"x": parameter}), list(parameter.choices)
        for at, point in enumerate(points):
            near = [config["x"] for config in space.neighbours({"x": point})]
            assert near == points[max(0, at - 1) : at] + points[at + 1 : at + 2]


def test_spaces_that_are_large_to_count_get_an_upper_bound_soon() -> None:
    toggles: dict[str, Any] = {f"f{index}": [True, False] for index in range(24)}
    child = {"values": [1, 2], "when": " and ".join(toggles)}
    assert Space({**toggles, "child": child}).counted == Count(2.0**25, exact=False)
    far = {"values": [1, 2], "when": "n > 7"}
    assert Space({"n": "int(1, 1000000)", "child": far}).counted == Count(2_000_000, exact=False)
    assert Space({"n": "int(1, 100)", "child": far}).counted == Count(7 + 93 * 2, exact=True)


def test_configs_that_are_read_by_several_threads_at_once() -> None:
    space, mistakes = Space({"a": "uniform(0, 1)", "b": "uniform(0, 1)"}), list[BaseException]()
    for _ in range(10):
        configs = space.sample_many(np.random.default_rng(0), 2000)

        def read(configs: list[Config] = configs) -> None:
            try:
                assert all(len(dict(config)) == 2 for config in configs)
            except BaseException as error:  # noqa: BLE001
                mistakes.append(error)

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not mistakes


@pytest.mark.parametrize(
    ("text", "reach"),
    [("lognormal(800, 1)", "large"), ("lognormal(700, 20)", "large"), ("lognormal(-800, 1)", "small")],
)
def test_a_lognormal_beyond_all_numbers_is_refused(text: str, reach: str) -> None:
    with pytest.raises(SpaceError) as caught:
        Space({"x": text})
    assert str(caught.value) == (
        f"x.mean: {text} reaches numbers that are too {reach}: mean and std are those of the natural logarithm"
    )


def test_weights_may_be_as_large_as_numbers_are() -> None:
    assert Categorical(["a", "b", "c"], weights=[1e308, 1e308, 1]).shares == pytest.approx([0.5, 0.5, 0.0])

"""The sweep as a model: from Python, to JSON and back, and what its sections promise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.search import SCHEDULERS, SEARCHERS, Sweep
from assay.search.section import parse_bytes, parse_duration
from assay.search.sweep import slug
from assay.spaces import SCORERS, Fidelity, Float, Space, SweepError

EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True)
KEYS = [
    *["type", "min", "max", "metric", "goal", "trials", "time", "top", "test", "memory", "custom", "retry", "timeouts"],
    *["perturb", "factors", ""],
]
DURATIONS = st.sampled_from(["90s", "10m", "1h30m", "2d", "1d2h3m4s", "999999999d"])


def raw(**changes: Any) -> dict[str, Any]:
    good = {
        "name": "hello",
        "objectives": [{"metric": "loss", "goal": "minimize"}],
        "parameters": {"lr": "loguniform(1e-5, 1e-1)"},
        "budget": {"trials": 3},
    }
    return {key: value for key, value in {**good, **changes}.items() if value is not ...}


@EXAMPLES
@given(st.text(max_size=80) | st.text("ledgr.b-DB_ ", max_size=80).map(lambda rest: f" Ledger.db{rest}"))
def test_a_name_made_of_any_text_is_a_name(text: str) -> None:
    assert Sweep(**raw(name=slug(text))).name == slug(slug(text))


def check(content: Any) -> list[str]:
    """The mistakes in ``content``, one line each."""
    try:
        Sweep.make(content)
    except SweepError as error:
        assert str(error) == "\n".join(str(problem) for problem in error.problems)
        return [str(problem) for problem in error.problems]
    return []


def problems(**changes: Any) -> list[str]:
    return check(raw(**changes))


@st.composite
def scalars(draw: st.DrawFn) -> Any:
    words = st.text(max_size=5).filter(lambda text: "(" not in text)
    return draw(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | words)


@st.composite
def parameters(draw: st.DrawFn) -> dict[str, Any]:
    kinds: dict[str, Any] = {}
    for index in range(draw(st.integers(1, 5))):
        low, count = draw(st.integers(1, 99)), draw(st.integers(1, 50))
        kinds[f"{draw(st.sampled_from(['', 'optim.']))}p{index}"] = draw(
            st.sampled_from(
                [
                    f"loguniform({low}e-3, {low + count}e-3)",
                    f"int({low}, {low + count})",
                    {"min": low / 2, "max": (low + count) / 2, "step": 0.5, "help": "für alle"},
                    {"type": "int", "min": low, "max": low + 3 * count, "step": 3, "log": True},
                ]
            )
            | st.lists(scalars(), min_size=1, max_size=4, unique_by=repr)
            | scalars().map(lambda value: {"value": value})
        )
    if draw(st.booleans()):
        kinds |= {"kind": ["a", "b", True], "child": {"min": 0.0, "max": 1.0, "when": {"kind": ["a", True]}}}
    return kinds


def optional(draw: st.DrawFn, **keys: st.SearchStrategy[Any]) -> dict[str, Any]:
    """Some of the keys."""
    return {key: draw(values) for key, values in keys.items() if draw(st.booleans())}


@st.composite
def schedulers(draw: st.DrawFn, longest: int, first: str) -> Any:
    """Any that fits a run of ``longest`` and a space with a parameter ``first``."""
    word = draw(st.sampled_from(sorted(SCHEDULERS)))
    grace, given = st.integers(1, longest), {}
    match word:
        case "asha" | "promotion_asha":
            given = optional(draw, eta=st.integers(2, 5) | st.floats(1.5, 9.0), grace=grace)
        case "hyperband" | "bohb" if longest >= 4:
            given = optional(draw, eta=st.integers(2, 4) | st.floats(2, 4))
        case "median":
            given = optional(draw, grace=grace, samples=st.integers(1, 9))
        case "pbt" if longest >= 2:
            given = {"perturb": [first], "interval": 1}
            given |= optional(draw, quantile=st.floats(0.1, 0.5), synchronous=st.booleans(), resample=st.floats(0, 1))
            given |= optional(draw, factors=st.lists(st.floats(0.1, 3), min_size=2, max_size=2))
        case _:
            return "none"
    return draw(st.sampled_from([word, {"type": word, **given}])) if word != "pbt" else {"type": word, **given}


@st.composite
def engines(draw: st.DrawFn, first: str) -> dict[str, Any]:
    """Searcher, scheduler and fidelity that fit together."""
    longest = draw(st.integers(1, 300))
    sections = optional(
        draw,
        searcher=st.sampled_from(["tpe", "random", {"type": "tpe", "startup": 3}, "hyperopt", "regularized_evolution"]),
        engine=st.sampled_from(["assay", "tune"]),
    )
    if draw(st.booleans()):
        sections["fidelity"] = {"unit": "epoch", "min": draw(st.integers(1, longest)), "max": longest}
        sections["scheduler"] = draw(schedulers(longest, first))
    return sections


@st.composite
def places(draw: st.DrawFn) -> dict[str, Any]:
    """Resources, cluster and checkpoints."""
    durations = st.none() | DURATIONS
    return {
        "resources": {"cpu": draw(st.integers(1, 9) | st.floats(0.01, 64))}
        | {"gpu": draw(st.floats(0, 1) | st.integers(0, 8))}
        | optional(
            draw,
            memory=st.sampled_from(["12GiB", "500 MB", "1.5tb", 10**9, None]),
            custom=st.dictionaries(st.sampled_from(["licence", "ssd", "node:10.0.0.1"]), st.integers(1, 3)),
            usd_per_hour=st.floats(0.01, 99),
        )
        | draw(st.sampled_from([{}, {"workers": 4}, {"slots": 8}])),
        "cluster": optional(
            draw,
            address=st.sampled_from(["auto", "head:6379", None]),
            storage=st.sampled_from(["/mnt/team", "s3://bucket/sweeps", None]),
            retry=st.just({"trials": 2, "lost": 0, "max_failed": 0.25}) | st.just({"max_failed": None}),
            working_dir=st.just("."),
            pip=st.just("requirements.txt") | st.just(["timm==1.0.9"]),
            secrets=st.just(["TOKEN"]),
            env=st.just({"OMP_NUM_THREADS": "2"}),
            timeouts=st.fixed_dictionaries({"trial": durations, "report": durations, "stop": durations}),
        ),
        "checkpoints": optional(draw, every=st.integers(1, 9), keep=st.integers(1, 9)),
    }


@st.composite
def outcomes(draw: st.DrawFn, first: str) -> dict[str, Any]:
    """Constraints, architecture, tracking and export."""
    limits = st.sampled_from([{"metric": "size", "max": 5}, {"metric": "ms", "min": -0.5, "max": 0.5}])
    counts = st.sampled_from(["int(1, 4)", [16, 24], 3, {"min": 1, "max": 9, "log": True}, {"value": 2}])
    stages = st.lists(
        st.fixed_dictionaries({"ops": st.just(["conv3x3", "identity"]), "depth": counts, "width": counts})
    )
    formats = st.lists(st.sampled_from(["yaml", "json", "argparse", "hydra", "lightning", "hf", "mlflow"]), min_size=1)
    return optional(
        draw,
        version=st.just(1),
        constraints=st.lists(limits | st.just({"require": "tied <= 5"}), max_size=3),
        architecture=st.fixed_dictionaries(
            {
                "input": st.just([3, 32, 32]),
                "output": st.integers(1, 1000),
                "stages": stages.filter(bool),
                "zero_cost": st.just(["params", "synflow"]),
                "prefilter": st.none() | st.floats(0.1, 0.9),
            }
        ),
        tracking=st.just({"wandb": "vision", "tensorboard": True}) | st.just({"mlflow": "vision", "optuna": False}),
        export=st.fixed_dictionaries(
            {
                "select": st.sampled_from(["best", "ensemble"]),
                "to": st.none() | st.just("best"),
                "formats": formats,
                "rename": st.just({}) | st.just({first: "model.first"}),
                "retrain": st.dictionaries(st.sampled_from(["epochs", "data.split"]), scalars()),
                "model": st.none() | st.just({"formats": ["onnx"], "compress": ["int8"]}),
            }
        ),
    )


@st.composite
def budgets(draw: st.DrawFn, resources: dict[str, Any]) -> dict[str, Any]:
    """Trials and other limits that have a meaning with these resources."""
    hours = st.integers(1, 9) | st.floats(0.01, 1e6)
    given = {"trials": draw(st.integers(1, 10**6)), "concurrent": draw(st.none() | st.integers(1, 99))}
    given |= optional(draw, time=st.none() | DURATIONS, cpu_hours=hours, patience=st.integers(1, 99))
    given |= optional(draw, gpu_hours=hours) if resources["gpu"] else {}
    return given | (optional(draw, cost_usd=hours) if resources.get("usd_per_hour") else {})


@st.composite
def sweeps(draw: st.DrawFn) -> dict[str, Any]:
    metric, goal = draw(st.text(min_size=1, max_size=9)), draw(st.sampled_from(["maximize", "minimize"]))
    scorer = draw(st.none() | st.sampled_from([name for name, better in SCORERS.items() if better == goal]))
    target = draw(st.none() | st.integers(-3, 3) | st.floats(-1e9, 1e9))
    space, around = draw(parameters()), draw(places())
    changes = {
        "name": draw(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,62}", fullmatch=True)),
        "description": draw(st.text(max_size=20)),
        "seed": draw(st.integers(0, 2**32 - 1)),
        "trainable": draw(st.none() | st.just("train.py:train")),
        "objectives": [
            {"metric": metric, "goal": goal, "target": target, "scorer": scorer},
            *draw(st.just([]) | st.just([{"metric": "ten letters", "goal": "minimize", "aggregate": "best"}])),
        ],
        "parameters": space,
        "budget": draw(budgets(around["resources"])),
        "leaderboard": {
            "top": draw(st.integers(1, 20)),
            "seeds": draw(st.integers(2, 20)),
            "alpha": draw(st.floats(0.001, 0.4)),
            "rope": draw(st.none() | st.floats(1e-6, 9)),
            "tie_break": draw(st.sampled_from(["mean", "cost", ["size", "ms"]])),
            "data": draw(st.sampled_from(["validation", "test"])),
        },
    }
    first = next(iter(space))
    space["tied"] = "int(1, 6)"
    return raw(**changes, **around, **draw(engines(first)), **draw(outcomes(first)))


@EXAMPLES
@given(sweeps())
def test_a_sweep_survives_its_json_form(given_: dict[str, Any]) -> None:
    sweep = Sweep.make(given_)
    form = sweep.model_dump(mode="json")
    again = Sweep.make(json.loads(json.dumps(form)))
    assert again == sweep
    assert again.model_dump(mode="json") == form
    assert list(again.parameters) == list(sweep.parameters)
    assert Sweep.make(sweep.model_dump()) == sweep


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "min",
                    "max",
                    "metric",
                    "goal",
                    "trials",
                    "time",
                    "top",
                    "test",
                    "memory",
                    "custom",
                    "retry",
                    "timeouts",
                    "perturb",
                    "factors",
                ]
            ),
            inner,
        )
        | st.dictionaries(st.none() | st.integers() | st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=5,
)


@EXAMPLES
@given(st.dictionaries(st.sampled_from([*Sweep.model_fields, "export"]), junk, min_size=1, max_size=3))
def test_any_content_is_a_sweep_or_a_list_of_problems(changes: dict[str, Any]) -> None:
    assert all(len(problem.splitlines()) == 1 for problem in check(raw(**changes)))


@EXAMPLES
@given(junk)
def test_anything_is_a_sweep_or_a_list_of_problems(content: Any) -> None:
    assert all(len(problem.splitlines()) == 1 for problem in check(content))


def test_the_class_takes_the_same_keys_and_tells_the_same_mistakes() -> None:
    assert Sweep(**raw()) == Sweep.make(raw())
    with pytest.raises(SweepError) as caught:
        Sweep(**raw(name="No", colour=1))
    assert [str(problem) for problem in caught.value.problems] == problems(name="No", colour=1)


def test_a_sweep_from_python_may_hold_a_space() -> None:
    sweep = Sweep.make(raw(parameters=Space({"lr": Float(0.1, 1.0)}), searcher=SEARCHERS["random"](type="random")))
    assert sweep.parameters["lr"] == Float(0.1, 1.0)
    assert sweep.searcher == SEARCHERS["random"](type="random")
    assert sweep == Sweep.make(raw(parameters={"lr": "uniform(0.1, 1)"}, searcher="random"))


def test_make_names_every_mistake() -> None:
    with pytest.raises(SweepError) as caught:
        Sweep.make(raw(name="A", budget={}, parameters=...))
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == ["name", "parameters", "budget"]


def test_a_sweep_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Sweep.make(raw()).seed = 3


def test_the_registry_is_what_a_sweep_accepts() -> None:
    for word in SEARCHERS.keys() - {"one_shot"}:  # which needs an architecture
        assert Sweep.make(raw(searcher=word)).searcher == SEARCHERS[word](type=word)
    for word in SCHEDULERS:
        assert Sweep.make(raw(scheduler=word, fidelity={"max": 9})).scheduler == SCHEDULERS[word](type=word)


def test_the_sections_of_the_engine_and_what_they_are_without_being_given() -> None:
    form = Sweep.make(raw()).model_dump(mode="json")
    assert form["objectives"][0] == {
        "metric": "loss",
        "goal": "minimize",
        **dict.fromkeys(["target", "reference", "scorer"]),
        "aggregate": "last",
    }
    assert form["budget"] == {
        "trials": 3,
        **dict.fromkeys(["time", "cpu_hours", "gpu_hours", "cost_usd", "patience", "concurrent"]),
    }
    assert form["resources"] == {
        "cpu": 1.0,
        "gpu": 0.0,
        "memory": None,
        "custom": {},
        "workers": 1,
        "slots": 1,
        "usd_per_hour": None,
    }
    assert form["cluster"] == {
        **dict.fromkeys(["address", "storage", "working_dir", "pip"]),
        "secrets": [],
        "env": {},
        "retry": {"trials": 0, "lost": 3, "max_failed": None},
        "timeouts": {"trial": None, "report": None, "stop": "60s"},
    }
    assert form["checkpoints"] == {"every": 1, "keep": 2}
    assert form["engine"] == "assay"


def test_the_sections_of_the_engine_when_they_are_given() -> None:
    sweep = Sweep.make(
        raw(
            objectives=[{"metric": "loss", "goal": "minimize", "target": 1}],
            budget={"cpu_hours": 100, "gpu_hours": 8.5, "cost_usd": 20, "patience": 30},
            resources={
                "gpu": 0.5,
                "memory": "1.5GiB",
                "custom": {"licence": 1},
                "workers": 2,
                "usd_per_hour": 2.5,
            },
            cluster={
                "address": "auto",
                "storage": "s3://bucket/sweeps",
                "retry": {"trials": 1, "lost": 9, "max_failed": 0.3},
                "timeouts": {"trial": "2h", "report": "10m", "stop": None},
            },
            checkpoints={"every": 0, "keep": 1},
            engine="tune",
        )
    )
    assert sweep.objectives[0].target == 1.0
    assert (sweep.budget.trials, sweep.budget.cpu_hours, sweep.budget.cost_usd) == (None, 100.0, 20.0)
    assert (sweep.resources.memory, sweep.resources.custom) == (3 * 2**29, {"licence": 1.0})
    assert sweep.cluster.timeouts.model_dump(mode="json") == {"trial": "7200s", "report": "600s", "stop": None}
    assert sweep.cluster.retry.max_failed == 0.3
    assert Sweep.make(json.loads(json.dumps(sweep.model_dump(mode="json")))) == sweep


@pytest.mark.parametrize(
    "budget",
    [{"trials": 1}, {"time": "90s"}, {"cpu_hours": 0.5}, {"patience": 5}],
)
def test_any_limit_is_an_end(budget: dict[str, Any]) -> None:
    assert problems(budget=budget) == []
    assert problems(budget={"concurrent": 4}) == ["budget: the search needs an end: write {trials: 20} or {time: 10m}"]


def test_a_fidelity_becomes_a_core_type() -> None:
    assert Sweep.make(raw(fidelity={"max": 9})).granted == Fidelity("step", 1, 9)
    assert Sweep.make(raw()).granted is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("2h", 7200), ("1h30m", 5400), ("2d", 172800), (" 1d1s ", 86401), ("0h1s", 1)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "wrong", ["", " ", "10", "m", "1.5h", "30m1h", "10 m", "-1h", "1H", 90, 1.5, None, True, [], "9" * 400 + "d"]
)
def test_what_is_no_duration(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"is not a duration: write 90s, 10m, 2h or 1h30m$"):
        parse_duration(wrong)


def test_a_duration_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        parse_duration("0h0m")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("12GiB", 12 * 2**30),
        ("12 GB", 12 * 10**9),
        ("12gb", 12 * 10**9),
        (" 500MB ", 500 * 10**6),
        ("1.5TiB", 3 * 2**39),
        ("1024KiB", 2**20),
        (2**30, 2**30),
    ],
)
def test_amounts_of_memory(text: str | int, size: int) -> None:
    assert parse_bytes(text) == size
    assert parse_bytes(parse_bytes(text)) == size


@pytest.mark.parametrize(
    "wrong",
    [
        *["", "lots", "12G", "12", "GB", "-1GB", "1e3MB", "12  GB", "0GB", "500KB", "9" * 400 + "GB"],
        *[-1, 0, 12, 1.5, 1e9, True, None, [], {}],
    ],
)
def test_what_is_no_amount_of_memory(wrong: Any) -> None:
    """Nor is a bare 12: it would be bytes."""
    with pytest.raises(ValueError, match=r"is not an amount of memory: write 500MB or 12GiB$"):
        parse_bytes(wrong)


@pytest.mark.parametrize("name", ["a", "0", "a.b-c_d", "a" * 63])
def test_names(name: str) -> None:
    assert Sweep.make(raw(name=name)).name == name


@pytest.mark.parametrize(
    ("name", "proposed"),
    [("", "my-sweep"), ("A b", "a-b"), ("_x", "x"), ("../x", "x"), ("@last", "last"), ("x\n", "x"), ("é", "my-sweep")],
)
def test_a_wrong_name_comes_with_a_right_one(name: str, proposed: str) -> None:
    (problem,) = problems(name=name)
    assert problem.endswith(f"use up to 63 of a-z, 0-9, dot, dash and underscore, e.g. {proposed!r}")


def test_a_name_that_is_too_long_comes_with_a_shorter_one() -> None:
    (problem,) = problems(name="B" * 64)
    assert problem.endswith(f"e.g. {'b' * 63!r}")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"seeds": 4, "test": "sign"}, "(it needs 7 seeds); write test: paired_t"),
        ({"seeds": 6, "test": "sign"}, "rank test of 5 rivals on 6 seeds cannot get below p = 0.078, so it could"),
        ({"top": 1, "seeds": 2, "test": "wilcoxon"}, "1 rivals on 2 seeds cannot get below p = 0.25"),
        ({"seeds": 7, "test": "sign"}, "leaderboard.test: sign is not offered: write test: paired_t"),
        ({"seeds": 10**400, "test": "sign"}, "leaderboard.test: sign is not offered: write test: paired_t"),
        ({"seeds": "x", "test": "sign"}, "leaderboard.test: sign is not offered: write test: paired_t"),
    ],
)
def test_a_rank_test_is_refused_with_the_true_reason(section: dict[str, Any], message: str) -> None:
    (problem,) = problems(leaderboard=section)
    assert message in problem


def test_long_values_are_shortened_in_messages() -> None:
    for changes in ({"parameters": [0] * 10**5}, {"seed": "x" * 10**6}, {"objectives": {"a": [1] * 10**5}}):
        assert all(len(problem) < 400 for problem in problems(**changes))
    assert len(problems(seed=10**5000)[0]) < 400


def test_options_in_python_are_checked_too() -> None:
    with pytest.raises(ValidationError, match="startup"):
        SEARCHERS["tpe"].model_validate({"type": "tpe", "startup": 0})

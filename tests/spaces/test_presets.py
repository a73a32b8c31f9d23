"""Presets expand to conditional parameters with sensible ranges, and give way to what the user writes beside them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.spaces import Float, Space, SpaceError
from assay.spaces.preset_tables import FAMILIES, OPTIMIZERS, REGULARIZATION, SCHEDULES
from assay.spaces.presets import chosen, expand_presets, preset


def refused(**parameters: Any) -> list[str]:
    with pytest.raises(SpaceError) as caught:
        Space(parameters)
    return [str(problem) for problem in caught.value.problems]


def test_a_choice_of_optimizers() -> None:
    space = Space({"optimizer": "preset(adamw, sgd)", "width": [1, 2]})
    assert list(space) == [
        "optimizer.name", "optimizer.adamw.lr", "optimizer.adamw.beta1", "optimizer.adamw.weight_decay",
        "optimizer.sgd.lr", "optimizer.sgd.weight_decay", "width",
    ]  # fmt: skip
    assert space.default().nested()["optimizer"] == {
        "name": "adamw",
        "adamw": {"lr": 1e-3, "beta1": 0.9, "weight_decay": 0.01},
    }
    assert (space["optimizer.sgd.lr"].describe(), space["optimizer.adamw.lr"].describe()) == (
        "float 0.001 .. 1, log",
        "float 1e-05 .. 0.01, log",
    )
    assert all(parameter.help for name, parameter in space.items() if name != "width")


def test_in_python_and_in_text_it_is_the_same() -> None:
    written = Space({"optimizer": "preset(adam, 'nesterov')", "schedule": "preset( cosine,step, warmup )"})
    assert Space({"optimizer": preset("adam", "nesterov"), "schedule": preset("cosine", "step", "warmup")}) == written
    assert Space(written.to_dict()) == written


def test_one_member_is_always_active_under_the_same_names() -> None:
    space = Space({"optimizer": "preset(sgd)"})
    assert dict(space.default()) == {
        "optimizer.name": "sgd",
        "optimizer.sgd.lr": 0.01,
        "optimizer.sgd.weight_decay": 1e-4,
    }
    assert not any(parameter.conditions for parameter in space.values())


def test_schedules_warm_up_where_they_can() -> None:
    space = Space({"schedule": preset("cosine", "constant", "one_cycle", "warmup")})
    assert space["schedule.warmup"].when == {"schedule.name": ("cosine", "constant")}
    assert not Space({"schedule": preset("cosine", "step", "warmup")})["schedule.warmup"].conditions
    assert set(space.default()) == {"schedule.name", "schedule.warmup", "schedule.cosine.final"}


def test_regularization_is_used_together() -> None:
    space = Space({"regularization": "preset(dropout, l1, clipping)"})
    assert space.default().nested() == {"regularization": {"dropout": 0.1, "l1": 1e-5, "clipping": 1.0}}


def test_a_preset_of_its_own_name_is_the_parameter_itself() -> None:
    space = Space(
        {"batch_size": "preset(batch_size)", "model.dropout": "preset(dropout)", "data": preset("batch_size")}
    )
    assert dict(space.default()) == {"batch_size": 64, "model.dropout": 0.1, "data.batch_size": 64}


def test_the_group_may_have_any_name() -> None:
    space = Space({"head.opt": "preset(sgd, adam)"})
    assert space["head.opt.adam.lr"].when == {"head.opt.name": "adam"}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.plural)
def test_every_subset_of_a_family_makes_a_space_whose_configs_hold_their_own_alone(family: Any) -> None:
    rng = np.random.default_rng(0)
    for count in (1, 2, len(family.members)):
        for members in itertools.islice(itertools.combinations(family.members, count), 30):
            space = Space({"group": preset(*members)})
            for config in space.sample_many(rng, 5):
                nested = config.nested()["group"]
                assert space.validate(config) == config
                if family.choice:
                    own = nested.get(nested["name"], {})
                    assert nested == {"name": nested["name"]} | ({nested["name"]: own} if own else {})
                    assert own.keys() == family.members[nested["name"]].keys()
                else:
                    assert nested.keys() == set(members)


@given(
    st.lists(
        st.sampled_from(["lr", "momentum", "weight_decay", "adamw.lr", "sgd.lr", "nesterov.momentum"]), unique=True
    )
)
def test_what_stands_beside_a_preset_replaces_what_is_ready(names: list[str]) -> None:
    given_too = {f"optimizer.{name}": [1, 2, 3] for name in names}
    parameters = {"optimizer": "preset(adamw, sgd, nesterov)", **given_too}
    if {"momentum", "nesterov.momentum"} <= set(names):
        assert refused(**parameters) == [
            "optimizer.momentum: every member that has a momentum has a line of its own for it: remove this"
        ]
        return
    configs = Space(parameters).sample_many(np.random.default_rng(0), 40)
    for member, config in {config["optimizer.name"]: config for config in configs}.items():
        flat = chosen(config.nested()["optimizer"])
        assert flat.keys() - {"name"} == OPTIMIZERS[str(member)].keys()
        for leaf in OPTIMIZERS[str(member)]:
            assert (flat[leaf] in (1, 2, 3)) == (leaf in names or f"{member}.{leaf}" in names)


def test_a_replacement_keeps_the_condition_unless_it_has_one() -> None:
    space = Space(
        {
            "optimizer.lr": Float(1e-4, 1e-1, log=True),
            "optimizer.weight_decay": "uniform(0.0, 0.9)",
            "optimizer.adamw.weight_decay": {"value": 0.1, "when": {"decay": True}},
            "optimizer": "preset(adamw, sgd, adagrad, nesterov)",
            "decay": [True, False],
        }
    )
    assert space["optimizer.lr"].when is None
    assert space["optimizer.weight_decay"].when == {"optimizer.name": ("sgd", "nesterov")}
    assert space["optimizer.adamw.weight_decay"].when == {"decay": True}
    assert not any(name.endswith(("adamw.lr", "nesterov.weight_decay")) for name in space)


def test_a_line_of_one_member_goes_before_the_shared_one() -> None:
    space = Space({"optimizer": "preset(adam, sgd)", "optimizer.lr": [0.1, 0.2], "optimizer.sgd.lr": 0.5})
    assert space["optimizer.lr"].when == {"optimizer.name": "adam"}
    assert space["optimizer.sgd.lr"].default_value == 0.5


def test_further_arguments_of_a_member_are_active_with_it() -> None:
    space = Space(
        {"optimizer": "preset(adamw, sgd)", "optimizer.adamw.beta2": [0.99, 0.999], "optimizer.foreach": False}
    )
    assert space["optimizer.adamw.beta2"].when == {"optimizer.name": "adamw"}
    assert space["optimizer.foreach"].when is None


def test_everything_else_is_left_alone() -> None:
    raw: dict[Any, Any] = {"text": {"value": "preset(sgd)"}, "name": "presets", "listed": ["preset(sgd)", "b"], 3: "x"}
    assert expand_presets(raw) == raw


def test_the_first_optimizer_is_the_default_and_may_be_weighted() -> None:
    weighted = {"values": ["sgd", "adam"], "weights": [3, 1]}
    space = Space({"optimizer": "preset(sgd, adam)", "optimizer.name": weighted})
    assert space["optimizer.name"].to_dict()["weights"] == [3, 1]
    assert Space({"optimizer": "preset(sgd, adam)"}).default()["optimizer.name"] == "sgd"


OFFERED = (
    f"optimizers: {', '.join(OPTIMIZERS)}; schedules: {', '.join(SCHEDULES)}, warmup; "
    f"regularization: {', '.join(REGULARIZATION)}; batches: batch_size"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("preset(adamm)", f"no such preset: 'adamm' (did you mean 'adam'?); choose from {OFFERED}"),
        ("preset()", f"preset() names nothing: choose from {OFFERED}"),
        ("preset(adam, adam)", "preset(adam, adam) has adam twice: keep one"),
        ("preset(adam, cosine)", "preset(adam, cosine) mixes optimizers and schedules: give each a line of its own"),
        ("preset(warmup)", "preset(warmup) goes with other schedules: write preset(constant, warmup)"),
        ("preset(one_cycle, warmup)", "preset(one_cycle, warmup): 'one_cycle' does without warmup: remove warmup"),
        (
            "preset(adam",
            "'preset(adam' has lost its closing bracket: within braces put it in quotes, 'preset(a, b)'",
        ),
        (
            "preset(adam, lr=0.1)",
            "'lr=0.1' is not the name of a preset: preset(adam, lr=0.1) takes names alone; a range is changed on a "
            "line of its own, such as optimizer.adamw.lr: ...",
        ),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    assert refused(optimizer=text) == [f"optimizer: {message}"]


def test_a_line_of_a_member_that_is_not_there() -> None:
    assert refused(**{"optimizer": "preset(adamw, sgd)", "optimizer.adam.lr": 0.1}) == [
        "optimizer.adam.lr: optimizer is preset(adamw, sgd), without 'adam' (did you mean 'adamw'?): add it there, or "
        "remove this"
    ]


def test_the_momentum_of_the_preset_momentum_has_its_full_name() -> None:
    assert refused(**{"optimizer": "preset(sgd, momentum, nesterov)", "optimizer.momentum": 0.8}) == [
        "optimizer.momentum: is the group of the preset momentum: write 'optimizer.momentum.momentum' or "
        "'optimizer.nesterov.momentum'"
    ]


def test_a_value_for_a_member_itself_is_told_which_lines_are_meant() -> None:
    assert refused(**{"optimizer": "preset(adam, sgd)", "optimizer.adam": 3, "optimizer.sgd": [1, 2]}) == [
        "optimizer.adam: is the group of the preset adam: write 'optimizer.adam.lr' or 'optimizer.adam.beta1'",
        "optimizer.sgd: is the group of the preset sgd: write 'optimizer.sgd.lr' or 'optimizer.sgd.weight_decay'",
    ]


def test_a_mistake_in_a_replacement_is_told_where_it_stands() -> None:
    assert refused(**{"optimizer": "preset(adamw, sgd)", "optimizer.lr": "loguniform(1, 0.1)"}) == [
        "optimizer.lr: min 1 must be below max 0.1"
    ]


@pytest.mark.parametrize("when", [{"optimizer": "sgd"}, "optimizer == 'sgd' and batch > 1"])
def test_a_condition_on_the_group_is_told_the_name_of_the_choice(when: Any) -> None:
    raw = {"optimizer": "preset(adamw, sgd)", "batch": "int(1, 9)", "x": {"values": [1, 2], "when": when}}
    with pytest.raises(SpaceError, match=r"unknown parameter 'optimizer' \(did you mean 'optimizer.name'\?\)$"):
        Space(raw)

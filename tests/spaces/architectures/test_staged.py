"""Stages as parameters: which there are, when they are active, which configs are the same network, and mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assay.spaces import Categorical, Constant, Integer, Space, SpaceError
from assay.spaces.architectures import architecture_of
from assay.spaces.architectures.staged import StagedArchitecture
from assay.spaces.to_hyperopt import to_hyperopt
from assay.spaces.to_optuna import to_optuna

PHONE: dict[str, Any] = {
    "input": [3, 32, 32],
    "output": 10,
    "stages": [
        {"ops": ["conv3x3", "mbconv3_e3", "identity"], "depth": "int(1, 3)", "width": [16, 24, 32]},
        {"ops": ["conv3x3"], "depth": [1, 3], "width": 48, "stride": 2},
    ],
}
S1, S2 = "architecture.stage1", "architecture.stage2"


def config(*ops: str, width: int = 16, then: int = 1, **others: Any) -> dict[str, Any]:
    """A config of PHONE: the words of the first stage, the depth of the second."""
    first = {f"{S1}.op{layer}": word for layer, word in enumerate(ops, start=1)}
    second = {f"{S2}.op{layer}": "conv3x3" for layer in range(1, then + 1)}
    sizes = {f"{S1}.depth": len(ops), f"{S1}.width": width, f"{S2}.depth": then, f"{S2}.width": 48}
    return {**sizes, **first, **second, **others}


def phone(**changes: Any) -> StagedArchitecture:
    return StagedArchitecture.of({**PHONE, **changes})


def stage(**changes: Any) -> dict[str, Any]:
    """PHONE with only its first stage, changed."""
    return {**PHONE, "stages": [{**PHONE["stages"][0], **changes}]}


def test_the_parameters() -> None:
    ops = ["conv3x3", "mbconv3_e3", "identity"]
    assert phone().parameters() == {
        f"{S1}.depth": Integer(1, 3),
        f"{S1}.width": Categorical([16, 24, 32], ordered=True),
        f"{S1}.op1": Categorical(ops),
        f"{S1}.op2": Categorical(ops, when={f"{S1}.depth": [2, 3]}),
        f"{S1}.op3": Categorical(ops, when={f"{S1}.depth": 3}),
        f"{S2}.depth": Categorical([1, 3], ordered=True),
        f"{S2}.width": Constant(48),
        f"{S2}.op1": Constant("conv3x3"),
        f"{S2}.op2": Constant("conv3x3", when={f"{S2}.depth": 3}),
        f"{S2}.op3": Constant("conv3x3", when={f"{S2}.depth": 3}),
    }


def test_they_make_a_space_with_exactly_the_layers_of_each_depth() -> None:
    space = Space(phone().parameters())
    assert space.size() == (3 + 9 + 27) * 3 * 2
    for one in space.sample_many(np.random.default_rng(0), 50):
        for at in (S1, S2):
            assert sum(name.startswith(f"{at}.op") for name in one) == one[f"{at}.depth"]
    assert space.validate(config("conv3x3", "identity"))
    assert Space(space.to_dict()) == space


def test_other_tools_know_the_conditions() -> None:
    space = Space(phone().parameters())
    given, _ = to_optuna(space, space.validate(config("conv3x3", "identity")))
    assert f"{S1}.op2" in given
    assert f"{S1}.op3" not in given
    assert {*to_hyperopt(space)} == {*space.searched}


def test_a_list_that_does_not_rise_is_no_scale() -> None:
    widths = phone(stages=[{**PHONE["stages"][0], "width": [32, 16]}]).parameters()[f"{S1}.width"]
    assert widths == Categorical([32, 16])


def test_plain_data_give_the_same_object_once() -> None:
    assert architecture_of(PHONE) is architecture_of(dict(reversed(PHONE.items())))
    assert isinstance(architecture_of(PHONE), StagedArchitecture)
    spelled = [{**one, "depth": {"min": 1, "max": 3}} for one in PHONE["stages"][:1]]
    assert phone(stages=spelled).parameters()[f"{S1}.depth"] == Integer(1, 3)


def test_the_plan_of_a_config() -> None:
    plan = phone().plan(config("conv3x3", "identity", width=24, then=3))
    found = [(one.op, one.width_in, one.width_out, one.stride, one.stage) for one in plan.layers]
    assert found == [
        ("conv3x3", 24, 24, 1, 1),
        ("identity", 24, 24, 1, 1),
        ("conv3x3", 24, 48, 2, 2),
        ("conv3x3", 48, 48, 1, 2),
        ("conv3x3", 48, 48, 1, 2),
    ]
    assert (plan.input, plan.output, plan.family, plan.activation) == ((3, 32, 32), 10, "cnn", "relu")


def test_what_is_no_architecture_is_left_aside_but_for_the_activation() -> None:
    space = phone()
    plain = config("conv3x3")
    assert space.canonical(plain) == space.canonical({**plain, "lr": 0.1, f"{S1}.op3": "identity"})
    assert space.canonical(plain) == space.canonical({**plain, "activation": "relu"})
    assert space.canonical({**plain, "activation": "swish"}) == space.canonical({**plain, "activation": "silu"})
    assert space.canonical({**plain, "activation": "swish"}) != space.canonical(plain)
    own = phone(activation="gelu")
    assert own.canonical(plain) == own.canonical({**plain, "activation": "swish"})
    assert own.plan(plain).activation == "gelu"


def test_a_layer_that_does_nothing_makes_no_other_network() -> None:
    space = phone()
    alone = space.canonical(config("conv3x3"))
    assert alone == space.canonical(config("identity", "conv3x3")) == space.canonical(config("conv3x3", "identity"))
    assert len({space.canonical(config(*ops)) for ops in (("identity",), ("conv3x3",), ("mbconv3_e3",))}) == 3
    assert alone != space.canonical(config("conv3x3", width=24))
    assert alone != space.canonical(config("conv3x3", then=3))
    assert space.canonical(config("conv3x3", "mbconv3_e3")) != space.canonical(config("mbconv3_e3", "conv3x3"))


def test_an_identity_that_changes_the_shape_is_something() -> None:
    ops = {"ops": ["conv3x3", "identity"], "depth": 2, "width": 16}
    space = StagedArchitecture.of({"input": [1, 8, 8], "output": 2, "stages": [ops, {**ops, "stride": 2}]})
    first = {f"{S1}.depth": 2, f"{S1}.width": 16, f"{S1}.op1": "conv3x3", f"{S1}.op2": "identity"}
    second = {f"{S2}.depth": 2, f"{S2}.width": 16}
    before = {**first, **second, f"{S2}.op1": "identity", f"{S2}.op2": "conv3x3"}
    after = {**first, **second, f"{S2}.op1": "conv3x3", f"{S2}.op2": "identity"}
    assert space.canonical(before) != space.canonical(after)
    assert space.describe(before) == "conv3x3-16, identity | project-16/2, conv3x3-16 | pool-2"


def test_words_for_the_same_layer_and_layers_of_another_stage_make_no_other_network() -> None:
    rows = {"ops": ["linear", "linear_relu", "linear_swish", "glu"], "depth": "int(1, 2)", "width": 8}
    space = StagedArchitecture.of({"input": [4], "output": 2, "stages": [rows, {**rows, "depth": 1}]})

    def of(first: tuple[str, ...], second: str, **others: str) -> str:
        words = {f"{S1}.op{layer}": word for layer, word in enumerate(first, start=1)}
        sizes = {f"{S1}.depth": len(first), f"{S1}.width": 8, f"{S2}.depth": 1, f"{S2}.width": 8}
        return space.canonical({**sizes, **words, f"{S2}.op1": second, **others})

    assert of(("linear",), "glu") == of(("linear_relu",), "glu") != of(("linear_swish",), "glu")
    assert of(("linear",), "glu", activation="silu") == of(("linear_swish",), "glu")
    assert of(("glu",), "glu", activation="silu") == of(("glu",), "glu", activation="tanh")
    assert of(("glu", "linear"), "glu") != of(("linear", "glu"), "glu")


def test_one_line_for_people() -> None:
    space = phone()
    assert space.describe(config("conv3x3", "conv3x3", "identity", then=3)) == (
        "conv3x3-16 x2, identity | conv3x3-48/2, conv3x3-48 x2 | pool-10"
    )
    assert space.describe(config("mbconv3_e3", activation="swish")) == "mbconv3_e3-16 | conv3x3-48/2 | pool-10 (silu)"
    rows = {"input": [4], "output": 1, "stages": [{"ops": ["linear"], "depth": 2, "width": 8}]}
    line = Space(StagedArchitecture.of(rows).parameters()).default()
    assert StagedArchitecture.of(rows).describe(line) == "linear-8 x2 | linear-1"


def test_it_does_not_matter_where_the_shape_changes() -> None:
    ops = {"ops": ["attention_h2", "conv1d_k3", "identity"], "depth": "int(1, 2)", "width": [8, 16]}
    space = StagedArchitecture.of({"input": [9, 3], "output": 2, "stages": [ops, {**ops, "stride": 2}]})

    def of(first: str, width: int, *second: str) -> str:
        words = {f"{S2}.op{layer}": word for layer, word in enumerate(second, start=1)}
        sizes = {f"{S1}.depth": 1, f"{S1}.width": 8, f"{S2}.depth": len(second), f"{S2}.width": width}
        return space.canonical({**sizes, f"{S1}.op1": first, **words})

    for width in (8, 16):
        assert of("conv1d_k3", width, "attention_h2") == of("conv1d_k3", width, "identity", "attention_h2")
        assert of("conv1d_k3", width, "attention_h2") != of("conv1d_k3", width, "attention_h2", "conv1d_k3")
        assert of("conv1d_k3", width, "identity") != of("conv1d_k3", 24 - width, "identity")

    pools = {"ops": ["avgpool3x3", "conv3x3", "identity"], "depth": 1}
    stages = [{**pools, "width": 8}, {**pools, "width": 16}]
    images = StagedArchitecture.of({"input": [1, 8, 8], "output": 2, "stages": stages})

    def image(first: str, second: str) -> str:
        return images.canonical({**Space(images.parameters()).default(), f"{S1}.op1": first, f"{S2}.op1": second})

    assert image("avgpool3x3", "identity") == image("identity", "avgpool3x3") != image("avgpool3x3", "avgpool3x3")
    assert image("conv3x3", "identity") != image("identity", "conv3x3")


@pytest.mark.parametrize(
    ("wrong", "where", "message"),
    [
        ({f"{S1}.op1": "conv5x5"}, f"{S1}.op1", '"conv3x3", "mbconv3_e3", "identity"'),
        ({f"{S1}.depth": 3}, f"{S1}.op2", "missing: expected choice"),
        ({f"{S1}.width": 20}, f"{S1}.width", "20 is not one of"),
        ({"activation": "rely"}, "activation", "did you mean 'relu'"),
    ],
)
def test_a_config_that_is_none(wrong: dict[str, Any], where: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message) as caught:
        phone().build({**config("conv3x3"), **wrong})
    assert caught.value.problems[0].where == (where,)


SEQUENCE: dict[str, Any] = {"input": [8, 4], "output": 1}
MISTAKES: list[tuple[dict[str, Any], tuple[str | int, ...], str]] = [
    ({**PHONE, "output": 0}, ("output",), "expected the number of outputs, a whole number from 1 on, got 0"),
    ({**PHONE, "output": True}, ("output",), "got True"),
    ({**PHONE, "input": [3, 32]}, ("stages", 0, "ops", 0), "'conv3x3' is for a cnn"),
    ({**PHONE, "input": [3, "x", 3]}, ("input", 1), "expected a size, a whole number from 1 on, got 'x'"),
    ({**PHONE, "input": [1, 2, 3, 4]}, ("input",), "expected [channels, height, width], [length, features]"),
    ({**PHONE, "input": 3}, ("input",), "got 3"),
    ({**PHONE, "vocabulary": 9}, ("input",), "expected [length], as there is a vocabulary, got [3, 32, 32]"),
    ({**PHONE, "stages": []}, ("stages",), "expected a list of stages, got []"),
    ({**PHONE, "stages": ["conv3x3"]}, ("stages", 0), "expected a stage such as {ops: [conv3x3]"),
    ({"input": [3, 32, 32], "output": 3}, (), "stages missing: write {input: [3, 32, 32]"),
    ({**PHONE, "stage": 3}, ("stage",), "unknown key (did you mean 'stages'?)"),
    ({**PHONE, "activation": "rely"}, ("activation",), "did you mean 'relu'"),
    (stage(dept=3), ("stages", 0, "dept"), "unknown key (did you mean 'depth'?)"),
    (stage(ops=[]), ("stages", 0, "ops"), "expected a list of operations"),
    (stage(ops=["conv3x3", "conv3"]), ("stages", 0, "ops", 1), "did you mean 'conv3x3'"),
    (stage(ops=["conv3x3", "identity", "conv3x3"]), ("stages", 0, "ops", 2), "is there twice: keep one"),
    (stage(depth="int(0, 3)"), ("stages", 0, "depth"), "expected whole numbers from 1 on"),
    (stage(depth="int(1, 101)"), ("stages", 0, "depth"), "at most 100, got int 1 .. 101: make more stages"),
    (stage(depth=True), ("stages", 0, "depth"), "expected whole numbers"),
    (stage(depth={"values": [1, 2], "when": {"lr": 1}}), ("stages", 0, "depth", "when"), "no conditions"),
    (stage(width="uniform(8, 16)"), ("stages", 0, "width"), "expected whole numbers"),
    (stage(width=[8, "wide"]), ("stages", 0, "width"), "expected whole numbers"),
    (stage(stride=0), ("stages", 0, "stride"), "expected a stride, a whole number from 1 on, got 0"),
    (stage(stride=33), ("stages",), "the strides divide the size by 33, and [3, 32, 32] is no larger than 32"),
    (
        {"input": [4], "output": 1, "stages": [{"ops": ["glu"], "depth": 1, "width": 2, "stride": 2}]},
        ("stages", 0, "stride"),
        "rows of a table have no stride, got 2: remove it",
    ),
    (
        {"input": [4], "output": 1, "stages": [{"ops": ["glu"], "depth": 1, "width": 1}]},
        ("stages", 0, "width"),
        "from 2 on",
    ),
    (
        {**SEQUENCE, "stages": [{"ops": ["identity", "attention_h4"], "depth": 1, "width": [8, 18]}]},
        ("stages", 0, "ops", 1),
        "needs widths that its 4 heads divide, got 18: write multiples of 4, such as [32, 64] or a range with step: 4",
    ),
    (
        {**SEQUENCE, "stages": [{"ops": ["attention_h4"], "depth": 1, "width": "int(8, 64)"}]},
        ("stages", 0, "ops", 0),
        "got 9",
    ),
    (
        stage(ops=["conv65x65", "maxpool67x67"], depth=1, stride=4),
        ("stages", 0, "ops", 1),
        "'maxpool67x67' is too large for an input of size 32, which stage 1 has: use a kernel of at most 65",
    ),
    (stage(ops=["conv17x17", "conv19x19"], depth="int(1, 2)", stride=4), ("stages", 0, "ops", 1), "at most 17"),
    (
        {**SEQUENCE, "stages": [{"ops": ["conv1d_k4097"], "depth": 1, "width": 8}]},
        ("stages", 0, "ops", 0),
        "is too large for an input of size",
    ),
]


@pytest.mark.parametrize(("description", "where", "message"), MISTAKES, ids=[str(one[1:]) for one in MISTAKES])
def test_a_mistake_is_told_where_it_is(description: dict[str, Any], where: tuple[Any, ...], message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        architecture_of(description)
    assert next(problem.where for problem in caught.value.problems) == where
    assert message in str(caught.value)


def test_all_mistakes_at_once() -> None:
    wrong = {"ops": ["conv3", "identity", "conv2x2"], "depth": 0, "width": "x", "stride": 0}
    with pytest.raises(SpaceError) as caught:
        architecture_of({**PHONE, "output": 0, "stages": [PHONE["stages"][0], wrong]})
    inside = {("ops", 0), ("ops", 2), ("depth",), ("width",), ("stride",)}
    assert {problem.where for problem in caught.value.problems} == {("output",), *(("stages", 1, *i) for i in inside)}


def test_a_range_of_widths_with_the_step_of_the_heads() -> None:
    steps = {"ops": ["attention_h4"], "depth": 1, "width": {"min": 8, "max": 64, "step": 4}}
    assert StagedArchitecture.of({**SEQUENCE, "stages": [steps]}).feasible({})

"""Model spaces of NNI as parameters, and back."""

from __future__ import annotations

import json
import threading
from typing import Any

import numpy as np
import pytest
import torch

from assay.spaces import Config, Space, SpaceError
from assay.spaces.from_nni import ModelTranslation, fixes
from assay.spaces.from_nni.skeleton import without_weights

pytest.importorskip("nni")
fixes.nni()

import nni  # noqa: E402
import nni.nas.nn.pytorch as nas  # noqa: E402
from nni.mutable import Categorical, ExpressionConstraint, Numerical  # noqa: E402
from nni.nas.space import model_context  # noqa: E402
from numpy.random import RandomState  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from .model_spaces import SPACES, Nested, Own  # noqa: E402

DRAWS = 12


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def translations() -> dict[str, ModelTranslation]:
    return {name: ModelTranslation(make) for name, (make, _) in SPACES.items()}


def draws(translation: ModelTranslation) -> list[Config]:
    drawn = translation.space.sample_many(np.random.default_rng(0), 2 * DRAWS)
    return [config for config in drawn if translation.feasible(config)][:DRAWS]


@pytest.mark.parametrize("name", SPACES)
def test_every_config_is_a_network(translations: dict[str, ModelTranslation], name: str) -> None:
    translation, shape = translations[name], SPACES[name][1]
    assert Space({key: one.to_dict() for key, one in translation.parameters.items()}) == translation.space
    configs = draws(translation)
    assert len(configs) == DRAWS
    for config in configs:
        read = json.loads(json.dumps(dict(config)))
        assert_alike(translation.encode(translation.decode(read)), config)
        model = translation.build(read)
        out = model(torch.randn(2, *shape))
        assert torch.isfinite(out).all()
        assert type(model).__name__ in str(model)


def assert_alike(one: Config, other: Config) -> None:
    """Shares of a distribution come back but for the last digits."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert value == (pytest.approx(other[name], rel=1e-9) if isinstance(value, float) else other[name])


@pytest.mark.parametrize("name", SPACES)
def test_samples_of_nni_come_back(translations: dict[str, ModelTranslation], name: str) -> None:
    translation, (make, _) = translations[name], SPACES[name]
    space, found = make(), 0
    for seed in range(DRAWS):
        sample: dict[str, Any] = {}
        try:
            for mutable in space.simplify().values():
                mutable.random(sample, RandomState(seed))
        except nni.mutable.SampleValidationError:
            continue
        found += 1
        config = translation.encode(sample)
        again = translation.decode(config)
        assert_alike(translation.encode(again), config)
        for label in again:
            names = [one for one in translation.parameters if translation._owner[one] == label]
            if names and all(one in config for one in names):
                close = pytest.approx(sample[label]) if isinstance(sample[label], float) else sample[label]
                assert again[label] == close
        with model_context(sample):
            direct = make()
        assert shapes(translation.build(config)) == shapes(direct)
    assert found


def shapes(model: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(one.shape)) for name, one in model.state_dict().items()]


@pytest.mark.parametrize("name", SPACES)
def test_what_is_not_active_does_not_matter(translations: dict[str, ModelTranslation], name: str) -> None:
    translation, (make, _) = translations[name], SPACES[name]
    mutables = make().simplify()
    for config in draws(translation):
        sample = translation.decode(config)
        for label, one in mutables.items():
            own = [key for key in translation.parameters if translation._owner[key] == label]
            if own and not any(key in config for key in own):
                sample[label] = one.random({}, RandomState(len(label)))
        assert_alike(translation.encode(sample), config)
        with model_context(sample):
            other = make()
        model = translation.build(config)
        assert str(model) == str(other)


def test_conditions(translations: dict[str, ModelTranslation]) -> None:
    when = {name: one.when for name, one in translations["nested"].parameters.items()}
    assert when == {
        "architecture.first": None,
        "architecture.deep": {"architecture.first": "wide"},
        "architecture.activation": "architecture.first == 'shared' or architecture.many == 2",
        "architecture.depth": None,
        "architecture.block0": None,
        "architecture.block1": {"architecture.depth": (2, 3)},
        "architecture.block2": {"architecture.depth": 3},
        "architecture.many": None,
    }
    when = {name: one.when for name, one in translations["calculated"].parameters.items()}
    assert when["architecture.op0"] is None
    assert when["architecture.op1"] == "architecture.extra == 1 or architecture.base == 2"
    assert when["architecture.op2"] == {"architecture.base": 2, "architecture.extra": 1}


def test_kinds_of_parameters(translations: dict[str, ModelTranslation]) -> None:
    told = {name: one.describe() for one_of in translations.values() for name, one in one_of.parameters.items()}
    expected = {
        "architecture.deep": "choice 0, 1",
        "architecture.depth": "ordered choice 1, 2, 3",
        "architecture.one": "choice 0, 1, 2, 3",
        "architecture.two": 'choice "0+1", "0+2", "0+3", "1+2", "1+3", "2+3"',
        "architecture.some.use_2": "choice false, true",
        "architecture.width": "ordered choice 4, 8, 16",
        "architecture.bias": "choice true, false",
        "architecture.drop": "float 0 .. 0.5",
        "architecture.net_rate": "float 1e-06 .. 0.999999",
        "architecture.factor": "float 0.1 .. 10, log",
        "architecture.kind": 'choice "ReLU", "Tanh"',
        "architecture.shape": 'choice "(1, 1)", "(2, 2)"',
    }
    assert {name: told[name] for name in expected} == expected
    # round(x / 2) * 2 of a number from 2 to 9, clipped: the first and the last value have a part of a share.
    assert told["architecture.scaled"] == "ordered choice 2.0, 4.0, 6.0, 8.0, weights 1, 2, 2, 2"


def test_constraints_are_feasibility(translations: dict[str, ModelTranslation]) -> None:
    translation = translations["own"]
    base = dict(translation.space.default())
    for rows in (1, 2, 3):
        for columns in (1, 2, 3):
            config = base | {"architecture.rows": rows, "architecture.columns": columns}
            assert translation.feasible(config) == (rows + columns <= 4)


class LargeSmall(nas.ModelSpace):
    """Its first values break the constraint; one side of it does not always matter."""

    def __init__(self) -> None:
        super().__init__()
        first, second = nni.choice("first", [1, 2, 3]), nni.choice("second", [1, 2, 3])
        self.add_mutable(ExpressionConstraint(first + second >= 5, label="large"))
        self.layer = nas.LayerChoice({"a": nas.MutableLinear(4, second), "b": nn.Identity()}, label="layer")
        self.add_mutable(first)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


def test_the_default_meets_the_constraints() -> None:
    translation = ModelTranslation(LargeSmall)
    assert translation.feasible(translation.space.default())
    assert ModelTranslation(LargeSmall).parameters == translation.parameters
    assert not translation.feasible({"architecture.first": 1, "architecture.layer": "a", "architecture.second": 2})


def test_weights_and_combinations_keep_their_probabilities() -> None:
    class Weighted(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nas.LayerChoice({"a": nn.ReLU(), "b": nn.Tanh()}, weights=[0.25, 0.75], label="layer")
            self.two = nas.InputChoice(3, 2, weights=[0.5, 0.25, 0.25], label="two")
            self.some = nas.InputChoice(3, None, weights=[0.1, 1.0, 0.0], label="some")

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x)

    translation = ModelTranslation(Weighted)
    parameters = translation.parameters
    assert parameters["architecture.layer"].describe() == 'choice "a", "b", weights 0.25, 0.75'
    # P(0+1) = 1/2 * 1/2 + 1/4 * 2/3, P(1+2) = 2 * 1/4 * 1/3
    assert parameters["architecture.two"].span("1+2")[1] - parameters["architecture.two"].span("1+2")[0] == (
        pytest.approx(1 / 6)
    )
    assert parameters["architecture.some.use_0"].describe() == "choice false, true, weights 0.9, 0.1"
    assert "architecture.some.use_1" not in parameters
    assert translation.decode(translation.space.default())["some"] == [0, 1]


def test_what_is_never_drawn_is_no_condition() -> None:
    class Narrow(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            inner = [nas.LayerChoice([nn.ReLU(), nn.Tanh()], label=f"inner{index}") for index in range(2)]
            self.two = nas.LayerChoice([*inner, nn.Identity()], weights=[0.5, 0.0, 0.5], label="two")
            self.one = nas.LayerChoice(
                [nas.LayerChoice([nn.ReLU(), nn.Tanh()], label="last"), nn.Identity()], weights=[1.0, 0.0], label="one"
            )

        def forward(self, x: Tensor) -> Tensor:
            return self.one(self.two(x))

    translation = ModelTranslation(Narrow)
    assert {name: one.when for name, one in translation.parameters.items()} == {
        "architecture.two": None,
        "architecture.inner0": {"architecture.two": 0},
        "architecture.last": None,
    }
    assert translation.decode(translation.space.default())["one"] == 0


def test_many_combinations_are_numbers() -> None:
    class Wide(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            self.pick = nas.InputChoice(12, 4, weights=[0.2] * 4 + [0.025] * 8, label="pick")

        def forward(self, x: Tensor) -> Tensor:
            return x

    translation = ModelTranslation(Wide)
    assert len(translation.parameters) == 12
    sample = {"pick": [1, 4, 5, 11]}
    assert translation.decode(translation.encode(sample)) == sample
    drawn = [translation.decode(one)["pick"] for one in translation.space.sample_many(np.random.default_rng(0), 4000)]
    assert {len(one) for one in drawn} == {4}
    state = RandomState(0)
    theirs = [state.choice(12, 4, replace=False, p=[0.2] * 4 + [0.025] * 8) for _ in range(4000)]
    assert np.mean([0 in one for one in drawn]) == pytest.approx(np.mean([0 in one for one in theirs]), abs=0.04)


@pytest.mark.parametrize(
    "choice",
    [
        lambda: Numerical(mu=1.0, sigma=2.0, label="x"),
        lambda: Numerical(mu=0.0, sigma=0.5, log_distributed=True, label="x"),
        lambda: Numerical(mu=0.0, sigma=1.0, low=-1.0, high=1.0, label="x"),
        lambda: nni.qnormal("x", 0.0, 5.0, 0.5),
        lambda: nni.quniform("x", 0.0, 1.0, 0.1),
        lambda: nni.qloguniform("x", 1.0, 100.0, 3.0),
        lambda: nni.quniform("x", 0.0, 1.0, 1e-5),
    ],
)
def test_numbers_are_drawn_as_nni_draws_them(choice: Any) -> None:
    class One(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            self.add_mutable(choice())

        def forward(self, x: Tensor) -> Tensor:
            return x

    translation = ModelTranslation(One)
    ours = [translation.decode(one)["x"] for one in translation.space.sample_many(np.random.default_rng(0), 2000)]
    one = choice()
    theirs = [float(one.qclip(value)) for value in one.distribution.rvs(2000, random_state=1)]
    for value in np.quantile(theirs, np.linspace(0.05, 0.95, 19)) + 1e-9:
        assert np.mean(np.array(ours) <= value) == pytest.approx(np.mean(np.array(theirs) <= value), abs=0.05)
    for value in theirs[:50]:
        assert translation.decode(translation.encode({"x": value}))["x"] == pytest.approx(value, rel=1e-9, abs=1e-9)


def test_names_are_identifiers_and_unique() -> None:
    class Odd(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            for label in ("a-b", "a.b", "1st", "class"):
                self.add_mutable(nni.choice(label, [1, 2]))

        def forward(self, x: Tensor) -> Tensor:
            return x

    translation = ModelTranslation(Odd)
    assert list(translation.parameters) == [f"architecture.{name}" for name in ("a_b", "a_b_2", "_1st", "class_")]
    config = translation.space.default()
    assert translation.decode(config) == {"a-b": 1, "a.b": 1, "1st": 1, "class": 1}


def test_a_network_without_weights_draws_no_random_numbers() -> None:
    translation = ModelTranslation(Nested)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    model = translation.build_without_weights(translation.space.default())
    assert all(one.is_meta for one in model.parameters())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_space_that_looks_at_numbers_is_built_on_the_cpu() -> None:
    class Looks(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nas.LayerChoice([nn.Linear(4, 4), nn.Identity()], label="layer")
            self.rates = [one.item() for one in torch.rand(3)]

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x)

    before = torch.get_rng_state()
    translation = ModelTranslation(Looks)
    model = translation.build_without_weights({"architecture.layer": 0})
    assert not any(one.is_meta for one in model.parameters())
    assert torch.equal(torch.get_rng_state(), before)


def test_fresh_weights_follow_the_seed() -> None:
    translation = ModelTranslation(Nested)
    config = translation.space.default()
    torch.manual_seed(1)
    first = translation.build(config).state_dict()
    second = translation.build(config).state_dict()
    torch.manual_seed(1)
    third = translation.build(config).state_dict()
    assert all(torch.equal(first[name], third[name]) for name in first)
    assert not all(torch.equal(first[name], second[name]) for name in first)


def test_what_cannot_be_searched_is_refused() -> None:
    class Unlabelled(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nas.LayerChoice([nn.ReLU(), nn.Tanh()])

    class Double(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            self.add_mutable(nni.choice("a", [1, 2]))
            self.add_mutable(nni.choice("a", [1, 3]))

    class Anchor(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            self.anchor = nas.MutationAnchor(label="here")

    class Never(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            self.add_mutable(nni.choice("a", [1, 2]))
            self.add_mutable(ExpressionConstraint(nni.choice("a", [1, 2]) > 2, label="never"))

    def refused(make: Any, match: str) -> None:
        with pytest.raises(SpaceError, match=match):
            ModelTranslation(make)

    refused(Unlabelled, r"a choice without a label in test_model_translation.py:\d+ .*label_prefix")
    refused(Double, "rename one")
    refused(Anchor, "anchor: a MutationAnchor needs a Mutator")
    refused(lambda: nn.Linear(1, 1), "expected a ModelSpace of NNI, got Linear")
    refused(Never, r"Cannot find a valid default .*give one of its choices a default=")
    outside = Categorical([1, 2])

    class Outside(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            self.add_mutable(outside)

    refused(Outside, "has a label that changes")


def test_wrong_samples_and_configs_are_refused(translations: dict[str, ModelTranslation]) -> None:
    translation = translations["own"]
    sample = translation.decode(translation.space.default())
    with pytest.raises(SpaceError, match=r"architecture\.rows: the sample has no 'rows'"):
        translation.encode({label: value for label, value in sample.items() if label != "rows"})
    with pytest.raises(SpaceError, match=r"architecture\.rows: 7 is not one of: 1, 2, 3"):
        translation.encode(sample | {"rows": 7})
    with pytest.raises(SpaceError, match=r"architecture\.rows: missing"):
        translation.decode({})


def test_told_are_the_choices_that_matter(translations: dict[str, ModelTranslation]) -> None:
    translation = translations["nested"]
    config = translation.space.complete({"architecture.first": "none", "architecture.depth": 1})
    assert translation.told(config) == {"first": "none", "depth": "1", "block0": "linear", "many": "1"}
    assert Own().simplify().keys() > translations["own"].told(translations["own"].space.default()).keys()


def test_while_a_space_that_looks_at_numbers_is_made_other_threads_draw_as_ever() -> None:
    drawn: list[Tensor] = []

    def make() -> None:
        torch.ones(1).item()
        torch.rand(3)
        other = threading.Thread(target=lambda: drawn.append(torch.rand(2)))
        other.start()
        other.join()

    torch.manual_seed(5)
    expected = [torch.rand(2), torch.rand(2)]
    torch.manual_seed(5)
    without_weights(make)
    drawn.append(torch.rand(2))
    assert all(map(torch.equal, drawn, expected))

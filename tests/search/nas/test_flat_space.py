"""Any space as one of NNI: samples, configs and back."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from assay.spaces import Config, Space
from assay.spaces.from_nni.fixes import nni

pytest.importorskip("nni")
nni()

from nni.mutable import SampleValidationError  # noqa: E402

from assay.search.nas.flat_space import FlatSpace  # noqa: E402

SPACE = Space(
    {
        "kind": {"values": ["conv", "pool"], "weights": [3, 1]},
        "kernel": {"values": [True, 1, "1", None], "when": {"kind": "conv"}},
        "width": {"min": 8, "max": 64, "log": True, "step": 8},
        "lr": "loguniform(1e-4, 1e-1)",
        "heads": {"min": 1, "max": 5000},
        "epochs": 9,
    },
    ["width >= 16 or lr < 0.01"],
)


def random(flat: FlatSpace, state: np.random.RandomState) -> FlatSpace:
    while True:
        try:
            return flat.random(random_state=state)  # type: ignore[no-any-return]
        except SampleValidationError:
            continue


def test_samples_stand_for_configs_of_the_space_and_back() -> None:
    flat, state = FlatSpace(SPACE), np.random.RandomState(0)
    for _ in range(200):
        model = random(flat, state)
        assert SPACE.validate(model.config) == model.config
        again = flat.freeze(flat.at(model.config).sample)
        assert again.config == model.config


def test_values_are_as_likely_as_the_space_says() -> None:
    flat, state = FlatSpace(SPACE.with_constraints([])), np.random.RandomState(0)
    drawn = [random(flat, state).config for _ in range(1500)]
    own = SPACE.with_constraints([]).sample_many(np.random.default_rng(0), 1500)
    for name in ("kind", "width"):
        ours, theirs = (Counter(config[name] for config in configs) for configs in (own, drawn))
        assert all(abs(ours[value] - theirs[value]) < 90 for value in ours | theirs)
    for name in ("lr", "heads"):
        medians = [np.median([float(one[name]) for one in configs]) for configs in (own, drawn)]  # type: ignore[arg-type]
        assert medians[0] == pytest.approx(medians[1], rel=0.25)


def test_what_breaks_a_constraint_or_lacks_a_variable_is_no_sample() -> None:
    flat = FlatSpace(SPACE)
    bad = flat.at(Config({"kind": "pool", "width": 8, "lr": 0.05, "heads": 1, "epochs": 9})).sample
    with pytest.raises(SampleValidationError, match="constraint"):
        flat.freeze(bad)
    with pytest.raises(SampleValidationError, match="heads"):
        flat.freeze({name: value for name, value in bad.items() if name != "heads"})


def test_a_config_that_lacks_parameters_has_their_defaults() -> None:
    flat = FlatSpace(SPACE)
    model = flat.at(Config({"kind": "conv", "width": 64}))
    assert dict(flat.freeze(model.sample).config) == pytest.approx({**SPACE.default(), "width": 64})

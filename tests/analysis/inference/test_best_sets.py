"""What every test of "who is tied for best" has to hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.analysis.inference import TEST_WORDS, TESTS, BestSet, Replicates
from assay.analysis.inference.scaled import scaled
from assay.spaces import UsageError

Floats = npt.NDArray[np.float64]
ALPHA = 0.05
EXAMPLES = 40
NAMES = sorted(TESTS)
WORLDS = st.tuples(st.integers(0, 10_000), st.integers(2, 6), st.integers(5, 8), st.sampled_from([0.1, 1.0, 4.0]))
every_test = pytest.mark.parametrize("name", NAMES)
few = settings(max_examples=15, deadline=None)


def world(seed: int, configs: int, seeds: int, spread: float) -> Replicates:
    """Configs that differ by ``spread`` times the noise, in no order; examples whose means are the scores."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, spread, (configs, 1, 1))
    examples = truth + rng.normal(size=(1, seeds, 1)) + rng.normal(size=(configs, seeds, 1))
    examples = examples + rng.normal(0, 0.5, (configs, seeds, EXAMPLES))
    return Replicates(examples.mean(axis=2), overlap=0.25, examples=examples, rope=0.5)


def changed(data: Replicates, scale: float = 1.0, shift: Floats | float = 0.0) -> Replicates:
    """Scores times ``scale``, plus ``shift`` of shape (r,) or (k, 1)."""
    moved = np.broadcast_to(shift, data.scores.shape)
    examples = None if data.examples is None else data.examples * scale + moved[..., None]
    rope = None if data.rope is None else data.rope * scale
    return Replicates(data.scores * scale + moved, data.overlap, examples, rope)


def same(found: BestSet, expected: BestSet, scale: float = 1.0) -> None:
    assert found.best == expected.best
    np.testing.assert_array_equal(found.tied, expected.tied)
    np.testing.assert_allclose(found.p_values, expected.p_values, atol=1e-6)
    for key in ("differences", "low", "high"):
        np.testing.assert_allclose(getattr(found, key) / scale, getattr(expected, key), rtol=1e-6, atol=1e-9)


def test_each_has_words_for_people() -> None:
    assert TEST_WORDS.keys() == TESTS.keys()


@every_test
@few
@given(WORLDS)
def test_shapes_and_sense(name: str, made: tuple[int, int, int, float]) -> None:
    data = world(*made)
    answer = TESTS[name](data, ALPHA)
    count = made[1]
    for key in ("differences", "low", "high", "p_values", "tied"):
        assert getattr(answer, key).shape == (count,)
    assert answer.best == int(data.scores.mean(axis=1).argmax())
    assert answer.tied[answer.best]
    assert answer.p_values[answer.best] == 1.0
    assert answer.differences[answer.best] == 0.0
    np.testing.assert_allclose(answer.differences, data.scores.mean(axis=1).max() - data.scores.mean(axis=1), atol=1e-9)
    assert ((answer.p_values >= 0) & (answer.p_values <= 1)).all()
    np.testing.assert_array_equal(answer.tied, answer.p_values > ALPHA)
    if not np.isnan(answer.low).any():
        others = [np.delete(data.scores.mean(axis=1), i).max() - data.scores[i].mean() for i in range(count)]
        outside = np.array(others)
        assert (answer.low <= np.maximum(outside, 0) + 1e-9).all()
        assert (answer.high >= np.minimum(outside, 0) - 1e-9).all()
        assert (answer.low <= 0).all()
        assert (answer.high >= 0).all()


@every_test
@few
@given(WORLDS, st.integers(0, 100))
def test_what_configs_share_in_a_replicate_plays_no_part(
    name: str, made: tuple[int, int, int, float], seed: int
) -> None:
    data = world(*made)
    shift = np.random.default_rng(seed).normal(0, 3, data.scores.shape[1])
    same(TESTS[name](changed(data, shift=shift), ALPHA), TESTS[name](data, ALPHA))


@every_test
@few
@given(WORLDS, st.sampled_from([1e-300, 1e-7, 0.3, 1e6, 1e290]))
def test_any_magnitude(name: str, made: tuple[int, int, int, float], scale: float) -> None:
    data = world(*made)
    same(TESTS[name](changed(data, scale=scale), ALPHA), TESTS[name](data, ALPHA), scale)


@every_test
@few
@given(WORLDS, st.integers(0, 100))
def test_the_order_of_configs_plays_no_part(name: str, made: tuple[int, int, int, float], seed: int) -> None:
    data = world(*made)
    order = np.random.default_rng(seed).permutation(len(data.scores))
    assert data.examples is not None
    shuffled = TESTS[name](replace(data, scores=data.scores[order], examples=data.examples[order]), ALPHA)
    plain = TESTS[name](data, ALPHA)
    assert order[shuffled.best] == plain.best
    np.testing.assert_array_equal(shuffled.tied, plain.tied[order])
    np.testing.assert_allclose(shuffled.p_values, plain.p_values[order], atol=1e-6)


@every_test
@few
@given(WORLDS, st.floats(0.1, 5.0))
def test_a_config_that_gets_worse_does_not_come_in(name: str, made: tuple[int, int, int, float], by: float) -> None:
    if name == "bayes_signed_rank":
        return  # which of three is most likely may turn from "worse" to "equal" when "better" gives its share away
    data = world(*made)
    before = TESTS[name](data, ALPHA)
    for index in range(len(data.scores)):
        if index != before.best:
            shift = np.zeros((len(data.scores), 1))
            shift[index] = -by
            after = TESTS[name](changed(data, shift=shift), ALPHA)
            assert before.tied[index] or not after.tied[index]


@every_test
def test_a_config_far_behind_is_left_out(name: str) -> None:
    data = world(1, 4, 8, 0.1)
    shift = np.array([[0.0], [-100.0], [0.0], [-200.0]])
    answer = TESTS[name](changed(data, shift=shift), ALPHA)
    assert not answer.tied[[1, 3]].any()
    assert not np.isnan(answer.p_values).any()


@every_test
def test_replicates_that_never_vary(name: str) -> None:
    scores = np.repeat([[0.7], [0.9], [0.9], [0.9 - 0.2]], 5, axis=1)
    data = Replicates(scores, 0.25, np.repeat(scores[:, :, None], 3, axis=2), 0.05)
    answer = TESTS[name](data, ALPHA)
    assert answer.best == 1
    assert answer.tied.tolist() == [False, True, True, False]
    assert answer.p_values.tolist() == [0.0, 1.0, 1.0, 0.0]


@every_test
def test_one_config(name: str) -> None:
    scores = np.array([[0.5, 0.6, 0.7, 0.5, 0.6]])
    answer = TESTS[name](Replicates(scores, 0.25, np.repeat(scores[:, :, None], 3, axis=2), 0.05), ALPHA)
    assert answer.tied.tolist() == [True]
    assert answer.differences.tolist() == [0.0]
    assert np.isnan([*answer.low, *answer.high]).all()


@every_test
def test_identical_configs_are_tied(name: str) -> None:
    data = world(3, 3, 6, 1.0)
    assert data.examples is not None
    twins = replace(data, scores=data.scores[[0, 0, 0]], examples=data.examples[[0, 0, 0]])
    answer = TESTS[name](twins, ALPHA)
    assert answer.best == 0
    assert answer.tied.all()


@every_test
def test_the_same_twice(name: str) -> None:
    data = world(4, 5, 14, 0.5)
    np.testing.assert_array_equal(TESTS[name](data, ALPHA).p_values, TESTS[name](data, ALPHA).p_values)


@every_test
@pytest.mark.parametrize(
    ("scores", "overlap", "text"),
    [
        (np.zeros((3, 1)), 0.25, "needs at least . replicates of each config, got 1"),
        (np.zeros(3), 0.25, "expected scores of shape"),
        (np.array([[0.1] * 6, [np.nan] * 6]), 0.25, "not finite"),
        (np.zeros((2, 6)), -1.0, "overlap must be|is for replicates that split"),
    ],
)
def test_data_that_nothing_can_be_said_on(name: str, scores: Floats, overlap: float, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        TESTS[name](Replicates(scores, overlap, np.zeros((*scores.shape, 3)), 0.1), ALPHA)


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("nadeau_bengio", Replicates(np.eye(5)), "write test: mcb"),
        ("sign_flip", Replicates(np.eye(4)), "at least 5 replicates of each config, got 4: set leaderboard.seeds: 5"),
        ("mrmc", Replicates(np.eye(5)), "save predictions"),
        ("mrmc", Replicates(np.eye(2), examples=np.zeros((2, 2, 9))), "at least 3 replicates"),
        ("mrmc", Replicates(np.eye(5), examples=np.zeros((5, 4, 9))), "expected scores of examples of shape"),
        ("mrmc", Replicates(np.eye(5), examples=np.zeros((5, 5, 9))), "not the means"),
        ("bayes_signed_rank", Replicates(np.eye(5)), "add rope: 0.002"),
    ],
)
def test_what_a_test_needs(name: str, data: Replicates, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        TESTS[name](data, ALPHA)


def test_equal_differences_of_a_coarse_score_prove_little() -> None:
    worse = np.array([100.0, 103.0]) / 114  # right of 114 examples
    scores = np.stack([worse, worse + 1 / 114])
    assert scaled(Replicates(scores)).step == pytest.approx(1 / 104)  # in units of the largest score
    for name in ("mcb", "paired_t"):
        assert TESTS[name](Replicates(scores), ALPHA).tied.all()


def test_a_large_and_constant_difference_is_found() -> None:
    scores = np.array([[0.50, 0.52, 0.51], [0.19, 0.21, 0.20], [0.18, 0.20, 0.19]])
    for name in ("mcb", "paired_t"):
        assert TESTS[name](Replicates(scores), ALPHA).tied.tolist() == [True, False, False]


def test_means_that_are_equal_up_to_rounding() -> None:
    scores = np.array([[0.1 + 0.2, 0.4, 0.5], [0.3, 0.4, 0.5], [0.2, 0.3, 0.1]])
    assert scores[0].mean() > scores[1].mean()
    assert TESTS["mcb"](Replicates(scores), ALPHA).best == 0
    assert TESTS["mcb"](Replicates(scores[[1, 0, 2]]), ALPHA).best == 0

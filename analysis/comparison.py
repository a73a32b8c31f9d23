"""Two configs against each other, of one sweep or of two, with the care of the leaderboard."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..search import Phase, State, Trial
from ..spaces import Config, NotFoundError, UsageError, did_you_mean, one_of
from .board import Interval, interval_dict
from .bounds import Bounds
from .example_scores import ExampleScores
from .inference.bayes import bayes_correlated_t
from .inference.best_set import Floats
from .inference.mrmc import LEAST
from .inference.paired_t import mean, t_interval
from .inference.pairs import (
    PairTest,
    equivalence,
    mrmc_test,
    paired_t_test,
    pooled_test,
    sign_flip_test,
    welch_test,
)
from .inference.power import seeds_needed
from .inference.superiority import Chance, p_superior, p_superior_unpaired
from .network_files import refuse_supernet
from .plain import finite_or_none
from .replication import overlap_of, replicate_scores

if TYPE_CHECKING:
    from .results import Results

PAIR_TESTS = ("auto", "paired_t", "nadeau_bengio", "mrmc", "pooled", "sign_flip", "welch")


@dataclass(frozen=True)
class Side:
    """One of the two.

    Args:
        trial: of the search, whose config it is.
        values: metric of each replicate that is compared, by its split.
    """

    sweep: str
    trial: int
    config: Config
    values: Mapping[int, float]
    mean: Interval

    @property
    def label(self) -> str:
        """For people."""
        return f"trial {self.trial} of {self.sweep}"


@dataclass(frozen=True)
class Comparison:
    """What is known of the difference between two configs: first minus second, in units of the metric.

    Args:
        paired: runs share seeds and splits.
        unit: what counts as one observation.
        speaks_of: to what the answer may be generalised.
        p_value: two-sided, of no difference.
        difference: with its interval; the ends are NaN where the test has none.
        effect: mean over standard deviation of the paired differences (Cohen's d_z), of the pooled one when unpaired.
        superior: chance that a run of the better one beats a run of the other.
        rope: chances that the first is worse by more than the region of practical equivalence, within it, better.
        equivalent: practically equal, by two one-sided tests; None without a region.
        enough: replicates of each with which a true difference as large as the one seen is found in 80 % of cases;
            None when there is no difference, or no number suffices.
    """

    first: Side
    second: Side
    metric: str
    goal: str
    alpha: float
    test: str
    test_name: str
    paired: bool
    unit: str
    speaks_of: str
    p_value: float
    difference: Interval
    effect: float
    superior: Chance
    rope: tuple[float, float, float] | None = None
    equivalent: bool | None = None
    enough: int | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def better(self) -> Side:
        """The one with the better mean."""
        sign = 1 if self.goal == "maximize" else -1
        return self.first if sign * self.difference.mean >= 0 else self.second

    @property
    def headline(self) -> str:
        """One sentence with the answer."""
        level = f"{100 * (1 - self.alpha):g} %"
        if self.p_value <= self.alpha:
            other = self.second if self.better is self.first else self.first
            return f"{self.better.label} is better than {other.label} ({level}, {self.test_name})"
        if self.equivalent:
            return f"{self.first.label} and {self.second.label} are practically equal ({level}, {self.test_name})"
        return f"{self.first.label} and {self.second.label} cannot be told apart ({level}, {self.test_name})"

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        chance = {name: finite_or_none(getattr(self.superior, name)) for name in ("value", "low", "high")}
        plain = ("metric", "goal", "alpha", "test", "test_name", "paired", "unit", "speaks_of", "headline", "enough")
        return {
            "first": _side_dict(self.first),
            "second": _side_dict(self.second),
            **{name: getattr(self, name) for name in plain},
            "p_value": finite_or_none(self.p_value),
            "difference": interval_dict(self.difference),
            "effect": finite_or_none(self.effect),
            "better": self.better.label,
            "p_superior": chance,
            "rope": dict(zip(("worse", "equivalent", "better"), self.rope, strict=True)) if self.rope else None,
            "equivalent": self.equivalent,
            "notes": self.notes,
        }


def _side_dict(side: Side) -> dict[str, Any]:
    values = {str(split): finite_or_none(value) for split, value in side.values.items()}
    facts = {"sweep": side.sweep, "trial": side.trial, "config_id": side.config.config_id, "config": dict(side.config)}
    return facts | {"values": values, "mean": interval_dict(side.mean)}


def compare(
    first: Results,
    first_trial: int | None,
    second: Results,
    second_trial: int | None,
    test: str = "auto",
    rope: float | None = None,
) -> Comparison:
    """Two configs by their replicates.

    Where both were run on the same seeds and splits, the runs are paired; otherwise they are compared as two samples,
    which needs about twice as many. Of one sweep, or of two with the same seed and the same data, they are.

    Args:
        first_trial, second_trial: of the search; the winner when None.
        test: one of :data:`PAIR_TESTS`.
        rope: region of practical equivalence; that of the first sweep when None.

    Raises:
        UsageError: when the metrics differ, a trial is a supernet, or the test cannot decide on these runs.
        NotFoundError: for a trial that has no replicates.
    """
    if test not in PAIR_TESTS:
        raise UsageError(f"there is no test {test!r}{did_you_mean(test, PAIR_TESTS)}: use {one_of(PAIR_TESTS)}")
    objective, other = first.sweep.objective, second.sweep.objective
    if (objective.metric, objective.goal) != (other.metric, other.goal):
        raise UsageError(
            f"{first.sweep.name!r} is to {objective.goal} {objective.metric!r}, {second.sweep.name!r} to {other.goal} "
            f"{other.metric!r}: only scores of one metric can be compared"
        )
    one, two = _runs(first, first_trial), _runs(second, second_trial)
    if first.sweep.name == second.sweep.name and one[0].parent == two[0].parent:
        raise UsageError(f"trial {one[0].parent} would be compared with itself: name two")
    pair = _Pair(first, second, one, two)
    pair.chosen_by_looking = None in (first_trial, second_trial)
    return pair.compared(test, rope if rope is not None else first.sweep.leaderboard.rope)


class _Pair:
    """Runs of two configs, paired where they share seeds and splits."""

    def __init__(self, first: Results, second: Results, one: list[Trial], two: list[Trial]) -> None:
        self._results = first, second
        self.same_sweep = (first.record.id, first.ledger.store) == (second.record.id, second.ledger.store)
        self.chosen_by_looking = False
        self._objective = first.sweep.objective
        self._alpha = first.sweep.leaderboard.alpha
        scores = [replicate_scores(one, first.sweep), replicate_scores(two, second.sweep)]
        common = sorted(scores[0].keys() & scores[1].keys())
        self.paired = self._same_splits(one, two) and len(common) >= 2
        splits = (common, common) if self.paired else tuple(sorted(own) for own in scores)
        self.values = self._at(scores[0], splits[0]), self._at(scores[1], splits[1])
        sign = self._objective.sign
        self._bounds = Bounds.of(self._objective, (sign * float(one) for own in self.values for one in own))
        self._runs = [
            [next(run for run in runs if run.split == split) for split in at]
            for runs, at in zip((one, two), splits, strict=True)
        ]
        self.overlap = overlap_of([*one, *two])

    @staticmethod
    def _at(scores: Mapping[int, float], splits: Sequence[int]) -> Floats:
        return np.array([scores[split] for split in splits])

    def _same_splits(self, one: list[Trial], two: list[Trial]) -> bool:
        """Whether equal numbers of splits mean equal seeds and equal data."""
        first, second = self._results
        data = {run.data_id for run in [*one, *two]}
        alike = [(one.sweep.seed, one.sweep.leaderboard.folds) for one in (first, second)]
        return self.same_sweep or (alike[0] == alike[1] and len(data) == 1 and "" not in data)

    def compared(self, test: str, rope: float | None) -> Comparison:
        chosen, found = self._tested(test)
        sign = self._objective.sign
        low, high = sorted((sign * found.low, sign * found.high)) if math.isfinite(found.low) else (math.nan, math.nan)
        low, high = self._bounds.cut_difference(low, high)
        chance = (p_superior if self.paired else p_superior_unpaired)(*self._better_first(), 1 - self._alpha)
        first, second = (self._side(place) for place in (0, 1))
        belief, equal = None, None
        if self.paired and rope is not None:
            belief = bayes_correlated_t(self.values[0] - self.values[1], rope, self.overlap)
            equal = equivalence(*self.values, rope, self._alpha, self.overlap).equivalent
        return Comparison(
            first=first,
            second=second,
            metric=self._objective.metric,
            goal=self._objective.goal,
            alpha=self._alpha,
            test=chosen,
            test_name=found.test,
            paired=self.paired,
            unit=self._unit(chosen),
            speaks_of=found.speaks_of,
            p_value=found.p_value,
            difference=Interval(sign * found.difference, low, high, len(self.values[0])),
            effect=sign * self._effect(),
            superior=chance,
            rope=belief,
            equivalent=equal,
            enough=self._enough(),
            notes=self._notes(),
        )

    def _better_first(self) -> tuple[Floats, Floats]:
        one, two = self.values
        return (one, two) if mean(one) >= mean(two) else (two, one)

    def _tested(self, test: str) -> tuple[str, PairTest]:
        examples = self._examples() if test in ("auto", "mrmc", "pooled") else None
        whole = examples is not None and bool(np.isfinite(examples).all())
        if test == "auto":
            if examples is not None and len(self.values[0]) >= LEAST:
                test = "mrmc" if whole else "pooled"
            else:
                test = "welch" if not self.paired else "nadeau_bengio" if self.overlap else "paired_t"
        if test != "welch" and not self.paired:
            raise UsageError(f"{test} needs runs that share seeds and splits, and these do not: write welch")
        if test == "mrmc" and not whole:
            raise UsageError(
                "mrmc needs predictions of all runs for the same examples, and a metric that is a mean over examples"
            )
        if test == "pooled" and examples is None:
            raise UsageError("pooled needs predictions of all runs, and a metric that is a mean over examples")
        if test == "nadeau_bengio" and not self.overlap:
            raise UsageError("nadeau_bengio is for replicates that split one data set again and again: write paired_t")
        return test, self._call(test, examples)

    def _call(self, test: str, examples: Any) -> PairTest:
        calls: dict[str, Callable[[], PairTest]] = {
            "paired_t": lambda: paired_t_test(*self.values, self._alpha),
            "nadeau_bengio": lambda: paired_t_test(*self.values, self._alpha, self.overlap),
            "sign_flip": lambda: sign_flip_test(*self.values),
            "welch": lambda: welch_test(*self.values, self._alpha),
            "mrmc": lambda: mrmc_test(examples[0], examples[1], self._alpha),
            "pooled": lambda: pooled_test(examples[0], examples[1], self._alpha, self.overlap),
        }
        return calls[test]()

    def _examples(self) -> Any:
        first = self._results[0]
        if not (self.same_sweep and self.paired):
            return None
        return ExampleScores(first.sweep, first.predictions, first.trials)(self._runs, np.array(self.values))

    def _effect(self) -> float:
        if self.paired:
            differences = self.values[0] - self.values[1]
            spread = float(differences.std(ddof=1))
        else:
            spread = math.sqrt(sum(float(one.var(ddof=1)) for one in self.values) / 2)
        gap = float(self.values[0].mean() - self.values[1].mean())
        return gap / spread if spread > 0 else 0.0 if gap == 0 else math.copysign(math.inf, gap)

    def _enough(self) -> int | None:
        if not self.paired:
            return None
        differences = self.values[0] - self.values[1]
        gap, spread = abs(float(differences.mean())), float(differences.std(ddof=1))
        return seeds_needed(gap, spread, self._alpha, overlap=self.overlap) if gap > 0 and spread > 0 else None

    def _side(self, place: int) -> Side:
        results, runs, scores = self._results[place], self._runs[place], self.values[place]
        sign, number = self._objective.sign, runs[0].parent
        values = {run.split: sign * float(score) for run, score in zip(runs, scores, strict=True)}
        array = np.array([*values.values()])
        interval = self._bounds.cut(Interval(mean(array), *t_interval(array, 1 - self._alpha), len(array)))
        return Side(results.record.name, int(number if number is not None else -1), runs[0].config, values, interval)

    def _unit(self, test: str) -> str:
        count = len(self.values[0])
        if test == "mrmc":
            return f"{count} paired replicates x the examples that all were scored on"
        if test == "pooled":
            return f"{count} paired replicates x the examples of their splits"
        if self.paired:
            return f"{count} replicates on the same seeds and splits"
        return f"{count} and {len(self.values[1])} runs that share no seeds"

    def _notes(self) -> list[str]:
        notes = []
        if self.chosen_by_looking:
            notes.append(
                "a winner was chosen by these very replicates, which flatters it a little; within one sweep the "
                "leaderboard's test accounts for that"
            )
        if not self.paired:
            notes.append(
                "the runs share neither seeds nor splits, which costs about half of them; sweeps with the same `seed` "
                "on the same data share both"
            )
            if self.overlap:
                notes.append("runs split one data set again and again: the test takes them to be independent")
        return notes


def _runs(results: Results, number: int | None) -> list[Trial]:
    """Complete replicates of a config, and what confirmed it.

    Raises:
        NotFoundError: when there are none, or fewer than two.
        UsageError: for a supernet.
    """
    wanted = results.leaderboard().winner if number is None else number
    if wanted is None:
        raise NotFoundError(f"sweep {results.record.name!r} has no winner yet: {results.leaderboard().headline}")
    runs = [
        trial
        for trial in results.trials
        if trial.phase in (Phase.REPLICATE, Phase.CONFIRM)
        and trial.parent == wanted
        and trial.state is State.COMPLETE
        and trial.reports
    ]
    if len(runs) < 2:
        refuse_supernet(results, results.ledger.trial(results.record, wanted))
        known = sorted({run.parent for run in results.replicates if run.parent is not None})
        have = f"trials {', '.join(map(str, known))} do" if known else "no trial has any yet"
        raise NotFoundError(
            f"trial {wanted} of {results.record.name!r} has no two complete replicates ({have}): `assay replicate "
            f"{results.record.name} --config FILE` trains a config of yours on the same seeds; `--models` compares "
            "two fitted models"
        )
    return sorted(runs, key=lambda run: run.split)


def finalist_of(results: Results, config: Config) -> int:
    """The trial whose config this is, among those with replicates.

    Raises:
        NotFoundError: when there is none.
    """
    replicated: Sequence[Trial] = [trial for trial in results.replication().finalists if trial.config == config]
    if not replicated:
        raise NotFoundError(
            f"this config is no finalist of {results.record.name!r}: `assay replicate {results.record.name} "
            "--config FILE` trains it on their seeds"
        )
    return replicated[0].number

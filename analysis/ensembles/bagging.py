"""Bagging: the models of one config from different seeds and parts of the data, averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...search import State
from .diversity import diversity_of
from .gain import gain_of
from .mixture import Mixture
from .report import EnsembleReport

if TYPE_CHECKING:
    from ..results import Results

BAGGING = "bagging"


def bagging_report(results: Results) -> tuple[EnsembleReport | None, str]:
    """The mean of all replicates of the winner, against one of them picked at random; or why there is none.

    Replicates validate on different examples. The sealed test part is the only one that all of them predict, and
    there is no choice that could be flattered by it: all replicates are members, with equal shares.
    Breiman, Bagging Predictors, Machine Learning 24 (1996).
    """
    from .recorded import library_of, scorer_for, tested_together

    winner = results.leaderboard().winner
    if winner is None:
        return None, "no ensemble: bagging averages the winner's replicates, and there is no winner yet"
    runs = [run for run in results.replicates if run.parent == winner and run.state is State.COMPLETE]
    tested = tested_together(results, [run.number for run in runs]) if len(runs) > 1 else None
    if tested is None:
        return None, "no ensemble: bagging needs two replicates of the winner that predict the sealed test part"
    library, scorer = library_of(tested), scorer_for(results, tested.kind)
    mixture = Mixture.mean({number: 1 / len(library) for number in library.numbers})
    blended, everyone = mixture.of(library), range(len(library))
    singles = [library.member(index) for index in everyone]
    gain = gain_of(blended, singles, tested.targets, scorer, results.sweep.seed)
    score = scorer.compute(blended, tested.targets)
    alone = sum(scorer.compute(values, tested.targets) for values in singles) / len(singles)
    report = EnsembleReport(
        weights=mixture.weights,
        metric=scorer.name,
        score=score,
        single_score=alone,
        single=winner,
        gain=gain.mean if gain else None,
        gain_interval=gain.interval if gain else None,
        selection_score=score,
        candidates=len(library),
        examples=library.examples,
        test_score=score,
        single_test_score=alone,
        test_gain=gain,
        method=BAGGING,
        mixture=mixture,
        gain_p=gain.p_value if gain else None,
        per_example=scorer.losses is not None,
        diversity=diversity_of(library, everyone),
        training_seconds=sum(run.seconds for run in runs),
        scored_on="test",
    )
    return report, ""

"""What a supernet was worth: whether its scores agree with those of architectures trained from scratch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..search import Ledger, Phase, Sweep, SweepRecord, Trial
from ..search.nas.one_shot.found import KIND, Found
from ..search.store import as_words
from ..spaces import DamagedFileError
from .plain import all_finite
from .supernet_trials import Origin, Trained, origins, trained, trial_of_each

if TYPE_CHECKING:
    from .results import Results

_FEWEST = 5
"""Pairs below which no tau is given: of four in perfect order, p is 0.04 at best, and chance alone gives any tau."""
_LEAST = 10
"""Pairs below which no interval is given."""
_LARGEST = 0.999
_LEVEL = 0.05


def read_found(ledger: Ledger, record: SweepRecord) -> Found | None:
    """What the sweep's supernet found; None without one that is over.

    Raises:
        DamagedFileError: when the file is not what was written.
    """
    import hashlib

    artifact = next(reversed(ledger.artifacts(record, KIND)), None)
    if artifact is None:
        return None
    path = ledger.store / artifact.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedFileError(
            f"the architectures that the supernet found are gone: {path}: {error.strerror}"
        ) from error
    if hashlib.sha256(content).hexdigest() != artifact.sha256:
        raise DamagedFileError(f"{path} is not the file that was written: restore it from a copy of the store")
    return Found.of(content)


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau-b between supernet scores and scores trained from scratch.

    Args:
        tau: 1 when both rank alike, 0 when the supernet says nothing; None with fewer than five architectures, and
            where all are alike in one of their scores.
        low, high: 95 % interval; None with fewer than ten architectures.
        p_value: of a tau so large where the supernet says nothing, one-sided; None without tau.
        count: architectures that have both scores, of those that were drawn at random.
    """

    tau: float | None
    low: float | None
    high: float | None
    p_value: float | None
    count: int

    def __str__(self) -> str:
        """``Kendall's tau 0.40 [0.10, 0.70] over 12 random architectures (p = 0.01)``, or why there is none."""
        if self.count < _FEWEST:
            counted = "random check was" if self.count == 1 else "random checks were"
            trained = f"only {self.count} {counted} trained" if self.count else "no random check was trained"
            return f"{trained}: too few to rank, a new sweep with more samples would tell"
        if self.tau is None or self.p_value is None:
            return f"no ranking: one of the two is the same for all {self.count} random architectures"
        known = f" [{self.low:.2f}, {self.high:.2f}]" if self.low is not None and self.high is not None else ""
        verdict = "" if self.p_value < _LEVEL else ", no agreement is shown"
        found = f"Kendall's tau {self.tau:.2f}{known} over {self.count} random architectures"
        return f"{found} (p = {self.p_value:.2g}{verdict})"


@dataclass(frozen=True)
class SupernetReport:
    """A supernet beside the architectures trained from scratch.

    Args:
        found: its outcome.
        agreement: of its scores with the truth, over random architectures.
        top, random: mean score in the search of the architectures it proposed, and of random ones; None without any.
        seconds: of its training.
        retrained_seconds: of the search's trials.
        trained: which trials are whose, and what was left out.
        outcomes: for each of its architectures the trial that trained it from scratch, and the score of a full run.
    """

    found: Found
    agreement: Agreement
    top: float | None
    random: float | None
    seconds: float
    retrained_seconds: float
    trained: Trained
    outcomes: tuple[tuple[int | None, float | None], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what was found, and beside each architecture what became of it. None for what is not finite."""
        facts = asdict(self)
        both = zip(self.found.candidates, facts.pop("outcomes"), strict=True)
        candidates = [
            vars(one) | {"config": dict(one.config), "trial": number, "retrained": score}
            for one, (number, score) in both
        ]
        found: dict[str, Any] = facts.pop("found")
        plain: dict[str, Any] = all_finite(found | facts | {"candidates": candidates})
        return plain

    def lines(self) -> list[str]:
        """For people."""
        of = self.found
        trained = f"{of.epochs} of {of.planned}" if of.epochs < of.planned else f"{of.epochs}"
        trained += " epoch" if of.planned == 1 else " epochs"
        share = f", {of.skips} of {of.choices} places are skip connections" if of.choices else ""
        lines = [f"supernet: {of.strategy}, {trained}{share}"]
        if of.warning:
            lines.append(f"warning: {of.warning}")
        lines += self.trained.left_out
        if self.top is not None and self.random is not None:
            lines.append(
                f"trained from scratch: its architectures {self.top:.4g} on average, random ones {self.random:.4g}"
            )
        lines.append(f"its scores and those from scratch: {self.agreement}")
        ratio = (
            f", {self.seconds / self.retrained_seconds:.2g} times the search's trials" if self.retrained_seconds else ""
        )
        lines.append(f"cost: {self.seconds:.1f} s{ratio}")
        return lines


def supernet_report(results: Results) -> SupernetReport | None:
    """The sweep's supernet; None without one that is over."""
    found = read_found(results.ledger, results.record)
    if found is None:
        return None
    return report_of(found, results.phase(Phase.SUPERNET), results.phase(Phase.SEARCH), results.sweep)


def report_of(found: Found, supernet: Sequence[Trial], search: Sequence[Trial], sweep: Sweep) -> SupernetReport:
    """What was found beside the trials of the supernet and of the search."""
    objective, each = sweep.objective, trial_of_each(found.candidates, search, sweep)
    scores = [one.score(objective.metric) for one in each]
    both = [*zip(found.candidates, scores, strict=True)]
    pairs = {
        origin: [(one.score, score) for one, score in both if one.origin == origin and score is not None]
        for origin in ("top", "sample")
    }
    means = {origin: float(np.mean([score for _, score in some])) if some else None for origin, some in pairs.items()}
    return SupernetReport(
        found,
        agreement=agreement([(score, objective.sign * value) for score, value in pairs["sample"]]),
        top=means["top"],
        random=means["sample"],
        seconds=sum(trial.seconds for trial in supernet),
        retrained_seconds=sum(trial.seconds for trial in search),
        trained=trained(found.candidates, each, search, sweep),
        outcomes=tuple(
            (one.trial.number if one.trial else None, score) for one, score in zip(each, scores, strict=True)
        ),
    )


def supernet_lines(results: Results) -> list[str]:
    """The same for people; nothing without one. A file that cannot be read is told, and hinders nothing else."""
    try:
        report = supernet_report(results)
    except DamagedFileError as error:
        return [f"supernet: left out: {error}"]
    if report is None:
        return []
    words, supernet = as_words(results.record.name, results.ledger.place), results.phase(Phase.SUPERNET)[-1]
    return [*report.lines(), f"its architectures: assay show {words} {supernet.number}"]


def supernet_facts(results: Results) -> dict[str, Any]:
    """The same as plain data: ``supernet``, None without one, and ``supernet_note``, why it cannot be told."""
    try:
        report = supernet_report(results)
    except DamagedFileError as error:
        return {"supernet": None, "supernet_note": str(error)}
    return {"supernet": report.to_dict() if report is not None else None, "supernet_note": ""}


def origins_of(results: Results) -> dict[int, Origin]:
    """By the number of a trial, what a supernet has to do with it; nothing without one that is over.

    Raises:
        DamagedFileError: when the file of what it found is not what was written.
    """
    found = read_found(results.ledger, results.record)
    return origins(found.candidates, results.phase(Phase.SEARCH), results.sweep) if found is not None else {}


def agreement(pairs: Sequence[tuple[float, float]]) -> Agreement:
    """Rank agreement of (supernet score, score from scratch), larger is better in both.

    Pairs with a score that is not finite do not count.

    Kendall, Biometrika 30 (1938); tau-b, for ties; the p-value is exact where there are few and no ties. The interval
    is normal on the scale of the inverse hyperbolic tangent, with variance 0.437 / (n - 4): Fieller, Hartley and
    Pearson, Biometrika 44 (1957).
    """
    from scipy.stats import kendalltau

    values = np.asarray([pair for pair in pairs if all(map(math.isfinite, pair))], dtype=float)
    count = len(values)
    unknown = Agreement(None, None, None, None, count)
    if count < _FEWEST:
        return unknown
    found = kendalltau(values[:, 0], values[:, 1], alternative="greater")
    tau, p_value = float(found.statistic), float(found.pvalue)
    if math.isnan(tau):
        return unknown
    if count < _LEAST:
        return Agreement(tau, None, None, p_value, count)
    center = math.atanh(max(-_LARGEST, min(_LARGEST, tau)))
    half = 1.96 * math.sqrt(0.437 / (count - 4))
    return Agreement(tau, math.tanh(center - half), math.tanh(center + half), p_value, count)

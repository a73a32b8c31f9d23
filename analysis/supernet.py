"""What a supernet was worth: whether its scores agree with those of architectures trained from scratch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..search import Ledger, Phase, State, Sweep, SweepRecord, Trial
from ..search.nas.one_shot.found import KIND, Candidate, Found
from ..spaces import Config, DamagedFileError, SpaceError
from ..spaces.architectures import PREFIX
from ..spaces.networks.measures import BEFORE_TRAINING

if TYPE_CHECKING:
    from .results import Results

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
        tau: 1 when both rank alike, 0 when the supernet says nothing.
        low, high: 95 % interval; None with fewer than ten architectures.
        p_value: of a tau so large where the supernet says nothing, one-sided.
        count: architectures, of those that were drawn at random.
    """

    tau: float
    low: float | None
    high: float | None
    p_value: float
    count: int


@dataclass(frozen=True)
class Trained:
    """Which trials of the search are whose.

    Args:
        top, samples: numbers of the trials of the supernet's architectures, and of the random ones beside them; of the
            default config too, where its architecture is among them.
        random: of the configs that the search drew when these were tried.
        refused: architectures of the supernet that the search went past.
        waiting: those that it did not come to.
        reasons: what may be wrong with those refused, in words.
    """

    top: tuple[int, ...] = ()
    samples: tuple[int, ...] = ()
    random: tuple[int, ...] = ()
    refused: int = 0
    waiting: int = 0
    reasons: tuple[str, ...] = ()

    @property
    def left_out(self) -> list[str]:
        """What was not trained, for people."""
        lines = []
        every = f"{len({*self.top, *self.samples}) + self.refused + self.waiting} architectures of the supernet"
        if self.refused:
            lines.append(f"{self.refused} of {every} were not trained: they {', or '.join(self.reasons)}")
        if self.waiting:
            lines.append(f"{self.waiting} of {every} were not trained: the search did not come to them")
        return lines


@dataclass(frozen=True)
class SupernetReport:
    """A supernet beside the architectures trained from scratch.

    Args:
        strategy: how it was trained.
        epochs, planned: trained, and asked for.
        collapsed: whether skip connections took over.
        warning: what has to be known of it.
        skips, choices: skip connections in its architecture, of so many places.
        agreement: of its scores with the truth, over random architectures; None with fewer than two.
        top, random: mean score in the search of the architectures it proposed, and of random ones; None without any.
        seconds: of its training.
        retrained_seconds: of the search's trials.
        trained: which trials are whose, and what was left out.
    """

    strategy: str
    epochs: int
    planned: int
    collapsed: bool
    warning: str
    skips: int
    choices: int
    agreement: Agreement | None
    top: float | None
    random: float | None
    seconds: float
    retrained_seconds: float
    trained: Trained = Trained()

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For people."""
        trained = f"{self.epochs} of {self.planned} epochs" if self.epochs < self.planned else f"{self.epochs} epochs"
        share = f", {self.skips} of {self.choices} places are skip connections" if self.choices else ""
        lines = [f"supernet: {self.strategy}, {trained}{share}"]
        if self.warning:
            lines.append(f"warning: {self.warning}")
        lines += self.trained.left_out
        if self.top is not None and self.random is not None:
            lines.append(
                f"trained from scratch: its architectures {self.top:.4g} on average, random ones {self.random:.4g}"
            )
        lines.append(self._agreement_line())
        ratio = (
            f", {self.seconds / self.retrained_seconds:.2g} times the search's trials" if self.retrained_seconds else ""
        )
        lines.append(f"cost: {self.seconds:.1f} s{ratio}")
        return lines

    def _agreement_line(self) -> str:
        if self.agreement is None:
            return "its scores were not checked: too few random architectures, or all alike; give samples 10 or more"
        one = self.agreement
        known = f" [{one.low:.2f}, {one.high:.2f}]" if one.low is not None and one.high is not None else ""
        found = f"Kendall's tau {one.tau:.2f}{known} over {one.count} random architectures"
        verdict = "" if one.p_value < _LEVEL else ", no agreement is shown"
        return f"its scores and those from scratch: {found} (p = {one.p_value:.2g}{verdict})"


def supernet_report(results: Results) -> SupernetReport | None:
    """The sweep's supernet; None without one that is over."""
    found = read_found(results.ledger, results.record)
    if found is None:
        return None
    return report_of(found, results.phase(Phase.SUPERNET), results.phase(Phase.SEARCH), results.sweep)


def report_of(found: Found, supernet: Sequence[Trial], search: Sequence[Trial], sweep: Sweep) -> SupernetReport:
    """What was found beside the trials of the supernet and of the search."""
    objective = sweep.objective
    scratch = _scores(search, objective.metric)
    pairs = {
        origin: [
            (one.score, scratch[one.config])
            for one in found.candidates
            if one.origin == origin and one.config in scratch
        ]
        for origin in ("top", "sample")
    }
    means = {origin: float(np.mean([value for _, value in both])) if both else None for origin, both in pairs.items()}
    return SupernetReport(
        strategy=found.strategy,
        epochs=found.epochs,
        planned=found.planned,
        collapsed=found.collapsed,
        warning=found.warning,
        skips=found.skips,
        choices=found.choices,
        agreement=agreement([(score, objective.sign * value) for score, value in pairs["sample"]]),
        top=means["top"],
        random=means["sample"],
        seconds=sum(trial.seconds for trial in supernet),
        retrained_seconds=sum(trial.seconds for trial in search),
        trained=trained(found.candidates, search, sweep),
    )


def trained(candidates: Sequence[Candidate], search: Sequence[Trial], sweep: Sweep) -> Trained:
    """Which trials of a search are whose; its searcher goes through the candidates in their order, then draws."""
    given, numbers = set(sweep.given), {trial.config: trial.number for trial in reversed(search)}
    configs = [_completed(one.config, sweep) for one in candidates]
    random = tuple(one.number for one in search if one.config not in given and one.config not in configs)
    come_to = max((place for place, one in enumerate(configs) if one in numbers and one not in given), default=-1)
    untried = [place for place, one in enumerate(configs) if one not in numbers]
    refused = [place for place in untried if random or place < come_to or configs[place] is None]

    def of(origin: str) -> tuple[int, ...]:
        both = zip(candidates, configs, strict=True)
        return tuple(numbers[config] for one, config in both if config in numbers and one.origin == origin)

    reasons = tuple(_reasons(sweep))
    return Trained(of("top"), of("sample"), random, len(refused), len(untried) - len(refused), reasons)


def _completed(architecture: Config, sweep: Sweep) -> Config | None:
    """What the search tries for an architecture; None where constraints forbid it."""
    try:
        return sweep.parameters.complete(architecture)
    except SpaceError:
        return None


def _reasons(sweep: Sweep) -> Iterator[str]:
    """For which a search goes past an architecture."""
    if sweep.parameters.constraints:
        yield "break constraints"
    limits = [limit.metric for limit in sweep.objective.limits if limit.metric in BEFORE_TRAINING]
    if limits:
        yield f"break limits on {', '.join(dict.fromkeys(limits))}"
    if sweep.architecture is not None and sweep.architecture.prefilter is not None:
        yield "are below the prefilter"
    yield "are the same network as one that was tried"


def supernet_lines(results: Results) -> list[str]:
    """The same for people; nothing without one. A file that cannot be read is told, and hinders nothing else."""
    try:
        report = supernet_report(results)
    except DamagedFileError as error:
        return [f"supernet: left out: {error}"]
    return report.lines() if report else []


def agreement(pairs: Sequence[tuple[float, float]]) -> Agreement | None:
    """Rank agreement of (supernet score, score from scratch), larger is better in both; None when it is not defined.

    Kendall, Biometrika 30 (1938); tau-b, for ties; the p-value is exact where there are few and no ties. The interval
    is normal on the scale of the inverse hyperbolic tangent, with variance 0.437 / (n - 4): Fieller, Hartley and
    Pearson, Biometrika 44 (1957).
    """
    from scipy.stats import kendalltau

    if len(pairs) < 2:
        return None
    values = np.asarray(pairs, dtype=float)
    found = kendalltau(values[:, 0], values[:, 1], alternative="greater")
    tau, p_value = float(found.statistic), float(found.pvalue)
    if math.isnan(tau):
        return None
    if len(pairs) < _LEAST:
        return Agreement(tau, None, None, p_value, len(pairs))
    center = math.atanh(max(-_LARGEST, min(_LARGEST, tau)))
    half = 1.96 * math.sqrt(0.437 / (len(pairs) - 4))
    return Agreement(tau, math.tanh(center - half), math.tanh(center + half), p_value, len(pairs))


def _scores(search: Sequence[Trial], metric: str) -> dict[Config, float]:
    """Score of each architecture in full runs of the search, by its parameters; the first counts."""
    scores: dict[Config, float] = {}
    for trial in search:
        value = trial.value(metric) if trial.state is State.COMPLETE else None
        if value is not None:
            scores.setdefault(_architecture(trial), value)
    return scores


def _architecture(trial: Trial) -> Config:
    return Config({name: one for name, one in trial.config.items() if name.startswith(PREFIX)})

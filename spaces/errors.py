"""Every error that Assay raises on purpose: one tree, one exit code per branch.

AssayError                 1  something is wrong inside
├── UsageError             2  what was written cannot be used: the message names it and the cure
│   ├── SpaceError            a parameter, a space or a config
│   ├── SweepError            a sweep file, with line and column
│   ├── TrainableError        a training function that cannot be loaded
│   ├── DamagedFileError      a file of the store is missing, or is not as it was written
│   └── SweepExistsError      a sweep of that name is in the store, or is running now
├── NoResultError          3  the sweep ended and no trial gave a score
├── NotFoundError          4  no such sweep, trial or store
├── ClusterError           5  the cluster cannot be reached, refuses, or is too small
└── SweepInterrupted     130  stopped on request; everything reported is kept
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

Location = tuple[str | int, ...]


class AssayError(Exception):
    """Root of all errors raised by Assay; ``exit_code`` is what the command line returns."""

    exit_code = 1


class UsageError(AssayError):
    """Something the user wrote cannot be used."""

    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One mistake: where it stands (keys from the outside in) and what to do about it."""

    where: Location
    message: str

    def __str__(self) -> str:
        path = ".".join(_plain(part) for part in self.where)
        return f"{path}: {self.message}" if path else self.message

    def under(self, *outer: str | int) -> Problem:
        """The same problem, seen from further outside."""
        return Problem((*outer, *self.where), self.message)


class SpaceError(UsageError, ValueError):
    """One or more problems with a parameter, a space or a config.

    Also a ``ValueError``, so that Pydantic collects it with the other mistakes of a sweep file.

    Attributes:
        problems: all of them, not only the first.
    """

    def __init__(self, problems: str | Iterable[Problem]) -> None:
        self.problems = [Problem((), problems)] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SweepError(UsageError):
    """A sweep that cannot be used; the text has one line per mistake.

    Attributes:
        problems: the mistakes, when they are in the sweep's content; empty for others, such as a missing file.
    """

    def __init__(self, text: str | Iterable[Problem]) -> None:
        self.problems = [] if isinstance(text, str) else list(text)
        super().__init__(text if isinstance(text, str) else "\n".join(str(problem) for problem in self.problems))


class TrainableError(UsageError):
    """A training function that cannot be found, imported or called."""


class DamagedFileError(UsageError):
    """A file of the store is missing, or is not as it was written."""


class SweepExistsError(UsageError):
    """The store already has a sweep of this name, or another process is running it."""


class NoResultError(AssayError):
    """No trial ended with a score."""

    exit_code = 3


class NotFoundError(AssayError):
    """A sweep, a trial or a store that does not exist."""

    exit_code = 4


class ClusterError(AssayError):
    """The cluster cannot be reached, refuses the request, or cannot ever place the trials."""

    exit_code = 5


class SweepInterrupted(AssayError):
    """The sweep was stopped on request and can be resumed."""

    exit_code = 130


# Words of other tools that no spelling distance would find.
_SYNONYMS = {
    "low": "min",
    "lower": "min",
    "high": "max",
    "upper": "max",
    "choices": "values",
    "reduction_factor": "eta",
    "grace_period": "grace",
    "num_samples": "trials",
    "n_trials": "trials",
    "max_concurrent_trials": "concurrent",
    "sampler": "searcher",
    "pruner": "scheduler",
    "metric": "objectives",
    "max": "maximize",
    "min": "minimize",
    "replicates": "seeds",
    "method": "searcher",
    "search_alg": "searcher",
    "early_terminate": "scheduler",
    "direction": "goal",
    "mode": "goal",
    "program": "trainable",
    "entrypoint": "command",
    "param_space": "parameters",
    "search_space": "parameters",
    "resources_per_trial": "resources",
    "num_cpus": "cpu",
    "num_gpus": "gpu",
    "time_budget_s": "time",
    "timeout": "time",
    "run_cap": "trials",
    "n_jobs": "concurrent",
    "bayes": "tpe",
    "t-test": "paired_t",
    "t_test": "paired_t",
    "ttest": "paired_t",
    "optuna": "tpe",
    "n_startup_trials": "startup",
    "population_size": "population",
    "sample_size": "sample",
    "perturbation_interval": "interval",
    "hyperparam_mutations": "perturb",
    "quantile_fraction": "quantile",
    "resample_probability": "resample",
    "perturbation_factors": "factors",
}


def did_you_mean(word: object, choices: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` for the closest choice, or an empty string when none is close."""
    known = list(choices)
    text = _plain(word)
    ours = synonym(text)
    close = [ours] if ours != text and ours in known else difflib.get_close_matches(text, known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


def synonym(word: str) -> str:
    """Our word for one of another tool; the same word when it is none."""
    return _SYNONYMS.get(word, word)


def one_of(choices: Iterable[object]) -> str:
    """``'a', 'b' or 'c'``."""
    words = [repr(choice) for choice in choices]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def shown(value: object) -> str:
    """``repr(value)`` for a message: at most 200 characters, and never an error of its own."""
    try:
        text = repr(value)
    except (ValueError, TypeError, RecursionError):  # an int of more than 4300 digits, endless nesting
        return f"<{type(value).__name__}>"
    return text if len(text) <= 200 else f"{text[:197]}..."


def _plain(value: object) -> str:
    """Text as it is; everything else, and what would break the line, as :func:`shown` writes it."""
    return value if isinstance(value, str) and value.isprintable() and len(value) <= 200 else shown(value)

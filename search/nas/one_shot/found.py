"""What a supernet found, as it is kept beside the ledger."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ....spaces import Config, DamagedFileError

KIND = "architectures"
"""Of the artifact that a supernet leaves."""
SCORE = "supernet_score"
"""Metric of a supernet's reports: the validation score of its likeliest path, or of some random ones."""


@dataclass(frozen=True)
class Candidate:
    """One architecture.

    Args:
        config: its parameters ``architecture.*``.
        origin: ``top``: proposed by the supernet; ``sample``: drawn at random, to see what the supernet's scores are
            worth.
        score: on validation data with the supernet's weights, larger is better.
        probability: by the learnt distribution; None where there is none.
    """

    config: Config
    origin: Literal["top", "sample"]
    score: float
    probability: float | None = None


@dataclass(frozen=True)
class Found:
    """The outcome of a supernet.

    Args:
        strategy: how it was trained.
        epochs: how many of ``planned`` were trained.
        collapsed: whether the guard against too many skip connections ended the training.
        warning: what a reader of the results has to know; empty when there is nothing.
        skips, choices: skip operations of the architecture that it exports, of so many that may be one.
        candidates: the top ones in their order, then the random ones.
    """

    strategy: str
    epochs: int
    planned: int
    collapsed: bool
    warning: str
    skips: int
    choices: int
    candidates: tuple[Candidate, ...]

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self) | {"candidates": [_plain(one) for one in self.candidates]}, indent=1)

    @classmethod
    def of(cls, text: str | bytes) -> Found:
        """From :meth:`text`.

        Raises:
            DamagedFileError: when it is something else.
        """
        try:
            raw: dict[str, Any] = json.loads(text)
            candidates = tuple(Candidate(**one | {"config": Config(one["config"])}) for one in raw["candidates"])
            return cls(**raw | {"candidates": candidates})
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedFileError(f"the architectures that the supernet found cannot be read: {error}") from error


def _plain(candidate: Candidate) -> dict[str, Any]:
    return {**vars(candidate), "config": dict(candidate.config)}

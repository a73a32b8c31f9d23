"""Small records for the suites of the ledger."""

from __future__ import annotations

import multiprocessing
from typing import Any

import pytest

from assay.search import Phase, Report, State, Sweep, Trial
from assay.spaces import AssayError, Config

SPAWN = multiprocessing.get_context("spawn")


def sweep(name: str = "hello") -> Sweep:
    return Sweep.make(
        {
            "name": name,
            "description": "ünïcode 🚀",
            "objectives": [{"metric": "loss", "goal": "minimize"}],
            "parameters": {"lr": "loguniform(1e-5, 1e-1)", "big": [2**63, -(2**63)]},
            "budget": {"trials": 3, "time": "1h"},
        }
    )


def new_trial(number: int = 0, phase: Phase = Phase.SEARCH) -> Trial:
    config = Config({"lr": 0.1, "big": 2**63})
    return Trial(number, phase, State.RUNNING, config, 2**32 - 1, 0, asked=number, started=number)


def report(step: int, value: Any = 0.5) -> Report:
    return Report(step, {"loss": value}, 0.1 * step, step)


def one_line(error: pytest.ExceptionInfo[AssayError]) -> str:
    text = str(error.value)
    assert len(text.splitlines()) == 1
    return text

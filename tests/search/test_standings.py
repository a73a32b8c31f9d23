"""Columns of a search say what its trials say, on every database."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from assay.search import Ledger, Phase, Report, Segment, State, Trial
from assay.spaces import Config

from .samples import sweep

OTHER = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3)


@st.composite
def searches(draw: st.DrawFn) -> list[Trial]:
    """Trials of all phases, some of which report other metrics only now and then, or were changed on the way."""
    made = []
    for number in sorted(draw(st.lists(st.integers(0, 50), unique=True, max_size=6))):
        count = draw(st.integers(0, 4))
        cut = draw(st.integers(0, count)) if draw(st.booleans()) else None  # where another segment begins
        reports = [
            Report(
                step,
                {"loss": draw(st.floats(-9, 9))} | draw(st.dictionaries(st.sampled_from(["a", 'b"$']), OTHER)),
                float(step),
                100 * number + step,
                segment=int(cut is not None and step > cut),
            )
            for step in range(1, count + 1)
        ]
        config = Config({"lr": draw(st.sampled_from([0.1, 0.01])), "big": 2**63})
        segments = (
            (Segment(0, config, 0), Segment(1, config, 1, 0, 0, draw(st.integers(1, 9)))) if cut is not None else ()
        )
        phase = draw(st.sampled_from([Phase.SEARCH, Phase.SEARCH, Phase.REPLICATE]))
        state = draw(st.sampled_from(State))
        made.append(Trial(number, phase, state, config, 1, 0, segments=segments, reports=tuple(reports)))
    return made


@settings(max_examples=12, deadline=None, derandomize=True)
@given(trials=searches(), data=st.data())
def test_columns_say_what_trials_say(
    new_store: Callable[[Path], str], tmp_path_factory: Any, trials: list[Trial], data: st.DataObject
) -> None:
    states = data.draw(st.sets(st.sampled_from(State), min_size=1))
    ledger = Ledger(new_store(tmp_path_factory.mktemp("standings") / "store"), create=True)
    record, other = ledger.create_sweep(sweep(), "/"), ledger.create_sweep(sweep("other"), "/")
    journal = ledger.journal(record)
    for trial in trials:
        journal.add(trial)
        for segment in trial.segments:
            journal.segment(trial.number, segment)
        for report in trial.reports:
            journal.report(trial.number, report)
    journal.commit()
    journal.close()
    ledger.add_trial(other, replace(Trial(3, Phase.SEARCH, State.FAILED, Config({"lr": 1.0}), 1, 0)))
    all_of = ledger.trials(record)
    search = [trial for trial in all_of if trial.phase is Phase.SEARCH]
    chosen = [trial for trial in search if trial.state in states]
    found = ledger.standings(record, ["loss", "a", 'b"$'], list(states))
    assert len(found) == len(chosen)
    assert found.numbers.tolist() == [trial.number for trial in chosen]
    assert found.states.tolist() == [trial.state for trial in chosen]
    assert found.config_ids.tolist() == [trial.config.config_id for trial in chosen]
    assert found.steps.tolist() == [trial.last_step for trial in chosen]
    assert list(found.metrics) == [trial.metrics for trial in chosen]
    assert [None if math.isnan(value) else value for value in found.values.tolist()] == [
        trial.value("loss") for trial in chosen
    ]
    assert found.scored.tolist() == [bool(t.reports) and t.state is not State.FAILED for t in chosen]
    assert found.changed == any(trial.segments for trial in all_of)
    long = {t.number: [r.metrics["loss"] for r in t.reports[-2:]] for t in search if len(t.reports) >= 3}
    assert ledger.last_values(record, "loss", 2, 3) == long
    assert found.long(3) or not any(len(trial.reports) >= 3 for trial in chosen)
    counts = ledger.counts(record)
    assert sum(counts.values()) == len(all_of)
    assert counts.get((Phase.SEARCH, State.FAILED), 0) == sum(trial.state is State.FAILED for trial in search)
    same = [trial.number for trial in all_of if trial.config["lr"] == 0.1]
    assert ledger.numbers_of(record, [Config({"lr": 0.1, "big": 2**63}).config_id]) == same
    wanted = data.draw(st.sets(st.integers(0, 50), max_size=4))
    assert ledger.trials_numbered(record, wanted) == [trial for trial in all_of if trial.number in wanted]
    assert ledger.trials(record, Phase.SEARCH) == search
    ledger.close()

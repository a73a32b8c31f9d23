"""The ledger: what is written is read back, for ever, by anyone, on every database."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.search import Artifact, Ledger, Phase, Report, State, SweepRecord, Trial, tables
from assay.search.store import Place
from assay.spaces import AssayError, Config, NotFoundError, SweepExistsError

from .samples import SPAWN, new_trial, report, sweep

texts = st.text(max_size=12)
kept = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
counts = st.integers(0, 2**31 - 1)
seconds = st.floats(0, 1e9)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
decisions = st.sampled_from(["", "continue", "stop", "pause"])
names = st.from_regex(r"[a-z_][a-z0-9]{0,5}", fullmatch=True)


@st.composite
def trials(draw: st.DrawFn, number: int) -> Trial:
    """A trial with everything a ledger keeps."""
    steps = draw(st.lists(st.integers(1, 10**6), max_size=4, unique=True))
    metrics = st.dictionaries(texts, scalars | st.integers(-(10**40), 10**40), max_size=3)
    return Trial(
        number,
        draw(st.sampled_from(Phase)),
        draw(st.sampled_from(State)),
        Config(draw(st.dictionaries(names, scalars, max_size=3))),
        seed=draw(st.integers(0, 2**63 - 1)),
        split=draw(counts),
        parent=draw(st.none() | counts),
        attempts=draw(counts),
        reason=draw(kept),
        detail=draw(kept),
        seconds=draw(seconds),
        asked=draw(counts),
        started=draw(counts),
        ended=draw(st.none() | counts),
        resplit=draw(st.booleans()),
        testable=draw(st.booleans()),
        data_id=draw(st.text("0123456789abcdef", max_size=12)),
        reports=tuple(
            Report(step, draw(metrics), draw(seconds), order, draw(st.none() | kept), decision=draw(decisions))
            for order, step in enumerate(sorted(steps))
        ),
    )


def write(ledger: Ledger, record: SweepRecord, trial: Trial) -> None:
    """As a controller does: the trial at its start, its reports, then its end."""
    ledger.add_trial(record, replace(trial, state=State.PENDING))
    for made in trial.reports:
        ledger.add_report(record, trial.number, made)
    ledger.update_trial(record, trial)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_what_is_written_is_read_back(new_store: Callable[[Path], str], data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True))
    written = [data.draw(trials(number)) for number in numbers]
    with tempfile.TemporaryDirectory() as folder:
        store = new_store(Path(folder))
        ledger = Ledger(store, create=True)
        record, other = (ledger.create_sweep(sweep(name), "/home/me") for name in ("hello", "other"))
        write(ledger, other, new_trial(numbers[0]))
        for trial in written:
            write(ledger, record, trial)
        ledger.close()
        again = Ledger(store)
        found = again.trials(again.sweep("hello"))
        assert found == sorted(written, key=lambda trial: trial.number)
        assert [repr(trial) for trial in found] == [repr(trial) for trial in sorted(written, key=lambda t: t.number)]
        for phase in Phase:
            assert again.trials(record, phase) == [trial for trial in found if trial.phase == phase]
        assert again.trial(record, numbers[0]) == written[0]
        assert again.trials(other) == [new_trial(numbers[0])]
        again.close()


def test_a_sweep_is_read_back(ledger: Ledger, record: SweepRecord) -> None:
    assert (record.name, record.sweep, record.directory) == ("hello", sweep(), "/home/me")
    assert (record.state, record.note) == ("running", "")
    assert abs(record.created - time.time()) < 60
    ledger.set_state(record, "stopped", "stopped by Ctrl-C; ünïcode")
    assert ledger.sweep("hello") == replace(record, state="stopped", note="stopped by Ctrl-C; ünïcode")
    assert Ledger(ledger.place).sweeps() == [ledger.sweep("hello")]


def test_a_name_is_taken_once(ledger: Ledger, record: SweepRecord) -> None:
    with pytest.raises(SweepExistsError) as caught:
        ledger.create_sweep(sweep(), "/elsewhere")
    assert str(caught.value) == (
        f"sweep 'hello' is already in {ledger.place}: `assay resume hello` goes on with it, "
        "`--name hello-2` or `--new` starts another"
    )
    assert ledger.sweeps() == [record]


def test_last_is_the_newest(ledger: Ledger) -> None:
    with pytest.raises(NotFoundError, match=rf"^no sweep '@last' in {re.escape(str(ledger.place))}$"):
        ledger.sweep("@last")
    for name in ("b", "a", "c"):
        ledger.create_sweep(sweep(name), "")
        assert ledger.sweep("@last").name == name
    assert [record.name for record in ledger.sweeps()] == ["b", "a", "c"]


def test_an_unknown_name_comes_with_the_closest(ledger: Ledger, record: SweepRecord) -> None:
    ledger.create_sweep(sweep("other"), "")
    with pytest.raises(NotFoundError) as caught:
        ledger.sweep("helo")
    assert str(caught.value) == f"no sweep 'helo' in {ledger.place} (did you mean 'hello'?); there are: hello, other"


def test_an_unknown_trial_comes_with_the_known_ones(ledger: Ledger, record: SweepRecord) -> None:
    with pytest.raises(NotFoundError, match=r"^sweep 'hello' has no trial 0: it has none yet$"):
        ledger.trial(record, 0)
    for number in (2, 5):
        ledger.add_trial(record, new_trial(number))
    with pytest.raises(NotFoundError, match=r"^sweep 'hello' has no trial 3: it has 2 to 5$"):
        ledger.trial(record, 3)
    with pytest.raises(NotFoundError, match=r"^sweep 'hello' has no trial 3"):
        ledger.update_trial(record, new_trial(3))


def test_a_sweep_that_cannot_be_read_hides_no_other(ledger: Ledger, record: SweepRecord) -> None:
    """One that a later version wrote, say, with a section of its own."""
    broken = ledger.create_sweep(sweep("broken"), "")
    with ledger._writes.begin() as connection:
        connection.execute(tables.sweeps.update().where(tables.sweeps.c.id == broken.id).values(spec={}))
    assert ledger.sweep("hello") == record
    with pytest.raises(AssayError, match="parameters: missing"):
        ledger.sweep("broken")


def test_numbers_steps_and_kinds_are_unique(ledger: Ledger, record: SweepRecord) -> None:
    ledger.add_trial(record, new_trial())
    ledger.add_report(record, 0, report(1))
    with pytest.raises(sa.exc.IntegrityError):
        ledger.add_trial(record, replace(new_trial(), phase=Phase.REPLICATE))
    with pytest.raises(sa.exc.IntegrityError):
        ledger.add_report(record, 0, report(1, 0.7))
    ledger.add_report(record, 0, replace(report(1, 0.8), segment=1))
    (trial,) = ledger.trials(record)
    assert trial.reports == (report(1), replace(report(1, 0.8), segment=1))
    other = ledger.create_sweep(sweep("other"), "")
    ledger.add_trial(other, new_trial())
    ledger.add_report(other, 0, report(1))


def test_an_artifact_is_replaced_by_the_next_of_its_kind(ledger: Ledger, record: SweepRecord) -> None:
    for number in (1, 0):
        ledger.add_trial(record, new_trial(number))
    first, model = Artifact(0, "predictions", "a.npz", "0" * 64, 10**12), Artifact(0, "model", "m.pt", "1" * 64, 5)
    ledger.update_trial(record, new_trial(0), [first, model])
    second = replace(first, path="ü b.npz", sha256="2" * 64)
    ledger.update_trial(record, new_trial(0), [second])
    other = Artifact(1, "predictions", "c.npz", "3" * 64, 0)
    ledger.update_trial(record, new_trial(1), iter([other]))
    assert ledger.artifacts(record) == [model, second, other]
    assert ledger.artifacts(record, "predictions") == [second, other]
    assert ledger.artifacts(record, "nothing") == []


def test_an_update_and_its_artifacts_are_one_step(ledger: Ledger, record: SweepRecord) -> None:
    ledger.add_trial(record, new_trial())
    wrong = Artifact(0, "model", None, "0" * 64, 1)  # type: ignore[arg-type]
    with pytest.raises(sa.exc.IntegrityError):
        ledger.update_trial(record, replace(new_trial(), state=State.COMPLETE), [wrong])
    assert ledger.trial(record, 0).state == State.RUNNING


def test_text_that_no_encoding_holds_is_kept_readable(ledger: Ledger, record: SweepRecord) -> None:
    """Such as the name of a file that is no UTF-8, in the message of an error."""
    ledger.add_trial(record, new_trial())
    ledger.update_trial(record, replace(new_trial(), reason="no file caf\udce9", detail="\ud83d\x00"))
    trial = ledger.trial(record, 0)
    assert (trial.reason, trial.detail) == (r"no file caf\udce9", r"\ud83d\x00")


# Several processes


def read_until_all(store: Place, wanted: int, results: Any) -> None:
    """Look again and again: reports only ever become more, and none is missing between two."""
    ledger, seen, looks = Ledger(store), 0, 0
    record = ledger.sweep("hello")
    while seen < wanted:
        steps = [made.step for made in ledger.trial(record, 0).reports]
        if steps != list(range(1, len(steps) + 1)) or len(steps) < seen:
            results.put(f"saw {steps} after {seen}")
            return
        seen, looks = len(steps), looks + 1
    results.put("fine")


def test_two_read_while_one_writes(ledger: Ledger, record: SweepRecord) -> None:
    ledger.add_trial(record, new_trial())
    results = SPAWN.SimpleQueue()
    readers = [SPAWN.Process(target=read_until_all, args=(ledger.place, 600, results)) for _ in range(2)]
    for reader in readers:
        reader.start()
    for step in range(1, 601):
        ledger.add_report(record, 0, report(step))
        time.sleep(0.002)
    assert [results.get() for _ in readers] == ["fine", "fine"]
    for reader in readers:
        reader.join()


def test_trials_and_reports_are_of_the_same_instant(ledger: Ledger, record: SweepRecord) -> None:
    ledger.add_trial(record, new_trial())
    writer = Ledger(ledger.place)

    @sa.event.listens_for(ledger._engine, "after_cursor_execute")
    def write_between(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "FROM trials" in statement and "FROM reports" not in statement:
            writer.add_report(record, 0, report(len(writer.trials(record)[0].reports) + 1))

    assert [len(ledger.trials(record)[0].reports) for _ in range(3)] == [0, 1, 2]
    writer.close()


def create_there(stores: list[str], name: str, together: Any, results: Any) -> None:
    for store in stores:
        together.wait()
        try:
            Ledger(store, create=True).create_sweep(sweep(name), "")
            results.put("fine")
        except AssayError as error:
            results.put(str(error))


def test_several_processes_make_one_store(new_store: Callable[[Path], str], tmp_path: Path) -> None:
    results, together = SPAWN.SimpleQueue(), SPAWN.Barrier(3)
    stores = [new_store(tmp_path / str(round_)) for round_ in range(5)]
    processes = [SPAWN.Process(target=create_there, args=(stores, f"s{at}", together, results)) for at in range(3)]
    for process in processes:
        process.start()
    assert [results.get() for _ in range(15)] == ["fine"] * 15
    for process in processes:
        process.join()
    for store in stores:
        ledger = Ledger(store)
        assert sorted(record.name for record in ledger.sweeps()) == ["s0", "s1", "s2"]
        with ledger._reads.connect() as connection:
            assert connection.execute(tables.revision.select()).all() == [(tables.REVISION,)]
        ledger.close()


def run_a_sweep(store: Place, name: str, results: Any) -> None:
    """As a driver does, under its lock, next to those of other sweeps."""
    ledger = Ledger(store)
    lock = ledger.lock(name)
    lock.acquire(name)
    journal = ledger.journal(ledger.create_sweep(sweep(name), ""))
    for number in range(30):
        journal.add(new_trial(number))
        for step in range(1, 4):
            journal.report(number, report(step))
        journal.update(replace(new_trial(number), state=State.COMPLETE))
        journal.commit()
        ledger.wish(name, f"{number}")
    ledger.close()
    lock.release()
    results.put(name)


def test_several_drivers_write_at_once(ledger: Ledger) -> None:
    results, names = SPAWN.SimpleQueue(), ["a", "b", "c"]
    processes = [SPAWN.Process(target=run_a_sweep, args=(ledger.place, name, results)) for name in names]
    for process in processes:
        process.start()
    assert sorted(results.get() for _ in names) == names
    for process in processes:
        process.join()
    for record in ledger.sweeps():
        trials = ledger.trials(record)
        assert [(trial.state, len(trial.reports)) for trial in trials] == [(State.COMPLETE, 3)] * 30
        assert ledger.wished(record) == "29"


def test_ten_thousand_reports_take_seconds(ledger: Ledger, record: SweepRecord) -> None:
    started = time.monotonic()
    for number in range(20):
        ledger.add_trial(record, new_trial(number))
        for step in range(1, 501):
            ledger.add_report(record, number, report(step))
    written = time.monotonic()
    trials = ledger.trials(record)
    assert [len(trial.reports) for trial in trials] == [500] * 20
    assert written - started < 40
    assert time.monotonic() - written < 5

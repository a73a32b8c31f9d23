"""Foreign results as a finished sweep: its space, the order of its events, all or nothing, and what users see of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import assay
from assay.search import Ledger, State, Sweep
from assay.search.imported import Foreign, Imported, Point, find_name, to_sweep
from assay.search.importing import import_results, read_results
from assay.search.journal import Journal
from assay.spaces import Float, SpaceError, SweepError, SweepExistsError, UsageError


def foreign(*trials: Imported, **more: Any) -> Foreign:
    return Foreign("old", "loss", "minimize", trials, "a test", **more)


def of(number: int, state: State = State.COMPLETE, values: tuple[float, ...] = (0.5,), **parameters: Any) -> Imported:
    curve = tuple(Point(step, {"loss": value}) for step, value in enumerate(values, start=1))
    return Imported(number, parameters, state, curve)


def many(*configs: dict[str, Any]) -> Foreign:
    return foreign(*(of(number, **config) for number, config in enumerate(configs)))


def space(*configs: dict[str, Any]) -> dict[str, Any]:
    return to_sweep(many(*configs))[0].parameters.to_dict()


def refusal(*configs: dict[str, Any], **more: Any) -> list[str]:
    with pytest.raises(SpaceError) as error:
        to_sweep(many(*configs), **more)
    return str(error.value).splitlines()


def template(**more: Any) -> Sweep:
    given = {
        "name": "template",
        "objectives": [{"metric": "loss", "goal": "minimize"}],
        "parameters": {"x": "uniform(0, 1)", "kind": ["a", "b"], "batch": 32},
        "budget": {"trials": 5},
    }
    return Sweep.make(given | more)


# The space


def test_kinds_of_parameters() -> None:
    assert space(
        {"a": 1, "b": 1, "c": 0.01, "d": "x", "e": True, "f": 0, "g": None, "h": 1, "i": 1.0, "j": 2**60, "k": 7},
        {"a": 1, "b": 9, "c": 1.01, "d": "y", "e": False, "f": 0.5, "g": 3, "h": True, "i": 1, "j": 2**61, "k": 701},
    ) == {
        "a": {"value": 1},
        "b": {"type": "int", "min": 1, "max": 9},
        "c": {"type": "float", "min": 0.01, "max": 1.01, "log": True},
        "d": {"values": ["x", "y"]},
        "e": {"values": [True, False]},
        "f": {"type": "float", "min": 0.0, "max": 0.5},
        "g": {"values": [None, 3]},
        "h": {"values": [1, True]},
        "i": {"value": 1.0},
        "j": {"values": [2**60, 2**61]},
        "k": {"type": "int", "min": 7, "max": 701, "log": True},
    }


def test_nested_and_dotted_names() -> None:
    found = many({"optim": {"lr": 0.1, "empty": {}}, "net.size": 3, "a/b-c": 1}, {"optim.lr": 0.2, "net": {"size": 4}})
    sweep, trials = to_sweep(found, drop=["a.b_c"])
    assert list(sweep.parameters) == ["optim.lr", "net.size"]
    assert trials[1].config.nested() == {"optim": {"lr": 0.2}, "net": {"size": 4}}
    assert list(to_sweep(found, drop=["a/b-c", "net"])[0].parameters) == ["optim.lr"]


def test_a_choice_explains_what_is_missing() -> None:
    assert space(
        {"kind": "adam", "sched": "none"},
        {"kind": "sgd", "sched": "cosine", "momentum": 0.5, "nesterov": True, "steps": 3},
        {"kind": "sgd", "sched": "none", "momentum": 0.6, "nesterov": False},
        {"kind": "rms", "sched": "cosine", "momentum": 0.7, "steps": 4},
    ) == {
        "kind": {"values": ["adam", "sgd", "rms"]},
        "sched": {"values": ["none", "cosine"]},
        "momentum": {"type": "float", "min": 0.5, "max": 0.7, "when": {"kind": ["sgd", "rms"]}},
        "nesterov": {"values": [True, False], "when": {"kind": "sgd"}},
        "steps": {"type": "int", "min": 3, "max": 4, "when": {"sched": "cosine"}},
    }


def test_conditions_on_what_is_itself_conditional() -> None:
    found = space(
        {"net": "cnn", "norm": "batch", "x": 1},
        {"net": "cnn", "norm": "group", "groups": 4, "x": 1},
        {"net": "mlp", "x": 2},
    )
    assert found["norm"]["when"] == {"net": "cnn"}
    assert found["groups"] == {"value": 4, "when": {"norm": "group"}}


def test_whole_numbers_switch_from_a_value_on() -> None:
    found = space({"n": 1, "one": 1}, {"n": 2, "u": 1, "one": 2}, {"n": 5, "u": 2, "v": 1}, {"n": 4, "u": 3, "v": 1})
    assert found["u"]["when"] == {"n": [2, 3, 4, 5]}
    assert found["v"]["when"] == {"n": [4, 5]}
    assert found["one"]["when"] == {"n": [1, 2]}


def test_no_reason_for_what_is_missing() -> None:
    [line] = refusal({"n": 1, "x": 1}, {"n": 2, "x": 2, "u": 1}, {"n": 3, "x": 3})
    assert line == (
        "u: 2 of 3 trials lack it, and no other parameter tells which: leave it out with --drop u, or describe it in a "
        "sweep file (`when`, or null as a choice) and give that with --sweep FILE"
    )


def test_values_that_no_parameter_can_hold() -> None:
    assert refusal({"a": [1], "b": {"c": b""}, "d": 1}, {"a": 2, "b": {"c": 1}, "d": float("nan")}) == [
        "a: [1] is not text, a number, true, false or null (1 of 2 trials): leave it out with --drop a",
        "b.c: b'' is not text, a number, true, false or null (1 of 2 trials): leave it out with --drop b.c",
        "d: nan is not text, a number, true, false or null (1 of 2 trials): leave it out with --drop d",
    ]


def test_names_in_each_others_way() -> None:
    assert refusal({"a-b": 1, "a_b": 2, "s": 1}, {"s": {"t": 1}, "a-b": 1, "a_b": 3}) == [
        "a-b: is written 'a_b' here, which another parameter is too: drop one of them",
        "a_b: is written 'a_b' here, which another parameter is too: drop one of them",
        "s: is a value in some trials and a group ('s.*') in others: leave it out with --drop s",
    ]


def test_dropping() -> None:
    found = many({"lr": 0.1, "size": 3})
    with pytest.raises(UsageError) as error:
        to_sweep(found, drop=["sise"])
    assert str(error.value) == (
        "--drop sise: no trial has a parameter of this name (did you mean 'size'?): they have lr, size"
    )
    with pytest.raises(SpaceError, match="no trial has a parameter: there is nothing to compare"):
        to_sweep(found, drop=["lr", "size"])


def test_what_a_source_declares_counts_where_it_holds_all_values() -> None:
    declared = {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}
    trials = (of(0, x=0.2, y=0.3), of(1, x=0.4, y=3.0))
    assert to_sweep(foreign(*trials, declared=declared))[0].parameters.to_dict() == {
        "x": {"type": "float", "min": 0.0, "max": 1.0},
        "y": {"type": "float", "min": 0.3, "max": 3.0},
    }


def test_failed_trials_may_lack_parameters() -> None:
    trials = (of(0, x=1, y=2), of(1, State.FAILED, (), x=9), of(2, State.FAILED, (), x=7, y=3, z=4), of(3, x=2, y=2))
    sweep, kept = to_sweep(foreign(*trials))
    assert [trial.number for trial in kept] == [0, 3]
    assert sweep.budget.trials == 2
    assert sweep.parameters.to_dict()["x"] == {"type": "int", "min": 1, "max": 9}
    assert [trial.number for trial in to_sweep(foreign(*trials[1:2]))[1]] == [1]


# A space that is given


def test_a_sweep_file_gives_the_space() -> None:
    sweep, trials = to_sweep(many({"x": 0.5, "kind": "a"}, {"x": 0, "kind": "b", "batch": 32.0}), sweep=template())
    assert sweep.name == "old"
    assert sweep.parameters == template().parameters
    assert [dict(trial.config) for trial in trials] == [
        {"batch": 32, "kind": "a", "x": 0.5}, {"batch": 32, "kind": "b", "x": 0.0},
    ]  # fmt: skip


def test_configs_that_do_not_fit_are_counted_and_the_first_shown() -> None:
    configs = [{"x": 2.0, "kind": "c", "more": 1} for _ in range(3)]
    assert refusal({"x": 0.5, "kind": "a"}, *configs, sweep=template()) == [
        "3 of 4 configs do not fit the space of the sweep: change `parameters` in the sweep file, or leave parameters "
        "out with --drop NAME",
        "trial 1: more: unknown parameter",
        "trial 1: x: 2 is outside [0, 1]",
        'trial 1: kind: \'c\' is not one of: "a", "b"',
        "trial 2: more: unknown parameter",
        "trial 2: x: 2 is outside [0, 1]",
        "and 4 more mistakes",
    ]


def test_a_sweep_file_of_something_else() -> None:
    found = many({"x": 0.5, "kind": "a"})
    other = [{"metric": "loss", "goal": "maximize"}]
    with pytest.raises(SweepError, match="objectives: the sweep file is to maximize 'loss', the results are to minimi"):
        to_sweep(found, sweep=template(objectives=other))
    longer = foreign(of(0, values=(3, 2, 1), x=0.5, kind="a"))
    with pytest.raises(SweepError, match=r"fidelity: max is 2 in the sweep file, .* of step 3: write max: 3$"):
        to_sweep(longer, sweep=template(fidelity={"max": 2}))


# Events

moments = st.none() | st.floats(0, 100)


@st.composite
def sources(draw: st.DrawFn) -> Foreign:
    """Trials of which anything may be known, and nothing may fit together."""
    trials = []
    for number in draw(st.lists(st.integers(0, 50), min_size=1, max_size=5, unique=True)):
        steps = draw(st.lists(st.integers(-3, 9), max_size=4))
        curve = tuple(Point(step, {"loss": draw(st.floats())}, draw(moments), draw(moments)) for step in steps)
        state = draw(st.sampled_from((State.COMPLETE, State.STOPPED, State.FAILED)))
        times = {"seconds": draw(moments), "began": draw(moments), "ended": draw(moments)}
        trials.append(Imported(number, {"x": number}, state, curve, "why", **times))
    return foreign(*trials)


@given(sources())
def test_events_are_in_order(source: Foreign) -> None:
    _, trials = to_sweep(source)
    own = [[t.asked, t.started, *(r.order for r in t.reports), t.ended] for t in trials]
    assert sorted(chain(*own)) == list(range(sum(map(len, own))))
    assert all(positions == sorted(positions) for positions in own)
    every = sorted((report.order, report.elapsed) for trial in trials for report in trial.reports)
    assert [elapsed for _, elapsed in every] == sorted(elapsed for _, elapsed in every)
    for trial in trials:
        steps = [report.step for report in trial.reports]
        assert steps == sorted(set(steps))
        assert not steps or steps[0] >= 1
        assert (trial.state is State.COMPLETE) <= bool(trial.reports)
        assert trial.seconds >= 0
    json.dumps([dict(report.metrics) for trial in trials for report in trial.reports], allow_nan=False)


def test_known_times_decide_the_order() -> None:
    late = Imported(0, {"x": 1}, State.COMPLETE, (Point(0, {"loss": 1.0}, 130.0, 25.0),), began=100.0, ended=131.0)
    early = Imported(1, {"x": 2}, State.COMPLETE, (Point(0, {"loss": 2.0}),), began=90.0, ended=110.0)
    _, [first, second] = to_sweep(foreign(late, early))
    assert (second.asked, second.started, first.asked, first.started) == (0, 1, 2, 3)
    assert [(report.order, report.elapsed, report.seconds) for report in second.reports] == [(4, 20.0, 20.0)]
    assert (second.ended, first.reports[0].order, first.ended) == (5, 6, 7)
    assert (first.seconds, first.reports[0].elapsed, first.reports[0].step) == (25.0, 40.0, 1)


def test_unknown_times_put_trials_one_after_the_other() -> None:
    trials = (of(5, values=(1.0, 2.0), x=1), of(3, values=(1.0, 2.0), x=2))
    _, [first, second] = to_sweep(foreign(*trials))
    assert (first.number, first.ended, second.asked) == (3, 4, 5)


# In the ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "store", create=True)
    yield opened
    opened.close()


def results() -> Foreign:
    """A search as it might have been, with each kind of end."""
    return foreign(
        of(0, values=(0.9, 0.8, 0.7), lr=0.1, kind="adam"),
        of(1, State.STOPPED, (0.95,), lr=1e-4, kind="sgd", momentum=0.5),
        of(2, values=(0.6, 0.5, 0.25), lr=0.01, kind="sgd", momentum=0.9),
        Imported(3, {"lr": 0.03, "kind": "adam"}, State.FAILED, reason="ValueError: no", detail="Traceback"),
        Imported(4, {"lr": 0.03}, State.FAILED, reason="ValueError: no"),
        Imported(7, {"lr": 0.03, "kind": "adam"}, State.COMPLETE, (Point(1, {"loss": float("nan")}),)),
        notes=("2 trials that had not ended were left out",),
    )


def test_what_users_see_of_it(ledger: Ledger, tmp_path: Path) -> None:
    record = import_results(ledger, results(), "imported")
    assert (record.name, record.state) == ("imported", "finished")
    assert record.note == (
        "imported from a test; 2 trials that had not ended were left out; "
        "1 failed trial with other parameters than the rest was left out"
    )
    shown = assay.load("imported", store=ledger.store)
    board = shown.leaderboard()
    assert [(row.trial, row.search_score) for row in board.rows] == [(2, 0.25), (0, 0.7), (1, 0.95)]
    assert not board.replicated
    assert shown.best_config == {"lr": 0.01, "kind": "sgd", "momentum": 0.9}
    frame = shown.to_frame()
    assert frame[["trial", "state", "steps", "reason"]].values.tolist() == [
        [0, "complete", 3, ""],
        [1, "stopped", 1, ""],
        [2, "complete", 3, ""],
        [3, "failed", 0, "ValueError: no"],
        [7, "failed", 0, "loss is nan at the last report"],
    ]
    assert shown.to_frame("reports")["loss"].tolist() == [0.9, 0.8, 0.7, 0.95, 0.6, 0.5, 0.25]
    assert "imported from a test" in shown.report().read_text(encoding="utf-8")
    bundle = shown.export(tmp_path / "best")
    assert bundle.config == shown.best_config
    assert json.loads((tmp_path / "best" / "manifest.json").read_text())["trial"] == 2
    assert ledger.trial(record, 3).detail == "Traceback"


def test_what_is_read_back_is_what_was_made(ledger: Ledger) -> None:
    sweep, trials = to_sweep(results())
    record = import_results(ledger, results())
    assert record.sweep == sweep
    assert ledger.trials(record) == trials


def test_the_note_tells_what_was_changed(ledger: Ledger) -> None:
    found = many({"lr-init": 1, "optim/x": 2, "size": [3]})
    record = import_results(ledger, found, drop=["size"], directory="/somewhere")
    assert record.note == "imported from a test; parameters left out: size; parameters renamed: lr-init is lr_init"
    assert record.directory == "/somewhere"


def test_a_sweep_file_is_kept_as_it_is(ledger: Ledger) -> None:
    record = import_results(ledger, many({"x": 0.5, "kind": "a"}), "mine", sweep=template(description="hello"))
    assert record.sweep == template(description="hello", name="mine")


def test_nothing_is_written_when_something_is_refused(ledger: Ledger) -> None:
    before = sorted(path.name for path in ledger.store.iterdir())
    good, bad = of(0, x=0.5, kind="a"), of(1, x=[1], kind="a")
    with pytest.raises(SpaceError):
        import_results(ledger, foreign(good, bad))
    with pytest.raises(SpaceError):
        import_results(ledger, foreign(good, of(1, x=5.0, kind="a")), sweep=template())
    with pytest.raises(SweepError, match=r"name: 'Not a name' is not a name: .*, e.g. 'not-a-name'$"):
        import_results(ledger, foreign(good), "Not a name")
    assert ledger.sweeps() == []
    assert sorted(path.name for path in ledger.store.iterdir()) == before


def test_a_name_that_is_taken(ledger: Ledger) -> None:
    import_results(ledger, results())
    with pytest.raises(SweepExistsError, match=r"^sweep 'old' is already in .*: import under another name, .* old-2$"):
        import_results(ledger, results())
    import_results(ledger, results(), "old-2")
    assert [record.state for record in ledger.sweeps()] == ["finished", "finished"]


def test_an_import_that_is_interrupted_is_not_taken_for_all(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        import_results(ledger, results())
    [record] = ledger.sweeps()
    assert (record.state, record.note) == ("failed", "the import was interrupted: import again under another name")
    assert not ledger.lock("old").held


# Sources


def test_a_source_of_each_kind(tmp_path: Path, ledger: Ledger) -> None:
    trial = tmp_path / "Ray" / "t_00003"
    trial.mkdir(parents=True)
    (trial / "params.json").write_text('{"x": 0.5, "kind": "a"}')
    (trial / "result.json").write_text('{"loss": 0.25, "training_iteration": 1}\n')
    (tmp_path / "r.csv").write_text("loss,x,kind\n0.25,0.5,a\n")
    found = [
        read_results("ray", str(tmp_path / "Ray"), metric="loss", goal="minimize"),
        read_results("csv", str(tmp_path / "r.csv"), param=["x", "kind"], sweep=template()),
    ]
    for number, one in enumerate(found):
        record = import_results(ledger, one, f"s{number}", sweep=template())
        assert [dict(t.config) for t in ledger.trials(record)] == [{"batch": 32, "kind": "a", "x": 0.5}]
        assert assay.load(f"s{number}", store=ledger.store).leaderboard().rows[0].search_score == 0.25


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("rey", {}, "there are no results of kind 'rey' (did you mean 'ray'?): use 'ray', 'optuna' or 'csv'"),
        ("ray", {"study": "x"}, "--study does not belong to ray: leave it out"),
        ("ray", {"param": ["x"]}, "--param does not belong to ray: leave it out"),
        ("csv", {"study": "x"}, "--study does not belong to csv: leave it out"),
        (
            "optuna",
            {"goal": "minimize"},
            "--goal does not belong to optuna; a study has its own direction: leave it out",
        ),
        ("optuna", {"step": "x"}, "--step does not belong to optuna: leave it out"),
    ],
)
def test_options_that_do_not_belong(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        read_results(kind, "somewhere", **options)
    assert str(error.value) == message


@pytest.mark.parametrize(("text", "name"), [("My Sweep (2)", "my-sweep-2"), ("ü", "imported"), ("a" * 70, "a" * 63)])
def test_names(text: str, name: str) -> None:
    assert find_name(text) == name

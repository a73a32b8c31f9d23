"""The dashboard follows the ledger, and changes nothing."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import optuna
import pytest

from assay.analysis.mirrors.dashboard import Dashboard, LedgerStudy
from assay.search import State
from assay.spaces import UsageError


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def test_a_study_that_follows_the_ledger(recorder: Callable[..., Any]) -> None:
    now = [0.0]
    made = recorder()
    made.search([0.5])
    running = made.search([0.5, 0.6], state=State.RUNNING)
    study = optuna.load_study(study_name="demo", storage=LedgerStudy(made.ledger, made.record, lambda: now[0]).storage)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "RUNNING"]
    made.search([0.75])
    assert len(study.trials) == 2  # it does not look all the time
    now[0] += 6
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "RUNNING", "COMPLETE"]
    report = running.reports[-1]
    made.ledger.add_report(made.record, 1, type(report)(**vars(report) | {"step": 3, "metrics": {"accuracy": 0.7}}))
    made.ledger.update_trial(made.record, type(running)(**vars(running) | {"state": State.STOPPED}))
    now[0] += 6
    stopped = study.trials[1]
    assert (stopped.state.name, stopped.values) == ("PRUNED", [0.7])
    assert stopped.intermediate_values == {1: 0.5, 2: 0.6, 3: 0.7}
    with pytest.raises(PermissionError, match="may only be looked at"):
        study.set_user_attr("a", 1)


def test_it_is_served_on_loopback_and_only_reads(recorder: Callable[..., Any]) -> None:
    made = recorder()
    made.search([0.5, 0.75])
    shown = Dashboard(made.ledger, made.record)
    thread = threading.Thread(target=shown.serve)
    thread.start()
    try:
        assert shown.url.startswith("http://127.0.0.1:")
        base = shown.url.removesuffix("/dashboard/")
        with urlopen(f"{base}/api/studies/0") as answer:
            study = json.load(answer)
        assert study["name"] == "demo"
        assert study["trials"][0]["values"] == [0.75]
        for method, path in (("DELETE", "/api/studies/0"), ("POST", "/api/studies"), ("PUT", "/api/studies/0/note")):
            with pytest.raises(HTTPError) as refused:
                urlopen(Request(base + path, data=b"{}", method=method))
            assert refused.value.code == 403
            assert "nothing can be changed" in json.load(refused.value)["reason"]
            refused.value.close()
        port = int(base.rpartition(":")[2])
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"localhost:{port}, evil.example"):
            with pytest.raises(HTTPError) as elsewhere:
                urlopen(Request(f"{base}/api/studies", headers={"Host": host}))
            assert elsewhere.value.code == 421
            assert json.load(elsewhere.value)["reason"].endswith(f"use 127.0.0.1:{port}")
            elsewhere.value.close()
        with urlopen(Request(f"{base}/api/studies", headers={"Host": f"LocalHost:{port}"})) as answer:
            assert answer.status == 200
        with pytest.raises(UsageError, match=f"port {port} of 127.0.0.1 cannot be used: .*--port"):
            Dashboard(made.ledger, made.record, port)
    finally:
        shown.stop()
        thread.join()


def test_without_optuna_dashboard_the_cure_is_told(
    recorder: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recorder()
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    with pytest.raises(UsageError, match=r"pip install 'assay\[dashboard\]'"):
        Dashboard(made.ledger, made.record)

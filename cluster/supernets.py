"""One-shot search: the trial that trains the supernet, and what it found."""

from __future__ import annotations

import ast
import importlib.util
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..analysis.supernet import read_found
from ..search import Ledger, Phase, State, Sweep, SweepRecord
from ..search.nas.one_shot.found import SCORE
from ..search.nas.one_shot.options import OneShotOptions
from ..spaces import Config, NoResultError, Problem, TrainableError
from ..spaces.architectures import PREFIX
from ..trainables import TrainableRef, TrialSpec
from .training import DATA, DATA_FORM

_NNI = {"nni": "NNI", "pytorch_lightning": "pytorch-lightning"}
_POLICY = {"tianshou": "tianshou", "gymnasium": "gymnasium"}


def one_shot(sweep: Sweep) -> OneShotOptions | None:
    """The options of one-shot search; None where another searcher is at work."""
    return sweep.searcher if isinstance(sweep.searcher, OneShotOptions) else None


def missing_of_searcher(sweep: Sweep, *, here: bool) -> list[Problem]:
    """The packages that the sweep's searcher needs and this machine has not.

    Args:
        here: whether trials run here too, a supernet among them; else the cluster may have what this machine lacks.
    """
    searcher, strategy = sweep.searcher, getattr(sweep.searcher, "strategy", None)
    own = here and sweep.cluster.pip is None
    if searcher.type != "nni" and not (searcher.type == "one_shot" and own):
        return []
    learns = strategy in ("enas", "policy_rl")
    needed = _NNI | _POLICY if learns else _NNI
    absent = [name for module, name in needed.items() if not _is_installed(module)]
    if not absent:
        return []
    extras = "nas,nas-rl" if learns else "nas"
    text = f'{searcher.type} ({strategy}) needs {" and ".join(absent)}: pip install "assay[{extras}]"'
    return [Problem(("searcher",), text)]


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # from a finder that somebody put in, which says no in this way
        return False


def missing_data(sweep: Sweep, directory: str | Path) -> list[Problem]:
    """That the function with the supernet's data is not where the sweep says; nothing is imported."""
    options = one_shot(sweep)
    if options is None:
        return []
    file, colon, _ = (sweep.trainable or "").rpartition(":")
    if options.data is None and not colon:
        return [Problem(("searcher", "data"), f"the supernet needs data: write {DATA}")]
    if options.data is None and not Path(directory, file).is_file():
        return []  # a module, or a file whose lack is told of the training function
    try:
        TrainableRef(options.data or f"{file}:data", str(directory)).check()
    except TrainableError as error:
        cure = "" if options.data else f"; the supernet needs data: write it, or {DATA}"
        return [Problem(("searcher", "data"), str(error).removeprefix("trainable: ") + cure)]
    wrong = _other_arguments(options.data or f"{file}:data", directory)
    return [Problem(("searcher", "data"), wrong)] if wrong else []


def _other_arguments(name: str, directory: str | Path) -> str:
    """Why a function cannot be called with a config and a trial, as far as its file shows; empty when it can."""
    file, _, function = name.rpartition(":")
    if not file.endswith(".py"):
        return ""  # a module: told when it is called
    body = ast.parse(Path(directory, file).read_bytes()).body
    found = [one for one in body if isinstance(one, ast.FunctionDef) and one.name == function]
    if len(found) != 1 or found[0].decorator_list:
        return ""
    given = found[0].args
    places = len(given.posonlyargs) + len(given.args)
    least, most = places - len(given.defaults), math.inf if given.vararg else places
    if least <= 2 <= most and None not in given.kw_defaults:
        return ""
    return f"{name} takes ({ast.unparse(given)}), and is called with a config and a trial: {DATA_FORM}"


def supernet_config(sweep: Sweep) -> Config:
    """What a supernet is trained with: the default of everything that is no architecture."""
    return _part(sweep.parameters.default(), architecture=False)


def _part(config: Config, *, architecture: bool) -> Config:
    return Config({name: value for name, value in config.items() if name.startswith(PREFIX) is architecture})


def supernet_spec(spec: TrialSpec, sweep: Sweep) -> TrialSpec:
    """What the attempt of a supernet runs, which reports a metric of its own."""
    options = one_shot(sweep)
    if options is None:
        raise TypeError(f"a supernet of searcher {sweep.searcher.type}")
    constraints = [
        one.text for one in sweep.parameters.constraints if all(name.startswith(PREFIX) for name in one.parents)
    ]
    given = [_part(config, architecture=True) for config in sweep.given]
    plan = options.plan(sweep.objective.limits, constraints, given)
    return replace(spec, metric=SCORE, others=(), measure=(), max_steps=None, supernet=plan)


def found_architectures(ledger: Ledger, record: SweepRecord) -> Iterator[Config]:
    """What the supernet found, in the order in which it is to be trained; nothing before it is over."""
    found = read_found(ledger, record)
    return (candidate.config for candidate in found.candidates) if found else iter(())


def require_supernet(ledger: Ledger, record: SweepRecord) -> None:
    """Nothing, when the supernet is trained.

    Raises:
        NoResultError: with the reason for which it is not.
    """
    trials = ledger.trials(record, Phase.SUPERNET)
    if any(trial.state is State.COMPLETE for trial in trials):
        return
    failed = next((trial for trial in reversed(trials) if trial.state is State.FAILED), None)
    why = f"failed: {failed.reason}" if failed else "was not trained"
    more = f" (`assay show {record.name} {failed.number}` has the traceback)" if failed and failed.detail else ""
    raise NoResultError(f"the supernet {why}{more}; when it is put right, `assay resume {record.name}` trains it")

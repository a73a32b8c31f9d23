"""What `assay check` prints."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from .printing import print_table

if TYPE_CHECKING:
    from ..cluster.preview import Preview, Rung, SpaceSize
    from ..search import Sweep

_MOST_RUNGS = 8


def print_preview(sweep: Sweep, preview: Preview) -> None:
    from ..analysis.terminal import space_table

    print_table(space_table(sweep.parameters))
    for label, text in _lines(sweep, preview):
        print(f"{f'{label}:':<13}{text}")


def _lines(sweep: Sweep, preview: Preview) -> Iterator[tuple[str, str]]:
    from ..analysis import text
    from ..analysis.network_text import NetworkWords, elided, readable
    from ..search.architecture_parameters import unmeasurable
    from ..spaces.architectures import PREFIX

    for constraint in sweep.parameters.constraints:
        yield "constraint", constraint.text
    if sweep.parameters.constraints:
        yield "feasible", f"{preview.space.feasible:.1%} of random configs"
    yield "configs", _size(preview.space)
    default = sweep.parameters.default()
    told = readable(default, elided(NetworkWords(sweep).text(default)))
    yield "default", f"{text.config_line(told, [*told])} (trial {0 if preview.supernet is None else 1})"
    yield "searcher", preview.searcher + (f" ({preview.strategy})" if preview.strategy else "")
    if preview.supernet is not None:
        epochs = f"{preview.supernet.epochs} epoch{'s' * (preview.supernet.epochs > 1)}"
        yield "supernet", f"{epochs} in one trial before the search (trial 0); no budget counts it"
        others = [name for name in sweep.parameters.searched if not name.startswith(PREFIX)]
        if others:
            yield "note", f"what the supernet finds is trained with the default of {', '.join(others)}: not searched"
    yield "scheduler", preview.scheduler
    if preview.rungs:
        yield "rungs", _rungs(preview)
    runs = preview.runs
    shared = f"{runs.seeds} seeds each" if runs.method == "top_k" else f"shared out by {runs.method}"
    replicates = f"{runs.replicates} replicates ({runs.finalists} finalists, {shared})"
    search = "the search's" if runs.search is None else f"{runs.search:,} of the search"
    yield "runs", f"at most {search}, {replicates}, {runs.tests} tests on the sealed part"
    if runs.replicate_units is not None:
        yield "training", _training(preview)
    yield "search ends", " or ".join(preview.search_ends)
    for limit in preview.limits:
        yield "limit", limit
    for line in preview.front:
        yield "front", line
    yield "decides", _decides(preview)
    shortfall = _shortfall(sweep, preview)
    if shortfall:
        yield "note", shortfall
    if _cut_short(sweep, preview):
        yield "note", _cut_short(sweep, preview)
    for unmeasured in unmeasurable(sweep):
        yield "note", unmeasured
    if preview.rungs and preview.rungs[-1].trials == 0:
        full = f"in full, {preview.rungs[-1].step} {preview.unit}s"
        yield "note", f"no trial of the search is expected to train {full}: add trials, or use another scheduler"


def _size(space: SpaceSize) -> str:
    if space.configs == math.inf:
        return "infinite"
    # As a float it could be too large.
    return f"{'at most ' * space.bound}{int(space.configs):,}" if space.configs < 10**15 else "more than 10^15"


def _rungs(preview: Preview) -> str:
    rungs, units = preview.rungs, f"{preview.unit}s"
    steps = [rung.step for rung in rungs]
    gaps = {after - before for before, after in pairwise(steps[:-1])}
    if len(steps) > _MOST_RUNGS and len(gaps) == 1:
        return f"{steps[0]}, {steps[1]}, ... {steps[-2]}, {steps[-1]} {units}"
    expected = "; in brackets the trials expected to come so far" if rungs[0].trials is not None else ""
    return f"{', '.join(_rung(rung, preview.runs.search) for rung in rungs)} {units}{expected}"


def _rung(rung: Rung, all_trials: int | None) -> str:
    if rung.trials is None:
        return str(rung.step)
    if not rung.trials:
        return f"{rung.step} (none)"
    return f"{rung.step} ({'about ' * (rung.trials != all_trials)}{rung.trials:.{0 if rung.trials >= 1 else 1}f})"


def _training(preview: Preview) -> str:
    runs, units = preview.runs, f"{preview.unit}s"
    if runs.search_units is None:
        return f"{runs.replicate_units:,} {units} of replicates at most, after the search"
    expected = runs.expected_units
    about = f" (about {expected:,.0f} expected)" if expected is not None and expected < runs.search_units else ""
    total = runs.search_units + (runs.replicate_units or 0)
    return (
        f"at most {total:,} {units}: {runs.search_units:,} of the search{about}, {runs.replicate_units:,} of replicates"
    )


def _decides(preview: Preview) -> str:
    found, runs = preview.decides, preview.runs
    if runs.finalists < 2:
        return "nothing: with one finalist there is nothing to compare"
    if found is None and runs.method != "top_k":
        return f"as the replicates come in: {runs.method} gives more to those that are hard to tell apart"
    if found is None:
        return "what the test lets it: `assay power` tells how many seeds a difference takes"
    return (
        f"a finalist that is worse by {_deviations(found.difference)} standard deviations of the paired differences is "
        f"told apart in {100 * found.power:g} % of cases; with {found.more_seeds} seeds {_deviations(found.finer)}"
    )


def _deviations(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def _cut_short(sweep: Sweep, preview: Preview) -> str:
    limit, supernet = sweep.budget.trials, preview.supernet
    if limit is None or supernet is None or limit >= supernet.trials:
        return ""
    parts = "the default, rivals, top and samples"
    return f"budget.trials is {limit}, and the search takes {supernet.trials} for {parts}: the last are not trained"


def _shortfall(sweep: Sweep, preview: Preview) -> str:
    limit, configs = sweep.budget.trials, preview.space.configs
    if limit is None or configs >= limit:
        return ""
    count = f"{configs:.0f} {'config' if configs == 1 else 'configs'}"
    most = "at most " * preview.space.bound
    return f"the space has {most}{count}, budget.trials is {limit}: the search ends after {most}{configs:.0f}"

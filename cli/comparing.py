"""Commands that compare configs, sweeps and methods, and that tell how many replicates a difference takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..spaces.errors import UsageError
from .arguments import AsJson, Store
from .opening import config_in, results_of
from .printing import note, print_json, print_table

if TYPE_CHECKING:
    from ..analysis import Results
    from ..analysis.comparison import Comparison
    from ..analysis.method_comparison import MethodComparison
    from ..analysis.model_comparison import ModelComparison
    from ..analysis.pairwise import Pairwise


def compare(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME] [TRIAL|NAME]...",
            help="A sweep, for all its finalists; with one or two trials of it; or several sweeps.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="Against the winner: a config, such as production's.", show_default=False),
    ] = None,
    test: Annotated[
        str,
        typer.Option(
            "--test", metavar="auto|paired_t|nadeau_bengio|pooled|mrmc|sign_flip|welch", help="Of two configs."
        ),
    ] = "auto",
    rope: Annotated[
        float | None, typer.Option("--rope", help="A difference too small to matter.", show_default=False)
    ] = None,
    models: Annotated[bool, typer.Option("--models", help="Compare two trials' fitted models.")] = False,
    part: Annotated[str, typer.Option("--part", metavar="validation|test", help="--models: examples.")] = "validation",
    table: Annotated[
        Path | None,
        typer.Option("--table", help="CSV of methods (columns) on data sets (rows).", show_default=False),
    ] = None,
    goal: Annotated[
        str, typer.Option("--goal", metavar="maximize|minimize", help="--table: what is better.")
    ] = "maximize",
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            help="Methods over data sets: the critical difference diagram (.png, .svg, .pdf).",
            show_default=False,
        ),
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Two configs, a sweep's winner against your config, the winners of two sweeps, or methods over many data sets."""
    given = names or []
    if table is not None:
        _refuse_beside(given, "--table compares what is in the table", config, models)
        found: Any = _table(table, goal)
    elif not given:
        raise UsageError("compare: name a sweep (@last is the newest), or give --table")
    else:
        found = _compared(given, config, test, rope, models, part, store)
    if plot is not None:
        _draw(found, plot)
    if as_json:
        print_json(found.to_dict())
        return
    _print(found)


def _compared(
    given: list[str], config: Path | None, test: str, rope: float | None, models: bool, part: str, store: str | None
) -> Any:
    first, *rest = given
    numbers = [int(word) for word in rest if word.isdecimal()]
    results = results_of(first, store)
    if config is not None:
        _refuse_beside(rest, "--config is compared with the winner", None, models)
        return _against_config(results, config, test, rope)
    if models:
        if len(numbers) != 2 or len(rest) != 2:
            raise UsageError("--models compares two fitted models: name a sweep and two trials of it")
        return results.compare_models(numbers[0], numbers[1], _part(part))
    if not rest:
        return results.compare_all()
    if len(numbers) == len(rest):
        if len(numbers) > 2:
            raise UsageError(f"compare: two trials at a time, got {len(numbers)}; all finalists: assay compare {first}")
        pair = (None, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])
        return results.compare(*pair, test=test, rope=rope)
    if numbers:
        raise UsageError(f"compare: trials of one sweep, or several sweeps, got {' '.join(given)}")
    return _sweeps(results, [results_of(name, store) for name in rest], test, rope)


def _sweeps(first: Results, others: list[Results], test: str, rope: float | None) -> Any:
    from ..analysis.comparison import compare as compare_two
    from ..analysis.method_comparison import compare_over_sweeps

    if len(others) == 1:
        return compare_two(first, None, others[0], None, test, rope)
    return compare_over_sweeps([first, *others])


def _against_config(results: Results, file: Path, test: str, rope: float | None) -> Comparison:
    from ..analysis.comparison import finalist_of

    wanted = results.sweep.parameters.complete(config_in(file, results.sweep))
    return results.compare(None, finalist_of(results, wanted), test=test, rope=rope)


def _table(file: Path, goal: str) -> MethodComparison:
    from ..analysis.method_comparison import compare_methods, read_scores

    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--table: {file} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    scores, tasks = read_scores(text, str(file))
    return compare_methods(scores, tasks, goal)


def _draw(found: Any, file: Path) -> None:
    from ..analysis.method_comparison import MethodComparison
    from ..analysis.plots import plot_critical_difference, save

    if not isinstance(found, MethodComparison):
        raise UsageError("--plot draws methods over data sets: give --table, or three sweeps and more")
    ranks = dict(zip(found.methods, map(float, found.ranks), strict=True))
    note(f"figure: {save(plot_critical_difference(ranks, found.critical_difference), file)}")


def _part(part: str) -> Any:
    if part not in ("validation", "test"):
        raise UsageError(f"--part: expected validation or test, got {part!r}")
    return part


def _refuse_beside(words: list[str], why: str, config: Path | None, models: bool) -> None:
    beside = [*words, *(["--config"] if config else []), *(["--models"] if models else [])]
    if beside:
        raise UsageError(f"compare: {why}: leave out {' '.join(beside)}")


def _print(found: Comparison | ModelComparison | MethodComparison | Pairwise) -> None:
    from ..analysis import comparison_tables as tables
    from ..analysis.comparison import Comparison
    from ..analysis.method_comparison import MethodComparison
    from ..analysis.model_comparison import ModelComparison

    if isinstance(found, Comparison):
        table, lines = tables.comparison(found)
    elif isinstance(found, ModelComparison):
        table, lines = tables.models(found)
    elif isinstance(found, MethodComparison):
        table, lines = tables.methods(found)
    else:
        table, lines = tables.pairwise(found)
    print_table(table)
    print("\n".join(lines))


def power(
    name: Annotated[
        str | None,
        typer.Argument(help="A replicated sweep, for the noise of its finalists.", show_default=False),
    ] = None,
    gap: Annotated[
        float | None, typer.Option("--gap", help="Difference of the metric that should be found.", show_default=False)
    ] = None,
    sd: Annotated[
        float | None,
        typer.Option("--sd", help="Standard deviation of paired differences; of the sweep's.", show_default=False),
    ] = None,
    rivals: Annotated[
        int | None, typer.Option("--rivals", min=1, help="Configs beside the best.", show_default=False)
    ] = None,
    alpha: Annotated[float | None, typer.Option("--alpha", help="Level of the test.", show_default=False)] = None,
    chance: Annotated[float, typer.Option("--power", help="Chance to find the difference.")] = 0.8,
    overlap: Annotated[
        float | None,
        typer.Option("--overlap", help="Validation rows per training row, of one data set.", show_default=False),
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """How many replicates a difference takes, or which difference a number of replicates finds."""
    from ..analysis.planning import plan_power

    results = results_of(name, store) if name is not None else None
    plan = plan_power(results, gap=gap, sd=sd, rivals=rivals, alpha=alpha, power=chance, overlap=overlap)
    if as_json:
        print_json(plan.to_dict())
        return
    from ..analysis.comparison_tables import power_table

    print_table(power_table(plan))
    print(plan.headline)
    for text in plan.notes:
        note(f"note: {text}")

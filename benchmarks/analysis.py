"""What it costs to look at what was tried.

    python benchmarks/analysis.py greedy
        Greedy ensemble selection of 50 members out of 2,000 models on 10,000 examples of 10 classes, from
        half-precision files, beside the usual way: the loss of scikit-learn for every candidate at every step. That
        takes ten minutes of CPU time and more: unless ``--full`` is given, a sample of its candidates is timed and
        scaled up. The order of the members is compared with that of a plain loop over all candidates.

    python benchmarks/analysis.py report
        The HTML report of 2,000 trials: bytes, seconds to write it, and, where there are node and Chromium and
        ``make setup`` has run, seconds until a browser has drawn everything.

    python benchmarks/analysis.py leaderboard
        The leaderboard of 100,000 recorded trials with five replicates of each finalist, beside reading all of them;
        and the commands that show it, with their start.

Every part prints its numbers and the target, and ends with 1 when the target is missed. CPU time of one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

Json = dict[str, Any]
FASTER = 100
"""Target of ``greedy``: times less CPU time than with the loss of scikit-learn in a loop."""


def greedy(arguments: argparse.Namespace) -> tuple[Json, bool]:
    """Greedy selection: CPU seconds, and whether it is fast enough with the same members."""
    import numpy as np

    from assay.analysis import get_scorer
    from assay.analysis.ensembles import Library, greedy_path

    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        values, targets = _library(Path(folder), arguments.models, arguments.examples, arguments.classes)
        start = time.process_time()
        library = Library(range(len(values)), values, targets)
        gathered = library.true
        opened = time.process_time() - start
        path = greedy_path(library, get_scorer("log_loss"), arguments.steps, all_models=True)
        ours = time.process_time() - start
        start = time.process_time()
        order = _plain_order(np.asarray(gathered, np.float64), arguments.steps)
        plain = time.process_time() - start
        usual, timed = _usual_way(values, targets, path.order, arguments)
    same = list(path.order) == order
    print(f"{arguments.models:,} models, {arguments.examples:,} examples, {arguments.classes} classes")
    print(f"assay                      {ours:8.2f} CPU s for {arguments.steps} steps ({opened:.2f} of them reading)")
    print(f"plain loop, true class only {plain:7.2f} CPU s; same members in the same order: {same}")
    how = "measured in full" if timed == arguments.models * arguments.steps else f"scaled up from {timed:,} losses"
    print(f"scikit-learn in a loop     {usual:8.2f} CPU s, {how}: {usual / ours:.0f} times (target {FASTER})")
    facts = {"cpu_seconds": ours, "plain_seconds": plain, "sklearn_seconds": usual, "sklearn_losses_timed": timed}
    return facts | {"times": usual / ours, "same_order": same}, same and usual / ours >= FASTER


def _library(folder: Path, models: int, examples: int, classes: int) -> tuple[list[Any], Any]:
    """Probabilities of models of different skill that share a part of their errors, as memory maps."""
    import numpy as np

    rng = np.random.default_rng(0)
    targets = rng.integers(0, classes, examples)
    shared = rng.normal(size=(examples, classes))
    values = np.lib.format.open_memmap(
        folder / "values.npy", mode="w+", dtype=np.float16, shape=(models, examples, classes)
    )
    for model in range(models):
        logits = 0.7 * shared + rng.normal(size=(examples, classes))
        logits[np.arange(examples), targets] += rng.uniform(0.5, 2.5)
        powers = np.exp(logits)
        values[model] = powers / powers.sum(axis=1, keepdims=True)
    values.flush()
    return [values[model] for model in range(models)], targets


def _plain_order(true: Any, steps: int) -> list[int]:
    """Every candidate at every step, from the probabilities of the true class in double precision, (models, n)."""
    import numpy as np

    total = np.zeros(true.shape[1])
    order = []
    for step in range(1, steps + 1):
        losses = [-np.log(np.maximum((total + row) / step, 1e-12)).mean() for row in true]
        order.append(int(np.argmin(losses)))
        total += true[order[-1]]
    return order


def _usual_way(values: list[Any], targets: Any, order: tuple[int, ...], arguments: Any) -> tuple[float, int]:
    """CPU seconds of scikit-learn's loss for each candidate at each step, and how many losses were timed.

    A loss costs the same at every step and for every candidate, so that a sample can be scaled up.
    """
    import numpy as np
    from sklearn.metrics import log_loss

    steps = arguments.steps if arguments.full else min(3, arguments.steps)
    few = range(arguments.models) if arguments.full else range(min(arguments.sample, arguments.models))
    labels = np.arange(arguments.classes)
    total = np.zeros(values[0].shape)
    spent = 0.0
    for step in range(1, steps + 1):
        start = time.process_time()
        for model in few:
            mixed = (total + values[model]) / step
            log_loss(targets, mixed / mixed.sum(axis=1, keepdims=True), labels=labels)
        spent += time.process_time() - start
        total += values[order[step - 1]]
    timed = steps * len(few)
    return spent * arguments.models * arguments.steps / timed, timed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    _add_greedy(parts)
    _add_report(parts)
    _add_leaderboard(parts)
    arguments = parser.parse_args()
    run: Callable[[argparse.Namespace], tuple[Json, bool]] = arguments.run
    facts, good = run(arguments)
    if arguments.output:
        arguments.output.write_text(json.dumps(facts, indent=2) + "\n")
    if not good:
        print("the target is missed")
    return 0 if good else 1


def _add_greedy(parts: Any) -> None:
    one = parts.add_parser("greedy", help="greedy ensemble selection")
    one.add_argument("--models", type=int, default=2_000)
    one.add_argument("--examples", type=int, default=10_000)
    one.add_argument("--classes", type=int, default=10)
    one.add_argument("--steps", type=int, default=50)
    one.add_argument("--sample", type=int, default=100, help="candidates timed in each of three steps (default 100)")
    one.add_argument("--full", action="store_true", help="time scikit-learn for all candidates and steps")
    one.add_argument("--folder", help="where the predictions are written (400 MB by default)")
    one.add_argument("--output", type=Path, help="JSON file to write")
    one.set_defaults(run=greedy)


def _add_report(parts: Any) -> None:
    from report_page import report  # beside this file

    one = parts.add_parser("report", help="the HTML report of a large search")
    one.add_argument("--trials", type=int, default=2_000)
    one.add_argument("--output", type=Path, help="JSON file to write")
    one.set_defaults(run=report)


def _add_leaderboard(parts: Any) -> None:
    from large_search import leaderboard  # beside this file

    one = parts.add_parser("leaderboard", help="the leaderboard of a very large search")
    one.add_argument("--trials", type=int, default=100_000)
    one.add_argument("--folder", help="where the store is made (75 MB by default)")
    one.add_argument("--output", type=Path, help="JSON file to write")
    one.set_defaults(run=leaderboard)


if __name__ == "__main__":
    sys.exit(main())

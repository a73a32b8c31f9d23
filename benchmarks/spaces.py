"""What it costs to draw configs of a conditional space, beside Optuna's RandomSampler and ConfigSpace.

The space has 20 parameters, 10 of them conditional: three optimisers with their own parameters, two schedules,
augmentation. 100,000 configs (Optuna: as many as ``--optuna``, and scaled up) are drawn by each library in a process of
its own, in turns; CPU time, the least of the rounds. ``drawn`` is until there is a list of configs; ``read`` is with
every value read once, which is what a search does: ConfigSpace and Assay both put off some work until then, Optuna
does not.

    python benchmarks/spaces.py --output spaces.json
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

PARAMETERS: dict[str, Any] = {
    "optimizer": ["adam", "sgd", "rmsprop"],
    "schedule": ["cosine", "step", "none"],
    "augment": [True, False],
    "norm": ["none", "batch", "layer"],
    "batch": [32, 64, 128, 256],
    "lr": "loguniform(1e-5, 1e-1)",
    "weight_decay": "loguniform(1e-6, 1e-1)",
    "dropout": "uniform(0.0, 0.6)",
    "layers": "int(1, 8)",
    "hidden": "logint(16, 1024)",
    "momentum": {"min": 0.0, "max": 0.99, "when": {"optimizer": "sgd"}},
    "nesterov": {"values": [True, False], "when": {"optimizer": "sgd"}},
    "beta1": {"min": 0.8, "max": 0.99, "when": {"optimizer": "adam"}},
    "beta2": {"min": 0.9, "max": 0.9999, "when": {"optimizer": "adam"}},
    "alpha": {"min": 0.8, "max": 0.999, "when": {"optimizer": "rmsprop"}},
    "step_size": {"min": 1, "max": 30, "when": {"schedule": "step"}},
    "gamma": {"min": 0.1, "max": 0.9, "when": {"schedule": "step"}},
    "warmup": {"min": 0, "max": 10, "when": {"schedule": ["cosine", "step"]}},
    "strength": {"min": 0.0, "max": 1.0, "when": {"augment": True}},
    "mixup": {"min": 0.0, "max": 0.4, "when": {"augment": True}},
}
LIBRARIES = ("assay", "configspace", "optuna")
Json = dict[str, Any]


def with_assay(count: int) -> Json:
    import numpy as np

    from assay.spaces import Space

    space = Space(PARAMETERS)
    start = time.process_time()
    configs = space.sample_many(np.random.default_rng(0), count)
    drawn = time.process_time() - start
    values = sum(len(dict(config)) for config in configs)
    return {"drawn": drawn, "read": time.process_time() - start, "values": values / count}


def with_configspace(count: int) -> Json:
    import ConfigSpace as cs

    from assay.spaces import Categorical, Integer, Space

    made: dict[str, Any] = {}
    space = Space(PARAMETERS)
    for name, one in space.items():
        if isinstance(one, Categorical):
            made[name] = cs.CategoricalHyperparameter(name, list(one.values))
        else:  # its log integers are rounded a little differently
            kind = cs.UniformIntegerHyperparameter if isinstance(one, Integer) else cs.UniformFloatHyperparameter
            made[name] = kind(name, one.min, one.max, log=one.log)
    target = cs.ConfigurationSpace(seed=0)
    target.add(*made.values())
    conditions = [(name, parent, values) for name in space for parent, values in (space.switches(name) or {}).items()]
    target.add(*(cs.InCondition(made[name], made[parent], list(values)) for name, parent, values in conditions))
    start = time.process_time()
    configs = target.sample_configuration(count)
    drawn = time.process_time() - start
    values = sum(len(dict(config)) for config in configs)
    return {"drawn": drawn, "read": time.process_time() - start, "values": values / count}


def with_optuna(count: int) -> Json:
    import optuna

    from assay.spaces import Space
    from assay.spaces.to_optuna import suggest_config

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = Space(PARAMETERS)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    start = time.process_time()
    values = 0
    for _ in range(count):
        trial = study.ask()
        values += len(suggest_config(space, trial))
        study.tell(trial, 0.0)
    spent = time.process_time() - start
    return {"drawn": spent, "read": spent, "values": values / count}


RUNS = {"assay": with_assay, "configspace": with_configspace, "optuna": with_optuna}


def measured(library: str, count: int) -> Json:
    """One library in a process of its own."""
    command = [sys.executable, __file__, "--one", library, "--count", str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: Json = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, help="configs (default 100,000)")
    parser.add_argument("--optuna", type=int, default=2_000, help="configs drawn by Optuna (default 2,000)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each library (default 5)")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--one", choices=LIBRARIES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        warnings.simplefilter("ignore")
        print(json.dumps(RUNS[arguments.one](arguments.count)))
        return 0
    counts = dict.fromkeys(LIBRARIES, arguments.count) | {"optuna": arguments.optuna}
    rounds = [{name: measured(name, counts[name]) for name in LIBRARIES} for _ in range(arguments.rounds)]
    result: Json = {"count": arguments.count}
    print(f"CPU seconds for {arguments.count:,} configs, the least of {arguments.rounds} rounds")
    for name in LIBRARIES:
        scale = arguments.count / counts[name]
        least = {what: min(one[name][what] for one in rounds) * scale for what in ("drawn", "read")}
        result[name] = least | {"values": rounds[0][name]["values"]}
        ratios = {what: least[what] / result["assay"][what] for what in least}
        print(
            f"{name:12} drawn {least['drawn']:8.2f} ({ratios['drawn']:6.1f} x)   read {least['read']:8.2f} "
            f"({ratios['read']:6.1f} x)   {result[name]['values']:.2f} values a config"
        )
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    slower = [n for n in LIBRARIES[1:] for what in ("drawn", "read") if result[n][what] <= result["assay"][what]]
    if slower:
        print(f"not faster than {', '.join(dict.fromkeys(slower))}")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())

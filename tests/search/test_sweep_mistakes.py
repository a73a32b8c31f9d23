"""Every kind of mistake in a sweep file, and the exact text that answers it."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.search import read_sweep
from assay.spaces import SweepError

from .conftest import BASE, replaced

SCHEDULERS = "'none', 'asha', 'promotion_asha', 'hyperband', 'bohb', 'median', 'pbt' or 'pb2'"
RUN = "fidelity: {max: 9}\n"
MISTAKES: list[tuple[str, str, list[str]]] = [
    ("unknown section", BASE + "serach: tpe\n", ["9:1: serach: unknown key 'serach' (did you mean 'searcher'?)"]),
    ("synonym section", BASE + "sampler: tpe\n", ["9:1: sampler: unknown key 'sampler' (did you mean 'searcher'?)"]),
    (
        "unknown far",
        BASE + "zzz: 1\n",
        [
            (
                "9:1: zzz: unknown key 'zzz': use 'name', 'description', 'seed', 'trainable', 'objectives', "
                "'parameters', 'searcher', 'scheduler', 'fidelity', 'budget', 'resources', 'cluster', "
                "'checkpoints', 'engine' or 'leaderboard'"
            )
        ],
    ),
    (
        "unknown objective key",
        replaced("goal: maximize}", "goal: maximize, scorrer: f1}"),
        ["4:40: objectives.0.scorrer: unknown key 'scorrer' (did you mean 'scorer'?)"],
    ),
    (
        "unknown parameter key",
        replaced("loguniform(1e-5, 1e-1)", "{low: 1, max: 2}"),
        ["6:8: parameters.lr.low: unknown key 'low' (did you mean 'min'?)"],
    ),
    (
        "unknown budget key",
        replaced("{trials: 20}", "{n_trials: 20}"),
        ["8:10: budget.n_trials: unknown key 'n_trials' (did you mean 'trials'?)"],
    ),
    (
        "unknown searcher key",
        BASE + "searcher: {type: tpe, startups: 3}\n",
        ["9:23: searcher.startups: unknown key 'startups' (did you mean 'startup'?)"],
    ),
    (
        "unknown scheduler key",
        BASE + "fidelity: {max: 9}\nscheduler:\n  type: asha\n  reduction_factor: 3\n",
        ["12:3: scheduler.reduction_factor: unknown key 'reduction_factor' (did you mean 'eta'?)"],
    ),
    (
        "unknown fidelity key",
        BASE + "fidelity: {maxx: 9}\n",
        ["9:1: fidelity.max: missing: A full run", "9:12: fidelity.maxx: unknown key 'maxx' (did you mean 'max'?)"],
    ),
    (
        "unknown resources key",
        BASE + "resources: {gpus: 1}\n",
        ["9:13: resources.gpus: unknown key 'gpus' (did you mean 'gpu'?)"],
    ),
    (
        "unknown leaderboard key",
        BASE + "leaderboard: {replicates: 3}\n",
        ["9:15: leaderboard.replicates: unknown key 'replicates' (did you mean 'seeds'?)"],
    ),
    (
        "unknown searcher",
        BASE + "searcher: tpee\n",
        ["9:1: searcher.type: there is no searcher 'tpee' (did you mean 'tpe'?): use 'random' or 'tpe'"],
    ),
    (
        "unknown searcher type",
        BASE + "searcher: {type: bayes}\n",
        ["9:12: searcher.type: there is no searcher 'bayes': use 'random' or 'tpe'"],
    ),
    (
        "unknown scheduler",
        BASE + "scheduler: ahsa\n",
        [
            "9:1: scheduler.type: there is no scheduler 'ahsa' (did you mean 'asha'?): use 'none', 'asha', 'promotion_asha', 'hyperband', 'bohb', 'median', 'pbt' or 'pb2'"  # noqa: E501
        ],
    ),
    (
        "searcher list",
        BASE + "searcher: [tpe]\n",
        ["9:1: searcher: expected 'random' or 'tpe', or a mapping with `type`, got ['tpe']"],
    ),
    (
        "missing sections",
        "trainable: train.py:train\n",
        [
            ("1:1: name: missing: Names the sweep in the store: lower-case letters, digits, dot, dash and underscore"),
            "1:1: objectives: missing: What to optimise",
            "1:1: parameters: missing: The search space",
            "1:1: budget: missing: How long the search goes on",
        ],
    ),
    ("missing goal", replaced(", goal: maximize", ""), ["4:5: objectives.0.goal: missing: Which direction is better"]),
    ("missing max", BASE + "fidelity: {unit: epoch}\n", ["9:1: fidelity.max: missing: A full run"]),
    ("name number", replaced("name: hello", "name: 12"), ["1:1: name: expected text, got 12: put it in quotes"]),
    (
        "name upper",
        replaced("name: hello", "name: My Sweep"),
        ["1:1: name: 'My Sweep' is not a name: use a-z, 0-9, dot, dash and underscore, e.g. 'my-sweep'"],
    ),
    (
        "objectives mapping",
        replaced("\n  - {metric: accuracy, goal: maximize}", " {metric: accuracy, goal: maximize}"),
        ["3:1: objectives: expected a list, got {'metric': 'accuracy', 'goal': 'maximize'}"],
    ),
    (
        "objectives words",
        replaced("{metric: accuracy, goal: maximize}", "accuracy"),
        ["4:5: objectives.0: expected a mapping with metric, goal, target, scorer, got 'accuracy'"],
    ),
    (
        "no objectives",
        replaced("\n  - {metric: accuracy, goal: maximize}", " []"),
        ["3:1: objectives: expected at least one entry, got []"],
    ),
    (
        "parameters list",
        replaced("\n  lr: loguniform(1e-5, 1e-1)\n  optimizer: [adam, sgd]", " [lr]"),
        ["5:1: parameters: expected parameters such as {lr: loguniform(1e-5, 1e-1)}, got ['lr']"],
    ),
    (
        "no parameters",
        replaced("\n  lr: loguniform(1e-5, 1e-1)\n  optimizer: [adam, sgd]", " {}"),
        ["5:1: parameters: no parameters: nothing to search"],
    ),
    (
        "trials text",
        replaced("trials: 20", "trials: twenty"),
        ["8:10: budget.trials: expected a whole number, got 'twenty'"],
    ),
    (
        "trials zero",
        replaced("trials: 20", "trials: 0"),
        ["8:10: budget.trials: input should be greater than or equal to 1, got 0"],
    ),
    ("trials float", replaced("trials: 20", "trials: 1.5"), ["8:10: budget.trials: expected a whole number, got 1.5"]),
    ("seed negative", BASE + "seed: -1\n", ["9:1: seed: input should be greater than or equal to 0, got -1"]),
    (
        "cpu",
        BASE + "resources: {cpu: 0, gpu: .inf}\n",
        [
            "9:13: resources.cpu: input should be greater than 0, got 0",
            "9:21: resources.gpu: input should be a finite number, got inf",
        ],
    ),
    (
        "budget number",
        replaced("{trials: 20}", "20"),
        [
            "8:1: budget: expected a mapping with trials, time, cpu_hours, gpu_hours, cost_usd, patience, concurrent, got 20"  # noqa: E501
        ],
    ),
    (
        "budget empty",
        replaced("{trials: 20}", "{}"),
        ["8:1: budget: the search needs an end: write {trials: 20} or {time: 10m}"],
    ),
    (
        "goal max",
        replaced("goal: maximize", "goal: max"),
        ["4:24: objectives.0.goal: expected 'maximize' or 'minimize', got 'max' (did you mean 'maximize'?)"],
    ),
    ("duplicate section", BASE + "name: again\n", ["9:1: name: 'name' is given twice (first in line 1): keep one"]),
    (
        "duplicate parameter",
        replaced("  optimizer: [adam, sgd]\n", "  lr: 0.1\n"),
        ["7:3: parameters.lr: 'lr' is given twice (first in line 6): keep one"],
    ),
    (
        "zero one",
        replaced("optimizer: [adam, sgd]", "dropout: {min: 0, max: 1}"),
        [("7:3: parameters.dropout: min: 0, max: 1 is ambiguous: write 0.0 and 1.0, or add type: int / type: float")],
    ),
    (
        "one bound",
        replaced("loguniform(1e-5, 1e-1)", "loguniform(1e-5)"),
        ["6:3: parameters.lr: loguniform(1e-5) needs two bounds, got 1: write loguniform(min, max)"],
    ),
    (
        "when name",
        replaced("loguniform(1e-5, 1e-1)", "{min: 1, max: 9, when: {optimiser: sgd}}"),
        ["6:31: parameters.lr.when.optimiser: unknown parameter 'optimiser' (did you mean 'optimizer'?)"],
    ),
    (
        "when value",
        replaced("loguniform(1e-5, 1e-1)", "{min: 1, max: 9, when: {optimizer: rmsprop}}"),
        [
            (
                "6:31: parameters.lr.when.optimizer: optimizer can never be 'rmsprop': 'rmsprop' is not one of: "
                '"adam", "sgd"'
            )
        ],
    ),
    (
        "when expression",
        replaced("loguniform(1e-5, 1e-1)", "{min: 1, max: 9, when: optimizer == 'sgd'}"),
        [
            (
                "6:24: parameters.lr.when: \"optimizer == 'sgd'\" is an expression; write a mapping from a parameter "
                "to the values that activate this one, e.g. {optimizer: sgd} or {optimizer: [sgd, rmsprop]}"
            )
        ],
    ),
    (
        "when continuous",
        replaced("[adam, sgd]", "{values: [1], when: {lr: 0.1}}"),
        [
            (
                "7:35: parameters.optimizer.when.lr: lr is continuous and almost never equal to one value: give it "
                "a step, or make it a list of choices"
            )
        ],
    ),
    (
        "duration",
        replaced("trials: 20", "time: 10 minutes"),
        ["8:10: budget.time: '10 minutes' is not a duration: write 90s, 10m, 2h or 1h30m"],
    ),
    (
        "duration number",
        replaced("trials: 20", "time: 90"),
        ["8:10: budget.time: 90 is not a duration: write 90s, 10m, 2h or 1h30m"],
    ),
    ("duration zero", replaced("trials: 20", "time: 0s"), ["8:10: budget.time: a duration must be above 0"]),
    (
        "rank few",
        BASE + "leaderboard: {top: 8, seeds: 5, test: wilcoxon}\n",
        [
            (
                "9:33: leaderboard.test: wilcoxon is not offered: a rank test of 8 rivals on 5 seeds cannot get "
                "below p = 0.25, so it could never decide (it needs 8 seeds); write test: paired_t"
            )
        ],
    ),
    (
        "rank enough",
        BASE + "leaderboard: {seeds: 10, test: sign}\n",
        ["9:26: leaderboard.test: sign is not offered: write test: paired_t"],
    ),
    (
        "rank nonsense",
        BASE + "leaderboard: {seeds: many, test: signflip}\n",
        ["9:28: leaderboard.test: signflip is not offered: write test: paired_t"],
    ),
    ("test unknown", BASE + "leaderboard: {test: t}\n", ["9:15: leaderboard.test: expected 'paired_t', got 't'"]),
    (
        "asha without fidelity",
        BASE + "scheduler: asha\n",
        ["9:1: scheduler: asha needs the length of a run: add `fidelity: {unit: epoch, min: 1, max: 27}`"],
    ),
    (
        "grace",
        BASE + "fidelity: {max: 9}\nscheduler: {type: asha, grace: 10}\n",
        ["10:25: scheduler.grace: grace 10 is above the fidelity's max 9"],
    ),
    (
        "eta",
        BASE + "fidelity: {max: 9}\nscheduler: {type: asha, eta: 1}\n",
        ["10:25: scheduler.eta: input should be greater than or equal to 1.1, got 1"],
    ),
    ("fidelity min max", BASE + "fidelity: {min: 5, max: 3}\n", ["9:1: fidelity: min 5 must not be above max 3"]),
    (
        "later",
        BASE + "command: python train.py\nconstraints: []\narchitecture: {}\ntracking: {}\nexport: {}\n",
        [
            "9:1: command: section 'command' is not supported in this version: remove it",
            "10:1: constraints: section 'constraints' is not supported in this version: remove it",
            "11:1: architecture: section 'architecture' is not supported in this version: remove it",
            "12:1: tracking: section 'tracking' is not supported in this version: remove it",
            "13:1: export: section 'export' is not supported in this version: remove it",
        ],
    ),
    (
        "checkpoints",
        BASE + "checkpoints: {every: -4}\n",
        ["9:15: checkpoints.every: input should be greater than or equal to 0, got -4"],
    ),
    (
        "prior",
        replaced("loguniform(1e-5, 1e-1)", "{min: 0.1, max: 9.0, prior: {center: 1}}"),
        ["6:28: parameters.lr.prior: prior is not supported in this version: remove it"],
    ),
    (
        "several",
        replaced("goal: maximize}", "goal: maximize}\n  - {metric: size, goal: minimize}"),
        ["3:1: objectives: one objective is supported in this version, got 2: keep the one to optimise"],
    ),
    (
        "scorer unknown",
        replaced("goal: maximize}", "goal: maximize, scorer: acuracy}"),
        [
            (
                "4:40: objectives.0.scorer: there is no scorer 'acuracy' (did you mean 'accuracy'?): use "
                "'accuracy', 'balanced_accuracy', 'error', 'f1_macro', 'log_loss', 'roc_auc', 'mae', 'mse', 'r2' "
                "or 'rmse'"
            )
        ],
    ),
    (
        "scorer direction",
        replaced("goal: maximize}", "goal: maximize, scorer: log_loss}"),
        ["4:40: objectives.0.scorer: log_loss is to minimize, but goal is maximize"],
    ),
    ("empty", "", [" the file is empty: a sweep needs name, trainable, objectives, parameters, budget"]),
    ("comments", "# nothing\n", [" the file is empty: a sweep needs name, trainable, objectives, parameters, budget"]),
    ("list", "- name: x\n", ["1:1: expected a mapping with name, trainable, objectives, ..., got [{'name': 'x'}]"]),
    ("text", "hello\n", ["1:1: expected a mapping with name, trainable, objectives, ..., got 'hello'"]),
    (
        "tab",
        replaced("  lr:", "\tlr:"),
        [("6:1: not YAML: found character '\\t' that cannot start any token (while scanning for the next token)")],
    ),
    (
        "bracket",
        BASE + "searcher: [tpe\n",
        ["10:1: not YAML: expected ',' or ']', but got '<stream end>' (while parsing a flow sequence)"],
    ),
    (
        "colon",
        replaced("trainable: train.py:train", "trainable: train.py: train"),
        ["2:20: not YAML: mapping values are not allowed here"],
    ),
    (
        "merge",
        BASE + "base: &b {cpu: 1}\nresources:\n  <<: *b\n",
        ["11:3: not YAML: merge keys (<<) are not part of YAML 1.2: write the keys out"],
    ),
    ("number key", BASE + "7: x\n", ["9:1: 7: a key must be text, got 7"]),
    (
        "two documents",
        f"{BASE}---\n{BASE}",
        ["9:1: not YAML: but found another document (expected a single document in the stream)"],
    ),
    ("nul", BASE + "\0", [" not YAML: character 177 is 0x00, which no text has"]),
]


BUDGET: list[tuple[str, list[str]]] = [
    (
        "{cpu_hours: -1.5, gpu_hours: many, cost_usd: 0, patience: 2.5}",
        [
            "8:10: budget.cpu_hours: input should be greater than 0, got -1.5",
            "8:27: budget.gpu_hours: expected a number, got 'many'",
            "8:44: budget.cost_usd: input should be greater than 0, got 0",
            "8:57: budget.patience: expected a whole number, got 2.5",
        ],
    ),
    (
        "{gpu_hours: 4}",
        ["8:10: budget.gpu_hours: gpu_hours, but trials have no GPU: add `resources: {gpu: 1}`, or write cpu_hours"],
    ),
    (
        "{trials: 9, cost_usd: 4}",
        ["8:21: budget.cost_usd: cost_usd needs the price of a worker: add `resources: {usd_per_hour: 2.5}`"],
    ),
    ("{concurrent: 4}", ["8:1: budget: the search needs an end: write {trials: 20} or {time: 10m}"]),
    ("{patience: 0}", ["8:10: budget.patience: input should be greater than or equal to 1, got 0"]),
    ("{cpu_hour: 3}", ["8:10: budget.cpu_hour: unknown key 'cpu_hour' (did you mean 'cpu_hours'?)"]),
]
TARGET: list[tuple[str, list[str]]] = [
    ("good", ["4:40: objectives.0.target: expected a number, got 'good'"]),
    (".nan", ["4:40: objectives.0.target: input should be a finite number, got nan"]),
    ("[0.9]", ["4:40: objectives.0.target: expected a number, got [0.9]"]),
]
SECTIONS: list[tuple[str, list[str]]] = [
    (
        "resources: {gpu: 1.5, memory: lots, usd_per_hour: -2}",
        [
            "9:23: resources.memory: 'lots' is not an amount of memory: write 500MB or 12GiB",
            "9:37: resources.usd_per_hour: input should be greater than 0, got -2",
        ],
    ),
    ("resources: {gpu: 1.5}", ["9:13: resources.gpu: a trial has whole GPUs or a part of one, got 1.5"]),
    ("resources: {memory: -1}", ["9:13: resources.memory: -1 is not an amount of memory: write 500MB or 12GiB"]),
    ("resources: {memory: 12}", ["9:13: resources.memory: 12 is not an amount of memory: write 500MB or 12GiB"]),
    ("resources: {memory: 12G}", ["9:13: resources.memory: '12G' is not an amount of memory: write 500MB or 12GiB"]),
    (
        "resources: {workers: 2, slots: 2}",
        ["9:25: resources.slots: trials of several workers cannot take turns: give workers or slots"],
    ),
    (
        "resources: {workers: 0, slots: 1.5}",
        [
            "9:13: resources.workers: input should be greater than or equal to 1, got 0",
            "9:25: resources.slots: expected a whole number, got 1.5",
        ],
    ),
    ("resources: {custom: licence}", ["9:13: resources.custom: expected a mapping, got 'licence'"]),
    (
        "resources: {custom: {licence: 0, 7: 1}}",
        [
            "9:22: resources.custom.licence: input should be greater than 0, got 0",
            "9:34: resources.custom.7: expected text, got 7: put it in quotes",
        ],
    ),
    (
        "resources: {custom: {GPU: 1}}",
        ["9:22: resources.custom.GPU: GPU is no resource of your own: write resources: {gpu: ...}"],
    ),
    ("cluster: auto", ["9:1: cluster: expected a mapping with address, storage, retry, timeouts, got 'auto'"]),
    ("cluster: {adress: auto}", ["9:11: cluster.adress: unknown key 'adress' (did you mean 'address'?)"]),
    ("cluster: {address: 6379}", ["9:11: cluster.address: expected text, got 6379: put it in quotes"]),
    ("cluster: {address: ''}", ["9:11: cluster.address: string should have at least 1 character, got ''"]),
    ("cluster: {storage: 3}", ["9:11: cluster.storage: expected text, got 3: put it in quotes"]),
    ("cluster: {retry: 3}", ["9:11: cluster.retry: expected a mapping with trials, lost, max_failed, got 3"]),
    ("cluster: {retry: {max_failed: 1}}", ["9:19: cluster.retry.max_failed: input should be less than 1, got 1"]),
    (
        "cluster: {retry: {trials: -1, lost: 1.5, max_fail: 0.3}}",
        [
            "9:19: cluster.retry.trials: input should be greater than or equal to 0, got -1",
            "9:31: cluster.retry.lost: expected a whole number, got 1.5",
            "9:42: cluster.retry.max_fail: unknown key 'max_fail' (did you mean 'max_failed'?)",
        ],
    ),
    ("cluster: {timeouts: {trial: 0s}}", ["9:22: cluster.timeouts.trial: a duration must be above 0"]),
    (
        "cluster: {timeouts: {report: 5, stop: -1s, start: 1m}}",
        [
            "9:22: cluster.timeouts.report: 5 is not a duration: write 90s, 10m, 2h or 1h30m",
            "9:33: cluster.timeouts.stop: '-1s' is not a duration: write 90s, 10m, 2h or 1h30m",
            "9:44: cluster.timeouts.start: unknown key 'start': use 'trial', 'report' or 'stop'",
        ],
    ),
    ("checkpoints: 3", ["9:1: checkpoints: expected a mapping with every, keep, got 3"]),
    (
        "checkpoints: {every: 1.5, keep: 0}",
        [
            "9:15: checkpoints.every: expected a whole number, got 1.5",
            "9:27: checkpoints.keep: input should be greater than or equal to 1, got 0",
        ],
    ),
    ("engine: ray", ["9:1: engine: expected 'assay' or 'tune', got 'ray'"]),
    ("engine: tunes", ["9:1: engine: expected 'assay' or 'tune', got 'tunes' (did you mean 'tune'?)"]),
]
HALVING: list[tuple[str, list[str]]] = [
    ("hyperbnd", [f"10:1: scheduler.type: there is no scheduler 'hyperbnd' (did you mean 'hyperband'?): use {SCHEDULERS}"]),  # noqa: E501
    ("{type: asha, brackets: 5}", ["10:25: scheduler.brackets: brackets 5: there are only 2 rungs from 1 on: lower it"]),  # noqa: E501
    (
        "{type: hyperband, eta: 1.5, grace: 2}",
        [
            "10:30: scheduler.eta: input should be greater than or equal to 2, got 1.5",
            "10:40: scheduler.grace: unknown key 'grace': use 'type' or 'eta'",
        ],
    ),
    (
        "{type: bohb, eta: 10}",
        ["9:12: fidelity.max: bohb with eta 10 needs a fidelity.max of at least that, got 9"],
    ),
    ("{type: median, samples: 0}", ["10:27: scheduler.samples: input should be greater than or equal to 1, got 0"]),
    ("{type: promotion_asha, grace: 10}", ["10:35: scheduler.grace: grace 10 is above the fidelity's max 9"]),
]  # fmt: skip
POPULATION: list[tuple[str, list[str]]] = [
    (
        "{type: pbt, perturb: [optimiser]}",
        [
            "10:24: scheduler.perturb: pbt cannot perturb 'optimiser': no such parameter (did you mean 'optimizer'?)",
        ],
    ),
    ("{type: pbt, perturb: lr}", ["10:24: scheduler.perturb: expected a list, got 'lr'"]),
    (
        "{type: pbt, perturb: []}",
        ["10:24: scheduler.perturb: pbt has nothing to perturb: name parameters, e.g. perturb: [lr]"],
    ),
    (
        "{type: pb2, perturb: [optimizer]}",
        ["10:24: scheduler.perturb: pb2 changes numbers only, and 'optimizer' is none: take it out, or use pbt"],
    ),
    (
        "{type: pbt, population: 5}",
        ["10:24: scheduler.population: population 5 and budget.trials 20 differ: every trial is a member; give one"],
    ),
    ("{type: pbt, interval: 9}", ["10:24: scheduler.interval: interval 9 must be below the fidelity's max 9"]),
    (
        "{type: pbt, quantile: 0.7, factors: [1]}",
        [
            "10:24: scheduler.quantile: input should be less than or equal to 0.5, got 0.7",
            "10:39: scheduler.factors: expected at least 2 entries, got [1]",
        ],
    ),
    (
        "pbt\ncheckpoints: {every: 0}",
        ["11:15: checkpoints.every: members of pbt go on from each other's checkpoints: leave it above 0"],
    ),
]
MISTAKES += [(text, replaced("{trials: 20}", text), lines) for text, lines in BUDGET]
MISTAKES += [
    (f"target {text}", replaced("goal: maximize", f"goal: maximize, target: {text}"), lines) for text, lines in TARGET
]
MISTAKES += [(text, f"{BASE}{text}\n", lines) for text, lines in SECTIONS]
MISTAKES += [(text, f"{BASE}{RUN}scheduler: {text}\n", lines) for text, lines in HALVING + POPULATION]
MISTAKES += [
    (
        f"{word} without fidelity",
        f"{BASE}scheduler: {word}\n",
        [f"9:1: scheduler: {word} needs the length of a run: add `fidelity: {{unit: epoch, min: 1, max: 27}}`"],
    )
    for word in ("promotion_asha", "hyperband", "bohb", "median", "pbt", "pb2")
]
MISTAKES += [
    (
        "pbt without members",
        replaced("trials: 20", "time: 5m") + RUN + "scheduler: pbt\n",
        ["10:1: scheduler: pbt needs to know its members: add population: 16, or budget.trials"],
    )
]


@pytest.mark.parametrize(("text", "lines"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES])
def test_a_mistake_is_answered_with_its_place_and_cure(
    text: str, lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(text)
    with pytest.raises(SweepError) as caught:
        read_sweep("s.yaml")
    assert [line.removeprefix("s.yaml:") for line in str(caught.value).splitlines()] == lines

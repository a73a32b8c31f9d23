"""Every kind of mistake in a sweep file, and the exact text that answers it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assay.search import registry
from assay.spaces import one_of

from .conftest import BASE, replaced

SEARCHERS = one_of(registry.SEARCHERS)
SCHEDULERS = "'none', 'asha', 'promotion_asha', 'hyperband', 'bohb', 'median', 'pbt' or 'pb2'"
MISTAKES: list[tuple[str, str, list[str]]] = [
    ("unknown section", BASE + "serach: tpe\n", ["9:1: serach: unknown key 'serach' (did you mean 'searcher'?)"]),
    ("synonym section", BASE + "sampler: tpe\n", ["9:1: sampler: unknown key 'sampler' (did you mean 'searcher'?)"]),
    (
        "unknown far",
        BASE + "zzz: 1\n",
        [
            (
                "9:1: zzz: unknown key 'zzz': use 'version', 'name', 'description', 'seed', 'trainable', 'command', "
                "'objectives', 'parameters', 'constraints', 'architecture', 'searcher', 'scheduler', 'fidelity', "
                "'budget', 'resources', 'cluster', 'checkpoints', 'engine', 'leaderboard', 'tracking' or 'export'"
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
        [f"9:1: searcher.type: there is no searcher 'tpee' (did you mean 'tpe'?): use {SEARCHERS}"],
    ),
    (
        "unknown searcher type",
        BASE + "searcher: {type: bayes}\n",
        [f"9:12: searcher.type: there is no searcher 'bayes' (did you mean 'tpe'?): use {SEARCHERS}"],
    ),
    (
        "unknown scheduler",
        BASE + "scheduler: ahsa\n",
        [f"9:1: scheduler.type: there is no scheduler 'ahsa' (did you mean 'asha'?): use {SCHEDULERS}"],
    ),
    (
        "searcher list",
        BASE + "searcher: [tpe]\n",
        [f"9:1: searcher: expected {SEARCHERS}, or a mapping with `type`, got ['tpe']"],
    ),
    (
        "missing sections",
        "trainable: train.py:train\n",
        [
            "1:1: name: missing: Names the sweep in the store, in lower-case letters, digits, dot, dash and underscore",
            "1:1: objectives: missing: What to optimise",
            "1:1: parameters: missing: The search space",
            "1:1: budget: missing: How long the search goes on",
        ],
    ),
    (
        "missing goal",
        replaced(", goal: maximize", ""),
        ["4:5: objectives.0.goal: missing: Which direction is better ('maximize' or 'minimize')"],
    ),
    ("missing max", BASE + "fidelity: {unit: epoch}\n", ["9:1: fidelity.max: missing: A full run"]),
    ("name number", replaced("name: hello", "name: 12"), ["1:1: name: expected text, got 12: put it in quotes"]),
    (
        "name upper",
        replaced("name: hello", "name: My Sweep"),
        ["1:1: name: 'My Sweep' is not a name: use up to 63 of a-z, 0-9, dot, dash and underscore, e.g. 'my-sweep'"],
    ),
    (
        "objectives mapping",
        replaced("\n  - {metric: accuracy, goal: maximize}", " {metric: accuracy, goal: maximize}"),
        [
            (
                "3:1: objectives: expected a list, got {'metric': 'accuracy', 'goal': 'maximize'}: put it in [ ], "
                "or a `-` before it"
            )
        ],
    ),
    (
        "objectives words",
        replaced("{metric: accuracy, goal: maximize}", "accuracy"),
        [
            (
                "4:5: objectives.0: expected a mapping with metric, goal, target, reference, scorer, aggregate, "
                "got 'accuracy'"
            )
        ],
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
        ["8:10: budget.trials: must be 1 or more, got 0"],
    ),
    ("trials float", replaced("trials: 20", "trials: 1.5"), ["8:10: budget.trials: expected a whole number, got 1.5"]),
    ("seed negative", BASE + "seed: -1\n", ["9:1: seed: must be 0 or more, got -1"]),
    (
        "cpu",
        BASE + "resources: {cpu: 0, gpu: .inf}\n",
        [
            "9:13: resources.cpu: must be above 0, got 0",
            "9:21: resources.gpu: must be finite, got inf",
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
        BASE + "leaderboard: {seeds: many, test: sign}\n",
        ["9:28: leaderboard.test: sign is not offered: write test: paired_t"],
    ),
    (
        "test unknown",
        BASE + "leaderboard: {test: t}\n",
        [
            (
                "9:15: leaderboard.test: expected 'auto', 'mcb', 'paired_t', 'sign_flip', 'nadeau_bengio', 'mrmc', "
                "'pooled' or 'bayes_signed_rank', got 't'"
            )
        ],
    ),
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
        ["10:25: scheduler.eta: must be 1.1 or more, got 1"],
    ),
    ("fidelity min max", BASE + "fidelity: {min: 5, max: 3}\n", ["9:1: fidelity: min 5 must not be above max 3"]),
    (
        "checkpoints",
        BASE + "checkpoints: {every: -4}\n",
        ["9:15: checkpoints.every: must be 0 or more, got -4"],
    ),
    (
        "scorer unknown",
        replaced("goal: maximize}", "goal: maximize, scorer: acuracy}"),
        [
            (
                "4:40: objectives.0.scorer: there is no scorer 'acuracy' (did you mean 'accuracy'?): use "
                "'accuracy', 'balanced_accuracy', 'error', 'f1_macro', 'f1_micro', 'hamming_loss', 'log_loss', "
                "'roc_auc', 'subset_accuracy', 'mae', 'mse', 'r2' or 'rmse'"
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
        [
            (
                "6:1: not YAML: found character '\\t' that cannot start any token (while scanning for the next token): "
                "indent with spaces"
            )
        ],
    ),
    (
        "bracket",
        BASE + "searcher: [tpe\n",
        ["10:1: not YAML: expected ',' or ']', but got '<stream end>' (while parsing a flow sequence)"],
    ),
    (
        "colon",
        replaced("trainable: train.py:train", "trainable: train.py: train"),
        ["2:20: not YAML: mapping values are not allowed here: put text with a colon in quotes"],
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


@pytest.mark.parametrize(("text", "lines"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES])
def test_a_mistake_is_answered_with_its_place_and_cure(
    text: str, lines: list[str], mistakes: Callable[[str], list[str]]
) -> None:
    assert mistakes(text) == lines

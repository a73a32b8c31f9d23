"""Mistakes in what a sweep file says about budgets, resources, the cluster, checkpoints and schedulers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import BASE, replaced

SCHEDULERS = "'none', 'asha', 'promotion_asha', 'hyperband', 'bohb', 'median', 'pbt' or 'pb2'"
RUN = "fidelity: {max: 9}\n"
BUDGET: list[tuple[str, list[str]]] = [
    (
        "{cpu_hours: -1.5, gpu_hours: many, cost_usd: 0, patience: 2.5}",
        [
            "8:10: budget.cpu_hours: must be above 0, got -1.5",
            "8:27: budget.gpu_hours: expected a number, got 'many'",
            "8:44: budget.cost_usd: must be above 0, got 0",
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
    ("{patience: 0}", ["8:10: budget.patience: must be 1 or more, got 0"]),
    ("{cpu_hour: 3}", ["8:10: budget.cpu_hour: unknown key 'cpu_hour' (did you mean 'cpu_hours'?)"]),
]
TARGET: list[tuple[str, list[str]]] = [
    ("good", ["4:40: objectives.0.target: expected a number, got 'good'"]),
    (".nan", ["4:40: objectives.0.target: must be finite, got nan"]),
    ("[0.9]", ["4:40: objectives.0.target: expected a number, got [0.9]"]),
]
SECTIONS: list[tuple[str, list[str]]] = [
    (
        "resources: {gpu: 1.5, memory: lots, usd_per_hour: -2}",
        [
            "9:23: resources.memory: 'lots' is not an amount of memory: write 500MB or 12GiB",
            "9:37: resources.usd_per_hour: must be above 0, got -2",
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
            "9:13: resources.workers: must be 1 or more, got 0",
            "9:25: resources.slots: expected a whole number, got 1.5",
        ],
    ),
    ("resources: {custom: licence}", ["9:13: resources.custom: expected a mapping, got 'licence'"]),
    (
        "resources: {custom: {licence: 0, 7: 1}}",
        [
            "9:22: resources.custom.licence: must be above 0, got 0",
            "9:34: resources.custom.7: expected text, got 7: put it in quotes",
        ],
    ),
    (
        "resources: {custom: {GPU: 1}}",
        ["9:22: resources.custom.GPU: GPU is no resource of your own: write resources: {gpu: ...}"],
    ),
    (
        "cluster: auto",
        [
            (
                "9:1: cluster: expected a mapping with address, storage, working_dir, pip, secrets, env, retry, "
                "timeouts, got 'auto'"
            )
        ],
    ),
    ("cluster: {adress: auto}", ["9:11: cluster.adress: unknown key 'adress' (did you mean 'address'?)"]),
    ("cluster: {address: 6379}", ["9:11: cluster.address: expected text, got 6379: put it in quotes"]),
    ("cluster: {address: ''}", ["9:11: cluster.address: expected text, got '': fill it in, or remove it"]),
    ("cluster: {storage: 3}", ["9:11: cluster.storage: expected text, got 3: put it in quotes"]),
    ("cluster: {retry: 3}", ["9:11: cluster.retry: expected a mapping with trials, lost, max_failed, got 3"]),
    ("cluster: {retry: {max_failed: 1}}", ["9:19: cluster.retry.max_failed: must be below 1, got 1"]),
    (
        "cluster: {retry: {trials: -1, lost: 1.5, max_fail: 0.3}}",
        [
            "9:19: cluster.retry.trials: must be 0 or more, got -1",
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
            "9:27: checkpoints.keep: must be 1 or more, got 0",
        ],
    ),
    ("engine: ray", ["9:1: engine: expected 'assay' or 'tune', got 'ray'"]),
    ("engine: tunes", ["9:1: engine: expected 'assay' or 'tune', got 'tunes' (did you mean 'tune'?)"]),
]
HALVING: list[tuple[str, list[str]]] = [
    (
        "hyperbnd",
        [f"10:1: scheduler.type: there is no scheduler 'hyperbnd' (did you mean 'hyperband'?): use {SCHEDULERS}"],
    ),
    (
        "{type: asha, brackets: 5}",
        ["10:25: scheduler.brackets: brackets 5: there are only 2 rungs from 1 on: lower it"],
    ),
    (
        "{type: hyperband, eta: 1.5, grace: 2}",
        [
            "10:30: scheduler.eta: must be 2 or more, got 1.5",
            "10:40: scheduler.grace: unknown key 'grace': use 'type', 'metric' or 'eta'",
        ],
    ),
    (
        "{type: bohb, eta: 10}",
        ["9:12: fidelity.max: bohb with eta 10 needs a fidelity.max of at least that, got 9"],
    ),
    ("{type: median, samples: 0}", ["10:27: scheduler.samples: must be 1 or more, got 0"]),
    ("{type: promotion_asha, grace: 10}", ["10:35: scheduler.grace: grace 10 is above the fidelity's max 9"]),
]
POPULATION: list[tuple[str, list[str]]] = [
    (
        "{type: pbt, perturb: [optimiser]}",
        [
            "10:24: scheduler.perturb: pbt cannot perturb 'optimiser': no such parameter (did you mean 'optimizer'?)",
        ],
    ),
    ("{type: pbt, perturb: lr}", ["10:24: scheduler.perturb: expected a list, got 'lr': write [lr]"]),
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
            "10:24: scheduler.quantile: must be 0.5 or less, got 0.7",
            "10:39: scheduler.factors: expected at least 2 entries, got [1]",
        ],
    ),
    (
        "pbt\ncheckpoints: {every: 0}",
        ["11:15: checkpoints.every: members of pbt go on from each other's checkpoints: leave it above 0"],
    ),
]
MISTAKES: list[tuple[str, str, list[str]]] = [
    *((text, replaced("{trials: 20}", text), lines) for text, lines in BUDGET),
    *(
        (f"target {text}", replaced("goal: maximize", f"goal: maximize, target: {text}"), lines)
        for text, lines in TARGET
    ),
    *((text, f"{BASE}{text}\n", lines) for text, lines in SECTIONS),
    *((text, f"{BASE}{RUN}scheduler: {text}\n", lines) for text, lines in HALVING + POPULATION),
    *(
        (
            f"{word} without fidelity",
            f"{BASE}scheduler: {word}\n",
            [f"9:1: scheduler: {word} needs the length of a run: add `fidelity: {{unit: epoch, min: 1, max: 27}}`"],
        )
        for word in ("promotion_asha", "hyperband", "bohb", "median", "pbt", "pb2")
    ),
    (
        "pbt without members",
        replaced("trials: 20", "time: 5m") + RUN + "scheduler: pbt\n",
        ["10:1: scheduler: pbt needs to know its members: add population: 16, or budget.trials"],
    ),
]


@pytest.mark.parametrize(("text", "lines"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES])
def test_a_mistake_is_answered_with_its_place_and_cure(
    text: str, lines: list[str], mistakes: Callable[[str], list[str]]
) -> None:
    assert mistakes(text) == lines

"""Do the statistics keep what they promise? Simulated worlds with known answers, and recorded tables of real models.

Worlds: equal configs on shared replicates (any test may leave a truly best config out in 5 % of them, no more); configs
that are cross-validated on one small data set; seeds x examples; and the whole pipeline, a search over 100 configs with
200 runs in all: one run each, then the 10 best on 10 fresh seeds.

Tables: the winner of a search over 100 random configs is looked up on seeds that took part in nothing. Reported is what
Assay would report after 5 finalists had fresh seeds; naive is the best score of the search.

    python benchmarks/calibration.py --quick
    python benchmarks/calibration.py --tables TABLES --picture docs/images/winners-curse.png

TABLES is a folder with ``hpobench_nn.npz`` and ``lcdb_accuracy.parquet``. Exit code 1 when a figure is out of its band.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assay.analysis.inference import TESTS, Replicates, choose_test
from assay.analysis.inference.bbc import bbc_cv
from assay.analysis.inference.mcb import mcb
from assay.analysis.inference.pairs import mrmc_test, paired_t_test, pooled_test
from assay.analysis.inference.posterior import believe
from assay.analysis.inference.reported import reported_interval
from assay.analysis.inference.superiority import p_superior
from assay.analysis.inference.top_two import next_replicates
from assay.analysis.replication import sure_level

Floats = NDArray[np.float64]
Rng = np.random.Generator
ALPHA = 0.05
SEED_SD, SHARED_SD = 5e-3, 3e-3
CONFIGS, TOP = 100, 10
ROWS, FEATURES = 300, 4  # of the data set that is cross-validated, and of each group of features
RIDGE = 1.0


@dataclass(frozen=True)
class Figure:
    """What was found, and the band in which it should be."""

    name: str
    found: float
    low: float
    high: float
    worlds: int

    @property
    def good(self) -> bool:
        return self.low <= self.found <= self.high


# Worlds


def equals(rng: Rng, worlds: int, configs: int, seeds: int, spreads: Floats | float = 1.0) -> Floats:
    """Equal configs that share what replicates have in common, shape (worlds, configs, seeds)."""
    shared = rng.normal(size=(worlds, 1, seeds))
    noise: Floats = rng.normal(size=(worlds, configs, seeds)) * np.reshape(spreads, (-1, 1))
    return shared + noise


def landscape(rng: Rng, kind: str) -> Floats:
    """True means of 100 configs."""
    if kind == "spread":
        return rng.normal(0.90, 0.01, CONFIGS)
    if kind == "plateau":  # as a search leaves it: many close to a ceiling
        return 0.92 - rng.gamma(2.0, 0.004, CONFIGS)
    return np.full(CONFIGS, 0.90)


def searched(rng: Rng, truth: Floats, top: int, seeds: int) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Search scores, the finalists, and their scores on fresh seeds."""
    search = truth + rng.normal(0, SEED_SD, len(truth)) + rng.normal(0, SHARED_SD)
    finalists = np.argsort(-search)[:top]
    noise = rng.normal(0, SEED_SD, (top, seeds)) + rng.normal(0, SHARED_SD, seeds)
    return search, finalists, truth[finalists][:, None] + noise


def cross_validated(rng: Rng, groups: int, training: NDArray[np.bool_]) -> Floats:
    """Accuracies of ridge classifiers, one for each group of features, shape (groups, splits).

    Groups tell as much about the classes as each other, so that no classifier is better at any size of training set.

    Args:
        training: which rows each split trains on, shape (splits, rows).
    """
    rows = training.shape[1]
    features = rng.normal(size=(groups, rows, FEATURES))
    classes = np.sign(0.5 * features.sum(axis=(0, 2)) + rng.normal(0, 2.0, rows))
    masks = training.astype(float)
    accuracies = np.empty((groups, len(training)))
    for group, own in enumerate(features):
        products = np.einsum("np,nq->npq", own, own).reshape(rows, -1)
        grams = (masks @ products).reshape(-1, FEATURES, FEATURES) + RIDGE * np.eye(FEATURES)
        weights = np.linalg.solve(grams, (masks @ (own * classes[:, None]))[..., None])[..., 0]
        right = np.sign(weights @ own.T) == classes
        accuracies[group] = (right & ~training).sum(axis=1) / (~training).sum(axis=1)
    return accuracies


def right_or_wrong(
    rng: Rng, groups: int, training: NDArray[np.bool_], validation: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The same classifiers, example by example, shape (groups, splits, rows): 1, 0, NaN where not validated.

    Args:
        training, validation: which rows, shape (splits, rows).
    """
    rows = training.shape[1]
    features = rng.normal(size=(groups, rows, FEATURES))
    classes = np.sign(0.5 * features.sum(axis=(0, 2)) + rng.normal(0, 2.0, rows))
    right = np.full((groups, *training.shape), np.nan)
    for group, own in enumerate(features):
        for split, (learned, judged) in enumerate(zip(training, validation, strict=True)):
            gram = own[learned].T @ own[learned] + RIDGE * np.eye(FEATURES)
            weights = np.linalg.solve(gram, own[learned].T @ classes[learned])
            right[group, split, judged] = np.sign(own[judged] @ weights) == classes[judged]
    return right


def splits_in_three(rng: Rng, splits: int, rows: int = ROWS) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Training (3 of 5) and validation rows (1 of 5) of random splits, each of shape (splits, rows)."""
    places = np.stack([rng.permutation(rows) for _ in range(splits)])
    return places >= 2 * rows // 5, places < rows // 5


def repeated_folds(rng: Rng, repeats: int, folds: int, rows: int = ROWS) -> NDArray[np.bool_]:
    """Training rows of repeated cross-validation, shape (repeats * folds, rows)."""
    parts = np.stack([rng.permutation(rows) % folds for _ in range(repeats)])
    return (parts[:, None] != np.arange(folds)[:, None]).reshape(-1, rows)


def random_splits(rng: Rng, splits: int, rows: int = ROWS) -> NDArray[np.bool_]:
    """Training rows of splits that leave a random tenth out."""
    return np.stack([rng.permutation(rows) >= rows // 10 for _ in range(splits)])


def crossed(rng: Rng, configs: int, seeds: int, examples: int, seed_sd: float) -> NDArray[np.float32]:
    """Whether each example is right, of configs that are equal over seeds and examples."""
    difficulty = rng.normal(size=examples) + rng.normal(0, 0.3, (configs, 1, examples))
    skill = 1.0 + rng.normal(0, seed_sd, (configs, seeds, 1))
    return (skill + difficulty + rng.normal(0, 0.5, (configs, seeds, examples)) > 0).astype(np.float32)


# Checks; ``size`` is 1 for the full number of worlds


def check_sets(rng: Rng, size: float) -> Iterator[Figure]:
    """How often a test of "tied for best" keeps one of ten equals."""
    worlds = round(4000 * size)
    margin = 4 * (0.05 * 0.95 / worlds) ** 0.5
    for seeds in (3, 5, 10, 20):
        made = equals(rng, worlds, 10, seeds)
        yield _kept(f"mcb keeps one of ten equals, {seeds} replicates", "mcb", made, 0.95 - margin, 0.95 + margin)
        yield _kept(f"paired t, Holm, {seeds} replicates", "paired_t", made, 0.955 if size == 1 else 0.945, 1.0)
    for seeds in (5, 10):
        made = equals(rng, round(worlds / 4), 10, seeds)
        yield _kept(f"sign flips, {seeds} replicates", "sign_flip", made, 0.95 - 2 * margin, 0.985)


def check_choice(rng: Rng, size: float) -> Iterator[Figure]:
    """The test that ``auto`` chooses, where noise is equal, where it is not, and where splits overlap."""
    worlds = round(2000 * size)
    least = 0.95 - 4 * (0.05 * 0.95 / worlds) ** 0.5
    for seeds in (3, 5, 10):
        for name, spreads in (("one config noisier", [5.0] + [1.0] * 9), ("half of them", [5.0] * 5 + [1.0] * 5)):
            made = equals(rng, worlds, 10, seeds, np.array(spreads))
            yield _kept(f"auto, {name} (5 times), the noisy one, {seeds} replicates", "", made, least, 1.0)
            yield _kept(f"auto, {name}, a quiet one, {seeds} replicates", "", made[:, ::-1], least, 1.0)
    for seeds in (3, 5, 10, 30):
        made = np.stack([cross_validated(rng, 6, random_splits(rng, seeds)) for _ in range(round(1200 * size))])
        name = f"auto, splits of one data set, {seeds} of them"
        yield _kept(name, "", made, least, 1.0, overlap=1 / 9)
    kept, names = [], set()
    for _ in range(round(1000 * size)):
        right = crossed(rng, 6, 5, 500, 0.1)
        data = Replicates(right.mean(axis=2, dtype=float), examples=right)
        test, _reasons = choose_test(data)
        names.add(test)
        kept.append(bool(TESTS[test](data, ALPHA).tied[0]))
    # Satterthwaite's approximation is a little bold for few seeds.
    yield Figure(
        f"auto, seeds x examples, 5 x 500 ({', '.join(sorted(names))})", _mean(kept), least - 0.02, 1.0, len(kept)
    )


def check_splits(rng: Rng, size: float) -> Iterator[Figure]:
    """Type I error of two equal classifiers, 10 x 10 cross-validation."""
    sets = round(1500 * size)
    plain, corrected = [], []
    for _ in range(sets):
        first, second = cross_validated(rng, 2, repeated_folds(rng, 10, 10))
        plain.append(paired_t_test(first, second).p_value <= ALPHA)
        corrected.append(paired_t_test(first, second, overlap=1 / 9).p_value <= ALPHA)
    margin = 0.01 if size == 1 else 4 * (0.05 * 0.95 / sets) ** 0.5
    yield Figure(
        "plain paired t calls equals different, 10 x 10 folds", _mean(plain), 0.5 if size == 1 else 0.3, 1.0, sets
    )
    yield Figure("Nadeau-Bengio, the same", _mean(corrected), 0.05 - margin, 0.05 + margin, sets)
    for splits in (3, 5, 10, 30):
        wrong, few = [], []
        for _ in range(sets):
            first, second = right_or_wrong(rng, 2, *splits_in_three(rng, splits))
            wrong.append(pooled_test(first, second, overlap=1 / 3).p_value <= ALPHA)
            means = np.nanmean(first, axis=1), np.nanmean(second, axis=1)
            few.append(paired_t_test(*means, overlap=1 / 3).p_value <= ALPHA)
        yield Figure(f"examples pooled over {splits} splits of 3:1:1, the same", _mean(wrong), 0.0, 0.08, sets)
        yield Figure(f"Nadeau-Bengio over {splits} of them", _mean(few), 0.0, 0.08, sets)


def check_examples(rng: Rng, size: float) -> Iterator[Figure]:
    """Type I error of two equal configs scored on the same examples."""
    worlds = round(1000 * size)
    for seeds, sd in ((3, 0.1), (5, 0.1), (5, 0.0), (10, 0.0)):
        wrong, naive = [], []
        for _ in range(worlds):
            first, second = crossed(rng, 2, seeds, 1000, sd)
            wrong.append(mrmc_test(first, second).p_value <= ALPHA)
            naive.append(paired_t_test(first.mean(axis=1), second.mean(axis=1)).p_value <= ALPHA)
        words = f"{seeds} seeds that differ" if sd else f"{seeds} seeds that hardly differ"
        yield Figure(f"seeds x examples, {words}", _mean(wrong), 0.015 if size == 1 else 0.0, 0.08, worlds)
        if not sd:  # seeds alone do not show that other examples would have been answered differently
            yield Figure(f"t over seeds alone, {words}", _mean(naive), 0.08, 1.0, worlds)


def check_pipeline(rng: Rng, size: float) -> Iterator[Figure]:
    """100 configs, 200 runs in all: what is reported of the winner, and who is in the set."""
    worlds = round(4000 * size)
    for kind in ("spread", "plateau", "equal"):
        naive, bias, inside, false, kept = [], [], [], [], []
        for _ in range(worlds):
            truth = landscape(rng, kind)
            search, finalists, scores = searched(rng, truth, TOP, 10)
            best = mcb(Replicates(scores), ALPHA)
            winner = finalists[best.best]
            reported = reported_interval(scores)
            naive.append(search.max() - truth[search.argmax()])
            bias.append(reported.mean - truth[winner])
            inside.append(reported.low <= truth[winner] <= reported.high)
            own = truth[finalists]
            kept.append(bool(best.tied[own.argmax()]))
            others = np.delete(own, best.best)
            false.append(best.tied.sum() == 1 and others.max() >= own[best.best])
        yield Figure(f"{kind}: bias of the best search score", _mean(naive), 5e-3 if size == 1 else 4e-3, 1.0, worlds)
        yield Figure(f"{kind}: bias of the reported score", _mean(bias), -1e-3, 1e-3, worlds)
        yield Figure(f"{kind}: reported interval holds", _mean(inside), 0.93, 0.97 if size == 1 else 0.98, worlds)
        yield Figure(f"{kind}: best finalist is in the set", _mean(kept), 0.94, 1.0, worlds)
        yield Figure(f"{kind}: single winner that is not better", _mean(false), 0.0, 0.05, worlds)


def check_beliefs(rng: Rng, size: float) -> Iterator[Figure]:
    """Empirical Bayes: do credible intervals and chances hold?"""
    worlds = round(400 * size)
    inside, chance, among = [], [], []
    for _ in range(worlds):
        truth = landscape(rng, "spread")
        search, finalists, scores = searched(rng, truth, TOP, 10)
        belief = believe(scores, search, [int(one) for one in finalists])
        errors = belief.means - truth[finalists]
        inside.append(np.mean(np.abs(errors - errors.mean()) <= 1.96 * belief.sds))  # but for the replicates' level
        chance.append(belief.p_best_among_finalists or 0.0)
        among.append(bool(truth.argmax() in finalists))
    yield Figure("spread: 95 % credible intervals hold", _mean(inside), 0.91, 0.985, worlds)
    gap = _mean(chance) - _mean(among)
    yield Figure("spread: P(best of all is a finalist), told minus true", gap, -0.05, 0.05, worlds)
    holds = []
    for effect in (0.0, 0.674, 1.28):
        truth_of = float(_normal_share(effect))
        for row in rng.normal(effect, 1.0, (round(700 * size), 5)):
            told = p_superior(row, np.zeros(5))
            holds.append(told.low <= truth_of <= told.high)
    yield Figure("P(A > B), 5 replicates: interval holds", _mean(holds), 0.93, 0.97 if size == 1 else 0.98, len(holds))


def check_winner(rng: Rng, size: float) -> Iterator[Figure]:
    """The winner of 100 equal models on the same 500 examples."""
    worlds = round(200 * size)
    naive, corrected = [], []
    for _ in range(worlds):
        right = (rng.random((500, CONFIGS)) < 0.83).astype(np.float32)
        told = bbc_cv(right, resamples=200)
        naive.append(told.naive - 0.83)
        corrected.append(told.estimate - 0.83)
    yield Figure("winner of 100 equals on 500 examples: bias", _mean(naive), 0.02, 1.0, worlds)
    yield Figure("the same, bootstrap bias corrected", _mean(corrected), -5e-3, 5e-3, worlds)


def check_top_two(rng: Rng, size: float) -> Iterator[Figure]:
    """How often top-two sampling names a single winner among equals, by the rule of analysis/replication.py."""
    worlds = round(400 * size)
    for configs, budget in ((2, 10), (2, 40), (3, 15), (6, 30)):
        single = [_single_of_top_two(rng, configs, budget) for _ in range(worlds)]
        name = f"top_two names a single winner of {configs} equals, {budget} runs"
        yield Figure(name, _mean(single), 0.0, 0.05 if size == 1 else 0.1, worlds)


def _single_of_top_two(rng: Rng, configs: int, budget: int) -> bool:
    """Whether one of some equals is named alone."""
    effects = rng.normal(size=budget)
    first = max(2, min(4, budget // configs))
    scores = {one: list(effects[:first] + rng.normal(size=first)) for one in range(configs)}
    looks = 1 + -(-(budget - first * configs) // 4)
    while True:
        matrix = np.full((configs, max(map(len, scores.values()))), np.nan)
        for one, own in scores.items():
            matrix[one, : len(own)] = own
        chances = believe(matrix).p_best
        left = budget - sum(map(len, scores.values()))
        level = sure_level(ALPHA, configs)
        if chances.max() >= 1 - level / looks or left == 0:
            return bool(chances.max() >= 1 - level)
        for one in next_replicates({key: np.array(own) for key, own in scores.items()}, min(4, left), rng):
            scores[one].append(effects[len(scores[one])] + rng.normal())


CHECKS: tuple[Callable[[Rng, float], Iterator[Figure]], ...] = (
    check_sets,
    check_choice,
    check_splits,
    check_examples,
    check_pipeline,
    check_beliefs,
    check_winner,
    check_top_two,
)


# Recorded tables


@dataclass(frozen=True)
class Table:
    """Scores of configs on seeds, larger is better, shape (configs, seeds), and how its seeds are shared out."""

    name: str
    scores: Floats
    fresh: int
    held_out: int


def tables(folder: Path) -> dict[str, list[Table]]:
    """By source: tables with 100 configs or more."""
    import pandas as pd

    with np.load(folder / "hpobench_nn.npz") as stored:
        multilayer = [
            Table(key.removesuffix("__val_acc"), stored[key].astype(float), 3, 1)
            for key in stored.files
            if key.endswith("__val_acc")
        ]
    columns = ["openmlid", "learner", "size_train", "outer_seed", "inner_seed", "score_valid"]
    curves = pd.read_parquet(folder / "lcdb_accuracy.parquet", columns=columns)
    curves = curves[curves.score_valid >= 0]
    curves["seed"] = curves.outer_seed.astype(int) * 100 + curves.inner_seed
    learners = []
    for number, rows in curves.groupby("openmlid"):
        wide = rows.pivot_table("score_valid", ["learner", "size_train"], "seed", observed=True).dropna()
        if len(wide) >= CONFIGS:
            learners.append(Table(f"data set {number}", wide.to_numpy() / 1e4, 5, wide.shape[1] - 6))
    return {"HPOBench MLP": multilayer, "LCDB": learners}


@dataclass(frozen=True)
class Outcome:
    """Of one sweep over a table: errors against the held-out seeds, and whether the interval holds it."""

    naive: float
    reported: float
    inside: bool


def sweep(rng: Rng, table: Table) -> Outcome:
    """100 random configs on one seed, the best 5 on fresh ones; judged by the mean over the seeds held out."""
    chosen = rng.choice(len(table.scores), CONFIGS, replace=False)
    seeds = rng.permutation(table.scores.shape[1])
    scores = table.scores[chosen][:, seeds]
    search = scores[:, 0]
    finalists = np.argsort(-search, kind="stable")[:5]
    fresh, rest = scores[finalists, 1 : 1 + table.fresh], scores[finalists, 1 + table.fresh :]
    reported = reported_interval(fresh, ALPHA, runs=table.held_out)
    truth = float(rest[int(fresh.mean(axis=1).argmax())].mean())
    first = float(scores[finalists[0], 1:].mean())
    return Outcome(float(search.max()) - first, reported.mean - truth, reported.low <= truth <= reported.high)


def check_tables(rng: Rng, folder: Path, size: float, picture: Path | None) -> Iterator[Figure]:
    """Sweeps over each source; the same for all tables of a source together."""
    found: dict[str, dict[str, list[Outcome]]] = {}
    for source, own in tables(folder).items():
        sweeps = round(200 * size) * 10  # 200 in a sample; ten samples, for figures that do not hang on the seed
        runs = found.setdefault(source, {})
        for number in range(sweeps):
            table = own[number % len(own)]
            runs.setdefault(table.name, []).append(sweep(rng, table))
        together = [one for outcomes in runs.values() for one in outcomes]
        for name, outcomes in runs.items() if len(runs) < 10 else ():
            naive = 100 * _mean([one.naive for one in outcomes])
            yield Figure(f"{source}, {name}: best search score, points too good", naive, 0.3, 5.0, len(outcomes))
            yield _unbiased(f"{source}, {name}", outcomes)
        naive = 100 * _mean([one.naive for one in together])
        yield Figure(f"{source}: best search score, points too good", naive, 0.4, 5.0, sweeps)
        yield _unbiased(source, together)
        holds = _mean([one.inside for one in together])
        yield Figure(f"{source}: reported interval holds", holds, 0.93, 0.97, sweeps)
    if picture is not None:
        draw(found, picture)


def _unbiased(name: str, outcomes: list[Outcome]) -> Figure:
    """The mean error of the reported score; the band is four standard errors."""
    errors = 100 * np.array([one.reported for one in outcomes])
    margin = 4 * float(errors.std()) / len(errors) ** 0.5
    return Figure(f"{name}: reported score, points too good", _mean(list(errors)), -margin, margin, len(errors))


def draw(found: dict[str, dict[str, list[Outcome]]], picture: Path) -> None:
    """Points by which the naive and the reported score are too good, a panel for each source."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(found), figsize=(9, 3.4), sharey=False, layout="constrained")
    for axis, (source, runs) in zip(axes, found.items(), strict=True):
        few = len(runs) < 10
        for color, key, label in (
            ("#c44e52", "naive", "best score of the search"),
            ("#4c72b0", "reported", "reported"),
        ):
            means = [100 * _mean([getattr(one, key) for one in outcomes]) for outcomes in runs.values()]
            places = np.arange(len(means)) if few else np.argsort(np.argsort(means))
            axis.scatter(places, means, s=36 if few else 10, color=color, label=label, zorder=3)
        axis.axhline(0, color="#444444", linewidth=0.8)
        axis.set_title(source if few else f"{source}, {len(runs)} data sets, each series sorted", fontsize=10)
        axis.set_xticks(
            range(len(runs)) if few else [], labels=[name.replace("_", "\n") for name in runs] if few else None
        )
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("accuracy points too good")
    axes[0].legend(frameon=False, fontsize=9)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=140)
    plt.close(figure)


# Helpers and the command


def _kept(name: str, test: str, made: Floats, low: float, high: float, overlap: float = 0.0) -> Figure:
    """How often the first config stays; with no ``test``, the one that is chosen."""
    kept = []
    for scores in made:
        data = Replicates(scores, overlap)
        kept.append(bool(TESTS[test or choose_test(data)[0]](data, ALPHA).tied[0]))
    return Figure(name, _mean(kept), low, high, len(kept))


def _mean(values: list[bool] | list[float]) -> float:
    return float(np.mean(values))


def _normal_share(value: float) -> float:
    from scipy import special

    return float(special.ndtr(value))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the worlds, with wider bands")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tables", type=Path, help="folder with recorded tables")
    parser.add_argument("--picture", type=Path, help="draw the winner's curse on the tables into this file")
    parser.add_argument("--only", help="only checks with this word in their name, such as sets")
    options = parser.parse_args()
    if options.picture and not options.tables:
        parser.error("--picture needs --tables")
    size = 0.1 if options.quick else 1.0
    print("| what | found | band | worlds | |\n|---|---|---|---|---|", flush=True)
    bad = 0
    for figure in _figures(options, size):
        band = f"{figure.low:.4g} to {figure.high:.4g}"
        print(
            f"| {figure.name} | {figure.found:.4g} | {band} | {figure.worlds} | {'' if figure.good else 'OUT'} |",
            flush=True,
        )
        bad += not figure.good
    return int(bad > 0)


def _figures(options: argparse.Namespace, size: float) -> Iterator[Figure]:
    for number, check in enumerate(CHECKS):
        if not options.only or options.only in check.__name__:
            yield from check(np.random.default_rng([options.seed, number]), size)
    if options.tables and (not options.only or options.only in "check_tables"):
        yield from check_tables(np.random.default_rng([options.seed, 99]), options.tables, size, options.picture)


if __name__ == "__main__":
    sys.exit(main())

"""NNI's regularized evolution here and in NNI: 20 convolutional networks on two workers against one after the other.

Both train the same number of networks from the same model space for the same epochs, one thread each. The time of a
sweep includes the start of Ray and of the workers.

    python benchmarks/nas_engine.py --models 20 --epochs 60
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn

import assay
from assay.spaces.from_nni.fixes import nni as load_nni

X, Y = load_digits(return_X_y=True)
INPUTS = torch.as_tensor(X.reshape(-1, 1, 8, 8) / 8 - 1, dtype=torch.float32)
TARGETS = torch.as_tensor(Y)


def fit(model: nn.Module, epochs: int) -> float:
    """Accuracy on the last 400 images after training on the others."""
    torch.set_num_threads(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(epochs):
        for rows in torch.randperm(len(INPUTS) - 400).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(INPUTS[rows]), TARGETS[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        return float((model.eval()(INPUTS[-400:]).argmax(1) == TARGETS[-400:]).float().mean())


def model_space() -> Any:
    """Four layers, each of three kinds and three widths."""
    import nni
    from nni.nas.nn.pytorch import LayerChoice, ModelSpace, MutableConv2d, MutableLinear

    class Space(ModelSpace, label_prefix="net"):  # type: ignore[call-arg]
        def __init__(self) -> None:
            super().__init__()
            widths = [nni.choice(f"width{i}", [16, 24, 32]) for i in range(4)]
            layers: list[nn.Module] = []
            before: Any = 1
            for index, width in enumerate(widths):
                kinds = [MutableConv2d(before, width, k, padding=k // 2) for k in (1, 3, 5)]
                layers += [LayerChoice(kinds, label=f"layer{index}"), nn.ReLU()]
                before = width
            self.body = nn.Sequential(*layers)
            self.head = MutableLinear(before, 10)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.head(self.body(inputs).mean((2, 3)))

    return Space()


def in_nni(models: int, epochs: int) -> float:
    """Seconds of NNI's SequentialExecutionEngine."""
    import nni
    from nni.nas.evaluator import FunctionalEvaluator
    from nni.nas.execution import SequentialExecutionEngine
    from nni.nas.space import SimplifiedModelSpace
    from nni.nas.strategy import RegularizedEvolution

    began = time.perf_counter()
    evaluator = FunctionalEvaluator(lambda model: nni.report_final_result(fit(model, epochs)))
    space = SimplifiedModelSpace.from_model(model_space(), evaluator)
    strategy = RegularizedEvolution(population_size=8, sample_size=4, mutation_prob=0.2, seed=0)
    strategy(space, SequentialExecutionEngine(max_model_count=models))
    return time.perf_counter() - began


def train(config: dict[str, Any], trial: Any) -> dict[str, float]:
    """The same for a sweep."""
    return {"accuracy": fit(trial.build_model(), config["epochs"])}


def here(models: int, epochs: int, store: str) -> float:
    """Seconds of a search of as many networks on two workers."""
    sweep = {
        "name": "evolution",
        "trainable": f"{__file__}:train",
        "objectives": [{"metric": "accuracy", "goal": "maximize"}],
        "architecture": {"space": f"{__file__}:model_space", "input": [1, 8, 8]},
        "parameters": {"epochs": epochs},
        "searcher": {"type": "nni", "strategy": "regularized_evolution", "population": 8, "sample": 4},
        "budget": {"trials": models, "concurrent": 2},
        "leaderboard": {"top": 1, "seeds": 2},
    }
    began = time.perf_counter()
    results = assay.run(sweep, store=store, workers=2, progress=False)
    whole = time.perf_counter() - began
    after = sum(trial.seconds for trial in results.replicates) / 2  # two finalists side by side
    print(f"here: {whole:.1f} s in all, of which about {after:.1f} s replicates of the winner and the default")
    return whole - after


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=60)
    given = parser.parse_args()
    load_nni()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as store:
        ours = here(given.models, given.epochs, store)
    theirs = in_nni(given.models, given.epochs)
    print(f"{given.models} models: {ours:.1f} s here, {theirs:.1f} s one after the other: {ours / theirs:.2f}")


if __name__ == "__main__":
    main()

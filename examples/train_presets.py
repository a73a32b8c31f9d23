"""Ready-made parameters, and PyTorch's objects for them: optimizers, schedules, regularization, batch size.

python examples/train_presets.py
"""

from typing import Any

import torch
from torch import nn

import assay
from assay.trainables.digits import load_digits, predict
from assay.trainables.presets import build_loss, build_optimizer, build_schedule, clip_gradients, penalty

PARAMETERS = {
    "optimizer": "preset(adamw, nesterov)",
    "schedule": "preset(cosine, one_cycle, warmup)",
    "regularization": "preset(l1, dropout, label_smoothing, clipping)",
    "batch_size": "preset(batch_size)",
    "optimizer.adamw.lr": "loguniform(1e-4, 1e-2)",  # in place of the ready-made range
}


def train(config, trial):
    data = trial.split(*load_digits())
    inputs, targets = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
    settings = config["regularization"]
    network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(settings["dropout"]), nn.Linear(64, 10))
    optimizer = build_optimizer(config["optimizer"], network.parameters())
    schedule = build_schedule(config["schedule"], optimizer, steps=trial.max_steps)
    loss = build_loss(settings)
    trial.save_predictions(lambda pixels: predict(network, pixels))
    for _ in trial.steps():
        network.train()
        for batch in torch.randperm(len(inputs)).split(config["batch_size"]):
            optimizer.zero_grad()
            (loss(network(inputs[batch]), targets[batch]) + penalty(settings, network.parameters())).backward()
            clip_gradients(settings, network.parameters())
            optimizer.step()
        schedule.step()
        yield {"accuracy": (predict(network, data.x_val).argmax(axis=1) == data.y_val).mean()}


def main(trials: int = 30, epochs: int = 9, **options: Any) -> None:
    sweep = assay.Sweep(
        name="presets",
        objectives=[{"metric": "accuracy", "goal": "maximize"}],
        parameters=PARAMETERS,
        scheduler="asha",
        fidelity={"unit": "epoch", "max": epochs},
        budget={"trials": trials},
        leaderboard={"top": 2, "seeds": 2},
    )
    results = assay.run(sweep, train, **options)
    print(results.leaderboard().headline)
    print(results.best_config)


if __name__ == "__main__":
    main(resume=True)

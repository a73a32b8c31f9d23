"""The files that `assay init` writes."""

from __future__ import annotations

SCHEMA_FILE = "sweep.schema.json"

SWEEP = """\
# yaml-language-server: $schema=./sweep.schema.json
# `assay check sweep.yaml` shows what this comes to. Lines that begin with `#:` are choices: take the `#:` away
# (train.py has to use what is new among the parameters).

name: {name}
trainable: train.py:train               # file.py:function, seen from this file's folder
objectives: [{{metric: accuracy, goal: maximize}}]   # what the function reports; target: 0.98 would end the search

parameters:                             # what `config` holds; dots in a name nest it: optim.lr is config["optim"]["lr"]
  lr: loguniform(1e-4, 1e-1)            # also uniform(0, 1), normal(0, 1), lognormal(0, 1)
  hidden: logint(16, 128)               # whole numbers; also int(1, 4)
  batch_size: [32, 64, 128]             # one of these
  optimizer: [adam, sgd]
  momentum: {{min: 0.0, max: 0.99, default: 0.9, when: {{optimizer: sgd}}}}   # only where the condition holds
  #: dropout: {{min: 0.0, max: 0.5, step: 0.05, default: 0.0, help: of the hidden layer}}
  #: weight_decay: {{min: 1e-6, max: 1e-1, log: true, prior: {{center: 1e-3, confidence: low}}}}
  #: augment: {{values: [none, flip, mixup], weights: [2, 1, 1]}}
  #: schedule: preset(cosine, one_cycle)  # ready-made parameters; assay.trainables.presets builds PyTorch's objects
  #: classes: 10                          # a constant

#: constraints:
#:   - require: hidden * batch_size <= 8192   # of parameters: what breaks it is never tried
#:   - {{metric: loss, max: 2.0}}               # of what is reported: what breaks it cannot win

#: searcher: random                     # tpe when left out; {{type: tpe, startup: 16}} with options
scheduler: {{type: asha, eta: 3}}         # stops weak trials early; also median, hyperband, bohb, pbt, pb2, none
fidelity: {{unit: epoch, max: 9}}         # a full run; one report per epoch
budget: {{trials: 20}}                    # also time: 1h30m, patience: 20, cpu_hours, gpu_hours; whichever ends first
leaderboard: {{top: 3, seeds: 5}}         # the best train again on fresh seeds and splits, and are compared on those

#: resources: {{cpu: 2, gpu: 0.5}}        # of one trial
#: checkpoints: {{every: 3, keep: 1}}
#: export: {{formats: [yaml, json]}}      # the files of `assay export {name}`
"""

TRAIN = '''\
"""A training function: a network on scikit-learn's digits. Put your own data and model where the comments are."""

import torch
from sklearn.datasets import load_digits
from torch import nn

images, labels = load_digits(return_X_y=True)  # your data: inputs and targets, with n rows each
images = (images / 16).astype("float32")
torch.set_num_threads(1)  # a small network is fastest so; take it away for a large one


def train(config, trial):
    data = trial.split(images, labels)  # training and validation part; the test part stays sealed
    x, y = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)

    # Your model and optimizer. `config` has one value for each active parameter of sweep.yaml.
    model = nn.Sequential(nn.Linear(64, config["hidden"]), nn.ReLU(), nn.Linear(config["hidden"], 10))
    if config["optimizer"] == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"], momentum=config["momentum"])
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"])

    if trial.checkpoint:  # after an interruption, or when a scheduler lets the trial go on
        state = torch.load(trial.checkpoint / "state.pt", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])

    @torch.no_grad()
    def predict(inputs):
        return model(torch.from_numpy(inputs)).softmax(dim=1).numpy()  # (n, classes)

    def save(folder):
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, folder / "state.pt")

    trial.save_predictions(predict)  # for ensembles and the sealed test
    for _ in trial.steps():  # your loop: one report per epoch
        for batch in torch.randperm(len(x)).split(config["batch_size"]):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            loss.backward()
            optimizer.step()
        trial.save_checkpoint(save)
        accuracy = (predict(data.x_val).argmax(axis=1) == data.y_val).mean()
        yield {"accuracy": float(accuracy), "loss": loss.item()}  # your metrics; each may be optimised or limited
'''

"""Networks for scikit-learn's digits: the architecture and how it is trained are searched together."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

digits = load_digits()
X = (digits.images[:, None] / 8 - 1).astype(np.float32)  # shape (n, 1, 8, 8)
y = digits.target


def data(config, trial):
    """Batches to train a supernet on, and to compare its networks on."""
    split = trial.split(X, y)
    train = TensorDataset(tensor(split.x_train), tensor(split.y_train))
    validation = TensorDataset(tensor(split.x_val), tensor(split.y_val))
    return DataLoader(train, batch_size=128, shuffle=True), DataLoader(validation, batch_size=360)


def train(config, trial):
    torch.set_num_threads(1)
    data = trial.split(X, y)  # train and validation; the test part stays sealed
    model = trial.build_model()  # the network of this config
    optimizer = torch.optim.AdamW(model.parameters(), lr=config["lr"], weight_decay=config["weight_decay"])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, trial.max_steps)
    if trial.checkpoint:
        saved = torch.load(trial.checkpoint / "state.pt", weights_only=True)
        for part, state in zip((model, optimizer, schedule), saved, strict=True):
            part.load_state_dict(state)

    @torch.no_grad()
    def predict(inputs):
        model.eval()
        return model(torch.as_tensor(inputs)).softmax(dim=1).numpy()

    trial.save_predictions(predict)
    inputs, targets = torch.as_tensor(data.x_train), torch.as_tensor(data.y_train)
    for _ in trial.steps():
        model.train()
        for rows in torch.randperm(len(inputs)).split(128):
            optimizer.zero_grad()
            cross_entropy(model(inputs[rows]), targets[rows]).backward()
            optimizer.step()
        schedule.step()
        accuracy = (predict(data.x_val).argmax(axis=1) == data.y_val).mean()
        trial.save_checkpoint(
            lambda folder: torch.save([part.state_dict() for part in (model, optimizer, schedule)], folder / "state.pt")
        )
        yield {"accuracy": accuracy}

"""A linear network on made-up rows, as a training function of the tests: fast, and restored or trained again."""

TRAIN = """
import numpy as np
import torch

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3)).astype("float32")
Y = (2 * X[:, 0] + X[:, 1] > 0).astype(int)


def train(config, trial):
    data = trial.split(X, Y)
    network = torch.nn.Linear(3, 2)
    trial.save_weights(network)
    if trial.checkpoint:
        network.load_state_dict(torch.load(trial.checkpoint / "model.pt"))
    optimizer = torch.optim.SGD(network.parameters(), config["lr"])

    def predict(inputs):
        with torch.no_grad():
            return network(torch.as_tensor(inputs)).softmax(1).numpy()

    trial.save_predictions(predict)
    for step in trial.steps():
        if config["lr"] > 9:
            raise ValueError("too fast")
        optimizer.zero_grad()
        logits = network(torch.as_tensor(data.x_train))
        torch.nn.functional.cross_entropy(logits, torch.as_tensor(data.y_train)).backward()
        optimizer.step()
        if config["lr"] != 0.25:
            trial.save_checkpoint(lambda folder: torch.save(network.state_dict(), folder / "model.pt"))
        yield {"accuracy": float((predict(data.x_val).argmax(1) == data.y_val).mean())}
"""

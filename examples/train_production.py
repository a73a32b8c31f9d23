"""Production training with an exported config: plain PyYAML in, a model file out.

python examples/train_production.py --config best/config.yaml
"""

import argparse

import torch
import yaml

from assay.trainables.digits import build_network, build_optimizer, load_digits, predict, train_epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="config.yaml of an export")
    parser.add_argument("--epochs", type=int, default=27)
    parser.add_argument("--output", default="model.pt")
    arguments = parser.parse_args()

    with open(arguments.config, encoding="utf-8") as file:  # noqa: PTH123 - as in the scripts people have
        config = yaml.safe_load(file)
    pixels, labels = load_digits()
    torch.manual_seed(0)
    network = build_network(config)
    optimizer = build_optimizer(config, network)
    inputs, targets = torch.from_numpy(pixels), torch.from_numpy(labels)
    for _ in range(arguments.epochs):
        train_epoch(network, optimizer, inputs, targets, config["batch_size"])
    accuracy = (predict(network, pixels).argmax(axis=1) == labels).mean()
    torch.save(network.state_dict(), arguments.output)
    print(
        f"trained {arguments.epochs} epochs on all {len(labels)} images with lr {config['lr']:.4g}: "
        f"training accuracy {accuracy:.4f}, model in {arguments.output}"
    )


if __name__ == "__main__":
    main()

"""Tools on any torch network: its size and speed, its graph, scores without training, inherited weights."""

"""The file around an exported network: imports, ``build``, ``load``, a short check."""

from __future__ import annotations

import re

_IMPORTS = {
    "math": "import math",
    "operator": "import operator",
    "inf": "from math import inf",
    "nan": "from math import nan",
    "functional": "from torch.nn import functional",
}

_BUILD = '''

def build() -> nn.Module:
    """The network with fresh weights."""
    return {make}


def load(path: str | Path = Path(__file__).with_name("{weights}")) -> nn.Module:
    """The network with the weights of a file, ready to predict."""
    network = build()
    network.load_state_dict(read_tensors(path))
    return network.eval()


def read_tensors(path: str | Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file: the length of a JSON header in 8 bytes, the header, the numbers."""
    content = bytearray(Path(path).read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    found = {{}}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        kind = KINDS[entry["dtype"]]
        numbers = torch.tensor([], dtype=kind)
        if end > first:
            numbers = torch.frombuffer(content, dtype=kind, offset=start + first, count=(end - first) // kind.itemsize)
        found[name] = numbers.reshape(entry["shape"]).clone()
    return found


KINDS = {{
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "C64": torch.complex64,
}}

if __name__ == "__main__":
    network = load() if Path(__file__).with_name("{weights}").exists() else build().eval()
    print(sum(parameter.numel() for parameter in network.parameters()), "parameters")
    with torch.no_grad():
        print("output", tuple(network({example}).shape))
'''


def whole_file(about: str, body: str, make: str, weights: str, example: str) -> str:
    """The text of the file.

    Args:
        about: for its docstring.
        body: classes, written for ``torch``, ``nn``, ``Any`` and the names of this file's imports.
        make: the expression that makes the network.
        weights: name of the file of weights beside it.
        example: an expression that makes a batch.
    """
    doc = about.replace("\\", "\\\\").replace('"""', "'''")
    words = set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", body))
    needed = {line for word, line in _IMPORTS.items() if word in words}
    standard = ["import json", "from pathlib import Path", "from typing import Any"]
    standard += sorted(line for line in needed if "torch" not in line)
    names = "Tensor, nn" if "Tensor" in words else "nn"
    torch_lines = ["import torch", f"from torch import {names}", *sorted(line for line in needed if "torch" in line)]
    imports = [*sorted(standard, key=lambda line: (line.startswith("from"), line)), "", *torch_lines]
    head = f'"""{doc}\n"""\n\nfrom __future__ import annotations\n\n' + "\n".join(imports)
    return f"{head}\n\n\n{body.strip()}\n" + _BUILD.format(make=make, weights=weights, example=example)

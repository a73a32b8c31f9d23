"""A network that leaves Assay is one file that needs PyTorch alone, and gives the same outputs."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from assay.spaces.networks.constructors import NoConstructorError, constructor
from assay.spaces.networks.recording import batches
from assay.spaces.networks.source import exported_source, traced_source
from assay.spaces.networks.standalone import (
    DESCRIPTION,
    SOURCE,
    WEIGHTS,
    Standalone,
    StandaloneError,
    exported_files,
    standalone,
)

from .sample_networks import SAMPLES, ByShape, ByValue, Recurrent, Residual, hub_network, staged_network

ALONE = """
import importlib.util, json, sys
from pathlib import Path

class Nothing:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in {allowed}:
            raise ModuleNotFoundError(f"{{name}} is not part of torch", name=name)

sys.meta_path.insert(0, Nothing())
import torch

for folder in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location("model", Path(folder) / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.load()
    assert not network.training
    saved = torch.load(Path(folder) / "expected.pt")
    with torch.no_grad():
        worst = float((network(saved["batch"]) - saved["output"]).abs().max())
    fresh = module.build()
    fresh(saved["batch"]).sum().backward()
    grown = sum(one.grad is not None for one in fresh.parameters())
    print(json.dumps([Path(folder).name, worst, grown]))
"""
TORCH_NEEDS = {
    "torch", "torchgen", "numpy", "sympy", "mpmath", "networkx", "jinja2", "markupsafe", "fsspec", "filelock",
    "typing_extensions", "setuptools", "_distutils_hack", "pkg_resources",
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("one_thread")


def settled(model: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """After one batch in training, so that running statistics and modes are not those of the start."""
    with torch.no_grad():
        model.train()(next(batches(model, (4, *shape))))
    return model


def written(model: nn.Module, shape: tuple[int, ...]) -> Standalone:
    return standalone(settled(model, shape), shape, name="net-3", config={"lr": 0.1})


def test_every_kind_of_network_runs_where_there_is_only_torch(tmp_path: Path) -> None:
    networks = {name: (make(), shape) for name, (make, shape) in SAMPLES.items()}
    networks |= {family: staged_network(family) for family in ("cnn", "mlp", "sequence")}
    for name, (model, shape) in networks.items():
        files = exported_files(settled(model, shape), shape, {"lr": 0.1}, name=name)
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file).write_bytes(content.encode() if isinstance(content, str) else content)
        batch = next(batches(model, (2, *shape)))
        with torch.no_grad():
            torch.save({"batch": batch, "output": model.eval()(batch)}, tmp_path / name / "expected.pt")
    script = ALONE.format(allowed=TORCH_NEEDS)
    folders = [str(tmp_path / name) for name in networks]
    done = subprocess.run([sys.executable, "-c", script, *folders], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [name for name, _, _ in found] == list(networks)
    assert all(worst <= 1e-6 and grown > 0 for _, worst, grown in found), found


@pytest.mark.parametrize("word", ["nasbench201", "mobilenet_v3", "darts", "nasbench101"])
def test_networks_of_the_hub(word: str) -> None:
    made = written(*hub_network(word))
    assert ("torch.ops.aten" in made.source) == (word == "nasbench101")  # torch.fx cannot follow its cells
    assert "import nni" not in made.source


def test_the_file_says_what_it_is_and_runs(tmp_path: Path) -> None:
    model = Residual()
    config = {"architecture.stage1.op1": "conv3x3", "lr": 0.1}
    files = exported_files(
        model, (3, 8, 8), config, name="net-3", provenance="sweep net, trial 3", description={"space": "net.py:Net"}
    )
    assert set(files) == {DESCRIPTION, SOURCE, WEIGHTS}
    about = json.loads(files[DESCRIPTION])
    assert about["config"] == config
    assert about["input"] == [3, 8, 8]
    assert about["params"] == sum(one.numel() for one in model.parameters())
    assert about["description"] == {"space": "net.py:Net"}
    doc = ast.get_docstring(ast.parse(files[SOURCE])) or ""
    assert doc.startswith("net-3: a network that needs PyTorch alone.\n\nsweep net, trial 3\n")
    assert "architecture.stage1.op1 = conv3x3" in doc
    (tmp_path / SOURCE).write_text(str(files[SOURCE]))  # without weights: they are drawn
    done = subprocess.run([sys.executable, SOURCE], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"{about['params']} parameters\noutput (1, 10)\n"


def test_traced_code_reads_like_written_code() -> None:
    source = traced_source(Residual()).text
    assert "self.stem_0 = nn.Conv2d(3, 8, 3, padding=1)" in source
    assert "y = self.branch(x)\n        y = y * self.scale\n        y = y + x\n" in source
    assert "y = y[:, 4:]\n" in source
    assert "functional.dropout(x, p=0.3, training=self.training, inplace=False)" in source
    assert "None" not in source.split("def forward")[1].replace("-> None", "")


def test_shared_weights_stay_shared() -> None:
    made = written(Recurrent(), (6,))
    space: dict[str, object] = {"__name__": "net", "__file__": "model.py"}
    exec(made.source, space)
    network = space["build"]()  # type: ignore[operator]
    assert network.head.weight is network.table.weight
    assert sum(one.numel() for one in network.parameters()) == sum(one.numel() for one in Recurrent().parameters())


@pytest.mark.parametrize("act", [nn.RReLU(), nn.RReLU(inplace=True)], ids=["a result", "in place"])
def test_layers_that_draw_slopes(act: nn.Module) -> None:
    assert "nn.RReLU(" in written(nn.Sequential(nn.Linear(4, 4), act), (4,)).source


def test_modes_that_differ_have_a_method_each() -> None:
    source = exported_source(ByShape(), (4,)).text
    assert "return self._train(x) if self.training else self._predict(x)" in source
    made = written(ByShape(), (4,))  # which compares both modes
    assert "device=" not in made.source or "place = x.device" in made.source


def test_the_network_is_left_as_it_was() -> None:
    model = Residual().eval()
    before = {name: one.clone() for name, one in model.state_dict().items()}
    draws = torch.get_rng_state()
    standalone(model, (3, 8, 8), name="net", config={})
    assert not model.training
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert torch.equal(draws, torch.get_rng_state())


def test_a_network_that_depends_on_values_is_refused_with_the_reasons() -> None:
    with pytest.raises(StandaloneError, match=r"^net cannot be .* alone: torch\.fx: .*; torch\.export: "):
        standalone(ByValue(), (4,), name="net", config={})


def test_a_wrong_input_is_refused() -> None:
    with pytest.raises(StandaloneError, match=r"does not run on input \[4, 8, 8\]"):
        standalone(Residual(), (4, 8, 8), name="net", config={})


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.Conv2d(4, 8, (3, 1), stride=2, padding=(1, 0), groups=2, bias=False), None),
        (nn.Conv2d(4, 8, 3, padding="same", padding_mode="reflect"), None),
        (nn.ConvTranspose1d(4, 8, 3), "nn.ConvTranspose1d(4, 8, 3)"),
        (nn.BatchNorm2d(8, eps=1e-3, affine=False), None),
        (nn.GroupNorm(2, 8), "nn.GroupNorm(2, 8)"),
        (nn.LayerNorm((4, 8)), "nn.LayerNorm((4, 8))"),
        (nn.Linear(3, 4, bias=False, dtype=torch.float64), "nn.Linear(3, 4, bias=False, dtype=torch.float64)"),
        (nn.AvgPool2d(3, 1, 1, count_include_pad=False), None),
        (nn.AdaptiveAvgPool2d((None, 2)), "nn.AdaptiveAvgPool2d((None, 2))"),
        (nn.Upsample(scale_factor=2.0, mode="nearest"), "nn.Upsample(scale_factor=2.0)"),
        (nn.Flatten(), "nn.Flatten()"),
        (nn.Identity(), "nn.Identity()"),
        (nn.Embedding(9, 4, padding_idx=0), "nn.Embedding(9, 4, padding_idx=0)"),
        (nn.RNN(3, 4, nonlinearity="relu"), "nn.RNN(3, 4, nonlinearity='relu')"),
        (nn.GRU(3, 4, bias=False, batch_first=True), "nn.GRU(3, 4, bias=False, batch_first=True)"),
        (nn.LSTM(3, 4, proj_size=2), "nn.LSTM(3, 4, proj_size=2)"),
        (nn.MultiheadAttention(8, 2, add_bias_kv=True, kdim=4), None),
        (nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", norm_first=True), None),
        (nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, nn.LayerNorm(8)), None),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, nn.Module) else "",
)
def test_constructors(layer: nn.Module, text: str | None) -> None:
    found = constructor(layer)
    assert text is None or found == text
    made = eval(found, {"nn": nn, "torch": torch})
    assert made.load_state_dict(layer.state_dict())
    assert repr(made) == repr(layer)


def test_what_cannot_be_constructed_is_named() -> None:
    with pytest.raises(NoConstructorError, match="ParametrizedLinear is no class of torch"):
        constructor(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)))
    with pytest.raises(NoConstructorError, match="activation of its own"):
        constructor(nn.TransformerEncoderLayer(8, 2, activation=torch.tanh))


def test_nothing_is_drawn_from_the_generator_of_a_training_in_another_thread() -> None:
    """Which would go on from elsewhere, were the state only put back at the end."""
    states: list[torch.Tensor] = []

    class Dropping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.dropout = nn.Linear(4, 4), nn.Dropout(0.5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            states.append(torch.get_rng_state())
            return self.dropout(self.layer(x))  # type: ignore[no-any-return]

    model, before = Dropping(), torch.get_rng_state()
    made = standalone(model, (4,), name="net", config={})
    assert "dropout" in made.source.lower()
    assert len(states) > 4
    assert all(torch.equal(before, one) for one in [*states, torch.get_rng_state()])

"""README.md is true: its code runs, its commands exist, its links lead somewhere."""

import ast
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

import assay
from assay.cli import app
from assay.search import Ledger
from assay.spaces import errors

ROOT = Path(assay.__file__).resolve().parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
BAD = """\
name: digits
trainable: train.py:train
objectives: [{metric: accuracy, goal: maximise}]
parameters:
  lr: {min: 0, max: 0.1, log: true}
  dropout: {min: 0.5, max: 0.0}
schedular: asha
budget: {trials: 40}
"""
FEW = "leaderboard: {top: 2, seeds: 3}\n"
DIGITS = """\
name: small
trainable: assay.trainables.digits:train
objectives: [{metric: accuracy, goal: maximize}]
parameters: {optimizer: [adamw], lr: "loguniform(1e-4, 1e-1)", weight_decay: 1e-6, layers: 1, hidden: 16,
             dropout: 0.0, batch_size: 256}
fidelity: {unit: epoch, max: 1}
budget: {trials: 2}
leaderboard: {top: 1, seeds: 2}
"""


def block(first: str) -> str:
    """The code that begins with the comment ``# first``."""
    [text] = [text for _, text in BLOCKS if text.startswith(f"# {first}\n")]
    return text


def sweep_file() -> str:
    return block("sweep.yaml")


def from_python() -> str:
    _, _, section = README.partition("## From Python")
    [text] = re.findall(r"^```python\n(.*?)^```$", section, flags=re.DOTALL | re.MULTILINE)
    return text


def commands() -> list[list[str]]:
    """Every ``assay ...`` of the console blocks and of the text."""
    lines = [line.removeprefix("$ ") for kind, text in BLOCKS if kind == "console" for line in text.splitlines()]
    found = [line for line in lines if line.startswith("assay ")] + re.findall(r"`(assay [^`]+)`", README)
    return [shlex.split(line.partition("#")[0])[1:] for line in found]


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("ASSAY_", "RAY_"))}


def code_lines(text: str) -> int:
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in text.splitlines())


def test_the_example_is_short() -> None:
    assert code_lines(block("train.py")) + code_lines(sweep_file()) < 25


def test_the_generator_runs(cli: Any) -> None:
    cli.write(train_py=block("train.py"), sweep_yaml=sweep_file())
    done = cli("run", "sweep.yaml", "--inline", "--trials", "8")
    assert done.code == 0, done.err
    board = cli("leaderboard", "hello", "--json").json
    assert board["replicated"]
    assert board["ensemble"] is not None
    assert "sealed test, accuracy" in done.out
    assert cli("export", "hello", "-o", "best").code == 0
    assert set(yaml.safe_load(Path("best/config.yaml").read_text())) == {"eta0", "alpha", "penalty"}


@pytest.mark.ray
def test_the_plain_function_runs_on_ray(tmp_path: Path) -> None:
    (tmp_path / "train_plain.py").write_text(block("train_plain.py"))
    (tmp_path / "sweep.yaml").write_text(sweep_file().replace("train.py", "train_plain.py") + FEW)
    command = [sys.executable, "-m", "assay", "run", "sweep.yaml", "--trials", "6", "--workers", "2"]
    done = subprocess.run(
        command, cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "search: 6/6" in done.stderr
    assert "sealed test, accuracy" in done.stdout


@pytest.mark.ray
def test_the_python_example_runs(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(from_python())
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    headline, best = done.stdout.splitlines()[-2:]
    assert "best" in headline or "better" in headline
    assert re.fullmatch(r"\{'x': 0\.\d+\} \(\d+, \d+\)", best)
    [record] = Ledger(tmp_path / "assay-results").sweeps()
    assert (record.name, record.state) == ("parabola", "finished")


@pytest.mark.parametrize("name", ["train.py", "train_plain.py"])
def test_the_examples_are_those_of_the_readme(name: str) -> None:
    tree = ast.parse((ROOT / "examples" / name).read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    del tree.body[0]
    assert ast.dump(tree) == ast.dump(ast.parse(block(name)))


def test_the_example_sweep_is_that_of_the_readme() -> None:
    example = (ROOT / "examples" / "sweep.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(example) == yaml.safe_load(sweep_file())


def test_production_training_reads_an_export(cli: Any) -> None:
    cli.write(sweep_yaml=DIGITS)
    assert cli("run", "sweep.yaml", "--inline").code == 0
    assert cli("export", "@last", "-o", "best").code == 0
    script = str(ROOT / "examples" / "train_production.py")
    options = ["--config", "best/config.yaml", "--epochs", "1", "--output", "best/model.pt"]
    done = subprocess.run([sys.executable, script, *options], capture_output=True, text=True, timeout=60, check=True)
    assert re.search(r"trained 1 epochs on all \d+ images .* training accuracy 0\.\d+", done.stdout)
    assert Path("best/model.pt").stat().st_size > 1000


def test_the_mistakes_are_what_is_printed(cli: Any) -> None:
    cli.write(bad_yaml=BAD)
    done = cli("check", "bad.yaml")
    assert (done.code, done.out) == (2, "")
    assert ("text", done.err) in BLOCKS


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_commands_parse(words: list[str]) -> None:
    command, *rest = [word.strip(",") for word in words]
    group: Any = typer.main.get_command(app)
    context = group.make_context("assay", [], resilient_parsing=True)
    found = group.get_command(context, command)
    assert found is not None
    options = [option for option in rest if option.startswith("-")]
    known = {name for parameter in found.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert set(options) <= known
    arguments = [word for word in rest if word != "..." and not re.fullmatch(r"\[.*\]", word)]
    found.make_context(command, arguments, resilient_parsing=not arguments)


def test_the_table_of_commands_is_complete() -> None:
    group: Any = typer.main.get_command(app)
    _, _, section = README.partition("## Commands")
    table = section.partition("\n## ")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = re.findall(r"`(?:assay )?([a-z]+)", " ".join(first_cells))
    assert sorted(named) == sorted(group.commands)
    _, *run_row = re.findall(r"^\| `assay run FILE` \| .*$", table, flags=re.MULTILINE)[0].split("`--", 1)
    listed = {f"--{word}" for word in re.findall(r"(\w+)", run_row[0].partition("`")[0])}
    assert listed == {name for parameter in group.commands["run"].params for name in parameter.opts if "--" in name}


def test_the_exit_codes_are_those_of_the_errors() -> None:
    line = re.search(r"Exit codes: (.*)\.", README)
    assert line is not None
    codes = {int(code) for code in re.findall(r"\b(\d+) \w", line[1])} - {128 + signal.SIGTERM}
    raised = {
        error.exit_code for error in vars(errors).values() if isinstance(error, type) and hasattr(error, "exit_code")
    }
    assert codes == {0, 6, *raised}  # 6 is no error: a replayed decision differs
    help_codes = {int(code) for code in re.findall(r"\b(\d+) \w", str(app.info.epilog))} - {128 + signal.SIGTERM}
    assert help_codes == codes


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name
)
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8"))
    for target in targets:
        if not target.startswith(("http://", "https://", "#")):
            assert (path.parent / target.partition("#")[0]).exists(), target


def test_the_leaderboard_is_one_as_printed() -> None:
    assert "@@" not in README, "a placeholder was left"
    block = next(text for text in re.findall(r"```text\n(.*?)```", README, re.DOTALL) if "rank" in text)
    rows = [line.split() for line in block.splitlines() if "±" in line and line[1].isdigit()]
    assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
    means = [float(row[row.index("±") - 1]) for row in rows]
    assert means == sorted(means, reverse=True)
    tied = sum("yes" in row for row in rows)
    assert re.search(rf"{tied} of {len(rows)} finalists are tied for best .*\(95 %, ", block)
    assert any("default" in row for row in rows)

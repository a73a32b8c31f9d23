"""What production training gets: the config, where it comes from, and checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from assay.analysis import Results
from assay.search import Phase, State
from assay.search.yaml_reader import read_yaml
from assay.spaces import NoResultError, NotFoundError, UsageError

from .conftest import Recorder


def manifest(folder: Path) -> dict[str, Any]:
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))  # type: ignore[no-any-return]


def test_files(finished: Results, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "best"
    bundle = finished.export(folder)
    assert [path.name for path in bundle.files] == ["config.yaml", "config.json", "manifest.json"]
    assert sorted(folder.iterdir()) == sorted(bundle.files)
    assert (bundle.folder, bundle.trial, bundle.config) == (folder, 1, finished.best_config)
    text = (folder / "config.yaml").read_text(encoding="utf-8")
    from_json = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert yaml.safe_load(text) == read_yaml(text).value == from_json == finished.best_config


def test_manifest(finished: Results, tmp_path: Path) -> None:
    finished.export(tmp_path)
    told = manifest(tmp_path)
    for name, checksum in told["sha256"].items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == checksum
    assert set(told["sha256"]) == {"config.yaml", "config.json"}
    assert (told["trial"], told["config_id"]) == (1, finished.best_trial.config.config_id)
    assert told["result"] == finished.leaderboard().to_dict()["rows"][0]
    assert "rows" not in told["leaderboard"]
    assert told["sweep"] == finished.sweep.model_dump(mode="json")
    assert told["code"] is None  # the sweep's folder is in no git checkout
    assert {"assay", "numpy"} <= set(told["packages"])


def test_header(finished: Results, tmp_path: Path) -> None:
    finished.export(tmp_path)
    lines = (tmp_path / "config.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"# sweep demo, trial 1, config {finished.best_trial.config.config_id}"
    assert lines[1].startswith("# accuracy 0.92 (95 % interval 0.87")
    assert lines[1].endswith(", 3 fresh replicates)")
    assert lines[2:] == ["# tied for best: trials 1, 2", "lr: 0.05"]
    finished.export(tmp_path, trial=0)
    assert "# not tied for best" in (tmp_path / "config.yaml").read_text(encoding="utf-8")


def test_header_before_replication(recorder: Callable[..., Recorder], tmp_path: Path) -> None:
    made = recorder()
    made.search([0.5])
    made.results().export(tmp_path)
    text = (tmp_path / "config.yaml").read_text(encoding="utf-8")
    assert "# not replicated: its score comes from the search and flatters it\n" in text


@pytest.mark.parametrize("metric", ["a\nlr: 9", "bell\x07", "line\u2028break", "日本"])
def test_a_strange_metric_does_not_break_the_header(
    recorder: Callable[..., Recorder], tmp_path: Path, metric: str
) -> None:
    made = recorder(objectives=[{"metric": metric, "goal": "maximize"}], leaderboard={"top": 1, "seeds": 2})
    made.replicate(made.search([0.5]), [0.4, 0.5])
    bundle = made.results().export(tmp_path)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text(encoding="utf-8")) == bundle.config == {"lr": 0.1}


def test_nested_names_and_tricky_values(recorder: Callable[..., Recorder], tmp_path: Path) -> None:
    made = recorder()
    config = {"optim.lr": 1e-05, "optim.name": "1e-4", "flag": True, "none": None, "text": "no", "size": 2**40}
    made.search([0.5], config)
    bundle = made.results().export(tmp_path)
    assert bundle.config["optim"] == {"lr": 1e-05, "name": "1e-4"}
    assert yaml.safe_load((tmp_path / "config.yaml").read_text(encoding="utf-8")) == bundle.config
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8")) == bundle.config


def test_one_format(finished: Results, tmp_path: Path) -> None:
    bundle = finished.export(tmp_path, formats=("json",))
    assert [path.name for path in bundle.files] == ["config.json", "manifest.json"]
    assert list(manifest(tmp_path)["sha256"]) == ["config.json"]


@pytest.mark.parametrize(("formats", "got"), [(("toml",), "toml"), (("yaml", "x", "y"), "x, y"), ((), "nothing")])
def test_unknown_format(finished: Results, tmp_path: Path, formats: tuple[str, ...], got: str) -> None:
    with pytest.raises(UsageError) as caught:
        finished.export(tmp_path / "new", formats)
    assert str(caught.value) == f"export: format must be 'yaml' or 'json', got {got}"
    assert not (tmp_path / "new").exists()


def test_a_trial_of_another_phase_stands_for_its_search_trial(finished: Results, tmp_path: Path) -> None:
    replicate = finished.phase(Phase.REPLICATE)[-1]
    test = next(trial for trial in finished.phase(Phase.TEST) if trial.parent == replicate.number)
    for number in (2, replicate.number, test.number):
        bundle = finished.export(tmp_path, trial=number)
        assert (bundle.trial, bundle.config) == (2, {"lr": 0.025})
    assert manifest(tmp_path)["result"]["trial"] == 2


def test_a_failed_trial_has_a_config_too(recorder: Callable[..., Recorder], tmp_path: Path) -> None:
    made = recorder()
    made.search([0.5])
    made.search([], state=State.FAILED, reason="boom")
    bundle = made.results().export(tmp_path, trial=1)
    assert bundle.config == {"lr": 0.05}
    assert manifest(tmp_path)["result"] is None


def test_unknown_trial(finished: Results, recorder: Callable[..., Recorder], tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="sweep 'demo' has no trial 99: it has 0 to 17"):
        finished.export(tmp_path, trial=99)
    with pytest.raises(NotFoundError, match="sweep 'demo' has no trial 0: it has none yet"):
        recorder().results().export(tmp_path, trial=0)
    with pytest.raises(NoResultError):
        recorder().results().export(tmp_path)


def test_unwritable_folder(finished: Results, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(UsageError, match=r"^export: cannot write to "):
            finished.export(folder)


def test_exporting_again_replaces_whole_files(finished: Results, tmp_path: Path) -> None:
    finished.export(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    opened = (tmp_path / "config.json").open(encoding="utf-8")
    finished.export(tmp_path, trial=2)
    with opened:
        assert json.load(opened) == {"lr": 0.05}  # a reader of the old file is not disturbed
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8")) == {"lr": 0.025}
    names = ["config.json", "config.yaml", "manifest.json", "notes.txt"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == names


@pytest.mark.parametrize("value", [1e300, -1.7e308])
def test_extreme_scores_stay_json(recorder: Callable[..., Recorder], tmp_path: Path, value: float) -> None:
    made = recorder(leaderboard={"top": 1, "seeds": 2})
    model, _ = made.replicate(made.search([value]), [value, -value])
    made.test(model, [[0.5, 0.5]], [0])
    made.results().export(tmp_path)
    assert manifest(tmp_path)["result"]["test"]["low"] is None


def test_no_file_of_an_earlier_bundle_stays(finished: Results, tmp_path: Path) -> None:
    best = tmp_path / "best"
    finished.export(best)
    (best / "own.txt").write_text("mine")
    finished.export(best, ("json",), trial=0)
    assert sorted(path.name for path in best.iterdir()) == ["config.json", "manifest.json", "own.txt"]

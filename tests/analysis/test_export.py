"""What production training gets: the config, where it comes from, and checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from assay.analysis import Results
from assay.search import Phase, State
from assay.search.production import FILES
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
    assert {"assay", "numpy"} <= set(told["environment"]["packages"])
    assert (told["schema_version"], told["config"], told["fidelity"]) == (2, {"lr": 0.05}, None)
    assert (told["leaderboard"]["test"], told["leaderboard"]["tied"]) == ("paired_t", [1, 2])
    assert told["production"] == {"values": {"lr": 0.05}, "renamed": {}, "changed": {}}
    assert [(one["seed"], one["split"], one["state"], one["metrics"]) for one in told["replicates"]] == [
        (seed, seed, "complete", {"accuracy": value}) for seed, value in ((1, 0.90), (2, 0.93), (3, 0.93))
    ]


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
    known = "'yaml', 'json', 'argparse', 'hydra', 'lightning' or 'hf'"
    assert str(caught.value) == f"export: format must be {known}, got {got}"
    assert not (tmp_path / "new").exists()


def test_a_trial_of_another_phase_stands_for_its_search_trial(finished: Results, tmp_path: Path) -> None:
    replicate = finished.phase(Phase.REPLICATE)[-1]
    test = next(trial for trial in finished.phase(Phase.TEST) if trial.parent == replicate.number)
    for number in (2, replicate.number, test.number):
        bundle = finished.export(tmp_path, trial=number)
        assert (bundle.trial, bundle.config) == (2, {"lr": 0.025})
    assert manifest(tmp_path)["result"]["trial"] == 2


@pytest.mark.parametrize(("milliseconds", "front"), [(1.0, ""), (9.0, "the front of accuracy and ms has trials 4, 0")])
def test_a_front_is_spoken_of_where_it_leaves_a_choice(
    recorder: Callable[..., Recorder], tmp_path: Path, milliseconds: float, front: str
) -> None:
    both = [{"metric": "accuracy", "goal": "maximize"}, {"metric": "ms", "goal": "minimize"}]
    made = recorder(objectives=both)
    for value, took in ((0.5, 2.0), (0.9, milliseconds)):
        made.others = {"ms": took}
        made.replicate(made.search([value]), [value, value + 0.01, value - 0.01])
    bundle = made.results().export(tmp_path / "best")
    assert bundle.trial == 4
    chosen = "trial 4 is the choice of the leaderboard, which compares accuracy alone"
    assert bundle.notes == ([f"{chosen}; {front}"] if front else [])


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


PRODUCTION: dict[str, Any] = {
    "rename": {"lr": "model.lr"},
    "retrain": {"epochs": 40, "data.split": "train+val", "lr": 1e-05},
}
OWN = "model: {lr: 1, name: resnet}   # mine\nseed: 1\n"


def exported(recorder: Callable[..., Recorder], **export: Any) -> Results:
    """A sweep with this export section, and with one trial of the search."""
    made = recorder(export=PRODUCTION | export)
    made.search([0.5])
    return made.results()


def test_names_and_values_of_production(recorder: Callable[..., Recorder], tmp_path: Path) -> None:
    results = exported(recorder, formats=["yaml", "hf"])
    bundle = results.export(tmp_path)
    assert results.best_config == {"lr": 0.1}
    assert bundle.values == {"model.lr": 1e-05, "epochs": 40, "data.split": "train+val"}
    assert bundle.config == {"model": {"lr": 1e-05}, "epochs": 40, "data": {"split": "train+val"}}
    assert [path.name for path in bundle.files] == ["config.yaml", "hf.json", "manifest.json"]
    text = (tmp_path / "config.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text) == bundle.config
    assert text.splitlines()[2:5] == [
        "# for production: epochs is 40 (not in the tested config)",
        "# for production: data.split is 'train+val' (not in the tested config)",
        "# for production: model.lr is 1e-05 (0.1 when tested)",
    ]
    assert manifest(tmp_path)["config"] == {"lr": 0.1}
    assert manifest(tmp_path)["production"] == {
        "values": bundle.values,
        "renamed": {"lr": "model.lr"},
        "changed": {
            "epochs": {"production": 40},
            "data.split": {"production": "train+val"},
            "model.lr": {"tested": 0.1, "production": 1e-05},
        },
    }


def test_every_format(recorder: Callable[..., Recorder], tmp_path: Path) -> None:
    results = exported(recorder, formats=[*FILES])
    bundle = results.export(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in bundle.files} == {
        *FILES.values(), "hydra/experiment/demo.yaml", "manifest.json"
    }  # fmt: skip
    assert set(manifest(tmp_path)["sha256"]) == {*FILES.values(), "hydra/experiment/demo.yaml"}
    assert [line.partition(":")[0] for line in bundle.check()] == [
        "config.yaml", "config.json", "best.args", "hydra/experiment/demo.yaml", "overrides.txt", "lightning.yaml",
        "hf.json",
    ]  # fmt: skip
    assert len(bundle.next) == len(FILES) - 1  # config.json goes with config.yaml
    results.export(tmp_path, ("json",))
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file() and "store" not in str(path)) == [
        "config.json", "manifest.json"
    ]  # fmt: skip


def test_where_the_section_says(
    recorder: Callable[..., Recorder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = exported(recorder, to="out/best")
    bundle = results.export()
    assert bundle.folder == Path(results.record.directory) / "out" / "best"
    assert (bundle.folder / "config.yaml").is_file()
    monkeypatch.chdir(tmp_path)
    assert exported(recorder).export().folder == Path("best")
    moved = Results(results.ledger, replace(results.record, directory=str(tmp_path / "gone")))
    with pytest.raises(UsageError, match=r"^export\.to is seen from .*gone, which is not here: say which folder"):
        moved.export()
    assert moved.export(tmp_path / "here").folder == tmp_path / "here"


def test_the_users_own_file(recorder: Callable[..., Recorder], tmp_path: Path) -> None:
    results = exported(recorder, into="conf/train.yaml")
    own = Path(results.record.directory, "conf", "train.yaml")
    own.parent.mkdir()
    own.write_text(OWN)
    bundle = results.export(tmp_path / "best")
    assert (tmp_path / "best" / "train.yaml").read_text() == (
        "model: {lr: 1.0e-05, name: resnet}   # mine\nseed: 1\nepochs: 40\ndata:\n  split: train+val\n"
    )
    assert own.read_text() == OWN
    assert bundle.notes == ["train.yaml: added, as it had none: epochs, data.split"]
    assert bundle.next[0] == f"start your training with {tmp_path / 'best' / 'train.yaml'}"
    assert "train.yaml: 3 values, read as written by PyYAML" in bundle.check()
    assert "train.yaml" in manifest(tmp_path / "best")["sha256"]
    own.write_text(OWN.replace("{lr", "&m {lr") + "other: *m\n")
    [_, told] = results.export(tmp_path / "best").notes
    assert told == "train.yaml: under an anchor (&), so that it changes wherever that is used: model.lr"
    alone = results.export(tmp_path / "best", ("json",))
    assert [path.name for path in alone.files] == ["config.json", "manifest.json"]
    assert not (tmp_path / "best" / "train.yaml").exists()


def test_a_file_that_cannot_be_filled_in(recorder: Callable[..., Recorder], tmp_path: Path) -> None:
    results = exported(recorder, into="train.yaml")
    own = Path(results.record.directory, "train.yaml")

    def refusal(folder: Path = tmp_path / "best") -> list[str]:
        with pytest.raises(UsageError) as caught:
            results.export(folder)
        return str(caught.value).splitlines()

    assert refusal() == [f"export.into: there is no file {own}: the path is seen from the sweep file's folder"]
    own.write_bytes(b"\xff\xfe")
    assert refusal() == [f"export.into: {own} is not UTF-8 text"]
    own.write_text("model: [1]\ndata: 3\n")
    assert refusal() == [
        f"export.into: {own}: model.lr: 'model' is no mapping there",
        f"export.into: {own}: data.split: 'data' is no mapping there",
    ]
    own.write_text(OWN)
    assert refusal(own.parent) == ["export.into: 'train.yaml' itself would be overwritten: choose another folder"]
    own.unlink()
    own.mkdir()
    assert refusal() == [f"export.into: {own} cannot be read: Is a directory"]
    assert not (tmp_path / "best").exists()


@pytest.mark.parametrize("name", ["config.yaml", "manifest.json"])
def test_a_file_that_is_not_of_an_export_stays(finished: Results, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(UsageError) as caught:
        finished.export(tmp_path)
    assert str(caught.value) == (
        f"export: {tmp_path / name} is not of an export: choose another folder, or remove the file"
    )
    assert (tmp_path / name).read_text() == "{}"


def test_only_files_of_the_folder_are_removed(finished: Results, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("mine")
    best = tmp_path / "best"
    finished.export(best)
    told = manifest(best)
    told["sha256"] |= {"../outside.txt": "", str(tmp_path / "outside.txt"): ""}
    (best / "manifest.json").write_text(json.dumps(told))
    finished.export(best, ("json",))
    assert (tmp_path / "outside.txt").read_text() == "mine"
    assert sorted(path.name for path in best.iterdir()) == ["config.json", "manifest.json"]

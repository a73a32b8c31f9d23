"""The best config as files that production training reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..search import Phase, SweepRecord, Trial
from ..search.production import FILES, MANIFEST, Production, production
from ..search.store import near
from ..spaces import DamagedFileError, NotFoundError, Objective, SpaceError, UsageError, did_you_mean, one_of
from ..spaces.config import nest
from ..spaces.errors import shown
from .export_formats import Content, write_format
from .export_manifest import find_row, manifest_of
from .leaderboard import Leaderboard
from .network_files import network_files, refuse_supernet
from .patch_yaml import Patched, fill_in

if TYPE_CHECKING:
    from .front import Front
    from .results import Results

DEFAULT_FOLDER = "best"


@dataclass(frozen=True)
class ExportBundle:
    """What was written.

    Args:
        files: config.yaml, config.json, ... as asked for, and at the end manifest.json.
        trial: of the search, whose config it is.
        config: with the values and names of production, nested.
        values: the same by dotted name.
        next: for each format how to start a training with it.
        notes: what a reader must know to use the files.
        parts: of an ensemble: a bundle for each member, the largest share first; ``trial`` and ``config`` are of that.
    """

    folder: Path
    files: list[Path]
    trial: int
    config: dict[str, Any]
    values: dict[str, Any]
    next: list[str]
    notes: list[str]
    parts: list[ExportBundle] = field(default_factory=list)

    def check(self) -> list[str]:
        """Read each file as its consumer does; see :func:`.export_check.check_bundle`."""
        from .export_check import check_bundle

        if self.parts:
            return [f"{part.folder.name}/{line}" for part in self.parts for line in part.check()]
        return check_bundle(self)


def export_config(
    results: Results,
    folder: Path | None = None,
    formats: tuple[str, ...] | None = None,
    trial: int | None = None,
    *,
    or_best: bool = False,
) -> ExportBundle:
    """Write the winner's config, or that of ``trial``, into ``folder``; the files of an earlier export are replaced.

    Names and values are those of production: ``export.rename`` and ``export.retrain``. JSON is the truth, YAML a view
    with the same values; ``manifest.json`` says where they come from, with checksums.

    Args:
        folder: ``export.to`` of the sweep when None, or ``best`` in the current folder.
        formats: those of ``export.formats``, and the copy of ``export.into``, when None; otherwise these alone.
        or_best: with ``export.select: ensemble``, the winner's config with a note when the ensemble is refused.

    Raises:
        UsageError: for an unknown format, a value that a format cannot hold, or a folder that cannot be written; with
            ``export.select: ensemble``, when there is no ensemble that is better than the best single model.
        NotFoundError: for a trial that does not exist.
        NoResultError: when no trial has a score.
    """
    export = results.sweep.export
    into = export.into if formats is None else None
    formats = tuple(dict.fromkeys(export.formats if formats is None else formats))
    _refuse_formats(formats)
    folder = _default_folder(results.record) if folder is None else folder
    refusal = ""
    if trial is None and export.select == "ensemble":
        from .export_ensemble import export_ensemble, why_refused

        refusal = why_refused(results) if or_best else ""
        if not refusal:
            return export_ensemble(results, folder, formats, into)
    source, why = _chosen(results) if trial is None else (_search_trial(results, trial), "")
    why = "; ".join(filter(None, (refusal, why)))
    made = production(source.config, results.sweep.parameters, export)
    network, told = _network(results, source)
    header = _header(results.leaderboard(), source, made, why)
    content = Content(made.values, results.record.name, results.sweep.seed, header)
    written = [write_format(word, content, str(near(folder))) for word in FILES if word in formats]
    texts: dict[str, str | bytes] = {path: text for one in written for path, text in one.texts.items()}
    texts |= network
    commands = [one.command for one in written if "yaml" not in formats or FILES["json"] not in one.texts]
    notes = [*([why] if why else []), *(note for one in written for note in one.notes), *told]
    if into is not None:
        original = Path(results.record.directory, into)
        copy = folder / original.name
        texts[copy.name], told = filled_in(original, copy, made, into)
        commands.insert(0, f"start your training with {near(copy)}")
        notes += told
    texts[MANIFEST] = json.dumps(manifest_of(results, source, made, texts), indent=2, allow_nan=False) + "\n"
    files = write_files(folder, texts)
    return ExportBundle(folder, files, source.number, nest(made.values), made.values, commands, notes)


def _network(results: Results, source: Trial) -> tuple[dict[str, str | bytes], list[str]]:
    """The files of the network, and what is to be said; where they cannot be made, the config is handed over alone."""
    try:
        return network_files(results, source)
    except DamagedFileError:
        raise
    except UsageError as error:
        return {}, [f"the config alone, without its network: {error}"]


def into_problems(into: str, directory: str | Path, names: Iterable[str]) -> list[str]:
    """Why values cannot be filled into a file of the user's; empty when they can.

    Args:
        into: the file, seen from ``directory``.
        names: of all parameters in production.
    """
    try:
        _patched(Path(directory, into), dict.fromkeys(names, 0))
    except UsageError as error:
        return str(error).splitlines()
    return []


def filled_in(original: Path, copy: Path, made: Production, into: str) -> tuple[str, list[str]]:
    """The text of a file of the user's with the values, and what a reader must know.

    Raises:
        UsageError: when ``copy`` is the file itself, or it cannot be filled in.
    """
    if copy.exists() and copy.samefile(original):
        raise UsageError(f"export.into: {shown(into)} itself would be overwritten: choose another folder")
    try:
        patched = _patched(original, made.values)
    except UsageError as error:
        lines = str(error).splitlines()
        raise UsageError("\n".join(f"export.into: {line}" for line in lines)) from error
    notes = []
    if patched.added:
        notes.append(f"{copy.name}: added, as it had none: {', '.join(patched.added)}")
    if patched.anchored:
        names = ", ".join(patched.anchored)
        notes.append(f"{copy.name}: under an anchor (&), so that it changes wherever that is used: {names}")
    return patched.text, notes


def _patched(file: Path, values: dict[str, Any]) -> Patched:
    """The text of ``file`` with ``values``.

    Raises:
        UsageError: when it cannot be read or filled in, one line per mistake.
    """
    try:
        with file.open(encoding="utf-8", newline="") as opened:  # with its own line breaks
            text = opened.read()
    except FileNotFoundError:
        raise UsageError(f"there is no file {near(file)}: the path is seen from the sweep file's folder") from None
    except UnicodeDecodeError:
        raise UsageError(f"{near(file)} is not UTF-8 text") from None
    except OSError as error:
        raise UsageError(f"{near(file)} cannot be read: {error.strerror or error}") from error
    try:
        return fill_in(text, values, as_json=file.suffix == ".json")
    except SpaceError as error:
        lines = [f"{near(file)}: {one}" if one.where else f"{near(file)} {one}" for one in error.problems]
        raise UsageError("\n".join(lines)) from error


def _refuse_formats(formats: tuple[str, ...]) -> None:
    unknown = [word for word in formats if word not in FILES]
    if unknown or not formats:
        hint = did_you_mean(unknown[0], FILES) if unknown else ""
        raise UsageError(f"export: format must be {one_of(FILES)}, got {', '.join(unknown) or 'nothing'}{hint}")


def _default_folder(record: SweepRecord) -> Path:
    to = record.sweep.export.to
    if to is None:
        return Path(DEFAULT_FOLDER)
    if not Path(to).is_absolute() and not Path(record.directory).is_dir():
        raise UsageError(f"export.to is seen from {record.directory}, which is not here: say which folder to write")
    return Path(record.directory, to)


def _chosen(results: Results) -> tuple[Trial, str]:
    """The trial that ``export.select`` means, and what is to be said of it when it was chosen from a front.

    Raises:
        NoResultError: when no trial has a score.
    """
    objective, best = results.sweep.objective, results.best_trial
    if not objective.others:
        return best, ""
    front = results.front()
    metrics = " and ".join(front.goals)
    if results.sweep.export.select != "knee":
        alone = front.trials == [best.number]  # then it is best in everything, and nothing was left behind
        return best, "" if alone else f"{_by_first(best, objective)}; the front of {metrics} has {_listed(front)}"
    if front.knee is None:
        return best, f"the front of {metrics} has no knee; {_by_first(best, objective)}"
    chosen = next(one for one in results.trials if one.number == front.knee.trial)
    return chosen, f"trial {chosen.number} is the knee of the front of {metrics}, which has {_listed(front)}"


def _by_first(trial: Trial, objective: Objective) -> str:
    return f"trial {trial.number} is the choice of the leaderboard, which compares {objective.metric} alone"


def _listed(front: Front) -> str:
    return f"trial{'s' * (len(front.trials) > 1)} {', '.join(map(str, front.trials))}"


def _search_trial(results: Results, number: int) -> Trial:
    """The search trial of this number, or the one that a replicate or test trial goes back to."""
    by_number = {trial.number: trial for trial in results.trials}
    if number not in by_number:
        there_are = f"0 to {max(by_number)}" if by_number else "none yet"
        raise NotFoundError(f"sweep {results.record.name!r} has no trial {number}: it has {there_are}")
    trial = by_number[number]
    while trial.phase is not Phase.SEARCH and trial.parent is not None:
        trial = by_number[trial.parent]
    refuse_supernet(results, trial)
    return trial


def _header(board: Leaderboard, trial: Trial, made: Production, why: str) -> str:
    row = find_row(board, trial.number)
    lines = [f"sweep {board.name}, trial {trial.number}, config {trial.config.config_id}"]
    if row is not None and row.fresh is not None:
        fresh = row.fresh
        lines.append(
            f"{board.metric} {fresh.mean:.6g} ({100 * (1 - board.alpha):g} % interval {fresh.low:.6g} to "
            f"{fresh.high:.6g}, {fresh.count} fresh replicates)"
        )
        lines.append(f"tied for best: trials {', '.join(map(str, board.tied))}" if row.tied else "not tied for best")
    else:
        lines.append("not replicated: its score comes from the search and flatters it")
    lines += [why] if why else []
    for name, change in made.changed.items():
        tested = f"{change['tested']!r} when tested" if "tested" in change else "not in the tested config"
        lines.append(f"for production: {name} is {change['production']!r} ({tested})")
    return "".join(f"# {_on_one_line(line)}\n" for line in lines)


def _on_one_line(text: str) -> str:
    """A comment ends with its line, and YAML takes no control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def write_files(folder: Path, texts: Mapping[str, str | bytes]) -> list[Path]:
    """The files of a bundle; the manifest is the last, and names all others."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        earlier = _earlier_files(folder)
        foreign = [name for name in texts if (folder / name).exists() and name not in earlier]
        if foreign:
            raise UsageError(
                f"export: {near(folder / foreign[0])} is not of an export: choose another folder, or remove the file"
            )
        for name in earlier.difference(texts):  # none of these may be taken for one of this bundle
            (folder / name).unlink(missing_ok=True)
        return [_replace(folder / name, text) for name, text in texts.items()]
    except OSError as error:
        raise UsageError(f"export: cannot write to {folder}: {error}") from error


def _earlier_files(folder: Path) -> set[str]:
    """The files of the bundle that is in ``folder``, by the manifest."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return set()
    listed = manifest.get("sha256") if isinstance(manifest, dict) else None
    if not isinstance(listed, dict):
        return set()
    return {MANIFEST, *(name for name in listed if not Path(name).is_absolute() and ".." not in Path(name).parts)}


def _replace(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}.tmp")
    staging.write_bytes(content.encode() if isinstance(content, str) else content)
    staging.replace(path)
    return path

"""The members of an ensemble as files that production training reads, and how their predictions are mixed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..search import Trial
from ..search.production import FILES, MANIFEST, Production, production
from ..search.store import near
from ..spaces import UsageError
from ..spaces.config import nest
from .ensembles.report import EnsembleReport
from .export import ExportBundle, filled_in, write_files
from .export_formats import Content, write_format
from .export_manifest import manifest_of

if TYPE_CHECKING:
    from .results import Results

ENSEMBLE = "ensemble.json"
_CURE = "write export: {select: best}, or give a trial"


def export_ensemble(results: Results, folder: Path, formats: tuple[str, ...], into: str | None) -> ExportBundle:
    """Write each member's config into a folder of its own, and ``ensemble.json`` with shares and temperature.

    Args:
        into: a file of the user's, of which each member gets a copy with its values.

    Raises:
        UsageError: when there is no ensemble, or it is not better than the best single model.
    """
    report = results.ensemble()
    if report is None or not report.accepted:
        raise UsageError(f"export.select: {why_refused(results)}: {_CURE}")
    members = [next(t for t in results.trials if t.number == number) for number in _by_share(report)]
    bundles: list[ExportBundle] = []
    texts: dict[str, str] = {}
    for member in members:
        one, files = _member(results, member, folder / _name(member), formats, into, report)
        bundles.append(one)
        texts |= {f"{_name(member)}/{path}": text for path, text in files.items()}
    first = production(members[0].config, results.sweep.parameters, results.sweep.export)
    texts[ENSEMBLE] = _json(report.to_dict() | {"members": [_entry(member, report) for member in members]})
    manifest = manifest_of(results, members[0], first, texts) | {"ensemble": report.to_dict()}
    texts[MANIFEST] = _json(manifest)
    mixed = f"{ENSEMBLE}: {len(members)} models to train, each with its config, and how their predictions are mixed"
    notes = [mixed, *dict.fromkeys(note for one in bundles for note in one.notes)]
    head = bundles[0]
    return replace(head, folder=folder, files=write_files(folder, texts), next=[], notes=notes, parts=bundles)


def why_refused(results: Results) -> str:
    """Why the ensemble is not handed over; empty when it is better than the best single model."""
    report = results.ensemble()
    if report is None:
        return results.ensemble_note
    return "" if report.accepted else f"the ensemble is {report.verdict}"


def _member(
    results: Results, trial: Trial, folder: Path, formats: tuple[str, ...], into: str | None, report: EnsembleReport
) -> tuple[ExportBundle, dict[str, str]]:
    """The bundle of one member as it will be, and the texts of its files."""
    made = production(trial.config, results.sweep.parameters, results.sweep.export)
    content = Content(made.values, results.record.name, results.sweep.seed, _header(results, trial, made, report))
    written = [write_format(word, content, str(near(folder))) for word in FILES if word in formats]
    texts = {path: text for one in written for path, text in one.texts.items()}
    notes = [note for one in written for note in one.notes]
    if into is not None:
        original = Path(results.record.directory, into)
        texts[original.name], told = filled_in(original, folder / original.name, made, into)
        notes += told
    files = [folder / path for path in texts]
    return ExportBundle(folder, files, trial.number, nest(made.values), made.values, [], notes), texts


def _header(results: Results, trial: Trial, made: Production, report: EnsembleReport) -> str:
    share = report.weights[trial.number]
    lines = [
        f"# sweep {results.record.name}, trial {trial.number}, config {trial.config.config_id}",
        f"# a member of an ensemble of {len(report.weights)}, with a share of {share:.4g}: see ../{ENSEMBLE}",
    ]
    lines += [f"# for production: {name} is {change['production']!r}" for name, change in made.changed.items()]
    return "".join("".join(c if c.isprintable() else " " for c in line) + "\n" for line in lines)


def _entry(member: Trial, report: EnsembleReport) -> dict[str, Any]:
    facts = {"trial": member.number, "share": report.weights[member.number], "folder": _name(member)}
    return facts | {"config_id": member.config.config_id, "seed": member.seed, "split": member.split}


def _by_share(report: EnsembleReport) -> list[int]:
    return sorted(report.weights, key=lambda number: (-report.weights[number], number))


def _name(member: Trial) -> str:
    return f"trial-{member.number:05d}"


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, allow_nan=False) + "\n"

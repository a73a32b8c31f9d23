"""The leaderboard as a small HTML table, for notebooks and for browsers that run no script."""

from __future__ import annotations

from html import escape

from .. import text
from ..board import Leaderboard, Row
from ..network_text import NETWORK

_STYLE = (
    "<style>.assay-board{border-collapse:collapse;font-variant-numeric:tabular-nums}.assay-board th,.assay-board td"
    "{text-align:left;padding:.2rem .7rem}.assay-board .tied td{background:rgba(0,114,178,.12)}"
    ".assay-board .winner td{font-weight:600}.assay-board caption{text-align:left;padding:.3rem .7rem}</style>"
)


def board_table(board: Leaderboard, caption: str = "") -> str:
    """A table of the rows, with numbers as in text; rows tell by their class who is tied and who won."""
    names = text.differing(board.rows)
    heads = ["rank", "trial", f"{board.metric} ({100 * (1 - board.alpha):g} %)", "n", "p", "tied", "optimism"]
    cells = "".join(f"<th>{escape(head)}</th>" for head in [*heads, "sealed test", "training", *names])
    rows = "".join(_row(row, board, names) for row in board.rows)
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<table class="assay-board">{above}<thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>'


def board_html(board: Leaderboard) -> str:
    """What a notebook shows: the table under its headline, and the notes. Everything is text but the table."""
    notes = "".join(f"<li>{escape(note)}</li>" for note in board.notes)
    return board_table(board, f"{board.name}: {board.headline}") + _STYLE + (f"<ul>{notes}</ul>" if notes else "")


def _row(row: Row, board: Leaderboard, names: list[str]) -> str:
    mean = text.interval(row.fresh) if row.fresh else f"search score {text.number(row.search_score)}"
    cells = [
        str(row.rank or "–"),
        f"{row.trial}{' default' if row.default else ''}{' rival' if row.rival else ''}{_origin(row)}",
        mean,
        str(row.fresh.count if row.fresh else 0),
        text.p_value(row),
        "yes" if row.tied else "",
        text.signed(row.optimism),
        text.interval(row.test),
        text.seconds(row.cost),
    ]
    told = "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "".join(_parameter(row, name) for name in names)
    kind = " ".join(["tied"] * row.tied + ["winner"] * (row.trial == board.winner))
    return f'<tr class="{kind}">{told}</tr>'


def _origin(row: Row) -> str:
    return f" (supernet: {row.supernet})" if row.supernet else ""


def _parameter(row: Row, name: str) -> str:
    """The value; of a network its beginning, with the whole as a hint."""
    hint = f' title="{escape(row.network)}"' if name == NETWORK and row.network else ""
    return f"<td{hint}>{escape(text.parameter(row.readable[name]) if name in row.readable else '')}</td>"

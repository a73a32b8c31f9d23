"""The command ``assay``; heavy imports happen inside the commands."""

from __future__ import annotations

import io
import os
import sys
from contextlib import nullcontext, redirect_stdout
from typing import Annotated

import typer

from .. import __version__
from ..spaces.errors import AssayError
from . import reading, running
from .comparing import compare, power
from .diagnosing import diagnose
from .ensembling import ensemble
from .explaining import ablation, explain, importance
from .exporting import export
from .fronting import front
from .mirroring import dashboard, mirror
from .plotting import plot
from .printing import note
from .replicating import replicate
from .schema import schema
from .serving import report, ui
from .starting import init
from .translating import space

app = typer.Typer(
    name="assay",
    help="Find the best configuration of a model on a Ray cluster, and prove that it is the best.",
    epilog="Exit codes: 0 done, 1 internal error, 2 cannot be used as written, 3 no trial gave a score, 4 not found, "
    "5 cluster, 6 a replayed decision differs, 130 or 143 stopped by Ctrl-C or SIGTERM (resumable).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"assay {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """What goes before a command."""


_RUNNING = (
    init,
    running.run,
    running.resume,
    replicate,
    running.stop,
    running.pause,
    running.cancel,
    running.submit,
    running.check,
)
_READING = (
    reading.list_sweeps,
    reading.leaderboard,
    compare,
    power,
    front,
    ensemble,
    importance,
    ablation,
    explain,
    reading.show,
    diagnose,
    report,
    ui,
    plot,
    export,
    reading.replay,
    reading.import_sweep,
    mirror,
    dashboard,
    schema,
    space,
)
_NAMES = {reading.list_sweeps: "list", reading.import_sweep: "import"}
for _command in (*_RUNNING, *_READING):
    app.command(_NAMES.get(_command))(_command)


def main() -> None:
    """Run the command line; a mistake of the user is one line and an exit code, never a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ± must not end a command
    try:
        with nullcontext() if sys.argv[1:] else redirect_stdout(sys.stderr):  # help that nobody asked for is no data
            code = app(prog_name="assay", standalone_mode=False)
        print(end="", flush=True)  # here, where a broken pipe is caught
    except AssayError as error:
        for traceback in filter(None, getattr(error, "__notes__", [])):  # of the user's code
            note(traceback)
        _fail(str(error), error.exit_code)
    except typer.TyperException as error:
        _fail(_explained(error), error.exit_code)
    except BrokenPipeError:
        _leave_pipe()
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # Rich and Typer make it an exit with 1
            _leave_pipe()
        raise
    except Exception as error:
        if os.environ.get("ASSAY_DEBUG"):
            raise
        text = " ".join(f"{type(error).__name__}: {error}".split())
        _fail(f"internal error: {text[:500]} (ASSAY_DEBUG=1 shows the traceback)", 1)
    else:
        if code == 130:  # what Typer makes of Ctrl-C
            _fail("stopped at once; `assay list` shows what can be resumed", 130)
        sys.exit(code)


def _fail(message: str, code: int) -> None:
    note("\n".join(f"error: {line}" for line in message.splitlines() if line.strip()))
    sys.exit(code)


def _explained(error: typer.TyperException) -> str:
    """A mistake on the command line, with the command whose help has the cure; empty when help was shown already."""
    text = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    return f"{text} (`{context.command_path} --help` tells more)" if text and context else text


def _leave_pipe() -> None:
    """The reader of a pipe left, as `head` does: nothing is wrong, and nothing more can be said."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)

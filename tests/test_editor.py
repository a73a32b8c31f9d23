"""What an editor makes of the JSON Schema: a real yaml-language-server is spoken to as an editor does."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.search import SCHEDULERS, SEARCHERS, Sweep

HERE = Path(__file__).parent
SERVER = HERE / "editor" / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
SCHEMA = HERE.parent / "search" / "sweep.schema.json"
SWEEPS = HERE / "search" / "sweeps"
SETTINGS = {
    "yaml": {
        "schemas": {SCHEMA.as_uri(): ["*.yaml"]},
        "schemaStore": {"enable": False},
        **dict.fromkeys(["validate", "completion", "hover"], True),
    }
}
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="no node: editors bring their own")


class Editor:
    """A client of a language server, over stdio (Language Server Protocol 3.17)."""

    def __init__(self, command: list[str]) -> None:
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._asked = 0
        self._opened = 0
        self._diagnostics: dict[str, list[dict[str, Any]]] = {}
        self.ask("initialize", processId=None, rootUri=None, capabilities={"workspace": {"configuration": True}})
        self.tell("initialized")
        self._configured = False
        self.tell("workspace/didChangeConfiguration", settings=None)
        while not self._configured:
            self._read()

    def close(self) -> None:
        with self._server:  # closes its pipes
            self.ask("shutdown")
            self.tell("exit")
            self._server.wait(10)

    def tell(self, method: str, **parameters: Any) -> None:
        self._write({"method": method, "params": parameters})

    def ask(self, method: str, **parameters: Any) -> Any:
        self._asked += 1
        number = self._asked
        self._write({"id": number, "method": method, "params": parameters})
        while True:
            message = self._read()
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def open(self, text: str) -> dict[str, str]:
        """A new document."""
        self._opened += 1
        uri = f"file:///sweeps/{self._opened}.yaml"
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", textDocument=document)
        return {"uri": uri}

    def at(self, method: str, text: str) -> Any:
        """The answer about the place marked with ``|`` in a document."""
        before, after = text.split("|")
        place = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        return self.ask(f"textDocument/{method}", textDocument=self.open(before + after), position=place)

    def completions(self, text: str) -> set[str]:
        return {item["label"] for item in self.at("completion", text)["items"]}

    def hover(self, text: str) -> str:
        return str(self.at("hover", text)["contents"]["value"])

    def problems(self, text: str) -> list[tuple[int, str]]:
        """Line, from 1, and text of what is wrong."""
        uri = self.open(text)["uri"]
        while uri not in self._diagnostics:
            self._read()
        return [(one["range"]["start"]["line"] + 1, one["message"]) for one in self._diagnostics.pop(uri)]

    def _write(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._server.stdin is not None
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._server.stdin.flush()

    def _read(self) -> dict[str, Any]:
        """The next message; what the server asks is answered, what it finds wrong is kept."""
        assert self._server.stdout is not None
        length = 0
        while line := self._server.stdout.readline().strip():
            length = int(line.removeprefix(b"Content-Length: "))
        assert length, "the server has ended"
        message: dict[str, Any] = json.loads(self._server.stdout.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            self._diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif message.get("method") == "workspace/configuration":
            wanted = [item["section"] for item in message["params"]["items"]]
            self._write({"id": message["id"], "result": [SETTINGS.get(section) for section in wanted]})
            self._configured = True
        elif "method" in message and "id" in message:
            self._write({"id": message["id"], "result": None})
        return message


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    assert SERVER.exists(), "make setup installs it, where there is npm"
    assert NODE is not None
    opened = Editor([NODE, str(SERVER), "--stdio"])
    yield opened
    opened.close()


def test_completion_offers_every_section(editor: Editor) -> None:
    assert editor.completions("|\n") >= set(Sweep.model_fields)
    assert "name" not in editor.completions("name: x\n|\n")  # once is enough


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("objectives:\n  - goal: |\n", {"maximize", "minimize"}),
        ("objectives: [{metric: loss, goal: |}]\n", {"maximize", "minimize"}),
        ("searcher: |\n", set(SEARCHERS)),
        ("scheduler: |\n", set(SCHEDULERS)),
        ("scheduler:\n  type: |\n", set(SCHEDULERS)),
        ("leaderboard:\n  replicate: |\n", {"top_k", "race", "top_two"}),
    ],
)
def test_completion_offers_the_words_of_a_value(editor: Editor, text: str, expected: set[str]) -> None:
    assert editor.completions(text) == expected


@pytest.mark.parametrize("word", ["pbt", "asha", "none"])
def test_completion_offers_the_keys_of_the_scheduler_at_hand(editor: Editor, word: str) -> None:
    keys = set(SCHEDULERS[word].model_fields) - {"type"}
    assert editor.completions(f"scheduler:\n  type: {word}\n  |\n") == keys
    # Inside braces the server offers keys from the first letter on.
    assert editor.completions(f"scheduler: {{type: {word}, m|}}\n") == keys


def test_completion_offers_the_keys_of_a_parameter(editor: Editor) -> None:
    keys = {"min", "max", "log", "step", "mean", "std", "prior", "values", "weights", "value", "when", "help"}
    assert editor.completions("parameters:\n  lr:\n    |\n") >= keys


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("leader|board: {top: 3}\n", "How the best are told apart."),
        (
            "leaderboard: {al|pha: 0.1}\n",
            "The chance that the truly best of the finalists is left out of the tied set.",
        ),
        ("scheduler: {type: pbt, quan|tile: 0.2}\n", "Share of members that copy, and that are copied."),
        ("parameters: {lr: {min: 1, ma|x: 2}}\n", "The largest value."),
        ("cluster: {time|outs: {}}\n", "How long a trial, a report and an end may take."),
    ],
)
def test_hover_shows_what_the_models_say(editor: Editor, text: str, expected: str) -> None:
    assert expected in editor.hover(text)


@pytest.mark.parametrize("file", sorted((SWEEPS / "valid").glob("*.yaml")), ids=lambda file: file.stem)
def test_good_files_have_nothing_marked(editor: Editor, file: Path) -> None:
    assert editor.problems(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("file", sorted((SWEEPS / "invalid").glob("*.yaml")), ids=lambda file: file.stem)
def test_bad_files_have_something_marked(editor: Editor, file: Path) -> None:
    assert editor.problems(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("fidelity: {max: 9}\nscheduler: {type: asha, eta: 1}\n", (9, "Value is below the minimum of 1.1.")),
        ("fidelity: {max: 9}\nscheduler: {type: asha, quantile: 0.3}\n", (9, "Property quantile is not allowed.")),
        ("colour: red\n", (8, "Property colour is not allowed.")),
        ("seed: seven\n", (8, 'Incorrect type. Expected "integer".')),
        ("scheduler: asha\n", (1, 'Missing property "fidelity".')),
        ("cluster: {timeouts: {trial: 2 hours}}\n", (8, "Write a duration such as 90s, 10m, 2h or 1h30m.")),
    ],
)
def test_mistakes_are_marked_where_they_stand(editor: Editor, lines: str, expected: tuple[int, str]) -> None:
    good = (SWEEPS / "valid" / "quickstart.yaml").read_text(encoding="utf-8")
    assert good.count("\n") == 7
    assert editor.problems(good + lines) == [expected]

from __future__ import annotations

import json
import sqlite3
import threading
import zlib
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from stepchat.demo.server import DemoServer
from tests.shell import Shell

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-or-v1-abcdefghijklmnop-0123456789"


class Echo(BaseHTTPRequestHandler):
    """A server that repeats the key wherever it can."""

    def do_POST(self) -> None:
        self.server.received.append(self.headers["authorization"])
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        words = f"Your key {self.headers['authorization']} is known to me. {KEY}"
        error = {"error": {"code": 402, "message": words, "metadata": {"raw": words}}}
        match asked["messages"][-1]["content"]:
            case "payment":
                self._say(402, "application/json", json.dumps(error))
            case "refused":
                self._say(401, "application/json", json.dumps(error))
            case "page":
                self._say(400, "text/html", f"<html><body>{words}</body></html>")
            case "moved":
                self._say(302, "text/plain", "", location=f"http://127.0.0.1:1/{KEY}")
            case "code":
                self._say(400, "application/json", json.dumps({"error": {"code": KEY, "message": "x"}}))
            case "name":
                error = {"error": {"message": "x", "metadata": {"provider_name": KEY, "error_type": KEY}}}
                self._say(400, "application/json", json.dumps(error))
            case "long":
                self._say(400, "application/json", json.dumps({"error": {"message": "x" * 490 + KEY}}))
            case "wide":
                self._say(400, "text/plain", "x" * 290 + KEY)
            case "repeated":
                facts = {"id": KEY, "model": KEY, "provider": KEY, "usage": {"note": KEY}}
                details = [{"type": "reasoning.text", "text": words, "format": KEY, KEY: 1.0}]
                delta = {"content": words, "reasoning": words, "reasoning_details": details, "refusal": words}
                call = {"index": 0, "id": KEY, "function": {"name": KEY, "arguments": f'{{"a": "{KEY}"}}'}}
                chunk = {**facts, "choices": [{"delta": {**delta, "tool_calls": [call]}, "finish_reason": "stop"}]}
                headers = {"x-generation-id": KEY, "set-cookie": f"key={KEY}"}
                self._say(200, "text/event-stream", f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n", **headers)
            case "pieces":
                parts = [KEY[at : at + 5] for at in range(0, len(KEY), 5)]
                deltas = [
                    {"reasoning": part, "reasoning_details": [{"type": "reasoning.text", "text": part}]}
                    for part in parts
                ]
                deltas += [{"content": part} for part in parts]
                chunks = [{"choices": [{"delta": delta}]} for delta in deltas]
                chunks.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
                events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
                self._say(200, "text/event-stream", f"{events}data: [DONE]\n\n")
            case "answer":
                chunk = {"choices": [{"delta": {"content": "Hello."}, "finish_reason": "stop"}]}
                self._say(200, "text/event-stream", f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n")
            case _:
                chunk = {"choices": [{"delta": {"content": "Half"}}]}
                self._say(200, "text/event-stream", f"data: {json.dumps(chunk)}\n\ndata: {json.dumps(error)}\n\n")

    def _say(self, status: int, kind: str, body: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def echo():
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.received = []
        server.url = f"http://127.0.0.1:{server.server_port}/api/v1"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0) as server:
        shell = Shell(tmp_path, server, monkeypatch, capsys)
        shell.set(OPENROUTER_API_KEY=KEY)
        yield shell


def written(shell: Shell) -> str:
    """All that is in the files of the home."""
    files = [path for path in shell.home.rglob("*") if path.is_file()]
    assert any(path.name == "sessions.db" for path in files)
    database = next(path for path in files if path.name == "sessions.db")
    return "".join([*(path.read_bytes().decode("latin-1") for path in files), *unpacked(database)])


def unpacked(database: Path) -> list[str]:
    """What is compressed in it."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT about FROM exchange UNION ALL SELECT events FROM exchange UNION ALL SELECT data FROM sent_text"
        ).fetchall()
    assert len(rows) > 2
    return [zlib.decompress(data).decode("latin-1") for (data,) in rows]


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize("how", ["payment", "refused", "page", "moved", "code", "name", "long", "wide", "stream"])
def test_key_that_the_server_repeats_goes_nowhere(shell, echo, how, form):
    code, out, err = shell("--base-url", echo.url, *form, how)
    assert code == (3 if how == "refused" else 1)
    kept = shell("sessions", "export", how, "--json")
    assert kept.code == 0
    everything = "".join([out, err, kept.out, written(shell)])
    # Not even a part of it.
    assert KEY[:12] not in everything
    assert KEY[-12:] not in everything
    if how in {"payment", "refused", "page", "stream"}:
        assert "[key removed]" in err


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_key_that_a_good_answer_repeats_is_taken_out_of_it(shell, echo, form):
    ran = shell("--base-url", echo.url, *form, "repeated")
    kept = shell("sessions", "export", "repeated", "--json")
    assert "Your key Bearer [key removed] is known to me." in ran.out
    everything = "".join([ran.out, ran.err, kept.out, written(shell)])
    assert KEY[:12] not in everything
    assert KEY[-12:] not in everything


def test_key_that_comes_in_pieces_is_kept_nowhere(shell, echo):
    shell("--base-url", echo.url, "--json", "pieces")
    said = [shell("sessions", *command) for command in (["export", "pieces"], ["show", "pieces", "--ledger"])]
    everything = "".join([*(ran.out + ran.err for ran in said), written(shell)])
    assert "[key removed]" in everything
    assert KEY[:12] not in everything
    assert KEY[-12:] not in everything


def test_key_is_in_the_request_and_nowhere_else(shell, echo):
    ran = shell("--base-url", echo.url, "--json", "answer")
    assert (ran.code, echo.received) == (0, [f"Bearer {KEY}"])
    everything = "".join([ran.out, ran.err, shell("sessions", "export", "answer").out, written(shell)])
    assert KEY[:12] not in everything


def test_bad_key_is_not_shown(shell):
    shell.set(OPENROUTER_API_KEY=f"{KEY} with more")
    ran = shell("hello")
    assert ran.code == 2
    assert KEY not in ran.out + ran.err


def test_no_command_shows_the_key(shell):
    asked = shell("demo:haiku")
    commands = (
        ["doctor"], ["doctor", "--json"], ["models", "--json"], ["servers", "--no-probe", "--json"], ["usage", "--json"],
        ["config", "show"], ["logout"], ["sessions", "export", "--all"], ["demo:http402"], ["--json", "demo:http401"],
    )  # fmt: skip
    said = [asked, *(shell(*command) for command in commands)]
    everything = "".join([*(ran.out + ran.err for ran in said), written(shell)])
    assert KEY[:12] not in everything
    assert KEY[-12:] not in everything
    assert "the environment (OPENROUTER_API_KEY)" in everything


def test_a_kept_key_is_in_its_file_alone(shell):
    shell.set(OPENROUTER_API_KEY=None)
    shell.pipe(f"{KEY}\n".encode())
    said = [shell("login", "--key")]
    said += [shell(*command) for command in (["demo:haiku"], ["doctor"], ["servers", "--json", "--no-probe"])]
    kept = shell.home / "keys" / "openrouter"
    assert kept.read_text().strip() == KEY
    kept.unlink()
    everything = "".join([*(ran.out + ran.err for ran in said), written(shell)])
    assert [ran.code for ran in said] == [0, 0, said[2].code, 0]
    assert KEY[:12] not in everything
    assert KEY[-12:] not in everything

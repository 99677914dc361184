"""stepchat's command line inside the test's own process: quicker than a process, and as real except for the terminal.

A test module makes one with a fixture:

    @pytest.fixture
    def shell(tmp_path, monkeypatch, capsys):
        with DemoServer(speed=0) as server:
            yield Shell(tmp_path, server, monkeypatch, capsys)
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
from typing import TYPE_CHECKING, NamedTuple

from stepchat.chat.accumulator import accumulate
from stepchat.cli.main import run
from stepchat.config.paths import Paths
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from stepchat.demo.server import DemoServer
    from stepchat.messages import Json, StoredMessage

KEY = "sk-or-test"


class Ran(NamedTuple):
    """What a command line did."""

    code: int
    out: str
    err: str


class Shell:
    """Runs command lines with a home, a server, an environment and a stdin of their own."""

    def __init__(
        self, home: Path, server: DemoServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.home = home
        self.server = server
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.set(
            STEPCHAT_HOME=str(home),
            STEPCHAT_BASE_URL=server.url,
            OPENROUTER_API_KEY=KEY,
            STEPCHAT_MODEL=None,
            STEPCHAT_API_KEY=None,
        )
        # Not the keyring of this machine: the module is as good as not installed.
        monkeypatch.setitem(sys.modules, "keyring", None)
        self.pipe(b"")

    def set(self, **environment: str | None) -> None:
        """Set variables of the environment; None removes one."""
        for name, value in environment.items():
            if value is None:
                self._monkeypatch.delenv(name, raising=False)
            else:
                self._monkeypatch.setenv(name, value)

    def pipe(self, data: bytes) -> None:
        """What stdin holds."""
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    def __call__(self, *arguments: str) -> Ran:
        code = run(arguments, None)
        shown = self._capsys.readouterr()
        return Ran(code, shown.out, shown.err)

    def refuse(self, code: int, *arguments: str) -> str:
        """Run what cannot work: it ends with this code, says one line on stderr and nothing on stdout."""
        ran = self(*arguments)
        assert (ran.code, ran.out) == (code, "")
        assert ran.err.startswith("stepchat: ")
        assert ran.err.count("\n") == 1
        assert KEY not in ran.err
        return ran.err

    def asked(self) -> Json:
        """The body of the last request."""
        return self.server.requests[-1].body

    def question(self) -> str:
        """The last question that the server received."""
        return self.asked()["messages"][-1]["content"]

    def newest(self) -> Json:
        """The row of the session that changed last."""
        return json.loads(self("sessions", "list", "--json").out)[0]

    def stored(self, session: str) -> list[StoredMessage]:
        """The messages of a session as the next start finds them."""

        async def read() -> list[StoredMessage]:
            store = SessionStore.open(Paths(self.home, self.home, self.home), accumulate=accumulate)
            found = await store.messages(session)
            await store.close()
            return found

        return asyncio.run(read())

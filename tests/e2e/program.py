"""The real program as a process with pipes: started, watched while it runs, and asked what it kept."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from stepchat.chat.accumulator import accumulate
from stepchat.messages import AssistantMessage
from stepchat.sessions import records
from tests.e2e.terminal import environment

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
STEPCHAT = [sys.executable, "-m", "stepchat"]
KEY = "sk-or-e2e-0123456789abcdef"
PATIENCE = 20


def variables(home: Path, url: str | None, **more: str | None) -> dict[str, str]:
    """The environment of a process whose server is at `url`."""
    ours = {
        "OPENROUTER_API_KEY": KEY,
        "STEPCHAT_BASE_URL": url,
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    return environment(home, {**ours, **more})


def stepchat(
    home: Path, url: str | None, *arguments: str | bytes, stdin: bytes = b"", **more: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run to the end."""
    environ = variables(home, url, **more.pop("environ", {}))
    return subprocess.run(
        [*STEPCHAT, *arguments],
        env=environ,
        input=stdin,
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=False,
        **more,
    )


def export(home: Path, session: str) -> list[dict[str, Any]]:
    """The messages of a session, as `sessions export` tells them."""
    done = stepchat(home, None, "sessions", "export", session, "--json")
    assert done.returncode == 0, done.stderr
    return [row["message"] for row in json.loads(done.stdout)["messages"]]


def look(home: Path, query: str) -> list[Any]:
    """What is on disk just now; nothing while there is no database yet."""
    path = home / "stepchat" / "sessions.db"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []


def on_disk(home: Path) -> AssistantMessage:
    """The parts of the answer that streams."""
    rows = look(home, "SELECT data FROM part ORDER BY number")
    return accumulate(AssistantMessage(), [delta for (data,) in rows for delta in records.deltas_from_text(data)])


class Running:
    """A process that is read while it runs. Killed at the end of a with statement, whatever happens."""

    def __init__(self, home: Path, url: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*STEPCHAT, *arguments],
            env=variables(home, url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        self._changed = threading.Condition()
        self._read: dict[str, bytearray] = {"out": bytearray(), "err": bytearray()}
        self._readers = [
            threading.Thread(target=self._follow, args=(name, stream))
            for name, stream in (("out", self.process.stdout), ("err", self.process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def _follow(self, name: str, stream: IO[bytes] | None) -> None:
        assert stream is not None
        with stream:
            while data := stream.read1():
                with self._changed:
                    self._read[name] += data
                    self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()

    @property
    def out(self) -> str:
        """What came on stdout so far."""
        return self._read["out"].decode(errors="ignore")

    @property
    def err(self) -> str:
        """What came on stderr so far."""
        return self._read["err"].decode(errors="ignore")

    def wait_for(self, condition: Callable[[Running], bool]) -> None:
        """Wait until the condition holds. Raises AssertionError when it does not, or when the process ends before."""
        end = time.monotonic() + PATIENCE
        while not condition(self):
            assert time.monotonic() < end, f"not seen\n{self.out}\n{self.err}"
            assert self.process.poll() is None, f"ended\n{self.out}\n{self.err}"
            with self._changed:
                # The condition may also look at a file, so look again soon.
                self._changed.wait(0.01)

    def end(self, signal: int) -> int:
        """Send a signal, read to the end; the exit code, minus the signal's number when that ended it."""
        self.process.send_signal(signal)
        code = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join()
        return code

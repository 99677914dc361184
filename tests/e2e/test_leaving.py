"""A signal ends the window while the disk refuses an answer."""

from __future__ import annotations

import signal
import sqlite3
import sys
from contextlib import closing

import pytest

from stepchat.demo.server import DemoServer
from tests.e2e.program import export, stepchat, variables
from tests.e2e.terminal import Terminal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_the_disk_refuses_is_written_elsewhere_and_can_be_imported(tmp_path, number):
    home = tmp_path / "stepchat"
    with DemoServer(speed=0) as server:
        stepchat(tmp_path, server.url, "begin")
        with closing(sqlite3.connect(home / "sessions.db")) as disk:
            for name, what in (("whole", "BEFORE UPDATE OF owner ON message"), ("part", "BEFORE INSERT ON part")):
                disk.execute(f"CREATE TRIGGER {name} {what} BEGIN SELECT RAISE(ABORT, 'full'); END")
            with Terminal([sys.executable, "-m", "stepchat"], tmp_path, variables(tmp_path, server.url)) as terminal:
                terminal.wait_for("Ask, or / for commands")
                terminal.type("demo:haiku\r")
                terminal.wait_for("The answer is not saved yet")
                terminal.kill(number)
                assert terminal.wait_exit() == -number
                assert "stepchat: Unsaved text was written to" in terminal.screen()
            for name in ("whole", "part"):
                disk.execute(f"DROP TRIGGER {name}")
        (written,) = home.rglob("stepchat-rescue-*.json")
        assert stepchat(tmp_path, server.url, "sessions", "import", str(written)).returncode == 0
        # It is shown, in the place of what was cut.
        assert export(tmp_path, "demo:haiku")[-1]["content"].startswith("Rain on the window")

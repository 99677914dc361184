"""Running out of open files, memory or threads is one line, not a traceback."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from tests.e2e.terminal import environment


def starved(home, limit: int, amount: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stepchat", "--demo", "demo:haiku"],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(limit, (amount, amount)),
    )


@pytest.mark.parametrize("files", [6, 9, 12, 14])
def test_too_few_open_files(tmp_path, files):
    found = starved(tmp_path, resource.RLIMIT_NOFILE, files)
    assert found.returncode == 1
    assert found.stderr.count("\n") == 1, found.stderr
    assert found.stderr.startswith(
        ("stepchat: Too many open files. Raise the limit", "stepchat: Cannot open the session")
    )


@pytest.mark.parametrize("megabytes", [60, 100, 200])
def test_too_little_memory(tmp_path, megabytes):
    found = starved(tmp_path, resource.RLIMIT_AS, megabytes << 20)
    assert found.returncode == 1
    assert found.stderr.count("\n") == 1, found.stderr
    assert found.stderr.startswith(("stepchat: Out of memory", "stepchat: Cannot start a thread")), found.stderr

from __future__ import annotations

import sys

import pytest

from stepchat.chat.answer_hook import run_hook
from stepchat.errors import StepchatError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the commands are those of a POSIX shell")


async def test_the_command_gets_the_answer(tmp_path):
    await run_hook(f"cat > {tmp_path}/answer", "Söme text\n")
    assert (tmp_path / "answer").read_text() == "Söme text\n"


async def test_a_command_need_not_read_it():
    await run_hook("true", "x" * 1_000_000)


async def test_a_failure_is_reported_with_what_the_command_said():
    with pytest.raises(StepchatError, match="failed with 3: no sound card"):
        await run_hook("echo 'no sound card' >&2; exit 3", "text")

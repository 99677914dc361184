from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from stepchat import lossless_json
from stepchat.chat import rescue
from stepchat.chat.workspace import StartOptions
from stepchat.config.paths import Paths
from stepchat.demo.server import DemoServer
from stepchat.sessions.importing import importer
from stepchat.sessions.importing.importer import import_file
from stepchat.tui.dialogs.pick import Picker
from tests.tui.window import say, wait_until, window, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stepchat.chat.conversation import Conversation


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(speed=0) as running:
        yield running


REFUSED = {
    "answer": "BEFORE UPDATE OF owner ON message",
    "part": "BEFORE INSERT ON part",
    "draft": "BEFORE UPDATE OF draft ON session",
}


@contextmanager
def refusing(home: Path, *what: str) -> Iterator[None]:
    """A disk that takes none of this, while it lasts."""
    with closing(sqlite3.connect(Paths(home, home, home).database)) as disk:
        for name in what:
            disk.execute(f"CREATE TRIGGER full_{name} {REFUSED[name]} BEGIN SELECT RAISE(ABORT, 'full'); END")
        try:
            yield
        finally:
            for name in what:
                disk.execute(f"DROP TRIGGER full_{name}")


def conversation(pilot) -> Conversation:
    return pilot.app.screen_stack[0].conversation


async def quit_and_read(pilot) -> str:
    await pilot.press("ctrl+q")
    return await wait_until(pilot, "Save it as a file")


async def choose(pilot, words: str) -> None:
    await pilot.press(*words)
    await pilot.press("enter")


async def test_going_back_and_trying_again(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        with refusing(tmp_path, "answer"):
            await say(pilot, "demo:haiku")
            await wait_until(pilot, "The answer is not saved yet")
            shown = await quit_and_read(pilot)
            assert "Not saved: an answer of " in shown
            # The same key again does not take the question for answered.
            await pilot.press("ctrl+q")
            await pilot.press("escape")
            await wait_until(pilot, lambda: not isinstance(pilot.app.screen, Picker))
            assert conversation(pilot).busy
            await quit_and_read(pilot)
            await choose(pilot, "again")
            await wait_until(pilot, "Save it as a file")
        await choose(pilot, "again")
        await wait_until(pilot, lambda: not pilot.app.is_running)
    async with window(tmp_path, server, StartOptions(latest=True)) as pilot:
        assert conversation(pilot).path[-1].message.stop == "stop"


async def test_what_the_disk_refuses_goes_into_a_file_that_can_be_imported(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await say(pilot, "demo:haiku")
        await wait_until(pilot, lambda: len(conversation(pilot).path) == 2 and not conversation(pilot).busy)
        with refusing(tmp_path, "answer", "part", "draft"):
            await say(pilot, "demo:proof")
            await wait_until(pilot, "The answer is not saved yet")
            refused = conversation(pilot).unsaved_answer
            write(pilot, "Never said.")
            assert "characters and the prompt's text" in await quit_and_read(pilot)
            chat = pilot.app.screen_stack[0]
            blocked = tmp_path / "blocked"
            blocked.write_text("a file")
            assert rescue.write_rescue([chat.conversation], chat.composer.unsaved_text, [blocked]) == []
            answer, text = rescue.write_rescue(
                [chat.conversation], chat.composer.unsaved_text, [blocked, tmp_path / "rescue"]
            )
            await choose(pilot, "without")
            await wait_until(pilot, lambda: not pilot.app.is_running)
    assert text.read_text() == "Never said."
    assert (answer.stat().st_mode & 0o777, text.stat().st_mode & 0o777) == (0o600, 0o600)
    (read,) = importer.read_file(answer)
    assert [one.message for one in read.content.messages][-1] == refused.message
    assert len(read.content.messages) == 4
    assert read.content.session.title == "demo:haiku"
    async with window(tmp_path, server, StartOptions(latest=True)) as pilot:
        store = pilot.app.workspace.store
        assert (await import_file(store, answer)).messages == 1
        assert (await store.path(refused.session))[-1].message == refused.message
        cut = [one.message.stop for one in await store.messages(refused.session) if one.parent == refused.parent]
        assert cut == ["cut", "stop"]


async def test_quitting_with_the_file_tells_where_it_is(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        with refusing(tmp_path, "answer", "part"):
            await say(pilot, "demo:haiku")
            await wait_until(pilot, "The answer is not saved yet")
            await quit_and_read(pilot)
            await choose(pilot, "file")
            await wait_until(pilot, lambda: not pilot.app.is_running)
    (written,) = tmp_path.glob("stepchat-rescue-*.json")
    assert lossless_json.loads(written.read_text())["session"]["title"] == "demo:haiku"
    assert pilot.app.return_value.endswith(f"stepchat sessions import {written}")


async def test_a_draft_on_its_way_is_waited_for(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await say(pilot, "demo:haiku")
        await wait_until(pilot, lambda: len(conversation(pilot).path) == 2 and not conversation(pilot).busy)
        chat = pilot.app.screen_stack[0]
        with refusing(tmp_path, "draft"):
            write(pilot, "Never said.")
            first = asyncio.create_task(chat.composer.keep())
            await asyncio.sleep(0)
            await chat.composer.keep()
            assert chat.composer.unsaved_text == "Never said."
            await first
        await chat.composer.keep()
        assert chat.composer.unsaved_text == ""


async def test_quitting_saves_and_asks_nothing_when_the_disk_takes_it(tmp_path):
    with DemoServer(speed=200) as server:
        async with window(tmp_path, server) as pilot:
            await say(pilot, "demo:slow wait=30")
            await wait_until(pilot, lambda: conversation(pilot).has_unanswered_question)
            await pilot.press("ctrl+q")
            await wait_until(pilot, lambda: not pilot.app.is_running)
        async with window(tmp_path, server, StartOptions(latest=True)) as pilot:
            assert conversation(pilot).path[-1].message.stop == "cancelled"


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX")
def test_where_every_disk_is_full_the_first_place_is_still_tried(tmp_path):
    script = (
        "import resource, sys; from pathlib import Path; from stepchat.chat.rescue import rescue_directories\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "print(rescue_directories(Path(sys.argv[1]))[0])"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}\n"), done.stderr

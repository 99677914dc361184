"""Files above the prompt: attached, removed, sent, edited, queued, and kept like the text they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual import events

from stepchat.chat.workspace import StartOptions
from stepchat.demo.server import DemoServer
from tests.attachments import files
from tests.tui.screen import screen_text
from tests.tui.window import ask, branch, busy, chat_screen, draft, say, status, wait_until, window, write

if TYPE_CHECKING:
    from pathlib import Path

    from textual.pilot import Pilot

READER = StartOptions(model="anthropic/claude-sonnet-4.5")


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    (folder / "src").mkdir(parents=True)
    (folder / "chart.png").write_bytes(files.png())
    (folder / "src" / "app.py").write_text("x = 1\n")
    (folder / "src" / "other.py").write_text("y = 2\n")
    monkeypatch.chdir(folder)
    return folder


def attached(pilot: Pilot[None]) -> list[str]:
    return [one.name for one in chat_screen(pilot).composer.attachments]


def sent(pilot: Pilot[None]) -> list[list[str]]:
    """The names of the files of each question on the branch."""
    return [
        [one.name for one in stored.message.attachments]
        for stored in branch(pilot)
        if hasattr(stored.message, "attachments")
    ]


async def attach(pilot: Pilot[None], what: str, *names: str) -> None:
    await say(pilot, f"/attach {what}")
    await wait_until(pilot, lambda: all(name in attached(pilot) for name in names))


async def test_files_are_shown_sent_and_kept(tmp_path, server):
    async with window(tmp_path, server, READER) as pilot:
        await attach(pilot, "chart.png", "chart.png")
        await attach(pilot, "src/*.py", "src/app.py", "src/other.py")
        shown = await wait_until(pilot, "@ chart.png · PNG image · 64 × 48 · 121 bytes · ~85 tokens")
        assert "@ src/app.py · text · 6 bytes · ~1 tokens" in shown
        await say(pilot, "/detach other")
        assert attached(pilot) == ["chart.png", "src/app.py"]
        shown = await ask(pilot, "What is this?")
        assert attached(pilot) == []
        assert "I received 2 files" in shown
        assert "@ chart.png · PNG image" in shown
        assert sent(pilot) == [["chart.png", "src/app.py"]]
        await ask(pilot, "demo:haiku")
        assert [part["type"] for part in server.requests[-1].body["messages"][0]["content"]] == ["text", "image_url"]


async def test_they_are_a_draft_like_the_text(tmp_path, server):
    async with window(tmp_path, server, READER) as pilot:
        await attach(pilot, "chart.png", "chart.png")
        write(pilot, "unsent")
        await wait_until(pilot, lambda: "unsent" in chat_screen(pilot)._drafts.kept)
    async with window(tmp_path, server, READER) as pilot:
        assert (draft(pilot), attached(pilot)) == ("unsent", ["chart.png"])
        await chat_screen(pilot).open(None)
        assert (draft(pilot), attached(pilot)) == ("unsent", ["chart.png"])


async def test_backspace_at_the_start_removes_the_last_one(tmp_path, server):
    async with window(tmp_path, server, READER) as pilot:
        await attach(pilot, "src/*.py", "src/app.py", "src/other.py")
        write(pilot, "ab")
        await pilot.press("backspace", "backspace")
        assert len(attached(pilot)) == 2
        await pilot.press("backspace")
        assert attached(pilot) == ["src/app.py"]
        assert "Detached src/other.py." in status(pilot)
        await pilot.press("backspace", "backspace")
        assert attached(pilot) == []
        await say(pilot, "/detach")
        assert "No files are attached." in status(pilot)


async def test_editing_a_question_brings_its_files_back(tmp_path, server):
    async with window(tmp_path, server, READER) as pilot:
        await attach(pilot, "src/app.py", "src/app.py")
        await ask(pilot, "first")
        await attach(pilot, "chart.png", "chart.png")
        write(pilot, "next")
        chat_screen(pilot).edit(branch(pilot)[0])
        await pilot.pause()
        assert (draft(pilot), attached(pilot)) == ("first", ["src/app.py"])
        await attach(pilot, "src/other.py", "src/other.py")
        await ask(pilot, "edited")
        assert sent(pilot) == [["src/app.py", "src/other.py"]]
        assert (draft(pilot), attached(pilot)) == ("next", ["chart.png"])
        # Another answer to the same question gets the same files.
        await say(pilot, "/retry")
        await wait_until(pilot, lambda: not busy(pilot))
        assert server.requests[-1].body["messages"][0]["content"].startswith("File src/app.py:")


async def test_queued_questions_keep_them_also_when_they_come_back(tmp_path, server):
    async with window(tmp_path, server, READER) as pilot:
        await say(pilot, "demo:silent at=3 wait=60")
        await wait_until(pilot, lambda: len(branch(pilot)) == 1)
        await attach(pilot, "chart.png", "chart.png")
        await say(pilot, "queued")
        assert attached(pilot) == []
        await pilot.press("escape")
        await wait_until(pilot, lambda: not busy(pilot))
        await wait_until(pilot, lambda: draft(pilot) == "queued")
        assert attached(pilot) == ["chart.png"]


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("gone.txt", "Cannot attach gone.txt: there is no such file."),
        ("*.xyz", "No file matches *.xyz."),
        ("src", "Cannot attach src: it is a directory."),
        ("chart.png", "step-3.5-flash does not accept"),
    ],
)
async def test_what_cannot_be_attached_is_refused_with_a_reason(tmp_path, server, argument, words):
    async with window(tmp_path, server) as pilot:
        await say(pilot, f"/attach {argument}")
        await wait_until(pilot, lambda: words in " ".join(screen_text(pilot.app).split()))
        assert attached(pilot) == []


async def test_a_path_that_is_typed_pasted_or_dropped_is_offered(tmp_path, server, work):
    async with window(tmp_path, server, READER) as pilot:
        await pilot.press(*"see ./src/app.p")
        assert "Attach" not in screen_text(pilot.app)
        await pilot.press("y")
        await wait_until(pilot, "Attach app.py")
        await pilot.press("tab")
        await wait_until(pilot, lambda: attached(pilot) == ["src/app.py"])
        assert draft(pilot) == "see "
        # As terminals insert a file that is dropped on them.
        pilot.app.post_message(events.Paste(f"'{work / 'chart.png'}' {work / 'src' / 'other.py'}"))
        await wait_until(pilot, "Attach 2 files")
        await pilot.press("tab")
        await wait_until(pilot, lambda: len(attached(pilot)) == 3)
        assert draft(pilot) == "see "
        # What is not taken stays text.
        await pilot.press(*"./src/app.py")
        await wait_until(pilot, "Attach app.py")
        await ask(pilot, draft(pilot))
        assert branch(pilot)[0].message.text == "see ./src/app.py"


async def test_an_at_sign_opens_the_file_picker(tmp_path, server):
    async with window(tmp_path, server, READER) as pilot:
        await pilot.press(*"me@x ", "@")
        await wait_until(pilot, "Attach a file")
        await wait_until(pilot, "src/other.py")
        await pilot.press(*"oth")
        await wait_until(pilot, lambda: "chart.png" not in screen_text(pilot.app))
        await pilot.press("enter")
        await wait_until(pilot, lambda: attached(pilot) == ["src/other.py"])
        assert draft(pilot) == "me@x "
        await pilot.press("@")
        await wait_until(pilot, "Attach a file")
        await pilot.press("escape")
        assert draft(pilot) == "me@x @"


async def test_many_files_and_long_names_fit_into_a_small_window(tmp_path, server, work):
    for number in range(9):
        (work / f"{'long-name-' * 8}{number}.txt").write_text("text")
    async with window(tmp_path, server, READER, size=(60, 16)) as pilot:
        await say(pilot, "/attach long*.txt")
        shown = await wait_until(pilot, "@ 6 more files · ~6 tokens")
        assert shown.count("@ long-name-") == 3
        assert all(len(line.rstrip()) <= 60 for line in shown.split("\n"))


async def test_files_of_the_command_line_wait_for_the_first_question(tmp_path, server):
    start = StartOptions(model=READER.model, files=("chart.png", "src/app.py"))
    async with window(tmp_path, server, start) as pilot:
        await wait_until(pilot, lambda: attached(pilot) == ["chart.png", "src/app.py"])


async def test_a_question_that_begins_with_a_path_takes_the_files_along(tmp_path, server):
    async with window(tmp_path, server, READER) as pilot:
        await attach(pilot, "chart.png", "chart.png")
        await ask(pilot, "/usr/bin/env explained")
        assert sent(pilot) == [["chart.png"]]
        assert attached(pilot) == []


async def test_the_path_of_a_command_is_completed_and_not_offered(tmp_path, server):
    async with window(tmp_path, server, READER) as pilot:
        await pilot.press(*"/attach src/a", "tab")
        assert draft(pilot) == "/attach src/app.py"
        await pilot.press("enter")
        await wait_until(pilot, lambda: attached(pilot) == ["src/app.py"])
        await pilot.press(*"/import ./src/app.py")
        await pilot.pause(0.3)
        assert "Attach app.py" not in screen_text(pilot.app)

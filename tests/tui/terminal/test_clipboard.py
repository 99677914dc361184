from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from stepchat.tui.terminal.clipboard import MAX_SEQUENCE, copy, copy_with_tools, for_multiplexer
from tests.transcript.chat import answered, asked
from tests.tui.screen import screen_rows
from tests.tui.window import say, wait_until, window

if TYPE_CHECKING:
    from pathlib import Path


def tool(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)


def environ(folder: Path, **rest: str) -> dict[str, str]:
    return {"PATH": f"{folder}:{os.defpath}", "OUT": str(folder / "out"), **rest}


@pytest.mark.parametrize(("variable", "name"), [("WAYLAND_DISPLAY", "wl-copy"), ("DISPLAY", "xclip")])
def test_the_tool_of_the_desktop_gets_the_text(tmp_path, variable, name):
    tool(tmp_path, name, 'cat > "$OUT"')
    assert copy_with_tools("Grüße\n\n$x", environ(tmp_path, **{variable: ":0"}))
    assert (tmp_path / "out").read_text() == "Grüße\n\n$x"


def test_tmux_gets_it_as_well(tmp_path):
    tool(tmp_path, "tmux", 'echo "$@" > "$OUT.how"; cat > "$OUT.tmux"')
    assert copy_with_tools("text", environ(tmp_path, TMUX="/tmp/tmux,1,0"))
    assert (tmp_path / "out.tmux").read_text() == "text"
    assert (tmp_path / "out.how").read_text() == "load-buffer -w -\n"
    tool(tmp_path, "xclip", 'cat > "$OUT"')
    assert copy_with_tools("more", environ(tmp_path, TMUX="/tmp/tmux,1,0", DISPLAY=":0"))
    assert ((tmp_path / "out.tmux").read_text(), (tmp_path / "out").read_text()) == ("more", "more")


def test_without_a_desktop_no_tool_is_started(tmp_path):
    tool(tmp_path, "xclip", 'cat > "$OUT"')
    assert not copy_with_tools("text", environ(tmp_path))
    assert not (tmp_path / "out").exists()


def test_the_next_tool_is_used_when_one_fails(tmp_path):
    tool(tmp_path, "xclip", "exit 1")
    tool(tmp_path, "xsel", 'cat > "$OUT"')
    assert copy_with_tools("text", environ(tmp_path, DISPLAY=":0"))
    assert (tmp_path / "out").read_text() == "text"


async def test_nothing_that_a_terminal_or_a_shell_obeys_is_copied(tmp_path):
    hostile = "ls\x1b[201~\r\n\trm -rf x\x9b2J\x07\x00\u202etxt\u2066\u200b\ud800"
    async with window(tmp_path, None) as pilot:
        said = copy(pilot.app, hostile, {})
        assert pilot.app.clipboard == "ls␛[201~\n\trm -rf x\ufffd2J␇␀\ufffdtxt\ufffd\ufffd"
        assert said == f"Sent {len(pilot.app.clipboard)} characters to the terminal."
        pilot.app.copy_to_clipboard(hostile)  # as Textual's own widgets do
        assert "\x1b" not in pilot.app.clipboard
        copy(pilot.app, "שלום 👩‍👩‍👧 e\u0301\t\n")
        assert pilot.app.clipboard == "שלום 👩‍👩‍👧 e\u0301\t\n"


async def test_every_way_to_copy_is_clean(tmp_path):
    said = answered("a\x1b[31m\n\n```sh\nls\x1b[201~\n```", "hm\x07")
    async with window(tmp_path, None) as pilot:
        view = pilot.app.screen.view
        view.show([asked("q\x1b]52;c;eA==\x07"), said])
        await wait_until(pilot, "ls")
        for part in ("answer", "code", "reasoning", "all"):
            pilot.app.copy_to_clipboard("")
            await say(pilot, f"/copy {part}")
            await wait_until(pilot, lambda: pilot.app.clipboard != "")
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", pilot.app.clipboard), part
        x, y = next((row.index("ls"), y) for y, row in enumerate(screen_rows(pilot.app)) if "ls" in row)
        await pilot.mouse_down(view, offset=(2, y - 3))
        await pilot.hover(view, offset=(x + 6, y))
        await pilot.mouse_up(view, offset=(x + 6, y))
        await wait_until(pilot, lambda: pilot.app.clipboard.startswith("a"))
        assert "\x1b" not in pilot.app.clipboard


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("selection", "Nothing is selected. Drag with the mouse to select."),
        ("code", "The last answer has no code."),
        ("reasoning", "There is no reasoning to copy."),
        ("all", "There is nothing to copy yet."),
    ],
)
async def test_a_part_that_does_not_exist_is_reported(tmp_path, part, words):
    async with window(tmp_path, None) as pilot:
        await say(pilot, f"/copy {part}")
        await wait_until(pilot, words)


async def test_the_user_learns_whether_it_is_copied_or_only_sent(tmp_path):
    tool(tmp_path, "xclip", 'cat > "$OUT"')
    async with window(tmp_path, None) as pilot:
        assert copy(pilot.app, "word", environ(tmp_path, DISPLAY=":0")) == "Copied 4 characters."
        assert copy(pilot.app, "x", {}) == "Sent 1 character to the terminal."
        assert "/copy PART FILE" in copy(pilot.app, "x" * MAX_SEQUENCE, {})


def test_multiplexers_get_the_sequence_in_their_own_form():
    sequence = f"\x1b]52;c;{'A' * 1000}\a"
    assert for_multiplexer(sequence, {"TERM": "xterm-256color"}) == sequence
    in_tmux = for_multiplexer(sequence, {"TMUX": "/tmp/tmux,1,0", "TERM": "screen-256color"})
    assert in_tmux == f"{sequence}\x1bPtmux;\x1b{sequence}\x1b\\"
    in_screen = for_multiplexer(sequence, {"STY": "1.pts-0", "TERM": "screen"})
    chunks = re.findall("\x1bP(.*?)\x1b\\\\", in_screen, re.DOTALL)
    assert "".join(chunks) == sequence
    assert max(map(len, chunks)) <= 256
    assert for_multiplexer(sequence, {"TERM": "screen"}) == sequence + in_screen


async def test_a_part_is_written_to_a_file(tmp_path):
    async with window(tmp_path, None) as pilot:
        pilot.app.screen.view.show([asked("q"), answered("An answer.\n\n```sh\nls\n```", "hm")])
        await say(pilot, f"/copy code {tmp_path / 'a file.txt'}")
        await wait_until(pilot, "Saved")
        assert (tmp_path / "a file.txt").read_text().strip() == "ls"
        await say(pilot, f"/copy code {tmp_path / 'a file.txt'}")
        await wait_until(pilot, "exists")

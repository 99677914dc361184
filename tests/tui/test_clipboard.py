from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from stepchat.tui.clipboard import copy, hand_to_tool
from tests.tui.chat import window

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
    assert hand_to_tool("Grüße\n\n$x", environ(tmp_path, **{variable: ":0"}))
    assert (tmp_path / "out").read_text() == "Grüße\n\n$x"


def test_tmux_gets_it_as_well(tmp_path):
    tool(tmp_path, "tmux", 'echo "$@" > "$OUT.how"; cat > "$OUT.tmux"')
    assert hand_to_tool("text", environ(tmp_path, TMUX="/tmp/tmux,1,0"))
    assert (tmp_path / "out.tmux").read_text() == "text"
    assert (tmp_path / "out.how").read_text() == "load-buffer -w -\n"
    tool(tmp_path, "xclip", 'cat > "$OUT"')
    assert hand_to_tool("more", environ(tmp_path, TMUX="/tmp/tmux,1,0", DISPLAY=":0"))
    assert ((tmp_path / "out.tmux").read_text(), (tmp_path / "out").read_text()) == ("more", "more")


def test_without_a_desktop_no_tool_is_started(tmp_path):
    tool(tmp_path, "xclip", 'cat > "$OUT"')
    assert not hand_to_tool("text", environ(tmp_path))
    assert not (tmp_path / "out").exists()


def test_the_next_tool_is_asked_when_one_fails(tmp_path):
    tool(tmp_path, "xclip", "exit 1")
    tool(tmp_path, "xsel", 'cat > "$OUT"')
    assert hand_to_tool("text", environ(tmp_path, DISPLAY=":0"))
    assert (tmp_path / "out").read_text() == "text"


async def test_a_lone_surrogate_can_be_copied(tmp_path):
    async with window(tmp_path, None) as pilot:
        assert copy(pilot.app, "a\ud800b") == "Copied 3 characters."
        assert pilot.app.clipboard == "a?b"

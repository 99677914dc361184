"""[keys] and the leader in the running window."""

from __future__ import annotations

import pytest

from stepchat.config.file import Config
from stepchat.demo.server import DemoServer
from stepchat.tui.commands import COMMANDS, KEY_ROWS
from stepchat.tui.keymap import CHAT, LEADER, build_keymap, normalize_key
from tests.tui.window import ask, busy, draft, status, wait_until, window, write


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


def test_the_defaults_are_valid_and_a_key_occurs_once_per_context():
    assert build_keymap(KEY_ROWS, {}).problems == ()
    seen = [(row.context, key) for row in KEY_ROWS for key in row.keys]
    assert len(seen) == len(set(seen))
    assert all(normalize_key(key) == key for _, key in seen)
    assert len({row.name for row in KEY_ROWS}) == len(KEY_ROWS)


def test_every_command_with_a_key_has_one_that_every_terminal_can_send():
    for row in COMMANDS:
        portable = [
            key for key in row.keys if (key.startswith((LEADER, "ctrl+")) and key[5:6].isalpha()) or key == "escape"
        ]
        assert portable or not row.keys or row.name in {"page-up", "page-down"}, row.name


async def test_the_leader_runs_a_command_and_shows_what_may_follow(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await pilot.press("ctrl+x")
        assert "Ctrl+X" in status(pilot)
        assert "r retry  s sessions" in status(pilot)
        assert "? all" in status(pilot)
        await pilot.press("0")
        await wait_until(pilot, "Ctrl+X 0 is not assigned.")
        assert draft(pilot) == ""
        await pilot.press("ctrl+x", "r")
        await wait_until(pilot, lambda: len(server.requests) == 2)
        await wait_until(pilot, lambda: not busy(pilot))
        await pilot.press("ctrl+x", "escape", "r")
        assert draft(pilot) == "r"
        await pilot.press("ctrl+x", "enter", "x")
        assert draft(pilot) == "r\nx"
        assert len(server.requests) == 2


async def test_keys_of_the_config_replace_the_defaults_everywhere(tmp_path, server):
    keys = {
        "leader": "ctrl+a",
        "retry": ["f6", "leader t"],
        "commands": "none",
        "prompt": {"undo": "f7"},
        "nonsense": "f8",
    }
    (tmp_path / "config.toml").write_text('[keys]\nretry = "f6"\nnonsense = "f8"\n')
    async with window(tmp_path, server, config=Config(keys=keys)) as pilot:
        await wait_until(pilot, "stepchat config check")
        await ask(pilot, "demo:haiku")
        for press in (["f6"], ["ctrl+a", "t"]):
            count = len(server.requests)
            await pilot.press(*press)
            await wait_until(pilot, lambda count=count: len(server.requests) == count + 1)
            await wait_until(pilot, lambda: not busy(pilot))
        await pilot.press("alt+r", "ctrl+p", "a", "f7")
        assert draft(pilot) == ""
        assert len(server.requests) == 3
        await pilot.press("f1")
        await wait_until(pilot, "Commands and keys")
        await pilot.press(*"regenerate")
        assert "F6" in await wait_until(pilot, "Regenerate")


def test_the_contexts_of_the_rows_are_known():
    assert {row.context for row in KEY_ROWS} >= {CHAT, "prompt", "message", "list", "page", "find"}


async def test_earlier_prompts_are_searched_and_never_sent(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await ask(pilot, "demo:haiku second")
        prompt = pilot.app.screen.prompt
        prompt.prefill("second")
        await pilot.press("ctrl+r")
        await wait_until(pilot, "Earlier prompts")
        await pilot.press("escape")
        await wait_until(pilot, lambda: draft(pilot) == "second")
        await pilot.press("ctrl+r")
        await wait_until(pilot, "Earlier prompts")
        await pilot.press("ctrl+u", "ctrl+r", "ctrl+p", "tab")
        await wait_until(pilot, lambda: prompt.text == "demo:haiku second")
        await pilot.press("ctrl+underscore")
        assert prompt.text == "second"
        assert len(server.requests) == 2


async def test_ctrl_c_clears_then_stops_then_quits(tmp_path):
    with DemoServer(speed=1) as server:
        async with window(tmp_path, server) as pilot:
            write(pilot, "demo:long")
            await pilot.press("enter", *"x")
            await wait_until(pilot, lambda: busy(pilot))
            await pilot.press("ctrl+c")
            assert draft(pilot) == ""
            assert busy(pilot)
            await pilot.press("ctrl+c")
            await wait_until(pilot, lambda: not busy(pilot))
            await pilot.press("ctrl+c")
            await wait_until(pilot, "Press Ctrl+C again to quit.")
            await pilot.press("ctrl+c")
            await wait_until(pilot, lambda: not pilot.app.is_running)


async def test_ctrl_d_quits_only_on_an_empty_prompt(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await pilot.press("a", "ctrl+d")
        assert draft(pilot) == "a"
        await pilot.press("backspace", "ctrl+d")
        await wait_until(pilot, lambda: not pilot.app.is_running)

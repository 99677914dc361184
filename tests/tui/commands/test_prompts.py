from __future__ import annotations

import pytest

from stepchat.demo.server import DemoServer
from tests.tui.screen import screen_text
from tests.tui.window import ask, branch, open_session, say, wait_until, window


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "shout.md").write_text("---\ndescription: Louder\nparameters: {seed: 7}\n---\ndemo:haiku {{input}}!")
    (folder / "pirate.md").write_text("---\nrole: system\nparameters: {top_k: 3}\n---\nYou are a pirate.")
    (folder / "new.md").write_text("Never by this name.")
    (folder / "bad.md").write_text("---\nmodle: x\n---\n")
    return tmp_path


async def test_a_command_of_the_library_is_sent_with_its_parameters_once(home, server):
    async with window(home, server) as pilot:
        await say(pilot, "/shout please")
        await wait_until(pilot, lambda: len(branch(pilot)) == 2)
        assert branch(pilot)[0].message.text == "demo:haiku please!"
        assert server.requests[-1].body["seed"] == 7
        await ask(pilot, "demo:haiku")
        assert "seed" not in server.requests[-1].body


async def test_a_persona_starts_a_session(home, server):
    async with window(home, server) as pilot:
        await ask(pilot, "demo:haiku")
        first = open_session(pilot).id
        await say(pilot, "/pirate demo:haiku")
        await wait_until(pilot, lambda: open_session(pilot) is not None and open_session(pilot).id != first)
        await wait_until(pilot, lambda: len(branch(pilot)) == 2)
        body = server.requests[-1].body
        assert body["messages"][0] == {"role": "system", "content": "You are a pirate."}
        assert body["top_k"] == 3


async def test_commands_come_first_and_mistakes_are_reported(home, server):
    async with window(home, server) as pilot:
        await say(pilot, "/bad x")
        await wait_until(pilot, lambda: "line 2: modle is not a key" in " ".join(screen_text(pilot.app).split()))
        await pilot.press("ctrl+c")
        await say(pilot, "/new")
        assert not branch(pilot)
        await pilot.press("/", "s", "h", "o")
        await wait_until(pilot, lambda: "Louder" in screen_text(pilot.app))
    assert not server.requests

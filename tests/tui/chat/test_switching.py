"""A session goes on at the server that it was held at, whatever is asked beside it."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from stepchat.chat.workspace import StartOptions
from stepchat.config.file import Config, Table
from stepchat.demo.server import DemoServer
from stepchat.errors import StepchatError
from stepchat.events import Delta
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.tui.commands.parameters import profile
from tests.tui.window import ask, busy, draft, open_session, say, wait_until, window
from tests.tui.window import workspace as open_place

LONG = "demo:long tokens=200 reasoning=5 speed=60"


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


@pytest.fixture
def other():
    with DemoServer(speed=0) as running:
        yield running


def texts(server):
    return [message["content"] for request in server.requests for message in request.body["messages"]]


async def held(tmp_path, server, address, *messages, cut=""):
    """A session that is on disk since another day; `cut` is what had come of an answer when a kill ended it."""
    place = await open_place(tmp_path, server)
    session = await place.store.create(model="a/b", server=address, system=None)
    parent = None
    for message in messages:
        parent = (await place.store.append(session.id, parent, message)).id
    if cut:
        answer = await place.store.begin_answer(session.id, parent, AssistantMessage(server=address))
        await place.store.add_part(answer, [Delta(text=cut)])
    # Closing gives up the lock, as a kill does.
    await place.close()
    return session


def config(server, *others, **more):
    tables = tuple(Table(f"other{number}", {"base_url": url}) for number, url in enumerate(others))
    return Config(base_url=server.url, servers=tables, **more)


async def test_what_was_held_elsewhere_goes_there_while_another_session_is_answered_here(tmp_path, server, other):
    elsewhere = other.url.replace("/api/v1", "/v1")
    private = await held(
        tmp_path, server, elsewhere, UserMessage("private"), AssistantMessage(text="Yes.", stop="stop")
    )
    async with window(tmp_path, server, config=config(server, elsewhere), STEPCHAT_BASE_URL="") as pilot:
        chat = pilot.app.screen
        await say(pilot, LONG)
        await wait_until(pilot, lambda: chat.pane.progress is not None and chat.pane.progress.phase == "answering")
        first = open_session(pilot)
        await say(pilot, f"/sessions {private.id}")
        await wait_until(pilot, "private")
        assert [pane.conversation.session.id for pane in chat.panes.all[1:]] == [first.id]
        await ask(pilot, "demo:haiku")
        assert texts(other) == ["private", "Yes.", "demo:haiku"]
        assert texts(server) == [LONG]
        assert (await chat.workspace.store.session(private.id)).server == elsewhere
        # Each of them asks its own server, also when it comes back.
        here = chat.workspace.client
        await chat.open(first)
        assert chat.workspace.client.base_url == chat.conversation.workspace.client.base_url == server.url
        await wait_until(pilot, lambda: not busy(pilot))
        await ask(pilot, "demo:haiku once more")
        assert texts(server)[-1] == "demo:haiku once more"
        assert len(other.requests) == 1
        assert here._http is None  # closed, for no one needs it


async def test_a_cut_session_goes_on_where_it_was_held(tmp_path, server, other):
    elsewhere = other.url.replace("/api/v1", "/v1")
    session = await held(tmp_path, server, elsewhere, UserMessage("private"), cut="Ye")
    async with window(tmp_path, server, config=config(server, elsewhere), STEPCHAT_BASE_URL="") as pilot:
        await wait_until(pilot, "Alt+G opens it")
        await pilot.press("alt+g")
        await wait_until(pilot, lambda: getattr(open_session(pilot), "id", "") == session.id)
        await ask(pilot, "demo:haiku")
        assert texts(other) == ["private", "Ye", "demo:haiku"]
        assert texts(server) == []


async def test_two_servers_of_this_machine_are_two_servers(tmp_path, server, other):
    # Their addresses differ in the port alone.
    session = await held(tmp_path, server, other.url, UserMessage("private"))
    async with window(tmp_path, server, config=config(server, other.url), STEPCHAT_BASE_URL="") as pilot:
        await say(pilot, f"/sessions {session.id}")
        await wait_until(pilot, "private")
        assert pilot.app.workspace.client.base_url == other.url
        await ask(pilot, "demo:haiku")
        assert (texts(other), texts(server)) == (["private", "demo:haiku"], [])


async def test_where_there_is_no_way_nothing_is_opened(tmp_path, server):
    session = await held(tmp_path, server, "https://openrouter.ai/api/v1", UserMessage("private"))
    environ = {"STEPCHAT_BASE_URL": "", "OPENROUTER_API_KEY": ""}
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "openrouter").write_text("no key")
    (tmp_path / "keys" / "openrouter").chmod(0o600)
    local = Config(servers=(Table("box", {"base_url": server.url, "key_variable": "BOX_KEY"}),), server="box")
    async with window(tmp_path, server, config=local, BOX_KEY="sk-box", **environ) as pilot:
        await say(pilot, f"/sessions {session.id}")
        shown = await wait_until(pilot, "Copy it again, without quotes")
        assert "▌ private" not in shown
        assert open_session(pilot) is None
        await ask(pilot, "demo:haiku")
        assert texts(server) == ["demo:haiku"]


async def test_a_profile_changes_nothing_when_its_server_cannot_be_asked_now(tmp_path, server, other):
    table = Table("code", {"model": "x/y", "base_url": other.url, "parameters": (("seed", 1),)})
    async with window(tmp_path, server, config=Config(profiles=(table,))) as pilot:
        chat = pilot.app.screen
        before = chat.conversation.model
        await say(pilot, LONG)
        with pytest.raises(StepchatError, match=r"(?i)still answering"):
            await chat.switch_server(None)
        with pytest.raises(StepchatError, match=r"(?i)still answering"):
            await profile(chat, "code")
        assert chat.conversation.model == before
        assert chat.workspace.client.base_url == server.url
        assert chat.conversation.parameters == {}


@pytest.mark.parametrize("at_start", [False, True])
async def test_a_stranger_that_a_session_names_is_told_of_and_gets_nothing(tmp_path, server, other, at_start):
    session = await held(
        tmp_path, server, other.url, UserMessage("private"), AssistantMessage(text="Yes.", stop="stop")
    )
    environ = {"STEPCHAT_BASE_URL": "", "STEPCHAT_API_KEY": "sk-custom"}
    request = StartOptions(latest=at_start)
    async with window(tmp_path, server, request, config=config(server), size=(140, 30), **environ) as pilot:
        chat = pilot.app.screen
        if not at_start:
            await say(pilot, f"/sessions {session.id}")
        await wait_until(pilot, "a server you have not approved")
        await say(pilot, "demo:haiku")
        await wait_until(pilot, lambda: draft(pilot) == "demo:haiku")
        await pilot.press("alt+r")
        await wait_until(pilot, lambda: not busy(pilot))
        assert other.requests == server.requests == []
        assert other.received == []
        # Now the user names it.
        await say(pilot, f"/server {other.url}")
        await wait_until(pilot, lambda: chat.workspace.key_error is None)
        await ask(pilot, "demo:haiku")
        assert texts(other) == ["private", "Yes.", "demo:haiku"]
        assert server.requests == []


class Keys(dict):
    """An environment that remembers in which threads keys were looked for."""

    def __init__(self, values):
        super().__init__(values)
        self.threads = []

    def get(self, name, default=None):
        if name.endswith("_KEY"):
            self.threads.append(threading.current_thread())
        return super().get(name, default)


@pytest.mark.parametrize("line", ["/server", "/server ollama", "/sessions private"])
async def test_no_key_is_looked_for_in_the_loop(tmp_path, server, line):
    await held(tmp_path, server, "http://127.0.0.1:9/v1", UserMessage("private"))
    # An address at which nobody answers.
    config = Config(servers=(Table("ollama", {"base_url": "http://127.0.0.1:9/v1"}),), base_url=server.url)
    async with window(tmp_path, server, config=config, STEPCHAT_BASE_URL="") as pilot:
        chat = pilot.app.screen
        keys = Keys({"OPENROUTER_API_KEY": "sk-or-test"})
        chat.panes.set_workspace(replace(chat.workspace, environ=keys))
        await say(pilot, line)
        await wait_until(pilot, lambda: bool(keys.threads))
        assert threading.current_thread() not in keys.threads


async def test_what_only_speaks_like_a_known_server_is_told_by_its_address(tmp_path, server, other):
    async with window(tmp_path, server) as pilot:
        await say(pilot, f"/server {other.url}")
        await wait_until(pilot, f"Server: {other.url}")
        chat = pilot.app.screen
        chat.flash("")
        chat.conversation.model = "a/" + "m" * 300
        chat.refresh_status()
        await wait_until(pilot, "m" * 39 + "…")

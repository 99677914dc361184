from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from stepchat import lossless_json
from stepchat.catalogue.backends import BACKENDS
from stepchat.catalogue.models import Model, Prices, read_model
from stepchat.chat.favourites import ModelChoices, read_model_choices, remember_recent, toggle_favourite
from stepchat.chat.switching import answers_no_longer_returned
from stepchat.config.file import Config, Table
from stepchat.demo.catalogue import MODELS, listing
from stepchat.demo.server import DemoServer
from stepchat.errors import StoreError
from stepchat.messages import AssistantMessage, StoredMessage, UserMessage
from stepchat.reasoning.replay import Target
from stepchat.servers.api import Provider
from stepchat.tui.dialogs.models import MIDDLE, WIDE, heading, model_detail, model_row, provider_lines
from tests.tui.window import ask, say, wait_until, window
from tests.tui.window import workspace as open_place

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP, NEXT = "stepfun/step-3.5-flash", "stepfun/step-3.7-flash"
SHOWN = {model.id: read_model(listing("http://x", model)) for model in MODELS}


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(speed=0) as running:
        yield running


# How a model is shown


def plain(pieces):
    return "".join(text for text, _ in pieces)


@pytest.mark.parametrize("width", [30, MIDDLE, WIDE, 120])
def test_rows_and_heading_are_as_wide_as_there_is_room(width):
    for model in (SHOWN[STEP], Model("a"), Model("x" * 200), Model("模型/" * 30)):
        assert cell_len(plain(model_row(model, (0, 1), width, favourite=True, current=False))) == width
    assert len(plain(heading(width))) == width


def test_a_row_shows_prices_context_and_abilities():
    line = plain(model_row(SHOWN[NEXT], (), 100, favourite=False, current=True))
    assert line.startswith("› stepfun/step-3.7-flash ")
    assert line.split()[2:] == ["0.12", "0.40", "262k", "think", "tools", "image"]
    assert "free" in plain(model_row(SHOWN["google/gemma-3-27b-it"], (), 60, favourite=False, current=False))


def test_hostile_text_in_the_catalogue_is_harmless():
    model = Model("a/\x1b[2Jb", name="\x07\u202ename", description="[red]x[/]\x1b]0;y\x07")
    for shown in (plain(model_row(model, (), 80, favourite=False, current=False)), model_detail(model).plain):
        assert not {"\x1b", "\x07", "\u202e"} & set(shown)
    assert "[red]x[/]" in model_detail(model).plain


def test_details_describe_the_reasoning():
    assert "reasoning always on" in model_detail(SHOWN[STEP]).plain
    assert "effort high/medium/low" in model_detail(SHOWN[NEXT]).plain
    assert "reasoning on request, any effort" in model_detail(SHOWN["deepseek/deepseek-v3.2"]).plain


def test_providers_are_a_table():
    lines = provider_lines([Provider("StepFun", Prices(), 262_144, "fp8", 187.2, 0.41, 99.7), Provider("X", Prices())])
    head, first, second = lines.plain.split("\n")
    assert head.split() == ["tok/s", "first", "in", "$/M", "out", "uptime", "context"]
    assert first.split() == ["StepFun", "187", "0.4", "s", "99.7", "%", "262k", "fp8"]
    assert second.strip() == "X"
    narrow = provider_lines([Provider("A provider with a long name", Prices(), tokens_per_second=5)], 50)
    assert all(len(line) <= 50 for line in narrow.plain.split("\n"))


# What is chosen


async def test_favourites_and_recent_ones_are_kept(tmp_path, server):
    place = await open_place(tmp_path, server)
    store = place.store
    assert await read_model_choices(store) == ModelChoices()
    assert (await toggle_favourite(store, STEP)).favourites == (STEP,)
    for name in ("a", "b", "a"):
        await remember_recent(store, name)
    assert (await read_model_choices(store)).first == (STEP, "a", "b")
    assert (await toggle_favourite(store, STEP)).favourites == ()
    await store.set_setting("favourite models", '{"odd": 1}')
    assert (await read_model_choices(store)).favourites == ()
    with pytest.raises(StoreError, match=r"favourite models in .* cannot be read"):
        await toggle_favourite(store, STEP)
    assert await store.setting("favourite models") == '{"odd": 1}'
    await place.close()


def answer(model: str, server: str = "https://openrouter.ai/api/v1", **more) -> StoredMessage:
    message = AssistantMessage(text="x", reasoning="hm", model_asked=model, model=model, server=server, **more)
    return StoredMessage("m", "s", None, message)


def test_what_stays_behind_is_what_went_back_before():
    path = [answer(STEP), answer(NEXT), answer(STEP)]
    path.append(StoredMessage("m", "s", None, AssistantMessage(text="no thoughts", model_asked=STEP, model=STEP)))
    here = Target(BACKENDS[0], "https://openrouter.ai/api/v1", STEP)
    there = Target(BACKENDS[0], "https://openrouter.ai/api/v1", NEXT)
    assert len(answers_no_longer_returned(path, here, there)) == 2
    assert len(answers_no_longer_returned(path, there, here)) == 1
    assert answers_no_longer_returned(path, here, here) == []


async def test_choosing_a_model_in_the_picker(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await pilot.press("ctrl+l")
        await wait_until(pilot, "in $/M")
        await wait_until(pilot, "anthropic/claude-sonnet-4.5")
        await pilot.press(*"s37")
        shown = await wait_until(pilot, "StepFun: Step 3.7 Flash")
        assert "anthropic" not in shown
        await pilot.press("ctrl+x", "f")
        await wait_until(pilot, "★ stepfun/step-3.7-flash")
        await pilot.press("tab")
        await wait_until(pilot, "tok/s    first")
        await pilot.press("enter")
        shown = await wait_until(pilot, "is not sent to")
        assert "Model: stepfun/step-3.7-flash. The reasoning of 1 answer by step-3.5-flash is not sent" in shown
        await ask(pilot, "demo:haiku again")
        assert server.requests[-1].body["model"] == NEXT
        choices = await read_model_choices(pilot.app.workspace.store)
        assert choices == ModelChoices((NEXT,), (NEXT,))


async def test_a_name_that_is_not_in_the_list_is_used_anyway(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        await wait_until(pilot, lambda: bool(chat.workspace.catalogue.models))
        await say(pilot, "/model stepfun/step-3.5-flsh")
        shown = await wait_until(pilot, "is not in the server's list of models")
        assert f"Similar: {STEP}" in shown
        assert chat.conversation.model == "stepfun/step-3.5-flsh"


async def test_a_typed_name_is_used_when_nothing_matches(tmp_path, server):
    async with window(tmp_path, server, size=(60, 16)) as pilot:
        await pilot.press("ctrl+l")
        await wait_until(pilot, STEP)
        await pilot.press(*"my/own:x")
        await wait_until(pilot, "Enter uses “my/own:x”")
        await pilot.press("enter")
        await wait_until(pilot, lambda: pilot.app.screen.id != "none" and hasattr(pilot.app.screen, "conversation"))
        await wait_until(pilot, lambda: pilot.app.screen.conversation.model == "my/own:x")


async def test_the_cached_list_is_shown_without_a_server(tmp_path):
    server = DemoServer(speed=0).start()
    server.close()
    (tmp_path / "models").mkdir()
    name = f"127.0.0.1-{server.port}-api-v1.jsonl"
    lines = [json.dumps({"fetched": 5}), lossless_json.dumps_for_storage({"id": "from/disk"})]
    (tmp_path / "models" / name).write_text("\n".join(lines))
    async with window(tmp_path, server) as pilot:
        await pilot.press("ctrl+l")
        await wait_until(pilot, "from/disk")


# Servers


async def test_switching_the_server_keeps_the_chat(tmp_path, server):
    with DemoServer(speed=0) as other:
        config = Config(servers=(Table("other", {"base_url": other.url, "model": NEXT}),))
        async with window(tmp_path, server, config=config) as pilot:
            await ask(pilot, "demo:haiku")
            await say(pilot, "/server other")
            await wait_until(pilot, "Server: other")
            await ask(pilot, "demo:haiku once more")
            assert len(server.requests) == 1
            body = other.requests[-1].body
            assert body["model"] == NEXT
            assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
            assert "reasoning_details" not in body["messages"][1]


@pytest.mark.parametrize("named", [False, True])
async def test_a_session_goes_on_where_it_was_held_unless_a_server_was_named(tmp_path, server, named):
    with DemoServer(speed=0) as other:
        elsewhere = other.url.replace("/api/v1", "/v1")
        place = await open_place(tmp_path, server)
        held = await place.store.create(model=NEXT, server=elsewhere, system=None)
        await place.store.append(held.id, None, UserMessage("Held elsewhere"))
        await place.close()
        config = Config(base_url=server.url, servers=(Table("elsewhere", {"base_url": elsewhere}),))
        async with window(tmp_path, server, config=config, STEPCHAT_BASE_URL=server.url if named else "") as pilot:
            await say(pilot, f"/sessions {held.id}")
            await wait_until(pilot, "Held elsewhere")
            used = server.url if named else elsewhere
            await wait_until(pilot, lambda: pilot.app.workspace.client.base_url == used)
            assert pilot.app.screen.conversation.model == NEXT


async def test_the_server_list_tells_who_is_there(tmp_path, server):
    config = Config(
        servers=(
            Table("box", {"base_url": server.url}),
            Table("gone", {"base_url": "http://127.0.0.1:9/v1"}),
            Table("odd", {"base_url": "http://127.0.0.1:8/v1", "key_variable": "ODD_KEY"}),
        )
    )
    async with window(tmp_path, server, config=config, size=(120, 30), ODD_KEY="with blanks") as pilot:
        await say(pilot, "/server")
        await wait_until(pilot, f"{server.url:28}  {len(MODELS)} models")
        await wait_until(pilot, f"{'http://127.0.0.1:9/v1':28}  not reachable")
        # What is cut in the list can be read below it.
        await wait_until(pilot, f"{'http://127.0.0.1:8/v1':28}  The API key from")
        await pilot.press(*"odd")
        await wait_until(pilot, "invalid characters.")
        await pilot.press("escape")


async def test_a_local_server_that_is_not_there_says_how_to_start_it(tmp_path, server):
    table = Table("box", {"base_url": "http://127.0.0.1:9/v1", "profile": "llama.cpp"})
    async with window(tmp_path, server, config=Config(servers=(table,))) as pilot:
        await say(pilot, "/server box")
        await wait_until(pilot, "Start it with: llama-server -m MODEL.gguf --jinja")


async def test_the_demo_is_a_server_too(tmp_path):
    async with window(tmp_path, None) as pilot:
        await say(pilot, "/server demo")
        await wait_until(pilot, "Server: the demo")
        shown = await ask(pilot, "demo:haiku")
        assert "output" in shown
        assert pilot.app.workspace.server == "demo"

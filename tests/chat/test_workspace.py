from __future__ import annotations

from contextlib import aclosing, closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stepchat.catalogue.backends import DEFAULT_MODEL, OPENROUTER_URL, backend_for
from stepchat.catalogue.catalogue import Catalogue
from stepchat.chat.accumulator import accumulate
from stepchat.chat.connection import DEMO, key_name_and_variables
from stepchat.chat.presets import read_presets, save_preset
from stepchat.chat.turn import run_turn
from stepchat.chat.workspace import StartOptions, open_workspace, with_available_model
from stepchat.config.file import Config, Table, check_url
from stepchat.config.paths import Paths
from stepchat.errors import ConfigError, StoreError, UsageError
from stepchat.events import MessageSaved
from stepchat.messages import UserMessage
from stepchat.sessions.database import connect
from stepchat.sessions.export.formats import export_json
from stepchat.sessions.records import Session
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from stepchat.chat.workspace import Workspace

KEY = {"OPENROUTER_API_KEY": "sk-or-test"}
LOCAL = "http://127.0.0.1:8080/v1"
OTHER = "https://example.org/v1"
HELD = Session("s1", "", 0, 0, None, "held/model", LOCAL, "Held.")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path, tmp_path, tmp_path)


@pytest.fixture
async def store(paths: Paths) -> AsyncIterator[SessionStore]:
    opened = SessionStore.open(paths, accumulate=accumulate)
    yield opened
    await opened.close()


@pytest.fixture
def opened(store, paths):
    def opened(
        request: StartOptions | None = None,
        session: Session | None = None,
        config: Config | None = None,
        **environ: str,
    ) -> Workspace:
        return open_workspace(request or StartOptions(), session, store, paths, config or Config(), environ)

    return opened


def test_defaults(opened):
    place = opened(**KEY)
    assert (place.server, place.client.base_url) == (OPENROUTER_URL, OPENROUTER_URL)
    assert (place.model, place.system, place.scopes.request(), place.session) == (DEFAULT_MODEL, None, {}, None)
    assert place.key_error is None
    assert place.client.headers()["Authorization"] == "Bearer sk-or-test"
    assert not place.choose_session


@pytest.mark.parametrize(
    ("flag", "environment", "session", "config", "server"),
    [
        ("https://flag.org/v1", OTHER, HELD, LOCAL, "https://flag.org/v1"),
        (None, OTHER, HELD, "https://config.org", OTHER),
        (None, "", HELD, "https://config.org", LOCAL),
        (None, "", None, "https://config.org/", "https://config.org"),
        (None, "", None, "", OPENROUTER_URL),
        ("", "", None, "", OPENROUTER_URL),
    ],
)
def test_who_decides_the_server(opened, flag, environment, session, config, server):
    place = opened(StartOptions(base_url=flag), session, Config(base_url=config), STEPCHAT_BASE_URL=environment, **KEY)
    assert (place.server, place.client.base_url) == (server, server)


@pytest.mark.parametrize(
    ("flag", "environment", "session", "config", "model"),
    [
        ("flag/m", "env/m", HELD, "config/m", "flag/m"),
        (None, "env/m", HELD, "config/m", "held/model"),
        (None, "env/m", None, "config/m", "env/m"),
        (None, "", None, "config/m", "config/m"),
        (" flag/m ", "", None, "", "flag/m"),
        (None, "", None, "", DEFAULT_MODEL),
    ],
)
def test_who_decides_the_model(opened, flag, environment, session, config, model):
    place = opened(StartOptions(model=flag), session, Config(model=config), STEPCHAT_MODEL=environment, **KEY)
    assert place.model == model


def test_system_prompt_of_a_new_session(opened):
    assert opened(StartOptions(system="Flag."), config=Config(system="Config.")).system == "Flag."
    assert opened(config=Config(system="Config.")).system == "Config."
    assert opened(StartOptions(system=""), config=Config(system="Config.")).system == ""


async def test_a_session_keeps_its_own_system_prompt(opened, store):
    place = opened(StartOptions(system="New."), HELD)
    question = place.build_question(HELD, [], "Why?")
    assert (question.system, question.model, question.session) == ("Held.", "held/model", "s1")
    assert place.build_question(HELD, [], None, "other/m").model == "other/m"


def test_settings_of_the_command_line_win_over_the_config(opened):
    config = Config(parameters=(("temperature", 0.5), ("top_k", 5), ("reasoning", {"exclude": True})))
    settings = (("temperature", 1), ("top_k", None), ("reasoning.max_tokens", 9))
    place = opened(StartOptions(settings=settings), config=config)
    assert place.scopes.request() == {"temperature": 1, "reasoning": {"exclude": True, "max_tokens": 9}}


def test_a_missing_key_is_only_noted(opened):
    place = opened()
    assert place.key_error is not None
    assert "OPENROUTER_API_KEY" in place.key_error.hint
    assert "Authorization" not in place.client.headers()


@pytest.mark.parametrize("url", [LOCAL, OTHER, "http://localhost:11434/v1"])
def test_servers_that_need_no_key(opened, url):
    place = opened(StartOptions(base_url=url), **KEY)
    assert place.key_error is None
    # The key of one server never goes to another.
    assert "Authorization" not in place.client.headers()


def test_a_server_of_ones_own_may_have_a_key(opened):
    place = opened(StartOptions(base_url=OTHER), STEPCHAT_API_KEY="sk-mine")
    assert place.client.headers()["Authorization"] == "Bearer sk-mine"


def test_a_bad_key_raises(opened):
    with pytest.raises(ConfigError, match="OPENROUTER_API_KEY"):
        opened(OPENROUTER_API_KEY="a\x1bb")


def test_what_the_config_says_about_headers(opened):
    headers = opened(config=Config(send_referer=False, send_title=False), **KEY).client.headers()
    assert not {"HTTP-Referer", "X-Title", "X-OpenRouter-Title"} & set(headers)
    headers = opened(**KEY).client.headers()
    assert {"HTTP-Referer", "X-Title", "X-OpenRouter-Title"} <= set(headers)


def test_an_empty_resume_means_choosing(opened):
    assert opened(StartOptions(resume="")).choose_session
    assert not opened(StartOptions(resume="x")).choose_session


async def test_demo_answers_without_key_and_is_remembered_as_one(opened, store):
    place = opened(StartOptions(demo=True))
    session = await store.create(model=place.model, server=place.server, system=None)
    question = place.build_question(session, [], "demo:haiku speed=0")
    async with aclosing(run_turn(store, place.client, question)) as turn:
        events = [event async for event in turn]
    assert isinstance(events[-1], MessageSaved)
    assert "window" in events[-1].stored.message.text
    assert place.server == session.server == DEMO
    assert place.key_error is None
    await place.close()


def test_a_demo_session_goes_on_with_the_demo(opened):
    place = opened(session=replace(HELD, server=DEMO))
    assert place.server == DEMO
    assert place.close_demo is not None
    place.close_demo()


def test_a_demo_session_can_go_elsewhere(opened):
    place = opened(StartOptions(base_url=OTHER), replace(HELD, server=DEMO))
    assert place.server == OTHER
    assert place.close_demo is None


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        (" https://openrouter.ai/api/v1/ ", "https://openrouter.ai/api/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("HTTP://Example.ORG", "HTTP://Example.ORG"),
        ("http://127.0.0.1:8080//", "http://127.0.0.1:8080"),
        ("https://müller.example/v1", "https://müller.example/v1"),
    ],
)
def test_addresses(url, checked):
    assert check_url(url) == checked


@pytest.mark.parametrize(
    "url",
    [
        "nonsense", "openrouter.ai/api/v1", "ftp://example.org", "file:///etc/passwd", "http://", "https:///v1",
        "http://host:port/v1", "http://host:99999/v1", "http://[::1/v1", "http://a b/v1", "http://a/\x1b[31m",
        "http://a\nb", "http://a/v1?key=x", "http://a/v1#x", "javascript:alert(1)", "  ", "http://\udcff/v1",
    ],
)  # fmt: skip
def test_what_is_no_address(url):
    with pytest.raises(UsageError) as raised:
        check_url(url)
    assert raised.value.message == f"{url!r} is not a server's address."
    assert "https://openrouter.ai/api/v1" in raised.value.hint


def test_secrets_do_not_belong_in_an_address():
    with pytest.raises(UsageError) as raised:
        check_url("https://me:hunter2@example.org/v1")
    assert "hunter2" not in str(raised.value)


def test_a_bad_address_tells_where_it_came_from(opened, paths):
    with pytest.raises(UsageError, match=r"^'x' is not"):
        opened(StartOptions(base_url="x"))
    with pytest.raises(UsageError, match=r"^'x' from STEPCHAT_BASE_URL is not"):
        opened(STEPCHAT_BASE_URL="x")
    with pytest.raises(UsageError) as raised:
        opened(config=Config(base_url="x"))
    assert f"base_url in {paths.config_file}" in raised.value.message


@pytest.mark.parametrize(
    ("url", "name", "variables"),
    [
        ("https://openrouter.ai/api/v1", "openrouter", ("OPENROUTER_API_KEY",)),
        ("https://api.deepseek.com", "deepseek", ("DEEPSEEK_API_KEY",)),
        (
            "http://127.0.0.1:8788/api/v1",
            "openrouter",
            ("OPENROUTER_API_KEY", "STEPCHAT_API_KEY"),
        ),
        ("http://localhost:9/v1", "custom", ("STEPCHAT_API_KEY", "STEPCHAT_API_KEY")),
        ("https://proxy.example/api/v1", "custom", ("STEPCHAT_API_KEY",)),
        ("https://example.org/v1", "custom", ("STEPCHAT_API_KEY",)),
    ],
)
def test_openrouters_key_goes_to_openrouter_and_this_machine_only(url, name, variables):
    assert key_name_and_variables(url, backend_for(url)) == (name, variables)


PROFILE = Table(
    "code", {"model": "a/b", "system": "Code.", "base_url": LOCAL, "parameters": (("seed", 1), ("top_k", 1))}
)
PROFILES = Config(profiles=(PROFILE,), parameters=(("seed", 0), ("min_p", 0.5)))


def test_a_profile_gives_model_server_system_and_parameters(opened):
    place = opened(StartOptions(profile="code", settings=(("top_k", 9),)), config=PROFILES)
    assert (place.model, place.server, place.system) == ("a/b", LOCAL, "Code.")
    assert place.scopes.request() == {"seed": 1, "min_p": 0.5, "top_k": 9}
    assert [place.scopes.resolve(name).scope for name in ("min_p", "seed", "top_k")] == ["config", "profile", "session"]


def test_the_command_line_wins_over_the_profile(opened):
    place = opened(StartOptions(profile="code", model="c/d", base_url=OTHER, system=""), config=PROFILES)
    assert (place.model, place.server, place.system) == ("c/d", OTHER, "")


def test_what_was_named_and_is_not_there(opened):
    with pytest.raises(UsageError, match="There is no profile 'x'"):
        opened(StartOptions(profile="x"), config=PROFILES)
    with pytest.raises(UsageError, match="There is no preset 'x'"):
        opened(StartOptions(preset="x"))


def test_what_does_not_go_together_is_refused_at_once(opened):
    with pytest.raises(UsageError, match="top_logprobs needs logprobs"):
        opened(StartOptions(settings=(("top_logprobs", 1),)))


async def test_a_session_remembers_how_it_is_asked(opened, store):
    place = opened(StartOptions(profile="code", settings=(("top_k", 9),)), config=PROFILES, **KEY)
    await save_preset(store, "dry", (("temperature", 0.5),))
    scopes = replace(place.scopes, preset_name="dry", preset=(("temperature", 0.5),))
    session = await place.ensure_session(None, place.model, scopes)
    assert session == await store.session(session.id)
    presets = await read_presets(store)
    again = open_workspace(StartOptions(), session, store, place.paths, PROFILES, KEY, presets)
    assert again.scopes == scopes
    assert await again.scopes_for_session(session) == scopes
    # A new one begins as the command line said.
    assert (await place.scopes_for_session(None)).request() == {"seed": 1, "min_p": 0.5, "top_k": 9}
    # What is gone from the config says nothing.
    gone = opened(session=session).scopes
    assert gone.request() == {"top_k": 9}
    assert gone.missing == "This session uses the profile code and the preset dry, which cannot be found."
    # A fork goes on with the same, and so does a copy on another machine.
    await store.append(session.id, None, UserMessage("Hi"))
    stored = await store.path(session.id)
    forked = await store.fork(session.id, stored[-1].id)
    assert (forked.parameters, forked.profile, forked.preset) == ({"top_k": 9}, "code", "dry")
    text = export_json(await store.session(session.id), stored)
    assert '"parameters":{"top_k":9},"profile":"code","preset":"dry"}' in text


async def test_parameters_that_this_version_does_not_know_stay_on_disk(opened, store):
    session = await store.create(model="a/b", server=OPENROUTER_URL, system=None)
    await store.update_parameters(session.id, lambda _: {"new_one": 1, "seed": 5})
    session = await store.session(session.id)
    place = opened(session=session, **KEY)
    assert place.scopes.request() == {"seed": 5}
    session = await place.ensure_session(session, "a/b", place.scopes)
    assert (await store.session(session.id)).parameters == {"new_one": 1, "seed": 5}
    session = await place.save_parameters(session, place.scopes.with_setting("session", "top_k", 9))
    assert session == await store.session(session.id)
    assert session.parameters == {"new_one": 1, "seed": 5, "top_k": 9}
    session = await place.save_parameters(session, place.scopes.without("session", "seed"))
    assert (await store.session(session.id)).parameters == {"new_one": 1}


async def test_a_session_opens_without_the_presets(opened, store):
    await store.set_setting("presets", "[broken")
    session = replace(await store.create(model="a/b", server=OPENROUTER_URL, system=None), preset="dry")
    assert (await opened(session=session, **KEY).scopes_for_session(session)).missing.endswith(
        "dry, which cannot be found."
    )
    # A preset that is asked for is another thing.
    with pytest.raises(StoreError, match=r"presets in .* cannot be read"):
        await replace(opened(), start_options=StartOptions(preset="dry")).scopes_for_session(None)


async def test_two_windows_change_one_session(opened, store):
    session = await store.create(model="a/b", server=OPENROUTER_URL, system=None)
    place = opened(session=session, **KEY)
    await save_preset(store, "dry", ())
    await place.save_parameters(session, replace(place.scopes, preset_name="dry"))
    here = await place.save_parameters(session, place.scopes.with_setting("session", "seed", 5))
    await place.save_parameters(session, place.scopes.with_setting("session", "top_k", 9))
    kept = await store.session(session.id)
    assert (kept.parameters, kept.preset) == ({"seed": 5, "top_k": 9}, "dry")
    # What this one does not know of it does not take back.
    await place.save_parameters(here, place.scopes.with_setting("session", "seed", 6))
    assert (await store.session(session.id)).parameters == {"top_k": 9, "seed": 6}


async def test_parameters_that_cannot_be_read_are_not_written_over(opened, store):
    session = await store.create(model="a/b", server=OPENROUTER_URL, system=None)
    place = opened(session=session, **KEY)
    with closing(connect(store.file)) as connection:
        for damaged in ("{oh", "[1]"):
            connection.execute("UPDATE session SET parameters = ?", (damaged,))
            with pytest.raises(StoreError, match=f"parameters of the session {session.id} cannot be read"):
                await place.save_parameters(session, place.scopes.with_setting("session", "seed", 5))
            assert connection.execute("SELECT parameters FROM session").fetchone() == (damaged,)


@pytest.mark.parametrize(("megabytes", "kept"), [(0, 0), (0.5, 500_000), (1e6, 10**12)])
async def test_how_much_is_kept_of_what_comes_over_the_line(opened, store, megabytes, kept):
    opened(config=Config(keep_events=megabytes))
    assert store.recording_limit == kept


@pytest.mark.parametrize(
    ("server", "model", "there", "asked"),
    [
        (LOCAL, None, ["step-gguf"], "step-gguf"),
        (LOCAL, "my/own", ["step-gguf"], "my/own"),
        (LOCAL, None, ["one", "two"], DEFAULT_MODEL),
        (LOCAL, None, ["one", DEFAULT_MODEL], DEFAULT_MODEL),
        (LOCAL, None, [], DEFAULT_MODEL),
        (OPENROUTER_URL, None, ["one"], DEFAULT_MODEL),
    ],
)
def test_the_only_model_of_a_server_is_asked_when_none_was_named(opened, server, model, there, asked):
    place = opened(StartOptions(base_url=server, model=model), **KEY)
    listed = Catalogue(None, lambda *_: {"data": [{"id": name} for name in there]})
    assert with_available_model(replace(place, catalogue=listed)).model == asked

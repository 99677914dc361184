from __future__ import annotations

import pytest
from textual.widgets import Input

from stepchat.config.file import Config, Table
from stepchat.demo.server import DemoServer
from stepchat.parameters.scopes import Scopes
from stepchat.parameters.table import PARAMETERS
from stepchat.tui.dialogs.pick import Picker
from stepchat.tui.dialogs.settings import description_lines, line_of, setting_rows
from tests.tui.window import ask, open_session, say, wait_until, window

CONFIG = Config(parameters=(("temperature", 0.7), ("min_p", 0.1)))


def nothing_against(*_):
    return ""


def rows(scopes=None, why_not=nothing_against, typed=""):
    return [row for _, group in setting_rows(scopes or Scopes(), why_not, typed) for row in group]


def test_every_parameter_has_a_row_in_the_order_of_the_table():
    assert [row.parameter for row in rows()] == list(PARAMETERS)


def test_words_find_names_help_groups_and_what_is_set():
    assert [row.parameter.name for row in rows(typed="penalty occurred")] == ["frequency_penalty", "presence_penalty"]
    assert [row.parameter.name for row in rows(Scopes(session=(("seed", 1),)), typed="set session")] == ["seed"]
    assert rows(typed="nothing of this kind") == []


def plain(pieces):
    return "".join(text for text, _ in pieces)


@pytest.mark.parametrize("width", [46, 77, 110])
def test_a_line_fits_and_says_value_and_scope(width):
    scopes = Scopes(config=(("temperature", 0.7), ("stop", ["a" * 200])), session=(("temperature", None), ("seed", 7)))
    lines = {row.parameter.name: plain(line_of(row, width)) for row in rows(scopes)}
    assert max(len(line) for line in lines.values()) <= width
    assert lines["seed"].split()[:3] == ["seed", "7", "session"]
    assert lines["temperature"].split()[:4] == ["temperature", "not", "sent", "session"]
    assert "…" in lines["stop"]


def test_what_the_model_does_not_take_is_said():
    scopes = Scopes(session=(("seed", 7),))
    (row,) = rows(scopes, lambda *_: "not supported by x", "seed")
    assert "not supported by x" in plain(line_of(row, 110))
    assert next(description_lines(row)) == "Not supported by x. Sent anyway."


def test_the_default_is_the_models_own_where_it_tells_one():
    ((_, (row,)),) = setting_rows(Scopes(), nothing_against, "temperature", {"temperature": 0.6})
    assert "0.6, the model's default" in plain(line_of(row, 110))
    assert [*description_lines(row)][1] == "Not sent. Default: 0.6, the model's default."


def test_values_of_a_hostile_file_are_shown_without_control_characters():
    (row,) = rows(Scopes(session=(("user", "a\x1b[31m\u202eb"),)), typed="user")
    assert not {"\x1b", "\u202e"} & set(plain(line_of(row, 110)) + "".join(description_lines(row)))


def filtering(pilot, words):
    pilot.app.screen.query(Input).first().value = words


async def test_a_value_is_changed_in_place_and_sent(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, config=CONFIG) as pilot:
            await pilot.press("f4")
            shown = await wait_until(pilot, "Settings for this session")
            assert "step-3.5-flash" in shown
            await pilot.press(*"temp")
            await wait_until(pilot, "0.7")
            await pilot.press("enter", *["backspace"] * 3, *"9")
            await wait_until(pilot, "temperature must be a number between 0 and 2, not 9.")
            await pilot.press("backspace", *"0.5", "enter")
            await wait_until(pilot, "Value: 0.5 (session).")
            # A switch, for one question.
            filtering(pilot, "logprobs")
            await pilot.press("tab")
            await wait_until(pilot, "for the next question")
            await pilot.press("enter")
            await wait_until(pilot, "Value: true (once).")
            # A list of choices.
            filtering(pilot, "response_format")
            await pilot.press("enter")
            await wait_until(pilot, lambda: isinstance(pilot.app.screen, Picker))
            await pilot.pause()
            await pilot.press("enter")
            await wait_until(pilot, 'Value: {"type":"text"} (once).')
            # Unset: first this scope's word, then the weaker one's.
            filtering(pilot, "min_p")
            await pilot.press("tab", "end", "delete")
            await wait_until(pilot, "Not sent (unset for session).")
            await pilot.press("escape")
            await ask(pilot, "demo:haiku")
            body = server.requests[-1].body
            assert (body["temperature"], body["logprobs"], body["response_format"]) == (0.5, True, {"type": "text"})
            assert "min_p" not in body
            await ask(pilot, "demo:haiku")
            assert not {"logprobs", "response_format"} & set(server.requests[-1].body)


async def test_what_the_model_does_not_take_is_shown_as_such(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await wait_until(pilot, lambda: pilot.app.workspace.catalogue.find("stepfun/step-3.5-flash") is not None)
            await say(pilot, "/set top_a=0.1")
            await wait_until(pilot, "top_a = 0.1, but not supported by step-3.5-flash")
            await say(pilot, "/settings top_a")
            await wait_until(pilot, "Not supported by step-3.5-flash. Sent anyway.")


async def test_the_value_stays_in_its_row_when_the_window_changes(tmp_path):
    async with window(tmp_path, None) as pilot:
        await say(pilot, "/settings top_p")
        await wait_until(pilot, "Nucleus sampling")
        await pilot.press("enter", *"0.25")
        await pilot.resize_terminal(60, 16)
        await pilot.pause()
        row = next(line for line in (await wait_until(pilot, "0.25")).split("\n") if "0.25" in line)
        assert row.split() == ["top_p", "0.25"]
        await pilot.press("escape", "escape")
        assert pilot.app.screen.conversation.parameters == {}


@pytest.mark.parametrize(("line", "words"), [("/preset", "No presets yet"), ("/profile", "No profiles yet")])
async def test_lists_with_nothing_in_them_say_so(tmp_path, line, words):
    async with window(tmp_path, None) as pilot:
        await say(pilot, line)
        await wait_until(pilot, words)
        await pilot.press("down", "enter")
        await wait_until(pilot, words)
        await pilot.press("escape")


async def test_presets_belong_to_the_session_that_uses_them(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, config=CONFIG) as pilot:
            # The first Enter completes the name and shows how it stands.
            await say(pilot, "/set temperatur")
            await wait_until(pilot, "unset; it is 0.7, from config; a number between 0 and 2")
            await pilot.press("ctrl+c")
            await say(pilot, "/set temperature=0.1")
            await say(pilot, "/preset save dry")
            await wait_until(pilot, "Preset dry: temperature=0.1")
            await say(pilot, "/new")
            await ask(pilot, "demo:haiku")
            assert server.requests[-1].body["temperature"] == 0.7
            await say(pilot, "/preset dry")
            await ask(pilot, "demo:haiku")
            assert server.requests[-1].body["temperature"] == 0.1
            await say(pilot, "/preset nothing")
            await wait_until(pilot, "There is no preset 'nothing'.")
        # It comes back with the session, in another run.
        async with window(tmp_path, server) as pilot:
            await say(pilot, "/sessions demo:haiku")
            await wait_until(pilot, lambda: open_session(pilot) is not None)
            assert pilot.app.screen.conversation.scopes.preset_name == "dry"
            assert pilot.app.screen.conversation.parameters == {"temperature": 0.1}


async def test_values_are_completed(tmp_path):
    async with window(tmp_path, None) as pilot:
        chat = pilot.app.screen
        offers = chat.prompt._complete
        assert [offer.text for offer in offers("/set verbosity=")][:2] == ["/set verbosity=", "/set verbosity=low"]
        assert [offer.text for offer in offers("/set verbosity=m")] == ["/set verbosity=medium", "/set verbosity=max"]
        assert [offer.text for offer in offers("/once logprobs ")][1:] == [
            "/once logprobs=true",
            "/once logprobs=false",
        ]
        assert offers("/set temperature=0") == []
        assert offers("/set heat=") == []


async def test_a_profile_brings_server_model_and_parameters(tmp_path):
    with DemoServer(speed=0) as server, DemoServer(speed=0) as other:
        values = {
            "model": "demo/haiku", "base_url": other.url, "system": "Be brief.", "parameters": (("temperature", 0.2),)
        }  # fmt: skip
        async with window(tmp_path, server, config=Config(profiles=(Table("code", values),))) as pilot:
            await say(pilot, "/profile code")
            await wait_until(pilot, lambda: pilot.app.screen.conversation.scopes.profile_name == "code")
            await ask(pilot, "Hi")
            body = other.requests[-1].body
            assert (body["model"], body["temperature"]) == ("demo/haiku", 0.2)
            assert body["messages"][0] == {"role": "system", "content": "Be brief."}
            session = await pilot.app.screen.workspace.store.latest()
            assert (session.profile, session.server) == ("code", other.url)
            await say(pilot, "/profile off")
            await ask(pilot, "Hi")
            assert "temperature" not in other.requests[-1].body


@pytest.mark.parametrize("line", ["/profile fast", "/profile off", "/new"])
async def test_the_system_prompt_of_a_profile_goes_with_it(tmp_path, line):
    profiles = (Table("code", {"system": "Be brief."}), Table("fast", {"parameters": (("top_p", 0.5),)}))
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, config=Config(system="Be kind.", profiles=profiles)) as pilot:
            chat = pilot.app.screen
            await say(pilot, "/profile code")
            await wait_until(pilot, lambda: chat.workspace.system == "Be brief.")
            await say(pilot, "/system")
            await wait_until(pilot, "System prompt of the new session: Be brief.")
            await say(pilot, line)
            await wait_until(pilot, lambda: chat.workspace.system == "Be kind.")
            await say(pilot, "/system Be loud.")
            await say(pilot, "/profile off")
            await wait_until(pilot, "No profile.")
            await ask(pilot, "Hi")
            assert server.requests[-1].body["messages"][0]["content"] == "Be loud."

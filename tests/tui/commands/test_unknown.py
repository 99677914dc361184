from __future__ import annotations

import re

import pytest

from stepchat.demo.server import DemoServer
from stepchat.tui.commands import COMMANDS, complete, find, unknown_command
from stepchat.tui.commands.command import path_completions
from tests.tui.screen import screen_text
from tests.tui.window import ask, busy, draft, say, wait_until, window


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("/sytem Be brief.\nAnd kind.", "/sytem"),
        ("/tmp", "/tmp"),
        ("/Help!", "/Help!"),
        ("/model: what is it?", "/model:"),
        # Files, code, and what is sent as it is.
        ("/tree/compare", ""),
        ("/etc/hosts looks odd", ""),
        ("/etc/ looks odd", ""),
        ("/usr/bin/env: no such file\nWhy?", ""),
        ("/vmlinuz.old is large", ""),
        ("/" + "long" * 20, ""),
        ("// a comment", ""),
        ("/* of C */", ""),
        ("/ or", ""),
        (" /tree", ""),
        ("either/or", ""),
    ],
)
def test_what_looks_like_a_command_is_told_from_a_text(text, name):
    assert find(text) is None
    error = unknown_command(text)
    assert (error is not None) is bool(name)
    assert error is None or error.message == f"There is no command {name}."


@pytest.mark.parametrize(
    ("line", "name"), [("/?", "help"), ("/? keys", "help"), ("/help", "help"), ("/title a b", "title")]
)
def test_a_command_is_found_by_its_first_word(line, name):
    row, argument = find(line)
    assert (row.name, argument) == (name, line.partition(" ")[2])


@pytest.mark.parametrize(("line", "near"), [("/sytem x", "/system"), ("/Help", "/help"), ("/modle", "/model")])
def test_the_nearest_command_is_suggested(line, near):
    assert f"Did you mean {near}?" in unknown_command(line).hint


def test_the_argument_of_a_command_may_have_several_lines():
    row, argument = find("/system Be brief.\nAnd kind.")
    assert (row.name, argument) == ("system", "Be brief.\nAnd kind.")


async def test_a_mistaken_command_is_never_sent_and_makes_room_for_the_next(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await say(pilot, "/cmopare")
            await wait_until(pilot, "There is no command /cmopare.")
            await wait_until(pilot, "Did you mean /compare?")
            await wait_until(pilot, "To send it as a message, start with a space.")
            await say(pilot, "/themee paper")
            await wait_until(pilot, "There is no command /themee")
            # It can be mended ...
            await pilot.press("left", "x")
            assert draft(pilot) == "/themee papexr"
            await say(pilot, "/tree")
            await wait_until(pilot, "This session has not started yet.")
            # ... or another one begun in its place, which can be undone.
            await pilot.press("slash", "t", "i")
            assert draft(pilot) == "/ti"
            assert not server.requests
            await ask(pilot, " /tree")
            assert server.requests[0].body["messages"][0]["content"] == " /tree"


async def test_what_only_reads_and_a_title_work_while_an_answer_comes(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            chat = pilot.app.screen
            await ask(pilot, "demo:haiku")
            await say(pilot, "demo:silent at=3 wait=60")
            await wait_until(pilot, "The beginning")
            for line, seen in (
                ("/help", "Commands and keys"),
                ("/tree", "Tree · 3 messages"),
                ("/usage", "Spending"),
                ("/sessions", "Sessions · 1"),
            ):
                await say(pilot, line)
                await wait_until(pilot, seen)
                await pilot.press("escape")
                await wait_until(pilot, lambda: pilot.app.screen is chat)
            await say(pilot, f"/export {tmp_path / 'half.md'}")
            await wait_until(pilot, "Wrote")
            assert "silent" in (tmp_path / "half.md").read_text()
            await say(pilot, "/pin")
            await wait_until(pilot, "Pinned")
            await say(pilot, "/title While it comes")
            await wait_until(pilot, "Title: While it comes")
            assert busy(pilot)
            await say(pilot, "/undo")
            await wait_until(pilot, "Still answering.")


def test_a_synonym_is_one_name_of_one_command():
    names = [name for row in COMMANDS for name in (row.name, *row.synonyms)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


@pytest.mark.parametrize(
    ("line", "name", "argument"),
    [
        ("/exit", "quit", ""), (":q", "quit", ""), ("/q", "quit", ""), ("/clear", "new", ""), ("/resume tea", "sessions", "tea"),
        ("/history", "sessions", ""), ("/config", "settings", ""), ("/temperature", "settings", ""), ("/cost", "usage", ""),
        ("/rename Tea", "title", "Tea"), ("/regenerate", "retry", ""), ("/color light", "theme", "light"), ("/save a.md", "export", "a.md"),
    ],
)  # fmt: skip
def test_the_words_of_other_programs_are_synonyms(line, name, argument):
    command, rest = find(line) or find(line, by_synonym=True)
    assert (command.name, rest) == (name, argument)


def test_completion_finds_commands_by_their_synonyms():
    assert complete("/q", None)[0].text.strip() == "/quit"
    assert [offer.text.strip() for offer in complete("/exi", None)] == ["/quit"]
    assert complete("/exi", None)[0].help == "exit: Save and quit"
    assert complete("/colo", None)[0].text.strip() == "/theme"
    assert complete("/t", None)[0].text.startswith("/t")


def test_an_unknown_command_names_the_one_that_a_similar_synonym_means():
    assert "Did you mean /theme?" in unknown_command("/colr").hint
    assert "Did you mean /quit?" in unknown_command("/exitt").hint


async def test_the_palette_offers_quit_for_q_and_what_was_used_last_first(tmp_path):
    async with window(tmp_path, None) as pilot:
        await say(pilot, "/mouse")
        await pilot.press("ctrl+p")
        shown = await wait_until(pilot, "Commands")
        assert "Regenerate" not in shown
        await wait_until(pilot, lambda: "Release the mouse" in screen_text(pilot.app).splitlines()[6])
        await pilot.press("q")
        await wait_until(pilot, "Save and quit")
        await pilot.press("enter")
        await wait_until(pilot, lambda: not pilot.app.is_running)


def test_paths_are_completed(tmp_path):
    (tmp_path / "one.json").touch()
    (tmp_path / "two").mkdir()
    (tmp_path / ".hidden").touch()
    assert path_completions(f"{tmp_path}/") == [(f"{tmp_path}/two/", ""), (f"{tmp_path}/one.json", "")]
    assert path_completions(f"{tmp_path}/O") == [(f"{tmp_path}/one.json", "")]
    assert path_completions(f"{tmp_path}/none/") == []

from __future__ import annotations

import json

import pytest

from stepchat.demo.server import DemoServer
from stepchat.sessions.export import formats
from stepchat.tui.commands.session import file_name
from tests.tui.screen import screen_text
from tests.tui.window import ask, branch, open_session, say, wait_until, window, write


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


async def test_export_writes_the_form_its_name_says_and_replaces_nothing(tmp_path, server):
    async with window(tmp_path, server, size=(120, 30)) as pilot:
        await say(pilot, "/export")
        await wait_until(pilot, "This session has not started yet.")
        write(pilot, "")
        await ask(pilot, "demo:details")
        for name in ("a.md", "a.html", "a.json", "a.jsonl"):
            await say(pilot, f"/export {tmp_path / name}")
            await wait_until(pilot, (tmp_path / name).exists)
        body = json.loads((tmp_path / "a.jsonl").read_text())
        answer = branch(pilot)[1].message
        assert body["messages"][1]["reasoning_details"] == list(answer.reasoning_details)
        assert json.loads((tmp_path / "a.json").read_text())["format"] == "stepchat-session"
        assert "<details>" in (tmp_path / "a.html").read_text()
        await say(pilot, f"/export --no-reasoning {tmp_path / 'b.html'}")
        await wait_until(pilot, (tmp_path / "b.html").exists)
        assert "<details>" not in (tmp_path / "b.html").read_text()
        await say(pilot, f"/export {tmp_path / 'a.md'}")
        await wait_until(pilot, "Overwrite it with --force, or choose another name.")
        before = (tmp_path / "a.md").stat().st_ino
        await say(pilot, f"/export --force --no-reasoning {tmp_path / 'a.md'}")
        await wait_until(pilot, lambda: (tmp_path / "a.md").stat().st_ino != before)
        write(pilot, "")
        await say(pilot, f"/export {tmp_path / 'a.pdf'}")
        await wait_until(pilot, "Known endings: .md, .html, .json, .jsonl.")


async def test_every_format_of_the_table_is_offered_and_written(tmp_path, server, monkeypatch):
    row = formats.Format("shouting", ".loud", "in capitals", False, lambda content, _: content.session.title.upper())
    monkeypatch.setitem(formats.FORMATS, row.name, row)
    monkeypatch.chdir(tmp_path)
    async with window(tmp_path, server, size=(120, 30)) as pilot:
        await ask(pilot, "demo:haiku")
        write(pilot, "/export --force dir.d/a")
        await wait_until(
            pilot, lambda: all(f"dir.d/a{suffix} " in screen_text(pilot.app) for suffix in (".md", ".loud"))
        )
        assert "in capitals" in screen_text(pilot.app)
        write(pilot, "/export a.l")
        await wait_until(pilot, "/export a.loud")
        await pilot.press("enter")
        await wait_until(pilot, (tmp_path / "a.loud").exists)
        assert (tmp_path / "a.loud").read_text() == "DEMO:HAIKU"


async def test_import_adds_once_and_refuses_by_place(tmp_path, server):
    source, target, file = tmp_path / "one", tmp_path / "two", tmp_path / "session.json"
    source.mkdir()
    target.mkdir()
    async with window(source, server) as pilot:
        await ask(pilot, "demo:haiku")
        await say(pilot, f"/export {file}")
        await wait_until(pilot, file.exists)
    async with window(target, server) as pilot:
        await say(pilot, f"/import {file}")
        await wait_until(pilot, "1 session, 2 messages")
        await say(pilot, f"/import {file}")
        await wait_until(pilot, "Nothing new: 1 session already here.")
        file.write_text('{"format": "stepchat-session", "version": 1, "session": 3}')
        await say(pilot, f"/import {file}")
        await wait_until(pilot, "a number instead of an object")
        assert len(await pilot.app.workspace.store.sessions()) == 1


async def test_pin_and_archive_go_both_ways(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        store, session = pilot.app.workspace.store, open_session(pilot).id
        for command, there, gone, mark in (
            ("/pin", "Pinned to the top", "Unpinned.", "pinned"),
            ("/archive", "Archived: ", "Unarchived.", "archived"),
        ):
            await say(pilot, command)
            await wait_until(pilot, there)
            assert getattr(await store.session(session), mark)
            await say(pilot, command)
            await wait_until(pilot, gone)
            assert not getattr(await store.session(session), mark)


@pytest.mark.parametrize(
    ("title", "name"),
    [("How many primes?", "how-many-primes.md"), ("", "session.md"), ("../../etc", "etc.md"), ("雨の詩", "雨の詩.md")],
)
def test_a_title_as_the_name_of_a_file(title, name):
    assert file_name(title) == name

"""Our own JSON, and what holds for every import. The other programs' files are in the tests beside this one."""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import sqlite3
import zipfile
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepchat import lossless_json
from stepchat.chat.accumulator import accumulate
from stepchat.config.paths import Paths
from stepchat.errors import UsageError
from stepchat.messages import AssistantMessage, Message, UserMessage
from stepchat.sessions.database import connect
from stepchat.sessions.export.formats import ExportOptions, export, export_json
from stepchat.sessions.importing import importer
from stepchat.sessions.importing.importer import import_file
from stepchat.sessions.search.search import ALL_FIELDS, SearchOptions
from stepchat.sessions.store import SessionStore
from tests.sessions import samples

if TYPE_CHECKING:
    from stepchat.sessions.records import Session


CASES = Path(__file__).parent / "cases"


async def _exported(store: SessionStore, *ids: str, leaf: str | None = None) -> str:
    return "".join([piece async for piece in export(store, "json", ids or None, ExportOptions(zone=UTC), leaf=leaf)])


def _other(tmp_path: Path, name: str = "other") -> SessionStore:
    home = tmp_path / name
    return SessionStore.open(Paths(home, home, home), accumulate=accumulate)


async def _tree(store: SessionStore, *said: Message) -> Session:
    session = await store.create(model="step", server="https://example.org", system="Be \ud800 brief.")
    parent = None
    for number, message in enumerate(said):
        stored = await store.append(session.id, parent, message)
        # A tree, not a line.
        parent = stored.id if number % 3 else parent
    return await store.session(session.id)


def _counts(store: SessionStore) -> list[tuple[int, ...]]:
    connection = connect(store.file)
    counts = connection.execute(
        "SELECT (SELECT count(*) FROM session), (SELECT count(*) FROM message),"
        " (SELECT total(messages) FROM session), (SELECT total(turns) FROM session)"
    ).fetchall()
    connection.close()
    return counts


async def _refused(store: SessionStore, path: Path, content: str | bytes) -> str:
    """The error for a file with this content; nothing of it may stay."""
    before = _counts(store)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as caught:
        await import_file(store, path)
    assert _counts(store) == before
    assert str(path) in caught.value.message
    assert caught.value.hint == "Nothing was imported."
    return caught.value.message.removeprefix(f"{path} cannot be imported. ")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(samples.any_message, max_size=6))
async def test_export_import_export_gives_the_same_bytes(
    store: SessionStore, tmp_path: Path, said: list[Message]
) -> None:
    session = await _tree(store, *said)
    first = await store.messages(session.id)
    if first:
        await store.set_folded(first[0].id, True)
    text = await _exported(store, session.id)
    (tmp_path / "a.json").write_bytes(text.encode())
    other = _other(tmp_path, session.id)
    imported = await import_file(other, tmp_path / "a.json")
    assert (imported.sessions, imported.messages, imported.known) == ((session.id,), len(said), 0)
    assert await _exported(other, session.id) == text
    assert await other.messages(session.id) == await store.messages(session.id)
    # What lists show was counted again.
    here = [row for row in await store.sessions(limit=1000) if row.id == session.id]
    assert await other.sessions() == here
    await other.close()


async def test_all_sessions_go_over_and_are_found(store: SessionStore, tmp_path: Path) -> None:
    one, two = await _tree(store, UserMessage("apple one")), await _tree(store, UserMessage("apple two"))
    forked = await store.fork(one.id, one.leaf or "")
    await store.set_title(two.id, "Edited")
    await store.set_pinned([two.id], pinned=True)
    await store.set_archived([one.id], archived=True)
    text = await _exported(store)
    (tmp_path / "all.json").write_text(text)
    other = _other(tmp_path)
    here = await _tree(other, UserMessage("apple here"))
    imported = await import_file(other, tmp_path / "all.json")
    assert set(imported.sessions) == {one.id, two.id, forked.id}
    assert await _exported(other, *[row.id for row in await store.sessions(archived=None)]) == text
    await other.finish_index()
    page = await other.search("apple")
    assert page is not None
    # What is here is newer than what came in.
    found = [found.summary.id for found in page.sessions]
    assert sorted(found) == sorted([here.id, forked.id, two.id, one.id])
    assert [hit.field for found in page.sessions for hit in found.hits].count("prompt") == 4
    connection = connect(other.file)
    numbers = "SELECT number FROM message WHERE session {} ? ORDER BY number"
    (native,) = connection.execute(numbers.format("="), (here.id,)).fetchone()
    assert all(number < native for (number,) in connection.execute(numbers.format("<>"), (here.id,)))
    connection.execute("INSERT INTO message_index (message_index) VALUES ('integrity-check')")
    connection.close()
    # And it goes on as any other.
    await other.append(two.id, two.leaf, AssistantMessage(text="new"))
    assert [stored.message.text for stored in await other.path(two.id)] == ["apple two", "new"]
    await other.close()


async def test_importing_twice_adds_nothing(store: SessionStore, tmp_path: Path) -> None:
    session = await _tree(store, UserMessage("q"), AssistantMessage(text="a"))
    (tmp_path / "a.json").write_text(await _exported(store, session.id))
    before = (_counts(store), await store.session(session.id))
    for _ in range(2):
        imported = await import_file(store, tmp_path / "a.json")
        assert (imported.sessions, imported.messages, imported.known) == ((), 0, 1)
    assert (_counts(store), await store.session(session.id)) == before


async def test_a_session_that_went_on_elsewhere_brings_what_is_new(store: SessionStore, tmp_path: Path) -> None:
    session = await _tree(store, UserMessage("q"))
    (tmp_path / "a.json").write_text(await _exported(store, session.id))
    other = _other(tmp_path)
    await import_file(other, tmp_path / "a.json")
    answer = await other.append(session.id, session.leaf, AssistantMessage(text="from there"))
    (tmp_path / "b.json").write_text(await _exported(other, session.id))
    await other.close()
    imported = await import_file(store, tmp_path / "b.json")
    assert (imported.sessions, imported.messages, imported.known) == ((), 1, 1)
    assert await store.path(session.id) == [*await store.path(session.id, session.leaf), answer]
    # Where both went on, what is shown here stays, and the other branch is there.
    mine = await store.append(session.id, session.leaf, AssistantMessage(text="from here"))
    third = _other(tmp_path, "third")
    await import_file(third, tmp_path / "b.json")
    await third.append(session.id, answer.id, UserMessage("more from there"))
    (tmp_path / "c.json").write_text(await _exported(third, session.id))
    await third.close()
    assert (await import_file(store, tmp_path / "c.json")).messages == 1
    assert (await store.session(session.id)).leaf == mine.id
    assert len(await store.messages(session.id)) == 4
    assert await store.deepest_leaf((await store.messages(session.id))[0].id) == mine.id


@pytest.mark.parametrize("indexed", [True, False])
async def test_reasoning_that_was_left_out_comes_later(store: SessionStore, tmp_path: Path, indexed: bool) -> None:
    answer = AssistantMessage(text="a", reasoning="deeply", reasoning_details=({"text": "deeply"},))
    session = await _tree(store, UserMessage("q"), answer)
    short = "".join([piece async for piece in export(store, "json", [session.id], ExportOptions(with_reasoning=False))])
    (tmp_path / "short.json").write_text(short)
    (tmp_path / "whole.json").write_text(await _exported(store, session.id))
    other = _other(tmp_path)
    assert (await import_file(other, tmp_path / "short.json")).messages == 2
    if indexed:
        await other.finish_index()
    for name, completed in (("whole", 1), ("whole", 0), ("short", 0)):
        imported = await import_file(other, tmp_path / f"{name}.json")
        assert (imported.messages, imported.known, imported.completed) == (0, 1, completed)
    assert await _exported(other, session.id) == await _exported(store, session.id)
    await other.finish_index()
    for word, field in (("deeply", "reasoning"), ("a", "answer")):
        page = await other.search(f"{word} ", SearchOptions(fields=ALL_FIELDS))
        assert page is not None
        assert [hit.field for found in page.sessions for hit in found.hits] == [field]
    await other.close()


async def test_an_answer_that_differs_in_more_than_reasoning_stays(store: SessionStore, tmp_path: Path) -> None:
    session = await _tree(store, UserMessage("q"), AssistantMessage(text="a", reasoning="deeply"))
    data = lossless_json.loads(await _exported(store, session.id))
    data["messages"][1]["message"] |= {"content": "b", "reasoning": ""}
    (tmp_path / "b.json").write_text(lossless_json.dumps(data))
    (tmp_path / "whole.json").write_text(await _exported(store, session.id))
    other = _other(tmp_path)
    await import_file(other, tmp_path / "b.json")
    assert (await import_file(other, tmp_path / "whole.json")).completed == 0
    assert [row.message.text for row in await other.messages(session.id)] == ["q", "b"]
    await other.close()


async def test_a_deleted_session_comes_back(store: SessionStore, tmp_path: Path) -> None:
    session = await _tree(store, UserMessage("q"))
    (tmp_path / "a.json").write_text(await _exported(store, session.id))
    await store.delete([session.id])
    assert (await import_file(store, tmp_path / "a.json")).known == 1
    assert [row.id for row in await store.sessions()] == [session.id]


async def test_a_branch_can_be_imported(store: SessionStore, tmp_path: Path) -> None:
    session = await _tree(store, UserMessage("q"), AssistantMessage(text="a"), AssistantMessage(text="b"))
    tree = await store.messages(session.id)
    (tmp_path / "a.json").write_text(await _exported(store, session.id, leaf=tree[1].id))
    other = _other(tmp_path)
    await import_file(other, tmp_path / "a.json")
    assert len(await other.messages(session.id)) < len(tree)
    assert (await other.session(session.id)).leaf == tree[1].id
    await other.close()


_DELETE: Any = object()


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["version"], 2, "version: 2 is unknown; update stepchat"),
        (["version"], True, "version: True is unknown"),
        (["format"], "stepchat-other", "format: 'stepchat-other' is unknown"),
        (["session"], [], "session: a list instead of an object"),
        (["session", "id"], "../evil", "session.id: not an ID"),
        (["session", "id"], None, "session.id: nothing instead of a text"),
        (["session", "created"], "now", "session.created: a text instead of a time"),
        (["session", "updated"], True, "session.updated: true or false instead of a time"),
        (["session", "leaf"], "x0other", "session.leaf: there is no message x0other"),
        (["session", "pinned"], 1, "session.pinned: a number instead of true or false"),
        (["session", "title"], _DELETE, "session.title: nothing instead of a text"),
        (["session", "system"], 5, "session.system: a number instead of a text"),
        (["messages"], {}, "messages: an object instead of a list"),
        (["messages", 1], "x", "messages[1]: a text instead of an object"),
        (["messages", 1, "id"], "m1", "messages[1].parent: there is no message"),
        (["messages", 0, "parent"], "x0late", "messages[0].parent: there is no message x0late before it"),
        (["messages", 1, "folded"], "yes", "messages[1].folded: a text instead of true or false"),
        (["messages", 1, "message"], None, "messages[1].message: nothing instead of an object"),
        (["messages", 1, "message", "role"], "system", "messages[1].message: unknown role 'system'"),
        (["messages", 1, "message", "content"], 7, "messages[1].message: not a stored message"),
        (["messages", 1, "message", "stop"], "maybe", "messages[1].message: unknown stop 'maybe'"),
    ],
)
async def test_a_wrong_place_is_named_and_nothing_comes_in(
    store: SessionStore, tmp_path: Path, path: list[Any], value: Any, said: str
) -> None:
    other = _other(tmp_path)
    session = await _tree(other, UserMessage("q"))
    await other.append(session.id, session.leaf, AssistantMessage(text="a"))
    session = await other.session(session.id)
    good, bad = json.loads(await _exported(other, session.id)), json.loads(await _exported(other, session.id))
    await other.close()
    if path == ["messages", 1, "id"]:
        bad["messages"][1]["parent"], value = "m1", "m2"
    at = bad
    for step in path[:-1]:
        at = at[step]
    if value is _DELETE:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    assert said in await _refused(store, tmp_path / "a.json", json.dumps(bad))
    if path[0] not in {"version", "format"}:
        good["session"]["id"] = "g0od"
        together = {"format": "stepchat-sessions", "version": 1, "sessions": [good, bad]}
        assert f"sessions[1].{said}" in await _refused(store, tmp_path / "b.json", json.dumps(together))


async def test_the_same_id_twice_and_a_stolen_message_are_refused(store: SessionStore, tmp_path: Path) -> None:
    session = await _tree(store, UserMessage("q"))
    data = json.loads(await _exported(store, session.id))
    twice = {**data, "messages": data["messages"] * 2}
    assert "messages[1].id" in await _refused(store, tmp_path / "a.json", json.dumps(twice))
    data["session"]["id"] = "s0mebody"
    before = _counts(store)
    (tmp_path / "b.json").write_text(json.dumps(data))
    with pytest.raises(UsageError, match=f"the message {session.leaf} belongs to another session, {session.id}"):
        await import_file(store, tmp_path / "b.json")
    assert _counts(store) == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"# A chat\n", "line 1, column 1: This is not JSON. Supported: stepchat's JSON"),
        (b'{"format":\n  nonsense}', "line 2, column 3: Expecting value."),
        (b"\xff\xfe\x00", "codec can't decode"),
        (b"[" * 100_000, "nested too deeply"),
        (b"{}", "The format is unknown. Supported: stepchat's JSON"),
        (b"[1, 2]", "The format is unknown"),
        (b'"text"', "The format is unknown"),
        (b"null", "The format is unknown"),
        (b"PK\x03\x04 not really", "not a zip file"),
        (b"SQLite format 3\0 not really", "not a database"),
    ],
)
async def test_a_file_that_is_none_of_ours_is_refused(
    store: SessionStore, tmp_path: Path, content: bytes, said: str
) -> None:
    assert said in await _refused(store, tmp_path / "a.json", content)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
async def test_a_file_that_a_shell_has_encoded_anew(store: SessionStore, encoding: str) -> None:
    session = await _tree(store, UserMessage("Grüße"))
    content = export_json(session, await store.messages(session.id)).encode(encoding)
    (read,) = importer.read_stream(io.BytesIO(content), "stdin")
    assert read.content.messages[0].message.text == "Grüße"
    with pytest.raises(UsageError, match="can't decode byte"):
        importer.read_stream(io.BytesIO(content + b"\xff"), "stdin")


async def test_a_stream_is_read_like_a_file(store: SessionStore, tmp_path: Path) -> None:
    session = await _tree(store, UserMessage("q"), AssistantMessage(text="a"))
    text = export_json(session, await store.messages(session.id)).encode()
    with zipfile.ZipFile(tmp_path / "chatgpt.zip", "w") as archive:
        archive.writestr("conversations.json", text)
    for content in (text, (tmp_path / "chatgpt.zip").read_bytes()):
        (read,) = importer.read_stream(Once(content), "stdin", len(content))
        assert read.content.session == session
        with pytest.raises(
            UsageError, match=r"^stdin cannot be imported. It is larger than 300 MB. Nothing was imported"
        ):
            importer.read_stream(Once(content), "stdin", len(content) - 1)
    for wrong, said in ((b"", "line 1, column 1"), (b"PK\x03\x04", "not a zip"), (b"SQLite format 3\0", "not a data")):
        with pytest.raises(UsageError, match=f"^stdin cannot be imported.*{said}"):
            importer.read_stream(Once(wrong), "stdin")


class Once(io.RawIOBase):
    """Bytes that can be read once only, as a pipe gives them."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def read(self, size: int = -1, /) -> bytes:
        return self._content.read(size)


async def test_other_archives_and_databases_are_refused(store: SessionStore, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "x")
    assert "no conversations.json" in await _refused(store, tmp_path / "a.zip", (tmp_path / "other.zip").read_bytes())
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE t (x)")
    other.commit()
    other.close()
    assert "not the log of llm" in await _refused(store, tmp_path / "a.db", (tmp_path / "other.db").read_bytes())


async def test_a_file_that_cannot_be_read_is_named(store: SessionStore, tmp_path: Path) -> None:
    path = tmp_path / "nothing.json"
    with pytest.raises(UsageError, match=f"Cannot read {path}"):
        await import_file(store, path)


async def test_what_is_no_regular_file_is_rejected_at_once(store: SessionStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.json")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for path in (tmp_path / "fifo.json", tmp_path / "socket", Path("/dev/zero")):
            with pytest.raises(UsageError, match="not a regular file"):
                await asyncio.wait_for(import_file(store, path), 5)


def test_a_small_archive_that_expands_to_much_is_rejected(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations-000.json", b"[" + b" " * 600_000 + b"]")
        archive.writestr("conversations-001.json", b"[" + b" " * 600_000 + b"]")
    with zipfile.ZipFile(tmp_path / "outer.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "bomb.zip", "inner.zip")
    for name in ("bomb.zip", "outer.zip"):
        with pytest.raises(UsageError, match=r"conversations-001\.json: It is larger than 300 MB"):
            importer.read_file(tmp_path / name, limit=1_000_000)


@pytest.mark.parametrize("end", ["\n", ""])
async def test_json_lines_are_named_as_what_they_are(store: SessionStore, tmp_path: Path, end: str) -> None:
    lines = (CASES / "own-jsonl" / "input.jsonl").read_text().splitlines()
    for text in ("\n".join(lines) + end, lines[0] + end):
        assert "JSON Lines: requests for the API" in await _refused(store, tmp_path / "a.jsonl", text.encode())


async def test_a_title_from_elsewhere_is_cleaned(store: SessionStore, tmp_path: Path) -> None:
    session = await _tree(store, UserMessage("q"))
    data = lossless_json.loads(export_json(session, await store.messages(session.id)))
    data["session"] |= {"id": "n3w", "title": "a\x1b[31m\nb", "model": "m\ud800"}
    data["messages"][0]["id"] = data["session"]["leaf"] = "n3w1"
    (tmp_path / "a.json").write_text(lossless_json.dumps(data))
    await import_file(store, tmp_path / "a.json")
    kept = await store.session("n3w")
    assert (kept.title, kept.model) == ("a b", "m?")

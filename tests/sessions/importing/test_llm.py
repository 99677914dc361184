"""The tables are those that llm 0.26 and 0.36 made, less the columns that are not read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from stepchat.errors import UsageError
from stepchat.messages import AssistantMessage, Timing, ToolCall, ToolMessage, Usage, UserMessage
from stepchat.sessions.importing.importer import import_file
from tests.sessions.samples import LLM_LOG

if TYPE_CHECKING:
    from pathlib import Path

    from stepchat.sessions.store import SessionStore

_OLD = """
CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, model TEXT);
CREATE TABLE responses (id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT, response TEXT, conversation_id TEXT,
    duration_ms INTEGER, datetime_utc TEXT, input_tokens INTEGER, output_tokens INTEGER);
CREATE TABLE fragments (id INTEGER PRIMARY KEY, hash TEXT, content TEXT);
CREATE TABLE prompt_fragments (response_id TEXT, fragment_id INTEGER, "order" INTEGER);
CREATE TABLE system_fragments (response_id TEXT, fragment_id INTEGER, "order" INTEGER);
CREATE TABLE prompt_attachments (response_id TEXT, attachment_id TEXT, "order" INTEGER);
CREATE TABLE tool_calls (id INTEGER PRIMARY KEY, response_id TEXT, name TEXT, arguments TEXT, tool_call_id TEXT);
CREATE TABLE tool_results (id INTEGER PRIMARY KEY, response_id TEXT, name TEXT, output TEXT, tool_call_id TEXT);
INSERT INTO conversations VALUES ('01c', 'What time?', 'gpt');
INSERT INTO fragments VALUES (1, 'x', 'A long text'), (2, 'y', 'Be');
INSERT INTO responses VALUES
    ('01r1', 'gpt', 'What time?', 'brief', '', '01c', 1500, '2025-01-02T03:04:05.5+00:00', 11, 22),
    ('01r2', 'gpt', '', 'brief', 'Noon.', '01c', NULL, '2025-01-02T03:05:00', NULL, NULL),
    ('01r3', 'gpt', 'Alone', NULL, 'Yes.', NULL, 1, 'never', NULL, NULL);
INSERT INTO prompt_fragments VALUES ('01r3', 1, 0);
INSERT INTO system_fragments VALUES ('01r1', 2, 0);
INSERT INTO prompt_attachments VALUES ('01r3', 'z', 0);
INSERT INTO tool_calls VALUES (1, '01r1', 'clock', '{"zone": "UTC"}', 'call-1');
INSERT INTO tool_results VALUES (1, '01r2', 'clock', '12:00', 'call-1');
"""
_REASONING = """
ALTER TABLE responses ADD COLUMN reasoning TEXT;
ALTER TABLE responses ADD COLUMN resolved_model TEXT;
ALTER TABLE tool_results ADD COLUMN exception TEXT;
UPDATE responses SET reasoning = 'Hm.', resolved_model = 'gpt-2025' WHERE id = '01r2';
UPDATE tool_results SET exception = 'ValueError';
"""


def _database(path: Path, *scripts: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        for script in scripts:
            connection.executescript(script)
    return path


async def test_old_conversations(store: SessionStore, tmp_path: Path) -> None:
    imported = await import_file(store, _database(tmp_path / "logs.db", _OLD))
    by_title = {row.title: row.id for row in await store.sessions()}
    assert set(by_title) == {"What time?", "A long text"}
    session = await store.session(by_title["What time?"])
    assert (session.system, session.created, session.updated) == ("Be\nbrief", 1735787045.5, 1735787100.0)
    assert [stored.message for stored in await store.path(session.id)] == [
        UserMessage("What time?", 1735787045.5),
        AssistantMessage(
            tool_calls=(ToolCall("call-1", "clock", '{"zone": "UTC"}'),),
            stop="tool_calls",
            model_asked="gpt",
            model="gpt",
            usage=Usage({"prompt_tokens": 11, "completion_tokens": 22}),
            timing=Timing(1735787045.5, ended=1.5),
        ),
        ToolMessage("call-1", "clock", "12:00"),
        AssistantMessage(text="Noon.", model_asked="gpt", model="gpt", timing=Timing(1735787100.0)),
    ]
    alone = await store.path(by_title["A long text"])
    assert alone[0].message.text == "A long text\nAlone\n\n[an attachment that was not imported]"
    again = await import_file(store, tmp_path / "logs.db")
    assert (again.sessions, again.messages, again.known) == ((), 0, 2)
    assert imported.messages == 6


async def test_later_columns_are_read(store: SessionStore, tmp_path: Path) -> None:
    await import_file(store, _database(tmp_path / "logs.db", _OLD, _REASONING))
    session = await store.find("What time?")
    *_, result, answer = [stored.message for stored in await store.path(session.id)]
    assert result == ToolMessage("call-1", "clock", "12:00", is_error=True)
    assert isinstance(answer, AssistantMessage)
    assert (answer.reasoning, answer.model_asked, answer.model) == ("Hm.", "gpt", "gpt-2025")


async def test_threads_with_their_branches(store: SessionStore, tmp_path: Path) -> None:
    imported = await import_file(store, _database(tmp_path / "logs.db", LLM_LOG))
    (session_id,) = imported.sessions
    session = await store.session(session_id)
    assert (session.title, session.system) == ("A thread", "Be brief")
    path = await store.path(session_id)
    assert [stored.message for stored in path] == [
        UserMessage("A long text\nWhat is it?", 1767225602.0),
        AssistantMessage(
            reasoning="Let me see.",
            tool_calls=(ToolCall("c1", "look", '{"n":1}'),),
            stop="tool_calls",
            model_asked="fake",
            model="fake",
            usage=Usage({"prompt_tokens": 11, "completion_tokens": 22}),
            timing=Timing(1767225601.0, ended=2.0),
        ),
        ToolMessage("c1", "look", "seen"),
        ToolMessage("c2", "look", "seen twice", is_error=True),
        UserMessage("So?\n\n[an attachment that was not imported]", 1767225603.0),
        AssistantMessage(text="A book.", model_asked="fake", model="fake", timing=Timing(1767225603.0)),
    ]
    other = [stored.message.text for stored in await store.siblings(path[1].id)]
    assert other == ["", "Another try"]
    assert (await import_file(store, tmp_path / "logs.db")).messages == 0


async def test_an_old_conversation_that_went_on_in_a_thread_is_one_session(store: SessionStore, tmp_path: Path) -> None:
    await import_file(store, _database(tmp_path / "old.db", _OLD))
    went_on = """
    INSERT INTO threads VALUES ('01r3', 'Later', 'k3', NULL, '2026-02-01');
    INSERT INTO turns VALUES ('03a', '01r3', 'k3', 'k4', 'fake', NULL, NULL, NULL, NULL, '2026-02-01');
    INSERT INTO messages VALUES ('k1', NULL, 'user'), ('k2', 'k1', 'assistant'), ('k3', 'k2', 'user'),
        ('k4', 'k3', 'assistant');
    INSERT INTO parts (message_hash, position, type, text, payload) VALUES
        ('k1', 0, 'text', 'A long text' || char(10) || 'Alone', NULL), ('k1', 1, 'attachment', NULL, '{}'),
        ('k2', 0, 'text', 'Yes.', NULL), ('k3', 0, 'text', 'More?', NULL), ('k4', 0, 'text', 'No.', NULL);
    UPDATE threads SET tip_message_hash = 'k4' WHERE id = '01r3';
    """
    both = _database(tmp_path / "both.db", _OLD, LLM_LOG, went_on)
    imported = await import_file(store, both)
    assert (len(imported.sessions), imported.known) == (1, 2)
    session = await store.find("A long text\nAlone")
    texts = [stored.message.text.split("\n")[0] for stored in await store.messages(session.id)]
    assert texts == ["A long text", "Yes.", "More?", "No."]
    assert (session.title, session.leaf) == ("A long text", (await store.messages(session.id))[-1].id)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DELETE FROM messages WHERE hash = 'h2'", "threads[02t]: the message h2 is missing"),
        ("UPDATE messages SET parent_hash = 'h6' WHERE hash = 'h1'", "below itself"),
        ("UPDATE messages SET role = 'robot' WHERE hash = 'h5'", "the role 'robot' is not known"),
        ("UPDATE parts SET payload = '{' WHERE message_hash = 'h4'", "threads[02t].parts[h4].payload"),
        ("UPDATE parts SET payload = '[]' WHERE message_hash = 'h4'", "threads[02t].parts[h4].payload: not an object"),
        ("UPDATE parts SET text = x'00' WHERE message_hash = 'h3b'", "threads[02t].parts[h3b].text: not a text"),
        ("UPDATE responses SET prompt = x'00' WHERE id = '01r3'", "responses[01r3].prompt: not a text"),
        ("UPDATE conversations SET name = x'00'", "conversations[01c].name: not a text"),
    ],
)
async def test_a_wrong_place_is_named_and_nothing_comes_in(
    store: SessionStore, tmp_path: Path, change: str, said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        await import_file(store, _database(tmp_path / "logs.db", _OLD, LLM_LOG, change))
    assert said in caught.value.message
    assert await store.session_ids() == []


async def test_the_log_is_left_as_it_is(store: SessionStore, tmp_path: Path) -> None:
    path = _database(tmp_path / "a ? # %20.db", _OLD, LLM_LOG)
    before = path.read_bytes()
    await import_file(store, path)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.glob("a ?*")] == [path.name]

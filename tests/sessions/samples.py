"""Hostile and ordinary values for the tests of the store."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from stepchat import lossless_json
from stepchat.events import Delta, ToolCallFragment
from stepchat.messages import (
    AssistantMessage,
    Attachment,
    Failure,
    Json,
    Timing,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
)

# Every code point, lone surrogates and NUL included.
texts = st.text(st.characters(exclude_categories=()), max_size=30)

numbers = st.one_of(
    st.integers(),
    st.integers(min_value=10**30, max_value=10**60),
    st.sampled_from(["1.10", "1e400", "-0.0", "1E+2", "0.30000000000000004", "1e-400", "100.0"]).map(
        lossless_json.loads
    ),
)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
objects: st.SearchStrategy[Json] = st.dictionaries(texts, json_values, max_size=4)
details = st.one_of(st.none(), st.lists(objects, max_size=4).map(tuple))
seconds = st.one_of(st.none(), st.floats(min_value=0, max_value=1e6))

fragments = st.builds(
    ToolCallFragment,
    index=st.one_of(st.none(), st.integers(0, 9)),
    id=st.one_of(st.none(), texts),
    name=st.one_of(st.none(), texts),
    arguments=st.one_of(st.none(), texts),
)
deltas = st.builds(
    Delta,
    text=texts,
    reasoning=texts,
    details=details,
    tool_calls=st.lists(fragments, max_size=3).map(tuple),
    refusal=texts,
    text_was_reasoning=st.booleans(),
    finish_reason=st.one_of(st.none(), texts),
    native_finish_reason=st.one_of(st.none(), texts),
    usage=st.one_of(st.none(), objects),
    model=st.one_of(st.none(), texts),
    provider=st.one_of(st.none(), texts),
    generation_id=st.one_of(st.none(), texts),
    reasoning_field=st.one_of(st.none(), texts),
    logprobs=st.lists(objects, max_size=2).map(tuple),
)

attachments = st.builds(
    Attachment,
    digest=st.binary(min_size=32, max_size=32).map(bytes.hex),
    name=texts,
    kind=st.sampled_from(["text", "image", "pdf", "audio"]),
    media_type=texts,
    size=st.integers(0, 10**9),
    tokens=st.integers(0, 10**6),
    width=st.integers(0, 9999),
    height=st.integers(0, 9999),
    pages=st.integers(0, 99),
)
users = st.builds(
    UserMessage,
    text=texts,
    time=st.floats(min_value=0, max_value=1e10),
    attachments=st.lists(attachments, max_size=2).map(tuple),
)
tools = st.builds(ToolMessage, call_id=texts, name=texts, text=texts, is_error=st.booleans())
answers = st.builds(
    AssistantMessage,
    text=texts,
    reasoning=texts,
    reasoning_details=details,
    tool_calls=st.lists(st.builds(ToolCall, id=texts, name=texts, arguments=texts), max_size=3).map(tuple),
    refusal=texts,
    stop=st.sampled_from(["stop", "length", "tool_calls", "content_filter", "cancelled", "cut", "error"]),
    finish_reason=st.one_of(st.none(), texts),
    native_finish_reason=st.one_of(st.none(), texts),
    model_asked=texts,
    model=texts,
    provider=texts,
    server=texts,
    generation_id=texts,
    reasoning_field=st.one_of(st.none(), texts),
    parameters=objects,
    logprobs=st.lists(objects, max_size=2).map(tuple),
    usage=st.builds(Usage, raw=objects),
    timing=st.builds(
        Timing,
        started=st.floats(min_value=0, max_value=1e10),
        first_reasoning=seconds,
        first_text=seconds,
        ended=seconds,
    ),
    error=st.one_of(st.none(), st.builds(Failure, code=st.one_of(st.none(), st.integers(), texts), message=texts)),
    prefix=texts,
)
any_message = st.one_of(users, tools, answers)

CHATGPT: Json = {
    "title": "t", "create_time": 1.5, "update_time": 2.5, "conversation_id": "c", "current_node": "a",
    "mapping": {
        "r": {"id": "r", "parent": None, "children": ["u"], "message": None},
        "u": {"id": "u", "parent": "r", "children": ["h"], "message": {
            "author": {"role": "user"}, "create_time": 1.5, "content": {"content_type": "text", "parts": ["q"]}}},
        "h": {"id": "h", "parent": "u", "children": ["a"], "message": {
            "author": {"role": "assistant"}, "create_time": 1.5,
            "content": {"content_type": "thoughts", "thoughts": [{"summary": "s", "content": "c"}]}}},
        "a": {"id": "a", "parent": "h", "children": [], "message": {
            "author": {"role": "assistant"}, "create_time": 2.5, "recipient": "all", "metadata": {"model_slug": "m"},
            "content": {"content_type": "text", "parts": ["a"]}}},
    },
}  # fmt: skip
"""A small conversation as ChatGPT exports it."""

LLM_LOG = """
CREATE TABLE threads (id TEXT PRIMARY KEY, name TEXT, tip_message_hash TEXT, forked_from TEXT, datetime_utc TEXT);
CREATE TABLE turns (id TEXT PRIMARY KEY, thread_id TEXT, parent_message_hash TEXT, tip_message_hash TEXT, model TEXT,
    resolved_model TEXT, input_tokens INTEGER, output_tokens INTEGER, duration_ms INTEGER, datetime_utc TEXT);
CREATE TABLE messages (hash TEXT PRIMARY KEY, parent_hash TEXT, role TEXT);
CREATE TABLE parts (id INTEGER PRIMARY KEY, message_hash TEXT, position INTEGER, type TEXT, tool_name TEXT, text TEXT,
    payload TEXT);
CREATE TABLE IF NOT EXISTS fragments (id INTEGER PRIMARY KEY, hash TEXT, content TEXT);
INSERT OR IGNORE INTO fragments VALUES (1, 'x', 'A long text');
INSERT INTO threads VALUES ('02t', 'A thread', 'h6', NULL, '2026-01-01 00:00:00+00:00');
INSERT INTO turns VALUES
    ('02a', '02t', 'h2', 'h3', 'fake', NULL, 11, 22, 2000, '2026-01-01T00:00:01'),
    ('02b', '02t', 'h2', 'h3b', 'fake', 'fake-2', NULL, NULL, NULL, '2026-01-01T00:00:02'),
    ('02c', '02t', 'h5', 'h6', 'fake', NULL, NULL, NULL, NULL, '2026-01-01T00:00:03');
INSERT INTO messages VALUES ('h1', NULL, 'system'), ('h2', 'h1', 'user'), ('h3', 'h2', 'assistant'),
    ('h3b', 'h2', 'assistant'), ('h4', 'h3', 'tool'), ('h5', 'h4', 'user'), ('h6', 'h5', 'assistant');
INSERT INTO parts (message_hash, position, type, text, payload) VALUES
    ('h1', 0, 'text', 'Be brief', NULL),
    ('h2', 0, 'text', NULL, '{"text_ref": [{"fragment": 1}, {"literal": "\\nWhat is it?"}]}'),
    ('h3', 0, 'reasoning', 'Let me see.', '{"provider_metadata": {}}'),
    ('h3', 1, 'tool_call', NULL, '{"name": "look", "arguments": {"n": 1}, "tool_call_id": "c1"}'),
    ('h3b', 0, 'text', 'Another try', NULL),
    ('h4', 0, 'tool_result', NULL, '{"name": "look", "output": "seen", "tool_call_id": "c1"}'),
    ('h4', 1, 'tool_result', NULL, '{"name": "look", "output": "seen twice", "tool_call_id": "c2", "exception": "E"}'),
    ('h5', 0, 'attachment', NULL, '{"attachment": {"id": "z"}}'),
    ('h5', 1, 'text', 'So?', NULL),
    ('h6', 0, 'text', 'A ', NULL),
    ('h6', 1, 'text', 'book.', NULL);
"""
"""A log as llm 0.36 makes it, less the columns that are not read."""

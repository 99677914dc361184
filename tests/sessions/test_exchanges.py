"""Any requests, kept and read again."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat import lossless_json
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.reasoning.ledger import SentMessage
from stepchat.sessions import exchanges, reading, writing
from stepchat.sessions.exchanges import Exchange, ReasoningOutcome
from stepchat.sessions.migrations import migrate
from stepchat.sessions.records import message_to_text
from tests.sessions.samples import objects

wires = st.sampled_from([{"role": "user", "content": name} for name in "abc"]) | objects
verdicts = st.sampled_from([None, {"way": "unchanged"}, {"way": "left out", "rule": "stopped"}])
lines = st.builds(SentMessage, st.none() | wires, st.none() | st.sampled_from(["m1", "m2", "m3"]), verdicts)
pieces = st.lists(st.tuples(st.floats(0, 1e6), st.binary(max_size=20)), max_size=4).map(tuple)
requests = st.lists(st.tuples(st.lists(lines, max_size=5).map(tuple), objects, pieces), max_size=6)


def opened() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    migrate(connection, Path("memory"))
    connection.execute("INSERT INTO session (id, created, updated, model, server) VALUES ('s', 1, 1, 'm', 'x')")
    connection.execute("INSERT INTO message (id, session, role, created, data) VALUES ('a', 's', 'assistant', 1, '{}')")
    return connection


def made(sent: tuple[SentMessage, ...], rest: dict[str, Any], came: exchanges.Any, number: int = 0) -> Exchange:
    return Exchange("a", sent, {**rest, "messages": None}, "u", {"h": "v"}, 1.0, 200, {}, came, number=number)


@settings(max_examples=60)
@given(requests)
def test_what_is_read_is_what_was_kept(asked):
    connection = opened()
    for sent, rest, came in asked:
        exchanges.keep(connection, "s", made(sent, rest, came), exchanges.pack(came), 10**9)
    for (sent, rest, came), found in zip(asked, exchanges.of_answer(connection, "a"), strict=True):
        assert lossless_json.dumps(found.body) == lossless_json.dumps(made(sent, rest, came).body)
        assert (found.lines, found.pieces) == (sent, came)
    assert exchanges.newest_answer(connection, "s") == ("a" if asked else None)
    connection.close()


@settings(max_examples=60)
@given(requests)
def test_every_sending_is_found_and_requests_share_its_line(asked):
    connection = opened()
    numbers = [exchanges.keep(connection, "s", made(sent, rest, ()), b"", 10**9) for sent, rest, _ in asked]
    found = exchanges.reasoning_sent(connection, "s")
    for message in ("m1", "m2", "m3"):
        expected = [
            (number, line)
            for number, (sent, _, _) in zip(numbers, asked, strict=True)
            for line in reversed(sent)
            if line.message == message and line.verdict is not None
        ]
        assert [(sending.request, sending.line) for sending in found.get(message, [])] == expected
        assert exchanges.reasoning_sent(connection, "s", message) == ({message: found[message]} if expected else {})
    lines = {id(sending.line) for of_one in found.values() for sending in of_one}
    (count,) = connection.execute("SELECT count(*) FROM sent_line").fetchone()
    assert len(lines) <= count
    connection.close()


@settings(max_examples=60)
@given(requests)
def test_verdicts_are_those_of_the_newest_request_and_every_sending_counts(asked):
    connection = opened()
    newest: dict[str, Any] = {}
    times: dict[str, int] = {}
    for sent, rest, _ in asked:
        # A message is once in a request.
        seen = {line.message: line for line in sent if line.message and line.verdict}
        once = tuple(line for line in sent if line is seen.get(line.message) or line.message not in seen)
        exchanges.keep(connection, "s", made(once, rest, ()), b"", 10**9)
        for message, line in seen.items():
            newest[message] = line.verdict
            times[message] = times.get(message, 0) + (line.verdict == {"way": "unchanged"})
    assert exchanges.reasoning_outcomes(connection, "s") == {
        message: ReasoningOutcome(verdict, times[message]) for message, verdict in newest.items()
    }
    connection.close()


def test_what_came_is_added_to_the_request_that_had_left():
    connection = opened()
    sent = (SentMessage({"role": "user", "content": "x"}),)
    number = exchanges.keep(connection, "s", made(sent, {}, ()), exchanges.pack(()), 10**9)
    came = ((0.5, b"data: x\n\n"),)
    assert exchanges.keep(connection, "s", made(sent, {}, came, number), exchanges.pack(came), 10**9) == number
    (found,) = exchanges.of_answer(connection, "a")
    assert (found.pieces, found.lines) == (came, sent)
    connection.close()


def test_a_fork_shows_the_recordings_of_what_it_copied():
    connection = opened()
    add = "INSERT INTO message (id, session, parent, role, created, data) VALUES (?, 's', ?, ?, 1, ?)"
    connection.execute("UPDATE message SET data = ? WHERE id = 'a'", (message_to_text(AssistantMessage(text="one")),))
    connection.execute(add, ("q", "a", "user", message_to_text(UserMessage("two"))))
    for answer in ("b", "other"):
        connection.execute(add, (answer, "q", "assistant", message_to_text(AssistantMessage(text=answer))))
    line = SentMessage({"role": "assistant"}, "a", {"way": "unchanged"})
    for answer, sent in (("a", ()), ("b", (line,)), ("other", (line,))):
        exchange = replace(made(sent, {}, ((0.5, answer.encode()),)), answer=answer)
        exchanges.keep(connection, "s", exchange, exchanges.pack(exchange.pieces), 10**9)
    fork = writing.fork(connection, "s", "b", 2.0)
    again = writing.fork(connection, fork.id, reading.path(connection, fork.id, None)[-1].id, 3.0)
    for session in (fork.id, again.id):
        first, _, last = [stored.id for stored in reading.path(connection, session, None)]
        pieces = [exchange.pieces for message in (first, last) for exchange in exchanges.of_answer(connection, message)]
        assert pieces == [((0.5, b"a"),), ((0.5, b"b"),)]
        # What an answer that was not copied was asked with is no part of it.
        assert {
            origin: [one.answer for one in sent]
            for origin, sent in exchanges.reasoning_sent(connection, session).items()
        } == {first: [last]}
        assert exchanges.reasoning_sent(connection, session, first).keys() == {first}
        assert exchanges.reasoning_outcomes(connection, session) == {first: ReasoningOutcome({"way": "unchanged"}, 1)}
        exchange = replace(made((SentMessage({"role": "assistant"}, first, {"way": "as text"}),), {}, ()), answer=last)
        exchanges.keep(connection, session, exchange, b"", 10**9)
        assert exchanges.reasoning_outcomes(connection, session) == {first: ReasoningOutcome({"way": "as text"}, 2)}
        assert len(exchanges.reasoning_sent(connection, session)[first]) == 2
    connection.execute("DELETE FROM session WHERE id = 's'")
    assert exchanges.of_answer(connection, first) == []
    connection.close()

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat import lossless_json
from stepchat.chat.inspection import (
    EventLines,
    Events,
    InspectorLine,
    filter_lines,
    json_lines,
    ledger_lines,
    request_lines,
    usage_lines,
    wrap_lines,
)
from stepchat.messages import StoredMessage
from stepchat.reasoning.ledger import SentMessage, reasoning_accounts, received_reasoning
from stepchat.servers.sse import SseParser
from stepchat.sessions.exchanges import Exchange
from tests.fakes import event, stream_of
from tests.servers.streams import chunk
from tests.servers.test_wire import OPEN, SEALED, answer
from tests.sessions.samples import json_values


def exchange(*pieces: tuple[float, bytes], **more: Any) -> Exchange:
    fields: dict[str, Any] = {
        "answer": "a2",
        "lines": (SentMessage({"role": "user", "content": "Why?"}, "q1"),),
        "rest": {"model": "a/b", "messages": None, "top_p": 1},
        "url": "https://example.com/v1/chat/completions",
        "headers": {"X-Title": "t"},
        "started": 1.0,
        "status": 200,
        "answered": {"content-type": "text/event-stream"},
        "pieces": pieces,
    }
    return Exchange(**(fields | more))


def texts(lines: Any) -> list[str]:
    return [lines[place].text for place in range(len(lines))]


@given(json_values)
def test_json_over_several_lines_is_the_same_json(value):
    assert lossless_json.dumps(lossless_json.loads("\n".join(json_lines(value)))) == lossless_json.dumps(value)


def test_the_request_with_its_head_and_what_it_was_answered():
    told = texts(request_lines(exchange(error="Overloaded.", status=503)))
    assert told[0] == "POST https://example.com/v1/chat/completions"
    assert "X-Title: t" in told
    assert '      "content": "Why?"' in told
    assert told[-3:] == ["Status 503", "content-type: text/event-stream", "Overloaded."]


def test_lines_are_filtered_by_words_and_wrapped_by_cells():
    lines = [InspectorLine("One two"), InspectorLine("two three"), InspectorLine("four")]
    assert [line.text for line in filter_lines(lines, "TWO")] == ["One two", "two three"]
    assert [line.text for line in filter_lines(lines, "two one")] == ["One two"]
    assert [line.text for line in wrap_lines([InspectorLine("abcdef"), InspectorLine("")], 4)] == ["abcd", "ef", ""]
    assert [line.text for line in wrap_lines([InspectorLine("漢字漢字", "dim")], 4)] == ["漢字", "漢字"]
    assert [line.text for line in wrap_lines([InspectorLine("  one two three")], 11)] == ["  one two ", "  three"]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200), st.integers(2, 40))
def test_nothing_is_lost_in_wrapping(text, width):
    rows = [line.text for line in wrap_lines([InspectorLine(text)], width)]
    assert all(len(row) <= width for row in rows)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")


PIECES = (
    (0.25, b": OPENROUTER PROCESSING\n\n" + event(chunk({"reasoning": "h"}))[:20]),
    (0.5, event(chunk({"reasoning": "h"}))[20:] + event(chunk({"content": ""}))),
    (1.0, event(chunk({"content": 'say "content":"x"'})) + event(chunk({}, "stop"))),
    (1.5, event({"choices": [], "usage": {"cost": 1}}) + b"data: [DONE]\n\n"),
)


def test_each_event_has_the_time_of_its_last_byte():
    events = Events(exchange(*PIECES))
    assert len(events) == 7
    assert [events.seconds(number) for number in range(7)] == [0.25, 0.5, 0.5, 1.0, 1.0, 1.5, 1.5]
    kinds = [events.line(number).text.split()[3] for number in range(7)]
    assert kinds == ["comment", "reasoning", "empty", "text", "finish", "usage", "done"]
    assert events.raw(6) == b"data: [DONE]\n\n"
    assert events.text.encode() == b"".join(data for _, data in PIECES)


def test_when_things_came_first():
    times, size = texts(Events(exchange(*PIECES)).summary_lines())
    assert times == "first byte 0.250 s · first reasoning 0.500 s · first text 1.000 s · last byte 1.500 s"
    assert size.startswith("7 events, ")
    assert "deleted" in Events(exchange(pieces=None)).summary_lines()[0].text
    assert texts(Events(exchange()).summary_lines()) == ["The response was empty."]


@pytest.mark.parametrize("end", [b"\r\n", b"\r", b"\n"])
def test_every_kind_of_line_end(end):
    data = stream_of(chunk({"content": "a"}), chunk({"content": "b"})).replace(b"\n", end)
    events = Events(exchange((0.1, data)))
    assert [events.line(number).text.split()[3] for number in range(len(events))] == ["text", "text", "done"]
    assert '"a"' in "".join(line.text for line in events.detail(0))


@given(st.lists(st.sampled_from([b'data: {"a":1}', b"\n", b"\r", b"\r\n"]), max_size=12))
def test_events_are_those_that_the_parser_finds(parts):
    whole = b"".join(parts)
    parser = SseParser()
    found = Events(exchange((0.5, whole)))
    assert b"".join(map(found.raw, range(len(found)))) == whole
    # Two of these in one event, and more than one on a line, are no JSON; the parser keeps such events until the end.
    parsed = parser.feed(whole + b"\n\n")
    assert len([number for number in range(len(found)) if b"data:" in found.raw(number)]) == len(parsed)


@pytest.mark.parametrize(
    "body", [b'{\n\n"error": {\r\n\r\n"message": "x"}}', b"\n\n<html>\n\n<p>", b"\xef\xbb\xbf[\n\n1]"]
)
def test_what_is_no_stream_is_in_one_piece(body):
    assert len(Events(exchange((0.5, body)))) == 1


def test_what_is_no_stream_is_shown_as_it_is():
    events = Events(exchange((0.1, b'{"error":{"message":"no"}}')))
    assert events.line(0).role == "error"
    assert Events(exchange((0.1, b"<html>no</html>"))).line(0).text.endswith("<html>no</html>")


def test_an_event_is_laid_open_below_its_line():
    events = Events(exchange(*PIECES))
    numbers = events.matching("say")
    assert numbers == [3]
    closed, opened = EventLines(events, numbers, {}), EventLines(events, numbers, {3: events.detail(3)})
    assert len(closed) == 3
    assert [closed.number(place) for place in range(-1, 4)] == [None, None, None, 3, None]
    assert closed[2].text.split()[3] == "text"
    assert texts(opened)[3].startswith("        data: {")
    assert any('"content": "say' in text for text in texts(opened)[4:])


@pytest.mark.parametrize(
    "typed", [("say", "say x"), ("sa", "SAY", "sa"), ("reason", "choices"), ("nothing", ""), ("ü",)]
)
def test_what_is_typed_on_is_found_as_if_it_had_been_typed_at_once(typed):
    events = Events(exchange(*PIECES))
    for words in typed:
        fresh = Events(exchange(*PIECES))
        expected = [
            number
            for number in range(7)
            if all(word in events.raw(number).lower().decode() for word in words.lower().split())
        ]
        assert list(events.matching(words)) == list(fresh.matching(words)) == expected


def test_what_is_typed_on_is_sought_among_what_was_found():
    events = Events(exchange(*PIECES))
    assert events.matching("say") == [3]
    assert events.matching("say") is events.matching("say")
    looked: list[int] = []

    class Seen(list):
        def __getitem__(self, place):
            looked.append(place)
            return super().__getitem__(place)

    events._spans = Seen(events._spans)
    assert events.matching("say x") == [3]
    assert set(looked) == {3}


def test_what_the_provider_was_given():
    told = Events(
        exchange((0.1, event({"choices": [], "debug": {"echo_upstream_body": {"model": "m"}}})))
    ).upstream_lines()
    assert '    "model": "m"' in texts(told)
    assert "No upstream request recorded" in texts(Events(exchange(*PIECES)).upstream_lines())[0]


def test_a_hundred_thousand_events_are_only_cut_until_they_are_looked_at():
    one = event(chunk({"reasoning": "word"}))
    lines = EventLines(events := Events(exchange((0.1, one * 100_000))), events.matching(""), {})
    assert len(lines) == 100_002
    made: list[int] = []
    events.raw = lambda number, raw=events.raw: made.append(number) or raw(number)
    for place in range(50_000, 50_060):
        assert "reasoning" in lines[place].text
    assert made == list(range(49_998, 50_058))


def test_the_ledger_of_one_request():
    message = answer(OPEN, SEALED)
    sent = {"role": "assistant", "content": "Yes.", "reasoning_details": [OPEN, SEALED]}
    lines = (
        SentMessage(sent, "a1", {"way": "unchanged"}),
        SentMessage(
            {**sent, "reasoning_details": [OPEN]}, "a1", {"way": "in part", "rule": "no data", "left_out": [1]}
        ),
        SentMessage(None, "a3", {"way": "left out", "rule": "stopped"}),
    )
    (account,) = reasoning_accounts([StoredMessage("a1", "s", None, message)], {})
    told = texts(ledger_lines(exchange(lines=lines), {"a1": message}, account))
    assert f"            on disk  sha256 {received_reasoning(message).hash[:32]}  identical" in told
    assert f"            on disk  sha256 {received_reasoning(message).hash[:32]}  different" in told
    assert "answer 2    sent back in part (no data)" in told
    assert "            servers reject an encrypted entry without data (entry 2)" in told
    assert "answer 3    not sent back (stopped)" in told
    assert told[-2:] == ["not part of a later request yet", f"sha256 {received_reasoning(message).hash}"]
    assert texts(ledger_lines(exchange(), {}, None))[-1] == "None."


def test_usage_as_it_came():
    assert "The server reported no usage." in texts(usage_lines(answer()))

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.servers.streams import both, chunk, listed, say

# 3.5: shown once


def test_row_11_words_that_come_twice_are_shown_once():
    read = say(both("We"), both(" need"), both(" need"), chunk({"content": "a"}, "stop"))
    assert read.message.reasoning == "We need need"
    assert read.message.reasoning_details == (
        {"type": "reasoning.text", "text": "We need need", "format": "unknown", "index": 0},
    )


def test_details_alone_are_shown():
    summary = chunk({"reasoning": None, "reasoning_details": [{"type": "reasoning.summary", "summary": "b"}]})
    assert say(listed("a"), listed("a"), summary).message.reasoning == "aab"


def test_a_whole_list_at_the_end_is_not_shown_again():
    read = say(chunk({"reasoning": "We "}), chunk({"reasoning": "need"}), listed("We need"))
    assert read.message.reasoning == "We need"
    # Also when it comes in two, or one chunk late, or ahead of the words.
    assert say(chunk({"reasoning": "We need"}), listed("We "), listed("need")).message.reasoning == "We need"
    words = [("We ", ""), ("need ", "We "), ("it", "need "), ("", "it")]
    late = [chunk({"reasoning": s, "reasoning_details": [{"type": "reasoning.text", "text": t}]}) for s, t in words]
    assert say(*late).message.reasoning == "We need it"
    early = [("We ", "We need "), ("need ", ""), ("", "")]
    ahead = [chunk({"reasoning": s, "reasoning_details": [{"type": "reasoning.text", "text": t}]}) for s, t in early]
    assert say(*ahead, chunk({"reasoning": "it"}), listed("it")).message.reasoning == "We need it"


def test_details_that_differ_from_what_was_shown_are_shown():
    assert say(chunk({"reasoning": "We"}), listed("They")).message.reasoning == "WeThey"


def test_encrypted_reasoning_and_tools_of_the_server_are_never_shown():
    hidden = [
        {"type": "reasoning.encrypted", "data": "x", "text": "secret"},
        {"type": "reasoning.server_tool_call", "tool_name": "web", "text": "secret"},
    ]
    message = say(chunk({"reasoning_details": hidden})).message
    assert (message.reasoning, message.reasoning_details) == ("", tuple(hidden))


reasoning_chunks = st.lists(st.tuples(st.sampled_from(["", "a", "ab", "b"]), st.sampled_from(["", "a", "ab", "b"])))


@settings(max_examples=60, deadline=None)
@given(reasoning_chunks)
@example([("a", ""), ("ab", "a"), ("", "a")])
def test_showing_once_equals_the_rule_read_naively(chunks):
    visible = received = ""
    for s, t in chunks:
        received += t
        if s:
            visible += s
        elif t and not visible.startswith(received):
            visible += t
    entries = [chunk({"reasoning": s, "reasoning_details": [{"type": "reasoning.text", "text": t}]}) for s, t in chunks]
    assert say(*entries).message.reasoning == visible


# 3.3, rule 6, and 4.1: the names of the fields


def test_an_empty_list_of_details_is_remembered():
    assert say(chunk({"content": "a"})).message.reasoning_details is None
    assert say(chunk({"content": "a", "reasoning_details": []})).message.reasoning_details == ()
    assert say(chunk({"reasoning_details": None}), chunk({"reasoning_details": "x"})).message.reasoning_details is None


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_row_20_both_plain_names_are_read_and_the_name_is_kept(name):
    message = say(chunk({name: "r1 "}), chunk({name: "r2"}), chunk({"content": "a"}, "stop")).message
    assert (message.reasoning, message.reasoning_field, message.reasoning_details) == ("r1 r2", name, None)


def test_two_names_for_the_same_words_are_shown_once():
    message = say(chunk({"reasoning": "r", "reasoning_content": "r"})).message
    assert (message.reasoning, message.reasoning_field) == ("r", "reasoning")


def test_row_33_reasoning_never_becomes_the_answer():
    message = say(both("only thoughts"), chunk({}, "length")).message
    assert (message.text, message.reasoning, message.stop) == ("", "only thoughts", "length")


# 4.3: tags in the text


def test_row_27_think_tags_become_reasoning():
    message = say(
        chunk({"content": "<thi"}), chunk({"content": "nk>r</th"}), chunk({"content": "ink>\n\na"}, "stop")
    ).message
    assert (message.reasoning, message.text, message.reasoning_field) == ("r", "a", "think_tags")


def test_a_lone_closing_tag_moves_what_came_before():
    message = say(
        chunk({"content": "r\n"}), chunk({"content": "</think>"}), chunk({"content": "\n\na"}, "stop")
    ).message
    assert (message.reasoning, message.text, message.reasoning_field) == ("r\n", "a", "think_tags")


def test_a_lone_closing_tag_at_the_very_end():
    message = say(chunk({"content": "r\n</think>"}, "stop")).message
    assert (message.reasoning, message.text, message.reasoning_field) == ("r\n", "", "think_tags")


def test_a_field_of_reasoning_switches_tags_off():
    message = say(chunk({"reasoning": "r"}), chunk({"content": "<think>a</think>b"}, "stop")).message
    assert (message.reasoning, message.text) == ("r", "<think>a</think>b")


def test_what_the_tags_held_back_comes_before_the_field():
    message = say(
        chunk({"content": "<think>r</th"}), chunk({"reasoning": "s"}), chunk({"content": "a"}, "stop")
    ).message
    assert (message.reasoning, message.text) == ("r</ths", "a")


def test_a_server_that_starts_in_thinking():
    message = say(chunk({"content": "r</think>a"}, "stop"), starts_in_thinking=True).message
    assert (message.reasoning, message.text) == ("r", "a")

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat.chat.accumulator import AnswerAccumulator, ToolCallMerge, accumulate
from stepchat.events import Delta, ToolCallFragment
from stepchat.messages import AssistantMessage, Failure, Timing, ToolCall
from tests.sessions.samples import deltas


def drafted(*deltas: Delta) -> AssistantMessage:
    draft = AnswerAccumulator(AssistantMessage())
    for delta in deltas:
        draft.add(delta)
    return draft.message()


# Tool calls (docs/protocol.md, Tool calls in a stream)


def calls(*fragments: ToolCallFragment | tuple[Any, ...]) -> list[tuple[str, str, str]]:
    merged = ToolCallMerge()
    for fragment in fragments:
        merged.add(fragment if isinstance(fragment, ToolCallFragment) else ToolCallFragment(*fragment))
    return [(call.id, call.name, call.arguments) for call in merged.result()]


def test_calls_are_added_up_by_index():
    assert calls(
        (0, "a", "f", ""), (1, "b", "g", ""), (0, None, None, '{"x'), (1, None, None, "{}"), (0, None, None, '":1}')
    ) == [
        ("a", "f", '{"x":1}'),
        ("b", "g", "{}"),
    ]


def test_row_25_parallel_calls_with_one_index_are_told_apart_by_id():
    assert calls((0, "a", "f", "{1}"), (0, "b", "g", "{2}")) == [("a", "f", "{1}"), ("b", "g", "{2}")]
    # Also when their fragments come in turns.
    assert calls((0, "a", "f", "{"), (0, "b", "g", "["), (0, "a", None, "}"), (0, "b", None, "]")) == [
        ("a", "f", "{}"),
        ("b", "g", "[]"),
    ]


def test_id_and_name_may_be_repeated_on_each_fragment():
    assert calls((0, "a", "f", "{"), (0, "a", "f", "}")) == [("a", "f", "{}")]


def test_an_id_may_come_late():
    assert calls((0, None, "f", "{"), (0, "a", None, "}")) == [("a", "f", "{}")]
    assert calls((0, "", "f", "{"), (0, "a", None, "}")) == [("a", "f", "{}")]


def test_without_index_the_newest_call_goes_on():
    assert calls((None, "a", "f", "{"), (None, None, None, "}"), (None, "b", "g", "{}")) == [
        ("a", "f", "{}"),
        ("b", "g", "{}"),
    ]


def test_without_index_and_id_a_name_begins_a_call():
    assert [call[1:] for call in calls((None, None, "f", "{}"), (None, "", "g", "{}"), (None, None, "g", "{}"))] == [
        ("f", "{}"),
        ("g", "{}"),
        ("g", "{}"),
    ]
    assert [call[1:] for call in calls((None, None, "f", ""), (None, None, "f", "{}"))] == [("f", "{}")]


def test_row_26_a_trailing_blank_fragment_is_no_second_call():
    assert calls((0, "a", "f", "{}"), (0, None, None, ""), (0, "a", "", "")) == [("a", "f", "{}")]


def test_empty_and_duplicate_ids_are_made_up():
    made = calls((0, "", "f", "{}"), (1, "same", "g", "{}"), (2, "same", "h", "{}"), (3, None, "i", "{}"))
    ids = [call[0] for call in made]
    assert ids[1] == "same"
    assert all(ids)
    assert len(set(ids)) == 4
    assert calls((0, "", "f", "{}")) == calls((0, "", "f", "{}"))


def test_a_made_up_id_is_never_one_that_came():
    first = calls((0, "", "f", ""))[0][0]
    ids = [call[0] for call in calls((0, "", "f", ""), (1, first, "g", ""), (2, first + "_", "h", ""))]
    assert ids[1:] == [first, first + "_"]
    assert len(set(ids)) == 3


def test_arguments_stay_as_they_were_written():
    odd = ' { "a" : 1.10 } \n'
    assert drafted(Delta(tool_calls=(ToolCallFragment(0, "a", "f", odd),))).tool_calls == (ToolCall("a", "f", odd),)
    assert calls((0, "a", "f", "")) == [("a", "f", "")]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.builds(ToolCallFragment, st.integers(0, 2), st.none(), st.none(), st.text(max_size=3))))
def test_no_character_of_the_arguments_is_lost(fragments):
    by_index = {fragment.index: "" for fragment in fragments}
    for fragment in fragments:
        by_index[fragment.index] += fragment.arguments or ""
    assert [call[2] for call in calls(*fragments)] == list(by_index.values())


# The draft as a whole


def test_text_reasoning_and_refusal_are_kept_apart():
    message = drafted(Delta(text="a", reasoning="r"), Delta(refusal="no"), Delta(reasoning="s"), Delta(text="b"))
    assert (message.text, message.reasoning, message.refusal) == ("ab", "rs", "no")


def test_text_that_was_reasoning_moves_before_what_comes_with_it():
    message = drafted(
        Delta(text="one ", reasoning="zero "), Delta(text_was_reasoning=True, reasoning="two", text="Three")
    )
    assert (message.reasoning, message.text) == ("zero one two", "Three")


def test_a_finish_reason_is_sticky():
    message = drafted(Delta(finish_reason="length", native_finish_reason="MAX"), Delta(), Delta(finish_reason=""))
    assert (message.finish_reason, message.native_finish_reason, message.stop) == ("length", "MAX", "length")


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("end_turn", "stop"),
        (None, "stop"),
    ],
)
def test_a_finish_reason_becomes_a_stop(reason, stop):
    message = drafted(Delta(text="a", finish_reason=reason))
    assert (message.stop, message.finish_reason, message.complete) == (stop, reason, True)


def test_stop_with_calls_means_calls():
    assert drafted(Delta(tool_calls=(ToolCallFragment(0, "a", "f", "{}"),), finish_reason="stop")).stop == "tool_calls"


def test_row_23_the_newest_usage_counts():
    preview, last = {"prompt_tokens": 1}, {"prompt_tokens": 3, "cost": 0.5}
    assert drafted(Delta(usage=preview), Delta(usage=last), Delta(usage={}), Delta()).usage.raw == last


def test_facts_come_from_the_stream_and_the_blank():
    blank = AssistantMessage(model_asked="a/b", server="https://x", timing=Timing(5.0))
    draft = AnswerAccumulator(blank)
    draft.add(Delta(generation_id="gen-1", model="a/b", provider="P", reasoning_field="reasoning"), 0.5)
    draft.add(Delta(model="a/b-2026", generation_id="", reasoning_field="reasoning_content"), 1.0)
    message = draft.message("error", error=Failure(500, "no"), ended=2.0)
    assert message == AssistantMessage(
        model_asked="a/b",
        server="https://x",
        model="a/b-2026",
        provider="P",
        generation_id="gen-1",
        reasoning_field="reasoning",
        stop="error",
        error=Failure(500, "no"),
        timing=Timing(5.0, ended=2.0),
    )


def test_times_are_those_of_the_first_words():
    draft = AnswerAccumulator(AssistantMessage())
    draft.add(Delta(generation_id="g"), 0.1)
    for at, delta in enumerate([Delta(reasoning="a"), Delta(reasoning="b"), Delta(text="c"), Delta(text="d")], 1):
        draft.add(delta, float(at))
    timing = draft.message(ended=9.0).timing
    assert (timing.first_reasoning, timing.first_text, timing.ended, timing.reasoning_seconds) == (1.0, 3.0, 9.0, 2.0)


def test_times_move_with_text_that_was_reasoning():
    draft = AnswerAccumulator(AssistantMessage())
    draft.add(Delta(text="thought"), 1.0)
    draft.add(Delta(text_was_reasoning=True), 2.0)
    draft.add(Delta(text="answer"), 3.0)
    timing = draft.message().timing
    assert (timing.first_reasoning, timing.first_text) == (1.0, 3.0)


@pytest.mark.parametrize(
    "delta",
    [
        Delta(text="a"),
        Delta(reasoning="a"),
        Delta(refusal="a"),
        Delta(details=({"type": "reasoning.text"},)),
        Delta(tool_calls=(ToolCallFragment(name="f"),)),
    ],
)
def test_a_draft_is_empty_until_something_can_be_read(delta):
    draft = AnswerAccumulator(AssistantMessage())
    draft.add(Delta(generation_id="g", usage={"cost": 1}, details=(), finish_reason="stop", model="m"))
    assert draft.empty
    draft.add(delta)
    assert not draft.empty


@settings(max_examples=40, deadline=None)
@given(st.lists(deltas, max_size=6))
def test_folding_after_a_kill_gives_what_the_draft_held(parts):
    blank = AssistantMessage(model_asked="a/b", server="https://x", timing=Timing(5.0))
    draft = AnswerAccumulator(blank)
    for delta in parts:
        draft.add(delta)
    assert accumulate(blank, iter(parts)) == draft.message(None if draft.finished else "cut")


@pytest.mark.parametrize(("reason", "stop"), [(None, "cut"), ("error", "cut"), ("stop", "stop"), ("length", "length")])
def test_an_answer_killed_after_its_finish_reason_is_whole(reason, stop):
    message = accumulate(AssistantMessage(), [Delta(text="So."), Delta(finish_reason=reason)])
    assert (message.stop, message.text) == (stop, "So.")

"""What a request does with the reasoning of earlier answers, rule by rule (docs/protocol.md, Sending reasoning back)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import pytest

from stepchat.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage
from stepchat.reasoning.ledger import RULES, ReceivedReasoning, ReturnedReasoning, Rule, hash_of, received_reasoning
from stepchat.servers.wire import ComposedRequest, compose, request_body
from tests.servers.test_wire import (
    CLAUDE,
    OPEN,
    SEALED,
    SIGNED,
    STEP,
    SUMMARY,
    answer,
    plain,
    target,
)

if TYPE_CHECKING:
    from stepchat.reasoning.replay import Target

WHY, AND = UserMessage("Why?"), UserMessage("And?")


def composed(*messages: Message, to: Target | None = None, **more: Any) -> ComposedRequest:
    return compose([WHY, *messages, AND], to or target(), **more)


def ledger(*messages: Message, to: Target | None = None, **more: Any) -> list[ReturnedReasoning | None]:
    return [line.returned for line in composed(*messages, to=to, **more).request_lines if line.index not in {None, 0}][
        :-1
    ]


def test_every_rule_is_put_into_words():
    assert set(RULES) == set(get_args(Rule))


@pytest.mark.parametrize(
    ("messages", "to", "more", "told"),
    [
        ([answer(OPEN)], None, {}, ReturnedReasoning("unchanged")),
        ([answer(SUMMARY, OPEN, SEALED)], None, {}, ReturnedReasoning("unchanged")),
        ([answer(reasoning="", reasoning_details=())], None, {}, ReturnedReasoning("unchanged")),
        ([answer()], None, {}, ReturnedReasoning("as text")),
        ([answer(reasoning="")], None, {}, None),
        ([answer(OPEN, model=CLAUDE)], None, {}, ReturnedReasoning("left out", "other model")),
        ([answer(OPEN, server="https://other.example/v1")], None, {}, ReturnedReasoning("left out", "other server")),
        ([answer(OPEN, stop="cancelled")], None, {}, ReturnedReasoning("left out", "stopped")),
        ([answer(OPEN, stop="cut", text="")], None, {}, ReturnedReasoning("left out", "stopped")),
        ([answer(OPEN, stop="length", text="")], None, {}, ReturnedReasoning("left out", "no answer")),
        ([answer(stop="error")], None, {}, ReturnedReasoning("left out", "stopped")),
        ([answer(OPEN)], None, {"without": "refused"}, ReturnedReasoning("left out", "refused")),
        ([answer({**SEALED, "data": ""}, OPEN)], None, {}, ReturnedReasoning("in part", "no data", (0,))),
        ([answer(SEALED, SEALED)], None, {}, ReturnedReasoning("in part", "duplicate", (1,))),
        ([answer({**SEALED, "data": None})], None, {}, ReturnedReasoning("left out", "no data", (0,))),
        (
            [answer({**SIGNED, "signature": None}, SIGNED, model=CLAUDE)],
            target(CLAUDE),
            {},
            ReturnedReasoning("in part", "unsigned", (0,)),
        ),
        ([answer(model=CLAUDE)], target(CLAUDE), {}, ReturnedReasoning("left out", "unsigned")),
        ([plain("lmstudio", "reasoning")], target("step", "lmstudio"), {}, ReturnedReasoning("left out", "not taken")),
        ([plain("deepseek")], target("step", "deepseek"), {}, ReturnedReasoning("as text")),
        ([plain("deepseek", stop="cut")], target("step", "deepseek"), {}, ReturnedReasoning("left out", "stopped")),
        (
            [plain("deepseek", model="other")],
            target("step", "deepseek"),
            {},
            ReturnedReasoning("left out", "other model"),
        ),
    ],
)
def test_each_answer_says_what_became_of_its_reasoning(messages, to, more, told):
    assert ledger(*messages, to=to, **more) == [told]


def test_what_is_unchanged_has_the_hash_of_what_came():
    message = answer(SUMMARY, {**OPEN, "odd": 1.5}, SEALED)
    sent = composed(message).request_lines[1].wire
    assert sent is not None
    assert hash_of(sent["reasoning_details"]) == received_reasoning(message).hash


def test_the_body_is_that_of_the_request_alone():
    talk = [WHY, answer(OPEN), AND, answer(SIGNED, stop="cut", text=""), UserMessage("So?")]
    whole = compose(talk, target(), system="Be brief.", parameters={"top_p": 1})
    assert whole.body == request_body(talk, target(), system="Be brief.", parameters={"top_p": 1})
    for without in (None, "refused"):
        whole = compose(talk, target(), system="Be brief.", parameters={"top_p": 1}, without=without)
        assert [line.wire for line in whole.request_lines if line.wire] == whole.body["messages"]
    assert [line.index for line in whole.request_lines] == [None, 0, 1, 2, 3, 4]


def test_whether_any_reasoning_goes_back():
    assert composed(answer(OPEN)).returns_reasoning
    assert composed(answer()).returns_reasoning
    assert not composed(answer(OPEN), without="refused").returns_reasoning
    assert not hurried(WHY, answer(OPEN, text="", stop="cancelled", reasoning="Hm.")).returns_reasoning
    assert not composed(answer(OPEN, model=CLAUDE)).returns_reasoning


def test_what_came_is_counted():
    message = answer(SUMMARY, OPEN, {**OPEN, "text": "more"}, SEALED)
    types = (("reasoning.summary", 1), ("reasoning.text", 2), ("reasoning.encrypted", 1))
    assert received_reasoning(message) == ReceivedReasoning(
        4, types, 2 + 4 + 4 + 4, hash_of([*message.reasoning_details])
    )
    assert received_reasoning(answer()) == ReceivedReasoning(0, (), len(" hm\n"), "")
    assert received_reasoning(answer(reasoning_details=())).hash == hash_of([])


# Prefix binding


def later(first: AssistantMessage, before: Message = WHY, **more: Any) -> ReturnedReasoning | None:
    """What a later request says about an answer of Claude's."""
    return compose([before, first, AND], target(CLAUDE), **more).request_lines[-2].returned


def bound(*details: Any, **more: Any) -> AssistantMessage:
    """An answer to a request that said no more than the question."""
    return answer(*details, model=CLAUDE, prefix=compose([WHY], target(CLAUDE), **more).prefix)


def test_a_signed_entry_goes_back_behind_what_it_was_signed_for():
    assert later(bound(SIGNED)) == ReturnedReasoning("unchanged")
    assert later(bound(SIGNED, system="Be brief."), system="Be brief.") == ReturnedReasoning("unchanged")


@pytest.mark.parametrize(
    ("before", "more"),
    [
        (UserMessage("Why not?"), {}),
        (WHY, {"system": "Be brief."}),
        (WHY, {"parameters": {"tools": [{"type": "function", "function": {"name": "look"}}]}}),
    ],
)
def test_it_stays_here_when_that_was_changed(before, more):
    assert later(bound(SIGNED), before, **more) == ReturnedReasoning("left out", "edited before", (0,))
    assert later(bound(SIGNED, SUMMARY), before, **more) == ReturnedReasoning("in part", "edited before", (0,))
    sealed = {**SEALED, "format": "google-gemini-v1"}
    assert later(bound(sealed), before, **more) == ReturnedReasoning("left out", "edited before", (0,))


def test_only_signed_formats_are_bound():
    moved = replace(answer(OPEN, SEALED), prefix="other")
    assert ledger(moved) == [ReturnedReasoning("unchanged")]


def test_old_data_has_no_hash_and_goes_back_as_before():
    assert later(answer(SIGNED, model=CLAUDE), UserMessage("Why not?")) == ReturnedReasoning("unchanged")


def test_a_change_far_before_counts_and_reasoning_left_out_before_does_not():
    talk: list[Message] = [WHY, answer(SIGNED, model=CLAUDE), AND]
    last = answer(SIGNED, model=CLAUDE, prefix=compose(talk, target(CLAUDE)).prefix)
    other = [WHY, answer(model=CLAUDE), AND]
    assert compose([*talk, last, AND], target(CLAUDE)).request_lines[-2].returned == ReturnedReasoning("unchanged")
    assert compose([*other, last, AND], target(CLAUDE)).request_lines[-2].returned == ReturnedReasoning("unchanged")
    edited = [WHY, answer(SIGNED, model=CLAUDE, text="No."), AND]
    assert compose([*edited, last, AND], target(CLAUDE)).request_lines[-2].returned == ReturnedReasoning(
        "left out", "edited before", (0,)
    )


def test_calls_and_results_belong_to_what_came_before():
    call = ToolCall("call_1", "look", '{"a":1}')
    talk = [WHY, answer(model=CLAUDE, tool_calls=(call,), stop="tool_calls"), ToolMessage("call_1", "look", "found")]
    prefixes = {
        compose(messages, target(CLAUDE)).prefix
        for messages in (talk, [*talk[:2], replace(talk[2], text="lost")], talk[:2], talk[:1])
    }
    assert len(prefixes) == 4
    assert compose(talk, target(STEP)).prefix in prefixes


# Answer now


def hurried(*messages: Message, **more: Any) -> ComposedRequest:
    return compose(messages, target(**more), answer_now=True)


def test_stopped_thoughts_go_behind_the_question_and_nowhere_else():
    stopped = answer(OPEN, text="", stop="cancelled", reasoning="It may be 7.")
    found = hurried(WHY, answer(OPEN), AND, stopped)
    *before, last = found.body["messages"]
    assert before == compose([WHY, answer(OPEN)], target()).body["messages"]
    assert last["role"] == "user"
    assert last["content"].startswith("And?\n\n[You began to think about this and were asked to answer now.")
    assert "<thoughts>\nIt may be 7.\n</thoughts>" in last["content"]
    assert [line.returned for line in found.request_lines] == [
        None,
        ReturnedReasoning("unchanged"),
        None,
        ReturnedReasoning("as text"),
    ]
    # A later request says what the person said, and nothing more.
    later = compose([WHY, answer(OPEN), AND, stopped, answer(OPEN), WHY], target())
    assert [entry["content"] for entry in later.body["messages"] if entry["role"] == "user"] == ["Why?", "And?", "Why?"]
    # What is signed for the words that were added is not sent behind others.
    assert found.prefix != compose([WHY, answer(OPEN), AND], target()).prefix


def test_thoughts_that_were_stopped_twice_are_told_together():
    first, second = (answer(text="", stop="cancelled", reasoning=words) for words in ("One.", "Two."))
    assert "<thoughts>\nOne.\n\nTwo.\n</thoughts>" in hurried(WHY, first, second).body["messages"][-1]["content"]


def test_very_long_thoughts_are_told_by_their_beginning_and_end():
    stopped = answer(text="", stop="cancelled", reasoning="a" * 30_000 + "b" * 100_000)
    said = hurried(WHY, stopped).body["messages"][-1]["content"]
    assert len(said) < 51_000
    assert "aaa\n\n[...]\n\nbbb" in said


def test_only_when_it_is_asked_for():
    stopped = answer(text="", stop="cancelled", reasoning="It may be 7.")
    assert compose([WHY, stopped], target()).body["messages"] == [{"role": "user", "content": "Why?"}]
    assert hurried(WHY, answer()).body["messages"][0] == {"role": "user", "content": "Why?"}


class Counted(list[Message]):
    """Counts how often a message of it is looked at."""

    looks = 0

    def __iter__(self):
        for message in super().__iter__():
            self.looks += 1
            yield message

    def __getitem__(self, place):
        self.looks += 1
        return super().__getitem__(place)


def test_what_a_message_costs_does_not_grow_with_the_messages_before_it():
    short, long = (Counted([WHY, answer(OPEN)] * number) for number in (10, 100))
    for talk in (short, long):
        compose(talk, target())
    assert long.looks <= 11 * short.looks

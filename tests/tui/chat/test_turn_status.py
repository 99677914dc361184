from __future__ import annotations

from decimal import Decimal

import pytest

from stepchat.catalogue.models import Model, Reasoning
from stepchat.events import Delta, MessageSaved, Notice, Retrying, Silence
from stepchat.messages import AssistantMessage, StoredMessage, Timing, Usage, UserMessage
from stepchat.parameters.scopes import Scopes
from stepchat.text.format import money
from stepchat.tui.chat.status_bar import Fact
from stepchat.tui.chat.turn_status import (
    CHARACTERS_PER_TOKEN,
    TurnProgress,
    effort_facts,
    hints,
    session_facts,
    settings_facts,
)


def words(meter: TurnProgress, now: float) -> list[str]:
    return [fact.text for fact in meter.facts(now)]


def stored(message: AssistantMessage | UserMessage) -> StoredMessage:
    return StoredMessage("m", "s", None, message)


def test_waits_from_the_start():
    meter = TurnProgress(100.0)
    assert meter.facts(100.0) == [Fact("waiting", "state")]
    assert words(meter, 103.9) == ["waiting"]


def test_what_is_no_news_changes_nothing():
    meter = TurnProgress(0)
    for event in (Delta(), Delta(generation_id="g"), Notice("x"), MessageSaved(stored(UserMessage("x")))):
        meter.add(event, 1)
    assert words(meter, 2) == ["waiting"]


def test_thinks_then_answers():
    meter = TurnProgress(0)
    meter.add(Delta(reasoning="a" * 38, provider="StepFun"), 2)
    meter.add(Delta(reasoning="a" * 38), 4)
    assert words(meter, 5) == ["thinking"]
    meter.add(Delta(text="b" * 38), 6)
    assert words(meter, 6.5) == ["answering ~6 tok/s"]
    assert meter.provider == "StepFun"
    meter.add(Delta(provider=None, text="b"), 7)
    assert meter.provider == "StepFun"


def test_speed_counts_from_the_first_token_and_not_at_once():
    meter = TurnProgress(0)
    assert meter.speed(50) is None
    meter.add(Delta(text="x" * 380), 10)
    assert meter.speed(10) is None
    assert meter.speed(10.4) is None
    assert meter.speed(12) == pytest.approx(380 / CHARACTERS_PER_TOKEN / 2)


def test_counts_down_to_the_next_try_and_then_waits_again():
    meter = TurnProgress(0)
    meter.add(Retrying(1, 3, 5.0, "Overloaded."), 10)
    assert meter.facts(10) == [Fact("retrying in 5 s", "warning")]
    assert words(meter, 12) == ["retrying in 3 s"]
    assert meter.facts(15) == [Fact("waiting", "state")]
    meter.add(Delta(text="x"), 16)
    assert words(meter, 16) == ["answering"]


def test_silence_is_told_until_life_returns():
    meter = TurnProgress(0)
    meter.add(Silence(20, 300), 20)
    assert meter.facts(20) == [Fact("nothing arrives for 20 s, giving up at 300 s", "warning")]
    meter.add(Silence(21, 300), 21)
    assert words(meter, 21.5) == ["nothing arrives for 21 s, giving up at 300 s"]
    meter.add(Silence(0, 300), 22)
    assert meter.facts(22) == [Fact("waiting", "state")]


@pytest.mark.parametrize("delta", [Delta(reasoning="hm"), Delta(text="so")])
def test_silence_does_not_change_what_was_going_on(delta):
    phase = "thinking" if delta.reasoning else "answering"
    meter = TurnProgress(0)
    meter.add(delta, 10)
    meter.add(Silence(20, 300), 30)
    assert words(meter, 30)[0].startswith("nothing arrives")
    meter.add(Silence(0, 300), 35)
    assert words(meter, 36)[0].startswith(phase)
    meter.add(Silence(20, 300), 60)
    # A token may come before the word that life returned.
    meter.add(delta, 61)
    assert words(meter, 62)[0].startswith(phase)


def test_session_without_an_answer_says_nothing():
    assert session_facts([]) == []
    assert session_facts([stored(UserMessage("x"))]) == []
    assert session_facts([stored(AssistantMessage())]) == []


def test_session_adds_the_cost_of_all_and_shows_the_last_request():
    first = AssistantMessage(usage=Usage({"prompt_tokens": 900, "completion_tokens": 100, "cost": 0.01}))
    unknown = AssistantMessage()
    last = AssistantMessage(
        usage=Usage({"prompt_tokens": 1500, "completion_tokens": 200, "cost": 0.0026}),
    )
    facts = session_facts([stored(message) for message in (UserMessage("x"), first, unknown, last)])
    assert facts == [Fact("1.7k tokens"), Fact("$0.013")]


def test_a_free_answer_is_told_as_one():
    assert session_facts([stored(AssistantMessage(usage=Usage({"cost": 0})))]) == [Fact("$0")]


@pytest.mark.parametrize(
    ("tokens", "timing"),
    [
        (None, Timing(0, 1.0, None, 5.0)),
        (0, Timing(0, 1.0, None, 5.0)),
        (100, Timing(0, None, None, 5.0)),
        (100, Timing(0, 1.0, None, None)),
        (100, Timing(0, 1.0, None, 1.0)),
        (100, Timing(0, 1.0, None, 1.001)),
        (100, Timing(0, 5.0, None, 1.0)),
    ],
)
def test_no_speed_without_both_ends(tokens, timing):
    usage = Usage({} if tokens is None else {"completion_tokens": tokens})
    assert AssistantMessage(usage=usage, timing=timing).speed is None


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        ("0", "$0"), ("0.00", "$0"), ("1", "$1.00"), ("12.346", "$12.35"), ("1000", "$1,000.00"), ("0.5", "$0.50"),
        ("0.05", "$0.050"), ("0.0123", "$0.012"), ("0.00004884", "$0.000049"), ("0.00000009", "<$0.0000001"),
        ("1e-300", "<$0.0000001"), ("0.0000001", "$0.00000010"), ("-0.02", "-$0.020"),
    ],
)  # fmt: skip
def test_money(cost, shown):
    assert money(Decimal(cost)) == shown


def test_the_keys_worth_knowing_follow_what_is_going_on():
    meter = TurnProgress(0)
    assert hints(None)[-1] == ("{key:commands}", "commands")
    assert ("{key:answer-now}", "answer now") not in hints(meter)
    meter.add(Delta(reasoning="hm"), 1)
    assert hints(meter)[:2] == (("{key:stop}", "stop"), ("{key:answer-now}", "answer now"))
    meter.add(Delta(text="So"), 2)
    assert ("{key:answer-now}", "answer now") not in hints(meter)


@pytest.mark.parametrize(
    ("parameters", "efforts", "shown"),
    [
        ({}, (), []),
        ({}, ("high", "low"), ["effort auto"]),
        ({"reasoning": {"effort": "high"}}, ("high", "low"), ["effort high"]),
        ({"reasoning": {"effort": "high"}}, None, ["effort high"]),
        ({}, None, []),
    ],
)
def test_effort_is_shown_where_the_model_has_levels(parameters, efforts, shown):
    model = None if efforts is None else Model("a/b", reasoning=Reasoning(supported_efforts=efforts))
    assert [fact.text for fact in effort_facts(parameters, model)] == shown


def test_a_rejected_effort_is_a_warning():
    assert effort_facts({"reasoning": {"effort": "high"}}, None, rejected=True) == [
        Fact("effort high, rejected", "warning")
    ]


def test_what_makes_requests_differ_is_shown():
    scopes = Scopes(preset_name="terse", session=(("temperature", 0.2), ("reasoning.effort", "high")))
    assert [fact.text for fact in settings_facts(scopes)] == ["preset terse", "temperature=0.2"]
    scopes = Scopes(profile_name="work", session=(("temperature", 0.2), ("seed", 1)), once=(("top_p", 0.5),))
    assert [fact.text for fact in settings_facts(scopes)] == ["profile work", "2 parameters set", "once top_p=0.5"]

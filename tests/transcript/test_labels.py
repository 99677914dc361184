from decimal import Decimal

import pytest

from stepchat.messages import AssistantMessage, Timing, Usage
from stepchat.transcript import labels
from stepchat.transcript.layout.layout import Layout
from stepchat.transcript.palette import colourless
from tests.transcript.chat import answered
from tests.transcript.forms import lines


def shown(block, width=110):
    return "\n".join(lines(Layout(colourless(), width).rows(block))).strip()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "0.0 s"), (0.44, "0.4 s"), (1.9, "1 s"), (12.0, "12 s"), (75, "1 min 15 s"), (3720, "1 h 2 min")],
)
def test_durations(seconds, words):
    assert labels.duration(seconds) == words


@pytest.mark.parametrize(
    ("cost", "words"),
    [("0", "$0"), ("0.00045", "$0.00045"), ("0.0000123", "$0.000012"), ("0.0501", "$0.050"), ("12.346", "$12.35")],
)
def test_costs_have_two_digits_that_mean_something(cost, words):
    assert labels.money(Decimal(cost)) == words


def test_foot_has_each_known_fact_once():
    foot = labels.footer(answered("x", "y").message)
    assert shown(foot) == ("step-3.5-flash · StepFun · 1.2k thought + 310 said · 0.4 s to first · 111 tok/s · $0.00045")


def test_foot_drops_the_least_needed_facts_first():
    foot = labels.footer(answered("x", "y").message)
    assert shown(foot, 76) == "step-3.5-flash · StepFun · 1.2k thought + 310 said · $0.00045"
    assert shown(foot, 50) == "step-3.5-flash · 1.2k thought + 310 said"
    assert shown(foot, 30) == "step-3.5-flash"


def test_foot_of_an_answer_of_which_nothing_is_known():
    assert labels.footer(AssistantMessage(text="x")) is None
    assert shown(labels.footer(AssistantMessage(text="x", model_asked="a/b"))) == "b"


def test_foot_estimates_only_what_was_not_told():
    assert shown(labels.footer(answered("x").message, estimate=Decimal(9))).endswith(" · $0.00045")
    message = AssistantMessage(text="x", model="m")
    assert shown(labels.footer(message, estimate=Decimal("0.0123"))) == "m · ~$0.012"
    assert shown(labels.footer(message, estimate=Decimal(0))) == "m"


def test_foot_without_reasoning():
    message = AssistantMessage(
        text="x", model="m", usage=Usage({"completion_tokens": 5}), timing=Timing(0, None, 0.2, 0.2)
    )
    assert shown(labels.footer(message)) == "m · 5 said · 0.2 s to first"


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        ("cancelled", "■ stopped"),
        ("cut", "cut: stepchat was ended before the answer was"),
        ("length", "cut: the limit on the length of the answer was reached"),
        ("content_filter", "cut: the provider's content filter ended the answer"),
        ("error", "the server ended the answer with an error"),
    ],
)
def test_marks(stop, words):
    assert [shown(block) for block in labels.ending_label(AssistantMessage(stop=stop))] == [words]


@pytest.mark.parametrize("stop", ["stop", "tool_calls"])
def test_answers_that_ended_well_have_no_mark(stop):
    assert labels.ending_label(AssistantMessage(stop=stop)) == []


def test_notice_is_wrapped_whole():
    rows = [
        line for block in labels.notice("word " * 30, "hint " * 20, "error") for line in shown(block, 50).split("\n")
    ]
    assert " ".join(rows).split() == ["word"] * 30 + ["hint"] * 20

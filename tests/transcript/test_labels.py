from decimal import Decimal

import pytest

from stepchat.messages import AssistantMessage, Timing, Usage
from stepchat.parameters.budget import ThinkingBudget
from stepchat.transcript import labels
from stepchat.transcript.layout.layout import Layout
from stepchat.transcript.palette import colourless
from tests.transcript.chat import answered
from tests.transcript.forms import lines


def shown(block, width=110):
    return "\n".join(lines(Layout(colourless(), width).rows(block))).strip()


def test_the_footer_has_each_known_fact_once():
    foot = labels.footer(answered("x", "y").message)
    assert shown(foot) == (
        "step-3.5-flash · StepFun · 1.2k reasoning + 310 output · first token 0.4 s · 111 tok/s · $0.00045"
    )


def test_the_footer_drops_the_least_needed_facts_first():
    foot = labels.footer(answered("x", "y").message)
    assert shown(foot, 76) == "step-3.5-flash · StepFun · 1.2k reasoning + 310 output · $0.00045"
    assert shown(foot, 50) == "step-3.5-flash · 1.2k reasoning + 310 output"
    assert shown(foot, 30) == "step-3.5-flash"


def test_the_footer_of_an_answer_without_facts():
    assert labels.footer(AssistantMessage(text="x")) is None
    assert shown(labels.footer(AssistantMessage(text="x", model_asked="a/b"))) == "b"


def test_the_footer_estimates_only_an_unknown_cost():
    assert shown(labels.footer(answered("x").message, estimate=Decimal(9))).endswith(" · $0.00045")
    message = AssistantMessage(text="x", model="m")
    assert shown(labels.footer(message, estimate=Decimal("0.0123"))) == "m · ~$0.012"
    assert shown(labels.footer(message, estimate=Decimal(0))) == "m"


def test_the_footer_without_reasoning():
    message = AssistantMessage(
        text="x", model="m", usage=Usage({"completion_tokens": 5}), timing=Timing(0, None, 0.2, 0.2)
    )
    assert shown(labels.footer(message)) == "m · 5 output tokens · first token 0.2 s"


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        ("cancelled", "■ Stopped"),
        ("cut", "Interrupted: stepchat exited before the answer was finished"),
        ("length", "Truncated: token limit reached"),
        ("content_filter", "Ended by the provider's content filter"),
        ("error", "✗ Failed: the server reported an error"),
    ],
)
def test_marks(stop, words):
    assert [shown(block) for block in labels.ending_lines(AssistantMessage(stop=stop))] == [words]


@pytest.mark.parametrize("stop", ["stop", "tool_calls"])
def test_answers_that_ended_well_have_no_mark(stop):
    assert labels.ending_lines(AssistantMessage(stop=stop)) == []


def test_notice_is_wrapped_whole():
    rows = [
        line for block in labels.notice("word " * 30, "hint " * 20, "error") for line in shown(block, 50).split("\n")
    ]
    assert " ".join(rows).split() == ["✗", *["word"] * 30] + ["hint"] * 20


def test_a_limit_of_the_reasoning_is_shown_as_a_bar():
    block = labels.live_reasoning_header("▾", 5, 400, ThinkingBudget(seconds=20))
    assert "".join(text for text, _ in block.group.parts) == "▾ Thinking · 5 s · ~100 tokens · ━━╌╌╌╌╌╌╌╌ of 20 s"
    block = labels.live_reasoning_header("▾", 0, 8000, ThinkingBudget(tokens=1000))
    assert "".join(text for text, _ in block.group.parts) == "▾ Thinking · ━━━━━━━━━━ of 1,000 tokens"

"""What is said not to fit does not, and what fits is never refused where nobody can say that it be sent all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stepchat.catalogue.backends import BACKENDS
from stepchat.catalogue.models import Model
from stepchat.chat.context_window import minimum_tokens, tokens_over_limit, tokens_used
from stepchat.messages import AssistantMessage, StoredMessage, Usage, UserMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS = {row.name: row for row in BACKENDS}
MODEL = Model("some/model", context_length=4096)
LITTLE = Model("m", context_length=1000)


def path(*messages: UserMessage | AssistantMessage) -> list[StoredMessage]:
    return [StoredMessage(str(number), "s", None, message) for number, message in enumerate(messages)]


def answer(**counts: int) -> AssistantMessage:
    details = (
        {"completion_tokens_details": {"reasoning_tokens": counts.pop("reasoning")}} if "reasoning" in counts else {}
    )
    return AssistantMessage(text="So.", reasoning="hm " * 4000, stop="length", usage=Usage({**counts, **details}))


def test_what_a_conversation_uses():
    assert tokens_used([]) == 0
    said = path(
        UserMessage("x" * 400), answer(prompt_tokens=100, completion_tokens=60, reasoning=0), UserMessage("y" * 40)
    )
    assert tokens_used(said[:1]) == 100
    assert tokens_used(said) == 170
    half = path(AssistantMessage(text="x" * 40, reasoning="y" * 40, stop="cut"))
    assert tokens_used([*said, *half]) == 180


def needed(
    text: str, said: Sequence[StoredMessage] = (), model: Model | None = LITTLE, **parameters: object
) -> int | None:
    return tokens_over_limit(said, text, model, ROWS["openrouter"], parameters)


def test_what_cannot_fit():
    said = path(answer(prompt_tokens=700, completion_tokens=100, reasoning=0))
    assert needed("x" * 400, said) is None
    assert needed("x" * 804, said) == 1001
    for name in ("max_tokens", "max_completion_tokens"):
        assert needed("", said, **{name: 201}) == 1001
    assert needed("x" * 9999, said, Model("m")) is None
    assert needed("x" * 9999, said, None) is None
    # What stands before all messages is in what an answer told.
    tools = [{"name": "y" * 4000}]
    assert tokens_over_limit(said, "x" * 400, LITTLE, ROWS["openrouter"], {"tools": tools}, "z" * 9999) is None
    assert tokens_over_limit([], "x" * 400, LITTLE, ROWS["openrouter"], {}, "z" * 4000) == 1100
    assert needed("x" * 400, tools=tools) > 1000
    # A letter of three bytes is more of a token than one of one.
    assert needed("思" * 1000) is None
    assert needed("思" * 1400) == 1050


@pytest.mark.parametrize("counts", [{"reasoning": 3500}, {}])
def test_thoughts_that_filled_the_window_leave_room_for_the_next_question(counts):
    # The server counts them or not; templates leave them out of what the next question finds.
    said = path(UserMessage("Why?"), answer(prompt_tokens=500, completion_tokens=3596, **counts))
    assert 500 <= tokens_used(said) <= 1100
    assert tokens_over_limit(said, "And?", MODEL, ROWS["llama.cpp"], {}) is None
    assert tokens_over_limit(said, "word " * 4000, MODEL, ROWS["llama.cpp"], {}) == tokens_used(said) + 5000


def test_thoughts_of_an_answer_that_was_stopped_are_not_sent():
    said = path(UserMessage("Why?"), AssistantMessage(reasoning="hm " * 40_000, stop="cancelled"))
    assert tokens_over_limit(said, "And?", MODEL, ROWS["openrouter"], {}) is None


def test_the_longest_answer_counts_where_the_server_counts_it():
    asked = {name: tokens_over_limit([], "Why?", MODEL, row, {"max_tokens": 4096}) for name, row in ROWS.items()}
    assert {name for name, needed in asked.items() if needed} == {"openrouter", "vllm", "sglang"}


# Each with the tokens that o200k_base makes of a thousand characters.
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Свобода состоит в том, чтобы зависеть только от законов. ", 263),
        ("भारत एक विशाल देश है जहाँ अनेक भाषाएँ बोली जाती हैं। ", 264),
        ("Die Sprache ist das wichtigste Mittel der Verständigung. ", 176),
        ("| name                 | a description        |        12 |\n", 200),
        ("The licenses for most software are designed to take away your freedom. ", 183),
    ],
)
def test_nothing_that_fits_is_surely_too_much(text, tokens):
    fits = (text * 1000)[: 1000 * MODEL.context_length // tokens]
    assert minimum_tokens(fits) <= MODEL.context_length
    assert tokens_over_limit([], fits, MODEL, ROWS["vllm"], {}, certain_only=True) is None
    assert tokens_over_limit([], fits * 5, MODEL, ROWS["vllm"], {}, certain_only=True)


def test_what_would_be_cut_without_a_word_is_too_much_sooner():
    text = "word " * 4000
    refused = {name for name, row in ROWS.items() if tokens_over_limit([], text, MODEL, row, {}, certain_only=True)}
    assert refused == {"ollama"}
    assert (
        tokens_over_limit([], text, replace(MODEL, context_length=None), ROWS["ollama"], {}, certain_only=True) is None
    )

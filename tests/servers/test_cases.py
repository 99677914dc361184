"""Raw responses of real servers that other clients got wrong, and what they must become."""

from __future__ import annotations

from email.parser import BytesParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from stepchat.errors import KeyRejectedError, ServerError
from stepchat.events import Notice
from tests.fakes import Answers, Body
from tests.servers.turns import Turn, ask, client

CASES = Path(__file__).parent / "cases"
ONE_SENTENCE = "Hello, this is one sentence. And another one."
WHOLE = {
    "content-number/num": ("See [1]: it costs $0.005 or 0, true.", ""),
    "content-number/num_reason": ("ok", "I take 6 apples"),
    "cumulative-deltas/input": (ONE_SENTENCE, ""),
    "whole-message-at-end/finalmsg": ("The capital of France is Paris.", ""),
    "whole-message-at-end/finalmsg_reason": ("Paris it is.", "Which one? Paris."),
    "think-tags-of-other-names/thought": ("The answer is 4.", "**Weighing**\n\nI look at it.\nMore."),
    "think-tags-of-other-names/thinking_tag": ("content", "Reasoning content"),
    "think-tags-of-other-names/mmthink": ("content", "Reasoning content"),
    "think-tags-of-other-names/magistral": ("content", "Reasoning content"),
    "think-tags-of-other-names/harmony": ("content", "Reasoning"),
}
FAILURES = {
    "unknown-event-with-reason/baseresp_sse": ("rate limit exceeded(RPM)", "", False),
    "unknown-event-with-reason/flatevent": ("The server answered 400: model not found", "", False),
    "unknown-event-with-reason/vllmflat": ("This model's maximum context length is 1024", "new session", False),
    "error-hidden-in-raw-data/input": ("SambaNova answered 429: Rate limit exceeded", "Wait", True),
    "error-body-is-a-list/gemini429": ("The server answered 429: You exceeded your current quota", "Wait", True),
    "error-body-is-a-list/gemini400": ("The server answered 400: API key not valid. Please pass", "key", False),
    "advice-that-does-not-fit/keylimit": ("403: Key limit exceeded", "Raise the key's limit", False),
    "advice-that-does-not-fit/minimax500": ("500: insufficient balance (1008)", "Add credits", False),
    "advice-that-does-not-fit/modelscope429": ("429: insufficient balance (1008)", "Add credits", False),
    "advice-that-does-not-fit/sub2api403": ("403: Insufficient account balance", "Add credits", False),
    "advice-that-does-not-fit/datapolicy": ("404: No endpoints available", "privacy settings", False),
    "advice-that-does-not-fit/html404": ("404", "base URL; it usually ends in /v1", False),
    "advice-that-does-not-fit/nginx404": ("404 Not Found", "base URL; it usually ends in /v1", False),
    "advice-that-does-not-fit/notfound_fastapi": ("404: Not Found", "base URL; it usually ends in /v1", False),
    "advice-that-does-not-fit/notfound_ollama": ("404 page not found", "base URL; it usually ends in /v1", False),
    "advice-that-does-not-fit/m405": ("405: Method Not Allowed", "base URL; it usually ends in /v1", False),
    "advice-that-does-not-fit/lmstudio_nov1": ("Unexpected endpoint or method.", "usually ends in /v1", False),
    "stream-options-refused/so_fireworks": ("Extra inputs are not permitted, field: 'stream_options'", "", False),
    "stream-options-refused/so_mistral": ("422: stream_options: Extra inputs are not permitted", "", False),
    "stream-options-refused/so_vllm": ("400: stream_options: Extra inputs are not permitted", "", False),
}


def response(name: str) -> httpx.Response:
    head, _, body = (CASES / f"{name}.http").read_bytes().partition(b"\r\n\r\n")
    first, _, headers = head.partition(b"\r\n")
    fields = BytesParser().parsebytes(headers + b"\r\n\r\n")
    return httpx.Response(int(first.split()[1]), headers=dict(fields.items()), stream=Body([body]))


async def turn(name: str) -> Turn:
    return await ask(client(transport=Answers(*(response(name) for _ in range(4)))))


@pytest.mark.parametrize("name", WHOLE)
async def test_an_unusual_answer_is_complete(name):
    found = await turn(name)
    assert found.failure is None
    assert (found.message.text, found.message.reasoning) == WHOLE[name]
    assert not any(isinstance(event, Notice) for event in found.events)


@pytest.mark.parametrize("name", FAILURES)
async def test_an_error_names_its_cause_and_fitting_advice(name, monkeypatch):
    words, hint, retryable = FAILURES[name]
    monkeypatch.setattr("stepchat.servers.client.LONGEST_WAIT", 0.0)
    found = await turn(name)
    assert words in found.error.message
    assert hint in found.error.hint
    if isinstance(found.error, ServerError):
        assert found.error.retryable is retryable
    else:
        assert isinstance(found.error, KeyRejectedError)


def test_all_cases_are_tested():
    tested: set[str] = {*WHOLE, *FAILURES, *ELSEWHERE}
    assert {f"{path.parent.name}/{path.stem}" for path in CASES.glob("*/*.http")} == tested


ELSEWHERE: Any = {
    "empty-answer/input",
    "limit-resets-later/freeday",
    "limit-resets-later/openrouter_code_nostatus",
    "tool-call-extra-keys/input",
}


async def test_keys_of_a_tool_call_that_nobody_knows_are_kept():
    found = await turn("tool-call-extra-keys/input")
    (call,) = found.message.tool_calls
    assert call.extra == {"extra_content": {"google": {"thought_signature": "EjQKMgEMOdbH"}}}

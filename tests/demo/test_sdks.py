"""The official packages talk to the demo server and accept every word of it."""

from __future__ import annotations

import ssl

import httpx
import openai
import openrouter
import pytest
from openrouter import components, errors

from stepchat.demo.catalogue import MODELS
from stepchat.demo.scenarios.table import SCENARIOS
from tests.demo.conftest import KEY, plain_client

STEP = "stepfun/step-3.5-flash"


def asks(text):
    return [{"role": "user", "content": text}]


@pytest.fixture
def openai_client(server):
    with (
        plain_client() as http,
        openai.OpenAI(
            base_url=server.url, api_key=KEY, max_retries=0, http_client=http, _strict_response_validation=True
        ) as client,
    ):
        yield client


@pytest.fixture
def openrouter_client(server):
    # It would make an asynchronous client of its own, which takes longer than most of these tests.
    unused = httpx.AsyncClient(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    with (
        plain_client() as http,
        openrouter.OpenRouter(
            api_key=KEY, server_url=server.url, client=http, async_client=unused, retry_config=None
        ) as client,
    ):
        yield client


def test_openai_whole(openai_client):
    completion = openai_client.chat.completions.create(model=STEP, messages=asks("hello"))
    choice = completion.choices[0]
    assert choice.finish_reason == "stop"
    assert "no model behind this answer" in choice.message.content
    assert "hello" in choice.message.reasoning
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    assert completion.usage.completion_tokens_details.reasoning_tokens > 100


def test_openai_stream(openai_client):
    text, reasoning, usage, finish = "", "", None, []
    with openai_client.chat.completions.create(model=STEP, messages=asks("hello"), stream=True) as stream:
        for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                reasoning += getattr(choice.delta, "reasoning", None) or ""
                finish += [choice.finish_reason] if choice.finish_reason else []
    assert "no model behind this answer" in text
    assert "hello" in reasoning
    assert finish == ["stop"]
    assert usage.cost > 0


def test_openai_assembles_streamed_tool_calls(openai_client):
    with openai_client.chat.completions.stream(model=STEP, messages=asks("demo:tools")) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]
    assert '"Trondheim"' in calls[0].function.arguments


def test_openai_models(server):
    # Like OpenRouter itself, the list has no `object` and no `owned_by`, which this package's strict mode asks for.
    with (
        plain_client() as http,
        openai.OpenAI(base_url=server.url, api_key=KEY, http_client=http) as lenient,
    ):
        assert [model.id for model in lenient.models.list()] == [model.id for model in MODELS]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (503, openai.InternalServerError),
    ],
)
def test_openai_knows_the_errors(openai_client, status, kind):
    with pytest.raises(kind) as caught:
        openai_client.chat.completions.create(model=STEP, messages=asks(f"demo:http{status}"))
    assert caught.value.body["code"] == status


def test_openai_notices_a_broken_stream(openai_client):
    stream = openai_client.chat.completions.create(model=STEP, messages=asks("demo:error1"), stream=True)
    with stream, pytest.raises(openai.APIError, match="provider disconnected"):
        list(stream)


def test_openrouter_whole(openrouter_client):
    result = openrouter_client.chat.send(model=STEP, messages=asks("hello"))
    message = result.choices[0].message
    assert "no model behind this answer" in message.content
    assert isinstance(message.reasoning_details[0], components.ReasoningDetailText)
    assert message.reasoning_details[0].text == message.reasoning
    assert result.usage.cost > 0
    assert result.usage.cost_details.upstream_inference_cost == result.usage.cost


def test_openrouter_stream(openrouter_client):
    text, reasoning, usage = "", "", None
    with openrouter_client.chat.send(model=STEP, messages=asks("hello"), stream=True) as stream:
        for chunk in stream:
            usage = chunk.usage or usage
            delta = chunk.choices[0].delta
            text += delta.content or ""
            reasoning += "".join(detail.text for detail in delta.reasoning_details or ())
    assert "no model behind this answer" in text
    assert "hello" in reasoning
    assert usage.completion_tokens_details.reasoning_tokens > 100


def test_openrouter_knows_the_types_of_details(openrouter_client):
    result = openrouter_client.chat.send(model=STEP, messages=asks("demo:details"))
    assert [detail.type for detail in result.choices[0].message.reasoning_details] == [
        "reasoning.text",
        "reasoning.summary",
        "reasoning.encrypted",
        "reasoning.server_tool_call",
        "UNKNOWN",
    ]


# Left out: what no strict client accepts, what is no stream, and what differs only in its words.
NOT_STRICT = {"bom", "bad_json", "surrogates"}
ONLY_WORDS = {
    "help",
    "answers",
    "reasoning",
    "faults",
    "talk",
    "welcome",
    "roundtrip",
    "primes",
    "compare",
    "languages",
    "haiku",
    "loop",
    "length",
}
FAULTS = ("http", "html", "error", "json", "drop", "reset", "raw_error", "unavailable")
STRICT = [
    row for row in SCENARIOS if row.name not in NOT_STRICT | ONLY_WORDS and not row.name.startswith(("long", *FAULTS))
]


@pytest.mark.parametrize("row", STRICT, ids=lambda row: row.name)
def test_openrouter_accepts_every_good_stream(openrouter_client, row):
    question = asks(f"demo:{row.name} {row.example}")
    with openrouter_client.chat.send(model=STEP, messages=question, stream=True) as stream:
        chunks = list(stream)
    assert all(chunk.object == "chat.completion.chunk" for chunk in chunks)
    assert len(chunks) > 2


def test_openrouter_models(openrouter_client):
    models = openrouter_client.models.list().result.data
    assert [model.id for model in models] == [model.id for model in MODELS]
    step = models[0]
    assert (step.context_length, step.pricing.prompt, step.reasoning.mandatory) == (262_144, "0.00000009", True)
    assert len(openrouter_client.models.list_for_user(security={"bearer": KEY}).result.data) == len(MODELS)


@pytest.mark.filterwarnings("ignore:.*DEPRECATED.*:DeprecationWarning")
def test_openrouter_key(openrouter_client):
    data = openrouter_client.api_keys.get_current_key_metadata().data
    assert (data.limit, data.usage, data.is_free_tier) == (10.0, 0.0, False)


def test_openrouter_generation(openrouter_client, server):
    result = openrouter_client.chat.send(model=STEP, messages=asks("hello"), session_id="s")
    assert server.wait_until(lambda requests: requests[0].finished)
    with pytest.raises(errors.NotFoundResponseError):
        openrouter_client.generations.get_generation(id=result.id)
    data = openrouter_client.generations.get_generation(id=result.id).data
    assert data.total_cost == result.usage.cost
    assert (data.tokens_prompt, data.tokens_completion) == (result.usage.prompt_tokens, result.usage.completion_tokens)
    assert (data.session_id, data.cancelled, data.streamed) == ("s", False, False)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequestResponseError),
        (401, errors.UnauthorizedResponseError),
        (402, errors.PaymentRequiredResponseError),
        (404, errors.NotFoundResponseError),
        (429, errors.TooManyRequestsResponseError),
        (502, errors.BadGatewayResponseError),
        (503, errors.ServiceUnavailableResponseError),
    ],
)
def test_openrouter_knows_the_errors(openrouter_client, status, kind):
    with pytest.raises(kind) as caught:
        openrouter_client.chat.send(model=STEP, messages=asks(f"demo:http{status}"))
    assert caught.value.data.error.code == status


def test_openrouter_sends_reasoning_back(openrouter_client, server):
    first = openrouter_client.chat.send(model=STEP, messages=asks("hello")).choices[0].message
    details = [detail.model_dump(mode="json") for detail in first.reasoning_details]
    back = {"role": "assistant", "content": first.content, "reasoning_details": details}
    history = [*asks("hello"), back, *asks("demo:roundtrip")]
    answer = openrouter_client.chat.send(model=STEP, messages=history).choices[0].message.content
    assert f"1 entry, {len(first.reasoning):,} characters" in answer
    assert server.requests[-1].body["messages"][1]["reasoning_details"][0]["text"] == first.reasoning

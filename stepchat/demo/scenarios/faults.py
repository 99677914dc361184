"""Everything that can go wrong: HTTP errors, errors in mid-stream, broken connections and unusual ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from stepchat.demo.steps import (
    Chunk,
    Delta,
    Drop,
    Event,
    Finish,
    Raw,
    Reply,
    Say,
    Think,
    Wait,
    reasoning_steps,
    split_tokens,
)
from stepchat.lossless_json import dumps_for_storage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepchat.demo.steps import ScenarioRequest, Script, Step
    from stepchat.messages import Json

_THOUGHT = "This is the quiet part before something happens, so I think for a moment and then begin to answer. "
_ANSWER = (
    "The beginning of this answer is quite in order. It has a few sentences, none of them important, and they go on "
    "for as long as they are allowed to. If you can read this one, nothing has happened yet, or nothing will.\n"
)

STATUSES: dict[int, tuple[str, Json]] = {
    400: ("Provider returned error", {"error_type": "invalid_request", "provider_name": "StepFun"}),
    401: ("No auth credentials found", {"error_type": "authentication"}),
    402: (
        "This request requires more credits, or fewer max_tokens. You asked for 65536 but can only afford 1200.",
        {"error_type": "payment_required"},
    ),
    403: (
        "Your input was flagged.",
        {
            "error_type": "content_policy_violation",
            "reasons": ["violence"],
            "flagged_input": "how do I kill a process",
            "provider_name": "StepFun",
            "model_slug": "stepfun/step-3.5-flash",
        },
    ),
    404: ("No endpoints found matching your data policy.", {"error_type": "not_found"}),
    408: ("The request timed out.", {"error_type": "timeout"}),
    413: ("The request body is too large.", {"error_type": "payload_too_large"}),
    422: ("The request could not be processed.", {"error_type": "unprocessable"}),
    429: (
        "stepfun/step-3.5-flash is temporarily rate-limited upstream. Please retry shortly.",
        {"error_type": "rate_limit_exceeded", "provider_name": "StepFun"},
    ),
    500: ("Internal Server Error", {"error_type": "server"}),
    502: ("Provider returned error", {"error_type": "provider_unavailable", "provider_name": "StepFun"}),
    503: ("There is no available model provider that meets your routing requirements.", {"error_type": "server"}),
    504: ("The provider took too long to answer.", {"error_type": "timeout"}),
    524: ("The provider took too long to answer.", {"error_type": "timeout"}),
    529: ("The provider is overloaded.", {"error_type": "provider_overloaded", "provider_name": "StepFun"}),
}

SHAPES: dict[int, str] = {
    1: "an error chunk as documented, with finish_reason error",
    2: "an error chunk whose choices are empty",
    3: "a bare error object, then [DONE]; its code is a string",
    4: "an error that is only a sentence",
    5: "an error inside the choice",
    6: "finish_reason error and no error object",
    7: "an event named error with a bare body",
    8: "a line `error: {...}` instead of data",
}


def _answer(ask: ScenarioRequest, *, finish: bool = True) -> Iterator[Step]:
    """An ordinary answer; without `finish`, only the number of tokens that the option `at` sets."""
    yield from reasoning_steps(ask, _THOUGHT)
    pieces = split_tokens(_ANSWER)
    if finish:
        yield Say(_ANSWER)
        yield Finish()
        return
    at = ask.count("at", 12)
    while at > 0:
        yield Say("".join(pieces[:at]))
        at -= len(pieces)


def _failing(ask: ScenarioRequest) -> bool:
    """Whether to fail: always, or as often as the option `times` sets."""
    return "times" not in ask.options or ask.failures < ask.count("times", 1)


def http(status: int) -> Script:
    def script(ask: ScenarioRequest) -> Iterator[Step]:
        if not _failing(ask):
            yield from _answer(ask)
            return
        message, metadata = STATUSES[status]
        headers: list[tuple[str, str]] = []
        if "retry_after" in ask.options:
            headers.append(("retry-after", str(ask.count("retry_after", 1))))
        if status == 429:
            headers += [("x-ratelimit-limit", "20"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "0")]
        yield Reply(status, _error(status, message, metadata), tuple(headers))

    return script


def _error(code: int | str, message: str, metadata: Json | None = None) -> Json:
    error: Json = {"message": message, "code": code}
    return {"error": error if metadata is None else error | {"metadata": metadata}, "user_id": "user_demo"}


def html502(ask: ScenarioRequest) -> Iterator[Step]:
    if not _failing(ask):
        yield from _answer(ask)
        return
    yield Reply(
        502,
        "<!DOCTYPE html>\n<html>\n<head><title>502 Bad Gateway</title><style>body { color: red }</style></head>\n"
        "<body><center><h1>502 Bad Gateway</h1></center><hr><center>cloudflare</center></body>\n</html>\n",
    )


def raw_error(_ask: ScenarioRequest) -> Iterator[Step]:
    raw = dumps_for_storage(
        {"error": {"message": "Input should be a valid string: messages.1.content", "type": "invalid"}}
    )
    yield Reply(400, _error(400, "Provider returned error", {"provider_name": "StepFun", "raw": raw}))


def unavailable(ask: ScenarioRequest) -> Iterator[Step]:
    if not _failing(ask):
        yield from _answer(ask)
        return
    error: Json = {
        "message": "All providers of stepfun/step-3.5-flash are overloaded.",
        "code": 503,
        "error_type": "provider_overloaded",
        "http_status": 503,
        "availability": {
            "code": "overloaded",
            "retryable": True,
            "retry_after": ask.count("retry_after", 1),
            "requested_models": [ask.model.id],
            "fallback_models": [],
        },
    }
    yield Reply(503, {"error": error})


def _brings_details(ask: ScenarioRequest) -> bool:
    return any(message.get("reasoning_details") for message in ask.messages)


def pinned(ask: ScenarioRequest) -> Iterator[Step]:
    if _brings_details(ask):
        message = "The encrypted reasoning in this request can only be replayed to the endpoint that created it."
        yield Reply(404, _error(404, message, {"error_type": "not_found", "pinned_endpoint_slug": "stepfun/fp8"}))
        return
    yield from _answer(ask)


def no_effort(ask: ScenarioRequest) -> Iterator[Step]:
    settings: Any = ask.body.get("reasoning")
    effort: Any = cast("Json", settings).get("effort") if isinstance(settings, dict) else None
    if effort is not None:
        message = f"reasoning.effort: {effort!r} is not supported by this endpoint"
        yield Reply(400, _error(400, message, {"error_type": "invalid_request"}))
        return
    yield from _answer(ask)


def bad_signature(ask: ScenarioRequest) -> Iterator[Step]:
    if _brings_details(ask):
        message = "messages.1.content.0: Invalid `signature` in `thinking` block"
        yield Reply(400, _error(400, message, {"error_type": "invalid_request", "provider_name": "Anthropic"}))
        return
    yield from _answer(ask)


def json_error(_ask: ScenarioRequest) -> Iterator[Step]:
    yield Reply(200, _error(502, "Provider returned error", {"error_type": "provider_unavailable"}))


def error(shape: int) -> Script:
    def script(ask: ScenarioRequest) -> Iterator[Step]:
        if not ask.stream:
            yield _whole_error(shape, ask)
            return
        yield from _answer(ask, finish=False)
        yield from _broken(shape)

    return script


def _whole_error(shape: int, ask: ScenarioRequest) -> Reply:
    """The same error for a request without streaming."""
    body = _error(502, "The provider disconnected.", {"error_type": "provider_unavailable"})
    if shape not in {5, 6}:
        return Reply(502, body)
    choice: Json = {
        "index": 0,
        "message": {"role": "assistant", "content": _ANSWER[:40]},
        "finish_reason": "error",
        "native_finish_reason": "error",
    }
    if shape == 5:
        choice["error"] = body["error"]
    whole: Json = {"id": "gen-failed", "object": "chat.completion", "created": 0, "model": ask.model.id}
    return Reply(200, whole | {"system_fingerprint": None, "choices": [choice]})


def _broken(shape: int) -> Iterator[Step]:
    message = "The provider disconnected."
    failed: Json = {"code": 502, "message": message, "metadata": {"error_type": "provider_unavailable"}}
    choice: Json = {
        "index": 0,
        "delta": {"role": "assistant", "content": ""},
        "finish_reason": "error",
        "native_finish_reason": "error",
        "logprobs": None,
    }
    match shape:
        case 1:
            yield Chunk({"error": failed, "choices": [choice]})
        case 2:
            yield Chunk({"error": failed, "choices": []})
        case 3:
            yield Event(
                dumps_for_storage({"error": {"message": message, "type": "server_error", "code": "server_error"}})
            )
            yield Event("[DONE]")
        case 4:
            yield Event(dumps_for_storage({"error": message}))
        case 5:
            yield Chunk({"choices": [{**choice, "error": failed}]})
        case 6:
            yield Chunk({"choices": [{**choice, "native_finish_reason": "MALFORMED_FUNCTION_CALL"}]})
            yield Event("[DONE]")
        case 7:
            body = {"type": "error", "error": {"type": "overloaded_error", "message": message}}
            yield Event(dumps_for_storage(body), name="error")
        case _:
            body = {"code": 500, "message": message, "type": "server_error"}
            yield Raw(f"error: {dumps_for_storage(body)}\n\n".encode())


def network_error(_ask: ScenarioRequest) -> Iterator[Step]:
    yield Finish("stop", "network_error")


def empty(_ask: ScenarioRequest) -> Iterator[Step]:
    yield Finish()


def nodone(ask: ScenarioRequest) -> Iterator[Step]:
    yield from reasoning_steps(ask, _THOUGHT)
    yield Say(_ANSWER)
    yield Finish(usage="none", done=False)


def cut(ask: ScenarioRequest) -> Iterator[Step]:
    yield from _answer(ask, finish=False)


def drop(ask: ScenarioRequest) -> Iterator[Step]:
    yield from _answer(ask, finish=False)
    yield Drop()


def reset(ask: ScenarioRequest) -> Iterator[Step]:
    yield from _answer(ask, finish=False)
    yield Drop(reset=True)


def drop_headers(ask: ScenarioRequest) -> Iterator[Step]:
    if not _failing(ask):
        yield from _answer(ask)
        return
    yield Drop()


def length(ask: ScenarioRequest) -> Iterator[Step]:
    for n in range(ask.count("times", 12)):
        yield Think(f"Step {n + 1}: there is always one more thing to consider before I can begin to answer. ")
    yield Finish("length", "length")


def content_filter(ask: ScenarioRequest) -> Iterator[Step]:
    yield from _answer(ask, finish=False)
    yield Finish("content_filter", "content_filter")


def refusal(ask: ScenarioRequest) -> Iterator[Step]:
    yield from reasoning_steps(ask, "This is something I must not help with, so I say so kindly and briefly. ")
    for piece in split_tokens("I am sorry, but I cannot help with that."):
        yield Delta({"content": None, "refusal": piece})
    yield Finish()


def slow(ask: ScenarioRequest) -> Iterator[Step]:
    yield Wait(ask.number("wait", 8.0), comments=True)
    yield from _answer(ask)


def silent(ask: ScenarioRequest) -> Iterator[Step]:
    at = ask.count("at", 0)
    pieces = split_tokens(_ANSWER)
    if at:
        yield from reasoning_steps(ask, _THOUGHT)
        yield Say("".join(pieces[:at]))
    yield Wait(ask.number("wait", 30.0))
    yield Say("".join(pieces[at:]))
    yield Finish()

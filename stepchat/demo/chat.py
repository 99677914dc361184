"""POST /chat/completions: checks the request, chooses the script and plays it."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field, replace
from secrets import token_hex
from typing import TYPE_CHECKING, Any, cast

from stepchat.demo.answer import Answer, fingerprint, requested_logprobs
from stepchat.demo.catalogue import DEFAULT_MODEL, Model, find_model
from stepchat.demo.chunks import Generation
from stepchat.demo.connection import ClientLeftError
from stepchat.demo.play import LEAD, SPEED, Player
from stepchat.demo.record import RecordedGeneration
from stepchat.demo.scenarios.files import without_files
from stepchat.demo.scenarios.table import choose
from stepchat.demo.steps import Drop, Event, Framing, Reply, Returned, ScenarioRequest, message_text
from stepchat.lossless_json import dumps, dumps_for_storage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepchat.demo.connection import Connection
    from stepchat.demo.record import Record, RecordedRequest
    from stepchat.demo.steps import Script, Step
    from stepchat.messages import Json


class RefusedError(Exception):
    """The request is rejected. `status` and `message` go to the client."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def error_body(status: int, message: str) -> Json:
    """OpenRouter's error object."""
    return {"error": {"message": message, "code": status}, "user_id": "user_demo"}


@dataclass(frozen=True, slots=True)
class Plan:
    """A valid request and how to answer it."""

    ask: ScenarioRequest
    script: Script
    counting: str
    """Identifies repetitions of the same request."""
    session: str | None
    cached: int
    prompt_tokens: int
    speed: float
    lead: float
    thinks: bool
    hidden: bool
    limit: int | None = field(default=None)


def plan(body: object, record: Record, speed: float | None, headers: dict[str, str]) -> Plan:
    """Check a request and choose its script. Raises RefusedError."""
    if not isinstance(body, dict):
        raise RefusedError(400, "The request body must be a JSON object.")
    request = cast("Json", body)
    messages: Any = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RefusedError(400, "Input required: specify messages.")
    if not all(isinstance(message, dict) and "role" in message for message in cast("list[Any]", messages)):
        raise RefusedError(400, "Each of messages must be an object with a role.")
    model = _model(request)
    thinks, hidden = _reasoning(request, model)
    typed = cast("list[Json]", messages)
    users = [without_files(message_text(m.get("content"))) for m in typed if m["role"] == "user"]
    question = users[-1] if users else ""
    ask = ScenarioRequest(request, model, question, {}, len(users), 0, _returned(typed, record))
    script, options = choose(ask)
    if script is None:
        raise RefusedError(400, f"{model.id} is not a valid model ID")
    session: Any = request.get("session_id") or headers.get("x-session-id")
    session = session if isinstance(session, str) else None
    counting = fingerprint([{"model": model.id, "messages": typed, "session": session}])
    ask = replace(ask, options=options, failures=record.failures(counting))
    asked = ask.number("speed", SPEED if speed is None else speed)
    prompt = prompt_tokens(request)
    return Plan(
        ask,
        script,
        counting,
        session,
        min(record.cached_prompt(session), prompt) // 64 * 64,
        prompt,
        asked,
        LEAD if speed is None and "speed" not in options else 0.0,
        thinks,
        hidden,
        _limit(request),
    )


def _model(request: Json) -> Model:
    fallbacks: list[Any] = request.get("models") or []
    wanted: list[Any] = [request.get("model") or DEFAULT_MODEL, *fallbacks]
    for slug in wanted:
        if not isinstance(slug, str):
            raise RefusedError(400, "model must be a string.")
        if slug.endswith(":free"):
            raise RefusedError(404, f"No endpoints found for {slug}.")
        if model := find_model(slug):
            return model
    raise RefusedError(400, f"{wanted[0]} is not a valid model ID")


def _reasoning(request: Json, model: Model) -> tuple[bool, bool]:
    """Whether to reason, and whether to withhold the reasoning."""
    settings: Any = request.get("reasoning")
    settings = cast("Json", settings) if isinstance(settings, dict) else {}
    effort = settings.get("effort", request.get("reasoning_effort"))
    switched_off = settings.get("enabled") is False or effort == "none"
    if switched_off and model.mandatory:
        raise RefusedError(400, "Reasoning is mandatory for this endpoint and cannot be disabled.")
    hidden = settings.get("exclude") is True or request.get("include_reasoning") is False
    return model.thinks and not switched_off, hidden


def _limit(request: Json) -> int | None:
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    if limit is None:
        return None
    if not isinstance(limit, int) or limit < 1:
        raise RefusedError(400, "max_tokens must be an integer of at least 1.")
    return limit


def _returned(messages: list[Json], record: Record) -> Returned:
    answers = with_reasoning = entries = characters = unchanged = 0
    for message in messages:
        if message["role"] != "assistant":
            continue
        answers += 1
        details = message.get("reasoning_details")
        plain = message.get("reasoning") or message.get("reasoning_content")
        if isinstance(details, list) and details:
            given = cast("list[Any]", details)
            entries += len(given)
            characters += _characters(given)
            unchanged += record.was_sent(fingerprint(given))
            with_reasoning += 1
        elif isinstance(plain, str):
            characters += len(plain)
            with_reasoning += 1
    return Returned(answers, with_reasoning, entries, characters, unchanged)


def _characters(details: list[Any]) -> int:
    """The length of all text and data in a list of reasoning_details."""
    entries = cast("list[Json]", [entry for entry in details if isinstance(entry, dict)])
    words = (entry.get(key) for entry in entries for key in ("text", "summary", "data"))
    return sum(len(word) for word in words if isinstance(word, str))


def prompt_tokens(request: Json) -> int:
    """An estimate at four characters per token, of everything a model would read, reasoning included."""
    characters = len(dumps(request["tools"])) if request.get("tools") else 0
    for message in cast("list[Json]", request["messages"]):
        characters += 16 + len(message_text(message.get("content")))
        details = message.get("reasoning_details")
        if isinstance(details, list):
            characters += _characters(cast("list[Any]", details))
        else:
            characters += len(message.get("reasoning") or message.get("reasoning_content") or "")
        if message.get("tool_calls"):
            characters += len(dumps(message["tool_calls"]))
    return max(1, characters // 4)


def answer_chat(connection: Connection, record: Record, request: RecordedRequest, what: Plan) -> bool:
    """Play the script. Returns False if the connection cannot be reused. Raises ClientLeftError."""
    now = int(time.time())
    model = what.ask.model
    generation = Generation(
        f"gen-{now}-{token_hex(10)}", now, model.id, model.provider, what.limit, what.thinks, what.hidden, what.lead,
        requested_logprobs(what.ask.body),
    )  # fmt: skip
    headers = (("x-generation-id", generation.id),)
    steps: Iterator[Step] = iter(what.script(what.ask))
    first = next(steps, None)
    framing = Framing()
    match first:
        case Reply():
            return _reply(connection, record, request, what, first)
        case Drop():
            record.count_failure(what.counting, failed=True)
            connection.drop(reset=first.reset)
            return False
        case Framing():
            framing = first
        case None:
            pass
        case _:
            steps = itertools.chain([first], steps)
    debug: Any = what.ask.body.get("debug")
    if isinstance(debug, dict) and cast("Json", debug).get("echo_upstream_body") is True:
        echo = generation.chunk([], debug={"echo_upstream_body": _upstream(what.ask)})
        steps = itertools.chain([Event(dumps_for_storage(echo))], steps)
    record.count_failure(what.counting, failed=False)
    answer = Answer(model, what.prompt_tokens, what.cached, started=time.monotonic())
    running = RecordedGeneration(generation.id, answer, request, what.ask.stream, what.session)
    record.generation_started(running)
    record.note(request, status=200, generation_id=generation.id)
    player = Player(connection, what.speed, framing, answer)
    play = player.stream if what.ask.stream and not framing.as_json else player.whole
    cancelled = False
    try:
        return play(steps, generation, headers)
    except ClientLeftError:
        cancelled = True
        raise
    finally:
        answer.ended = time.monotonic()
        details = None if cancelled or answer.finish is None else answer.details
        kept = fingerprint(details) if details else None
        answer.discard_text()
        record.generation_ended(running, cancelled=cancelled, fingerprint=kept)


def _upstream(ask: ScenarioRequest) -> Json:
    """The request to the provider: its own name of the model, and earlier reasoning in the field that its template reads."""
    messages: list[Json] = []
    for message in ask.messages:
        given = {name: value for name, value in message.items() if name != "reasoning_details"}
        details: Any = message.get("reasoning_details")
        if isinstance(details, list):
            entries = cast("list[Json]", [entry for entry in cast("list[Any]", details) if isinstance(entry, dict)])
            words = (entry.get("text") for entry in entries)
            given["reasoning_content"] = "".join(word for word in words if isinstance(word, str))
        messages.append(given)
    return {"model": ask.model.id.rpartition("/")[2], "messages": messages, "stream": True}


def _reply(connection: Connection, record: Record, request: RecordedRequest, what: Plan, reply: Reply) -> bool:
    record.count_failure(what.counting, failed=reply.status >= 400)
    record.note(request, status=reply.status)
    match reply.body:
        case str():
            kind, body = "text/html; charset=utf-8", reply.body
        case _:
            kind, body = "application/json", dumps_for_storage(reply.body)
    connection.respond(reply.status, [("content-type", kind), *reply.headers], body.encode())
    return True

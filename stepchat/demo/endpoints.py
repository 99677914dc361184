"""Which address answers what: everything but the chat itself (WIRE.md 5)."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from urllib.parse import parse_qs, urlsplit

from stepchat.demo.answer import plain_number
from stepchat.demo.catalogue import MODELS, find_model, listing
from stepchat.demo.chat import RefusedError, answer_chat, error_body, plan
from stepchat.demo.connection import ClientLeftError
from stepchat.demo.local_servers import WINDOW, LocalServer, State, local_response
from stepchat.demo.login import RefusedCodeError, consent, exchange
from stepchat.demo.providers import endpoints
from stepchat.lossless_json import dumps, dumps_for_storage, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stepchat.demo.connection import Connection, Request
    from stepchat.demo.record import Record, RecordedGeneration, RecordedRequest
    from stepchat.messages import Json

PREFIX = "/api/v1"
_LIMIT = 10.0
"""USD the demo's key may spend."""
_PATIENCE = 5.0
"""Seconds during which a generation may still be unknown to its first look-up."""

_NOT_USED = ("num_fetches", "num_input_audio_prompt", "num_media_completion", "num_media_prompt", "num_search_results")
_NOT_KNOWN = (
    "app_id",
    "cache_discount",
    "external_user",
    "moderation_latency",
    "preset_id",
    "router",
    "service_tier",
    "web_search_engine",
    "workspace_id",
)
"""Fields of a generation that are always 0, or always null, in the demo."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the endpoints need of the server."""

    url: str
    record: Record
    speed: float | None
    key: str | None
    imitates: LocalServer | None = None
    """In the place of OpenRouter."""
    window: int = WINDOW
    """Tokens that the models of such a server run with."""

    @property
    def prefix(self) -> str:
        return PREFIX if self.imitates is None else "/v1"


Query: TypeAlias = "Mapping[str, list[str]]"
Get: TypeAlias = "Callable[[Desk, Query], Json]"


def _models(desk: Desk, query: Query) -> Json:
    rows = [listing(desk.url, model) for model in MODELS]
    offset = _natural(query, "offset", 0)
    limit = _natural(query, "limit", 500)
    following = offset + limit
    address = f"{desk.url}/models?offset={following}&limit={limit}" if following < len(rows) else None
    return {"data": rows[offset:following], "total_count": len(rows), "links": {"next": address}}


def _natural(query: Query, name: str, default: int) -> int:
    with suppress(KeyError, ValueError):
        value = int(query[name][0])
        if value >= 0:
            return value
    return default


def _key(desk: Desk, _query: Query) -> Json:
    spent = desk.record.spent()
    data: Json = {
        "label": "sk-or-v1-dem...emo",
        "limit": _LIMIT,
        "limit_remaining": max(0.0, _LIMIT - spent),
        "limit_reset": None,
        "include_byok_in_limit": False,
        "is_free_tier": False,
        "is_management_key": False,
        "is_provisioning_key": False,
        "creator_user_id": "user_demo",
        "organization_id": None,
        "workspace_id": None,
        "expires_at": None,
        "allowed_data_regions": ["global"],
        "budgets": [],
        "effective_budget": None,
        "free_model_daily_requests": {"limit": 1000, "remaining": 1000, "used": 0},
        "rate_limit": {"interval": "10s", "note": "This field is deprecated and safe to ignore.", "requests": -1},
    }
    periods = ("", "_daily", "_weekly", "_monthly")
    return {"data": data | {f"usage{p}": spent for p in periods} | {f"byok_usage{p}": 0.0 for p in periods}}


def _generation(desk: Desk, query: Query) -> Json:
    generation_id = query.get("id", [""])[0]
    if not generation_id:
        raise RefusedError(400, "The query parameter id is required.")
    found = desk.record.find_generation(generation_id, _PATIENCE)
    if found is None:
        raise RefusedError(404, f"Generation {generation_id} not found")
    return {"data": _generation_data(found)}


def _generation_data(found: RecordedGeneration) -> Json:
    answer = found.answer
    cost = plain_number(sum(answer.costs()))  # pyright: ignore[reportArgumentType] - never empty
    ended = found.over if answer.ended is None else answer.ended
    first = ended if answer.first_token is None else answer.first_token
    latency = round(((first or 0.0) - answer.started) * 1000)
    counts = {
        "tokens_prompt": answer.prompt_tokens,
        "tokens_completion": answer.tokens,
        "native_tokens_prompt": answer.prompt_tokens,
        "native_tokens_completion": answer.tokens,
        "native_tokens_reasoning": answer.reasoning_tokens,
        "native_tokens_cached": answer.cached_tokens,
        "native_tokens_completion_images": 0,
    }
    provider = {"provider_name": answer.model.provider, "status": 200, "latency": latency, "is_byok": False}
    return {
        "id": found.id,
        "upstream_id": f"demo-{found.id}",
        "api_type": "completions",
        "model": answer.model.id,
        "provider_name": answer.model.provider,
        "provider_responses": [provider],
        "created_at": datetime.fromtimestamp(found.request.time, UTC).isoformat(),
        "data_region": "global",
        "streamed": found.streamed,
        "cancelled": found.cancelled,
        "finish_reason": answer.finish,
        "native_finish_reason": answer.native,
        "latency": latency,
        "generation_time": round(((ended or 0.0) - (first or 0.0)) * 1000),
        "total_cost": cost,
        "usage": cost,
        "upstream_inference_cost": cost,
        "is_byok": False,
        "origin": found.request.headers.get("http-referer", ""),
        "http_referer": found.request.headers.get("http-referer"),
        "user_agent": found.request.headers.get("user-agent"),
        "session_id": found.session,
        **counts,
        **dict.fromkeys(_NOT_USED, 0),
        **dict.fromkeys(_NOT_KNOWN),
    }


_GET: tuple[tuple[str, bool, Get], ...] = (
    ("/models", False, _models),
    ("/models/user", True, _models),
    ("/key", True, _key),
    ("/generation", True, _generation),
)
"""Path, whether a key is needed, and the answer."""


def answer(connection: Connection, desk: Desk, request: Request) -> bool:
    """Answer one request; False when the connection cannot be used again. Raises ClientLeftError."""
    parts = urlsplit(request.target)
    path = re.sub(r"/+$", "", parts.path)
    if path in {"/demo/requests", f"{PREFIX}/demo/requests"}:
        _show_record(connection, desk, request.method)
        return True
    body, broken = _parse(request.body)
    recorded = desk.record.received(request.method, request.target, request.headers, body)
    usable = True
    try:
        if path == "/auth":
            consent(connection, desk.record, parse_qs(parts.query))
            desk.record.note(recorded, status=200)
        elif path == f"{desk.prefix}/chat/completions":
            usable = _chat(connection, desk, request, recorded, broken=broken)
        else:
            content = _look_up(desk, request, path, parse_qs(parts.query), body)
            desk.record.note(recorded, status=200)
            send_json(connection, 200, content)
    except RefusedError as refused:
        desk.record.note(recorded, status=refused.status)
        send_json(connection, refused.status, error_body(refused.status, refused.message))
    except ClientLeftError:
        desk.record.note(recorded, disconnected=True)
        raise
    desk.record.note(recorded, finished=usable)
    return usable


def _parse(body: bytes) -> tuple[Any, bool]:
    """The JSON value, and whether there was something that is none."""
    if not body:
        return None, False
    try:
        return loads(body.decode()), False
    except ValueError:
        return None, True


def _chat(connection: Connection, desk: Desk, request: Request, recorded: RecordedRequest, *, broken: bool) -> bool:
    _expect(request.method, "POST")
    _check_key(desk, request)
    if broken:
        raise RefusedError(400, "The request body is not valid JSON.")
    try:
        what = plan(recorded.body, desk.record, desk.speed, recorded.headers)
        return answer_chat(connection, desk.record, recorded, what)
    except (AttributeError, KeyError, TypeError) as error:
        if connection.started:
            raise
        raise RefusedError(400, f"The request has a part of an unexpected form: {error!r}.") from error


def _look_up(desk: Desk, request: Request, path: str, query: Query, body: Any) -> Json:
    if desk.imitates is not None:
        return local_response(desk.imitates, State(desk.window, _loaded(desk)), request.method, path, body)
    for name, needs_key, get in _GET:
        if path == PREFIX + name:
            _expect(request.method, "GET")
            if needs_key:
                _check_key(desk, request)
            return get(desk, query)
    if path == f"{PREFIX}/auth/keys":
        _expect(request.method, "POST")
        try:
            return exchange(desk.record, body, desk.key)
        except RefusedCodeError as refused:
            raise RefusedError(refused.status, refused.message) from refused
    if (found := re.fullmatch(rf"{PREFIX}/models/([^/]+/[^/]+)/endpoints", path)) and (model := find_model(found[1])):
        _expect(request.method, "GET")
        return endpoints(desk.url, model)
    raise RefusedError(404, f"The demo server has nothing at {path or '/'}.")


def _loaded(desk: Desk) -> tuple[str, ...]:
    """The models that were asked."""
    bodies = [request.body for request in desk.record.requests if request.path.endswith("/chat/completions")]
    return tuple(str(cast("Json", body).get("model")) for body in bodies if isinstance(body, dict))


def _expect(method: str, wanted: str) -> None:
    if method != wanted:
        raise RefusedError(405, f"This address answers {wanted} only.")


def _check_key(desk: Desk, request: Request) -> None:
    if desk.imitates is not None:
        return
    scheme, _, key = request.header("authorization").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise RefusedError(401, "No auth credentials found")
    if desk.key is not None and key != desk.key:
        raise RefusedError(401, "User not found.")


def _show_record(connection: Connection, desk: Desk, method: str) -> None:
    match method:
        case "GET":
            send_json(connection, 200, {"requests": [request.to_json() for request in desk.record.requests]})
        case "DELETE":
            desk.record.clear()
            send_json(connection, 200, {"requests": []})
        case _:
            send_json(connection, 405, error_body(405, "This address answers GET and DELETE only."))


def send_json(connection: Connection, status: int, content: Any) -> None:
    """Send one JSON value; lone surrogates in it survive."""
    text = dumps_for_storage(content) if status == 200 else dumps(content)
    connection.respond(status, [("content-type", "application/json")], text.encode())

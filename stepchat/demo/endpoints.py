"""The demo server's endpoints, except for the chat itself: models, providers, key, generations, login."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from urllib.parse import parse_qs, urlencode, urlsplit

from stepchat.demo.answer import plain_number
from stepchat.demo.catalogue import MODELS, Model, find_model, listing
from stepchat.demo.chat import RefusedError, answer_chat, error_body, plan
from stepchat.demo.connection import ClientLeftError
from stepchat.demo.local_servers import WINDOW, LocalServer, State, local_response
from stepchat.lossless_json import dumps, dumps_for_storage, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stepchat.demo.connection import Connection, Request
    from stepchat.demo.record import Record, RecordedGeneration, RecordedRequest
    from stepchat.messages import Json

PREFIX = "/api/v1"
_LIMIT = 10.0
"""Credit of the demo's key in USD."""
_LOOKUP_DELAY = 5.0
"""Seconds for which the first look-up of a generation still finds nothing, as at OpenRouter."""

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
"""Fields of a generation that are always 0, or always null, here."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The state of the server that the endpoints use."""

    url: str
    record: Record
    speed: float | None
    key: str | None
    imitates: LocalServer | None = None
    """The local server to imitate, instead of OpenRouter."""
    window: int = WINDOW
    """Context window of its models, in tokens."""

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
    found = desk.record.find_generation(generation_id, _LOOKUP_DELAY)
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
"""Path, whether a key is needed, and the function that answers."""


def answer(connection: Connection, desk: Desk, request: Request) -> bool:
    """Answer one request. Returns False if the connection cannot be reused. Raises ClientLeftError."""
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
            _consent(connection, desk.record, parse_qs(parts.query))
            desk.record.note(recorded, status=200)
        elif path == f"{desk.prefix}/chat/completions":
            usable = _chat(connection, desk, request, recorded, broken=broken)
        else:
            content = _answer_json(desk, request, path, parse_qs(parts.query), body)
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
    """The JSON value, and whether the body is invalid."""
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
        raise RefusedError(400, f"A part of the request has an unexpected type: {error!r}.") from error


def _answer_json(desk: Desk, request: Request, path: str, query: Query, body: Any) -> Json:
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
        return _exchange_code(desk.record, body, desk.key)
    if (found := re.fullmatch(rf"{PREFIX}/models/([^/]+/[^/]+)/endpoints", path)) and (model := find_model(found[1])):
        _expect(request.method, "GET")
        return _providers(desk.url, model)
    raise RefusedError(404, f"The demo server has no endpoint {path or '/'}.")


def _loaded(desk: Desk) -> tuple[str, ...]:
    """The models that were asked so far."""
    bodies = [request.body for request in desk.record.requests if request.path.endswith("/chat/completions")]
    return tuple(str(cast("Json", body).get("model")) for body in bodies if isinstance(body, dict))


def _expect(method: str, wanted: str) -> None:
    if method != wanted:
        raise RefusedError(405, f"This endpoint accepts {wanted} only.")


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
            send_json(connection, 405, error_body(405, "This endpoint accepts GET and DELETE only."))


def send_json(connection: Connection, status: int, content: Any) -> None:
    """Send one JSON value, lone surrogates included."""
    text = dumps_for_storage(content) if status == 200 else dumps(content)
    connection.respond(status, [("content-type", "application/json")], text.encode())


# ---- providers

_OTHER_PROVIDERS = (("SiliconFlow", "fp8", "1.1", 620, 96.4), ("DeepInfra", "fp8", "1.25", 320, 141.0))
"""Name, quantization, price relative to the developer's, milliseconds to the first token, tokens per second."""


def _providers(url: str, model: Model) -> Json:
    """GET /models/{author}/{slug}/endpoints: the developer and, for open weights, two other providers."""
    whole = listing(url, model)
    rows = [_provider(whole, model.provider, "unknown", "1", 410, 187.0, 99.7)]
    if model.hugging_face is not None:
        rows += [_provider(whole, *other, uptime) for other, uptime in zip(_OTHER_PROVIDERS, (98.2, 99.9), strict=True)]
    names = ("id", "name", "created", "description", "architecture")
    return {"data": {name: whole[name] for name in names} | {"endpoints": rows}}


def _provider(
    whole: Json, provider: str, quantization: str, price_factor: str, latency: float, speed: float, uptime: float
) -> Json:
    prices = {
        name: format(Decimal(price) * Decimal(price_factor), "f")
        for name, price in whole["pricing"].items()
        if isinstance(price, str)
    }
    return {
        "name": f"{provider} | {whole['id']}",
        "model_id": whole["id"],
        "model_name": whole["name"],
        "provider_name": provider,
        "tag": provider.lower().replace(" ", "-"),
        "context_length": whole["context_length"],
        "max_completion_tokens": whole["top_provider"]["max_completion_tokens"],
        "max_prompt_tokens": None,
        "pricing": prices,
        "quantization": quantization,
        "status": 0,
        "supported_parameters": whole["supported_parameters"],
        "supports_implicit_caching": "input_cache_read" in prices,
        "uptime_last_30m": uptime,
        "latency_last_30m": {"p50": latency, "p75": latency * 1.4, "p90": latency * 2, "p99": latency * 5},
        "throughput_last_30m": {"p50": speed, "p75": speed * 0.9, "p90": speed * 0.7, "p99": speed * 0.4},
    }


# ---- login (OAuth with PKCE)

_KEY_PREFIX = "sk-or-demo-"


def _consent(connection: Connection, record: Record, query: Mapping[str, list[str]]) -> None:
    """GET /auth: agree at once, and redirect with a code, or show it if there is no callback."""
    challenge = query.get("code_challenge", [""])[0]
    code = record.issue_code(challenge, query.get("code_challenge_method", ["plain"])[0])
    callback = query.get("callback_url", [""])[0]
    if callback.startswith(("http://", "https://")):
        joint = "&" if "?" in callback else "?"
        connection.respond(302, [("location", f"{callback}{joint}{urlencode({'code': code})}")], b"")
        return
    page = f"<!doctype html><title>The demo</title><p>Paste this code: <code>{escape(code)}</code>"
    connection.respond(200, [("content-type", "text/html; charset=utf-8")], page.encode())


def _exchange_code(record: Record, body: Any, key: str | None) -> Json:
    """POST /auth/keys: exchange a code and its verifier for a key. Raises RefusedError."""
    given = cast("Json", body) if isinstance(body, dict) else {}
    code, verifier = str(given.get("code", "")), str(given.get("code_verifier", ""))
    issued = record.redeem_code(code)
    if issued is None:
        raise RefusedError(403, "Invalid code or code_verifier")
    challenge, method = issued
    if given.get("code_challenge_method", method) != method:
        raise RefusedError(400, "Invalid code_challenge_method")
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if challenge != (digest if method == "S256" else verifier):
        raise RefusedError(403, "Invalid code or code_verifier")
    return {"key": key or f"{_KEY_PREFIX}{secrets.token_hex(16)}", "user_id": "user_demo"}

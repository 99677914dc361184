"""The demo's way to a key (WIRE.md 5.5): a page that agrees at once, and the exchange of its code."""

from __future__ import annotations

import base64
import hashlib
import secrets
from html import escape
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.demo.connection import Connection
    from stepchat.demo.record import Record
    from stepchat.messages import Json

KEY_BEGINNING = "sk-or-demo-"


class RefusedCodeError(Exception):
    """With the HTTP status and the words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def consent(connection: Connection, record: Record, query: Mapping[str, list[str]]) -> None:
    """GET /auth: go back with a code, or show it when there is nowhere to go back to."""
    challenge = query.get("code_challenge", [""])[0]
    code = record.issue_code(challenge, query.get("code_challenge_method", ["plain"])[0])
    callback = query.get("callback_url", [""])[0]
    if callback.startswith(("http://", "https://")):
        joint = "&" if "?" in callback else "?"
        connection.respond(302, [("location", f"{callback}{joint}{urlencode({'code': code})}")], b"")
        return
    page = f"<!doctype html><title>The demo</title><p>Paste this code: <code>{escape(code)}</code>"
    connection.respond(200, [("content-type", "text/html; charset=utf-8")], page.encode())


def exchange(record: Record, body: Any, key: str | None) -> Json:
    """POST /auth/keys: a code and its verifier for a key. Raises RefusedCodeError."""
    given = cast("Json", body) if isinstance(body, dict) else {}
    code, verifier = str(given.get("code", "")), str(given.get("code_verifier", ""))
    issued = record.redeem_code(code)
    if issued is None:
        raise RefusedCodeError(403, "Invalid code or code_verifier")
    challenge, method = issued
    if given.get("code_challenge_method", method) != method:
        raise RefusedCodeError(400, "Invalid code_challenge_method")
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if challenge != (digest if method == "S256" else verifier):
        raise RefusedCodeError(403, "Invalid code or code_verifier")
    return {"key": key or f"{KEY_BEGINNING}{secrets.token_hex(16)}", "user_id": "user_demo"}

"""Gets an API key in the browser: OAuth with PKCE, with a local callback or a pasted code (docs/protocol.md, Other endpoints)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from stepchat.concurrency import start_daemon
from stepchat.config.api_keys import Key, validate_key
from stepchat.errors import ApiKeyError, KeyRejectedError, ServerError
from stepchat.servers.errors import status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepchat.servers.client import Client

PATIENCE = 300.0
"""Seconds to wait for the user; a code is valid for 600."""

_DONE = (
    "<!doctype html><meta charset=utf-8><title>stepchat</title><p>Done. You can close this page and return to stepchat."
)
_WRONG = "<!doctype html><meta charset=utf-8><title>stepchat</title><p>This address is not part of a login."


@dataclass(frozen=True, slots=True, repr=False)
class Challenge:
    """A secret that stays in this program until the code is exchanged, and its digest, which is sent before."""

    verifier: str
    digest: str


def new_challenge() -> Challenge:
    verifier = secrets.token_urlsafe(48)
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return Challenge(verifier, digest)


def authorization_url(base_url: str, challenge: Challenge, callback: str | None = None) -> str:
    """Returns the address of the login page. Without a callback, the page shows a code to paste."""
    parts = urlsplit(base_url)
    query = {"code_challenge": challenge.digest, "code_challenge_method": "S256"}
    if callback is not None:
        query = {"callback_url": callback, **query}
    return f"{parts.scheme}://{parts.netloc}/auth?{urlencode(query)}"


def exchange_code(client: Client, code: str, challenge: Challenge) -> Key:
    """Exchanges a code for a key. Blocks. Raises StepchatError."""
    body = {"code": code.strip(), "code_verifier": challenge.verifier, "code_challenge_method": "S256"}
    try:
        answer = client.get_json("/auth/keys", body=body)
    except (ServerError, KeyRejectedError) as error:
        if isinstance(error, KeyRejectedError) or status_of(error.code) in {400, 403}:
            raise ApiKeyError(
                "The server rejected the code.", "A code is valid once, for ten minutes. Start the login again."
            ) from None
        raise
    key: Any = answer.get("key")
    if not isinstance(key, str) or not key:
        raise ServerError("The server returned no key.", "Try again, or create a key on its website.")
    return validate_key(key, "the login")


def open_browser(address: str) -> None:
    """Open a page in another process, because browsers write to the terminal, and some run until the page is closed."""
    start_daemon(partial(_browse, address))


def _browse(address: str) -> None:
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-m", "webbrowser", address]
    with suppress(OSError):
        subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True, check=False)


class Callback:
    """A local web server to which the login page redirects the browser. Only requests for its random path count."""

    def __init__(self, port: int = 0) -> None:
        """Raises OSError if the port cannot be used."""
        self._path = f"/{secrets.token_urlsafe(24)}"
        self._codes: list[str | None] = []
        path, codes = self._path, self._codes

        class CallbackRequest(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                known = secrets.compare_digest(parts.path.encode(), path.encode())
                if known:
                    codes.append(parse_qs(parts.query).get("code", [None])[0])
                page = (_DONE if known and codes[-1] else _WRONG).encode()
                self.send_response(200 if known else 404)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as in the library
                """Log nothing, because the address contains the code."""

        self._server = HTTPServer(("127.0.0.1", port), CallbackRequest)

    @property
    def url(self) -> str:
        return f"http://localhost:{self._server.server_port}{self._path}"

    def wait(self, seconds: float = PATIENCE, stop: Callable[[], bool] = lambda: False) -> str | None:
        """Returns the code; None if the user declined, if the time is up, or if `stop` returns True. Blocks."""
        end = monotonic() + seconds
        while not self._codes and not stop() and (left := end - monotonic()) > 0:
            self._server.timeout = min(left, 0.2)
            self._server.handle_request()
        return self._codes[0] if self._codes else None

    def close(self) -> None:
        self._server.server_close()

"""HTTP to one server: send, wait, retry while nothing was shown, notice silence, cancel."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from contextlib import aclosing, suppress
from dataclasses import dataclass
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

from stepchat import __version__, lossless_json
from stepchat.catalogue.backends import Backend, is_local
from stepchat.errors import KeyRejectedError, ServerError, SilenceError, StepchatError, UnreachableError, shortage
from stepchat.events import Delta, Notice, Retrying, Silence
from stepchat.servers.api import get_json
from stepchat.servers.errors import status_of
from stepchat.servers.recording import REMOVED, ExchangeRecorder
from stepchat.servers.stream import KeptConnection, StreamReader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from ssl import SSLContext

    import httpx

    from stepchat.config.api_keys import Key
    from stepchat.messages import Json

ServerEvent: TypeAlias = Delta | Retrying | Silence | Notice

CONNECT_TIMEOUT = 10.0
GET_JSON_SECONDS = 15.0
RETRIES = 3
LONGEST_WAIT = 60.0
"""A server that asks for more patience than this gets its error shown instead."""

APP_URL = "https://github.com/stepchat/stepchat"
APP_TITLE = "stepchat"


@dataclass(frozen=True, slots=True)
class Options:
    """What config.toml says about talking to servers. Times are in seconds."""

    silence_hint: float = 20.0
    silence_timeout: float = 300.0
    send_referer: bool = True
    send_title: bool = True
    backoff: float = 0.5
    key_variable: str = ""
    """Where a key would have been looked for, to say so when the server wants one."""


class Client:
    """One server. One connection is kept alive between turns."""

    def __init__(
        self,
        base_url: str,
        backend: Backend,
        key: Key | None,
        options: Options | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.backend = backend
        self._key = key
        self._options = options or Options()
        self._transport = transport
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        self._http: httpx.Client | None = None
        self._trust: SSLContext | None = None
        """Whom TLS trusts: slow to read, so it is read once."""
        self._line = KeptConnection()
        self._lock = Lock()

    def prepare(self) -> None:
        """Import httpx and build its client (TLS included): slow, so call it in a thread ahead of the first request.

        If it fails, the first request will say why.
        """
        with suppress(UnreachableError):
            self._open()

    def _open(self) -> httpx.Client:
        """Raises UnreachableError."""
        import httpx

        with self._lock:
            if self._http is None:
                # One is kept, so that `KeptConnection` knows it, and for a slow reader. More may exist for a while: a cancelled
                # request that is still connecting must not hold up the next.
                limits = httpx.Limits(max_connections=None, max_keepalive_connections=1, keepalive_expiry=120.0)
                self._http = self._connect(httpx.Timeout(None, connect=CONNECT_TIMEOUT, write=60.0), limits)
            return self._http

    def _connect(self, timeout: httpx.Timeout, limits: httpx.Limits) -> httpx.Client:
        from http.cookiejar import CookieJar, DefaultCookiePolicy

        import httpx

        # What a server wants to be told again is not: the record would not show it, and nobody asked for it.
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        # No proxy stands between this machine and itself.
        mounts = {"all://": None, "http://": None, "https://": None} if is_local(self.base_url) else None
        try:
            if self._trust is None and self._transport is None:
                self._trust = httpx.create_ssl_context()
            return httpx.Client(
                verify=self._trust or True, transport=self._transport, mounts=mounts, timeout=timeout, limits=limits,
                cookies=cookies,
            )  # fmt: skip
        except Exception as error:
            if shortage(error):
                raise
            # What is no address may hold a password, and what is told of it a part of that.
            words = (
                "the address of a proxy is not one" if isinstance(error, httpx.InvalidURL) else str(error).rstrip(".")
            )
            raise UnreachableError(
                f"The network settings cannot be used: {words}.",
                "Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
            ) from error

    def get_json(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        seconds: float = GET_JSON_SECONDS,
        body: Json | None = None,
        at_root: bool = False,
    ) -> Json:
        """What another address of the server answers: to GET, or with a body to POST. Blocks. Raises StepchatError.

        `at_root` leaves out the /v1 of the base URL, beside which some servers have addresses of their own.
        """
        import httpx

        # On a connection of its own: the one that is kept belongs to the answers.
        timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_TIMEOUT))
        try:
            with self._connect(timeout, httpx.Limits(max_keepalive_connections=0)) as http:
                request = http.build_request(
                    "GET" if body is None else "POST",
                    f"{self.base_url.removesuffix('/v1') if at_root else self.base_url}{path}",
                    params=query or None,
                    content=None if body is None else lossless_json.dumps(body).encode(),
                    headers=self.headers() | {"Accept": "application/json"},
                )
                return get_json(request, http, self.redact, seconds)
        except StepchatError as error:
            self._explain(error)
            raise
        except (httpx.InvalidURL, UnicodeError) as error:
            raise UnreachableError(
                f"{self.base_url!r} is not a server's address.", "Give one like https://host/v1."
            ) from error

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._http is not None:
                self._http.close()
                self._http = None

    def headers(self) -> dict[str, str]:
        """What every request carries (WIRE.md 1.1)."""
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
            "User-Agent": f"stepchat/{__version__}",
        }
        if self._key is not None:
            headers["Authorization"] = self._key.bearer()
        if self.backend.sends_attribution:
            if self._options.send_referer:
                headers["HTTP-Referer"] = APP_URL
            if self._options.send_title:
                headers["X-Title"] = headers["X-OpenRouter-Title"] = APP_TITLE
        return headers

    async def stream(
        self, body: Json, keep: Callable[[ExchangeRecorder], None] | None = None
    ) -> AsyncGenerator[ServerEvent]:
        """Send a request and yield what comes. Raises StepchatError; closing the generator closes the connection.

        `keep` is given what goes over the line, for every try twice: when it leaves, and when it is over.
        """
        content = lossless_json.dumps(body).encode()
        for attempt in range(RETRIES + 1):
            shown = False
            mask = bytes if self._key is None else self._key.mask
            tape = ExchangeRecorder(f"{self.base_url}/chat/completions", self._shown_headers(), self.redact, mask)
            if keep is not None:
                keep(tape)
            try:
                async with aclosing(self._attempt(content, tape)) as events:
                    async for event in events:
                        shown = shown or (isinstance(event, Delta) and _is_visible(event))
                        yield event
            except StepchatError as error:
                self._explain(error)
                tape.error = error.message
                wait = None if shown else self._wait(error, attempt)
                if wait is None:
                    raise
                yield Retrying(attempt + 1, RETRIES, wait, error.message)
            else:
                return
            finally:
                if keep is not None:
                    keep(tape)
            await asyncio.sleep(wait)

    def _wait(self, error: StepchatError, attempt: int) -> float | None:
        """Seconds until the next try, or None when there shall be none."""
        if not isinstance(error, ServerError) or not error.retryable or attempt >= RETRIES:
            return None
        if status_of(error.code) == 500 and attempt >= 1:
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= LONGEST_WAIT else None
        return self._options.backoff * 2**attempt * self._rng.uniform(0.75, 1.25)

    def _shown_headers(self) -> dict[str, str]:
        """Without the key in any form."""
        headers = self.headers()
        if self._key is not None:
            headers["Authorization"] = f"Bearer {REMOVED}"
        return headers

    def _explain(self, error: StepchatError) -> None:
        """Better words where more is known here, and none that hold the key."""
        if isinstance(error, UnreachableError) and is_local(self.base_url) and self.backend.start_hint:
            error.hint = self.backend.start_hint
        variable = self._options.key_variable
        if isinstance(error, KeyRejectedError) and self._key is None and variable:
            error.message = f"The server wants an API key, and none was sent: {variable} is not set."
            error.hint = f"export {variable}=..."
        if isinstance(error, ServerError) and error.retry_after is not None and error.retry_after > LONGEST_WAIT:
            error.hint = f"The server asks to wait {error.retry_after:.0f} seconds."
        error.message, error.hint = self.redact(error.message), self.redact(error.hint)
        error.args = (error.message,)

    @property
    def has_key(self) -> bool:
        """Whether a key goes with the requests."""
        return self._key is not None

    def redact(self, text: str) -> str:
        """Words without the key."""
        return text if self._key is None else self._key.redact(text)

    async def _attempt(self, content: bytes, tape: ExchangeRecorder) -> AsyncGenerator[ServerEvent]:
        http = self._http or await asyncio.to_thread(self._open)
        inbox = _Inbox(asyncio.get_running_loop())
        reading = StreamReader(
            http,
            f"{self.base_url}/chat/completions",
            content,
            self.headers(),
            inbox.put,
            connection=self._line,
            recorder=tape,
            redact=self.redact,
            starts_in_thinking=self.backend.starts_in_thinking,
        )
        watch = _SilenceWatch(reading, inbox, self._options)
        try:
            Thread(target=reading.run, name="stepchat-answer", daemon=True).start()
            while True:
                for item in await inbox.take():
                    if item is None:
                        return
                    if isinstance(item, StepchatError):
                        raise item
                    yield item
        finally:
            watch.stop()
            reading.cancel()


class _Inbox:
    """From the reading thread to the loop: one wake-up for all that has gathered."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: deque[Any] = deque()
        self._filled = asyncio.Event()
        self._woken = False

    def put(self, item: Delta | StepchatError | Silence | Notice | None) -> None:
        self._items.append(item)
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._filled.set)
            except RuntimeError:
                # The loop is closed: the program has ended.
                return

    async def take(self) -> list[Any]:
        await self._filled.wait()
        self._filled.clear()
        # Lowered first: an item that comes now wakes us once more, for nothing at worst.
        self._woken = False
        taken = list[Any]()
        while self._items:
            taken.append(self._items.popleft())
        return taken


class _SilenceWatch:
    """One timer that looks after the silence: it costs nothing per token."""

    def __init__(self, reading: StreamReader, inbox: _Inbox, options: Options) -> None:
        self._reading = reading
        self._inbox = inbox
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._hinted = False
        self._timer = self._loop.call_later(min(options.silence_hint, options.silence_timeout), self._look)

    def stop(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        silent = monotonic() - self._reading.alive_at
        hint, limit = self._options.silence_hint, self._options.silence_timeout
        if self._reading.finished and silent >= min(hint, limit):
            # Only the end mark is missing (WIRE.md 2.8); nobody need wait for it longer.
            self._reading.hang_up()
        if silent >= limit:
            self._inbox.put(
                SilenceError(
                    f"Nothing arrived for {limit:g} seconds, so stepchat gave up.",
                    "What arrived is kept; ask again. silence_timeout in config.toml sets the limit.",
                )
            )
            return
        if silent >= hint:
            self._hinted = True
            self._inbox.put(Silence(silent, limit))
            delay = min(1.0, limit - silent)
        else:
            if self._hinted:
                self._hinted = False
                self._inbox.put(Silence(0.0, limit))
            delay = min(hint, limit) - silent
        self._timer = self._loop.call_later(max(delay, 0.01), self._look)


def _is_visible(delta: Delta) -> bool:
    return bool(delta.text or delta.reasoning or delta.details or delta.tool_calls or delta.refusal)

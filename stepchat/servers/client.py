"""The HTTP client of one server: sends, retries until something was shown, detects silence, cancels."""

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
from stepchat.concurrency import run_in_daemon
from stepchat.errors import KeyRejectedError, ServerError, SilenceError, StepchatError, UnreachableError, shortage
from stepchat.events import Delta, Notice, Retrying, Silence
from stepchat.servers.api import get_json
from stepchat.servers.errors import LONGEST_WAIT, describe_exception, is_loading, status_of
from stepchat.servers.network import ADDRESS_HINT, Proxy, proxy_for, trusted_certificates
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
LOADING_POLL = 2.0
"""Seconds between checks of a server that is loading its model."""

APP_URL = "https://github.com/stepchat/stepchat"
APP_TITLE = "stepchat"


@dataclass(frozen=True, slots=True)
class Options:
    """The settings of config.toml for requests. Times are in seconds."""

    silence_hint: float = 20.0
    silence_timeout: float = 300.0
    send_referer: bool = True
    send_title: bool = True
    backoff: float = 0.5
    loading_poll: float = LOADING_POLL
    key_variable: str = ""
    """The variable for the key, to be named if the server requires one."""


class Client:
    """A client of one server. It keeps one connection alive between turns."""

    def __init__(
        self,
        base_url: str,
        backend: Backend,
        key: Key | None,
        options: Options | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        rng: random.Random | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """`environ` contains the settings of proxies and certificates; by default it is that of the process."""
        self.base_url = base_url.rstrip("/")
        self.backend = backend
        self._key = key
        self._options = options or Options()
        self._transport = transport
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        self._http: httpx.Client | None = None
        self._environ = environ
        self._proxy: Proxy | None = None
        self._trusted: SSLContext | None = None
        """The trusted certificates. They are read only once, because reading is slow."""
        self._kept = KeptConnection()
        self._lock = Lock()

    def prepare(self) -> None:
        """Import httpx and build its client, in a thread before the first request, because it is slow.

        The first request reports a failure.
        """
        with suppress(UnreachableError):
            self._open()

    def _open(self) -> httpx.Client:
        """Raises UnreachableError."""
        import httpx

        with self._lock:
            if self._http is None:
                # Only one connection is kept, so that `KeptConnection` knows which. More may exist for a while, because a
                # cancelled request that is still connecting must not delay the next one.
                limits = httpx.Limits(max_connections=None, max_keepalive_connections=1, keepalive_expiry=120.0)
                self._http = self._connect(httpx.Timeout(None, connect=CONNECT_TIMEOUT, write=60.0), limits)
            return self._http

    def _connect(self, timeout: httpx.Timeout, limits: httpx.Limits) -> httpx.Client:
        from http.cookiejar import CookieJar, DefaultCookiePolicy

        import httpx

        # Cookies are never sent back: the recording would not show them, and nobody wants them.
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        try:
            self._proxy = proxy_for(self.base_url, self._environ)
            proxy_url = "" if self._proxy is None else self._proxy.url
            encrypted = self.base_url.lower().startswith("https:") or proxy_url.startswith("https:")
            if self._trusted is None and self._transport is None and encrypted:
                self._trusted = trusted_certificates(self.base_url, self._environ)
            # Without TLS there is nothing to verify. trust_env is off, because httpx fails on NO_PROXY entries for other servers.
            return httpx.Client(
                verify=self._trusted or False, transport=self._transport, trust_env=False, timeout=timeout, limits=limits,
                proxy=proxy_url or None, cookies=cookies,
            )  # fmt: skip
        except UnreachableError:
            raise
        except Exception as error:
            if shortage(error):
                raise
            raise UnreachableError(
                f"The network settings cannot be used: {describe_exception(error)}.", "stepchat doctor shows them."
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
        """Returns the JSON at a path of the server: GET, or POST if there is a body. Blocks. Raises StepchatError.

        `at_root` leaves out the /v1 of the base URL: some servers have their own endpoints beside it.
        """
        import httpx

        # Uses its own connection, because the kept one belongs to the answers.
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
                return get_json(request, http, self.redact, seconds, self._proxy)
        except StepchatError as error:
            self._explain(error)
            raise
        except (httpx.InvalidURL, UnicodeError) as error:
            raise UnreachableError(
                f"{self.base_url!r} is not a server's address.", "Give one like https://host/v1."
            ) from error

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._http is not None:
                self._http.close()
                self._http = None

    def headers(self) -> dict[str, str]:
        """Returns the headers of every request."""
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
        """Send a request and yield what arrives. Raises StepchatError; closing the generator closes the connection.

        `keep` receives the recording of every attempt twice: when it starts and when it has ended.
        """
        content = lossless_json.dumps(body).encode()
        for attempt in range(RETRIES + 1):
            shown = False
            mask = bytes if self._key is None else self._key.mask
            recorder = ExchangeRecorder(f"{self.base_url}/chat/completions", self._shown_headers(), self.redact, mask)
            if keep is not None:
                keep(recorder)
            try:
                async with aclosing(self._attempt(content, recorder)) as events:
                    async for event in events:
                        shown = shown or (isinstance(event, Delta) and _is_visible(event))
                        yield event
            except StepchatError as error:
                self._explain(error)
                recorder.error = error.message
                wait = None if shown else self._wait(error, attempt)
                if wait is None:
                    raise
                loading = (
                    error if isinstance(error, ServerError) and is_loading(error) and is_local(self.base_url) else None
                )
                if loading is None:
                    yield Retrying(attempt + 1, RETRIES, wait, error.message)
            else:
                return
            finally:
                if keep is not None:
                    keep(recorder)
            if loading is None:
                await asyncio.sleep(wait)
                continue
            yield Notice("The server is still loading its model. The question will be sent when it is ready.")
            await self._wait_until_loaded(loading)

    async def _wait_until_loaded(self, error: ServerError) -> None:
        """Poll the list of models until the server has loaded its model. Raises the error after `silence_timeout`."""
        end = monotonic() + self._options.silence_timeout
        while monotonic() < end:
            await asyncio.sleep(self._options.loading_poll)
            try:
                await run_in_daemon(lambda: self.get_json("/models", seconds=LOADING_POLL))
            except ServerError as latest:
                if is_loading(latest):
                    continue
            except StepchatError:
                pass
            return
        raise error

    def _wait(self, error: StepchatError, attempt: int) -> float | None:
        """Seconds until the next attempt; None if there is none."""
        if not isinstance(error, ServerError) or not error.retryable or attempt >= RETRIES:
            return None
        if status_of(error.code) == 500 and attempt >= 1:
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= LONGEST_WAIT else None
        return self._options.backoff * 2**attempt * self._rng.uniform(0.75, 1.25)

    def _shown_headers(self) -> dict[str, str]:
        """Returns the headers without the key in any form."""
        headers = self.headers()
        if self._key is not None:
            headers["Authorization"] = f"Bearer {REMOVED}"
        return headers

    def _explain(self, error: StepchatError) -> None:
        """Add what the client knows to an error, and remove the key from it."""
        if isinstance(error, UnreachableError) and error.hint == ADDRESS_HINT and self.backend.start_hint:
            error.hint = self.backend.start_hint
        variable = self._options.key_variable
        if isinstance(error, KeyRejectedError) and self._key is None and variable:
            error.message = f"The server requires an API key, and none was sent: {variable} is not set."
            error.hint = f"export {variable}=..."
        error.message, error.hint = self.redact(error.message), self.redact(error.hint)
        error.args = (error.message,)

    @property
    def has_key(self) -> bool:
        """Whether requests carry a key."""
        return self._key is not None

    def redact(self, text: str) -> str:
        """Returns the text without the key."""
        return text if self._key is None else self._key.redact(text)

    async def _attempt(self, content: bytes, recorder: ExchangeRecorder) -> AsyncGenerator[ServerEvent]:
        http = self._http or await asyncio.to_thread(self._open)
        inbox = _Inbox(asyncio.get_running_loop())
        reader = StreamReader(
            http,
            f"{self.base_url}/chat/completions",
            content,
            self.headers(),
            inbox.put,
            connection=self._kept,
            proxy=self._proxy,
            recorder=recorder,
            redact=self.redact,
            starts_in_thinking=self.backend.starts_in_thinking,
        )
        watch = _SilenceWatch(reader, inbox, self._options)
        try:
            Thread(target=reader.run, name="stepchat-answer", daemon=True).start()
            while True:
                for item in await inbox.take():
                    if item is None:
                        return
                    if isinstance(item, StepchatError):
                        raise item
                    yield item
        finally:
            watch.stop()
            reader.cancel()


class _Inbox:
    """Passes items from the reading thread to the event loop, with one wake-up for everything that has accumulated."""

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
                # The loop is closed once the program has ended.
                return

    async def take(self) -> list[Any]:
        await self._filled.wait()
        self._filled.clear()
        # Reset first: an item that arrives now causes another wake-up, at worst an unnecessary one.
        self._woken = False
        taken = list[Any]()
        while self._items:
            taken.append(self._items.popleft())
        return taken


class _SilenceWatch:
    """Detects silence with one timer, at no cost per token."""

    def __init__(self, reader: StreamReader, inbox: _Inbox, options: Options) -> None:
        self._reader = reader
        self._inbox = inbox
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._hinted = False
        self._timer = self._loop.call_later(min(options.silence_hint, options.silence_timeout), self._check)

    def stop(self) -> None:
        self._timer.cancel()

    def _check(self) -> None:
        silent = monotonic() - self._reader.alive_at
        hint, limit = self._options.silence_hint, self._options.silence_timeout
        if self._reader.finished and silent >= min(hint, limit):
            # Only the end mark is missing; the answer is complete.
            self._reader.hang_up()
        if silent >= limit:
            self._inbox.put(
                SilenceError(
                    f"Nothing arrived for {limit:g} seconds, so stepchat gave up.",
                    "Everything received is saved. Retry, or raise silence_timeout in config.toml.",
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
        self._timer = self._loop.call_later(max(delay, 0.01), self._check)


def _is_visible(delta: Delta) -> bool:
    return bool(delta.text or delta.reasoning or delta.details or delta.tool_calls or delta.refusal)

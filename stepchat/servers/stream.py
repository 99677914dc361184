"""Runs one HTTP request in its own thread, which turns bytes into deltas, so that the event loop gets finished work.

A thread with httpx's synchronous client needs half the CPU time of the asynchronous one and never delays a key press.
"""

from __future__ import annotations

import contextlib
import socket
from itertools import chain
from threading import Timer
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urljoin

from stepchat import lossless_json
from stepchat.errors import ServerError, StepchatError, StreamCutError, UnreachableError
from stepchat.events import Delta, Notice
from stepchat.servers.chunks import ChunkReader, read_body
from stepchat.servers.connection import Connection
from stepchat.servers.errors import BASE_URL_HINT, decoded, describe_exception, from_status
from stepchat.servers.network import unreachable
from stepchat.servers.recording import ExchangeRecorder
from stepchat.servers.redaction import redacted
from stepchat.servers.sse import SseParser, SseTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import httpx

    from stepchat.servers.network import Proxy

DRAIN_SECONDS = 0.25
"""How long to wait for the end of the body after [DONE], so that the connection can be reused."""
LONGEST_BODY = 64 * 1024 * 1024
"""The most bytes to read of a response that is not a stream."""

_LONGEST_TEXT = 2000
"""The most bytes to quote of a response that is neither a stream nor JSON."""
_CUT_HINT = "Everything received is saved. Retry for a complete answer."
_SSE_FIELDS = frozenset({"", "data", "event", "id", "retry", "error"})
_MARK = b"\xef\xbb\xbf"
_HTTP = b"HTTP/1."
_BEFORE_SENDING = ("connect_tcp.started", "connect_tcp.complete", "start_tls.complete", "send_request_headers.started")
"""The events in which httpcore cleans up after an exception from its trace hook."""


class _CancelledError(Exception):
    """Raised in httpx's trace hook to end a cancelled request."""


class KeptConnection:
    """The connection that is kept alive after an answer, so that the next request that reuses it can close it."""

    def __init__(self) -> None:
        self._connection: Connection | None = None

    def take(self) -> Connection | None:
        """Returns it, for one request at a time; None if there is none."""
        connection, self._connection = self._connection, None
        return connection

    def keep(self, connection: Connection | None) -> None:
        self._connection = connection


class StreamReader:
    """A running request. It calls `deliver` in its thread with deltas, and at the end with None or the error."""

    def __init__(
        self,
        http: httpx.Client,
        url: str,
        content: bytes,
        headers: dict[str, str],
        deliver: Callable[[Delta | StepchatError | Notice | None], None],
        *,
        connection: KeptConnection | None = None,
        recorder: ExchangeRecorder | None = None,
        redact: Callable[[str], str] = str,
        proxy: Proxy | None = None,
        starts_in_thinking: bool = False,
    ) -> None:
        self._http = http
        self._url = url
        self._content = content
        self._headers = headers
        self._deliver = deliver
        self._kept = connection or KeptConnection()
        self._recorder = recorder or ExchangeRecorder(url, {})
        self._proxy = proxy
        self._redact = redact
        self._reader = ChunkReader(starts_in_thinking=starts_in_thinking, redact=redact)
        self._connection = self._kept.take()
        self._handshake: socket.socket | None = None
        """A second handle of the socket during the TLS handshake, when the first is not accessible."""
        self._connected = False
        self._answered = False
        self._cancelled = False
        self._over = False
        self.alive_at = monotonic()
        """When the last bytes arrived, including headers and keep-alive comments."""

    @property
    def finished(self) -> bool:
        """Whether the model has finished, even if the stream has not."""
        return self._reader.finish_reason is not None

    def cancel(self) -> None:
        """Close the connection, from any thread. Many providers then end the generation and its cost.

        After the end it does nothing, because the connection may serve the next request. While connecting, the thread ends
        when the connection is established, or after CONNECT_TIMEOUT.
        """
        self._cancelled = True
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection, and keep what was read."""
        if self._over:
            return
        connection = self._connection
        for sock in (connection.stream.get_extra_info("socket") if connection is not None else None, self._handshake):
            if isinstance(sock, socket.socket):
                # shutdown wakes the thread from recv, close alone does not. It bypasses TLS, which has nothing left to send.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def run(self) -> None:
        """The body of the thread. Never raises."""
        import httpx

        outcome: StepchatError | None = None
        try:
            if not self._cancelled:
                outcome = self._request(httpx)
        except _CancelledError:
            pass
        except StepchatError as error:
            outcome = error
        except Exception as error:  # noqa: BLE001 - whatever it is, the turn must end and keep what arrived
            outcome = ServerError(f"Reading the answer failed: {describe_exception(error)}.", "Retry.")
        self._forget_handshake()
        self._over = True
        if not self._cancelled:
            self._kept.keep(self._connection)
        self._deliver(None if self._cancelled else outcome)

    def _trace(self, name: str, info: dict[str, Any]) -> None:
        made = info.get("return_value")
        if made is not None and name.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._connected = True
            self._forget_handshake()
            sock = made.get_extra_info("socket")
            if self._url.lower().startswith("https:") and name.endswith("connect_tcp.complete"):
                self._handshake = sock.dup()
            self._connection = Connection(made)
        # Checked after storing the connection, so that either this sees the cancellation, or `cancel` sees the connection.
        if self._cancelled and name.endswith(_BEFORE_SENDING):
            if made is not None:
                made.close()
            raise _CancelledError

    def _forget_handshake(self) -> None:
        if self._handshake is not None:
            self._handshake.close()
            self._handshake = None

    def _request(self, httpx: Any) -> StepchatError | None:
        try:
            try:
                return self._once()
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                # The server closed the idle connection just then, and has not received this request.
                if self._connection is None or self._connected or self._answered or self._cancelled:
                    raise
                return self._once()
        except httpx.TimeoutException as error:
            raise unreachable(self._url, "no connection in time", self._proxy, retryable=True) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise UnreachableError(
                f"{self._url!r} is not a server's address: {describe_exception(error)}.",
                "Give one like https://host/v1 with --base-url.",
            ) from error
        except (httpx.ConnectError, httpx.ProxyError) as error:
            raise unreachable(self._url, describe_exception(error), self._proxy) from error
        except httpx.RemoteProtocolError as error:
            raise self._protocol_error(error) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            # What cannot be decompressed comes again in the same form.
            may_pass = isinstance(error, httpx.TransportError)
            raise StreamCutError(
                f"The connection broke: {describe_exception(error)}.", _CUT_HINT, retryable=may_pass
            ) from error

    def _protocol_error(self, error: Exception) -> StepchatError:
        words = describe_exception(error)
        beginning = b"" if self._connection is None else self._connection.beginning[: len(_HTTP)]
        if not self._answered and "without a response" in words and not _HTTP.startswith(beginning):
            words = "it does not speak HTTP/1.1"
        if not self._answered and "without a response" not in words:
            # Another protocol, or a broken header: a retry would fail in the same way.
            return UnreachableError(f"Cannot use {self._url}: {words}.", "Check the address and the port.")
        return StreamCutError(f"The connection broke: {words}.", _CUT_HINT, retryable=True)

    def _once(self) -> StepchatError | None:
        extensions = {"trace": self._trace}
        if self._connection is not None:
            self._connection.begin_request()
        with self._http.stream(
            "POST", self._url, content=self._content, headers=self._headers, extensions=extensions
        ) as response:
            self._answered = True
            return self._response(response)

    def _response(self, response: httpx.Response) -> StepchatError | None:
        self.alive_at = monotonic()
        self._recorder.response_started(response.status_code, response.headers)
        if identity := response.headers.get("x-generation-id"):
            self._give(Delta(generation_id=identity))
        body = response.iter_bytes() if self._connection is None else self._connection.body(response)
        parts = map(self._recorded_reads, body)
        if not response.is_success:
            return self._refusal(response, parts)
        first = next(parts, b"")
        parts = chain((first,), parts)
        match _kind(response.headers.get("content-type", ""), first):
            case "json":
                return self._whole(parts)
            case "page":
                return ServerError(f"{self._url} answered with a web page.", BASE_URL_HINT)
            case "stream":
                outcome = self._events(parts)
                self._drain(parts)
                return outcome

    def _recorded_reads(self, data: bytes) -> bytes:
        self._recorder.add_read(data)
        return data

    def _refusal(self, response: httpx.Response, parts: Iterable[bytes]) -> StepchatError:
        if response.is_redirect:
            address = response.headers.get("location", "")
            return _moved(self._url, address.removesuffix("/chat/completions")[:300], response.status_code)
        if response.status_code == 407 and self._proxy is not None:
            return unreachable(self._url, "407", self._proxy)
        import httpx

        body = bytearray()
        # The status matters most; part of the body is better than nothing.
        with contextlib.suppress(httpx.HTTPError):
            self._gather(parts, body)
        text = self._redact(decoded(bytes(body)))
        return from_status(response.status_code, text, response.headers)

    def _gather(self, parts: Iterable[bytes], body: bytearray) -> None:
        for part in parts:
            self.alive_at = monotonic()
            body += part
            if len(body) > LONGEST_BODY:
                return

    def _whole(self, parts: Iterable[bytes]) -> StepchatError | None:
        gathered = bytearray()
        self._gather(parts, gathered)
        try:
            body = lossless_json.loads(gathered.removeprefix(_MARK).decode("utf-8", "replace"))
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return ServerError("The server's response is not an answer.", BASE_URL_HINT)
        self._give(read_body(body, self._reader))  # pyright: ignore[reportUnknownArgumentType] - JSON
        self._give(self._reader.close())
        return self._outcome()

    def _events(self, parts: Iterable[bytes]) -> StepchatError | None:
        parser = SseParser()
        beginning = b""
        has_events = False
        try:
            for data in parts:
                self.alive_at = monotonic()
                if events := parser.feed(data):
                    has_events = True
                    self._give(self._reader.read(events))
                elif not has_events and len(beginning) < _LONGEST_TEXT:
                    beginning += data[:_LONGEST_TEXT]
                if self._reader.failure or self._reader.done or self._cancelled:
                    break
            else:
                events = parser.close(clean=True)
                self._give(self._reader.read(events))
                if not has_events and not events and (text := _plain_text(beginning)):
                    self._reader.fail(text)
        except SseTooLargeError as error:
            self._reader.failure = ServerError(str(error), _CUT_HINT)
        except Exception:
            # What was held back belongs to the answer, even if the connection breaks.
            self._give(self._reader.close())
            if self._reader.finish_reason is not None and not self._reader.failure:
                return None
            raise
        self._give(self._reader.close())
        return self._outcome()

    def _drain(self, parts: Iterator[bytes]) -> None:
        """Read to the end of the body if it arrives soon. A connection with unread data is closed."""
        if self._cancelled or not self._reader.done:
            return
        timer = Timer(DRAIN_SECONDS, self.hang_up)
        timer.daemon = True
        timer.start()
        try:
            with contextlib.suppress(Exception):
                for _ in parts:
                    pass
        finally:
            timer.cancel()

    def _outcome(self) -> StepchatError | None:
        reader = self._reader
        for notice in _dropped(reader):
            self._deliver(notice)
        if reader.failure is not None:
            return reader.failure
        if not reader.complete:
            what = "The answer was cut off: the stream ended without its end mark."
            if not reader.produced:
                what = "The stream ended before an answer began."
            return StreamCutError(what, _CUT_HINT, retryable=True)
        if lost := reader.lost_text:
            what = "one event" if lost == 1 else f"{lost} events"
            return StreamCutError(
                f"Part of the answer is lost: {what} from the server could not be read.",
                "Everything received is saved. The inspector shows what the server sent.",
                retryable=True,
            )
        return None

    def _give(self, delta: Delta | None) -> None:
        if delta is not None:
            self._deliver(redacted(delta, self._redact))


def _moved(url: str, address: str, status: int) -> ServerError:
    """The error for a redirect, which is not followed: the question would go to another server."""
    base = url.removesuffix("/chat/completions")
    hint = BASE_URL_HINT
    with contextlib.suppress(ValueError):
        address = urljoin(url, address) if address else ""
        if address.startswith(("http://", "https://")):
            hint = "Use that as --base-url."
    if not address or address == base:
        return ServerError(f"{url} answered {status} without another address.", BASE_URL_HINT, code=status)
    return ServerError(f"{url} moved to {address}.", hint, code=status)


def _plain_text(body: bytes) -> str:
    """The text of a body that has no line of an event stream."""
    text = decoded(body).strip()
    return "" if any(line and line.partition(":")[0] in _SSE_FIELDS for line in text.splitlines()) else text


def _dropped(reader: ChunkReader) -> Iterator[Notice]:
    """A notice about received content that is not part of the answer; None if there is none."""
    if (ignored := reader.bad_chunks) and not reader.lost_text:
        what = "One event" if ignored == 1 else f"{ignored} events"
        yield Notice(f"{what} from the server could not be read; the inspector shows what arrived.")
    if reader.dropped:
        names = [f"{count} {name}{'' if count == 1 else 's'}" for name, count in reader.dropped.most_common(5)]
        yield Notice(f"The server also sent {', '.join(names)}, which stepchat cannot show; the inspector has it.")


def _kind(content_type: str, first: bytes) -> Literal["json", "page", "stream"]:
    """What a response with status 200 contains, by its first bytes and its content type. The bytes are more reliable."""
    match first.removeprefix(_MARK).lstrip()[:1]:
        case b"d" | b"e" | b"i" | b"r" | b":":
            # The fields of an event stream, or a comment. JSON never begins like this.
            return "stream"
        case b"{":
            return "json"
        case b"<":
            return "page"
        case _ if "html" in content_type:
            return "page"
        case _:
            return "json" if "json" in content_type and "stream" not in content_type else "stream"

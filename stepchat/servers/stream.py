"""One HTTP request, read in its own thread: bytes to deltas there, so that the loop only sees finished work.

A thread with httpx's synchronous client costs half the CPU of its asynchronous one and never delays a key press
(SPEED.md 4.2).
"""

from __future__ import annotations

import contextlib
import socket
from itertools import chain
from threading import Timer
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from stepchat import lossless_json
from stepchat.errors import ServerError, StepchatError, StreamCutError, UnreachableError
from stepchat.events import Delta, Notice
from stepchat.servers.chunks import ChunkReader, read_body
from stepchat.servers.errors import describe_exception, from_status
from stepchat.servers.recording import ExchangeRecorder
from stepchat.servers.redaction import redacted
from stepchat.servers.sse import SseParser, SseTooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import httpx

DRAIN_SECONDS = 0.25
"""How long the end of the body is waited for after [DONE], so that the connection can be used again."""
LONGEST_BODY = 64 * 1024 * 1024
"""Bytes of an answer that is not a stream; the rest is not read."""

_CUT_HINT = "What arrived is kept; ask again for a whole answer."
_MARK = b"\xef\xbb\xbf"
_BEFORE_SENDING = ("connect_tcp.started", "connect_tcp.complete", "start_tls.complete", "send_request_headers.started")
"""The places where httpcore can be left by an exception from its trace hook; elsewhere it would not clean up."""


class _CancelledError(Exception):
    """Raised inside httpx, from its trace hook, to end a request that nobody wants any more."""


class KeptConnection:
    """The connection that was kept after the last answer: whoever is sent over it again must be able to cut it."""

    def __init__(self) -> None:
        self._stream: Any = None

    def take(self) -> Any:
        """Its network stream, for one user at a time; None when there is none."""
        stream, self._stream = self._stream, None
        return stream

    def keep(self, stream: Any) -> None:
        self._stream = stream


class StreamReader:
    """A request on its way. `deliver` is called in the thread with deltas and at last with None or the error."""

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
        starts_in_thinking: bool = False,
    ) -> None:
        self._http = http
        self._url = url
        self._content = content
        self._headers = headers
        self._deliver = deliver
        self._line = connection or KeptConnection()
        self._tape = recorder or ExchangeRecorder(url, {})
        self._redact = redact
        self._reader = ChunkReader(starts_in_thinking=starts_in_thinking, redact=redact)
        self._stream: Any = self._line.take()
        self._handshake: socket.socket | None = None
        """A second hold on the socket during the TLS handshake, when the first is out of reach."""
        self._connected = False
        self._answered = False
        self._cancelled = False
        self._over = False
        self.alive_at = monotonic()
        """When the last byte came, a keep-alive comment or a header included."""

    @property
    def finished(self) -> bool:
        """The model has finished, even if the stream has not."""
        return self._reader.finish_reason is not None

    def cancel(self) -> None:
        """Close the connection, from any thread: for many providers this ends the generation and its cost.

        After the end it does nothing: the connection may serve the next request. While the connection is being made, the
        thread ends when it is, or after CONNECT_TIMEOUT.
        """
        self._cancelled = True
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection; what was read until then counts."""
        if self._over:
            return
        stream = self._stream
        for sock in (stream.get_extra_info("socket") if stream is not None else None, self._handshake):
            if isinstance(sock, socket.socket):
                # shutdown wakes the thread out of recv; close alone does not. TLS is bypassed: nothing is left to say.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def run(self) -> None:
        """The thread. Never raises."""
        import httpx

        outcome: StepchatError | None = None
        try:
            if not self._cancelled:
                outcome = self._request(httpx)
        except _CancelledError:
            pass
        except StepchatError as error:
            outcome = error
        except Exception as error:  # noqa: BLE001 - whatever it is, the turn must hear of it and keep what came
            outcome = ServerError(f"Reading the answer failed: {error!r}.", "Ask again.")
        self._forget_handshake()
        self._over = True
        if not self._cancelled:
            self._line.keep(self._stream)
        self._deliver(None if self._cancelled else outcome)

    def _trace(self, name: str, info: dict[str, Any]) -> None:
        made = info.get("return_value")
        if made is not None and name.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._connected = True
            self._forget_handshake()
            sock = made.get_extra_info("socket")
            if self._url.lower().startswith("https:") and name.endswith("connect_tcp.complete"):
                self._handshake = sock.dup()
            self._stream = made
        # Looked at after the stream was noted: so either this sees the wish or `cancel` sees the stream.
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
                # The server had closed the idle connection just then, and has not seen this request.
                if self._stream is None or self._connected or self._answered or self._cancelled:
                    raise
                return self._once()
        except httpx.TimeoutException as error:
            raise UnreachableError(
                f"No connection to {self._url} in time.", "Check the address and the network.", retryable=True
            ) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise UnreachableError(
                f"{self._url!r} is not a server's address: {describe_exception(error)}.",
                "Give one like https://host/v1 with --base-url.",
            ) from error
        except (httpx.ConnectError, httpx.ProxyError) as error:
            raise UnreachableError(
                f"Cannot reach {self._url}: {describe_exception(error)}.",
                "Check the address, the network and whether the server runs.",
            ) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise StreamCutError(
                f"The connection broke: {describe_exception(error)}.", _CUT_HINT, retryable=True
            ) from error

    def _once(self) -> StepchatError | None:
        extensions = {"trace": self._trace}
        with self._http.stream(
            "POST", self._url, content=self._content, headers=self._headers, extensions=extensions
        ) as response:
            self._answered = True
            return self._response(response)

    def _response(self, response: httpx.Response) -> StepchatError | None:
        self.alive_at = monotonic()
        self._tape.response_started(response.status_code, response.headers)
        if identity := response.headers.get("x-generation-id"):
            self._give(Delta(generation_id=identity))
        parts = map(self._taped, response.iter_bytes())
        if not response.is_success:
            return self._refusal(response, parts)
        first = next(parts, b"")
        parts = chain((first,), parts)
        match _kind(response.headers.get("content-type", ""), first):
            case "json":
                return self._whole(parts)
            case "page":
                return ServerError(
                    f"{self._url} answered with a web page.", "Check the base URL; it usually ends in /v1."
                )
            case "stream":
                outcome = self._events(parts)
                self._drain(parts)
                return outcome

    def _taped(self, data: bytes) -> bytes:
        self._tape.add_read(data)
        return data

    def _refusal(self, response: httpx.Response, parts: Iterable[bytes]) -> StepchatError:
        if response.is_redirect:
            place = response.headers.get("location", "elsewhere").removesuffix("/chat/completions")
            return ServerError(f"{self._url} moved to {place}.", "Use that as --base-url.", code=response.status_code)
        import httpx

        body = bytearray()
        # What came of the body is better than nothing; the status is what counts.
        with contextlib.suppress(httpx.HTTPError):
            self._gather(parts, body)
        text = self._redact(body.decode("utf-8", "replace"))
        return from_status(response.status_code, text, response.headers.get("retry-after"))

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
            return ServerError("The server answered with something that is no answer.", "Check the base URL.")
        self._give(read_body(body, self._reader))  # pyright: ignore[reportUnknownArgumentType] - JSON
        self._give(self._reader.close())
        return self._outcome()

    def _events(self, parts: Iterable[bytes]) -> StepchatError | None:
        parser = SseParser()
        try:
            for data in parts:
                self.alive_at = monotonic()
                if events := parser.feed(data):
                    self._give(self._reader.read(events))
                if self._reader.failure or self._reader.done or self._cancelled:
                    break
            else:
                self._give(self._reader.read(parser.close(clean=True)))
        except SseTooLarge as error:
            self._reader.failure = ServerError(f"The server sent an event that is too large: {error}", _CUT_HINT)
        except Exception:
            # Whatever was held back belongs to the reader, also when the line dies.
            self._give(self._reader.close())
            if self._reader.finish_reason is not None and not self._reader.failure:
                return None
            raise
        self._give(self._reader.close())
        if skipped := self._reader.bad_chunks:
            what = "A piece" if skipped == 1 else f"{skipped} pieces"
            self._deliver(Notice(f"{what} of the answer could not be read; the inspector shows what came."))
        return self._outcome()

    def _drain(self, parts: Iterator[bytes]) -> None:
        """Read to the end of the body if it comes soon. A connection with anything unread is closed."""
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
        if self._reader.failure is not None:
            return self._reader.failure
        if self._reader.complete:
            return None
        what = "The answer was cut: the stream ended without its end mark."
        if not self._reader.produced:
            what = "The stream ended before an answer began."
        return StreamCutError(what, _CUT_HINT, retryable=True)

    def _give(self, delta: Delta | None) -> None:
        if delta is not None:
            self._deliver(redacted(delta, self._redact))


def _kind(content_type: str, first: bytes) -> Literal["json", "page", "stream"]:
    """What a 200 is, by its first bytes and by what it claims to be; the bytes are right more often."""
    match first.removeprefix(_MARK).lstrip()[:1]:
        case b"d" | b"e" | b"i" | b"r" | b":":
            # The fields of an event stream, and a comment. No JSON begins so.
            return "stream"
        case b"{":
            return "json"
        case b"<":
            return "page"
        case _ if "html" in content_type:
            return "page"
        case _:
            return "json" if "json" in content_type and "stream" not in content_type else "stream"

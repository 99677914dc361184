"""One HTTP request, read in its own thread: bytes to deltas there, so that the loop only sees finished work.

A thread with httpx's synchronous client costs half the CPU of its asynchronous one and never delays a key press
(SPEED.md 4.2).
"""

from __future__ import annotations

import contextlib
import socket
from time import monotonic
from typing import TYPE_CHECKING, Any

from stepchat import exact_json
from stepchat.errors import ServerError, StepchatError, StreamCutError, UnreachableError
from stepchat.events import Delta
from stepchat.servers.chunks import ChunkReader, read_body
from stepchat.servers.failures import from_status
from stepchat.servers.sse import SseParser, SseTooLarge

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from stepchat.events import Notice

_CUT_HINT = "What arrived is kept; ask again for a whole answer."


class _CancelledError(Exception):
    """Raised inside httpx, from its trace hook, to end a request that nobody wants any more."""


class Reading:
    """A request on its way. `deliver` is called in the thread with deltas and at last with None or the error."""

    def __init__(
        self,
        http: httpx.Client,
        url: str,
        content: bytes,
        headers: dict[str, str],
        deliver: Callable[[Delta | StepchatError | Notice | None], None],
        *,
        starts_in_thinking: bool = False,
    ) -> None:
        self._http = http
        self._url = url
        self._content = content
        self._headers = headers
        self._deliver = deliver
        self._reader = ChunkReader(starts_in_thinking=starts_in_thinking)
        self._stream: Any = None
        self._cancelled = False
        self.alive_at = monotonic()
        """When the last byte came, a keep-alive comment or a header included."""

    def cancel(self) -> None:
        """Close the connection, from any thread: for many providers this ends the generation and its cost."""
        self._cancelled = True
        stream = self._stream
        sock = stream.get_extra_info("socket") if stream is not None else None
        if isinstance(sock, socket.socket):
            # shutdown wakes the thread out of recv; close alone does not. TLS is bypassed: nothing is left to say.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def run(self) -> None:
        """The thread. Never raises."""
        import httpx

        outcome: StepchatError | None
        try:
            outcome = self._request(httpx)
        except _CancelledError:
            outcome = None
        except StepchatError as error:
            outcome = error
        except Exception as error:  # noqa: BLE001 - whatever it is, the turn must hear of it and keep what came
            outcome = ServerError(f"Reading the answer failed: {error!r}.", "Ask again.")
        self._deliver(None if self._cancelled else outcome)

    def _trace(self, _name: str, info: dict[str, Any]) -> None:
        made = info.get("return_value")
        if hasattr(made, "get_extra_info"):
            self._stream = made
        if self._cancelled:
            raise _CancelledError

    def _request(self, httpx: Any) -> StepchatError | None:
        parts = {"content": self._content, "headers": self._headers, "extensions": {"trace": self._trace}}
        try:
            with self._http.stream("POST", self._url, **parts) as response:
                self._stream = response.extensions.get("network_stream", self._stream)
                return self._response(response)
        except httpx.TimeoutException as error:
            raise UnreachableError(
                f"No connection to {self._url} in time.", "Check the address and the network.", retryable=True
            ) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise UnreachableError(
                f"{self._url!r} is not a server's address: {error}.", "Give one like https://host/v1 with --base-url."
            ) from error
        except httpx.ConnectError as error:
            raise UnreachableError(
                f"Cannot reach {self._url}: {error}.", "Check the address, the network and whether the server runs."
            ) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise StreamCutError(f"The connection broke: {_words(error)}.", _CUT_HINT, retryable=True) from error

    def _response(self, response: httpx.Response) -> StepchatError | None:
        self.alive_at = monotonic()
        if identity := response.headers.get("x-generation-id"):
            self._deliver(Delta(generation_id=identity))
        if not response.is_success:
            text = response.read().decode("utf-8", "replace")
            if response.is_redirect:
                return ServerError(
                    f"{self._url} moved to {response.headers.get('location', 'elsewhere')}.", "Use that as --base-url."
                )
            return from_status(response.status_code, text, response.headers.get("retry-after"))
        if "json" in response.headers.get("content-type", "") and "stream" not in response.headers["content-type"]:
            return self._whole(response)
        return self._events(response)

    def _whole(self, response: httpx.Response) -> StepchatError | None:
        try:
            body = exact_json.loads(response.read().decode("utf-8", "replace"))
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return ServerError("The server answered with something that is not JSON.", "Check the base URL.")
        self._give(read_body(body, self._reader))  # pyright: ignore[reportUnknownArgumentType] - JSON
        self._give(self._reader.close())
        return self._outcome()

    def _events(self, response: httpx.Response) -> StepchatError | None:
        parser = SseParser()
        try:
            for data in response.iter_raw() if _is_plain(response) else response.iter_bytes():
                self.alive_at = monotonic()
                if events := parser.feed(data):
                    self._give(self._reader.read(events))
                if self._reader.failure or self._reader.done or self._cancelled:
                    break
            else:
                self._give(self._reader.read(parser.close(clean=True)))
        except SseTooLarge as error:
            self._reader.failure = ServerError(f"The server sent an event that is too large: {error}.", _CUT_HINT)
        except Exception:
            # Whatever was held back belongs to the reader, also when the line dies.
            self._give(self._reader.close())
            if self._reader.finish_reason is not None and not self._reader.failure:
                return None
            raise
        self._give(self._reader.close())
        return self._outcome()

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
            self._deliver(delta)


def _is_plain(response: httpx.Response) -> bool:
    return response.headers.get("content-encoding", "identity") in {"", "identity"}


def _words(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__

"""A server that streams numbered words at a set speed and notes when each left: what the window's lag is measured from."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any, Self


class WordServer:
    """Streams `tokens` words of reasoning and answer at `speed` a second; every hundredth carries a mark."""

    def __init__(self, tokens: int, speed: float) -> None:
        self.sent: dict[str, float] = {}
        """When the chunk with this mark was written, by time.perf_counter."""
        self.done = threading.Event()
        self._tokens = tokens
        self._speed = speed
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/api/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = b""
        while b'"stream":true' not in received:
            received += (more := connection.recv(65536))
            if not more or received.startswith(b"GET "):
                # The window asks for the models, too; there are none.
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        begun = time.perf_counter()
        for number in range(self._tokens):
            due = begun + number / self._speed
            if (wait := due - time.perf_counter()) > 0.0005:
                time.sleep(wait)
            mark = mark_of(number) if number % 100 == 50 else None
            text = f" {mark}\n\n" if mark else " word"
            connection.sendall(self._chunk({"content": text}))
            if mark:
                self.sent[mark] = time.perf_counter()
        connection.sendall(self._chunk({"content": " THEEND"}, "stop"))
        self.sent["THEEND"] = time.perf_counter()
        connection.sendall(b"data: [DONE]\n\n")
        self.done.set()

    @staticmethod
    def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
        chunk: dict[str, Any] = {
            "id": "gen-1",
            "model": "bench/x",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }
        if finish is not None:
            # Without it the window would ask for the cost, now and again for a while.
            chunk["usage"] = {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0}
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def mark_of(number: int) -> str:
    """A word that occurs nowhere else, in letters, so that nothing breaks it."""
    return "MARK" + "".join("ABCDEFGHIJ"[int(digit)] for digit in str(number))

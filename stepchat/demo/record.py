"""The demo server's memory: requests, generations, and fingerprints of the reasoning it has sent."""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stepchat.demo.answer import Answer
    from stepchat.messages import Json

T = TypeVar("T")

KEPT = 1000
"""How many of each are remembered."""

_SECRET = {"authorization": "Bearer ***", "proxy-authorization": "***", "cookie": "***", "x-api-key": "***"}


@dataclass(slots=True)
class RecordedRequest:
    """One request as it was received, and its outcome. `time` is Unix time."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    time: float
    status: int | None = None
    generation_id: str | None = None
    disconnected: bool = False
    """The client left before the answer was complete."""
    finished: bool = False
    """The script was played to its end."""

    def to_json(self) -> Json:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class RecordedGeneration:
    """An answer for GET /generation. `over` is monotonic time, None while it runs."""

    id: str
    answer: Answer
    request: RecordedRequest
    streamed: bool
    session: str | None
    over: float | None = None
    cancelled: bool = False
    asked: int = 0


@dataclass(slots=True)
class _Held:
    requests: deque[RecordedRequest] = field(default_factory=lambda: deque[RecordedRequest](maxlen=KEPT))
    generations: dict[str, RecordedGeneration] = field(default_factory=dict[str, RecordedGeneration])
    failures: dict[str, int] = field(default_factory=dict[str, int])
    sent: dict[str, None] = field(default_factory=dict[str, None])
    prompts: dict[str, int] = field(default_factory=dict[str, int])
    codes: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])


def _put(kept: dict[str, T], key: str, value: T) -> None:
    """Add an entry; the oldest is dropped if there are too many."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > KEPT:
        del kept[next(iter(kept))]


class Record:
    """Shared by the connection threads. Every change wakes the threads that wait for one."""

    def __init__(self) -> None:
        self._held = _Held()
        self._changed = threading.Condition()

    @property
    def requests(self) -> list[RecordedRequest]:
        """Oldest first."""
        with self._changed:
            return list(self._held.requests)

    def clear(self) -> None:
        """Forget the requests, but not what later answers refer to."""
        with self._changed:
            self._held.requests.clear()

    def received(self, method: str, path: str, headers: Iterable[tuple[str, str]], body: Any) -> RecordedRequest:
        """Record a request, without the secrets in its headers."""
        kept = {name.lower(): _SECRET.get(name.lower(), value) for name, value in headers}
        request = RecordedRequest(method, path, kept, body, time.time())
        with self._changed:
            self._held.requests.append(request)
            self._changed.notify_all()
        return request

    def note(self, request: RecordedRequest, **changes: Any) -> None:
        """Set fields of a request."""
        with self._changed:
            for name, value in changes.items():
                setattr(request, name, value)
            self._changed.notify_all()

    def wait_until(self, condition: Callable[[list[RecordedRequest]], bool], seconds: float) -> bool:
        """Block until the condition holds for the requests. Returns False if it did not within `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(list(self._held.requests)), seconds)

    def generation_started(self, generation: RecordedGeneration) -> None:
        with self._changed:
            _put(self._held.generations, generation.id, generation)

    def generation_ended(self, generation: RecordedGeneration, *, cancelled: bool, fingerprint: str | None) -> None:
        """The answer has ended. `fingerprint` is that of its reasoning_details if all of it was sent."""
        with self._changed:
            generation.over = time.monotonic()
            generation.cancelled = cancelled
            if fingerprint is not None:
                _put(self._held.sent, fingerprint, None)
            if generation.session:
                _put(self._held.prompts, generation.session, generation.answer.prompt_tokens)
            self._changed.notify_all()

    def find_generation(self, generation_id: str, delay: float) -> RecordedGeneration | None:
        """A generation that has ended. The first look-up within `delay` seconds of its end finds nothing."""
        with self._changed:
            found = self._held.generations.get(generation_id)
            if found is None or found.over is None:
                return None
            found.asked += 1
            return None if found.asked == 1 and time.monotonic() - found.over < delay else found

    def spent(self) -> float:
        """USD of all generations."""
        with self._changed:
            return float(sum(sum(g.answer.costs()) for g in self._held.generations.values()))

    def was_sent(self, fingerprint: str) -> bool:
        return fingerprint in self._held.sent

    def cached_prompt(self, session: str | None) -> int:
        """Tokens of the previous prompt in this session, which the provider has cached."""
        return self._held.prompts.get(session, 0) if session else 0

    def failures(self, key: str) -> int:
        return self._held.failures.get(key, 0)

    def count_failure(self, key: str, *, failed: bool) -> None:
        """Count a failure of the same request; a success resets the count."""
        with self._changed:
            if failed:
                _put(self._held.failures, key, self._held.failures.get(key, 0) + 1)
            else:
                self._held.failures.pop(key, None)

    def issue_code(self, challenge: str, method: str) -> str:
        """A code that `redeem_code` accepts once."""
        code = secrets.token_urlsafe(24)
        with self._changed:
            _put(self._held.codes, code, (challenge, method))
        return code

    def redeem_code(self, code: str) -> tuple[str, str] | None:
        """The challenge and its method; None for an unknown or used code."""
        with self._changed:
            return self._held.codes.pop(code, None)

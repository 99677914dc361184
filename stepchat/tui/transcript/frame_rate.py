"""Decides how often the transcript is painted, so that the cost depends on frames, not on the amount of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from queue import Queue

    from stepchat.transcript.answer import Answer
    from stepchat.transcript.document import Document

FRAME: Final = 1 / 60
SLOW_FRAME: Final = 1 / 30
"""Seconds between frames for streams below about a hundred tokens per second."""
SPIN: Final = 0.1
SECOND: Final = 0.25
"""Seconds between frames for a clock in whole seconds."""
_SLOW: Final = 400.0
"""Characters a second."""


class FrameScheduler:
    """Decides when the next frame is due. All times are seconds of one clock."""

    def __init__(self) -> None:
        self._unseen = 0
        """Characters that arrived since the last frame."""
        self._speed = 0.0
        """Characters a second."""
        self._last_frame = 0.0

    def arrived(self, characters: int) -> None:
        self._unseen += characters

    def painted(self, now: float) -> None:
        elapsed = now - self._last_frame
        if elapsed > 0:
            self._speed += (self._unseen / elapsed - self._speed) * min(1.0, elapsed)
        self._unseen = 0
        self._last_frame = now

    def is_due_at_once(self, live: Answer, now: float) -> bool:
        """Whether a frame may be painted without waiting for the timer, as for most of what arrives (servers/connection.py)."""
        return _is_visible(live) and self.is_due(now, self._frame_time())

    def is_due(self, now: float, interval: float) -> bool:
        """Whether the timer should paint a frame; not if one was just painted."""
        return now - self._last_frame >= 0.8 * interval

    def has_work(self, document: Document) -> bool:
        """Whether a frame would show anything new."""
        live = document.live
        return (
            self._unseen > 0
            or document.layout.has_work
            or (live is not None and (live.is_waiting or live.is_reasoning))
        )

    def interval(self, document: Document) -> float:
        """Seconds between frames; 0 if nothing on screen changes by itself."""
        live = document.live
        if document.layout.has_work:
            return FRAME
        if live is None:
            return 0.0
        if live.is_waiting:
            return SPIN
        if self._unseen and _is_visible(live):
            return self._frame_time()
        return SECOND if live.is_reasoning else 0.0

    def _frame_time(self) -> float:
        return SLOW_FRAME if self._speed < _SLOW else FRAME


def _is_visible(live: Answer) -> bool:
    """Whether arriving text is visible; folded reasoning is not."""
    return not (live.is_reasoning and live.panel == "folded")


def writes_waiting(widget: object) -> int:
    """How many writes to the terminal are queued; 0 if unknown. More would only block the program.

    Textual has no public way to ask.
    """
    driver: Any = getattr(getattr(widget, "app", None), "_driver", None)
    writer: Any = getattr(driver, "_writer_thread", None)
    queue: Queue[str] | None = getattr(writer, "_queue", None)
    return queue.qsize() if queue is not None else 0

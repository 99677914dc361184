"""How often the transcript paints: what costs is the number of frames, not the text. A frame is a millisecond or less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from queue import Queue

    from stepchat.transcript.answer import Answer
    from stepchat.transcript.document import Document

FRAME: Final = 1 / 60
SLOW_FRAME: Final = 1 / 30
"""For streams of less than about a hundred tokens a second."""
SPIN: Final = 0.1
SECOND: Final = 0.25
"""How often a clock that shows whole seconds is looked at."""
PAUSE: Final = 0.5
"""So long after the last token the frames go on."""
_SLOW: Final = 400.0
"""Letters a second."""


class FrameScheduler:
    """Counts what comes and when it was painted. All times are those of one clock, in seconds."""

    def __init__(self) -> None:
        self._unseen = 0
        """Letters that came since the last frame."""
        self._speed = 0.0
        """Letters a second."""
        self._last_frame = 0.0
        self._last_arrival = 0.0

    def arrived(self, letters: int, now: float) -> None:
        self._unseen += letters
        self._last_arrival = now

    def painted(self, now: float) -> None:
        elapsed = now - self._last_frame
        if elapsed > 0:
            self._speed += (self._unseen / elapsed - self._speed) * min(1.0, elapsed)
        self._unseen = 0
        self._last_frame = now

    def is_due_at_once(self, live: Answer, now: float) -> bool:
        """Whether what just came need not wait for the timer."""
        return _grows_in_sight(live) and now - self._last_frame >= self._frame_time()

    def is_due(self, now: float, interval: float) -> bool:
        """Whether the timer's frame is wanted; not when one was painted just before because something came."""
        return now - self._last_frame >= 0.8 * interval

    def has_work(self, document: Document) -> bool:
        """Whether there is anything for a frame to show."""
        live = document.live
        return (
            self._unseen > 0
            or document.layout.has_work
            or (live is not None and (live.is_waiting or live.is_reasoning))
        )

    def interval(self, document: Document, now: float) -> float:
        """Seconds between frames; 0 when nothing on screen changes by itself."""
        live = document.live
        if document.layout.has_work:
            return FRAME
        if live is None:
            return 0.0
        if live.is_waiting:
            return SPIN
        if (self._unseen or now - self._last_arrival < PAUSE) and _grows_in_sight(live):
            return self._frame_time()
        return SECOND if live.is_reasoning else 0.0

    def _frame_time(self) -> float:
        return SLOW_FRAME if self._speed < _SLOW else FRAME


def _grows_in_sight(live: Answer) -> bool:
    """Whether what comes now is painted as it comes; folded reasoning is not."""
    return not (live.is_reasoning and live.panel == "folded")


def writes_waiting(widget: object) -> int:
    """How many writes to the terminal are not done yet; 0 if that cannot be told. More of them would only block the
    program (SPEED.md, trap 8), and Textual has no public way to ask."""
    driver: Any = getattr(getattr(widget, "app", None), "_driver", None)
    writer: Any = getattr(driver, "_writer_thread", None)
    queue: Queue[str] | None = getattr(writer, "_queue", None)
    return queue.qsize() if queue is not None else 0

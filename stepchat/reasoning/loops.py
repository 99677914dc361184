"""Detects reasoning that repeats itself, in constant time per token and constant memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_CHECK_EVERY: Final = 64
"""Characters between two checks."""
_PROBE: Final = 48
_TAIL: Final = 8192
"""Characters to keep, and so the longest period that can be detected."""
_MIN_ROUNDS: Final = 3
_MIN_REPETITION: Final = 1200
"""Characters of repetition to require, even of a short passage."""
_MIN_LINE: Final = 40
"""Characters. Shorter lines do not count."""
_MAX_OCCURRENCES: Final = 8
_REMEMBERED_LINES: Final = 200


class RepetitionDetector:
    """Reports once that a text repeats itself: a passage over and over, or one long line many times."""

    def __init__(self) -> None:
        self._tail = ""
        self._new = 0
        self._period = 0
        self._run = 0
        self._line: list[str] = []
        self._line_size = 0
        self._lines: OrderedDict[int, int] = OrderedDict()
        self._reported = False

    def add(self, text: str) -> bool:
        """Add text. Returns True once, when the repetition is certain."""
        if self._reported or not text:
            return False
        self._reported = self._repeats_passage(text) or self._repeats_line(text)
        return self._reported

    def _repeats_passage(self, text: str) -> bool:
        self._tail = (self._tail + text)[-_TAIL:]
        self._new += len(text)
        if self._new < _CHECK_EVERY:
            return False
        probe = self._tail[-_PROBE:]
        found = self._tail.rfind(probe, 0, len(self._tail) - 1)
        period = len(self._tail) - _PROBE - found if found >= 0 else 0
        # The run continues if the period is the same as at the last check.
        self._run = self._run + self._new if period and period == self._period else 0
        self._period = period
        self._new = 0
        return bool(period) and self._run >= max(_MIN_ROUNDS * period, _MIN_REPETITION)

    def _repeats_line(self, text: str) -> bool:
        *ended, rest = text.split("\n")
        for part in ended:
            self._line.append(part)
            if self._count("".join(self._line).strip()):
                return True
            self._line, self._line_size = [], 0
        if rest and self._line_size < _TAIL:
            self._line.append(rest)
            self._line_size += len(rest)
        return False

    def _count(self, line: str) -> bool:
        if len(line) < _MIN_LINE:
            return False
        key = hash(line)
        times = self._lines.pop(key, 0) + 1
        self._lines[key] = times
        if len(self._lines) > _REMEMBERED_LINES:
            self._lines.popitem(last=False)
        return times >= _MAX_OCCURRENCES

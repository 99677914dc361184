"""Notices reasoning that goes round in circles. Adding costs the same however long it is, and little is held."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_STEP: Final = 64
"""Characters between two looks."""
_PROBE: Final = 48
_TAIL: Final = 8192
"""Characters that are held; no longer period is seen."""
_ROUNDS: Final = 3
_LEAST: Final = 1200
"""Characters that must be repetition, however short what is repeated."""
_LINE: Final = 40
"""Characters of a line that is worth counting."""
_TIMES: Final = 8
_LINES: Final = 200


class RepetitionDetector:
    """Says once that text repeats itself: the same passage over and over, or one long line again and again."""

    def __init__(self) -> None:
        self._tail = ""
        self._new = 0
        self._period = 0
        self._run = 0
        self._line: list[str] = []
        self._line_size = 0
        self._lines: OrderedDict[int, int] = OrderedDict()
        self._told = False

    def add(self, text: str) -> bool:
        """Take what came. True when it has become clear, once."""
        if self._told or not text:
            return False
        self._told = self._goes_round(text) or self._says_again(text)
        return self._told

    def _goes_round(self, text: str) -> bool:
        self._tail = (self._tail + text)[-_TAIL:]
        self._new += len(text)
        if self._new < _STEP:
            return False
        probe = self._tail[-_PROBE:]
        found = self._tail.rfind(probe, 0, len(self._tail) - 1)
        period = len(self._tail) - _PROBE - found if found >= 0 else 0
        # The same distance as at the last look, or one that began since then.
        self._run = self._run + self._new if period and period == self._period else 0
        self._period = period
        self._new = 0
        return bool(period) and self._run >= max(_ROUNDS * period, _LEAST)

    def _says_again(self, text: str) -> bool:
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
        if len(line) < _LINE:
            return False
        key = hash(line)
        times = self._lines.pop(key, 0) + 1
        self._lines[key] = times
        if len(self._lines) > _LINES:
            self._lines.popitem(last=False)
        return times >= _TIMES

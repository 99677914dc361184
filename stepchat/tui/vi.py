"""Editing as in vi: the modes, and what the keys of normal mode do to a text. Pure: text and cursor in, text and cursor out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from stepchat.text.widths import grapheme_left

if TYPE_CHECKING:
    from collections.abc import Callable

_SMALL: Final = re.compile(r"\w+|[^\w\s]+")
_BIG: Final = re.compile(r"\S+")
_COMMAND: Final = re.compile(
    r"(?P<count>[1-9]\d*)?"
    r"(?:(?P<operator>[dcy])(?P<inner>[1-9]\d*)?(?P<motion>[hlwbeWBE0^$;,%Gjk]|gg|[fFtT].|[ia][wW\"'`()b\[\]{}B<>]|[dcy])"
    r"|(?P<simple>[hlwbeWBE0^$;,%Gjk]|gg|[fFtT].|[xXDCYsSpPuiaIAoOJ~.]|r.))",
    re.DOTALL,
)
_BEGUN: Final = re.compile(r"(?:[1-9]\d*)?(?:[dcy](?:[1-9]\d*)?[gfFtTia]?|[gfFtTr])?")
"""A command of which the rest is still to come."""
_SHORT: Final = {"x": "dl", "X": "dh", "D": "d$", "C": "c$", "Y": "yy", "s": "cl", "S": "cc"}
_CHANGES: Final = frozenset("xXDCsSpPiaIAoOJ~r")
_PAIRS: Final = {"(": ")", "[": "]", "{": "}", "<": ">"}
_OBJECTS: Final = {"b": "(", "B": "{"} | {close: opening for opening, close in _PAIRS.items()}
"""Other names of brackets in `ib`, `i}` and the like."""


@dataclass(frozen=True, slots=True)
class Edited:
    """Text and cursor after a key, what was killed or copied, and what else is to be done."""

    text: str
    cursor: int
    register: str | None = None
    action: Literal["", "undo", "up", "down"] = ""
    count: int = 1


class Vi:
    """The mode of one prompt. It begins in insert mode."""

    def __init__(self) -> None:
        self.is_inserting = True
        self._pending = ""
        self._find = ""
        """The last f, F, t or T with its character."""
        self._last = ""
        """The keys of the last change, for `.`."""
        self._inserted = ""
        """What was typed after them in insert mode."""
        self._started: int | None = None
        """Where insert mode began, if a command began it."""

    @property
    def is_pending(self) -> bool:
        return bool(self._pending)

    def cancel(self) -> None:
        """Esc in normal mode: forget the command that has begun."""
        self._pending = ""

    def leave_insert(self, text: str, cursor: int) -> int:
        """Esc in insert mode: returns where the cursor is in normal mode."""
        self.is_inserting = False
        if self._started is not None:
            self._inserted = text[self._started : cursor]
            self._started = None
        return max(_line_start(text, cursor), grapheme_left(text, cursor)) if cursor else 0

    def begin_insert(self) -> None:
        """Type from here on, for instance in an emptied prompt."""
        self.is_inserting, self._pending, self._started = True, "", None

    def press(self, character: str, text: str, cursor: int, register: str) -> Edited:
        """Take a character in normal mode; `register` is what `p` inserts."""
        self._pending += character
        found = _COMMAND.fullmatch(self._pending)
        if found is None:
            if not _BEGUN.fullmatch(self._pending):
                self._pending = ""
            return Edited(text, cursor)
        keys, self._pending = self._pending, ""
        edited = self._run(found, keys, Edited(text, cursor), register)
        if not self.is_inserting and not edited.action:
            edited = replace(edited, cursor=_on_character(edited.text, edited.cursor))
        return edited

    def _run(self, found: re.Match[str], keys: str, now: Edited, register: str) -> Edited:
        count = int(found["count"] or 1)
        simple = found["simple"]
        if simple == ".":
            return self._again(now, register)
        operator, motion = found["operator"], found["motion"]
        if (operator and operator != "y") or (simple and simple[0] in _CHANGES):
            self._last = keys
        if simple and simple[0] in _SHORT and len(simple) == 1:
            operator, motion, simple = _SHORT[simple][0], _SHORT[simple][1], None
        if operator and motion:
            return self._operate(
                operator, motion, count * int(found["inner"] or 1), now, has_count=bool(found["count"])
            )
        return self._simple(simple or "", count, now, register, has_count=bool(found["count"]))

    def _again(self, now: Edited, register: str) -> Edited:
        """Repeat the last change, with what was typed after it."""
        last, inserted = self._last, self._inserted
        if (found := _COMMAND.fullmatch(last)) is None:
            return now
        edited = self._run(found, last, now, register)
        if self.is_inserting:
            text = edited.text[: edited.cursor] + inserted + edited.text[edited.cursor :]
            cursor = edited.cursor + len(inserted)
            edited = replace(edited, text=text, cursor=self.leave_insert(text, cursor))
            self._inserted = inserted
        return edited

    def _insert_at(self, text: str, cursor: int, register: str | None = None) -> Edited:
        self.is_inserting, self._started = True, cursor
        return Edited(text, cursor, register)

    # ---- commands without an operator

    def _simple(self, key: str, count: int, now: Edited, register: str, *, has_count: bool) -> Edited:
        text, at = now.text, now.cursor
        match key[0]:
            case "u":
                return replace(now, action="undo", count=count)
            case "j" | "k":
                return replace(now, action="down" if key == "j" else "up", count=count)
            case "i":
                return self._insert_at(text, at)
            case "a":
                return self._insert_at(text, _right(text, at) if at < _line_end(text, at) else at)
            case "I":
                return self._insert_at(text, _first_nonblank(text, at))
            case "A":
                return self._insert_at(text, _line_end(text, at))
            case "o":
                end = _line_end(text, at)
                return self._insert_at(f"{text[:end]}\n{text[end:]}", end + 1)
            case "O":
                start = _line_start(text, at)
                return self._insert_at(f"{text[:start]}\n{text[start:]}", start)
            case "p" | "P":
                return _put(text, at, register * count, after=key == "p")
            case "J":
                return _join(text, at, max(1, count - 1))
            case "~":
                end = min(at + count, _line_end(text, at))
                return replace(now, text=text[:at] + text[at:end].swapcase() + text[end:], cursor=end)
            case "r":
                end = at + count
                if end > _line_end(text, at):
                    return now
                return replace(now, text=text[:at] + key[1] * count + text[end:], cursor=end - 1)
            case _:
                target = self._target(key, text, at, count, has_count=has_count)
                return now if target is None else replace(now, cursor=target[0])

    # ---- operators

    def _operate(self, operator: str, motion: str, count: int, now: Edited, *, has_count: bool) -> Edited:
        text, at = now.text, now.cursor
        if motion in {operator, "j", "k", "G", "gg"}:
            return self._operate_on_lines(operator, motion, count, now, has_count=has_count)
        if motion[0] in "ia":
            span = _object(text, at, motion[1], around=motion[0] == "a")
            if span is None:
                return now
        elif motion in "dcy":
            return now
        else:
            # As in vi, cw does not take the space behind the word.
            motion = (
                {"w": "e", "W": "E"}.get(motion, motion) if operator == "c" and text[at : at + 1].strip() else motion
            )
            target = self._target(motion, text, at, count, has_count=has_count, in_operator=True)
            if target is None:
                return now
            end = target[0] + target[1]
            if motion in "wW":
                end = min(end, _line_end(text, at)) if "\n" in text[at:end] and at < _line_end(text, at) else end
            # % takes both brackets in both directions.
            span = (min(at, end), max(at, end)) if motion != "%" or end > at else (end - 1, at + 1)
        killed = text[slice(*span)]
        if operator == "y":
            return Edited(text, span[0], killed)
        rest = text[: span[0]] + text[span[1] :]
        return self._insert_at(rest, span[0], killed) if operator == "c" else Edited(rest, span[0], killed)

    def _operate_on_lines(self, operator: str, motion: str, count: int, now: Edited, *, has_count: bool) -> Edited:
        text, at = now.text, now.cursor
        lines = text.split("\n")
        here = text.count("\n", 0, at)
        match motion:
            case "j":
                first, last = here, here + count
            case "k":
                first, last = here - count, here
            case "G" | "gg":
                other = count - 1 if has_count else len(lines) - 1 if motion == "G" else 0
                first, last = min(here, other), max(here, other)
            case _:
                first, last = here, here + count - 1
        if first < 0 or (last >= len(lines) and motion == "j"):
            return now
        last = min(last, len(lines) - 1)
        killed = "\n".join(lines[first : last + 1]) + "\n"
        if operator == "y":
            return Edited(text, at, killed)
        kept = [*lines[:first], *([""] if operator == "c" else []), *lines[last + 1 :]]
        rest = "\n".join(kept)
        start = sum(len(line) + 1 for line in kept[: min(first, max(0, len(kept) - 1))])
        if operator == "c":
            return self._insert_at(rest, start, killed)
        return Edited(rest, _first_nonblank(rest, start), killed)

    # ---- motions

    def _target(
        self, key: str, text: str, at: int, count: int, *, has_count: bool, in_operator: bool = False
    ) -> tuple[int, bool] | None:
        """Where a motion goes, and whether an operator takes the character there, too; None if it cannot."""
        start, end = _line_start(text, at), _line_end(text, at)
        match key[0]:
            case "h":
                return _times(lambda at: max(start, grapheme_left(text, at)), at, count), False
            case "l":
                return min(end, _times(lambda at: _right(text, at), at, count)), False
            case "0":
                return start, False
            case "^":
                return _first_nonblank(text, at), False
            case "$":
                return end, False
            case "G" | "g":
                lines = text.split("\n")
                line = min(count - 1 if has_count else len(lines) - 1 if key == "G" else 0, len(lines) - 1)
                return _first_nonblank(text, sum(len(each) + 1 for each in lines[:line])), False
            case "w" | "W" | "b" | "B" | "e" | "E":
                return _word_motion(key, text, at, count)
            case "f" | "F" | "t" | "T":
                self._find = key
                return _find_character(key, text, at, count, in_operator=in_operator)
            case ";" | ",":
                find = self._find if key == ";" else self._find[:1].swapcase() + self._find[1:]
                return _find_character(find, text, at, count, in_operator=in_operator, again=True) if find else None
            case "%":
                other = _other_bracket(text, at, end)
                return None if other is None else (other, in_operator)
            case _:
                return None


def _word_motion(key: str, text: str, at: int, count: int) -> tuple[int, bool]:
    words = list((_BIG if key.isupper() else _SMALL).finditer(text))
    for _ in range(count):
        match key.lower():
            case "w":
                at = next((word.start() for word in words if word.start() > at), len(text))
            case "b":
                at = next((word.start() for word in reversed(words) if word.start() < at), 0)
            case _:
                at = next((word.end() - 1 for word in words if word.end() - 1 > at), max(0, len(text) - 1))
    return at, key in "eE" and bool(text)


def _find_character(
    key: str, text: str, at: int, count: int, *, in_operator: bool, again: bool = False
) -> tuple[int, bool] | None:
    start, end = _line_start(text, at), _line_end(text, at)
    direction, wanted = key[0], key[1:]
    # Repeating t does not stay before the character that it found.
    place = at + (again and direction == "t") - (again and direction == "T")
    for _ in range(count):
        place = text.find(wanted, place + 1, end) if direction in "ft" else text.rfind(wanted, start, max(start, place))
        if place < 0:
            return None
    place += {"t": -1, "T": 1}.get(direction, 0)
    return place, in_operator and direction in "ft"


def _object(text: str, at: int, kind: str, *, around: bool) -> tuple[int, int] | None:
    """The span of a text object, such as `iw` and `a"`; None if there is none at the cursor."""
    kind = _OBJECTS.get(kind, kind)
    if kind in "wW":
        return _word_around(text, at, r"\S+|\s+" if kind == "W" else r"\w+|[^\w\s]+|\s+", with_space=around)
    if kind in _PAIRS:
        start = at if text[at : at + 1] == kind else _unmatched(text, at, -1, _PAIRS[kind], kind)
        end = None if start is None else _unmatched(text, start, 1, kind, _PAIRS[kind])
    else:
        start, end = _quotes(text, at, kind)
    if start is None or end is None:
        return None
    return (start, end + 1) if around else (start + 1, end)


def _quotes(text: str, at: int, quote: str) -> tuple[int | None, int | None]:
    """The quotes of the line around the cursor, or the next ones behind it."""
    places = [place for place in range(_line_start(text, at), _line_end(text, at)) if text[place] == quote]
    pairs = zip(places[::2], places[1::2], strict=False)
    return next(((start, end) for start, end in pairs if end >= at), (None, None))


def _unmatched(text: str, at: int, step: int, same: str, wanted: str) -> int | None:
    """The first bracket `wanted` from here in this direction that closes no bracket `same` on the way."""
    depth = 0
    place = at + step
    while 0 <= place < len(text):
        if text[place] == wanted and not depth:
            return place
        depth += (text[place] == same) - (text[place] == wanted)
        place += step
    return None


def _other_bracket(text: str, at: int, end: int) -> int | None:
    """The partner of the first bracket from the cursor to the end of the line."""
    place = next((place for place in range(at, end) if text[place] in "()[]{}"), None)
    if place is None:
        return None
    bracket = text[place]
    if bracket in _PAIRS:
        return _unmatched(text, place, 1, bracket, _PAIRS[bracket])
    return _unmatched(text, place, -1, bracket, _OBJECTS[bracket])


def _join(text: str, at: int, count: int) -> Edited:
    """Join the line with the next ones, with one space between them."""
    for _ in range(count):
        end = _line_end(text, at)
        if end == len(text):
            break
        after = text[end + 1 :].lstrip(" \t")
        before = text[:end].rstrip(" \t") if text[:end].strip(" \t") else text[:end]
        has_space = before.endswith("\n") or not before or after[:1] in {"", "\n", ")"}
        text, at = f"{before}{'' if has_space else ' '}{after}", len(before)
    return Edited(text, at)


def _word_around(text: str, at: int, words: str, *, with_space: bool) -> tuple[int, int]:
    for word in re.finditer(words, text):
        if word.start() <= at < word.end():
            space = re.compile(r"[ \t]*").match(text, word.end()) if with_space else None
            return word.start(), space.end() if space else word.end()
    return at, at


def _put(text: str, at: int, register: str, *, after: bool) -> Edited:
    if not register:
        return Edited(text, at)
    if register.endswith("\n"):
        start = _line_end(text, at) + 1 if after else _line_start(text, at)
        if start > len(text):
            return Edited(f"{text}\n{register[:-1]}", start)
        return Edited(text[:start] + register + text[start:], start)
    start = _right(text, at) if after and at < _line_end(text, at) else at
    return Edited(text[:start] + register + text[start:], start + len(register) - 1)


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found


def _first_nonblank(text: str, at: int) -> int:
    start, end = _line_start(text, at), _line_end(text, at)
    return start + len(text[start:end]) - len(text[start:end].lstrip())


def _right(text: str, at: int) -> int:
    """Behind the grapheme cluster at the cursor."""
    end = at + 1
    while end < len(text) and grapheme_left(text, end + 1) == at:
        end += 1
    return min(end, len(text))


def _times(step: Callable[[int], int], at: int, count: int) -> int:
    for _ in range(min(count, 10_000)):
        at = step(at)
    return at


def _on_character(text: str, at: int) -> int:
    """In normal mode the cursor stands on a character, not behind the last one of a line."""
    start, end = _line_start(text, at), _line_end(text, at)
    return max(start, grapheme_left(text, end)) if at >= end > start else at


def shared_ends(before: str, after: str) -> tuple[int, int]:
    """How many characters both texts begin with, and how many of the others both end with."""
    shorter = min(len(before), len(after))
    start = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    rest = shorter - start
    return start, next((at for at in range(rest) if before[-1 - at] != after[-1 - at]), rest)

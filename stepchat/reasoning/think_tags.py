"""Reasoning that comes inside the text, between `<think>` tags, because the server has no reasoning parser (WIRE.md 4.3).

`<think>` counts only at the start of the text; the first `</think>` closes it; every later tag is text.

Some models' prompts already end with the opening tag, so that only a lone `</think>` comes. An ordinary answer may speak
of that tag too, and must not be taken for reasoning. So a lone tag closes only where an answer would hardly put it:

- outside fenced code and inline code, and with no `<think>` outside code before it; and
- directly before a line break or the end of the text, with nothing but three spaces at most before it on its line, or
  glued to what comes before it, if that does not announce it (a colon, an equals sign, an opening bracket or quote);
- or glued on both sides, to the end of a sentence or line and to the first character of what would be the answer.

Any other lone tag is text, and the search goes on behind it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

_OPEN = "<think>"
_CLOSE = "</think>"
_TAG = re.compile("</?think>")
_FENCE = re.compile(r"(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(`{3,}|~{3,})(.*)", re.DOTALL)
_BACKTICKS = re.compile("`+|[^`]+")
_LINE_BREAKS = "\r\n"
_SENTENCE_ENDS = ".!?…。！？\n"
_ANNOUNCES = ":：=→(（[【{<|“‘„«「『"
_GOES_ON = "\"'`”’»」』)]}>|,;:."
_HEAD = 120
"""Characters of a line that are kept to see whether it opens or closes a fence."""


@dataclass(frozen=True, slots=True)
class Split:
    """What one piece of text turned out to be. The reasoning comes before the text.

    `text_was_reasoning`: a lone closing tag came. All text given out before was reasoning, and stands before `reasoning`.
    """

    reasoning: str = ""
    text: str = ""
    text_was_reasoning: bool = False


class _State(Enum):
    START = auto()
    """Nothing but white space came, or the beginning of a tag."""
    REASONING = auto()
    AFTER_TAG = auto()
    """White space after the closing tag is dropped."""
    ANSWER = auto()
    """Text, but a lone closing tag may come."""
    TEXT = auto()
    """Text to the end, whatever comes."""


class ThinkTagSplitter:
    """Takes the text of one message piece by piece. Holds back at most what may be a tag, and white space before it.

    `starts_in_thinking` is for servers whose prompt ends with the opening tag: the text is reasoning until `</think>`.
    """

    def __init__(self, *, starts_in_thinking: bool = False) -> None:
        self._state = _State.START
        self._starts_in_thinking = starts_in_thinking
        self._spaces: list[str] = []
        self._held = ""
        self._place = _MarkdownPosition()

    def feed(self, text: str) -> Split:
        """Read on. The cost is linear however the text is cut."""
        if not text:
            return Split()
        text = self._held + text
        self._held = ""
        match self._state:
            case _State.TEXT:
                return Split(text=text)
            case _State.ANSWER:
                return self._answer(text)
            case _State.AFTER_TAG:
                return Split(text=self._skip(text))
            case _State.REASONING:
                return self._reasoning(text)
            case _State.START:
                return self._start(text)

    def switch_off(self) -> Split:
        """A reasoning field was seen, so tags mean nothing: give out what is held, and from now on everything as text."""
        split = Split()
        if self._state is not _State.TEXT:
            held = "".join(self._spaces) + self._held
            split = Split(reasoning=held) if self._state is _State.REASONING else Split(text=held)
        self._finish()
        return split

    def close(self) -> Split:
        """The message has ended: give out what is held."""
        held = self._held
        split = Split()
        match self._state:
            case _State.START:
                text = "".join(self._spaces) + held
                split = Split(reasoning=text) if self._starts_in_thinking else Split(text=text)
            case _State.REASONING:
                split = Split(reasoning=held)
            case _State.ANSWER if held == _CLOSE and self._place.ends_thought(after="\n"):
                split = Split(text_was_reasoning=True)
            case _:
                split = Split(text=held)
        self._finish()
        return split

    def _finish(self) -> None:
        self._state = _State.TEXT
        self._held = ""
        self._spaces.clear()

    def _start(self, text: str) -> Split:
        tag = text.lstrip()
        self._spaces.append(text[: len(text) - len(tag)])
        if len(tag) < len(_OPEN) and _OPEN.startswith(tag):
            self._held = tag
            return Split()
        spaces = "".join(self._spaces)
        self._spaces.clear()
        if tag.startswith(_OPEN):
            self._state = _State.REASONING
            return self._reasoning(tag[len(_OPEN) :])
        if self._starts_in_thinking:
            self._state = _State.REASONING
            return self._reasoning(spaces + tag)
        self._state = _State.ANSWER
        return self._answer(spaces + tag)

    def _reasoning(self, text: str) -> Split:
        reasoning, tag, rest = text.partition(_CLOSE)
        if tag:
            self._state = _State.AFTER_TAG
            return Split(reasoning=reasoning, text=self._skip(rest))
        end = _safe_end(text, _CLOSE)
        self._held = text[end:]
        return Split(reasoning=text[:end])

    def _skip(self, text: str) -> str:
        text = text.lstrip()
        if text:
            self._state = _State.TEXT
        return text

    def _answer(self, text: str) -> Split:
        done = 0
        for tag in _TAG.finditer(text):
            self._place.advance(text[done : tag.start()])
            done = tag.start()
            if tag[0] == _OPEN:
                if not self._place.in_code():
                    self._state = _State.TEXT
                    return Split(text=text)
            elif tag.end() == len(text):
                self._held = _CLOSE
                return Split(text=text[:done])
            elif self._place.ends_thought(after=text[tag.end()]):
                self._state = _State.AFTER_TAG
                return Split(reasoning=text[:done], text=self._skip(text[tag.end() :]), text_was_reasoning=True)
            self._place.advance(tag[0])
            done = tag.end()
        end = max(done, _safe_end(text, _OPEN, _CLOSE))
        self._place.advance(text[done:end])
        self._held = text[end:]
        return Split(text=text[:end])


def _safe_end(text: str, *tags: str) -> int:
    """Where the longest suffix begins that may be the beginning of a tag; the length of the text if there is none."""
    begin = text.rfind("<", -len(_CLOSE))
    if begin >= 0 and any(tag.startswith(text[begin:]) for tag in tags):
        return begin
    return len(text)


class _MarkdownPosition:
    """Where in its Markdown the text stands, so far as it matters for a lone tag. Inline code is looked for line by line."""

    def __init__(self) -> None:
        self._fence = ""
        """The marker that opened the code block; "" outside."""
        self._head = ""
        """The first characters of the line."""
        self._length = 0
        """Characters in the line."""
        self._last = ""
        """The character before this place."""
        self._run = 0
        """Backticks right before this place."""
        self._span = 0
        """Backticks that opened the inline code; 0 outside."""

    def advance(self, text: str) -> None:
        first, *others = text.split("\n")
        self._along(first)
        for line in others:
            self._end_line()
            self._along(line)

    def in_code(self) -> bool:
        """Ask only before a character that is no backtick."""
        self._end_run()
        return bool(self._fence or self._span)

    def ends_thought(self, *, after: str) -> bool:
        """Whether a closing tag here, followed by the character `after`, ends reasoning (rule in the module's docstring)."""
        if self.in_code():
            return False
        if after not in _LINE_BREAKS:
            return self._last != "" and self._last in _SENTENCE_ENDS and not after.isspace() and after not in _GOES_ON
        if self._length <= 3 and not self._head.strip(" "):
            return True
        return not self._last.isspace() and self._last not in _ANNOUNCES

    def _along(self, part: str) -> None:
        if not part:
            return
        self._head += part[: max(0, _HEAD - len(self._head))]
        self._length += len(part)
        self._last = part[-1]
        if not self._run and "`" not in part:
            return
        for piece in _BACKTICKS.findall(part):
            if piece[0] == "`":
                self._run += len(piece)
            else:
                self._end_run()

    def _end_run(self) -> None:
        if self._run and self._span in (0, self._run):
            self._span = self._run if self._span == 0 else 0
        self._run = 0

    def _end_line(self) -> None:
        self._end_run()
        if found := _FENCE.match(self._head.lstrip(" \t>")):
            marker, rest = found[1], found[2]
            if not self._fence:
                # A line such as ```x``` is inline code: its span is closed at the end.
                if marker[0] == "~" or self._span:
                    self._fence = marker
            elif marker.startswith(self._fence) and self._length <= _HEAD and not rest.strip():
                self._fence = ""
        self._head = ""
        self._length = 0
        self._last = "\n"
        self._span = 0

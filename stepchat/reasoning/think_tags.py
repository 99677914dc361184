"""Reasoning inside the text, between tags such as `<think>`, from servers without a reasoning parser.

An opening tag counts only at the very start of the text. The first closing tag of the same name ends the reasoning, and
every later tag is text. gpt-oss marks its channels instead: `<|channel|>analysis<|message|>`.

The prompts of some models already end with the opening tag, so that only a lone `</think>` arrives. But an ordinary answer
may mention that tag, and must not become reasoning. So a lone tag counts only where an answer is unlikely to have it:

- outside fenced code and inline code, and with no `<think>` outside code before it; and
- directly before a line break or the end of the text, with nothing but three spaces at most before it on its line, or
  glued to the text before it, if that does not announce it (a colon, an equals sign, an opening bracket or quote);
- or glued on both sides, to the end of a sentence or line and to the first character of what would be the answer.

Any other lone tag is text, and the search continues behind it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

_OPEN = "<think>"
_CLOSE = "</think>"
_NAMES = (
    "think",
    "thinking",
    "thought",
    "thoughts",
    "reasoning",
    "mm:think",
    "seed:think",
    "ant:thinking",
    "antml:thinking",
)
_TAGS = {
    **{f"<{name}>": f"</{name}>" for name in _NAMES},
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
    "<|think|>": "<|/think|>",
    "<|thinking|>": "<|/thinking|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|START_THINKING|>": "<|END_THINKING|>",
}
"""Opening tags with their closing tags."""
_INVISIBLE = "\ufeff\u200b"
"""May stand before the first tag."""
_CHANNELS = ("<|channel|>", "<|start|>")
"""Where the format of gpt-oss starts."""
_TAG = re.compile("</?think>")
_TOKEN = re.compile(r"<\|(start|channel|message|end|return|call)\|>")
_PARTIAL_TOKEN = re.compile(r"<(?:\|(?:[a-z]{0,7}\|?)?)?$")
_LAST_TOKEN = re.compile(r"<(?:\|(?:[a-z]{0,6}|(?:return|end|call)\|?|(?:return|end|call)\|>\s*))?$")
_FENCE = re.compile(r"(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(`{3,}|~{3,})(.*)", re.DOTALL)
_BACKTICKS = re.compile("`+|[^`]+")
_LINE_BREAKS = "\r\n"
_SENTENCE_ENDS = ".!?…。！？\n"
_ANNOUNCES = ":：=→(（[【{<|“‘„«「『"
_GOES_ON = "\"'`”’»」』)]}>|,;:."
_HEAD = 120
"""Characters of a line that decide whether it opens or closes a fence."""


@dataclass(frozen=True, slots=True)
class Split:
    """What a piece of text contains. The reasoning comes before the text.

    `text_was_reasoning`: a lone closing tag arrived; all text returned before was reasoning and precedes `reasoning`.
    """

    reasoning: str = ""
    text: str = ""
    text_was_reasoning: bool = False


class _State(Enum):
    START = auto()
    """Only white space so far, or the beginning of a tag."""
    REASONING = auto()
    AFTER_TAG = auto()
    """White space after the closing tag is dropped."""
    CHANNELS = auto()
    """Everything before the final channel of gpt-oss."""
    FINAL = auto()
    """The final channel, where only the token at the very end is not text."""
    ANSWER = auto()
    """Text, but a lone closing tag may follow."""
    TEXT = auto()
    """Text to the end."""


class ThinkTagSplitter:
    """Splits the text of one message piece by piece. Holds back at most what may be a tag, and white space before it.

    `starts_in_thinking` is for servers whose prompt ends with the opening tag: the text is reasoning until `</think>`.
    """

    def __init__(self, *, starts_in_thinking: bool = False) -> None:
        self._state = _State.START
        self._starts_in_thinking = starts_in_thinking
        self._spaces: list[str] = []
        self._held = ""
        self._close = _CLOSE
        """The tag that ends the reasoning."""
        self._header: list[str] | None = None
        """Inside a header of gpt-oss: its text so far, which names the channel."""
        self._unread: list[str] = []
        """The text before the first message, which is the answer if none follows."""
        self._messages = 0
        """Messages of channels other than the final one."""
        self._place = _MarkdownPosition()

    def feed(self, text: str) -> Split:
        """Returns what the next piece contains. The cost is linear, however the text is divided."""
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
            case _State.CHANNELS:
                return self._channels(text)
            case _State.FINAL:
                return Split(text=self._final(text))
            case _State.START:
                return self._start(text)

    def switch_off(self) -> Split:
        """Stop looking for tags, because a reasoning field arrived. Returns what is held; what follows is text."""
        split = Split()
        if self._state is not _State.TEXT:
            held = "".join(self._spaces) + self._held
            split = Split(reasoning=held) if self._state is _State.REASONING else Split(text=held)
        self._finish()
        return split

    def close(self) -> Split:
        """Returns what is held at the end of the message."""
        held = self._held
        split = Split()
        match self._state:
            case _State.START:
                text = "".join(self._spaces) + held
                split = Split(reasoning=text) if self._starts_in_thinking else Split(text=text)
            case _State.REASONING:
                split = Split(reasoning=held)
            case _State.CHANNELS if self._header is not None:
                split = Split(text="" if self._messages else "".join(self._unread) + held)
            case _State.CHANNELS:
                split = Split(reasoning=held)
            case _State.FINAL if _TOKEN.fullmatch(held.rstrip()):
                split = Split()
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
        tag = text.lstrip().lstrip(_INVISIBLE).lstrip()
        self._spaces.append(text[: len(text) - len(tag)])
        if any(len(tag) < len(begin) and begin.startswith(tag) for begin in (*_TAGS, *_CHANNELS)):
            self._held = tag
            return Split()
        spaces = "".join(self._spaces)
        self._spaces.clear()
        for begin, close in _TAGS.items():
            if tag.startswith(begin):
                self._state, self._close = _State.REASONING, close
                return self._reasoning(tag[len(begin) :])
        if tag.startswith(_CHANNELS):
            self._state, self._header = _State.CHANNELS, []
            return self._channels(tag)
        if self._starts_in_thinking:
            self._state = _State.REASONING
            return self._reasoning(spaces + tag)
        self._state = _State.ANSWER
        return self._answer(spaces + tag)

    def _reasoning(self, text: str) -> Split:
        reasoning, tag, rest = text.partition(self._close)
        if tag:
            self._state = _State.AFTER_TAG
            return Split(reasoning=reasoning, text=self._skip(rest))
        end = _safe_end(text, self._close)
        self._held = text[end:]
        return Split(reasoning=text[:end])

    def _channels(self, text: str) -> Split:
        """gpt-oss: headers name the channel of the message that follows; only the final channel is the answer."""
        reasoning: list[str] = []
        done = 0
        partial = _PARTIAL_TOKEN.search(text)
        end = partial.start() if partial else len(text)
        self._held = text[end:]
        if not self._messages:
            self._unread.append(text[:end])
        for token in _TOKEN.finditer(text, 0, end):
            (reasoning if self._header is None else self._header).append(text[done : token.start()])
            done = token.end()
            match token[1]:
                case "message" if self._is_final():
                    self._state = _State.FINAL
                    return Split(reasoning="".join(reasoning), text=self._final(text[done:]))
                case "message":
                    self._header = None
                    reasoning.append("\n\n" if self._messages else "")
                    self._messages += 1
                case _:
                    self._header = []
        (reasoning if self._header is None else self._header).append(text[done:end])
        return Split(reasoning="".join(reasoning))

    def _is_final(self) -> bool:
        return "".join(self._header or ()).strip().startswith("final")

    def _final(self, text: str) -> str:
        """Holds back what may be the token at the very end."""
        found = _LAST_TOKEN.search(text)
        self._held = text[found.start() :] if found else ""
        return text[: found.start()] if found else text

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
    """The start of the longest suffix that may be the beginning of a tag; the length of the text if there is none."""
    begin = text.rfind(tags[0][0], -max(map(len, tags)))
    if begin >= 0 and any(tag.startswith(text[begin:]) for tag in tags):
        return begin
    return len(text)


class _MarkdownPosition:
    """Tracks whether a position in Markdown is inside code. Inline code is recognized line by line."""

    def __init__(self) -> None:
        self._fence = ""
        """The marker that opened the code block; "" outside."""
        self._head = ""
        """The first characters of the line."""
        self._length = 0
        """Characters in the line."""
        self._last = ""
        """The character before this position."""
        self._run = 0
        """Backticks directly before this position."""
        self._span = 0
        """Backticks that opened the inline code; 0 outside."""

    def advance(self, text: str) -> None:
        first, *others = text.split("\n")
        self._along(first)
        for line in others:
            self._end_line()
            self._along(line)

    def in_code(self) -> bool:
        """Whether the position is inside code. Ask only before a character other than a backtick."""
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

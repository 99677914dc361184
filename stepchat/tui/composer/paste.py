"""Pasted text: cleaned, and folded to a placeholder when it is large."""

from __future__ import annotations

import re
from typing import Final

from stepchat.chat.drafts import PASTE_BEGIN, PASTE_END
from stepchat.text.sanitize import sanitize_paste

FOLD_CHARACTERS: Final = 2000
FOLD_LINES: Final = 20
HUGE_CHARACTERS: Final = 50_000
HUGE_LINES: Final = 1000
"""Longer text is never typed, and never edited in a prompt of a few rows."""
BLANK_FIRST_LINES: Final = re.compile(r"\A(?:[ \t]*\n)+")
_MARKED: Final = re.compile(f"{PASTE_BEGIN}([^{PASTE_END}]*){PASTE_END}")


class Pastes:
    """The folded pastes of one prompt. A placeholder stays valid for as long as the prompt lives, so that the history
    and undo may bring it back.
    """

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def fold(self, text: str) -> str:
        """The text itself, or a placeholder for it when it has more than 2,000 characters or 20 lines."""
        lines = text.count("\n") + (not text.endswith("\n"))
        if len(text) <= FOLD_CHARACTERS and lines <= FOLD_LINES:
            return text
        size = f"{lines:,} lines" if lines > 1 else f"{len(text):,} characters"
        placeholder, number = f"[pasted {size}]", 1
        while self._texts.get(placeholder, text) != text:
            number += 1
            placeholder = f"[pasted {size}, {number}]"
        self._texts[placeholder] = text
        return placeholder

    def expand(self, text: str) -> str:
        """With every placeholder replaced by what was pasted."""
        if not self._texts:
            return text
        return self._pattern().sub(lambda found: self._texts[found[0]], text)

    def mark(self, text: str) -> str:
        """The same, so that `fold_marked` knows the pastes again, in another prompt too."""
        if not self._texts:
            return text
        return self._pattern().sub(lambda found: f"{PASTE_BEGIN}{self._texts[found[0]]}{PASTE_END}", text)

    def fold_marked(self, text: str) -> str:
        return _MARKED.sub(lambda found: self.fold(sanitize_paste(found[1])), text) if PASTE_BEGIN in text else text

    def fold_known(self, text: str) -> str:
        """A text that was unfolded to be sent and came back: what was pasted is folded again."""
        for placeholder, pasted in self._texts.items():
            if pasted in text:
                text = text.replace(pasted, placeholder)
                continue
            # Sending takes blank lines from both ends.
            sent = BLANK_FIRST_LINES.sub("", pasted).rstrip()
            if sent and text.startswith(sent) and not text[len(sent) :].strip():
                text = placeholder
            elif sent and text.endswith(sent):
                text = text.removesuffix(sent) + placeholder
        return self.fold(text) if len(text) > HUGE_CHARACTERS or text.count("\n") > HUGE_LINES else text

    def spans(self, line: str) -> list[tuple[int, int]]:
        """Where placeholders stand in a line: first column, and the column after."""
        if not self._texts:
            return []
        return [found.span() for found in self._pattern().finditer(line)]

    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, self._texts)))

"""Cleans pasted text, and folds it to a placeholder if it is large."""

from __future__ import annotations

import re
from typing import Final

from stepchat.chat.drafts import PASTE_BEGIN, PASTE_END
from stepchat.text.sanitize import sanitize_paste

FOLD_CHARACTERS: Final = 2000
FOLD_LINES: Final = 20
HUGE_CHARACTERS: Final = 50_000
HUGE_LINES: Final = 1000
"""Lines. Longer text is not typed, and not edited in a prompt of a few rows."""
BLANK_FIRST_LINES: Final = re.compile(r"\A(?:[ \t]*\n)+")
_MARKED: Final = re.compile(f"{PASTE_BEGIN}([^{PASTE_END}]*){PASTE_END}")


class Pastes:
    """The folded pastes of one prompt. A placeholder stays valid as long as the prompt exists, because history and undo can
    restore it.
    """

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def fold(self, text: str) -> str:
        """Returns the text, or a placeholder for it if it has more than 2,000 characters or 20 lines."""
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
        """Replaces every placeholder with the pasted text."""
        if not self._texts:
            return text
        return self._pattern().sub(lambda found: self._texts[found[0]], text)

    def mark(self, text: str) -> str:
        """Replaces placeholders with the pasted text between marks, which `fold_marked` recognizes, even in another prompt."""
        if not self._texts:
            return text
        return self._pattern().sub(lambda found: f"{PASTE_BEGIN}{self._texts[found[0]]}{PASTE_END}", text)

    def fold_marked(self, text: str) -> str:
        return _MARKED.sub(lambda found: self.fold(sanitize_paste(found[1])), text) if PASTE_BEGIN in text else text

    def fold_known(self, text: str) -> str:
        """Folds pastes again in a text that was expanded to be sent and has been returned."""
        for placeholder, pasted in self._texts.items():
            if pasted in text:
                text = text.replace(pasted, placeholder)
                continue
            # Sending strips blank lines at both ends.
            sent = BLANK_FIRST_LINES.sub("", pasted).rstrip()
            if sent and text.startswith(sent) and not text[len(sent) :].strip():
                text = placeholder
            elif sent and text.endswith(sent):
                text = text.removesuffix(sent) + placeholder
        return self.fold(text) if len(text) > HUGE_CHARACTERS or text.count("\n") > HUGE_LINES else text

    def text_of(self, placeholder: str) -> str:
        """What was pasted there."""
        return self._texts[placeholder]

    def spans(self, line: str) -> list[tuple[int, int]]:
        """The columns of placeholders in a line: the first column, and the column after the last."""
        if not self._texts:
            return []
        return [found.span() for found in self._pattern().finditer(line)]

    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, self._texts)))

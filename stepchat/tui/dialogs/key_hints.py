"""The last line of a dialog: its keys and what they do. Hints that do not fit are left out whole."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from stepchat.tui.dialog_keys import DEFAULTS
from stepchat.tui.keymap import LEADER, key_label, keymap_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.geometry import Size
    from textual.timer import Timer

    from stepchat.tui.keymap import Keymap

Hints: TypeAlias = "Sequence[tuple[str, str]]"
"""The id of a binding (or two, separated by a space) and a word for it; the most important first, closing last, then those
after the leader."""
_GAP: Final = "  "
_MESSAGE_SECONDS: Final = 3
_ARROWS: Final = {"Up": "↑", "Down": "↓", "Left": "←", "Right": "→"}


class KeyHints(Widget):
    """Shows the hints that fit into `lines` lines; correct from the first frame on, at any width."""

    def __init__(self, hints: Hints, *, lines: int = 1) -> None:
        super().__init__(classes="dialog-keys")
        self._hints = hints
        self._message = ""
        self._message_timer: Timer | None = None
        self._is_pending = False
        self._lines = lines
        if lines > 1:
            self.styles.height = "auto"

    def set_hints(self, hints: Hints) -> None:
        """Show other hints."""
        self._hints, self._message = hints, ""
        self._changed()

    def show_message(self, text: str) -> None:
        """Show a line instead of the hints for a few seconds."""
        if self._message_timer is not None:
            self._message_timer.stop()
        self._message = text
        self._message_timer = self.set_timer(_MESSAGE_SECONDS, partial(self.show_message, "")) if text else None
        self._changed()

    def set_pending(self, *, pending: bool) -> None:
        """While the leader is pending, show what may follow."""
        self._is_pending, self._message = pending, ""
        self._changed()

    def _changed(self) -> None:
        self.refresh(layout=self._lines > 1)

    def _content(self, width: int) -> list[Content]:
        keys, following = hint_keys(keymap_of(self, DEFAULTS), self._hints)
        if self._message or not (keys or following):
            return [Content(self._message)]
        return hint_lines([] if self._is_pending and following else keys, width, self._lines, following)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's signature
        return len(self._content(width))

    def render(self) -> Content:
        return Content("\n").join(self._content(self.size.width))


def hint_keys(keymap: Keymap, hints: Hints) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The keys in force and their words: single keys, and those after the leader, of which the first names the leader."""
    keys: list[tuple[str, str]] = []
    following: list[tuple[str, str]] = []
    for names, word in hints:
        first = keymap.keys(names)[:1]
        if first and first[0].startswith(f"{LEADER} "):
            key = key_label(first[0].removeprefix(f"{LEADER} "))
            following.append((key if following else f"{key_label(keymap.leader)} …{_GAP}{key}", word))
        elif label := hint_label(keymap, names):
            keys.append((label, word))
    return keys, following


def hint_label(keymap: Keymap, names: str) -> str:
    """The keys of one or two bindings: `Enter`, `←→`, `Alt+↑↓`, `n/p`; "" if none has a key."""
    labels = [label for name in names.split() if (label := keymap.label(name))]
    parts = [label.rpartition("+") for label in labels]
    if len(parts) == 2 and parts[0][:2] == parts[1][:2] and all(key in _ARROWS for _, _, key in parts):
        head, plus, _ = parts[0]
        return head + plus + "".join(_ARROWS[key] for _, _, key in parts)
    return "/".join(labels)


def hint_lines(
    keys: Sequence[tuple[str, str]], width: int, most: int = 1, following: Sequence[tuple[str, str]] = ()
) -> list[Content]:
    """Keys and words in at most `most` lines of this width; those of `following` come last, and go first."""
    shown, more = list(keys), list(following)
    while more and len(_rows([*shown, *more], width)) > most:
        more.pop()
    if more:
        return [_line(row) for row in _rows([*shown, *more], width)]
    while True:
        # If only the key that closes does not fit, it is dropped, because everybody knows Esc.
        for some in (shown, shown[:-1]):
            rows = _rows(some, width)
            if (len(rows) <= most and some) or len(shown) <= 1:
                return [_line(row) for row in rows]
        del shown[-2]


def _rows(keys: Sequence[tuple[str, str]], width: int) -> list[list[tuple[str, str]]]:
    rows: list[list[tuple[str, str]]] = [[]]
    used = 0
    for key, word in keys:
        size = cell_len(f"{key} {word}")
        if rows[-1] and used + len(_GAP) + size > width:
            rows.append([])
            used = 0
        used += size + (len(_GAP) if rows[-1] else 0)
        rows[-1].append((key, word))
    return rows


def _line(keys: Sequence[tuple[str, str]]) -> Content:
    return Content(_GAP).join(Content.assemble((key, "$text"), f" {word}") for key, word in keys)

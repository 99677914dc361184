"""The leader key, after which one more key runs a command. There is no timeout. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from stepchat.tui.keymap import PROMPT, KeyRow, key_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.tui.keymap import Keymap

REPEAT_SECONDS: Final = 1.0
"""Seconds within which a repeating key works again without the leader, as with tmux's `bind -r`."""
_CANCEL: Final = ("escape", "ctrl+g", "ctrl+c")
REPEATING: Final = frozenset(
    {"half-up", "half-down", "row-up", "row-down", "message-up", "message-down", "page-up", "page-down"}
)


@dataclass(frozen=True, slots=True)
class Step:
    """How the leader handled a key: `pass` means an ordinary key, everything else is consumed."""

    kind: Literal["pass", "pending", "run", "cancelled", "unknown"]
    row: KeyRow | None = None
    label: str = ""
    """For `unknown`: the label of the sequence."""


class Leader:
    """The state of the leader key."""

    def __init__(self) -> None:
        self.pending = False
        self._repeats_until = 0.0

    def cancel(self) -> None:
        """End the sequence, because of a paste, a click or another screen."""
        self.pending = False
        self._repeats_until = 0.0

    def press(self, keymap: Keymap, contexts: Sequence[str], key: str, now: float) -> Step:
        """Handle a key. `contexts` are the current contexts, the innermost first; `now` is a clock in seconds."""
        repeating, self._repeats_until = now < self._repeats_until, 0.0
        if not (self.pending or repeating or key == keymap.leader):
            return Step("pass")
        following: dict[str, KeyRow] = {}
        for context in reversed(contexts):
            following |= keymap.following(context)
        if not self.pending:
            row = following.get(key)
            if repeating and row is not None and row.id in REPEATING:
                return self._run(row, now)
            if key == keymap.leader and following:
                self.pending = True
                return Step("pending")
            return Step("pass")
        self.pending = False
        row = following.get(key) or following.get(key.removeprefix("ctrl+"))
        if row is not None:
            return self._run(row, now)
        if key == keymap.leader:
            # What the leader itself would do in the prompt; Ctrl+X cuts there, as elsewhere.
            row = keymap.at(PROMPT, key) or next((row for row in keymap.rows if row.name == "prompt.cut"), None)
            return Step("run", row) if row is not None and PROMPT in contexts else Step("cancelled")
        if key in _CANCEL:
            return Step("cancelled")
        return Step("unknown", label=f"{key_label(keymap.leader)} {key_label(key)}")

    def _run(self, row: KeyRow, now: float) -> Step:
        if row.id in REPEATING:
            self._repeats_until = now + REPEAT_SECONDS
        return Step("run", row)

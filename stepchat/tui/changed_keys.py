"""Keys with another meaning in earlier versions. In an older setup, pressing one shows a notice once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.tui.keymap import Keymap

SETTING: Final = "announced keys"
"""The saved setting: keys whose notice was shown, or `ALL` for a setup that never had the old ones."""
ALL: Final = "all"


class ChangedKey(NamedTuple):
    """A changed key, its context, and the action that it ran before."""

    context: str
    key: str
    old: str
    what: str
    """What the key did, as in "Alt+R retries"."""


CHANGED: Final = (
    ChangedKey("chat", "ctrl+r", "retry", "regenerates the answer"),
    ChangedKey("prompt", "alt+u", "half-up", "scrolls half a page up"),
    ChangedKey("prompt", "alt+d", "half-down", "scrolls half a page down"),
    ChangedKey("prompt", "alt+l", "links", "lists the links"),
    ChangedKey("prompt", "alt+y", "redo", "redoes the exchange"),
    ChangedKey("chat", "ctrl+z", "prompt.undo", "undoes typing"),
    ChangedKey("prompt", "ctrl+y", "prompt.redo", "redoes typing"),
    ChangedKey("message", "k", "message.fork", "forks a session"),
    ChangedKey("sessions", "ctrl+p", "sessions.pin", "pins the session"),
    ChangedKey("sessions", "ctrl+r", "sessions.rename", "renames the session"),
    ChangedKey("sessions", "ctrl+a", "sessions.archive", "archives the session"),
    ChangedKey("sessions", "ctrl+d", "sessions.delete", "deletes the session"),
    ChangedKey("sessions", "ctrl+s", "sessions.sort", "changes the order"),
    ChangedKey("sessions", "ctrl+l", "sessions.show-archived", "shows archived sessions"),
    ChangedKey("models", "ctrl+f", "models.favourite", "marks a favourite"),
    ChangedKey("tree", "ctrl+f", "tree.fork", "forks a session"),
    ChangedKey("inspector", "ctrl+l", "inspector.copy-curl", "copies the curl command"),
    ChangedKey("inspector", "ctrl+r", "inspector.copy-request", "copies the request"),
    ChangedKey("inspector", "ctrl+e", "inspector.copy-events", "copies the events"),
)


def changed_key(keymap: Keymap, contexts: Sequence[str], key: str, announced: str) -> ChangedKey | None:
    """The change to announce for this key; None if it has not changed, or if it was announced before."""
    if announced == ALL:
        return None
    for row in CHANGED:
        if row.key == key and row.context in contexts and name(row) not in announced.split():
            return None if key in keymap.keys(row.old) else row
    return None


def name(row: ChangedKey) -> str:
    """The name under which the announcement is remembered."""
    return f"{row.key}:{row.old}"


def announcement(row: ChangedKey, keymap: Keymap) -> str:
    """The notice; it names the key in force, or the command."""
    return keymap.fill(f"{keymap.written(row.key)} has a new meaning; {{key:{row.old}}} {row.what}.")

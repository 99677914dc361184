"""The keys of the dialogs, in one table. Importing it does not import Textual: the manual and `config check` read it too.

A dialog with a filter has the keys of `list` and those of its own context, which win; a page without a field has those of
`page`. The table of the commands has the keys of the chat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.tui.keymap import Keymap, KeyRow
from stepchat.tui.keymap import bindings as bindings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.binding import BindingType

LIST: Final = "list"
ROWS: Final = "rows"
"""The rows of a list with vi's keys, once the filter was left."""
PAGE: Final = "page"
FIND: Final = "find"


def _rows(context: str, *rows: tuple[str, tuple[str, ...], str]) -> tuple[KeyRow, ...]:
    return tuple(KeyRow(identity, context, keys, text) for identity, keys, text in rows)


DIALOG_ROWS: Final[tuple[KeyRow, ...]] = (
    *_rows(
        LIST,
        ("up", ("up", "ctrl+p", "ctrl+k"), "Previous row"),
        ("down", ("down", "ctrl+n", "ctrl+j"), "Next row"),
        ("page-up", ("pageup",), "Page up"),
        ("page-down", ("pagedown",), "Page down"),
        ("first", ("ctrl+home",), "First row"),
        ("last", ("ctrl+end",), "Last row"),
        ("accept", ("enter",), "Select"),
        ("delete", ("delete",), "At the end of the filter: delete or unset"),
        ("close", ("escape", "ctrl+c", "ctrl+g"), "Close"),
    ),
    *_rows(
        ROWS,
        ("up", ("k",), "Previous row"),
        ("down", ("j",), "Next row"),
        ("first", ("g",), "First row"),
        ("last", ("G",), "Last row"),
        ("half-up", ("ctrl+u",), "Half a page up"),
        ("half-down", ("ctrl+d",), "Half a page down"),
        ("match-next", ("n",), "Next match"),
        ("match-previous", ("N",), "Previous match"),
        ("filter", ("slash", "i"), "Back to the filter"),
        ("close", ("q",), "Close"),
    ),
    *_rows(
        PAGE,
        ("up", ("up", "k"), "Row up"),
        ("down", ("down", "j"), "Row down"),
        ("page-up", ("pageup", "b", "ctrl+b"), "Page up"),
        ("page-down", ("pagedown", "space", "ctrl+f"), "Page down"),
        ("half-up", ("u", "ctrl+u"), "Half a page up"),
        ("half-down", ("d", "ctrl+d"), "Half a page down"),
        ("first", ("home", "g", "ctrl+home"), "Beginning"),
        ("last", ("end", "G", "ctrl+end"), "End"),
        ("find", ("slash",), "Find in the page"),
        ("match-next", ("n",), "Next match"),
        ("match-previous", ("N",), "Previous match"),
        ("close", ("q", "escape", "ctrl+c", "ctrl+g", "enter"), "Close"),
    ),
    *_rows(
        FIND,
        ("next", ("down", "ctrl+n", "ctrl+j", "f3"), "Next match"),
        ("next-at-end", ("ctrl+f",), "At the end of the text: next match"),
        ("previous", ("up", "ctrl+p", "ctrl+k", "shift+enter", "shift+f3"), "Previous match"),
        ("accept", ("enter",), "Keep the position; again: next match"),
        ("close", ("escape", "ctrl+c", "ctrl+g"), "Close"),
    ),
    *_rows("help", ("close", ("f1",), "Close")),
    *_rows(
        "manual",
        ("topic-next", ("tab",), "Next page of the manual"),
        ("topic-previous", ("shift+tab",), "Previous page of the manual"),
    ),
    *_rows(
        "pick",
        ("accept", ("tab",), "Select"),
        ("next", ("ctrl+r",), "Next row; of earlier prompts the next older one"),
    ),
    *_rows("menu", ("up", ("k",), "Action above"), ("down", ("j",), "Action below")),
    *_rows(
        "sessions",
        ("mark", ("tab",), "Mark or unmark the session"),
        ("mark-up", ("shift+tab",), "Mark or unmark, and move up"),
        ("rename", ("leader r", "f2"), "Rename"),
        ("pin", ("leader p",), "Pin or unpin"),
        ("archive", ("leader a",), "Archive or unarchive"),
        ("delete", ("leader d",), "Delete, or restore a deleted session"),
        ("undo", ("leader z", "alt+z"), "Undo the last change"),
        ("sort", ("leader s",), "Change the order"),
        ("show-archived", ("leader v",), "Show archived sessions, then deleted ones"),
        ("search-reasoning", ("ctrl+t", "leader t"), "Search the reasoning as well"),
    ),
    *_rows(
        "models",
        ("providers", ("tab", "shift+tab"), "Show the model's providers"),
        ("favourite", ("leader f",), "Add to the favourites, or remove"),
        ("refresh", ("f5", "leader r"), "Refresh the list"),
    ),
    *_rows(
        "tools",
        ("view", ("leader v",), "View the description and the schema"),
        ("ask-again", ("leader a",), "Ask again before it runs"),
    ),
    *_rows(
        "settings",
        ("unset", ("leader d",), "Unset the parameter"),
        ("scope", ("tab",), "Change the scope of the values"),
    ),
    *_rows(
        "tree",
        ("sibling-previous", ("left",), "Previous version, if the filter is empty"),
        ("sibling-next", ("right",), "Next version, if the filter is empty"),
        ("fork", ("leader f",), "Fork a new session from the message"),
    ),
    *_rows(
        "queue",
        ("up", ("k",), "Message above"),
        ("down", ("j",), "Message below"),
        ("edit", ("e",), "Take the message back into the prompt"),
        ("remove", ("d",), "Remove the message"),
        ("move-up", ("K",), "Move the message up"),
        ("move-down", ("J",), "Move the message down"),
    ),
    *_rows(
        "inspector",
        ("section-next", ("tab",), "Next section"),
        ("section-previous", ("shift+tab",), "Previous section"),
        ("answer-previous", ("alt+up", "leader up"), "Previous answer"),
        ("answer-next", ("alt+down", "leader down"), "Next answer"),
        ("attempt", ("ctrl+t", "leader t"), "Next attempt"),
        ("copy-curl", ("leader c",), "Copy the request as a curl command"),
        ("copy-request", ("leader j",), "Copy the request as JSON"),
        ("copy-events", ("leader e",), "Copy the events"),
    ),
    *_rows(
        "compare",
        ("side", ("tab", "shift+tab"), "Other side"),
        ("version-previous", ("left",), "Previous version"),
        ("version-next", ("right",), "Next version"),
        ("accept", ("enter",), "Continue with this version"),
        ("fold", ("f", "ctrl+t"), "Fold or open the reasoning"),
        ("table", ("t",), "Show the table, the answers, or both"),
        ("sync", ("s",), "Scroll both sides together, or one"),
        ("copy", ("c",), "Copy the answer"),
    ),
    *_rows(
        "logprobs",
        ("token-previous", ("left",), "Previous token"),
        ("token-next", ("right",), "Next token"),
        ("uncertain-next", ("n", "tab"), "Next uncertain token"),
        ("uncertain-previous", ("p", "shift+tab"), "Previous uncertain token"),
        ("match-next", ("enter",), "Next match"),
    ),
    *_rows("secret", ("accept", ("enter",), "Use the key"), ("close", ("escape", "ctrl+c", "ctrl+g"), "Close")),
)

DEFAULTS: Final = Keymap(DIALOG_ROWS)
"""The dialogs' keys when nothing is rebound."""


def bindings(context: str, actions: Mapping[str, str], *, priority: bool = True) -> list[BindingType]:
    """The BINDINGS of a dialog: the action of each id of the context. With priority they come before those of its field."""
    return bindings_of(DIALOG_ROWS, context, actions, priority=priority)

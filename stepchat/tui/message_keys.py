"""The default keys that move among focused messages. The keys that act on one are in the rows of the commands."""

from __future__ import annotations

from typing import Final

from stepchat.tui.keymap import MESSAGE, KeyRow

MESSAGE_ROWS: Final = (
    KeyRow("menu", MESSAGE, ("enter",), "Show the actions as a menu", "menu"),
    KeyRow("leave", MESSAGE, ("escape", "tab", "shift+tab"), "Back to the prompt", "prompt"),
    KeyRow("previous", MESSAGE, ("k", "up"), "Message above"),
    KeyRow("next", MESSAGE, ("j", "down"), "Message below; after the last one the prompt"),
    KeyRow("first", MESSAGE, ("g", "home"), "First message"),
    KeyRow("last", MESSAGE, ("G", "end"), "Last message"),
    KeyRow("sibling-previous", MESSAGE, ("left",), "Previous version"),
    KeyRow("sibling-next", MESSAGE, ("right",), "Next version"),
    KeyRow("half-up", MESSAGE, ("ctrl+u",), "Half a page up"),
    KeyRow("half-down", MESSAGE, ("ctrl+d",), "Half a page down"),
    KeyRow("page-up", MESSAGE, ("ctrl+b",), "Page up"),
    KeyRow("page-down", MESSAGE, ("ctrl+f",), "Page down"),
)

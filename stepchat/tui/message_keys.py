"""The default keys of the chat that do not run commands: in the whole chat, on messages, and on the rows of the welcome."""

from __future__ import annotations

from typing import Final

from stepchat.tui.keymap import CHAT, ESCAPE_TWICE, MESSAGE, WELCOME, KeyRow

CHAT_ROWS: Final = (
    KeyRow("interrupt", CHAT, ("ctrl+c",), "Copy the selection, clear the prompt, stop the answer; twice quits"),
    KeyRow("end-of-input", CHAT, ("ctrl+d",), "Quit, if the prompt is empty"),
    KeyRow(
        "edit-last", CHAT, (ESCAPE_TWICE,), "Edit the last question, if the prompt is empty and no answer is running"
    ),
    KeyRow("suspend", CHAT, ("ctrl+z",), "Suspend to the shell; fg returns"),
)
"""Keys for the whole chat that do not run commands."""
TAB_ROWS: Final = (
    *(
        KeyRow(f"tab-{digit}", CHAT, (f"alt+{digit}", f"leader {digit}"), f"Open session {digit}")
        for digit in "123456789"
    ),
    KeyRow("tab-next", CHAT, ("leader tab",), "Next open session"),
    KeyRow("tab-previous", CHAT, ("leader shift+tab",), "Previous open session"),
)
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
WELCOME_ROWS: Final = (
    KeyRow("up", WELCOME, ("up", "k", "alt+up"), "Row above"),
    KeyRow("down", WELCOME, ("down", "j", "alt+down"), "Row below; after the last one the prompt"),
    KeyRow("open", WELCOME, ("enter",), "Open the session, or ask the question"),
    KeyRow("leave", WELCOME, ("escape", "tab", "shift+tab"), "Back to the prompt"),
    *(KeyRow(f"open-{digit}", WELCOME, (digit,), f"Open row {digit}") for digit in "123456"),
)

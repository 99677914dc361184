"""The keys that approve a tool call. Enter is none of them, so that nothing is approved by accident."""

from __future__ import annotations

from typing import Final

from stepchat.tui.keymap import KeyRow

APPROVAL: Final = "approval"
"""The context of the keys."""
APPROVAL_ROWS: Final = (
    KeyRow("once", APPROVAL, ("y",), "Run the call, or go on", "once"),
    KeyRow("session", APPROVAL, ("s",), "Run it, and do not ask again about this tool in this session", "this session"),
    KeyRow("always", APPROVAL, ("a",), "Run it, and never ask again about this tool", "always"),
    KeyRow("refuse", APPROVAL, ("n",), "Do not run it; a reason for the model can be given", "no"),
    KeyRow("send-reason", APPROVAL, ("enter",), "In the reason: refuse with it, also empty"),
    KeyRow("back", APPROVAL, ("escape",), "In the reason: back to the question"),
    KeyRow("show", APPROVAL, ("v",), "View all of the arguments", "view"),
    KeyRow("leave", APPROVAL, ("tab", "shift+tab"), "To the prompt; the question stays", "prompt"),
)

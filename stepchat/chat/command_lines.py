"""Distinguishes commands from questions, by one rule for the window and one-shot mode."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_COMMAND: Final = re.compile(r"/(\?|[^\W_][\w-]{0,31})[^\w\s/]*(?=\s|$)")
"""A short name without another slash, and without a dot before more letters, which would make it a path."""
_ALIASES: Final = {"?": "help"}
_VI_QUITS: Final = frozenset({":q", ":q!", ":qa", ":wq", ":x"})
"""The commands with which users of vi quit."""
_SIMILARITY: Final = 0.6


def command_name(text: str) -> str:
    """The name of the command that a text begins with, whether it exists or not; "" for a question.

    Such a text is never sent to a model. A text that begins with a space is a question."""
    if text.strip() in _VI_QUITS:
        return "quit"
    begins = _COMMAND.match(text)
    return "" if begins is None else _ALIASES.get(begins[1], begins[1])


def nearest_command(name: str, names: Iterable[str]) -> str:
    """The command that is probably meant; "" if none is similar."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name.lower(), list(names), 1, _SIMILARITY)), "")

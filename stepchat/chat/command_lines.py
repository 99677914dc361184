"""Which lines are commands: the same rule in the window and in one-shot mode."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_COMMAND: Final = re.compile(r"/(\?|[^\W_][\w-]{0,31})[^\w\s/]*(?=\s|$)")
"""A short name without further slashes. With one, or with a dot before more letters, it is the path of a file."""
_ALIASES: Final = {"?": "help"}
_VI_QUITS: Final = frozenset({":q", ":q!", ":qa", ":wq", ":x"})
"""What users of vi type to leave."""
_SIMILARITY: Final = 0.6


def command_name(text: str) -> str:
    """The name of the command that a text begins with, whether it exists or not; "" for a question.

    Such a text is never sent to a model. After a space it is a question.
    """
    if text.strip() in _VI_QUITS:
        return "quit"
    begins = _COMMAND.match(text)
    return "" if begins is None else _ALIASES.get(begins[1], begins[1])


def nearest_command(name: str, names: Iterable[str]) -> str:
    """The command that is probably meant; "" if none is similar."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name.lower(), list(names), 1, _SIMILARITY)), "")

"""What was sent from the prompt: a command, a mistaken one, or words for the model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

_NAME: Final = re.compile(r"/([^\W_][^\s/]*)(/?)")


def unknown_command(text: str, known: Collection[str]) -> str:
    """What stands where a command would, "" when the text is no attempt at one. That is never sent unasked.

    A text of several lines may begin with a path.
    """
    begins = _NAME.match(text)
    if begins is None or ("\n" in text and begins[2] and begins[1] not in known):
        return ""
    return text.split(maxsplit=1)[0]

"""The names under which servers send reasoning: the one list, for the reader, the replay, the inspector and the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.catalogue.backends import BACKENDS

if TYPE_CHECKING:
    from stepchat.messages import Json

REASONING_FIELDS: Final = tuple(dict.fromkeys(backend.reasoning_field for backend in BACKENDS))
"""In the order in which they are tried: a server that sends several repeats the same words in each."""


def reasoning_text(message: Json) -> tuple[str, str]:
    """Returns the name and the text of a message's plain reasoning; two empty strings if it has none."""
    for name in REASONING_FIELDS:
        if isinstance(value := message.get(name), str) and value:
            return name, value
    return "", ""

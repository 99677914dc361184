"""The field names under which servers send reasoning: the only list of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from stepchat import lossless_json
from stepchat.catalogue.backends import BACKENDS

if TYPE_CHECKING:
    from stepchat.messages import Json

REASONING_FIELDS: Final = tuple(dict.fromkeys(backend.reasoning_field for backend in BACKENDS))
"""The first one with text counts, because a server that sends several repeats the same text in each."""
OTHER_FIELDS: Final = ("thinking", "thinking_content", "reasoning_text", "thought", "thoughts", "thinking_blocks")
"""Read where none of them has text; never sent back, because no backend of the table names them."""
_TEXT_KEYS: Final = ("text", "content", "value", "summary", "thinking", "reasoning", "parts")
"""Where servers put the text of a part, of reasoning sent as an object, or of an object in place of a string."""


def reasoning_text(message: Json) -> tuple[str, str]:
    """Returns the name and the text of a message's plain reasoning; two empty strings if it has none."""
    for name in REASONING_FIELDS:
        if text := text_of(message.get(name)):
            return name, text
    return "", ""


def text_of(value: Any) -> str | None:
    """Returns the text of a value that should be a string but may be a number, an object or a list of parts.

    None if there is a value without any text in it.
    """
    match value:
        case str():
            return value
        case None:
            return ""
        case bool() | int() | float():
            return lossless_json.dumps(value)
        case list():
            texts = [text_of(item) for item in cast("list[Any]", value)]
            return None if texts and all(text is None for text in texts) else "".join(text or "" for text in texts)
        case dict():
            given = cast("Json", value)
            return next(
                (text_of(given[key]) for key in _TEXT_KEYS if given.get(key) is not None), None if given else ""
            )
        case _:
            return None

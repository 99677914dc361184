"""Represents attachments in the text of the prompt, so that they are queued, returned and saved as a draft with it.

A mark is the JSON of an attachment between two control characters, which no text in the prompt contains
(`sanitize_paste` removes them).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from stepchat import lossless_json
from stepchat.messages import Attachment, attachment_from_json, attachment_to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

_BEGIN: Final = "\x0e"
_END: Final = "\x0f"
_MARK: Final = re.compile(f"{_BEGIN}([^{_BEGIN}{_END}]*){_END}")


def mark(text: str, attachments: Sequence[Attachment]) -> str:
    """The text with its attachments; `split_marks` returns both."""
    return "".join(f"{_BEGIN}{lossless_json.dumps(attachment_to_json(one))}{_END}" for one in attachments) + text


def split_marks(text: str) -> tuple[str, tuple[Attachment, ...]]:
    """Returns a text without marks, and its attachments. The text may be composed of several marked texts."""
    if _BEGIN not in text:
        return text, ()
    found: list[Attachment] = []
    for match in _MARK.finditer(text):
        try:
            attachment = attachment_from_json(lossless_json.loads(match[1]))
        except (ValueError, KeyError, TypeError):
            continue
        if attachment not in found:
            found.append(attachment)
    return _MARK.sub("", text).replace(_BEGIN, "").replace(_END, "").strip("\n"), tuple(found)

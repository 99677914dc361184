"""What markdown-it's inline phase does not know: bare addresses and formulas, in which no underscore is emphasis."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from stepchat.transcript.markdown import formulas

if TYPE_CHECKING:
    from markdown_it.rules_inline import StateInline

BARE_LINK: Final = re.compile(
    r"(?<![A-Za-z0-9_])(?:https?://|www\.(?=[\w-]+\.\w))"
    r"(?:[^\s<>\"`|\\^{}*\u2018-\u201d\u3001\u3002\u3008-\u3011\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f"
    r"\u2400-\u2426\ufffd]|\*(?=[A-Za-z0-9/&=?]))+"
)
"""Quotation marks, and the punctuation of Chinese and Japanese, end an address; so does a `*` that may be a mark."""
_SCHEME: Final = re.compile(r"(?<![A-Za-z0-9_])https?$")
_NOT_AT_END: Final = "?!.,:;*_~'\")]"


def bare_link(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as markdown-it calls it
    """A rule of markdown-it's: an address is taken whole before anything in it can be a mark."""
    if silent or state.linkLevel or not state.src.startswith("://", state.pos):
        return False
    if not (scheme := _SCHEME.search(state.pending)):
        return False
    found = BARE_LINK.match(state.src, state.pos - len(scheme[0]), state.posMax)
    address = without_punctuation(found[0]) if found else ""
    if len(address) <= len(scheme[0]) + 3:
        return False
    state.pending = state.pending[: scheme.start()]
    state.push("bare_link", "", 0).content = address
    state.pos += len(address) - len(scheme[0])
    return True


def formula(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as markdown-it calls it
    """A rule of markdown-it's: a formula stays as it was written."""
    if state.src[state.pos] not in "$\\" or not (end := formulas.end(state.src, state.pos, state.posMax)):
        return False
    if not silent:
        state.push("formula", "", 0).content = state.src[state.pos : end]
    state.pos = end
    return True


def without_punctuation(address: str) -> str:
    """Punctuation at the end belongs to the sentence, a closing bracket only if it was not opened inside."""
    while address and address[-1] in _NOT_AT_END:
        if address[-1] == ")" and address.count("(") >= address.count(")"):
            break
        address = address[:-1]
    return address

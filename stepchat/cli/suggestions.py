"""A command that was mistyped is not sent to a model as a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stepchat.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LIKENESS = 0.8
_OPTIONS = {"version": "--version"}
"""Commands of other programs."""


def reject_mistyped(words: Sequence[str], commands: Mapping[str, click.Command]) -> None:
    """Raises UsageError for words that are almost a command, and nothing more."""
    if meant := _meant(words, commands):
        said = " ".join(words)
        raise UsageError(f"Did you mean `stepchat {meant}`?", f'To ask it as a question: stepchat -p "{said}"')


def _meant(words: Sequence[str], commands: Mapping[str, click.Command]) -> str:
    match words:
        case [word] if word in _OPTIONS:
            return _OPTIONS[word]
        case [word]:
            return _nearest(word, commands)
        case [word, second, *rest]:
            name = _nearest(word, commands)
            group = commands.get(name)
            inner = _nearest(second, group.commands) if isinstance(group, click.Group) else ""
            return " ".join([name, inner, *rest]) if inner else ""
        case _:
            return ""


def _nearest(word: str, names: Mapping[str, click.Command]) -> str:
    # A question begins with a capital or is more than one word of letters.
    if not word.replace("-", "").isalpha() or not word.islower():
        return ""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, list(names), 1, _LIKENESS)), "")

"""`stepchat help [TOPIC]`: the manual, paged on a terminal and as Markdown otherwise."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import click

from stepchat.cli.context import HELP
from stepchat.manual import TOPICS, find_topic, outline, read_topic

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMAND: Final = "stepchat help"
_WIDEST: Final = 100
"""Columns; longer lines are hard to read."""


def asks_for_manual(words: Sequence[str]) -> bool:
    """Whether `stepchat help WORDS` means the manual: no topic, one topic, or an option. Anything else is a question."""
    return not words or (len(words) == 1 and (find_topic(words[0]) is not None or words[0].startswith("-")))


@click.command(context_settings=HELP)
@click.argument("topic", required=False, type=click.Choice([topic.name for topic in TOPICS]))
def help(topic: str | None) -> int:  # noqa: A001 - the name of the command
    """Show a page of the manual; without a topic, list the topics."""
    found = find_topic(topic) if topic else None
    if found is None:
        click.echo(f"The manual. Open a page with: stepchat help TOPIC\n\n{outline()}")
    elif not sys.stdout.isatty():
        click.echo(read_topic(found, _COMMAND), nl=False)
    else:
        from stepchat.cli.page import render_page

        # As git does it: end at once if everything fits, keep the colours, leave the text on the screen.
        os.environ.setdefault("LESS", "FRX")
        width = min(terminal_width(), _WIDEST)
        click.echo_via_pager(render_page(read_topic(found, _COMMAND), width, os.environ, colour=True))
    return 0


def terminal_width() -> int:
    """Columns; 80 where the terminal does not know."""
    from shutil import get_terminal_size

    return get_terminal_size().columns

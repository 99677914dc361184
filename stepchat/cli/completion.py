"""What the shell may complete: commands, options, and the IDs of sessions with their titles."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import click

from stepchat.cli.parameters import all_flags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from click.shell_completion import CompletionItem

    from stepchat.config.paths import Paths

VARIABLE: Final = "_STEPCHAT_COMPLETE"
"""What click's completion scripts set."""
_MOST: Final = 100


class SessionParameter(click.ParamType):  # pyright: ignore[reportMissingTypeArgument] - generic in newer versions only
    """A text that names a session."""

    name = "session"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        """The newest sessions whose ID begins so; nothing at all when they cannot be read."""
        from stepchat.config.paths import find_paths
        from stepchat.errors import StepchatError

        try:
            return _ids(find_paths(os.environ), incomplete.lower())
        except (StepchatError, sqlite3.Error):
            return []


def _ids(paths: Paths, beginning: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from stepchat.config.paths import path_exists
    from stepchat.sessions import database, reading
    from stepchat.text.sanitize import sanitize

    if not path_exists(paths.database):
        return []
    with closing(database.connect_for_reading(paths.database)) as connection:
        rows = reading.sessions(connection, -1, 0, reading.SessionFilter(archived=None))
    found = [row for row in rows if row.id.startswith(beginning)][:_MOST]
    return [CompletionItem(row.id, help=sanitize(row.title, keep_newlines=False)) for row in found]


def complete(chat: click.Command, commands: Mapping[str, click.Command]) -> None:
    """Answer a shell that asks what could follow, and exit."""
    options = [param for param in chat.params if isinstance(param, click.Option)]
    group = click.Group("stepchat", dict(commands), params=[*options, *all_flags()])
    group.main([], "stepchat")

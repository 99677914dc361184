"""Shell completion of session IDs. Commands and options are completed by click."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from stepchat.config.paths import Paths

COMPLETION_VARIABLE: Final = "_STEPCHAT_COMPLETE"
"""Set by click's completion scripts."""
_LIMIT: Final = 100


class SessionParameter(click.ParamType):  # pyright: ignore[reportMissingTypeArgument] - generic in newer versions only
    """Text that names a session."""

    name = "session"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        """The newest sessions whose ID begins like this; none if they cannot be read."""
        import sqlite3

        from stepchat.config.paths import find_paths
        from stepchat.errors import StepchatError

        try:
            return _session_ids(find_paths(os.environ), incomplete.lower())
        except (StepchatError, sqlite3.Error):
            return []


def _session_ids(paths: Paths, beginning: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from stepchat.config.paths import path_exists
    from stepchat.sessions import database, reading
    from stepchat.text.sanitize import sanitize

    if not path_exists(paths.database):
        return []
    with closing(database.connect_for_reading(paths.database)) as connection:
        rows = reading.sessions(connection, -1, 0, reading.SessionFilter(archived=None))
    found = [row for row in rows if row.id.startswith(beginning)][:_LIMIT]
    return [CompletionItem(row.id, help=sanitize(row.title, keep_newlines=False)) for row in found]

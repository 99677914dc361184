"""What the commands that read or change the store have in common: opening it, and what they print."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stepchat.cli.ask import Output
    from stepchat.config.paths import Paths
    from stepchat.sessions.store import SessionStore

as_json_option = click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")


def open_store(paths: Paths) -> SessionStore:
    """The user's store. Raises StoreError."""
    from stepchat.chat.accumulator import accumulate
    from stepchat.sessions.store import SessionStore

    return SessionStore.open(paths, accumulate=accumulate)


def with_store(use: Callable[[SessionStore, Output], Awaitable[None]]) -> int:
    """The exit code of a command that uses the store. What goes wrong is told in a sentence."""
    import asyncio

    from stepchat.cli.ask import Output, run_guarded
    from stepchat.config.paths import find_paths

    output = Output(sys.stdout, sys.stderr)

    async def work() -> int:
        store = open_store(find_paths(os.environ))
        try:
            await use(store, output)
        finally:
            await store.close()
        return 0

    return run_guarded(lambda: asyncio.run(work()), output)


def print_line(output: Output, text: str) -> None:
    """A line for people."""
    from stepchat.text.sanitize import sanitize

    output.write(sanitize(text, keep_newlines=False) + "\n")


def print_json(output: Output, value: Any) -> None:
    """A line for programs."""
    from stepchat import lossless_json

    output.write(lossless_json.dumps(value) + "\n")

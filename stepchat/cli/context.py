"""What commands share: common options, and one `Invocation` in click's context."""

from __future__ import annotations

import re
import sys
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast

import click

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping

    from click.shell_completion import CompletionItem

    from stepchat.chat.connection import Connection
    from stepchat.cli.output import Output
    from stepchat.config.file import Config
    from stepchat.config.paths import Paths
    from stepchat.first_frame.frame import FirstFrame
    from stepchat.sessions.store import SessionStore

HELP: Final[dict[str, Any]] = {"help_option_names": ["-h", "--help"]}
"""Settings of every command."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
base_url_option = click.option("--base-url", help="The server, by address.")


_WHOLE_SENTENCE: Final = 1000

_MARK: Final = "\ue000"
_DASHED_WORD: Final = re.compile(r"-{1,2}[^-A-Za-z]|-{3}")


class WordsCommand(click.Command):
    """A command whose arguments are words, even one such as `->`, which starts with a dash and cannot be an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, mark_words(args))
        unmark_words(ctx)
        return rest


def mark_words(args: list[str]) -> list[str]:
    """The arguments for click's parser, with words that only look like options marked."""
    return [f"{_MARK}{word}" if _DASHED_WORD.match(word) else word for word in args]


def unmark_words(ctx: click.Context) -> None:
    """Remove the marks from what was parsed."""
    ctx.params = {name: _unmarked(value) for name, value in ctx.params.items()}


def _unmarked(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_unmarked, cast("tuple[Any, ...]", value)))
    return value.removeprefix(_MARK) if isinstance(value, str) else value


class CommandGroup(click.Group):
    """A group whose help and completion show the first sentence of each command in full."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (name, command.get_short_help_str(_WHOLE_SENTENCE)) for name, command in commands if command is not None
        ]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        items = super().shell_complete(ctx, incomplete)
        for item in items:
            command = self.get_command(ctx, item.value)
            if command is not None:
                item.help = command.get_short_help_str(_WHOLE_SENTENCE)
        return items


class Invocation:
    """One run of the program: how it was started, and what its commands use, read when first needed.

    `is_question` means that `--` marks the words as a question.
    """

    def __init__(
        self, environ: Mapping[str, str], frame: FirstFrame | None = None, *, is_question: bool = False
    ) -> None:
        self.environ = environ
        self.frame = frame
        """The first frame while it is on the screen."""
        self.is_question = is_question

    def restore_terminal(self) -> None:
        """Remove the first frame from the screen. Does nothing the second time."""
        if self.frame is not None:
            self.frame.restore()
            self.frame = None

    @cached_property
    def output(self) -> Output:
        from stepchat.cli.output import Output

        return Output(sys.stdout, sys.stderr)

    @cached_property
    def paths(self) -> Paths:
        """Raises StoreError."""
        from stepchat.config.paths import find_paths

        return find_paths(self.environ)

    @cached_property
    def config(self) -> Config:
        """Raises ConfigError."""
        from stepchat.config.file import read_config

        return read_config(self.paths.config_file)

    def redact(self, text: str) -> str:
        """The text without API keys, for a report of an error whose connection is unknown."""
        from stepchat.config.api_keys import find_keys

        for key in find_keys(self.environ, self.paths):
            text = key.redact(text)
        return text

    def open_store(self) -> SessionStore:
        """The user's sessions. Raises StoreError."""
        from stepchat.chat.accumulator import accumulate
        from stepchat.sessions.store import SessionStore

        return SessionStore.open(self.paths, accumulate=accumulate)

    def open_store_or_temporary(self) -> SessionStore:
        """The user's sessions or, if they cannot be opened, an empty store that is not saved. Raises StoreError."""
        from stepchat.chat.accumulator import accumulate
        from stepchat.errors import StoreError
        from stepchat.sessions.store import SessionStore

        try:
            return self.open_store()
        except StoreError as error:
            store = SessionStore.open_temporary(accumulate=accumulate)
            store.not_saved = str(error)
            self.output.print_notice(f"Nothing is saved. {error}")
            return store

    def open_store_in_memory(self) -> SessionStore:
        """An empty store that never touches the disk. Raises StoreError."""
        from stepchat.chat.accumulator import accumulate
        from stepchat.sessions.store import SessionStore

        return SessionStore.open_in_memory(self.paths, accumulate=accumulate)

    def open_store_for_reading(self) -> SessionStore:
        """The user's sessions, also from a disk that cannot be written. Raises StoreError."""
        from stepchat.chat.accumulator import accumulate
        from stepchat.sessions.store import SessionStore

        return SessionStore.open_for_reading(self.paths, accumulate=accumulate)

    def with_store(self, work: Callable[[SessionStore], Awaitable[None]], *, reading: bool = False) -> int:
        """Run a command that uses the sessions, or only reads them; returns its exit code. Raises StepchatError."""
        import asyncio

        async def run() -> None:
            store = self.open_store_for_reading() if reading else self.open_store()
            try:
                await work(store)
            finally:
                await store.close()

        asyncio.run(run())
        return 0

    @contextmanager
    def connected(self, base_url: str | None = None, server: str | None = None) -> Generator[Connection]:
        """The connection to the server that was named, or to the usual one. Raises StepchatError."""
        from stepchat.chat.connection import connect, connect_demo, default_server, is_demo

        reject_two_servers(base_url, server)
        with ExitStack() as stack:
            if is_demo(self.config, self.environ, base_url, server):
                from stepchat.demo.server import DemoServer

                url = stack.enter_context(DemoServer()).url
                connection = connect_demo(url, self.paths, self.config)
            else:
                config = default_server(self.config, self.environ, base_url, server)
                connection = connect(config, self.paths, self.config, self.environ)
            stack.callback(connection.client.close)
            yield connection


pass_invocation = click.make_pass_decorator(Invocation)


def reject_two_servers(base_url: str | None, server: str | None, *, demo: bool = False) -> None:
    """Raises UsageError when more than one server is named."""
    from stepchat.errors import UsageError

    given = {"--base-url": base_url, "--server": server if not (demo and server == "demo") else None, "--demo": demo}
    named = [option for option, value in given.items() if value]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} name {len(named)} servers.", "Give one of them.")

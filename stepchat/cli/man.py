"""`stepchat man`: the man page, made from the same tables as the help and the manual."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stepchat import __version__
from stepchat.cli.context import HELP, Invocation, pass_invocation

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.command(context_settings=HELP)
@click.option("--install", is_flag=True, help="Write it where man looks for it: ~/.local/share/man/man1.")
@pass_invocation
def man(invocation: Invocation, *, install: bool) -> int:
    """Print the man page, for `man -l -`; or install it."""
    output = invocation.output
    if not install:
        output.write(man_page())
        return 0
    from stepchat.cli.output import replace_file

    data = Path(invocation.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    path = data / "man" / "man1" / "stepchat.1"
    replace_file(path, man_page())
    output.write_line(f"{path}: written. Read it with: man stepchat")
    return 0


def man_page() -> str:
    """The page in the man macros of roff."""
    from stepchat.cli.main import COMMANDS, chat, load_command

    commands = {name: load_command(name) for name in COMMANDS if name != "ask"}
    lines = [
        f'.TH STEPCHAT 1 "" "stepchat {__version__}" "User Commands"',
        ".SH NAME",
        f"stepchat \\- {_text('the terminal client for reasoning models')}",
        ".SH SYNOPSIS",
        ".B stepchat",
        _text("[OPTIONS] [QUESTION]..."),
        ".br",
        ".B stepchat",
        _text("COMMAND [ARGUMENTS]..."),
        ".SH DESCRIPTION",
        _text(
            "With a question in the arguments or on stdin, stepchat prints the answer and exits; otherwise it opens the chat"
            " window. Every session is saved."
        ),
        ".SH OPTIONS",
        *_options(chat, click.Context(chat, **chat.context_settings)),
        ".PP",
        _text("Each request parameter is an option as well; `stepchat parameters` lists them."),
        ".SH COMMANDS",
        *(line for name, command in commands.items() for line in _command(f"stepchat {name}", command)),
        ".SH EXIT STATUS",
        *_table("shell", "Exit codes"),
        ".SH ENVIRONMENT",
        *_table("config", "Environment variables"),
        ".SH FILES",
        *_definition("~/.config/stepchat/config.toml", "The settings; `stepchat help config` explains them."),
        *_definition("~/.local/share/stepchat/sessions.db", "The sessions."),
        ".SH SEE ALSO",
        _text("The manual is in the program: `stepchat help` lists its pages."),
    ]
    return "\n".join(lines) + "\n"


def _command(title: str, command: click.Command, parent: click.Context | None = None) -> Iterator[str]:
    context = click.Context(command, parent, info_name=title, **command.context_settings)
    usage = " ".join(command.collect_usage_pieces(context))
    yield ".SS " + _text(f"{title} {usage}".replace("[OPTIONS] ", "").replace("[OPTIONS]", "").strip())
    text = (command.help or "").replace("\b\n", "\n")
    for index, paragraph in enumerate(text.split("\n\n")):
        if index:
            yield ".PP"
        yield _text(" ".join(paragraph.split()))
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _command(f"{title} {name}", inner, context)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for option in command.params:
        if isinstance(option, click.Option) and (record := option.get_help_record(context)):
            yield from _definition(*record)


def _definition(term: str, text: str) -> Iterator[str]:
    yield ".TP"
    yield f".B {_text(term)}"
    yield _text(text)


def _table(topic: str, heading: str) -> Iterator[str]:
    """The rows of the table below a heading of the manual."""
    from stepchat.manual import DOCS

    page = (DOCS / f"{topic}.md").read_text("utf-8")
    section = page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ", 1) for line in section.splitlines() if line.startswith("|")]
    for term, text in rows[2:]:
        yield from _definition(_plain(term), _plain(text))


def _plain(markdown: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown).replace("`", "").replace("\\|", "|")


def _text(text: str) -> str:
    """One line that roff prints as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return f"\\&{text}" if text[:1] in {".", "'"} else text

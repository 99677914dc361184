"""A flag for each request parameter, made from the table; and the table as text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.parameters.scopes import Settings
    from stepchat.parameters.table import Parameter

_PREFIX = "parameter_"
_FLAGS = "stepchat.flags"
_OWN_HELP = frozenset({"-h", "--help", "--version"})


class ParameterCommand(click.Command):
    """A command that also takes the flags. They are made when there is anything to parse, and help leaves them out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if any(argument.startswith("--") for argument in args) and not _OWN_HELP.intersection(args):
            from stepchat.parameters.table import PARAMETERS

            ctx.meta[_FLAGS] = [_option(row) for row in PARAMETERS]
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*super().get_params(ctx), *ctx.meta.get(_FLAGS, ())]


def all_flags() -> list[click.Option]:
    """For the shell's completion."""
    from stepchat.parameters.table import PARAMETERS

    return [_option(row, hidden=False) for row in PARAMETERS]


def _option(row: Parameter, *, hidden: bool = True) -> click.Option:
    name = _PREFIX + row.name.replace(".", "__")
    if row.kind == "bool":
        return click.Option([f"{row.flag}/--no-{row.flag[2:]}", name], default=None, hidden=hidden, help=row.help)

    def choices(_context: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
        return [choice for choice in row.choices if choice.startswith(incomplete)]

    return click.Option(
        [row.flag, name], multiple=row.kind == "texts", hidden=hidden, help=row.help, shell_complete=choices
    )


def settings_from_flags(options: Mapping[str, Any]) -> Settings:
    """What the flags said, in the order of the table. Raises UsageError."""
    given = {name: value for name, value in options.items() if name.startswith(_PREFIX) and value not in {None, ()}}
    if not given:
        return ()
    from stepchat.parameters.table import PARAMETERS
    from stepchat.parameters.values import parse_text, parse_value

    found: list[tuple[str, Any]] = []
    for row in PARAMETERS:
        match given.get(_PREFIX + row.name.replace(".", "__")):
            case None:
                continue
            case bool(value):
                found.append((row.name, value))
            case str(value):
                found.append((row.name, parse_text(row.name, value)))
            case (value,):
                found.append((row.name, parse_text(row.name, value)))
            case values:
                found.append((row.name, parse_value(row.name, list(values))))
    return tuple(found)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("words", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def parameters(words: tuple[str, ...], *, as_json: bool) -> int:
    """List the request parameters with flag, range, default and example; with WORDS those that have them.

    Each can be set in config.toml under [parameters], in a profile, as a flag, with --set NAME=VALUE, and in the window
    with /set or /settings.
    """
    from stepchat import lossless_json
    from stepchat.cli.ask import Output, run_guarded
    from stepchat.parameters.docs import as_rows, as_text

    output = Output(sys.stdout, sys.stderr)
    wanted = [word.casefold() for word in words]

    def work() -> int:
        if as_json:
            output.write(lossless_json.dumps(list(as_rows(wanted))) + "\n")
        else:
            output.write(as_text(wanted))
        return 0

    return run_guarded(work, output)

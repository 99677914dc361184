"""A flag for each request parameter, made from the table; and `stepchat parameters`, which prints the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from stepchat.cli.context import HELP, Invocation, WordsCommand, json_option, mark_words, pass_invocation, unmark_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.parameters.scopes import Settings
    from stepchat.parameters.table import Parameter

_PREFIX = "parameter_"
_FLAGS = "stepchat.flags"
_NOT_PARSED_WITH = frozenset({"-h", "--help", "--version"})


class ParameterCommand(click.Command):
    """A command that also accepts the flags, which are made only if there is anything to parse, and hidden in the help."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if any(argument.startswith("--") for argument in args) and not _NOT_PARSED_WITH.intersection(args):
            ctx.meta[_FLAGS] = all_flags(hidden=True)
        rest = super().parse_args(ctx, mark_words(args))
        unmark_words(ctx)
        return rest

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*super().get_params(ctx), *ctx.meta.get(_FLAGS, ())]


def all_flags(*, hidden: bool = False) -> list[click.Option]:
    """The flags of all parameters."""
    from stepchat.parameters.table import PARAMETERS

    return [_flag(row, hidden=hidden) for row in PARAMETERS]


def _flag(row: Parameter, *, hidden: bool) -> click.Option:
    name = _PREFIX + row.name.replace(".", "__")
    if row.kind == "bool":
        return click.Option([f"{row.flag}/--no-{row.flag[2:]}", name], default=None, hidden=hidden, help=row.help)

    def choices(_context: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
        return [choice for choice in row.choices if choice.startswith(incomplete)]

    return click.Option(
        [row.flag, name], multiple=row.kind == "texts", hidden=hidden, help=row.help, shell_complete=choices
    )


def settings_from_flags(options: Mapping[str, Any]) -> Settings:
    """The parameters that were given as flags, in the order of the table. Raises UsageError."""
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


@click.command(cls=WordsCommand, context_settings=HELP)
@click.argument("words", nargs=-1)
@json_option
@pass_invocation
def parameters(invocation: Invocation, words: tuple[str, ...], *, as_json: bool) -> int:
    """List the request parameters: flag, range, default and an example. With WORDS, only those that match.

    Set one in config.toml under [parameters], in a profile, as a flag, with --set NAME=VALUE, or in the window with /set
    or /settings.
    """
    from stepchat.parameters.docs import as_rows, as_text

    wanted = [word.casefold() for word in words]
    if as_json:
        invocation.output.write_json(list(as_rows(wanted)))
    else:
        invocation.output.write(as_text(wanted))
    return 0

"""`stepchat config` and `themes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from stepchat.cli.context import HELP, CommandGroup, Invocation, json_option, pass_invocation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stepchat.config.file import Config
    from stepchat.config.paths import Paths
    from stepchat.errors import ConfigError


@click.group(cls=CommandGroup, context_settings=HELP)
def config() -> None:
    """The settings file: print its path, check it, show it, create it, edit it."""


@config.command("path")
@json_option
@pass_invocation
def config_path(invocation: Invocation, *, as_json: bool) -> int:
    """Print the path of the settings file."""
    from stepchat.config.paths import path_exists

    path, output = invocation.paths.config_file, invocation.output
    if as_json:
        output.write_json({"path": str(path), "exists": path_exists(path)})
    else:
        output.write_line(str(path))
    return 0


@config.command("check")
@json_option
@pass_invocation
def config_check(invocation: Invocation, *, as_json: bool) -> int:
    """Check the settings file. Mistakes are reported with line numbers, and the exit code is 2."""
    from stepchat.cli.output import USAGE
    from stepchat.config.paths import path_exists

    path, output = invocation.paths.config_file, invocation.output
    problems = config_problems(invocation.paths)
    if as_json:
        rows = [{"error": problem.message, "hint": problem.hint} for problem in problems]
        first = rows[0] if rows else {"error": None, "hint": None}
        found = {"path": str(path), "exists": path_exists(path), "valid": not problems}
        output.write_json(found | first | {"problems": rows})
    elif problems:
        for problem in problems:
            output.print_error(problem)
    elif path_exists(path):
        output.write_line(f"{path}: no problems found.")
    else:
        output.write_line(f"{path} does not exist; the defaults apply.")
    return USAGE if problems else 0


@config.command("show")
@json_option
@pass_invocation
def config_show(invocation: Invocation, *, as_json: bool) -> int:
    """Print every setting, its value and what it does."""
    from stepchat import lossless_json
    from stepchat.config.file import SETTINGS, TOOL_SETTINGS

    settings, output = invocation.config, invocation.output
    values: dict[str, Any] = {row.name: getattr(settings, row.name) for row in SETTINGS}
    values["parameters"] = dict(settings.parameters)
    values["tools"] = {row.name: getattr(settings.tools, row.name) for row in TOOL_SETTINGS}
    values["servers"] = {table.name: table.values for table in settings.servers}
    values["prices"] = {table.name: table.values for table in settings.prices}
    values["profiles"] = {
        table.name: {key: dict(value) if key == "parameters" else value for key, value in table.values.items()}
        for table in settings.profiles
    }
    values["mcp"] = {table.name: _without_values(table.values) for table in settings.mcp}
    if as_json:
        output.write_json(values)
        return 0
    helps = {row.name: row.help for row in SETTINGS}
    for name, value in values.items():
        if name in helps or value:
            output.write_line(f"{f'{name} = {lossless_json.dumps(value)}':50}  {helps.get(name, '')}".rstrip())
    return 0


def _without_values(server: dict[str, Any]) -> dict[str, Any]:
    """The settings of an MCP server without the values of variables and headers, which may be keys."""
    return {key: dict.fromkeys(value, "…") if key in {"env", "headers"} else value for key, value in server.items()}


@config.command("init")
@pass_invocation
def config_init(invocation: Invocation) -> int:
    """Write a settings file with every setting, its default and what it does, all commented out."""
    from stepchat.config.file import default_file
    from stepchat.config.paths import path_exists, write_private
    from stepchat.errors import StepchatError, UsageError

    path = invocation.paths.config_file
    if path_exists(path):
        raise UsageError(f"{path} already exists.", "To change it: stepchat config edit")
    if not write_private(path, default_file().encode()):
        raise StepchatError(f"Cannot write {path}.", "Check its permissions and free space.")
    invocation.output.write_line(f"{path}: written. To change it: stepchat config edit")
    return 0


@config.command("edit")
@pass_invocation
@click.pass_context
def config_edit(context: click.Context, invocation: Invocation) -> int:
    """Open the settings file in $VISUAL or $EDITOR, and check it afterwards."""
    path = invocation.paths.config_file
    edit_file(path, invocation.environ)
    return context.invoke(config_check, as_json=False)


def edit_file(path: Path, environ: Mapping[str, str]) -> None:
    """Open a file in the user's editor and wait. Raises StepchatError."""
    import subprocess

    from stepchat.chat.editor import editor_command
    from stepchat.errors import StepchatError

    command = editor_command(environ)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        code = subprocess.run([*command, path], check=False).returncode
    except OSError as error:
        raise StepchatError(f"Cannot edit {path}: {error.strerror}.", "Set $VISUAL or $EDITOR.") from None
    if code:
        raise StepchatError(f"{command[0]} ended with exit code {code}.")


def config_problems(paths: Paths) -> list[ConfigError]:
    """Everything that is wrong in config.toml, in the order of its lines."""
    from stepchat.config.file import find_problems

    path = paths.config_file
    return find_problems(path, theme_names(paths), _tool_names(paths), lambda config: _key_errors(config, path))


def _key_errors(settings: Config, path: Path) -> list[ConfigError]:
    """The problems of [keys] as errors with line numbers."""
    if not settings.keys:
        return []
    from stepchat.tui import keymap
    from stepchat.tui.commands import KEY_ROWS

    return keymap.key_errors(keymap.build_keymap(KEY_ROWS, settings.keys), path)


def _tool_names(paths: Paths) -> list[str]:
    """The names of all tools; none if there are files of the user's own, which may have any."""
    import asyncio

    from stepchat.tools.sources import ToolSources

    # Without the approvals, every such file is waiting for one, and nothing is started.
    sources = ToolSources(user_folder=paths.user_tools, logs=paths.mcp, files=paths.results)
    found = asyncio.run(sources.tools(()))
    return [] if sources.waiting or sources.problems else [tool.name for tool in found]


def theme_names(paths: Paths) -> list[str]:
    from stepchat.tui.themes import find_themes

    # A faulty theme file is reported where themes are listed and used.
    return list(find_themes(paths.user_themes, lambda _: None))


@click.command(context_settings=HELP)
@json_option
@pass_invocation
def themes(invocation: Invocation, *, as_json: bool) -> int:
    """List the themes, and where to put your own."""
    from stepchat.tui.themes import find_themes

    output = invocation.output

    def report(error: ConfigError) -> None:
        output.print_error(error)

    folder = invocation.paths.user_themes
    found = list(find_themes(folder, report))
    if as_json:
        output.write_json(found)
        return 0
    for name in found:
        output.write_line(name)
    output.print_notice(f"Your own themes go to {folder}.")
    return 0

"""`stepchat doctor`, `config` and `themes`: what is wrong and how to mend it, what is set, what there is."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from stepchat.cli.login import HELP, base_url_option, refuse_two_servers, server_option
from stepchat.cli.models import as_json_option

if TYPE_CHECKING:
    from stepchat.config.paths import Paths
    from stepchat.errors import ConfigError

MARKS = {"good": "ok", "odd": "--", "broken": "!!"}


@click.command(context_settings=HELP)
@as_json_option
@server_option
@base_url_option
def doctor(*, as_json: bool, server: str | None, base_url: str | None) -> int:
    """Look at terminal, settings, key, server, models and sessions. Ends with 1 when something is broken."""
    from dataclasses import asdict

    from stepchat import lossless_json
    from stepchat.chat.doctor import run_checks
    from stepchat.config.paths import find_paths
    from stepchat.text.sanitize import sanitize_for_display

    refuse_two_servers(base_url, server)
    paths = find_paths(os.environ)
    checks = run_checks(paths, os.environ, _theme_names(paths), base_url, server)
    found: list[Any] = []
    for check in checks:
        found.append(check)
        if not as_json:
            click.echo(f"{MARKS[check.state]}  {check.name:10} {sanitize_for_display(check.words)}")
            if check.mend:
                click.echo(f"{'':15}{sanitize_for_display(check.mend)}")
    if as_json:
        click.echo(lossless_json.dumps([asdict(check) for check in found]))
    return int(any(check.state == "broken" for check in found))


@click.group(context_settings=HELP)
def config() -> None:
    """The settings file: where it is, whether it is right, what it sets. stepchat never writes it."""


@config.command("path")
@as_json_option
def config_path(*, as_json: bool) -> int:
    """Where it is looked for."""
    from stepchat import lossless_json
    from stepchat.config.paths import find_paths, path_exists

    path = find_paths(os.environ).config_file
    click.echo(lossless_json.dumps({"path": str(path), "exists": path_exists(path)}) if as_json else str(path))
    return 0


@config.command("check")
@as_json_option
def config_check(*, as_json: bool) -> int:
    """Read it; what is wrong is named with its line, and the exit code is 2."""
    from stepchat import lossless_json
    from stepchat.chat.connection import configured_prices, known_servers
    from stepchat.config.file import read_strict
    from stepchat.config.paths import find_paths, path_exists
    from stepchat.errors import StepchatError

    paths = find_paths(os.environ)
    path = paths.config_file
    wrong: StepchatError | None = None
    try:
        settings = read_strict(path, _theme_names(paths))
        known_servers(settings)
        configured_prices(settings)
    except StepchatError as error:
        if not as_json:
            raise
        wrong = error
    if as_json:
        found = {"path": str(path), "exists": path_exists(path), "right": wrong is None}
        told = {"error": None, "hint": None} if wrong is None else {"error": wrong.message, "hint": wrong.hint}
        click.echo(lossless_json.dumps(found | told))
        return 0 if wrong is None else 2
    click.echo(f"{path} is right." if path_exists(path) else f"{path} is not there; the defaults apply.")
    return 0


def _theme_names(paths: Paths) -> list[str]:
    from stepchat.tui.themes import find_themes

    # What is wrong with a theme's file is told where themes are listed and used.
    return list(find_themes(paths.user_themes, lambda _: None))


@config.command("show")
@as_json_option
def config_show(*, as_json: bool) -> int:
    """Every setting with its value and what it means."""
    from stepchat import lossless_json
    from stepchat.config.file import SETTINGS, read_config
    from stepchat.config.paths import find_paths
    from stepchat.text.sanitize import sanitize_for_display

    settings = read_config(find_paths(os.environ).config_file)
    values = {row.name: getattr(settings, row.name) for row in SETTINGS}
    values["parameters"] = dict(settings.parameters)
    values["servers"] = {table.name: table.values for table in settings.servers}
    values["prices"] = {table.name: table.values for table in settings.prices}
    values["profiles"] = {
        table.name: {key: dict(value) if key == "parameters" else value for key, value in table.values.items()}
        for table in settings.profiles
    }
    if as_json:
        click.echo(lossless_json.dumps(values))
        return 0
    helps = {row.name: row.help for row in SETTINGS}
    for name, value in values.items():
        if name in helps or value:
            click.echo(
                sanitize_for_display(f"{name} = {lossless_json.dumps(value)}").ljust(50)
                + f"  {helps.get(name, '')}".rstrip()
            )
    return 0


@click.command(context_settings=HELP)
@as_json_option
def themes(*, as_json: bool) -> int:
    """The themes there are, and where one's own go."""
    from stepchat import lossless_json
    from stepchat.config.paths import find_paths
    from stepchat.tui.themes import find_themes

    def report(error: ConfigError) -> None:
        print(f"stepchat: {error}", file=sys.stderr)

    folder = find_paths(os.environ).user_themes
    found = find_themes(folder, report)
    if as_json:
        click.echo(lossless_json.dumps(list(found)))
        return 0
    for name in found:
        click.echo(name)
    print(f"Your own go to {folder}.", file=sys.stderr)
    return 0

"""`stepchat doctor`: checks the setup."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stepchat.cli.completion import server_option
from stepchat.cli.context import (
    HELP,
    Invocation,
    base_url_option,
    json_option,
    pass_invocation,
    reject_two_servers,
)

if TYPE_CHECKING:
    from stepchat.chat.doctor import Check

MARKS = {"good": ("ok", "32"), "odd": ("--", "33"), "broken": ("!!", "1;31")}
"""By state: the mark, and the SGR codes of its colour."""


@click.command(context_settings=HELP)
@json_option
@server_option
@base_url_option
@pass_invocation
def doctor(invocation: Invocation, *, as_json: bool, server: str | None, base_url: str | None) -> int:
    """Check terminal, settings, key, server, models and sessions, and suggest fixes. Exits with 1 if something is broken."""
    from stepchat.chat.doctor import run_checks
    from stepchat.cli.config import config_problems

    reject_two_servers(base_url, server)
    paths, output = invocation.paths, invocation.output
    found: list[Check] = []
    for check in run_checks(paths, invocation.environ, config_problems, base_url, server):
        found.append(check)
        if not as_json:
            output.write(output.styled(*MARKS[check.state]))
            output.write_line(f"  {check.name:10} {check.message}")
            for line in check.fix.split("\n") if check.fix else ():
                output.write_line(f"{'':15}{line}")
    if as_json:
        rows = [{"name": row.name, "state": row.state, "message": row.message, "fix": row.fix} for row in found]
        output.write_json(rows)
    return int(any(check.state == "broken" for check in found))

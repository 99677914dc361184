"""`stepchat usage`: tokens and cost."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import click

from stepchat.cli.context import HELP, Invocation, json_option, pass_invocation

if TYPE_CHECKING:
    from stepchat.chat.spending import Totals
    from stepchat.messages import Json
    from stepchat.sessions.spending import Spent
    from stepchat.sessions.store import SessionStore


@click.command(context_settings=HELP)
@json_option
@pass_invocation
def usage(invocation: Invocation, *, as_json: bool) -> int:
    """Show tokens and cost: today, the last 7 days, the last 30 days, in total; by model and by day."""
    from stepchat.chat.connection import DEMO
    from stepchat.chat.spending import periods, price_lookup, spending_report

    with invocation.connected() as connection:
        connection.catalogue.read()
        prices = price_lookup(connection.catalogue, connection.server)
    output = invocation.output

    async def work(store: SessionStore) -> None:
        rows = [row for row in await store.spending() if row.server != DEMO]
        today = date.today()  # noqa: DTZ011 - the user's own day
        if as_json:
            totals = {name.replace(" ", "_"): _totals_json(one) for name, one in periods(rows, today, prices)}
            output.write_json({"periods": totals, "days": [_day_json(row) for row in rows]})
            return
        for line in spending_report(rows, today, prices):
            output.write_line(line.text.rstrip())

    return invocation.with_store(work, reading=True)


def _totals_json(totals: Totals) -> Json:
    names = ("answers", "prompt", "cached", "completion", "reasoning", "estimated", "unknown")
    return {name: getattr(totals, name) for name in names} | {"cost": f"{totals.cost:f}"}


def _day_json(row: Spent) -> Json:
    names = ("day", "model", "server", "answers", "prompt", "cached", "completion", "reasoning")
    return {name: getattr(row, name) for name in names} | {
        "cost": f"{row.cost:f}",
        "without_cost": row.open_answers,
    }

"""Commands about money: what was spent, what is left."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from stepchat.chat.connection import DEMO
from stepchat.chat.spending import WIDTH, format_balance, price_lookup, spending_report
from stepchat.concurrency import run_in_daemon
from stepchat.errors import StepchatError
from stepchat.servers.api import fetch_balance
from stepchat.tui.chat import notices
from stepchat.tui.commands.command import Command
from stepchat.tui.dialogs.report import TextDialog

if TYPE_CHECKING:
    from stepchat.tui.commands.command import Chat


async def usage(chat: Chat, _argument: str) -> None:
    workspace = chat.workspace
    demo = workspace.server == DEMO
    rows = [row for row in await workspace.store.spending() if (row.server == DEMO) == demo]

    prices = price_lookup(workspace.catalogue, workspace.server)
    today = date.today()  # noqa: DTZ011 - the person's own day
    screen = TextDialog(
        "What was spent in the demo" if demo else "What was spent",
        lambda width: spending_report(rows, today, prices, min(WIDTH, width)),
    )
    await chat.app.push_screen_wait(screen)


async def balance(chat: Chat, _argument: str) -> None:
    client = chat.workspace.client
    if not client.backend.has_accounts:
        raise StepchatError(f"{client.backend.title} tells no balance.", "/usage shows what was spent.")
    chat.tell("Asking for the balance …")
    found = await run_in_daemon(fetch_balance, client)
    notices.say(chat, format_balance(found))


COMMANDS: tuple[Command, ...] = (
    Command("usage", "What was spent, by model and day", usage),
    Command("balance", "What is left on the key", balance),
)

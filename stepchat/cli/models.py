"""`stepchat models`, `servers` and `usage`: who can be asked, and what it cost. Each has --json."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from stepchat.cli.login import HELP, base_url_option, refuse_two_servers, server_option

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from decimal import Decimal

    from stepchat.catalogue.models import Model, Prices
    from stepchat.chat.connection import Connection, ServerConfig
    from stepchat.chat.spending import Totals
    from stepchat.messages import Json
    from stepchat.servers.probe import ProbeResult
    from stepchat.sessions.spending import Spent

as_json_option = click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")


@click.command(context_settings=HELP)
@click.argument("words", nargs=-1)
@click.option("--fresh", is_flag=True, help="Ask the server, even if the list on disk is new.")
@as_json_option
@server_option
@base_url_option
def models(words: tuple[str, ...], *, fresh: bool, as_json: bool, server: str | None, base_url: str | None) -> int:
    """The models of a server: USD per million tokens in and out, context, whether they think, call tools, see images."""
    from stepchat.errors import StepchatError

    with _connected(base_url, server) as connection:
        catalogue = connection.catalogue
        catalogue.read()
        if (fresh or catalogue.stale) and not catalogue.refresh():
            trouble = catalogue.error or StepchatError("The server gives no list of models.")
            if fresh or not catalogue.models:
                raise trouble
            from stepchat.text.sanitize import sanitize

            print(sanitize(f"stepchat: The list is an old one. {trouble}"), file=sys.stderr)
    found = catalogue.search(" ".join(words))
    if as_json:
        _put_json([_model_json(model) for model in found])
        return 0
    if not found:
        print("No model has these words." if words else "The server names no models.", file=sys.stderr)
    for model in found:
        _put(_model_line(model, max(len(one.id) for one in found)))
    return 0


def _model_line(model: Model, width: int) -> str:
    from stepchat.catalogue.models import format_context_length, format_price_per_million

    abilities = (("think", model.supports_reasoning), ("tools", model.supports_tools), ("image", model.supports_images))
    facts = f"{format_price_per_million(model.prices.prompt):>8}{format_price_per_million(model.prices.completion):>8}"
    return f"{model.id:{min(width, 60)}}{facts}{format_context_length(model.context_length):>8}  " + " ".join(
        word if able else " " * len(word) for word, able in abilities
    )


def _model_json(model: Model) -> Json:
    prices = model.prices
    reasoning = model.reasoning
    return {
        "id": model.id,
        "name": model.name,
        "description": model.description,
        "created": model.created,
        "context_length": model.context_length,
        "could_take": model.max_context_length,
        "max_completion_tokens": model.max_completion_tokens,
        "input_modalities": list(model.input_modalities),
        "output_modalities": list(model.output_modalities),
        # Text, as the server gives them: floats would round.
        "prices": {
            name: f"{price:f}"
            for name in ("prompt", "completion", "cache_read", "cache_write", "reasoning", "request", "image")
            if (price := _price(prices, name)) is not None
        },
        "supported_parameters": sorted(model.supported_parameters),
        "reasoning": None
        if reasoning is None
        else {
            "mandatory": reasoning.mandatory,
            "default_enabled": reasoning.default_enabled,
            "supported_efforts": list(reasoning.supported_efforts),
            "default_effort": reasoning.default_effort,
            "supports_max_tokens": reasoning.supports_max_tokens,
        },
    }


def _price(prices: Prices, name: str) -> Decimal | None:
    price: Decimal | None = getattr(prices, name)
    return price


@click.command(context_settings=HELP)
@click.option("--no-probe", is_flag=True, help="Only the names; ask none of them.")
@as_json_option
def servers(*, no_probe: bool, as_json: bool) -> int:
    """The servers that --server knows, and which of them are there."""
    from concurrent.futures import ThreadPoolExecutor

    from stepchat.chat.connection import connect, known_servers
    from stepchat.config.file import read_config
    from stepchat.config.paths import find_paths
    from stepchat.errors import StepchatError, as_sentence
    from stepchat.servers.probe import ProbeResult, probe

    paths = find_paths(os.environ)
    config = read_config(paths.config_file)

    def ask(place: ServerConfig) -> tuple[str | None, ProbeResult, str]:
        """Where its key is, whether it is there, and what to do about that."""
        try:
            connection = connect(place, paths, config, os.environ)
        except StepchatError as error:
            # Of its key: the others are told all the same.
            return None, ProbeResult(None, as_sentence(error.message)), error.hint
        reach = ProbeResult(None, "") if no_probe else probe(connection.client)
        hint = place.backend.start_hint if reach.reachable is False else ""
        return None if connection.key is None else connection.key.source, reach, hint

    known = known_servers(config)
    with ThreadPoolExecutor(len(known)) as pool:
        found = list(pool.map(ask, known))
    if as_json:
        _put_json([_server_json(place, key, reach) for place, (key, reach, _) in zip(known, found, strict=True)])
        return 0
    for place, (_, reach, hint) in zip(known, found, strict=True):
        words = f"{as_sentence(reach.message)} {hint}" if hint else reach.message
        _put(f"{place.name:12}  {place.base_url:34}  {words}".rstrip())
    return 0


def _server_json(place: ServerConfig, key: str | None, reach: ProbeResult) -> Json:
    return {
        "name": place.name,
        "base_url": place.base_url,
        "kind": place.backend.name,
        "key": key,
        "reachable": reach.reachable,
        "says": reach.message,
    }


@click.command(context_settings=HELP)
@as_json_option
def usage(*, as_json: bool) -> int:
    """What was spent: today, in 7 days, in 30 days, in all; by model and by day."""
    import asyncio
    from datetime import date

    from stepchat.chat.connection import DEMO
    from stepchat.chat.spending import periods, price_lookup, spending_report

    with _connected(None, None) as connection:
        connection.catalogue.read()
        prices = price_lookup(connection.catalogue, connection.server)
    rows = [row for row in asyncio.run(_spent()) if row.server != DEMO]
    today = date.today()  # noqa: DTZ011 - the person's own day
    if as_json:
        sums = {name.replace(" ", "_"): _sum_json(one) for name, one in periods(rows, today, prices)}
        _put_json({"periods": sums, "days": [_spent_json(row) for row in rows]})
        return 0
    for line in spending_report(rows, today, prices):
        _put(line.text.rstrip())
    return 0


async def _spent() -> Sequence[Spent]:
    from stepchat.cli.context import open_store
    from stepchat.config.paths import find_paths

    store = open_store(find_paths(os.environ))
    try:
        return await store.spending.all()
    finally:
        await store.close()


def _sum_json(one: Totals) -> Json:
    names = ("answers", "prompt", "cached", "completion", "reasoning", "estimated", "unknown")
    return {name: getattr(one, name) for name in names} | {"cost": f"{one.cost:f}"}


def _spent_json(row: Spent) -> Json:
    names = ("day", "model", "server", "answers", "prompt", "cached", "completion", "reasoning")
    return {name: getattr(row, name) for name in names} | {
        "cost": f"{row.cost:f}",
        "without_cost": row.open_answers,
    }


@contextmanager
def _connected(base_url: str | None, server: str | None) -> Generator[Connection]:
    from stepchat.chat.connection import connect, connect_demo, default_server, is_demo
    from stepchat.config.file import read_config
    from stepchat.config.paths import find_paths

    refuse_two_servers(base_url, server)
    paths = find_paths(os.environ)
    config = read_config(paths.config_file)
    with ExitStack() as stack:
        if is_demo(config, os.environ, base_url, server):
            from stepchat.demo.server import DemoServer

            connection = connect_demo(stack.enter_context(DemoServer()).url, paths, config)
        else:
            connection = connect(default_server(config, os.environ, base_url, server), paths, config, os.environ)
        stack.callback(connection.client.close)
        yield connection


def _put(text: str) -> None:
    from stepchat.text.sanitize import sanitize_for_display

    click.echo(sanitize_for_display(text))


def _put_json(value: Any) -> None:
    from stepchat import lossless_json

    click.echo(lossless_json.dumps(value))

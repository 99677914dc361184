"""`stepchat models` and `stepchat servers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stepchat.cli.completion import server_option
from stepchat.cli.context import (
    HELP,
    Invocation,
    WordsCommand,
    base_url_option,
    json_option,
    pass_invocation,
)
from stepchat.errors import StepchatError, as_sentence

if TYPE_CHECKING:
    from decimal import Decimal

    from stepchat.catalogue.models import Model, Prices
    from stepchat.chat.connection import ServerConfig
    from stepchat.messages import Json
    from stepchat.servers.probe import ProbeResult


@click.command(cls=WordsCommand, context_settings=HELP)
@click.argument("words", nargs=-1)
@click.option("--fresh", is_flag=True, help="Refetch the list, even if the stored one is recent.")
@json_option
@server_option
@base_url_option
@pass_invocation
def models(
    invocation: Invocation,
    words: tuple[str, ...],
    *,
    fresh: bool,
    as_json: bool,
    server: str | None,
    base_url: str | None,
) -> int:
    """List a server's models: USD per million input and output tokens, context window, and whether they support
    reasoning, tools and images. With WORDS, only the models that match.
    """
    output = invocation.output
    with invocation.connected(base_url, server) as connection:
        catalogue = connection.catalogue
        catalogue.read()
        if (fresh or catalogue.stale) and not catalogue.refresh():
            error = catalogue.error or StepchatError("The server has no list of models.")
            if fresh or not catalogue.models:
                raise error
            output.print_notice(f"This list is out of date. {error}")
    found = catalogue.search(" ".join(words))
    if as_json:
        output.write_json([_model_json(model) for model in found])
        return 0
    if not found:
        output.print_notice("No matching model." if words else "The server lists no models.")
    width = max([len("model"), *(len(model.id) for model in found)])
    if found:
        head = f"{'model':{min(width, 60)}}{'$/M in':>8}{'$/M out':>8}{'context':>8}  supports"
        output.write(f"{output.styled(head, '1')}\n")
    for model in found:
        output.write_line(_model_line(model, width))
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
        # As text, like the server's, because floats would be rounded.
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
@click.option("--no-probe", is_flag=True, help="Only list the names; contact no server.")
@json_option
@pass_invocation
def servers(invocation: Invocation, *, no_probe: bool, as_json: bool) -> int:
    """List the servers that --server accepts, and which of them are running."""
    from concurrent.futures import ThreadPoolExecutor

    from stepchat.chat.connection import connect, known_servers
    from stepchat.servers.probe import ProbeResult, probe

    paths, config = invocation.paths, invocation.config

    def check(server: ServerConfig) -> tuple[str | None, ProbeResult, str]:
        """Check a server: where its key comes from, whether it can be reached, and what to do if not."""
        try:
            connection = connect(server, paths, config, invocation.environ)
        except StepchatError as error:
            # The key of this server cannot be used; the others are still checked.
            return None, ProbeResult(None, as_sentence(error.message)), error.hint
        result = ProbeResult(None, "") if no_probe else probe(connection.client)
        hint = server.backend.start_hint if result.reachable is False else ""
        return None if connection.key is None else connection.key.source, result, hint

    known = known_servers(config)
    with ThreadPoolExecutor(len(known)) as pool:
        found = list(pool.map(check, known))
    output = invocation.output
    if as_json:
        output.write_json(
            [_server_json(server, key, result) for server, (key, result, _) in zip(known, found, strict=True)]
        )
        return 0
    for server, (_, result, hint) in zip(known, found, strict=True):
        status = f"{as_sentence(result.message)} {hint}" if hint else result.message
        output.write_line(f"{server.name:12}  {server.base_url:34}  {status}".rstrip())
    return 0


def _server_json(server: ServerConfig, key: str | None, result: ProbeResult) -> Json:
    return {
        "name": server.name,
        "base_url": server.base_url,
        "kind": server.backend.name,
        "key": key,
        "reachable": result.reachable,
        "says": result.message,
    }

"""`stepchat demo-server`."""

from __future__ import annotations

import sys

import click

from stepchat.cli.context import HELP
from stepchat.demo.local_servers import LOCAL_SERVERS
from stepchat.demo.server import DemoServer


@click.command(context_settings=HELP)
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="The port on 127.0.0.1; 0 for any that is free.")
@click.option("--speed", type=click.FloatRange(0), help="Tokens per second; 0 for as fast as possible.")
@click.option(
    "--imitate",
    type=click.Choice([row.name for row in LOCAL_SERVERS]),
    help="Act like this local server instead of OpenRouter.",
)
@click.option(
    "--window", default=4096, type=click.IntRange(1), help="With --imitate: the models' context window, in tokens."
)
def demo_server(*, port: int, speed: float | None, imitate: str | None, window: int) -> int:
    """Run the demo server alone, for any client. It is compatible with OpenRouter and listens on this machine only."""
    with DemoServer(port=port, speed=speed, imitates=imitate, window=window) as server:
        print(f"{server.url}", flush=True)
        print("Any key works. Ctrl+C stops the server. GET /demo/requests lists what it received.", file=sys.stderr)
        try:
            server.wait()
        except KeyboardInterrupt:
            return 0
    return 0

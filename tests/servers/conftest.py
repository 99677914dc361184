from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stepchat.demo.server import DemoServer
from tests.servers.turns import client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepchat.servers.client import Client


@pytest.fixture
def demo() -> Iterator[DemoServer]:
    with DemoServer(speed=0) as server:
        yield server


@pytest.fixture
def to_demo(demo: DemoServer) -> Iterator[Client]:
    opened = client(demo.url)
    yield opened
    opened.close()

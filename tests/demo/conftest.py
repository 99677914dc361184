from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from stepchat.demo.server import DemoServer

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-or-test-4711"


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(speed=0) as running:
        yield running


@pytest.fixture
def client(server: DemoServer) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=10) as opened:
        yield opened

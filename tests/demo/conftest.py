from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from stepchat.demo.server import DemoServer

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-or-test-4711"


def plain_client(**more: Any) -> httpx.Client:
    # An empty TLS context: loading the certificates of the machine takes longer than most of these tests.
    return httpx.Client(trust_env=False, timeout=10, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), **more)


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(speed=0) as running:
        yield running


@pytest.fixture
def client(server: DemoServer) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {KEY}"}
    with plain_client(base_url=server.url, headers=headers) as opened:
        yield opened

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.config.paths import Paths
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    home = tmp_path / "home"
    return Paths(home, home, home)


@pytest.fixture
async def store(paths: Paths) -> AsyncIterator[SessionStore]:
    store = SessionStore.open(paths, accumulate=accumulate)
    yield store
    await store.close()

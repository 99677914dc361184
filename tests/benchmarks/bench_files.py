"""The file picker with 100,000 files: `pytest -m benchmark -n 0 -s tests/benchmarks/bench_files.py`."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from stepchat.attachments.listing import list_files, search_files
from stepchat.demo.server import DemoServer
from tests.tui.window import wait_until, window

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.benchmark

FOLDERS, FILES = 1_000, 100
LONGEST_STALL = 0.25
"""Seconds for which no key is handled. Listing and searching run in threads, which share the interpreter with the window."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("many")
    (root / ".gitignore").write_text("*.pyc\nbuild/\n/dist\n")
    for number in range(FOLDERS):
        folder = root / f"package{number // 10}" / f"module{number % 10}"
        folder.mkdir(parents=True)
        for name in range(FILES):
            (folder / f"file_{name}.py").touch()
    return root


def test_listing_and_searching(root: Path) -> None:
    begun = time.perf_counter()
    iterator = list_files(root)
    next(iterator)
    first = time.perf_counter() - begun
    paths = [*iterator]
    print(f"\nfirst file after {first * 1000:.1f} ms, {len(paths):,} files after {time.perf_counter() - begun:.2f} s")
    for typed in ("f", "file_7", "package99 file_12", "p9m3f12", "zzz"):
        begun = time.perf_counter()
        found = search_files(paths, typed)
        print(f"{typed!r}: {len(found):,} found in {(time.perf_counter() - begun) * 1000:.0f} ms")


async def test_the_window_never_stalls(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await pilot.pause(1)
            lags: list[float] = []
            watch = asyncio.create_task(_watch(lags))
            await pilot.pause(1)
            before = max(lags)
            lags.clear()
            await pilot.press("@")
            for key in "package42 file7":
                await pilot.press("space" if key == " " else key)
            await wait_until(pilot, "package42/module0/file_7.py", 20)
            watch.cancel()
            usual = sorted(lags)[len(lags) // 2]
            print(
                f"\nlongest stall {max(lags) * 1000:.0f} ms, median {usual * 1000:.1f} ms; {before * 1000:.0f} ms when idle"
            )
            assert max(lags) < LONGEST_STALL


async def _watch(lags: list[float]) -> None:
    """Note by how much the event loop is late."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(0.01)
        lags.append(time.perf_counter() - begun - 0.01)

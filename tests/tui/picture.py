"""Draws README's picture from the real window: python -m tests.tui.picture .github/stepchat.svg [theme]"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path

from stepchat.demo.server import DemoServer
from tests.tui.window import branch, busy, say, wait_until, window

SIZE = (100, 42)
QUESTION = "How many primes are there below 10,000, and how would you count them?"


async def draw(theme: str) -> str:
    """The window after one answer, its reasoning folded."""
    with tempfile.TemporaryDirectory() as home, DemoServer(speed=190) as server:
        async with window(Path(home), server, size=SIZE, theme=theme) as pilot:
            await say(pilot, QUESTION)
            await wait_until(pilot, lambda: len(branch(pilot)) == 2 and not busy(pilot))
            await pilot.pause(0.3)
            return bare(pilot.app.export_screenshot(title="stepchat"))


def bare(svg: str) -> str:
    """The picture, loading nothing from anywhere."""
    svg = svg.replace("<!-- Generated with Rich https://www.textualize.io -->", "")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code,", "").replace("font-family: Fira Code;", "font-family: monospace;")


if __name__ == "__main__":
    target, theme = sys.argv[1], (sys.argv[2:] or ["dark"])[0]
    Path(target).write_text(asyncio.run(draw(theme)), encoding="utf-8")

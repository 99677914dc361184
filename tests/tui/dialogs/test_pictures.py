"""What the tree and the comparison look like as text, in a usual and in a small window.

Draw them anew, and read the difference: python -m tests.tui.dialogs.test_pictures
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest

from stepchat.messages import AssistantMessage, StoredMessage, Timing, Usage, UserMessage
from stepchat.tui.dialogs.compare import CompareScreen
from stepchat.tui.dialogs.tree import TreeScreen
from stepchat.tui.themes import choose_theme, palette
from tests.tui.screen import screen_rows
from tests.tui.window import window

PICTURES = Path(__file__).with_name("pictures")
THEME = choose_theme("dark", Path("no such folder"), lambda _: None)
SIZES = ((110, 32), (60, 16))
NOW = 1_800_000_000.0


def question(identity, parent, text, ago):
    return StoredMessage(identity, "s", parent, UserMessage(text, NOW - ago))


def answer(identity, parent, text, ago, tokens=310, **rest):
    usage = Usage(
        {"completion_tokens": tokens, "completion_tokens_details": {"reasoning_tokens": 200}, "cost": 0.00045}
    )
    timing = Timing(NOW - ago, first_reasoning=0.4, first_text=3.4, ended=5.0)
    message = AssistantMessage(
        text=text, reasoning="Let me think.", model="stepfun/step-3.5-flash", provider="StepFun", usage=usage,
        timing=timing, **rest,
    )  # fmt: skip
    return StoredMessage(identity, "s", parent, message)


TREE = (
    question("q1", None, "How many primes are there below 10,000?", 7200),
    answer("a1", "q1", "There are **1,229**. The sieve of Eratosthenes counts them.", 7190),
    question("q2", "a1", "And below a million?", 3600),
    answer("a2", "q2", "78,498.", 3590, parameters={"temperature": 0.5}),
    answer("b1", "q1", "1,229 primes, by the sieve.", 1800),
    question("p2", "b1", "Count them in Python, please", 1700),
    answer("b2", "p2", "```python\nprint(1229)\n```", 1690),
    answer("c2", "q2", "There are 78,498 of them.", 90, tokens=420),
)


def screen(name, app):
    if name == "tree":
        return TreeScreen(TREE, "c2", None, lambda: NOW)
    return CompareScreen([TREE[3], TREE[7]], (0, 1), "c2", palette(THEME), lambda _: None)


async def draw(name, size):
    with tempfile.TemporaryDirectory() as home:
        async with window(Path(home), None, size=size) as pilot:
            pilot.app.screen.query_one("#welcome").display = False
            pilot.app.push_screen(screen(name, pilot.app.screen))
            for _ in range(3):
                await pilot.pause(0.02)
            return "\n".join(screen_rows(pilot.app)) + "\n"


def place(name, size):
    return PICTURES / f"{name}-{size[0]}x{size[1]}.txt"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["tree", "compare"])
async def test_it_looks_as_before(name, size):
    assert await draw(name, size) == place(name, size).read_text("utf-8")


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for name in ("tree", "compare"):
        for size in SIZES:
            place(name, size).write_text(asyncio.run(draw(name, size)), "utf-8")

"""What every kind of thing looks like, cell by cell, in each shipped theme: the text, below it a letter for each cell's style.

Draw them anew, and read the difference: python -m tests.tui.test_looks [picture.svg theme]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from stepchat.messages import Failure, ToolCall
from tests.transcript.chat import answered, asked, tool
from tests.tui.picture import bare
from tests.tui.screen import screen_cells, screen_rows
from tests.tui.window import window

LOOKS = Path(__file__).with_name("looks")
THEMES = ("dark", "light", "high-contrast", "ansi", "mono")
SIZE = (80, 66)
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

MARKDOWN = """\
## Heading

Plain, *emphasis*, **strength**, ~~second thoughts~~, `code`, [a link](https://example.com) and $a^2 + b^2$.

1. one
   - deeper, and long enough that the line has to be wrapped at eighty columns of width
     - [x] done
     - [ ] not done
2. two

> A quotation.
> > In a quotation.

```python
def count(n: int) -> int:  # a comment
    return sum(1 for prime in primes(n) if prime)  # long enough for two rows on this screen
```

| name | value | note |
| :--- | ----: | :--: |
| river | 5 | running water |
| 河川 | 1,204 | the same in Japanese, with so long a note that its cell has to be wrapped |

---

<b>HTML is shown as text</b>
"""


def messages():
    """One of each: prompt, folded and open reasoning, every block, a tool, an answer that was stopped, one that failed."""
    failed = answered("Half of", stop="error", error=Failure(502, "The provider is down.", "Ask again."))
    shown = [
        asked("A question\nof two lines"),
        answered(MARKDOWN, "Thoughts that are folded."),
        asked("And with tools?"),
        answered(
            "",
            "Thoughts that are **open**.",
            tool_calls=(ToolCall("c", "get_time", '{"zone":"UTC"}'),),
            stop="tool_calls",
        ),
        tool("2026-01-01 12:00"),
        answered("", "Hm.", stop="cancelled", folded=True),
        failed,
    ]
    return [replace(message, id=f"m{place}") for place, message in enumerate(shown)]


async def draw(theme: str) -> tuple[str, str]:
    """The screen as text and styles, and as a picture."""
    with tempfile.TemporaryDirectory() as home:
        async with window(Path(home), None, size=SIZE, theme=theme) as pilot:
            screen = pilot.app.screen
            screen.view.show(messages())
            screen.query_one("#welcome").display = False
            await pilot.pause(0.1)
            while screen.view.document.layout.has_work:
                await pilot.pause(0.05)
            rows = screen_rows(pilot.app)
            styles = [[str(cell.style) for cell in screen_cells(pilot.app, row)] for row in range(SIZE[1])]
            svg = bare(pilot.app.export_screenshot(title=f"stepchat in {theme}"))
    return look(rows, styles), svg


def look(rows: list[str], styles: list[list[str]]) -> str:
    """Text and styles of each row, and what the letters mean."""
    known: dict[str, str] = {}
    lines: list[str] = []
    for row, cells in zip(rows, styles, strict=True):
        for style in cells:
            known.setdefault(style, LETTERS[len(known)])
        runs = [(letter, len(list(run))) for letter, run in groupby(known[style] for style in cells)]
        lines += [f"  {row}".rstrip(), "~ " + "".join(letter * count for letter, count in runs).rstrip("a")]
    return "\n".join([*lines, "", *(f"{letter}: {style}" for style, letter in known.items())]) + "\n"


@pytest.mark.parametrize("theme", THEMES)
async def test_every_kind_of_thing_looks_as_it_did(theme):
    text, _ = await draw(theme)
    kept = LOOKS / f"{theme}.txt"
    assert text == kept.read_text("utf-8"), f"If this is meant: python -m {__spec__.name}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(asyncio.run(draw(sys.argv[2]))[1], encoding="utf-8")
    else:
        for name in THEMES:
            (LOOKS / f"{name}.txt").write_text(asyncio.run(draw(name))[0], encoding="utf-8")

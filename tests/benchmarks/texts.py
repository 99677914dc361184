"""Synthetic answers for benchmarks: mixed Markdown and the shapes that are hard on a transcript. 3.5 letters a token."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = re.findall(
    r"\w+",
    "the model streams tokens into a buffer and each frame takes what has arrived so far then renders only "
    "the last block because every earlier block is final which keeps cost per token flat while scrolling "
    "resize selection search remain instant even for very long sessions with many turns of text "
    "function cache layout width latency event loop paint strip segment style parser fence table list",
)
LETTERS = 3.5
TOKEN = re.compile(r"\s{1,4}?\w{1,5}|\n|\s+|[^\w\s]{1,2}|\w{1,5}")


def sentence(dice: random.Random) -> str:
    words = dice.choices(WORDS, k=dice.randint(6, 18))
    place = dice.randrange(len(words))
    mark = dice.choices(["{}", "**{}**", "`{}()`", "*{}*", "[{}](https://example.com)"], [44, 25, 20, 7, 4])[0]
    words[place] = mark.format(words[place])
    return " ".join(words).capitalize() + "."


def prose(dice: random.Random) -> str:
    return " ".join(sentence(dice) for _ in range(dice.randint(2, 5)))


def code_line(dice: random.Random) -> str:
    shapes = (
        'def {}(x: int, y: str = "a") -> int:',
        "    # {}",
        "    {} = [12, 'text', f\"{{x}}\"]",
        "    return {}(1)",
    )
    return dice.choice(shapes).format(dice.choice(WORDS))


def table_row(dice: random.Random) -> str:
    return f"| {dice.choice(WORDS)} | {dice.randint(0, 9999)} | {sentence(dice)[:40].replace('|', '')} |"


TABLE_HEAD = "| name | value | note |\n| --- | ---: | --- |\n"


def block(dice: random.Random) -> str:
    match dice.choices(["heading", "prose", "list", "code", "table", "quote"], [12, 48, 24, 9, 4, 3])[0]:
        case "heading":
            return "#" * dice.randint(2, 4) + " " + " ".join(dice.choices(WORDS, k=4)).title()
        case "prose":
            return prose(dice)
        case "list":
            return "\n".join(f"- {sentence(dice)}" for _ in range(dice.randint(3, 8)))
        case "code":
            return "```python\n" + "\n".join(code_line(dice) for _ in range(dice.randint(6, 24))) + "\n```"
        case "table":
            return TABLE_HEAD + "\n".join(table_row(dice) for _ in range(dice.randint(3, 8)))
        case _:
            return "> " + sentence(dice)


def repeated(piece: Callable[[random.Random], str], between: str, tokens: int, before: str = "") -> str:
    dice = random.Random(1)
    parts: list[str] = []
    left = int(tokens * LETTERS)
    while left > 0:
        parts.append(piece(dice))
        left -= len(parts[-1]) + len(between)
    return before + between.join(parts)


def mixed(tokens: int) -> str:
    return repeated(block, "\n\n", tokens) + "\n"


CASES: dict[str, Callable[[int], str]] = {
    "mixed": mixed,
    "one paragraph": lambda tokens: repeated(sentence, "\n", tokens),
    "one line": lambda tokens: repeated(sentence, " ", tokens),
    "one fence": lambda tokens: repeated(code_line, "\n", tokens, "```python\n"),
    "one list": lambda tokens: repeated(lambda dice: "- " + sentence(dice), "\n", tokens),
    "one table": lambda tokens: repeated(table_row, "\n", tokens, TABLE_HEAD),
    "no spaces": lambda tokens: "量子计算机使用叠加态" * int(tokens * LETTERS / 10),
    "deep nesting": lambda tokens: "".join("  " * (line % 20) + "- nested\n" for line in range(tokens // 8)),
    "blank lines": lambda tokens: "\n" * int(tokens * LETTERS),
}


def tokens_of(case: str, count: int) -> list[str]:
    """So many pieces like a model's tokens."""
    return TOKEN.findall(CASES[case](2 * count))[:count]

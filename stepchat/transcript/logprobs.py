"""The tokens of an answer with their probabilities, laid out in lines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

from rich.cells import cell_len, set_cell_size

from stepchat.text.sanitize import sanitize_for_display
from stepchat.text.widths import pad_for_rich

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stepchat.messages import Json

Certainty: TypeAlias = Literal["sure", "doubtful", "unsure"]
_SURE: Final = 0.8
_EVEN: Final = 0.5
_IMPOSSIBLE: Final = -700.0
_SIGNS: Final = {"\n": "↵", "\t": "→", "\r": ""}


@dataclass(frozen=True, slots=True)
class Token:
    """A token, its probability (0 to 1), and the alternatives, most likely first."""

    text: str
    probability: float
    alternatives: tuple[tuple[str, float], ...] = ()

    @property
    def certainty(self) -> Certainty:
        return "sure" if self.probability >= _SURE else "doubtful" if self.probability >= _EVEN else "unsure"


def read_tokens(logprobs: Sequence[Json]) -> list[Token]:
    """Reads `choices[].logprobs.content`; malformed values count as probability 0."""
    return [Token(_text(entry), _chance(entry), _others(entry)) for entry in logprobs]


def _others(entry: Json) -> tuple[tuple[str, float], ...]:
    listed = entry.get("top_logprobs")
    entries = cast("list[Any]", listed) if isinstance(listed, list) else []
    found = [(_text(cast("Json", other)), _chance(cast("Json", other))) for other in entries if isinstance(other, dict)]
    return tuple(sorted(found, key=lambda pair: -pair[1]))


def _text(entry: Json) -> str:
    token = entry.get("token")
    return token if isinstance(token, str) else ""


def _chance(entry: Json) -> float:
    logprob = entry.get("logprob")
    if not isinstance(logprob, int | float) or isinstance(logprob, bool):
        return 0.0
    # This order turns NaN into the minimum.
    clamped = min(0.0, max(_IMPOSSIBLE, logprob))
    return math.exp(clamped) if clamped > _IMPOSSIBLE else 0.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A token, or part of one, in a line."""

    token: int
    text: str
    width: int


def lay_out(tokens: Sequence[Token], width: int) -> list[list[Piece]]:
    """Lines of at most `width` cells; a token continues on the next line only if it is longer than a line."""
    lines: list[list[Piece]] = [[]]
    available = width
    for number, token in enumerate(tokens):
        for text, ends_line in _parts(token.text, width):
            size = cell_len(text)
            if size > available and lines[-1]:
                lines.append([])
                available = width
            lines[-1].append(Piece(number, text, size))
            available -= size
            if ends_line:
                lines.append([])
                available = width
    return lines if lines[-1] else lines[:-1]


def _parts(text: str, width: int) -> Iterator[tuple[str, bool]]:
    """The token as shown, split at line breaks and where it exceeds a line, and whether a line ends there."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        last = number == len(lines) - 1
        if last and number and not line:
            return
        rest = visible(line if last else f"{line}\n")
        while cell_len(rest) > width > 1:
            fitting = set_cell_size(rest, width).rstrip() or rest[:1]
            yield rest[: len(fitting)], False
            rest = rest[len(fitting) :]
        yield rest, not last


def visible(text: str) -> str:
    """A token with symbols for invisible characters. No terminal acts on it."""
    for char, sign in _SIGNS.items():
        text = text.replace(char, sign)
    return pad_for_rich(sanitize_for_display(text)) or "∅"

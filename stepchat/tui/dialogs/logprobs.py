"""The tokens of an answer: uncertain ones are marked; the one at the cursor shows its alternatives."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Static

from stepchat.transcript.logprobs import Certainty, Piece, Token, lay_out, visible
from stepchat.tui.dialog_keys import bindings
from stepchat.tui.dialogs.page import PageDialog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from stepchat.tui.dialogs.page import PageStep

_MARGIN: Final = 1
_BAR: Final = 20
_ALTERNATIVES: Final = 6
HINTS: Final = (
    ("logprobs.token-previous logprobs.token-next", "token"), ("page.up page.down", "line"),
    ("logprobs.uncertain-next", "next uncertain"), ("logprobs.uncertain-previous", "previous"), ("page.find", "find"),
    ("page.close", "close"),
)  # fmt: skip


class TokenText(ScrollView):
    """The text token by token, with a cursor."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"token-text--{role}" for role in ("sure", "doubtful", "unsure", "cursor")}

    class Moved(Message):
        """The cursor is at another token."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        super().__init__()
        self.cursor = 0
        self._tokens = tokens
        self._lines: list[list[Piece]] = []
        self._line_of: list[int] = []

    def on_resize(self) -> None:
        width = max(2, self.scrollable_content_region.width - 2 * _MARGIN)
        self._lines = lay_out(self._tokens, width)
        self._line_of = [0] * len(self._tokens)
        for number in reversed(range(len(self._lines))):
            for piece in self._lines[number]:
                self._line_of[piece.token] = number
        self.virtual_size = Size(width, len(self._lines))
        self._show_cursor()

    def go_to(self, token: int) -> None:
        """Move the cursor to a token."""
        self.cursor = min(max(token, 0), len(self._tokens) - 1)
        self._show_cursor()
        self.post_message(self.Moved())

    def _show_cursor(self) -> None:
        if self._line_of:
            self.scroll_to_region(Region(0, self._line_of[self.cursor], 1, 1), animate=False)
        self.refresh()

    def step(self, by: PageStep) -> None:
        """Move to the token a line or a page away, or to the first or last one."""
        page = max(1, self.size.height - 1)
        match by:
            case "first" | "last":
                self.go_to(len(self._tokens) - 1 if by == "last" else 0)
            case _:
                lines = {"up": 1, "down": 1, "half-up": page // 2, "half-down": page // 2}.get(by, page)
                self.move_lines(-lines if by.endswith("up") else lines)

    def move_lines(self, by: int) -> None:
        """Move to the token above or below."""
        here = self._line_of[self.cursor]
        there = min(max(here + by, 0), len(self._lines) - 1)
        column = self._column_of(self._lines[here])
        self.go_to(self._at(self._lines[there], column))

    def _column_of(self, line: Sequence[Piece]) -> int:
        column = 0
        for piece in line:
            if piece.token == self.cursor:
                break
            column += piece.width
        return column

    def _at(self, line: Sequence[Piece], column: int) -> int:
        end = 0
        for piece in line:
            end += piece.width
            if column < end:
                return piece.token
        return line[-1].token if line else self.cursor

    def go_to_uncertain(self, step: int) -> None:
        """Move to the next uncertain token, wrapping around at the ends."""
        count = len(self._tokens)
        for away in range(1, count + 1):
            token = (self.cursor + step * away) % count
            if self._tokens[token].certainty != "sure":
                self.go_to(token)
                return

    def on_click(self, event: events.Click) -> None:
        number = event.y + round(self.scroll_y)
        if number < len(self._lines):
            self.go_to(self._at(self._lines[number], max(0, event.x - _MARGIN)))

    def render_line(self, y: int) -> Strip:
        number = y + round(self.scroll_y)
        blank = self.rich_style
        if number >= len(self._lines):
            return Strip.blank(self.size.width, blank)
        styles = {role: self.get_component_rich_style(f"token-text--{role}") for role in ("sure", "doubtful", "unsure")}
        cursor = self.get_component_rich_style("token-text--cursor")
        segments = [Segment(" " * _MARGIN, blank)]
        for piece in self._lines[number]:
            style = cursor if piece.token == self.cursor else styles[self._tokens[piece.token].certainty]
            segments.append(Segment(piece.text, style))
        return Strip(segments).adjust_cell_length(self.size.width, blank)


class LogprobsScreen(PageDialog[None]):
    """Shows the tokens of one answer."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(
        "logprobs",
        {
            "token-previous": "move(-1)",
            "token-next": "move(1)",
            "uncertain-next": "uncertain(1)",
            "uncertain-previous": "uncertain(-1)",
            "match-next": "match(1)",
        },
    )

    def __init__(self, tokens: Sequence[Token]) -> None:
        super().__init__(HINTS)
        self._tokens = tokens
        self._text = TokenText(tokens)
        self._about = Static(id="token-about", markup=False)
        self._starts = list(accumulate((len(token.text) for token in tokens), initial=0))
        """Where each token begins in the text."""
        self._source = "".join(token.text for token in tokens).casefold()
        self._found: list[int] = []
        """The tokens in which the words begin."""

    def compose(self) -> ComposeResult:
        counts: dict[Certainty, int] = {"sure": 0, "doubtful": 0, "unsure": 0}
        for token in self._tokens:
            counts[token.certainty] += 1
        title = Content.assemble(
            f"{len(self._tokens):,} tokens",
            (f" · {counts['doubtful']:,} at 50 to 80 % · {counts['unsure']:,} below 50 %", "$dim"),
        )
        with Vertical(classes="dialog wide", id="tokens"):
            yield Static(title, classes="dialog-title", markup=False)
            yield self._text
            yield self._about
            yield self.find_line
            yield self.hints

    def on_mount(self) -> None:
        self._describe()

    def scroll_by(self, step: PageStep) -> None:
        self._text.step(step)

    def action_move(self, by: int) -> None:
        self._text.go_to(self._text.cursor + by)

    def action_uncertain(self, step: int) -> None:
        self._text.go_to_uncertain(step)

    # ---- finding

    def search(self, words: str) -> None:
        wanted, at = words.casefold(), -1
        self._found = []
        while wanted and (at := self._source.find(wanted, at + 1)) >= 0:
            token = bisect_right(self._starts, at) - 1
            if token < len(self._tokens) and token not in self._found[-1:]:
                self._found.append(token)

    def go_to_match(self, by: int) -> None:
        """Go to the next match after the cursor; with 0, a match at the cursor counts as well."""
        if self._found:
            cursor = self._text.cursor
            later = (token for token in self._found if token > cursor or (not by and token == cursor))
            self._text.go_to(next(later, self._found[0]))

    def matches(self) -> tuple[int, int]:
        cursor = self._text.cursor
        return (self._found.index(cursor) + 1 if cursor in self._found else 0), len(self._found)

    def on_token_text_moved(self) -> None:
        self._describe()

    def _describe(self) -> None:
        """Show the alternatives of the token at the cursor."""
        token = self._tokens[self._text.cursor]
        others = token.alternatives or ((token.text, token.probability),)
        lines = [_bar(text, chance, chosen=text == token.text) for text, chance in others[:_ALTERNATIVES]]
        if all(text != token.text for text, _ in others):
            lines = [*lines[: _ALTERNATIVES - 1], _bar(token.text, token.probability, chosen=True)]
        if not token.alternatives:
            lines.append(Content.styled("No alternatives. Set top_logprobs to request them.", "$dim"))
        self._about.update(Content("\n").join(lines))


def _spaced(text: str) -> str:
    """A token with its outer spaces visible."""
    inner = text.strip(" ")
    before, after = len(text) - len(text.lstrip(" ")), len(text) - len(text.rstrip(" "))
    return "␣" * len(text) if text and not inner else f"{'␣' * before}{visible(inner)}{'␣' * after}"[:40]


def _bar(text: str, chance: float, *, chosen: bool) -> Content:
    filled = round(chance * _BAR)
    return Content.assemble(
        (f"{chance:7.2%}  ".replace("%", " %"), "$text" if chosen else "$dim"),
        ("━" * filled, "$accent" if chosen else "$dim"),
        (" " * (_BAR - filled + 2)),
        (_spaced(text), "$text bold" if chosen else "$text"),
        ("  chosen" if chosen else "", "$dim"),
    )

"""Two answers to the same question side by side, with their reasoning and a table of what differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias

from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from stepchat.messages import AssistantMessage
from stepchat.parameters.values import format_value
from stepchat.text.format import duration, money, short_model
from stepchat.text.sanitize import sanitize
from stepchat.text.widths import pad
from stepchat.transcript.labels import speed_of
from stepchat.tui.dialog_keys import bindings
from stepchat.tui.dialogs.list_view import LOW
from stepchat.tui.dialogs.page import PageDialog, scroll_view, scroll_widget, search_view
from stepchat.tui.transcript.view import TranscriptView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.geometry import Size

    from stepchat.messages import StoredMessage
    from stepchat.transcript.palette import Palette
    from stepchat.tui.dialogs.key_hints import Hints
    from stepchat.tui.dialogs.page import PageStep

_BESIDE_FROM: Final = 100
"""Columns from which the answers stand side by side, rather than one above the other."""
_MARGIN: Final = 5
"""Columns for margins and a scrollbar."""
_LOW: Final = 24
_LOW_STACKED: Final = 40
"""Rows below which the table and the answers are shown in turn."""
_NAME: Final = 18
Shown: TypeAlias = Literal["both", "answers", "table"]


class CompareScreen(PageDialog[str]):
    """Returns the id of the answer to continue with, None if none was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(
        "compare",
        {
            "side": "other_side",
            "version-previous": "version(-1)",
            "version-next": "version(1)",
            "accept": "accept",
            "fold": "fold",
            "table": "table",
            "sync": "sync",
            "copy": "copy",
        },
    )

    def __init__(
        self,
        siblings: Sequence[StoredMessage],
        sides: tuple[int, int],
        active: str,
        palette: Palette,
        copy: Callable[[str], object],
    ) -> None:
        """`sides` are the indexes of the versions left and right; `active` is the id of the one the session shows."""
        super().__init__((), hint_lines=2)
        self._siblings = siblings
        self._sides = list(sides)
        self._active = active
        self._palette = palette
        self._copy = copy
        self._side = next((side for side in (0, 1) if siblings[sides[side]].id == active), 0)
        self._synced = True
        self._low = False
        self._wanted: Shown | None = None
        self._views = (TranscriptView(id="compare-left"), TranscriptView(id="compare-right"))
        self._title = Static("Compare", classes="dialog-title", markup=False)
        self._heads = (Static(markup=False, classes="compare-head"), Static(markup=False, classes="compare-head"))
        self._rows = Static(markup=False)
        self._table = VerticalScroll(self._rows, id="compare-table", can_focus=False)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="compare"):
            yield self._title
            with Container(id="compare-sides"):
                for side in (0, 1):
                    with Container(classes="compare-side"):
                        yield self._heads[side]
                        yield self._views[side]
            yield self._table
            yield self.find_line
            yield self.hints

    def on_mount(self) -> None:
        self._fit(self.app.size)  # pyright: ignore[reportUnknownMemberType] - generic in Textual
        for side in (0, 1):
            self._views[side].set_palette(self._palette)
            self._show(side)

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size)

    # ---- what is shown

    def _fit(self, size: Size) -> None:
        stacked = size.width < _BESIDE_FROM
        self.set_class(stacked, "-stacked")
        self._low = size.height < (_LOW_STACKED if stacked else _LOW)
        self._title.display = size.height >= LOW
        self._table.display = self._shown != "answers"
        self._table.set_class(self._shown == "both", "-below")
        self.query_one("#compare-sides").display = self._shown != "table"
        self.set_hints(_hints(synced=self._synced))
        self._show_facts()

    @property
    def _shown(self) -> Shown:
        usual: Shown = "answers" if self._low else "both"
        return usual if self._wanted is None or (self._low and self._wanted == "both") else self._wanted

    def _show(self, side: int) -> None:
        view = self._views[side]
        view.show([self._siblings[self._sides[side]]])
        # None of it is unread, however long it is.
        view.overlays.unread.mark_seen()
        view.scroll_home()
        self._show_facts()

    def _show_facts(self) -> None:
        for side in (0, 1):
            self._heads[side].update(self._head(side))
        left, right = (self._siblings[place].message for place in self._sides)
        if isinstance(left, AssistantMessage) and isinstance(right, AssistantMessage):
            width = max(16, self.app.size.width - _MARGIN)  # pyright: ignore[reportUnknownMemberType] - generic in Textual
            self._rows.update(table(left, right, width))

    def _head(self, side: int) -> Content:
        place = self._sides[side]
        stored = self._siblings[place]
        message = stored.message
        words = [f"‹ {place + 1}/{len(self._siblings)} ›"]
        facts = ""
        if isinstance(message, AssistantMessage):
            words.append(sanitize(short_model(message.model or message.model_asked), keep_newlines=False))
            facts = short_facts(message)
        words += ["shown"] if stored.id == self._active else []
        chosen = side == self._side
        return Content.assemble(
            (("▌ " if chosen else "  ") + " · ".join(filter(None, words)), "$accent bold" if chosen else "$dim"),
            (f"  {facts}" if facts else "", "$dim"),
        )

    # ---- actions

    def _moved(self) -> list[TranscriptView]:
        return list(self._views) if self._synced else [self._views[self._side]]

    def action_other_side(self) -> None:
        self._side = 1 - self._side
        self._fit(self.app.size)  # pyright: ignore[reportUnknownMemberType] - generic in Textual

    def action_version(self, by: int) -> None:
        """Show the next version that is not on the other side."""
        other = self._sides[1 - self._side]
        place = self._sides[self._side] + by
        place += by if place == other else 0
        if 0 <= place < len(self._siblings):
            self._sides[self._side] = place
            self._show(self._side)

    def scroll_by(self, step: PageStep) -> None:
        if self._shown == "table":
            scroll_widget(self._table, step)
        for view in self._moved():
            scroll_view(view, step)

    def search(self, words: str) -> None:
        for view in self._views:
            search_view(view, words)

    def go_to_match(self, by: int) -> None:
        self._views[self._side].find(lambda finder: finder.step(by))

    def matches(self) -> tuple[int, int]:
        search = self._views[self._side].finder.search
        return search.number, search.total

    def action_fold(self) -> None:
        """Fold the reasoning if any of it is open, otherwise open it."""
        panels = [(view, place, folded) for view in self._moved() for place, folded in view.document.panels()]
        any_open = any(not folded for _, _, folded in panels)
        for view, place, folded in panels:
            if folded != any_open:
                view.toggle_panel(place)

    def action_table(self) -> None:
        """Show both, then the table, then the answers; in a low window one of the two."""
        order: tuple[Shown, ...] = ("answers", "table") if self._low else ("both", "table", "answers")
        self._wanted = order[(order.index(self._shown) + 1) % len(order)]
        self._fit(self.app.size)  # pyright: ignore[reportUnknownMemberType] - generic in Textual

    def action_sync(self) -> None:
        self._synced = not self._synced
        self._fit(self.app.size)  # pyright: ignore[reportUnknownMemberType] - generic in Textual

    def action_copy(self) -> None:
        self._copy(self._siblings[self._sides[self._side]].message.text)

    def action_accept(self) -> None:
        self.dismiss(self._siblings[self._sides[self._side]].id)

    def on_transcript_view_copy_wanted(self, event: TranscriptView.CopyWanted) -> None:
        self._copy(event.text)

    def on_transcript_view_message_chosen(self) -> None:
        """Do nothing: focusing a message has no use here."""
        for view in self._views:
            view.clear_focus()


def _hints(*, synced: bool) -> Hints:
    return (
        ("compare.side", "side"), ("compare.version-previous compare.version-next", "version"),
        ("compare.accept", "use this one"), ("compare.fold", "reasoning"), ("compare.table", "table"),
        ("compare.copy", "copy"), ("compare.sync", "scroll one" if synced else "sync scrolling"), ("page.find", "find"),
        ("page.close", "close"),
    )  # fmt: skip


# ---- the table

_LONGEST: Final = 200
"""Characters of a parameter's value that are shown."""


@dataclass(frozen=True, slots=True)
class FactRow:
    """A fact about both answers; "" if unknown."""

    name: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        return self.left != self.right


def fact_rows(left: AssistantMessage, right: AssistantMessage) -> list[FactRow]:
    """What is known about at least one of them, with the parameters of their requests; differences first."""
    rows = [FactRow(name, sanitize(of(left)), sanitize(of(right))) for name, of in _FACTS]
    names = [*left.parameters, *(name for name in right.parameters if name not in left.parameters)]
    rows += [FactRow(sanitize(name), _parameter(left, name), _parameter(right, name)) for name in names]
    return sorted((row for row in rows if row.left or row.right), key=lambda row: not row.differs)


def short_facts(message: AssistantMessage) -> str:
    """What the footer of an answer does not show: its duration, and how it ended unless normally."""
    facts = (
        _seconds(message.timing.total_seconds),
        "" if message.stop == "stop" else message.ending_word,
    )
    return " · ".join(fact for fact in facts if fact)


def _parameter(message: AssistantMessage, name: str) -> str:
    return sanitize(format_value(message.parameters.get(name))[:_LONGEST], keep_newlines=False)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s" if value < 10 else duration(value)


def _tokens(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _output(message: AssistantMessage) -> int | None:
    total, reasoning = message.usage.completion_tokens, message.usage.reasoning_tokens
    return total if total is None else max(0, total - (reasoning or 0))


_FACTS: Sequence[tuple[str, Callable[[AssistantMessage], str]]] = (
    ("model", lambda message: message.model or message.model_asked),
    ("provider", lambda message: message.provider),
    ("ended", lambda message: message.ending_word),
    ("first token", lambda message: _seconds(message.timing.first_token_seconds)),
    ("reasoning time", lambda message: _seconds(message.timing.reasoning_seconds)),
    ("duration", lambda message: _seconds(message.timing.total_seconds)),
    ("reasoning tokens", lambda message: _tokens(message.usage.reasoning_tokens)),
    ("output tokens", lambda message: _tokens(_output(message))),
    ("speed", speed_of),
    ("cost", lambda message: "" if message.usage.cost is None else money(message.usage.cost)),
)
"""In the order of the table."""


def table(left: AssistantMessage, right: AssistantMessage, width: int) -> Content:
    """The facts in columns; those that differ are bright and have a sign."""
    rows = fact_rows(left, right)
    column = other = max(2, (width - _NAME - 4) // 2)
    if width > _BESIDE_FROM - _MARGIN:
        # Align the right column with the right answer.
        column, other = width // 2 - _NAME - 2, width - width // 2 - 2
    lines = [
        Content.assemble(
            ("≠ " if row.differs else "  ", "$accent"),
            (f"{pad(row.name, _NAME)}", "$dim"),
            (f"{pad(row.left, column)}  {pad(row.right, other)}", "bold" if row.differs else "$dim"),
        )
        for row in rows
    ]
    return Content("\n").join(lines)

"""The welcome that an empty session shows until its first question, with sessions or questions to choose from."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import on
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from stepchat.chat.interrupted import describe
from stepchat.errors import UntrustedServerError
from stepchat.text.sanitize import sanitize
from stepchat.text.widths import pad_for_rich, truncate
from stepchat.tui.dialogs.list_view import VirtualList
from stepchat.tui.dialogs.session_list import age
from stepchat.tui.keymap import WELCOME, bindings, keymap_of
from stepchat.tui.message_keys import WELCOME_ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from stepchat.chat.workspace import Workspace
    from stepchat.sessions.records import SessionSummary
    from stepchat.sessions.recovery import InterruptedAnswer
    from stepchat.tui.dialogs.list_view import Piece, Step

RECENT = 3
_TITLE = 70
"""Cells of a session's title."""
_GAP = "   "
"""Between two keys."""


class WelcomeRow(NamedTuple):
    """A question to ask, or a session to open."""

    question: str = ""
    session: str = ""
    title: str = ""
    age: str = ""


class Welcome(Vertical):
    """The welcome below the empty transcript. Its rows get the focus only when the user moves there."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(
        WELCOME_ROWS,
        WELCOME,
        {
            "up": "move('up')",
            "down": "move('down')",
            "open": "open",
            "leave": "leave",
            **{f"open-{digit}": f"open({digit})" for digit in range(1, 2 * RECENT + 1)},
        },
    )

    class Chosen(Message):
        """The user chose a row."""

        def __init__(self, row: WelcomeRow) -> None:
            super().__init__()
            self.row = row

    class Left(Message):
        """The focus returns to the prompt, with a character that was typed here."""

        def __init__(self, typed: str = "") -> None:
            super().__init__()
            self.typed = typed

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._rows: tuple[WelcomeRow, ...] = ()
        self._has_sessions = False
        self.has_interrupted = False
        """There are interrupted answers to continue."""
        self._intro = Static(markup=False)
        self._list = VirtualList(self._line)
        self._list.shows_cursor = False
        self._hints = Static(markup=False)

    def compose(self) -> ComposeResult:
        yield self._intro
        yield self._list
        yield self._hints

    async def greet(self, workspace: Workspace) -> None:
        """Show what this user needs to start. Raises StoreError."""
        missing, keymap = workspace.key_error, keymap_of(self)
        no_key = ""
        if missing is not None:
            way = missing.hint if isinstance(missing, UntrustedServerError) else keymap.fill("{key:login} gets one.")
            no_key = f"{missing.message} {way}"
        questions: Sequence[str] = ()
        if workspace.close_demo is not None:
            from stepchat.demo.scenarios.conversation import QUESTIONS

            questions = QUESTIONS
        self.show(
            await workspace.store.sessions(limit=RECENT, one_shot=False),
            time(),
            questions=questions,
            no_key=no_key,
            cuts=await workspace.store.interrupted_answers(),
            has_sessions=bool(await workspace.store.sessions(limit=1)),
        )

    def show(
        self,
        recent: Sequence[SessionSummary],
        now: float,
        *,
        questions: Sequence[str] = (),
        no_key: str = "",
        cuts: Sequence[InterruptedAnswer] = (),
        has_sessions: bool = False,
    ) -> None:
        """Set the content. `questions` are those that the demo answers; `no_key` says what to do about a missing key."""
        self._rows = (
            *(WelcomeRow(question=text) for text in questions),
            *(WelcomeRow(session=row.id, title=row.title, age=age(row.updated, now)) for row in recent),
        )
        self._has_sessions, self.has_interrupted = has_sessions, bool(cuts)
        keymap = keymap_of(self)
        lines = [
            Content.styled("stepchat", "bold $accent"),
            Content("Reasoning as it happens, saved, searchable, and sent back with your next question."),
        ]
        if questions:
            lines[1] = Content(
                "This is the demo: no key, no network, scripted answers. Choose a question, or type one."
            )
        if no_key:
            lines.append(Content.styled(no_key, "$warning"))
        if cuts:
            keys = [
                (keymap.label("continue"), "$accent"),
                (" opens it" if len(cuts) == 1 else " opens the first", "$dim"),
            ]
            more = [(", ", "$dim"), (keymap.label("interrupted"), "$accent"), (" lists them", "$dim")]
            lines += [
                Content(""),
                Content.assemble((f"{describe(cuts)} ", "$warning"), *keys, *(more if len(cuts) > 1 else [])),
            ]
        if not self._rows:
            lines.append(Content(""))
        self._intro.update(Content("\n").join(lines))
        self._list.show(len(self._rows))
        self._list.styles.height = len(self._rows)
        self._list.display = bool(self._rows)
        self._show_hints()

    def on_resize(self) -> None:
        self._show_hints()

    def _show_hints(self) -> None:
        """Show the keys that apply now."""
        keymap = keymap_of(self)
        if self.is_selecting:
            hints = [
                (keymap.label("welcome.open"), "open"),
                (f"1-{len(self._rows)}", "open directly"),
                (keymap.label("welcome.leave"), "back"),
            ]
        else:
            hints = [("/", "commands"), (keymap.label("help"), "help")]
            if self._has_sessions:
                hints.insert(1, (keymap.label("sessions"), "all sessions"))
            if self._rows:
                hints.insert(0, (keymap.label("focus-up"), "choose"))
        hints = [(key, word) for key, word in hints if key]
        while len(hints) > 1 and len(_GAP.join(f"{key} {word}" for key, word in hints)) > self.size.width:
            hints.pop()
        self._hints.update(
            Content(_GAP).join(Content.assemble((key, "$accent"), (f" {word}", "$dim")) for key, word in hints)
        )

    def _line(self, index: int, _part: int, width: int) -> list[Piece]:
        row = self._rows[index]
        number = f"{index + 1}  "
        if row.question:
            return [(number, "sign"), (truncate(row.question, max(1, width - len(number))), "text")]
        title = pad_for_rich(sanitize(row.title, keep_newlines=False)) or "untitled"
        when = f"{row.age:>6}  "
        space = max(1, min(_TITLE, width - len(number) - len(when)))
        return [(number, "sign"), (when, "dim"), (truncate(title, space), "text")]

    # ---- choosing

    @property
    def is_selecting(self) -> bool:
        """Whether the rows have the focus."""
        return self._list.has_focus

    def focus_rows(self) -> bool:
        """Focus the last row; False if there is none."""
        if not self._rows or not self.display:
            return False
        self._list.can_focus = True
        self._list.shows_cursor = True
        self._list.move_to(len(self._rows) - 1)
        self._list.focus()
        return True

    def on_descendant_focus(self) -> None:
        self._list.shows_cursor = True
        self._show_hints()

    def on_descendant_blur(self) -> None:
        self._list.can_focus = self._list.shows_cursor = False
        self._list.refresh()
        self._show_hints()

    def on_key(self, event: events.Key) -> None:
        typed = event.is_printable and event.character and not event.key.startswith("alt+")
        if typed and event.key not in self.screen.active_bindings:
            event.stop()
            self.post_message(self.Left(event.character or ""))

    @on(VirtualList.Opened)
    def _opened(self, event: VirtualList.Opened) -> None:
        event.stop()
        self.action_open()

    @on(VirtualList.Moved)
    def _moved(self, event: VirtualList.Moved) -> None:
        event.stop()

    def action_move(self, by: Step) -> None:
        if by == "down" and self._list.cursor == len(self._rows) - 1:
            self.action_leave()
        else:
            self._list.step(by)

    def action_open(self, number: int = 0) -> None:
        """Open the row at the cursor, or the one with this number, counted from 1."""
        index = number - 1 if number else self._list.cursor
        if index < len(self._rows):
            self.post_message(self.Chosen(self._rows[index]))

    def action_leave(self) -> None:
        self.post_message(self.Left())

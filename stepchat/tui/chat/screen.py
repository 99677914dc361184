"""The chat screen: a pane for each open session, the composer and the status bar."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import events, on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import TextArea

from stepchat.catalogue.backends import DEFAULT_MODEL
from stepchat.catalogue.catalogue import load_in_background
from stepchat.chat import switching
from stepchat.chat.answer_hook import run_hook
from stepchat.chat.attaching import attach_files
from stepchat.chat.context_window import estimate_conversation_tokens, small_window_warning
from stepchat.chat.conversation import Conversation
from stepchat.chat.drafts import Drafts
from stepchat.chat.favourites import remember_recent
from stepchat.chat.interrupted import describe_kept, describe_others, interrupted_at_end
from stepchat.chat.late_costs import PAUSES, fetch_late_costs
from stepchat.chat.spending import ReportLine, SpentToday, estimate_cost
from stepchat.errors import StepchatError, StoreError, UntrustedServerError
from stepchat.first_frame.page import PROMPT_AND_STATUS
from stepchat.first_frame.picture import prompt_row_limit
from stepchat.messages import AssistantMessage
from stepchat.text.format import short_count
from stepchat.text.sanitize import sanitize
from stepchat.tui import workers
from stepchat.tui.chat.approval import ApprovalPanel
from stepchat.tui.chat.find_bar import FindBar
from stepchat.tui.chat.pane import ChatPane
from stepchat.tui.chat.panes import Panes
from stepchat.tui.chat.status_bar import Fact, StatusBar
from stepchat.tui.chat.tab_bar import NEW_SESSION, OpenSessions, Tab, TabBar
from stepchat.tui.chat.turn_status import effort_facts, hints, session_facts, settings_facts
from stepchat.tui.chat.welcome import Welcome
from stepchat.tui.composer.composer import Composer
from stepchat.tui.composer.prompt import Prompt
from stepchat.tui.dialogs.pick import Choice, Picker
from stepchat.tui.keymap import ESCAPE_TWICE, MESSAGE, keymap_of
from stepchat.tui.terminal import clipboard
from stepchat.tui.terminal.handover import next_page_key
from stepchat.tui.terminal.title import notify_answer_ready, set_title, took_long
from stepchat.tui.transcript.view import TranscriptView

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from textual.app import App, ComposeResult
    from textual.geometry import Size
    from textual.timer import Timer

    from stepchat.chat.connection import Connection, ServerConfig
    from stepchat.chat.workspace import Workspace
    from stepchat.messages import StoredMessage
    from stepchat.reasoning.replay import Target
    from stepchat.sessions.records import Session, SessionSummary
    from stepchat.transcript.answer import ReasoningView
    from stepchat.transcript.labels import NoticeKind
    from stepchat.transcript.palette import Palette
    from stepchat.tui.chat.panes import Arriving
    from stepchat.tui.chat.turn_status import TurnProgress
    from stepchat.tui.composer.completion import Completion
    from stepchat.tui.themes import Theme

ESCAPE_SECONDS: Final = 0.5
"""Within this time a second Esc edits the last question."""
EARLIER_PROMPTS: Final = 1000
KNOWN_SESSIONS: Final = 200
_PENDING_HINTS: Final = 5
"""With these, the leader and `? all`, the status bar shows seven things."""
_LONGEST_NAME: Final = 40
"""Cells of the status bar for the model."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What the window shows first. It is read before Textual starts, so that the first key acts on a complete conversation."""

    theme: Theme
    theme_choice: str = ""
    """The name of the chosen theme; `auto` follows the terminal's background."""
    on_light: bool = False
    """The terminal's background was light when it was last reported."""
    reasoning_view: ReasoningView = "tail"
    path: Sequence[StoredMessage] = ()
    draft: str = ""


class ChatScreen(Screen[None], inherit_bindings=False):
    """The panes, the composer and the status bar of the window."""

    AUTO_FOCUS = "Prompt"
    # No style of this screen depends on the width, and every change of class checks all styles.
    HORIZONTAL_BREAKPOINTS = []  # noqa: RUF012 - declared so by Textual
    BINDINGS: ClassVar[list[BindingType]] = [
        # These apply only while text is selected, or right after a search; otherwise the keys have their usual meaning.
        Binding("ctrl+c", "copy_selection", show=False, priority=True, id="selection.copy"),
        Binding("escape", "clear_selection", show=False, priority=True, id="selection.clear"),
    ]

    class LinkChosen(Message):
        """The user clicked a link with this address."""

        def __init__(self, address: str) -> None:
            super().__init__()
            self.address = address

    def __init__(
        self,
        workspace: Workspace,
        opening: Opening,
        complete: Callable[[str, ChatScreen], Sequence[Completion]],
        palette: Palette,
        *,
        typed: str = "",
        cursor: int | None = None,
    ) -> None:
        """`complete` returns the completions of a line that starts with `/`; `typed` is what the prompt starts with."""
        super().__init__()
        self.palette = palette
        self._opening = opening
        self._typed = (typed, cursor)
        conversation = Conversation(workspace, opening.path)
        self.panes = Panes(conversation, palette, opening.reasoning_view)
        session = conversation.session
        self._drafts = Drafts(workspace.store, None if session is None else session.id, opening.draft)
        self.composer = Composer(lambda line: complete(line, self), self._drafts, conversation)
        self._status_bar = StatusBar()
        self._tab_bar = TabBar(id="tabs")
        self._open = OpenSessions(None if session is None else session.id)
        self._titles: dict[str, str] = {}
        self._sides: dict[str, str | None] = {}
        """Side sessions, and the sessions they were opened from."""
        self._pending: tuple[str, tuple[tuple[str, str], ...]] = ("", ())
        """The leader and the keys that may follow it, while it is pending."""
        self._spent = SpentToday()
        self._midnight: Timer | None = None
        self._in_front = True
        self._warned: set[tuple[str, ...]] = set()
        """Servers and models for which a warning was shown."""
        self._opening_session = asyncio.Lock()
        self.known_sessions: Sequence[SessionSummary] = ()
        """The newest sessions as of the last time one was opened."""
        self._escaped = float("-inf")
        """When Esc was pressed with nothing to do."""
        self._laid_out_for: Size | None = None

    def compose(self) -> ComposeResult:
        yield self._tab_bar
        yield self.panes
        yield self.composer
        yield self._status_bar

    def on_mount(self) -> None:
        self.composer.put(*self._typed)
        self.prompt.set_history(self.conversation.prompts)
        self.composer.begin(self._opening.draft)
        self.pane.offer_retry()
        self.pane.report_missing_profile()
        self.refresh_status()

    # ---- parts

    @property
    def app(self) -> App[Any]:
        return super().app  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - generic in Textual

    @property
    def pane(self) -> ChatPane:
        """The pane on screen."""
        return self.panes.shown

    @property
    def conversation(self) -> Conversation:
        return self.pane.conversation

    @property
    def workspace(self) -> Workspace:
        return self.conversation.workspace

    @property
    def view(self) -> TranscriptView:
        return self.pane.view

    @property
    def prompt(self) -> Prompt:
        return self.composer.prompt

    @property
    def progress(self) -> TurnProgress | None:
        """The progress of the running turn, None when idle."""
        return self.pane.progress

    # ---- user input

    def on_resize(self, event: events.Resize) -> None:
        if event.size == self._laid_out_for:
            # Textual sends a second event after the layout, and would do it all again.
            event.stop()
            event.prevent_default()
            return
        self._laid_out_for = event.size
        self.prompt.styles.max_height = prompt_row_limit(event.size.height)

    def is_second_escape(self) -> bool:
        """Whether Esc, which has nothing else to do, was pressed twice on an empty prompt, and edits the last question."""
        before, self._escaped = self._escaped, monotonic()
        if self._escaped - before > ESCAPE_SECONDS:
            return False
        self._escaped = float("-inf")
        is_bound = ESCAPE_TWICE in keymap_of(self).keys("edit-last")
        return is_bound and not self.prompt.text and not self.prompt.mode

    async def load_history(self) -> None:
        """Read the prompts of all sessions for the history of the prompt, and their titles for completion. Raises StoreError."""
        store = self.workspace.store
        self.prompt.set_earlier(await store.prompts(limit=EARLIER_PROMPTS))
        self.known_sessions = await store.sessions(limit=KNOWN_SESSIONS)

    @on(Composer.Submitted)
    def _submitted(self, event: Composer.Submitted) -> None:
        self.submit(event.text)

    def submit(self, text: str) -> None:
        """Ask a question, or send the edited question as a new version."""
        if self.workspace.key_error is not None:
            self.composer.give_back(text)
            self.start(partial(self.run_action, "app.command('login')"))
        elif self.composer.editing is not None:
            self._resend(self.composer.editing, text)
        else:
            self.ask(text)

    def on_key(self, event: events.Key) -> None:
        self._check_other_windows()
        if not self.view.has_focus or not event.is_printable or not event.character or event.key.startswith("alt+"):
            return
        if self.view.focused_message is None:  # it disappeared with another branch
            self.pane.leave_message()
            self.prompt.insert(event.character)
            event.stop()
        elif event.key not in self.active_bindings:
            # The character is not typed into the prompt, because other letters of a sentence are keys here.
            self.flash(
                f"No action on {event.character}. {{key:message.menu}} lists the actions, {{key:message.leave}} returns to the prompt."
            )
            event.stop()

    def on_paste(self, event: events.Paste) -> None:
        self.pane.leave_message()
        self.prompt.paste(event.text)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget is self.prompt and self.view.focused_message is not None:
            self.pane.leave_message()
        elif event.widget is self.view:
            self.flash("")
            self.refresh_status()  # only now do the message's keys apply

    @on(TextArea.Changed)
    def _typed_on(self) -> None:
        self._check_other_windows()
        if self.pane.keep_position(self.prompt.text):
            self.flash("")

    @on(Composer.EditingChanged)
    def _editing_changed(self) -> None:
        self.refresh_status()

    @on(Prompt.FilesChosen)
    def _files_chosen(self, event: Prompt.FilesChosen) -> None:
        self.start(partial(self.attach, event.paths))

    @on(Prompt.PickFile)
    def _pick_file(self) -> None:
        self.start(partial(self.run_action, "app.command('attach')"))

    @on(Composer.StillReading)
    def _still_reading(self) -> None:
        self.flash("Still reading the file. {key:prompt.send} sends once it is attached.")

    @on(Composer.Detached)
    def _detached(self, event: Composer.Detached) -> None:
        self.flash(f"Detached {event.attachment.name}.")

    @on(Prompt.ModeChanged)
    def _mode_changed(self) -> None:
        self.refresh_status()

    @on(Prompt.FindAgain)
    def _find_again(self, event: Prompt.FindAgain) -> None:
        self.start(partial(self.pane.find_again, event.by, self.prompt.text))

    @on(Prompt.PasteTooLong)
    def _paste_too_long(self) -> None:
        self.flash("Too long to open here. {key:editor} opens the prompt in your editor.")

    @on(Composer.QueueChanged)
    def _queue_changed(self) -> None:
        self.refresh_status()

    @on(Composer.DraftNotSaved)
    def _draft_not_saved(self, event: Composer.DraftNotSaved) -> None:
        self.flash(f"The text in the prompt cannot be saved. {event.reason}")

    @on(TranscriptView.CopyWanted)
    def _copy_wanted(self, event: TranscriptView.CopyWanted) -> None:
        self.copy(event.text)

    @on(TranscriptView.LinkChosen)
    def _link_chosen(self, event: TranscriptView.LinkChosen) -> None:
        self.post_message(self.LinkChosen(event.address))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in {"copy_selection", "clear_selection"}:
            return super().check_action(action, parameters)
        can_go_back = action == "clear_selection" and self.prompt.has_focus and self.pane.can_go_back
        return bool(self.view.selected_text) or can_go_back

    def action_copy_selection(self) -> None:
        self.copy(self.view.selected_text)

    def action_clear_selection(self) -> None:
        """Clear the selection, or go back to where a search began."""
        if self.view.selected_text:
            self.view.clear_selection()
        elif self.pane.go_back():
            self.flash("")

    # ---- messages of the panes

    @on(ChatPane.Changed)
    def _pane_changed(self, event: ChatPane.Changed) -> None:
        if event.pane is self.pane:
            self.refresh_status()

    @on(FindBar.Closed)
    def _find_closed(self) -> None:
        self.prompt.focus()
        if self.pane.can_go_back:
            self.flash("Press {key:stop} again to return to where you were.")

    @on(ChatPane.UserAsked)
    def _user_asked(self, event: ChatPane.UserAsked) -> None:
        """Give the question the keys, unless the user is writing; announce one of a session that is not on screen."""
        pane, session = event.pane, event.pane.conversation.session
        if pane is self.pane:
            if self.prompt.has_focus and not self.prompt.text:
                self.focus_question()
        elif session is not None:
            number = self._open.number(session.id)
            key = f"{{key:tab-{number}}}" if number else "{key:sessions}"
            self.flash(f"Another session asks whether a tool may run · {key} opens it")
        if not self._in_front and self.workspace.config.notify != "off":
            self.app.bell()

    def focus_question(self) -> bool:
        """Give the keys to the question about a tool. Returns whether there is one."""
        if self.pane.question is not None and self.pane.question.is_attached:
            self.pane.question.focus()
        return self.pane.question is not None

    @on(ApprovalPanel.Typed)
    def _typed_at_question(self, event: ApprovalPanel.Typed) -> None:
        self.prompt.insert(event.text)

    @on(ApprovalPanel.Left)
    def _question_left(self) -> None:
        self.prompt.focus()

    @on(ApprovalPanel.ArgumentsWanted)
    def _arguments_wanted(self, event: ApprovalPanel.ArgumentsWanted) -> None:
        from stepchat.tui.dialogs.report import TextDialog

        lines = [ReportLine(line, "plain") for line in event.text.split("\n")]
        self.app.push_screen(TextDialog(event.title, lambda _: lines))

    @on(ChatPane.MessageLeft)
    def _message_left(self, event: ChatPane.MessageLeft) -> None:
        if event.pane is self.pane:
            self.prompt.focus()
            self.refresh_status()

    @on(Welcome.Left)
    def _welcome_left(self, event: Welcome.Left) -> None:
        self.prompt.focus()
        self.prompt.insert(event.typed)

    @on(Welcome.Chosen)
    def _welcome_chosen(self, event: Welcome.Chosen) -> None:
        self.prompt.focus()
        if event.row.question:
            self.submit(event.row.question)
        else:
            self.start(partial(self._open_recent, event.row.session))

    async def _open_recent(self, session: str) -> None:
        await self.open(await self.workspace.store.session(session))

    @on(ChatPane.Noticed)
    def _noticed(self, event: ChatPane.Noticed) -> None:
        if event.pane is self.pane:
            self.flash(event.text)

    @on(ChatPane.TextReturned)
    def _text_returned(self, event: ChatPane.TextReturned) -> None:
        self.composer.give_back(event.pane.conversation.take_returned())

    @on(ChatPane.TooLong)
    def _too_long(self, event: ChatPane.TooLong) -> None:
        if event.pane is self.pane:
            self.ask(event.text)
        else:  # the user can decide only about the session on screen
            self.composer.give_back(event.text)
            text = "A queued question exceeds the context window of another session; it is back in the prompt."
            self.notice(text, "{key:sessions} opens that session.", kind="warning")

    @on(ChatPane.SessionGone)
    def _session_gone(self, event: ChatPane.SessionGone) -> None:
        event.pane.notice(
            "Another window deleted this session.", "Asking a question restores it; {key:new} starts a new session."
        )

    @on(ChatPane.TurnEnded)
    def _turn_ended(self, event: ChatPane.TurnEnded) -> None:
        pane = event.pane
        if pane.conversation.busy:  # the queued question is being asked
            return
        self._call_back(pane.conversation)
        self._run_hook(pane.conversation)
        self.refresh_costs()
        self.load_late_costs()
        if pane is self.pane:
            self.refresh_status()
            self.show_title()
            self._recheck_window()
        elif pane.is_attached:
            self.start(partial(self._close_hidden, pane))

    def _call_back(self, conversation: Conversation) -> None:
        """Notify a user who is elsewhere and waited long for the answer."""
        session = conversation.session
        if self._in_front or session is None or not took_long(conversation.path):
            return

        async def call() -> None:
            title = (await conversation.workspace.store.session(session.id)).title
            notify_answer_ready(self.app, conversation.workspace.config.notify, title)

        workers.run_task(self, call, group="call back")

    def _run_hook(self, conversation: Conversation) -> None:
        """Give the answer to the user's own command."""
        command, last = (
            conversation.workspace.config.on_answer,
            conversation.path[-1].message if conversation.path else None,
        )
        if command and isinstance(last, AssistantMessage) and last.complete and last.text:
            workers.run_task(self, partial(run_hook, command, last.text), self.refuse, group="hook")

    async def _close_hidden(self, pane: ChatPane) -> None:
        """Remove the pane of a hidden session whose answer has ended, and say that the answer is there."""
        if not await self.panes.close(pane):
            return
        self.refresh_status()
        session = pane.conversation.session
        if session is not None:
            self._open.unread.add(session.id)
            title = sanitize((await self.workspace.store.session(session.id)).title, keep_newlines=False)[:40]
            number = self._open.number(session.id)
            key = f"{{key:tab-{number}}}" if number else "{key:sessions}"
            self.flash(f"“{title or 'untitled'}” has its answer · {key} opens it")
            self.check_tabs()

    def come_to_front(self) -> None:
        """Check for changes by other windows, and for a new day, because the terminal got the focus."""
        self._in_front = True
        self.refresh_costs()
        self._check_other_windows(at_once=True)

    def go_behind(self) -> None:
        self._in_front = False

    def _check_other_windows(self, *, at_once: bool = False) -> None:
        # Not under a dialog, nor while a question is being edited. Not every terminal reports its focus.
        pane = self.pane
        pane.check_other_windows(
            lambda: pane is self.pane and self.is_active and self.composer.editing is None, at_once=at_once
        )

    # ---- notices and status

    def start(self, do: Callable[[], Awaitable[object]], line: str = "") -> None:
        """Run a task in the background; an error becomes a notice. `line` is the command that was typed."""

        async def run() -> None:
            if line:
                self.view.notice("")
            await do()
            self.refresh_status()

        workers.run_task(self, run, partial(self.refuse, line=line), group="commands")

    def flash(self, text: str) -> None:
        """Show one line in the status bar for a few seconds; "" ends it."""
        self._status_bar.show_flash(text)

    def notice(self, text: str, hint: str = "", *, kind: NoticeKind = "info") -> None:
        """Show a notice at the end of the transcript, and in the status bar while that is not visible."""
        self.pane.notice(text, hint, kind=kind)

    def refuse(self, error: StepchatError, line: str = "") -> None:
        """Show why a command failed, and put its line back into an empty prompt."""
        self.notice(error.message, error.hint, kind="refused")
        if not self.prompt.text:
            self.prompt.restore_command(line)

    def dismiss_notice(self) -> bool:
        """Remove a temporary notice; False if there is none."""
        return self.pane.dismiss_notice()

    def copy(self, text: str) -> None:
        self.flash(clipboard.copy(self.app, text))

    def refresh_status(self) -> None:
        """Update the status bar, the draft and the welcome."""
        if not self.is_running:
            return
        self.composer.settle()
        self.composer.show_queue()
        self.pane.is_welcoming = self.pane.is_welcoming and self._is_new
        self._refresh_tabs()
        self._status_bar.items = self._items()
        self._status_bar.hints = self._hints()

    def show_pending_keys(self, leader: str, hints: Sequence[tuple[str, str]]) -> None:
        """Show the keys that may follow the leader; none hides them."""
        self._pending = (leader, tuple(hints))
        self.flash("")
        self.refresh_status()

    def _items(self) -> tuple[str | Fact | TurnProgress, ...]:
        if self._pending[1]:
            return (Fact(f"{self._pending[0]} …", "state"),)
        focused = self.view.focused_message
        if focused is not None:
            return (self._message_item(focused.stored),)
        if self.composer.editing is not None:
            return (Fact(f"editing {self.pane.message_name(self.composer.editing)}", "warning"),)
        conversation, spent = self.conversation, self._spent
        session = conversation.session
        name = conversation.model.rstrip("/").rpartition("/")[2] or conversation.model
        items: list[str | Fact | TurnProgress] = [
            Fact(name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…")
        ]
        if self.prompt.mode:
            items.insert(0, Fact(self.prompt.mode, "state"))
        if self.workspace.start_options.temporary:
            items.insert(0, Fact("temporary, nothing is stored", "state"))
        if session is not None and session.id in self._sides:
            items.append(Fact("side question, {key:stop} closes it, /keep keeps it", "state"))
        if (others := len(self.panes.all) - 1) and not self._tab_bar.display:
            items.append(Fact(f"{others} more answering", "state"))
        if self.panes.mouse_is_free:
            items.append(Fact("mouse free, {key:mouse} ends it", "state"))
        if self.progress is not None:
            items.append(self.progress)
        cost = spent.of_session(None if session is None else session.id)
        model = conversation.workspace.catalogue.find(conversation.model)
        estimate = partial(estimate_cost, conversation)
        items += session_facts(conversation.path, model, estimate, cost, spent.today(conversation.workspace))
        items += effort_facts(conversation.parameters, model, rejected=conversation.effort_rejected)
        items += settings_facts(conversation.scopes)
        if self.workspace.system if session is None else session.system:
            items.append("system prompt")
        return tuple(items)

    def _message_item(self, stored: StoredMessage | None) -> Fact:
        if stored is None:
            return Fact("the answer being written", "state")
        position = self.conversation.siblings.get(stored.id)
        versions = f" · ←→ {position[0]}/{position[1]}" if position else ""
        return Fact(self.pane.message_name(stored) + versions, "state")

    def _pending_hints(self) -> tuple[tuple[str, str], ...]:
        """The keys that may follow the leader, as many as fit, and `? all`, which opens the help."""
        leader, hints = self._pending
        room = self.size.width - len(leader) - len("  …    ? all  ")
        shown: list[tuple[str, str]] = []
        for key, word in hints:
            room -= len(f"{key} {word}  ")
            if room < 0 or len(shown) == _PENDING_HINTS:
                break
            shown.append((key, word))
        return (*shown, ("?", "all"))

    def _hints(self) -> tuple[tuple[str, str], ...]:
        if self._pending[1]:
            return self._pending_hints()
        if self.view.focused_message is None:
            editing = (("{key:prompt.send}", "resend as a new branch"), ("{key:stop}", "cancel"))
            return editing if self.composer.editing is not None else hints(self.progress)
        active = {binding.id for _, binding, enabled, _ in self.active_bindings.values() if enabled}
        keymap = keymap_of(self)
        rows = [row for row in keymap.rows if row.context == MESSAGE and row.word and row.name in active]
        return tuple((keymap.label(row.name), row.word) for row in rows)

    def show_title(self) -> None:
        """Show the title of the session in the terminal's title."""

        async def show() -> None:
            session = self.conversation.session
            title = "" if session is None else (await self.workspace.store.session(session.id)).title
            set_title(self.app, title, busy=self.conversation.busy)

        workers.run_task(self, show, group="title", exclusive=True)
        self.check_tabs()

    def set_palette(self, palette: Palette) -> None:
        self.palette = palette
        self.panes.set_palette(palette)

    def focus_transcript(self) -> None:
        """Move the focus to a message."""
        self.pane.focus_transcript()

    def leave_message(self) -> None:
        """Move the focus back to the prompt."""
        self.pane.leave_message()

    def focus_message(self, by: int) -> None:
        self.pane.focus_message(by)

    def message_name(self, stored: StoredMessage) -> str:
        return self.pane.message_name(stored)

    async def open_find(self, words: str) -> None:
        await self.pane.open_find(words, self.prompt.text)

    # ---- asking

    def ask(self, text: str | None, after: Sequence[StoredMessage] | None = None, *, is_typed: bool = True) -> None:
        """Ask a question, or let the user decide if it exceeds the context window. Without text, regenerate the last answer.

        Typed text can also be asked in a new session, or return to the prompt.
        """
        conversation = self.conversation
        before = after
        if before is None:
            before = conversation.path if text is not None else conversation.path_before_answer()
        needed = None if conversation.busy else conversation.tokens_over_limit(text or "", before)
        if needed is None:
            self.pane.ask(text, after)
        else:
            self.start(partial(self._ask_anyway, text, after, needed, is_typed=is_typed, can_be_alone=bool(before)))

    async def _ask_anyway(
        self,
        text: str | None,
        after: Sequence[StoredMessage] | None,
        needed: int,
        *,
        is_typed: bool,
        can_be_alone: bool,
    ) -> None:
        typed = (text or "") if is_typed else ""
        with self.composer.holding(typed):
            chosen = await self.app.push_screen_wait(self._too_long_picker(needed, alone=bool(typed and can_be_alone)))
            try:
                if chosen == "new":
                    await self.open(None)
            except StepchatError:
                self.composer.give_back(typed)
                raise
            if chosen in {"new", "send"}:
                self.pane.ask(text, after if chosen == "send" else None)
            else:
                self.composer.give_back(typed)
                self.flash("Not sent: it is back in the prompt." if typed else "")

    def _too_long_picker(self, needed: int, *, alone: bool) -> Picker:
        model = self.workspace.catalogue.find(self.conversation.model)
        size = 0 if model is None else model.context_length or 0
        more = (
            self.workspace.client.backend.context_window_hint if model is not None and model.max_context_length else ""
        )
        rows = [
            *([Choice("new", "Ask in a new session, without the earlier messages")] if alone else []),
            Choice("send", "Send it anyway"),
            Choice("back", "Back to the prompt"),
            *([Choice("hint", more, disabled=True)] if more else []),
        ]
        return Picker(
            f"About {short_count(needed)} tokens; {self.conversation.model}'s context window holds {short_count(size)}",
            rows,
        )

    async def attach(self, paths: Sequence[Path]) -> None:
        """Attach these files to the next question. Raises UsageError and StoreError; then none of them is attached."""
        with self.composer.reading_files():
            self.composer.attach(await attach_files(self.workspace, self.conversation.model, paths))

    def edit(self, stored: StoredMessage) -> None:
        """Put a question into the prompt, to be sent as a new branch."""
        self.pane.leave_message()
        self.flash("")
        self.composer.edit(stored)

    def _resend(self, question: StoredMessage, text: str) -> None:
        """Ask the edited question as a new branch."""
        if self.conversation.busy:
            self.refuse(StepchatError("Still answering.", "{key:stop} stops it."))
            self.composer.put(text)
            return

        async def ask() -> None:
            with self.composer.holding(text):
                store = self.workspace.store
                try:
                    after = await store.path(question.session, question.parent) if question.parent is not None else []
                except StepchatError:
                    self.composer.give_back(text)
                    raise
                session = self.conversation.session
                if session is not None and session.id == question.session:
                    self.ask(text, after)
                else:  # another session has been opened meanwhile
                    self.composer.give_back(text)

        self.composer.stop_editing()
        self.start(ask)

    def take_queue(self) -> None:
        """Put queued questions back into the prompt, because after a stop nothing is sent automatically."""
        self.composer.give_back("\n\n".join(self.conversation.take_queue()))

    # ---- sessions

    async def show_leaf(self, leaf: str | None, focus_on: str | None = None) -> None:
        """Show the branch that ends with this message. Raises StoreError."""
        await self.pane.show_leaf(leaf, focus_on)

    async def open(self, session: Session | None, *, keep_text: bool = False) -> None:
        """Open another session, or an empty one. The prompt's text stays with the current session, unless `keep_text`.

        Raises StepchatError if it cannot be opened; then nothing has changed.
        """
        composer = self.composer
        async with self._opening_session:
            there = None if session is None else session.id
            arriving = await self.panes.read(session)
            draft = await self._drafts.load(there)
            composer.stop_editing()
            await self.conversation.wait_until_saved()
            self.take_queue()
            current = self.conversation.session
            if there == (None if current is None else current.id):
                keep_text, draft = True, ""
            left = await composer.leave()
            left = "" if keep_text else left
            with composer.switching():
                await self._show(arriving)
                composer.arrive(self.conversation, draft, left, keep_text=keep_text)
        self.pane.offer_retry()
        if session is None:
            await self.pane.run_optional(self.greet)
        await self.pane.run_optional(self.announce_interrupted)
        await self.pane.run_optional(self.load_history)
        self.show_title()

    async def _show(self, arriving: Arriving) -> None:
        self.flash("")
        connection = await self.panes.show(arriving)
        if connection is not None:
            self._report_connection(connection)
            self.flash(f"Server: {switching.server_title(connection.config)}")
            self._refresh_catalogue(settle=not connection.config.model)
        self.refresh_status()
        self.refresh_costs()

    @on(TabBar.Chosen)
    def _tab_chosen(self, event: TabBar.Chosen) -> None:
        self.open_tab(event.number)

    def open_tab(self, number: int) -> None:
        """Show the session of a tab, counted from 1."""
        try:
            session = self._open.at(number)
        except IndexError:
            self.flash(f"Session {number} is not open.")
        else:
            self.start(partial(self._open_again, session))

    def step_tab(self, by: int) -> None:
        """Show the session of the next tab, or of the one before."""
        self.start(partial(self._open_again, self._open.beside(by)))

    async def _open_again(self, session: str | None) -> None:
        if session != self._open.current:
            await self.open(None if session is None else await self.workspace.store.session(session))

    async def close_session(self) -> None:
        """Close the session on screen and show the one before, or an empty one. Raises StepchatError."""
        await self._open_again(self._open.close(self._open.current))

    def _refresh_tabs(self) -> None:
        session = self.conversation.session
        shown = None if session is None else session.id
        if shown != self._open.current or shown not in self._open.ids:
            self._open.visit(shown, self.panes.answering_sessions)
            self.check_tabs()
        if not self.workspace.config.tabs or len(self._open.ids) < 2:
            self._tab_bar.tabs = ()
            return
        answering = self.panes.answering_sessions
        self._tab_bar.tabs = tuple(
            Tab(
                (self._titles.get(id_) or "untitled") if id_ is not None else NEW_SESSION,
                is_current=id_ == shown,
                is_answering=id_ in answering and id_ != shown,
                is_unread=id_ in self._open.unread,
            )
            for id_ in self._open.ids
        )

    def check_tabs(self) -> None:
        """Read the titles of the open sessions; those that were deleted lose their tabs."""

        async def read() -> None:
            for id_ in [id_ for id_ in self._open.ids if id_ is not None]:
                with suppress(StoreError):
                    session = await self.workspace.store.session(id_)
                    self._titles[id_] = session.title
                    if session.deleted is not None and id_ != self._open.current:
                        self._open.close(id_)
            self._refresh_tabs()

        workers.run_task(self, read, group="tabs", exclusive=True)

    async def open_side(self, question: str) -> None:
        """Ask in a fork of the session on screen, whose answer goes on. Raises StepchatError."""
        conversation, store = self.conversation, self.workspace.store
        answers = [stored for stored in conversation.path if isinstance(stored.message, AssistantMessage)]
        origin, model = conversation.session, conversation.model
        if origin is not None and answers:
            side = await store.fork(origin.id, answers[-1].id)
            await store.set_title(side.id, question)
        else:
            side = await self.workspace.ensure_session(None, model, conversation.scopes)
        await self.open(side)
        self._sides[side.id] = None if origin is None else origin.id
        self.conversation.set_model(model)
        self.refresh_status()
        self.ask(question)

    @property
    def in_side_session(self) -> bool:
        """Whether the session on screen was opened for a side question."""
        return self._open.current in self._sides

    async def close_side(self) -> None:
        """Delete the side session on screen and return to where it was opened. Raises StepchatError."""
        side = self._open.current
        if side is None or side not in self._sides:
            return
        await self._open_again(self._sides.pop(side))
        self._open.close(side)
        await self.workspace.store.delete([side])
        self.check_tabs()

    def keep_side(self) -> None:
        """Let the side session on screen be a session like any other."""
        self._sides.pop(self._open.current or "", None)
        self.refresh_status()

    @property
    def _is_new(self) -> bool:
        """Nothing was asked yet; notices do not count."""
        shown = any(message.stored is not None or message.answer is not None for message in self.view.document.messages)
        return self.conversation.session is None and not self.conversation.busy and not shown

    async def greet(self) -> None:
        """Show the welcome of a new session. Raises StoreError."""
        await self.pane.welcome.greet(self.workspace)
        self.pane.is_welcoming = self._is_new

    async def announce_interrupted(self) -> None:
        """Report answers interrupted by a crash, the one on screen first. Raises StoreError."""
        cuts = await self.workspace.store.interrupted_answers()
        path = self.conversation.path
        here = interrupted_at_end(path, cuts)
        if self.conversation.busy or not cuts:
            return
        others = describe_others([cut for cut in cuts if cut is not here], also=here is not None)
        if here is not None:
            self.view.notice(f"{describe_kept(path[-1].message)}.", others, kind="info")
        elif not self.pane.is_welcoming:
            self.view.notice(others, kind="info")

    # ---- model and server

    async def switch_model(self, slug: str) -> None:
        """Use this model from now on."""
        before = switching.target(self.conversation)
        self.conversation.set_model(slug)
        self.refresh_status()
        await remember_recent(self.workspace.store, slug)
        catalogue = self.workspace.catalogue
        if catalogue.models and catalogue.find(slug) is None:
            near = catalogue.nearest(slug)
            hint = f"Similar: {', '.join(near)}." if near else "{key:model} lists its models."
            self.view.notice(f"{slug} is not in the server's list of models; using it anyway.", hint, kind="warning")
        self._warn_of_small_window()
        self._report_switch(before, f"Model: {slug}")

    async def switch_server(self, place: ServerConfig) -> None:
        """Use this server from now on. Raises StepchatError if that is not possible, and changes nothing then."""
        pane = self.pane
        before = switching.target(self.conversation)
        self._check_idle(pane)
        switched = await switching.switch_server(self.workspace, place)
        # Meanwhile another session may have appeared, or a question may have been asked.
        self._check_idle(pane)
        self.panes.set_workspace(switched.workspace)
        if place.model:
            self.conversation.set_model(place.model)
        self.refresh_status()
        self._report_connection(switched.connection)
        self._report_switch(before, f"Server: {switching.server_title(switched.connection.config)}")
        # A model set for the server in config.toml is used, whatever the catalogue says.
        self._refresh_catalogue(settle=not place.model)

    def _check_idle(self, pane: ChatPane) -> None:
        if pane is not self.pane or pane.conversation.busy:
            raise StepchatError("Still answering.", "{key:stop} stops it.")

    def _report_connection(self, connection: Connection) -> None:
        if connection.key_error is not None:
            self.view.notice(connection.key_error.message, connection.key_error.hint, kind="warning")

    def _report_switch(self, before: Target, words: str) -> None:
        left = switching.describe_left_behind(self.conversation.path, before, switching.target(self.conversation))
        if left:
            self.view.notice(f"{words}. {left}", kind="info")
        else:
            self.flash(words)

    def load_catalogue(self) -> None:
        """Load spending and models after the first paint, and report a server that is not approved."""
        self.refresh_costs()
        if isinstance(error := self.workspace.key_error, UntrustedServerError):
            self._report_error(error)
        load_in_background(self.workspace.catalogue, partial(self._catalogue_loaded, self.workspace))

    def _refresh_catalogue(self, *, settle: bool) -> None:
        """Refresh the list of models. With `settle`, switch to another model if the server lacks the current one."""
        workspace = self.workspace

        def changed() -> None:
            self._catalogue_loaded(workspace)
            if settle and self.workspace.client is workspace.client:
                self._pick_available_model()

        load_in_background(workspace.catalogue, changed, fresh=True, failed=self._report_error)

    def _catalogue_loaded(self, workspace: Workspace) -> None:
        switching.recognize_backend(workspace)
        if self.workspace.client is not workspace.client:
            return
        if self.conversation.model == DEFAULT_MODEL:  # a model that the user chose is used, whatever the catalogue says
            self._pick_available_model()
        self._warn_of_small_window()
        self.view.update_answers()
        self.refresh_status()

    def _pick_available_model(self) -> None:
        conversation = self.conversation
        if conversation.busy:
            return
        model = switching.available_model(conversation)
        if not model:
            self.view.notice(
                f"This server has no model {conversation.model}.", "{key:model} chooses one of its own.", kind="warning"
            )
        elif model != conversation.model:
            conversation.set_model(model)
            only = len(conversation.workspace.catalogue.models) == 1
            self.flash(f"Model: {model}, the only one of this server." if only else f"Model: {model}")

    def _report_error(self, error: StepchatError) -> None:
        self.view.notice(error.message, error.hint, kind="warning")

    def _recheck_window(self) -> None:
        """Refresh the context window after an answer, because some servers know it only once they have loaded the model."""
        workspace, conversation = self.workspace, self.conversation
        asked = (workspace.client.base_url, conversation.model, "asked")
        if not workspace.client.backend.loads_on_demand or asked in self._warned:
            return
        self._warned.add(asked)
        sent = estimate_conversation_tokens(conversation.path_to_question())

        def changed() -> None:
            if self.workspace.client is workspace.client:
                self._warn_of_small_window(sent=sent)
            self._catalogue_loaded(workspace)

        load_in_background(workspace.catalogue, changed, fresh=True)

    def _warn_of_small_window(self, *, sent: int = 0) -> None:
        """Warn once of a small context window. `sent` is the number of tokens in the last request."""
        conversation, client = self.conversation, self.workspace.client
        key, model = (client.base_url, conversation.model), self.workspace.catalogue.find(conversation.model)
        if key not in self._warned and (words := small_window_warning(model, sent)):
            self._warned.add(key)
            self.view.notice(words, client.backend.context_window_hint, kind="warning")

    # ---- costs

    def refresh_costs(self) -> None:
        """Read the spending in the background."""
        workers.run_task(self, self._read_costs, group="spent", exclusive=True)

    async def _read_costs(self) -> None:
        with suppress(StoreError):
            await self._spent.read(self.conversation)
        if self._midnight is not None:
            self._midnight.stop()
        self._midnight = self.set_timer(self._spent.seconds_until_midnight(), self.refresh_costs)
        self.refresh_status()

    def load_late_costs(self, pauses: Sequence[float] = PAUSES) -> None:
        """Fetch the costs of answers that ended without one."""
        workers.run_task(self, partial(self._fetch_late_costs, pauses), group="costs", exclusive=True)

    async def _fetch_late_costs(self, pauses: Sequence[float]) -> None:
        async with aclosing(fetch_late_costs(self.workspace, pauses)) as answers:
            async for filled in answers:
                for pane in self.panes.all:
                    pane.update_message(filled)
                self.refresh_costs()

    # ---- quitting

    def interrupt(self) -> None:
        """Save what arrived of every running answer as interrupted, because stepchat crashes."""
        for pane in self.panes.all:
            pane.conversation.interrupt()

    async def finish_turns(self) -> list[Conversation]:
        """End all turns and save the draft. Returns the conversations whose answers cannot be saved."""
        self.take_queue()
        refused = [pane.conversation for pane in self.panes.all if not await pane.conversation.finish_turn()]
        for pane in self.panes.all:
            self.composer.give_back(pane.conversation.take_returned())
        await self.composer.keep()
        return refused

    async def save_page(self) -> None:
        """Keep what the next start shows first if it resumes this session."""
        session, path = self.conversation.session, self.conversation.path
        height = self.size.height - PROMPT_AND_STATUS
        last = path[-1].message if path else None
        # After anything else a new window adds a notice.
        if session is None or not isinstance(last, AssistantMessage) or not last.complete or self.prompt.text:
            return
        with suppress(StepchatError, OSError):
            key = next_page_key(self.workspace.paths.first_frame, (self.size.width, self.size.height), os.environ)
            await self.workspace.store.save_page(session.id, path[-1].id, key, self.view.rows_at_rest(path, height))

    async def stop_turns(self) -> None:
        """End all turns, but do not wait for a disk that cannot save their answers."""
        for pane in self.panes.all:
            await pane.conversation.stop_without_waiting()

"""The main screen: transcript, prompt, status line. Routes what the person does to the conversation and the commands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import Container
from textual.message import Message
from textual.screen import Screen

from stepchat.chat import branches, switching
from stepchat.chat import rescue as leaving
from stepchat.chat.conversation import Conversation
from stepchat.chat.drafts import Unsent
from stepchat.chat.interrupted import announce, offer_retry
from stepchat.chat.spent_today import show_estimated_costs
from stepchat.errors import StepchatError
from stepchat.first_frame.picture import prompt_row_limit
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.tui import workers
from stepchat.tui.chat import context_window, notices, selection_keys
from stepchat.tui.chat.background import Background
from stepchat.tui.chat.find_bar import open_find, write_on
from stepchat.tui.chat.status_bar import Fact, StatusLine
from stepchat.tui.chat.status_controller import Standing
from stepchat.tui.chat.welcome import Welcome
from stepchat.tui.composer.editing import Editing
from stepchat.tui.composer.prompt import Prompt, PromptBar
from stepchat.tui.keymap import MESSAGE, bindings, keymap_of
from stepchat.tui.message_keys import MESSAGE_ROWS
from stepchat.tui.terminal import clipboard
from stepchat.tui.terminal.title import set_title
from stepchat.tui.theme_controller import ThemeController
from stepchat.tui.themes import palette
from stepchat.tui.transcript.view import TranscriptView

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual import events
    from textual.app import App, ComposeResult
    from textual.binding import BindingType

    from stepchat.chat.connection import ServerConfig
    from stepchat.chat.workspace import Workspace
    from stepchat.messages import StoredMessage
    from stepchat.sessions.records import Session
    from stepchat.transcript.answer import ReasoningView
    from stepchat.transcript.labels import NoticeKind
    from stepchat.tui.chat.turn_status import TurnProgress
    from stepchat.tui.composer.completion import Completion
    from stepchat.tui.themes import Theme


_PENDING_HINTS = 5
"""With these, the leader and `? all`, the status bar shows seven things."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What the screen shows first: read before Textual starts, so that the first key meets a whole conversation."""

    theme: Theme
    reasoning_view: ReasoningView = "tail"
    path: Sequence[StoredMessage] = ()
    draft: str = ""


class ChatScreen(Screen[None]):
    """One conversation at a time."""

    AUTO_FOCUS = "Prompt"
    BINDINGS: ClassVar[list[BindingType]] = [
        *selection_keys.BINDINGS,
        *bindings(
            MESSAGE_ROWS,
            MESSAGE,
            {
                "menu": "app.message_menu",
                "leave": "leave_message",
                "previous": "focus_message(-1)",
                "next": "focus_message(1)",
                "first": "focus_end(False)",
                "last": "focus_end(True)",
                "sibling-previous": "step_sibling(-1)",
                "sibling-next": "step_sibling(1)",
                "half-up": "scroll_message(-0.5)",
                "half-down": "scroll_message(0.5)",
                "page-up": "scroll_message(-1)",
                "page-down": "scroll_message(1)",
            },
        ),
    ]

    class CommandEntered(Message):
        """A line that starts with `/` was sent."""

        def __init__(self, line: str) -> None:
            super().__init__()
            self.line = line

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
        *,
        typed: str = "",
        cursor: int | None = None,
    ) -> None:
        """`complete` returns the completions of a line that starts with `/`."""
        super().__init__()
        self.workspace = workspace
        self.theme_controller = ThemeController(self, opening.theme)
        self._opening = opening
        self._typed = (typed, cursor)
        self._pending: tuple[str, tuple[tuple[str, str], ...]] = ("", ())
        """The leader and the keys that may follow it, while it is pending."""
        view = TranscriptView(id="transcript")
        self._bar = PromptBar(lambda line: complete(line, self))
        self._status = StatusLine()
        self.welcome = Welcome(id="welcome", markup=False)
        view.document.reasoning_view = opening.reasoning_view
        self.conversation = Conversation(workspace, view, self.refresh_status, opening.path)
        show_estimated_costs(self.conversation)
        self.conversation.on_refused = self._give_back
        self.conversation.on_next = partial(context_window.ask_next, self, self.conversation)
        self.background = Background(self)
        self.unsent = Unsent(self)
        self.standing = Standing(self, self._status)
        self.editing = Editing(self, self.unsent)

    @property
    def app(self) -> App[Any]:
        return super().app  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - generic in Textual

    @property
    def view(self) -> TranscriptView:
        return self.conversation.view

    @property
    def prompt(self) -> Prompt:
        return self._bar.prompt

    def on_resize(self, event: events.Resize) -> None:
        self.prompt.styles.max_height = prompt_row_limit(event.size.height)

    def compose(self) -> ComposeResult:
        with Container(id="reading"):
            yield self.view
            yield self.welcome
        yield self._bar
        yield self._status

    def on_mount(self) -> None:
        self.welcome.display = False
        self.prompt.prefill(*self._typed)
        self.view.set_palette(palette(self.theme_controller.theme))
        self.view.show(self.conversation.path)
        self.prompt.set_history(self.conversation.prompts)
        self.unsent.begin(self._opening.draft)
        offer_retry(self)
        self.conversation.report_missing_profile()
        self.refresh_status()

    # What the person does

    def on_prompt_submitted(self, event: Prompt.Submitted) -> None:
        self.welcome.display = False
        if event.text.startswith("/"):
            self.post_message(self.CommandEntered(event.text))
        else:
            self.submit(event.text)

    def submit(self, text: str) -> None:
        """Ask this, or send it in the place of the question that is being edited."""
        if self.workspace.key_error is not None:
            self._give_back(text)
            self.start(partial(self.run_action, "app.command('login')"))
            return
        if not self.editing.take(text):
            self.ask(text)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        if action in {"leave_message", "focus_message", "focus_end", "step_sibling", "scroll_message"}:
            return self.view.has_focus
        return selection_keys.applies(self, action, parameters)

    def action_reading(self, what: str) -> None:
        selection_keys.act(self, what)

    def start(self, do: Callable[[], Awaitable[object]], line: str = "") -> None:
        """Do this in the background; an error becomes a notice. `line` is the command that was typed."""

        async def run() -> None:
            if line:
                self.view.notice("")
            await do()

        workers.run_task(self, run, partial(self.refuse, line=line), group="commands")

    async def open(self, session: Session | None, *, keep_text: bool = False) -> None:
        await self.unsent.switch(session, keep_text=keep_text)
        offer_retry(self)
        await self.conversation.run_optional(partial(announce, self))
        self.show_title()

    def _give_back(self, text: str) -> None:
        """Text that is not on disk returns to the prompt."""
        self.prompt.prefill("\n\n".join(part for part in (text, self.prompt.text) if part))

    def on_key(self, event: events.Key) -> None:
        self.standing.see_key()
        if self.welcome.display and (event.is_printable or event.key == "enter"):
            self.welcome.display = False
        if self.editing.on_key(event):
            event.stop()
        elif self.view.has_focus and event.is_printable and event.character and not event.key.startswith("alt+"):
            if self.view.focused_message is None:  # it disappeared with another branch
                self.leave_message()
                self.prompt.insert(event.character)
                event.stop()
            elif event.key not in self.active_bindings:
                # It is not typed into the prompt: some letters of a sentence would do something else here.
                self.flash(f"No action on {event.character}. Enter lists the actions, Esc returns to the prompt.")
                event.stop()

    def on_paste(self, event: events.Paste) -> None:
        self.leave_message()
        self.prompt.paste(event.text)

    # The focused message

    def focus_transcript(self) -> None:
        """Give the keys to the focused message and show its actions."""
        self.flash("")
        self.view.can_focus = True
        self.view.focus()
        self.refresh_status()

    def leave_message(self) -> None:
        """Go back to the prompt."""
        if self.view.focused_message is not None:
            self.view.clear_focus()
        self.prompt.focus()
        self.view.can_focus = False
        self.refresh_status()

    def focus_message(self, by: int) -> None:
        """Focus the message before or after; below the last one is the prompt."""
        if self.view.step_focus(by):
            self.focus_transcript()
        elif by > 0:
            self.leave_message()

    def action_focus_message(self, by: int) -> None:
        self.focus_message(by)

    def action_leave_message(self) -> None:
        self.leave_message()

    def action_focus_end(self, last: bool) -> None:  # noqa: FBT001 - an action
        self.view.focus_end(last=last)
        self.focus_transcript()

    def action_scroll_message(self, pages: float) -> None:
        self.view.scroll_page(pages)

    def action_step_sibling(self, by: int) -> None:
        self.start(partial(self._step_sibling, by))

    async def _step_sibling(self, by: int) -> None:
        async with self.conversation.branch_lock:
            # Read only now: the step before may have changed it.
            focused = self.view.focused_message
            if by and focused is not None and focused.stored is not None:
                if self.conversation.busy:
                    raise StepchatError("Still answering.", "Esc stops it.")
                await branches.show_sibling(self.conversation, focused.stored, by)

    def message_name(self, stored: StoredMessage) -> str:
        """What a message is called, counted by questions: question 3, answer 3."""
        number = 0
        for other in self.conversation.path:
            number += isinstance(other.message, UserMessage)
            if other.id == stored.id:
                break
        match stored.message:
            case UserMessage():
                return f"question {number}"
            case AssistantMessage():
                return f"answer {number}"
            case _:
                return f"tool result {number}"

    def message_items(self) -> list[Fact]:
        """What the status bar says of the focused or edited message; nothing without one."""
        focused = self.view.focused_message
        if focused is None:
            return [Fact(words, "warning") for words in self.editing.facts()]
        if focused.stored is None:
            return [Fact("the answer being written", "state")]
        position = self.view.versions.get(focused.stored.id)
        versions = f" · ←→ {position[0]}/{position[1]}" if position else ""
        return [Fact(self.message_name(focused.stored) + versions, "state")]

    def show_pending_keys(self, leader: str, hints: Sequence[tuple[str, str]]) -> None:
        """Show the keys that may follow the leader; none ends it."""
        self._pending = (leader, tuple(hints))
        self.flash("")
        self.refresh_status()

    def pending_items(self) -> list[Fact]:
        return [Fact(f"{self._pending[0]} …", "state")] if self._pending[1] else []

    def pending_hints(self) -> Sequence[tuple[str, str]]:
        """As many of the keys that may follow as fit, and `? all`, which opens the help."""
        leader, hints = self._pending
        room = self.size.width - len(leader) - len("  …    ? all  ")
        shown: list[tuple[str, str]] = []
        for key, word in hints:
            room -= len(f"{key} {word}  ")
            if room < 0 or len(shown) == _PENDING_HINTS:
                break
            shown.append((key, word))
        return [*shown, ("?", "all")] if hints else []

    def message_hints(self) -> list[tuple[str, str]]:
        """The keys of the focused message that do something now."""
        if self.view.focused_message is None:
            return self.editing.hints()
        active = {binding.id for _, binding, enabled, _ in self.active_bindings.values() if enabled}
        keymap = keymap_of(self)
        rows = [row for row in keymap.rows if row.context == MESSAGE and row.word and row.name in active]
        return [(keymap.label(row.name), row.word) for row in rows]

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget is self.prompt and self.view.focused_message is not None:
            self.leave_message()
        elif event.widget is self.view:
            self.refresh_status()  # the keys of the message apply only now

    def on_transcript_view_message_chosen(self, event: TranscriptView.MessageChosen) -> None:
        self.focus_transcript()
        self.action_step_sibling(event.by)

    def on_text_area_changed(self) -> None:
        self.unsent.changed()
        write_on(self)
        self.standing.see_key()
        if self.prompt.text:
            self.welcome.display = False

    def on_transcript_view_reasoning_folded(self, event: TranscriptView.ReasoningFolded) -> None:
        if event.message_id is None:
            self.conversation.fold_live(event.folded)
        else:
            self.start(partial(self.workspace.store.set_folded, event.message_id, event.folded))

    def on_transcript_view_copy_wanted(self, event: TranscriptView.CopyWanted) -> None:
        self.copy(event.text)

    def on_transcript_view_link_chosen(self, event: TranscriptView.LinkChosen) -> None:
        self.post_message(self.LinkChosen(event.address))

    # What is shown

    def flash(self, text: str) -> None:
        """Show one line in the status bar for a few seconds; "" ends it."""
        self._status.say(text)

    def notice(self, text: str, hint: str = "", *, kind: NoticeKind = "info") -> None:
        """Say something at the end of the transcript, and in the status bar while the end is out of sight."""
        notices.say(self, text, hint, kind=kind)

    def refuse(self, error: StepchatError, line: str = "") -> None:
        """Say why a command was not done; its line returns to an empty prompt."""
        notices.refuse(self, error.message, error.hint)
        if not self.prompt.text:
            self.prompt.restore_command(line)

    def dismiss_notice(self) -> bool:
        """Remove a notice that was shown in passing; False if there is none."""
        return notices.put_away(self)

    def copy(self, text: str) -> None:
        self.flash(clipboard.copy(self.app, text))

    # What commands do

    def ask(self, text: str | None, after: Sequence[StoredMessage] | None = None, *, is_typed: bool = True) -> None:
        """Ask, if it fits into the context window; without text, regenerate the last answer."""
        context_window.ask(self, text, after, is_typed=is_typed)

    def edit(self, stored: StoredMessage) -> None:
        """Put a question into the prompt, to be sent as a new branch."""
        self.editing.begin(stored)

    def take_queue(self) -> None:
        self.unsent.take_queue()

    @property
    def progress(self) -> TurnProgress | None:
        """The progress of the running turn, None when idle."""
        return self.conversation.meter

    @property
    def answering_sessions(self) -> frozenset[str]:
        """Ids of the sessions with a running answer."""
        session = self.conversation.session
        here = {session.id} if session is not None and self.conversation.busy else set[str]()
        return self.background.sessions | here

    async def show_leaf(self, leaf: str | None, focus_on: str | None = None) -> None:
        await branches.show_leaf(self.conversation, leaf, focus_on)

    async def announce_interrupted(self) -> None:
        await announce(self)

    async def open_find(self, words: str) -> None:
        await open_find(self, words)

    async def switch_model(self, slug: str) -> None:
        await switching.switch_model(self, slug)

    async def switch_server(self, place: ServerConfig) -> None:
        await switching.switch_server(self, place)

    def set_system_prompt(self, system: str | None, *, before: str) -> None:
        switching.set_system_prompt(self, system, before=before)

    def set_workspace(self, workspace: Workspace) -> None:
        switching.set_workspace(self, workspace)

    def set_reasoning_view(self, view: ReasoningView) -> None:
        self.view.document.reasoning_view = view

    @property
    def mouse_is_free(self) -> bool:
        """Whether the terminal has the mouse."""
        return self.view.mouse_is_free

    def set_mouse_free(self, *, free: bool) -> None:
        self.view.mouse_is_free = free
        self.refresh_status()

    @property
    def theme(self) -> Theme:
        return self.theme_controller.theme

    def show_title(self) -> None:
        """Show the title of the session in the terminal's title."""

        async def show() -> None:
            session = self.conversation.session
            title = "" if session is None else (await self.workspace.store.session(session.id)).title
            set_title(self.app, title, busy=self.conversation.busy)

        workers.run_task(self, show, group="title", exclusive=True)

    def refresh_status(self) -> None:
        """Bring the status line up to date; while a turn runs a timer does it twice a second."""
        if not self.is_running:
            return
        self.unsent.settle()
        if self.conversation.session is not None:
            self.welcome.display = False
        self.standing.refresh()

    async def leave(self) -> None:
        await leaving.leave(self)

    def interrupt(self) -> None:
        """stepchat crashes: what arrived of every running answer is saved as interrupted."""
        for conversation in (self.conversation, *self.background.conversations):
            conversation.interrupt()

    def rescue(self) -> str:
        return leaving.rescue(self)

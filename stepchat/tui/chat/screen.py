"""The main screen: transcript, prompt, status line. Routes what the person does to the conversation and the commands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen

from stepchat.chat import rescue as leaving
from stepchat.chat.conversation import Conversation
from stepchat.chat.drafts import Unsent
from stepchat.chat.interrupted import announce, offer_retry
from stepchat.chat.spent_today import show_estimated_costs
from stepchat.first_frame.picture import prompt_row_limit
from stepchat.tui import workers
from stepchat.tui.chat import context_window, notices, selection_keys
from stepchat.tui.chat.background import Background
from stepchat.tui.chat.find_bar import write_on
from stepchat.tui.chat.status_bar import StatusLine
from stepchat.tui.chat.status_controller import Standing
from stepchat.tui.chat.welcome import Welcome
from stepchat.tui.commands import COMMANDS, complete, find, links, message_menu
from stepchat.tui.commands.unknown import unknown_command
from stepchat.tui.composer.editing import Editing
from stepchat.tui.composer.prompt import Prompt, PromptBar
from stepchat.tui.terminal import clipboard
from stepchat.tui.terminal.title import show_title
from stepchat.tui.theme_controller import ThemeController
from stepchat.tui.themes import palette
from stepchat.tui.transcript.view import TranscriptView

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual import events
    from textual.app import App, ComposeResult

    from stepchat.chat.workspace import Workspace
    from stepchat.errors import StepchatError
    from stepchat.messages import StoredMessage
    from stepchat.sessions.records import Session
    from stepchat.transcript.answer import ReasoningView
    from stepchat.tui.commands.command import Command
    from stepchat.tui.composer.completion import Completion
    from stepchat.tui.themes import Theme


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
        *(Binding(row.key, f"command('{row.name}')", row.help, show=False) for row in COMMANDS if row.key),
        *selection_keys.BINDINGS,
    ]

    def __init__(self, workspace: Workspace, opening: Opening, *, typed: str = "", cursor: int | None = None) -> None:
        super().__init__()
        self.workspace = workspace
        self.theme_controller = ThemeController(self, opening.theme)
        self._opening = opening
        self._typed = (typed, cursor)
        view = TranscriptView(id="transcript")
        self._bar = PromptBar(self._completions)
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
        if (found := find(event.text)) is not None:
            self._run(*found, line=event.text)
            return
        if name := unknown_command(event.text, COMMANDS_BY_NAME):
            self.prompt.restore_command(event.text)
            notices.refuse(
                self, f"There is no command {name}.", "F1 shows all of them. To say it, put a space before it."
            )
            return
        if self.workspace.key_error is not None:
            self._give_back(event.text)
            self.action_command("login")
            return
        if not self.editing.take(event.text):
            context_window.ask(self, event.text)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        return selection_keys.applies(self, action, parameters)

    def action_reading(self, what: str) -> None:
        selection_keys.act(self, what)

    def action_command(self, name: str) -> None:
        self._run(COMMANDS_BY_NAME[name], "")

    def _run(self, command: Command, argument: str, line: str = "") -> None:
        self.start(partial(command.run, self, argument), line)

    def start(self, do: Callable[[], Awaitable[None]], line: str = "") -> None:
        async def run() -> None:
            if line:
                self.view.notice("")
            await do()

        def failed(error: StepchatError) -> None:
            notices.refuse(self, error.message, error.hint)
            if not self.prompt.text:
                self.prompt.restore_command(line)

        workers.run_task(self, run, failed, group="commands")

    def _completions(self, line: str) -> Sequence[Completion]:
        return complete(line, self)

    async def open(self, session: Session | None, *, along: bool = False) -> None:
        await self.unsent.switch(session, along=along)
        offer_retry(self)
        await self.conversation.run_optional(partial(announce, self))
        show_title(self)

    def _give_back(self, text: str) -> None:
        """Text that is not on disk returns to the prompt."""
        self.prompt.prefill("\n\n".join(part for part in (text, self.prompt.text) if part))

    def on_key(self, event: events.Key) -> None:
        self.standing.see_key()
        if self.welcome.display and (event.is_printable or event.key == "enter"):
            self.welcome.display = False
        if message_menu.on_key(self, event) or self.editing.on_key(event):
            event.stop()

    def on_paste(self, event: events.Paste) -> None:
        message_menu.leave(self)
        self.prompt.paste(event.text)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget is self.prompt and self.view.overlays.focus.message is not None:
            message_menu.leave(self)

    def on_transcript_view_message_chosen(self, event: TranscriptView.MessageChosen) -> None:
        message_menu.take_keys(self)
        self.start(partial(message_menu.walk, self, event.by))

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
        self.tell(clipboard.copy(self.app, event.text))

    def on_transcript_view_link_chosen(self, event: TranscriptView.LinkChosen) -> None:
        self.start(partial(links.ask, self, event.address))

    # What is shown

    def tell(self, text: str) -> None:
        self._status.say(text)

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


COMMANDS_BY_NAME = {row.name: row for row in COMMANDS}

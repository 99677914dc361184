"""The composer: the prompt with its mark and completions, the question being edited, and the saved draft."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static, TextArea

from stepchat.attachments.marks import mark, split_marks
from stepchat.attachments.paths import existing_files
from stepchat.chat.command_lines import command_name
from stepchat.chat.drafts import Drafts, without_sent
from stepchat.concurrency import run_in_daemon
from stepchat.errors import StepchatError
from stepchat.first_frame.picture import SIGN
from stepchat.messages import UserMessage
from stepchat.tui import workers
from stepchat.tui.composer.attachment_bar import AttachmentBar
from stepchat.tui.composer.completion import Completion, CompletionList
from stepchat.tui.composer.prompt import Prompt
from stepchat.tui.composer.queue_lines import QueueLines

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from textual.app import ComposeResult
    from textual.timer import Timer

    from stepchat.chat.conversation import Conversation
    from stepchat.messages import Attachment, StoredMessage

EDIT_SIGN = "»"
"""Replaces the prompt's mark while a question is being edited."""
PAUSE = 0.5
"""Seconds from a key to saving the draft. Keys pressed meanwhile are saved with it."""


class PromptRule(Widget):
    """A thin line over the whole width."""

    ALLOW_SELECT = False

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        return Strip([Segment("─" * width, self.rich_style)], width) if y == 0 else Strip.blank(width)


class Composer(Widget):
    """Rule, mark and prompt; completions open above. `complete` gets the whole line, which starts with `/`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop_editing", "cancel", show=False, id="prompt.stop-editing"),
    ]

    class Submitted(Message):
        """A text was sent that is not a command."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class CommandEntered(Message):
        """A text was sent that starts with `/`."""

        def __init__(self, line: str) -> None:
            super().__init__()
            self.line = line

    class StillReading(Message):
        """A text was not sent, because a file that goes with it is still being read."""

    class Detached(Message):
        """The last file was removed from the question."""

        def __init__(self, attachment: Attachment) -> None:
            super().__init__()
            self.attachment = attachment

    class EditingChanged(Message):
        """Editing an earlier question began or ended."""

    class QueueChanged(Message):
        """A queued question was taken back into the prompt."""

    class DraftNotSaved(Message):
        """The text of the prompt could not be saved."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    editing: var[StoredMessage | None] = var(None, init=False, toggle_class="-editing")
    """The earlier question that is being edited. Sending creates a new branch; the question stays."""

    def __init__(
        self,
        complete: Callable[[str], Sequence[Completion]],
        drafts: Drafts | None = None,
        conversation: Conversation | None = None,
    ) -> None:
        """Without `drafts` and `conversation`, nothing is saved."""
        super().__init__()
        self._completion_list = CompletionList()
        self.queue_lines = QueueLines()
        self.prompt = Prompt(self._completion_list, complete, self._take_queued)
        self._drafts = drafts
        self._conversation = conversation
        self._timer: Timer | None = None
        self._keeping = asyncio.Lock()
        self._switching = False
        self._aside = ""
        """A draft to show once the prompt is empty."""
        self._stash = self._edited = ""
        """The prompt's text before editing, and the question as it was put there."""
        self._held: list[str] = []
        self._bar = AttachmentBar()
        self._reading = 0
        self.attachments: tuple[Attachment, ...] = ()
        """The files that go with the next question."""

    def compose(self) -> ComposeResult:
        yield self._completion_list
        yield self.queue_lines
        yield PromptRule()
        yield self._bar
        with Horizontal(id="prompt-row"):
            yield Static(SIGN, id="prompt-mark", markup=False)
            yield self.prompt

    # ---- sending

    @on(Prompt.Submitted)
    def _submitted(self, event: Prompt.Submitted) -> None:
        event.stop()
        if event.text.startswith("/") or command_name(event.text):
            self.post_message(self.CommandEntered(event.text))
            return
        if self._reading:
            self.prompt.prefill(event.text)
            self.post_message(self.StillReading())
            return
        self.post_message(self.Submitted(self.with_attachments(event.text)))

    def with_attachments(self, text: str) -> str:
        """A text that is about to be sent, with the files of the prompt, which are gone from it then."""
        attachments = self.attachments
        self._show_attachments(())
        return mark(text, attachments)

    @on(CompletionList.Picked)
    def _picked(self, event: CompletionList.Picked) -> None:
        event.stop()
        self.prompt.accept_completion(event.index)
        self.prompt.focus()

    def give_back(self, text: str) -> None:
        """Put text that was not sent back into the prompt, before its current text."""
        if text:
            self.put("\n\n".join(part for part in (text, self.marked_text) if part))

    # ---- text and files

    @property
    def marked_text(self) -> str:
        """What is in the prompt, with its files and pastes; `put` brings it back."""
        return mark(self.prompt.marked_text, self.attachments)

    def put(self, text: str, cursor: int | None = None) -> None:
        """Replace what is in the prompt, files included; `cursor` is that of `Prompt.prefill`."""
        words, attachments = split_marks(text)
        self._show_attachments(attachments)
        self.prompt.prefill(words, cursor)

    @contextmanager
    def reading_files(self) -> Generator[None]:
        """Send nothing while files are being read that go with the next question."""
        self._reading += 1
        self._bar.show(self.attachments, reading=True)
        try:
            yield
        finally:
            self._reading -= 1
            self._bar.show(self.attachments, reading=bool(self._reading))

    def attach(self, attachments: Sequence[Attachment]) -> None:
        """Add files that are stored to the next question; each once."""
        self._show_attachments(dict.fromkeys((*self.attachments, *attachments)))

    def detach(self, attachment: Attachment) -> None:
        """Remove a file from the next question."""
        self._show_attachments(one for one in self.attachments if one != attachment)
        self.post_message(self.Detached(attachment))

    @on(Prompt.StartDeleted)
    def _start_deleted(self, event: Prompt.StartDeleted) -> None:
        event.stop()
        if self.attachments:
            self.detach(self.attachments[-1])

    @on(Prompt.PathEntered)
    def _path_entered(self, event: Prompt.PathEntered) -> None:
        event.stop()

        async def look() -> None:
            # In a thread: the path may be on a network that does not answer.
            if files := await run_in_daemon(existing_files, event.text):
                self.prompt.offer_files(event.text, files)

        workers.run_task(self, look, group="path", exclusive=True)

    def _show_attachments(self, attachments: Iterable[Attachment]) -> None:
        self.attachments = tuple(attachments)
        self._bar.show(self.attachments, reading=bool(self._reading))
        self.schedule_keep()

    # ---- the queue

    def show_queue(self) -> None:
        """Show what is queued in the conversation."""
        self.queue_lines.queue = () if self._conversation is None else tuple(self._conversation.queue)

    def _take_queued(self) -> bool:
        text = "" if self._conversation is None else self._conversation.take_queued()
        if text:
            self.give_back(text)
            self.post_message(self.QueueChanged())
        return bool(text)

    # ---- editing an earlier question

    def edit(self, stored: StoredMessage) -> None:
        """Put a stored question into the prompt. The current text returns after editing."""
        if self.editing is None:
            self._stash = self.marked_text
        message = stored.message
        self.put(mark(message.text, message.attachments if isinstance(message, UserMessage) else ()))
        self._edited = self.marked_text
        self.editing = stored

    def stop_editing(self) -> None:
        """Restore the prompt's text from before editing."""
        if self.editing is None:
            return
        text, self._stash, self._edited = self._stash, "", ""
        self.editing = None
        self.put(text)

    def action_stop_editing(self) -> None:
        self.stop_editing()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.editing is not None if action == "stop_editing" else super().check_action(action, parameters)

    def watch_editing(self) -> None:
        self.query_one("#prompt-mark", Static).update(SIGN if self.editing is None else EDIT_SIGN)
        self.post_message(self.EditingChanged())

    # ---- the draft

    def begin(self, draft: str) -> None:
        """Start with this saved draft. If something else was typed already, the draft appears once the prompt is empty."""
        if draft and self.marked_text != draft:
            self._aside = draft
            self.schedule_keep()

    @on(TextArea.Changed)
    def _changed(self) -> None:
        self.schedule_keep()

    def schedule_keep(self) -> None:
        """Save the text of the prompt and the queue soon, because it changed."""
        if self._timer is None and not self._switching:
            self._timer = self.set_timer(PAUSE, self._keep_soon)

    def settle(self) -> None:
        """Save the draft after a change in the conversation; at once if it has been saved as a question."""
        if self._drafts is not None and self._drafts.kept and not self._switching and not self._text():
            self._keep_soon()

    @contextmanager
    def holding(self, text: str) -> Generator[None]:
        """Save a text with the draft until the user has decided about it."""
        self._held.append(text)
        self.schedule_keep()
        try:
            yield
        finally:
            self._held.remove(text)
        self.schedule_keep()

    def _keep_soon(self) -> None:
        # Not in the widget's own task, because keys must not wait for the disk.
        self._timer = None
        workers.run_task(self, self.keep, group="draft")

    async def keep(self, *, held: bool = True) -> None:
        """Save the text if it changed."""
        async with self._keeping:
            if self._drafts is None or self._switching:
                return
            if self._aside and not self.marked_text:
                self.put(self._aside)
                self._aside = ""
            try:
                await self._drafts.keep(self._session_id, self._text(held=held))
            except StepchatError as error:
                # The next key tries again.
                self.post_message(self.DraftNotSaved(error.message))

    async def leave(self) -> str:
        """Save everything before another session opens. Returns the text that stays with this session.

        That excludes text that could not be saved, or was deleted with its session, because it exists nowhere else.
        """
        await self.keep(held=False)
        if self._drafts is None:
            return ""
        while self._text(held=False) != self._drafts.kept and not self._drafts.unsaved:
            await self.keep(held=False)
        return "" if self._drafts.unsaved or await self._drafts.is_orphaned() else self.marked_text

    @contextmanager
    def switching(self) -> Generator[None]:
        """Save nothing while the screen changes to another session."""
        self._switching = True
        try:
            yield
        finally:
            self._switching = False
        self.schedule_keep()

    def arrive(self, conversation: Conversation, draft: str, left: str, *, keep_text: bool) -> None:
        """Change to this conversation. Its draft replaces the text that was left; text typed meanwhile belongs to it."""
        self._conversation = conversation
        if left:
            self._aside = ""
        self.prompt.set_history(conversation.prompts)
        typed = self.marked_text.removeprefix(left)
        self.put("\n\n".join(filter(None, [without_sent(draft, conversation.path), typed])))
        if self._drafts is not None and not keep_text:
            self._drafts.follow(self._session_id, draft)

    @property
    def unsaved_text(self) -> str:
        """The text that could not be saved at the last attempt."""
        return "" if self._drafts is None else self._drafts.unsaved

    @property
    def _session_id(self) -> str | None:
        session = None if self._conversation is None else self._conversation.session
        return None if session is None else session.id

    def _text(self, *, held: bool = True) -> str:
        written = self.marked_text
        if written == self._edited:
            written = ""
        unsaved = () if self._conversation is None else self._conversation.unsaved
        return "\n\n".join(filter(None, (*unsaved, *(self._held if held else ()), self._aside, self._stash, written)))

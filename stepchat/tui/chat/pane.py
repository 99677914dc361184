"""The pane of one open session: conversation, transcript, find bar, and the worker of its turn, which runs on if hidden."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.message import Message
from textual.reactive import var
from textual.widget import Widget

from stepchat.chat.conversation import (
    AnswerAbandoned,
    AnswerStarted,
    BranchChanged,
    Conversation,
    DetailsChanged,
    TurnEnded,
)
from stepchat.chat.spending import estimate_cost
from stepchat.chat.tool_calls import calls_without_result
from stepchat.errors import StepchatError, as_sentence
from stepchat.events import (
    CallsLeft,
    ConcurrentQuestion,
    Delta,
    MessageSaved,
    Notice,
    Preparing,
    RequestStarted,
    Retrying,
    Silence,
    ToolCallDecided,
    ToolCallProgress,
    ToolCallReceived,
    ToolCallStarted,
)
from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.transcript.answer import REASONING
from stepchat.transcript.find.navigator import FindNavigator
from stepchat.tui import workers
from stepchat.tui.chat.approval import ApprovalPanel
from stepchat.tui.chat.find_bar import FindBar
from stepchat.tui.chat.turn_status import TurnProgress
from stepchat.tui.chat.welcome import Welcome
from stepchat.tui.keymap import MESSAGE, bindings
from stepchat.tui.message_keys import MESSAGE_ROWS
from stepchat.tui.transcript.view import TranscriptView

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from stepchat.chat.conversation import ConversationEvent, LoadedSession
    from stepchat.messages import StoredMessage
    from stepchat.sessions.search.search import Hit
    from stepchat.tools.approvals import ApprovalRequest, Decision
    from stepchat.transcript.answer import ReasoningView
    from stepchat.transcript.document import MessageView
    from stepchat.transcript.labels import NoticeKind
    from stepchat.transcript.palette import Palette

_LOOP: Final = "The model is repeating itself."
_LOOP_HINT: Final = "{key:answer-now} asks for the answer now, {key:stop} stops; or let it continue."
_LONGEST_NAMES: Final = 200
_PAUSE: Final = 2.0
"""Seconds between two checks for changes by other windows while the user types."""
_MESSAGE_ACTIONS: Final = {"leave_message", "focus_message", "focus_end", "step_sibling", "scroll_message"}


class ChatPane(Widget):
    """Shows one conversation and runs its turns. The screen shows one pane at a time."""

    BINDINGS: ClassVar[list[BindingType]] = [
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

    @dataclass
    class Changed(Message):
        """Something that the status bar shows has changed."""

        pane: ChatPane

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, ChatPane.Changed) and message.pane is self.pane

    @dataclass
    class TurnEnded(Message):
        """The running turn ended."""

        pane: ChatPane

    @dataclass
    class TextReturned(Message):
        """A question could not be saved: `conversation.take_returned` returns its text."""

        pane: ChatPane

    @dataclass
    class TooLong(Message):
        """The queued question exceeds the context window of the model."""

        pane: ChatPane
        text: str

    @dataclass
    class SessionGone(Message):
        """Another window deleted the session."""

        pane: ChatPane

    @dataclass
    class Noticed(Message):
        """A notice was added at the end of the transcript, which is not visible."""

        pane: ChatPane
        text: str

    @dataclass
    class UserAsked(Message):
        """The user has to answer a question about a tool call."""

        pane: ChatPane

    @dataclass
    class MessageLeft(Message):
        """The user left the focused message for the prompt."""

        pane: ChatPane

    is_welcoming = var(False, init=False, toggle_class="-welcoming")
    """Whether the welcome is shown, until the first question."""

    def __init__(
        self,
        conversation: Conversation,
        palette: Palette,
        *,
        id: str | None = None,  # noqa: A002 - Textual's word
        clock: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(id=id)
        self.conversation = conversation
        self.view = TranscriptView(id="transcript")
        self.view.reduced_motion = conversation.workspace.config.reduced_motion
        self.welcome = Welcome(id="welcome")
        self.find_bar: FindBar | None = None
        self._last_words = ""
        """What was searched for last."""
        self.progress: TurnProgress | None = None
        """The progress of the running turn; None when idle."""
        self.question: ApprovalPanel | None = None
        """The question about a tool call that the user has not answered yet."""
        conversation.toolbox.ask = self.ask_about_call
        conversation.toolbox.confirm_rounds = self.confirm_rounds
        self._palette = palette
        self._phase = ""
        self._why_left = ""
        """Why the last turn ended with calls that have no result."""
        self._clock = clock
        self._checked = clock()
        self._reported_gone = ""
        self.view.document.update_answers(estimate=partial(estimate_cost, conversation))

    def compose(self) -> ComposeResult:
        yield self.view
        yield self.welcome

    def on_mount(self) -> None:
        self.view.set_palette(self._palette)
        self.view.show(self.conversation.path)

    # ---- the turn

    def ask(self, text: str | None, after: Sequence[StoredMessage] | None = None) -> None:
        """Start a turn, or queue the text while one runs; without text, regenerate the last answer."""
        if self.conversation.busy:
            if text is not None:
                self.conversation.enqueue(text)
                self.post_message(self.Changed(self))
            return
        self.view.notice("")
        self._why_left = ""
        self.progress = TurnProgress(monotonic())
        self._phase = ""
        self.run_worker(self._follow(self.conversation.ask(text, after)), group="turn", exit_on_error=False)
        self.post_message(self.Changed(self))

    async def _follow(self, events: AsyncGenerator[ConversationEvent]) -> None:
        try:
            async with aclosing(events):
                async for event in events:
                    # A direct call, because a Textual message per delta would queue behind keys and paints.
                    self._show(event)
        except Exception as error:  # noqa: BLE001 - it ends the turn, which is saved, and nothing else
            for event in await self.conversation.recover(error):
                self._show(event)
            self._show(TurnEnded())

    def _show(self, event: ConversationEvent) -> None:
        view, progress = self.view, self.progress
        if progress is not None and not isinstance(event, BranchChanged | DetailsChanged):
            progress.add(event, monotonic())
        match event:
            case Delta():
                view.feed(event)
                if progress is not None and progress.repetition.add(event.reasoning):
                    view.notice(_LOOP, _LOOP_HINT, kind="info")
                if progress is not None and progress.phase != self._phase:
                    self._phase = progress.phase
                    self.post_message(self.Changed(self))
                return
            case MessageSaved(stored):
                if isinstance(stored.message, AssistantMessage):
                    view.finish_answer(stored)
                else:
                    view.add(stored)
            case AnswerStarted(model, as_json, think_at_most):
                if not view.follow:
                    view.scroll_to_end()
                view.begin_answer(model=model, as_json=as_json, think_at_most=think_at_most)
            case AnswerAbandoned():
                view.abandon_answer()
            case Retrying():
                view.set_waiting(f"{as_sentence(event.reason)} Retry {event.attempt} of {event.limit}")
            case Silence():
                view.set_waiting("nothing arrives" if event.seconds else "waiting")
            case Preparing():
                pass  # the progress shows it
            case Notice():
                view.notice(event.text, event.hint, kind=event.kind)
            case ConcurrentQuestion():
                view.notice(
                    "Another window is also asking in this session; each question becomes its own branch.",
                    "{key:focus-up} to the question, then Left or Right shows the other.",
                    kind="info",
                )
            case ToolCallReceived() | ToolCallDecided() | ToolCallStarted() | ToolCallProgress() | RequestStarted():
                pass  # the progress shows it, and the question and the result say the rest
            case CallsLeft(why=why):
                self._why_left = why
            case BranchChanged() | DetailsChanged():
                self._show_branch(event)
            case TurnEnded():
                self._end_turn()
        self.post_message(self.Changed(self))

    # ---- tools

    def show_result(self, stored: StoredMessage) -> None:
        """The user gave the result of a call."""
        self.view.add(stored)
        self.post_message(self.Changed(self))

    async def ask_about_call(self, request: ApprovalRequest) -> Decision:
        """The user's answer; the question stands below the transcript meanwhile."""
        return await self._ask_user(ApprovalPanel.about_call(request))

    async def confirm_rounds(self, rounds: int) -> bool:
        """Whether the user wants the turn to go on."""
        return (await self._ask_user(ApprovalPanel.about_rounds(rounds))).allows

    async def _ask_user(self, panel: ApprovalPanel) -> Decision:
        self.question = panel
        if self.progress is not None:
            self.progress.is_asking = True
        try:
            await self.mount(panel)
            self.post_message(self.UserAsked(self))
            return await panel.decision()
        finally:
            self.question = None
            if self.progress is not None:
                self.progress.is_asking = False
            had_focus = panel.has_focus_within
            await panel.remove()
            if had_focus:
                self.post_message(self.MessageLeft(self))
            self.post_message(self.Changed(self))

    def report_calls_left(self, why: str = "") -> None:
        """Say that calls have no result, or that results were not sent, and what to press."""
        path = self.conversation.path
        calls = calls_without_result(path)
        if not calls or self.conversation.workspace.key_error is not None:
            if path and isinstance(path[-1].message, ToolMessage):
                hint = "{key:continue} sends them to the model; or ask something else."
                self.view.notice("The results of the tools have not been sent.", hint, kind="info")
            return
        names = ", ".join(dict.fromkeys(call.name for call in calls))[:_LONGEST_NAMES]
        can_run = [call for call in calls if self.conversation.toolbox.is_on(call.name)]
        if can_run:
            limit = "The limit of rounds was reached. " if why == "round limit" else ""
            text = (
                f"{limit}{names} did not run."
                if len(calls) == 1
                else f"{limit}{len(calls)} calls did not run: {names}."
            )
            hint = "{key:continue} goes on with them, after asking. A new question leaves them."
        else:
            text = f"The model called {names}, and no tool of this name is on."
            hint = "{key:answer-call} types a result; /tools on NAME switches a tool on, then {key:continue} goes on."
        self.view.notice(text, hint, kind="info")

    def _show_branch(self, event: BranchChanged | DetailsChanged) -> None:
        conversation, view = self.conversation, self.view
        if isinstance(event, BranchChanged):
            if event.is_reload:
                view.show(event.path)
            else:
                ids = [stored.id for stored in event.path]
                view.show_branch(event.path, focus_on=ids.index(event.focus_on) if event.focus_on in ids else None)
        view.set_siblings(conversation.siblings)
        view.update_answers(conversation.returned)

    def _end_turn(self) -> None:
        self.progress = None
        self.report_calls_left(self._why_left)
        if self.conversation.has_returned:
            self.post_message(self.TextReturned(self))
        elif text := self.conversation.next_question():
            if self.conversation.tokens_over_limit(text) is None:
                self.ask(text)
            else:
                self.post_message(self.TooLong(self, text))
        self.post_message(self.TurnEnded(self))

    # ---- the branch

    async def show_session(self, loaded: LoadedSession) -> None:
        """Show another session, or an empty one."""
        self._show(self.conversation.show(loaded))
        self.report_missing_profile()
        self._show(await self.conversation.load_returned())

    async def show_leaf(self, leaf: str | None, focus_on: str | None = None) -> None:
        """Show the branch that ends with this message; common messages stay in place. Raises StoreError."""
        await self._take(await self.conversation.show_leaf(leaf, focus_on))

    async def _take(self, changed: BranchChanged | None) -> None:
        if changed is not None:
            self._show(changed)
            self._show(await self.conversation.load_returned())

    async def step_sibling(self, by: int) -> None:
        """Show another version of the focused message."""
        conversation = self.conversation
        async with conversation.branch_lock:
            # Read only now, because the previous step may have changed it.
            focused = self.view.focused_message
            if by and focused is not None and focused.stored is not None:
                if conversation.busy:
                    raise StepchatError("Still answering.", "{key:stop} stops it.")
                await self._take(await conversation.step_sibling(focused.stored, by))

    def update_message(self, filled: StoredMessage) -> None:
        """Update a stored message, for instance when its cost is known."""
        if self.conversation.update_message(filled) and not self.conversation.busy:
            follow = self.view.follow
            self.view.show_branch(self.conversation.path, new=False)
            if follow:
                self.view.scroll_to_end()
            self.post_message(self.Changed(self))

    async def load_details(self) -> None:
        """Read siblings, and what later requests did with the reasoning. Raises StoreError."""
        self._show(await self.conversation.load_returned())
        self._show(await self.conversation.load_siblings())

    def check_other_windows(self, still_wanted: Callable[[], bool], *, at_once: bool = False) -> None:
        """Load what another window added, because the user has pressed a key or (`at_once`) focused the terminal."""
        now = self._clock()
        if (at_once or now - self._checked >= _PAUSE) and self._may_reload(still_wanted):
            self._checked = now
            # A failure is ignored here; the next question reports it.
            workers.run_task(self, partial(self._reload, still_wanted), group="reload", exclusive=True)

    def _may_reload(self, still_wanted: Callable[[], bool]) -> bool:
        conversation = self.conversation
        return (
            conversation.session is not None
            and not conversation.busy
            and not conversation.branch_lock.locked()
            and self.find_bar is None
            and still_wanted()
        )

    async def _reload(self, still_wanted: Callable[[], bool]) -> None:
        follow, session = self.view.follow, self.conversation.session
        changed, deleted = await self.conversation.reload_if_newer(partial(self._may_reload, still_wanted))
        if session is not None and deleted and self._reported_gone != session.id:
            self.post_message(self.SessionGone(self))
        self._reported_gone = session.id if session is not None and deleted else ""
        if changed is None:
            return
        self.view.show_branch(self.conversation.path, new=False)
        if follow:
            self.view.scroll_to_end()
        where = "Its turns are shown above" if follow else "{key:end} shows its turns"
        self.notice(f"Another window continued this session. {where}.")
        await self.load_details()

    # ---- the focused message

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.view.has_focus if action in _MESSAGE_ACTIONS else super().check_action(action, parameters)

    def focus_transcript(self) -> None:
        """Move the focus to a message."""
        self.view.can_focus = True
        self.view.focus()
        self.post_message(self.Changed(self))

    def leave_message(self) -> None:
        """Move the focus back to the prompt."""
        if self.view.focused_message is not None:
            self.view.clear_focus()
        self.view.can_focus = False
        self.post_message(self.MessageLeft(self))

    def focus_message(self, by: int) -> None:
        """Focus the previous or next message; below the last one is the prompt. In an empty session, focus a row of the welcome."""
        if self.is_welcoming and by < 0 and self.welcome.focus_rows():
            return
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
        workers.run_task(self, partial(self.step_sibling, by), self._report, group="branch")

    @on(TranscriptView.MessageChosen)
    def _message_chosen(self, event: TranscriptView.MessageChosen) -> None:
        self.focus_transcript()
        self.action_step_sibling(event.by)

    def message_name(self, stored: StoredMessage) -> str:
        """The name of a message, counted by questions: question 3, answer 3."""
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

    # ---- folding and notices

    @on(TranscriptView.ReasoningFolded)
    def _folded(self, event: TranscriptView.ReasoningFolded) -> None:
        if event.message_id is None:
            self.conversation.fold_live(folded=event.folded)
        else:
            keep = partial(self.conversation.workspace.store.set_folded, event.message_id, event.folded)
            workers.run_task(self, keep, self._report, group="fold")

    def _report(self, error: StepchatError) -> None:
        self.notice(error.message, error.hint, kind="refused")

    def notice(self, text: str, hint: str = "", *, kind: NoticeKind = "info") -> None:
        """Show a notice at the end of the transcript."""
        self.view.notice(text, hint, kind=kind)
        if not self.view.follow:
            self.post_message(self.Noticed(self, f"{text} {hint}"))

    def dismiss_notice(self) -> bool:
        """Remove a temporary notice; False if there is none."""
        dismissed = self.view.document.dismiss_notice()
        if dismissed:
            self.view.notice("")
        return dismissed

    async def run_optional(self, do: Callable[[], Awaitable[object]]) -> None:
        """Do something optional; a failure is only reported."""

        def report(error: StepchatError) -> None:
            self.view.notice(error.message, error.hint, kind="warning")

        await workers.run_reporting(do, report)

    def report_missing_profile(self) -> None:
        """Report that the session uses a profile or preset that no longer exists."""
        if missing := self.conversation.scopes.missing:
            self.view.notice(missing, "/settings shows what is sent.", kind="warning")

    def offer_retry(self) -> None:
        """Offer to retry a question that has no answer."""
        if self.conversation.has_unanswered_question and not self.conversation.busy:
            self.view.notice(
                "This question has no answer yet.",
                "{key:retry} asks it, {key:edit} edits it; or type another one.",
                kind="info",
            )
        elif not self.conversation.busy:
            self.report_calls_left()

    # ---- how it is shown

    def set_palette(self, palette: Palette) -> None:
        self._palette = palette
        self.view.set_palette(palette)

    def set_reasoning_view(self, view: ReasoningView) -> None:
        """Set how the reasoning of new answers is shown."""
        self.view.document.reasoning_view = view

    def set_mouse_free(self, *, free: bool) -> None:
        """Set whether the terminal handles the mouse."""
        self.view.mouse_is_free = free

    # ---- finding

    async def open_find(self, words: str, draft: str, *, beside: bool = False) -> FindBar:
        """Open the find bar. With words, go to their first hit. `beside` leaves the focus to the prompt."""
        bar = self.find_bar
        if bar is None:
            bar = self.find_bar = FindBar(self.view)
            await self.mount(bar)
        if bar is self.find_bar:  # it may have been closed while it was mounted
            bar.begin(words, draft, beside=beside)
        return bar

    async def find_again(self, by: int, draft: str) -> None:
        """Go to another match of the last search; the keys stay in the prompt."""
        if self.find_bar is None and self._last_words:
            await self.open_find(self._last_words, draft, beside=True)
        if self.find_bar is not None:
            self.find_bar.action_step(by)

    def close_find(self) -> None:
        if self.find_bar is not None:
            self.find_bar.action_close()
            self.find_bar = None

    @on(FindBar.Closed)
    def _find_closed(self, event: FindBar.Closed) -> None:
        self._last_words = event.bar.words or self._last_words
        if event.bar is self.find_bar:
            self.find_bar = None

    def keep_position(self, text: str) -> bool:
        """Keep the position while the user types, and close a find bar that opened by itself. Returns whether it closed."""
        bar = self.find_bar
        closes = bar is not None and bar.is_beside and text not in {"", bar.draft}
        if bar is not None and closes:
            bar.action_close()
        self.view.finder.accept_position()
        return closes

    def go_back(self) -> bool:
        """Close the find bar, or return to where the search began. False if there is neither."""
        if self.find_bar is not None and self.find_bar.is_beside:
            self.find_bar.action_close()
        elif self.can_go_back:
            self.view.find(FindNavigator.go_back)
        else:
            return False
        return True

    @property
    def can_go_back(self) -> bool:
        # While an answer is being written, Esc stops it.
        beside = self.find_bar is not None and self.find_bar.is_beside
        return beside or (self.view.finder.can_go_back and not self.conversation.busy)

    async def reveal_hit(self, typed: str, hits: Sequence[Hit], draft: str) -> None:
        """Go to the newest hit of a session search, unless it is in the title. Raises StoreError."""
        hit = hits[0] if hits and all(hit.message is not None for hit in hits) else None
        if hit is None or hit.message is None:
            return
        found = sorted({hit.snippet.text[start:end] for start, end in hit.snippet.ranges}, key=len, reverse=True)
        message = await self._reveal(hit.message)
        if message is not None and (words := self._words_in(message, [typed.strip().strip('"'), *found])):
            bar = await self.open_find(words, draft, beside=True)
            self.view.find(partial(_point, message=message, in_reasoning=hit.field == "reasoning"))
            bar.action_step(0)

    async def reveal_words(self, text: str) -> str:
        """Go to the last match if the session was found by its text and not by id or title; returns the words shown."""
        conversation, needle = self.conversation, text.strip().casefold()
        session = conversation.session
        if session is None or session.id.startswith(needle) or needle in session.title.casefold():
            return ""
        last = _last_match(conversation.path, needle)
        if last is None:
            last = _last_match(await conversation.workspace.store.messages(session.id), needle)
        message = None if last is None else await self._reveal(last.id)
        if message is None or not (words := self._words_in(message, [text.strip()])):
            return ""
        # The find bar stays closed, because the user may be typing already.
        self.view.find(partial(_go_to, words=words, message=message))
        for place in self.view.find(lambda finder: finder.leave()):
            self.view.post_fold(place, folded=False)
        return words

    async def _reveal(self, message_id: str) -> MessageView | None:
        """Show the branch with this message; None if an answer is streaming on another one."""
        conversation = self.conversation
        if all(stored.id != message_id for stored in conversation.path):
            if conversation.busy:
                return None
            await self.show_leaf(await conversation.workspace.store.deepest_leaf(message_id))
        messages = self.view.document.messages
        return next((one for one in messages if one.stored is not None and one.stored.id == message_id), None)

    def _words_in(self, message: MessageView, candidates: Sequence[str]) -> str:
        """The first candidate that is visible in this message. Searches also find separate words, and Markdown source."""

        def look(finder: FindNavigator) -> str:
            found = ""
            for words in filter(None, candidates):
                finder.search_for(words)
                if finder.search.hits_in(message):
                    found = words
                    break
            finder.leave()
            return found

        words = self.view.find(look)
        if not words and message.stored is not None:
            ids = [stored.id for stored in self.conversation.path]
            self.view.show_branch(self.conversation.path, focus_on=ids.index(message.stored.id))
            self.view.clear_focus()
        return words


def _last_match(messages: Sequence[StoredMessage], needle: str) -> StoredMessage | None:
    return next((stored for stored in reversed(messages) if needle in stored.message.text.casefold()), None)


def _point(finder: FindNavigator, message: MessageView, *, in_reasoning: bool = False) -> None:
    """Make the first hit in this message the current hit."""
    hits = finder.search.hits_in(message)
    wanted = [hit for hit in hits if (message.answer is not None and hit.section == REASONING) is in_reasoning] or hits
    finder.search.current = wanted[0] if wanted else None


def _go_to(finder: FindNavigator, words: str, message: MessageView) -> None:
    finder.search_for(words)
    _point(finder, message)
    finder.step(0)

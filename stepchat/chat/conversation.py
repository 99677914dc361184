"""The session on the screen and its running turn. Talks to run_turn and the transcript; knows no keys and no layout."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from stepchat.chat.branches import count_siblings
from stepchat.chat.internal_errors import show_internal_error
from stepchat.chat.turn import CRASHED, RETRY_SECONDS, run_turn
from stepchat.errors import StepchatError, StoreError, as_sentence
from stepchat.events import ConcurrentQuestion, Delta, MessageSaved, Notice, Retrying, Silence
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.parameters.schema import wants_json
from stepchat.reasoning.ledger import returned_from_json
from stepchat.servers.refusals import RejectedSettings
from stepchat.tui import workers
from stepchat.tui.chat.sync import catch_up, tell_beside
from stepchat.tui.chat.turn_status import TurnProgress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from stepchat.chat.loaded_session import Opened
    from stepchat.chat.workspace import Workspace
    from stepchat.events import TurnEvent
    from stepchat.messages import Json, StoredMessage
    from stepchat.parameters.scopes import Scopes
    from stepchat.sessions.records import Session
    from stepchat.tui.transcript.view import TranscriptView


_WAY_OUT = "Alt+A asks for the answer now, Esc stops it; or let it go on."


class Conversation:
    """One session: what was said, what is being said, and what waits to be said."""

    def __init__(
        self,
        workspace: Workspace,
        view: TranscriptView,
        changed: Callable[[], None],
        path: Sequence[StoredMessage] = (),
    ) -> None:
        self.workspace = workspace
        self.view = view
        self.session: Session | None = workspace.session
        self.model = workspace.model
        self.scopes = workspace.scopes
        """Who decides the parameters of the next question."""
        self.path: list[StoredMessage] = list(path)
        self._refusals = RejectedSettings()
        self.meter: TurnProgress | None = None
        """The running turn's, None while nothing runs."""
        self.queued: list[str] = []
        self._asked: str | None = None
        self._saved_question = asyncio.Event()
        self._saved_question.set()
        self.changed = changed
        self._task: asyncio.Task[None] | None = None
        self._live_fold: bool | None = None
        self._phase = ""
        self._leaving = False
        self._retry_now: asyncio.Event | None = None
        """Set it when the disk that refused an answer is to be tried without waiting; None while none is refused."""
        self.refused: StoredMessage | None = None
        """The answer that the disk refused when it was tried last."""
        self._save_attempted = asyncio.Event()
        self._as_json = False
        self._base: list[StoredMessage] = []
        """The messages that the running turn goes on from."""
        self.branched = False
        """What is said next may have siblings."""
        self.branch_lock = asyncio.Lock()
        """Held while another branch is being put on the screen."""

    @property
    def busy(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def has_unanswered_question(self) -> bool:
        """Whether the last thing is a question: what was to answer it left nothing."""
        return bool(self.path) and isinstance(self.path[-1].message, UserMessage)

    @property
    def unsaved(self) -> list[str]:
        """Questions that are not on disk yet."""
        return [*([] if self._asked is None else [self._asked]), *self.queued]

    @property
    def prompts(self) -> list[str]:
        """What the person said in this session, oldest first."""
        messages = [stored.message for stored in self.path]
        return [message.text for message in messages if isinstance(message, UserMessage)]

    @property
    def parameters(self) -> Json:
        """What the next question is asked with."""
        return self.scopes.request()

    @property
    def effort_rejected(self) -> bool:
        """Whether the server did not take an effort that is set."""
        return self._refusals.rejects_effort(self.model, self.parameters)

    async def show(self, opened: Opened) -> None:
        """Show a session, or an empty one, in the place of the one before. Nothing of it can fail."""
        self.session, self.path, self.scopes = opened.session, opened.path, opened.scopes
        if opened.session is not None and opened.session.model:
            self.model = opened.session.model
        self.view.show(self.path)
        self.view.set_siblings(opened.siblings)
        self.report_missing_profile()
        self.changed()
        await self.show_returned_reasoning()

    def report_missing_profile(self) -> None:
        """A profile or preset that the session uses and that is gone."""
        if self.scopes.missing:
            self.view.notice(self.scopes.missing, "/settings shows what is sent.", kind="warning")

    async def show_returned_reasoning(self) -> None:
        """Put beside each reasoning what later requests did with it."""
        if self.session is None:
            return
        # A mark that cannot be read is missing, and nothing else is.
        with suppress(StoreError):
            found = await self.workspace.store.reasoning_outcomes(self.session.id)
            await self.load_rejected_settings()
            marks = {id_: returned_from_json(verdict.newest).label(verdict.sent) for id_, verdict in found.items()}
            self.view.update_answers(marks)

    async def load_rejected_settings(self) -> None:
        """What the server did not take lately, for those who say what is sent."""
        await self._refusals.load(self.workspace.store, self.workspace.client.base_url, self.model)

    def rejection_reason(self, name: str, value: Any) -> str:
        """Why a setting does not leave, "" when it does."""
        return self._refusals.reason(self.model, name, value)

    def update_message(self, filled: StoredMessage) -> None:
        """More is known of an answer on show, such as its cost."""
        if any(stored.id == filled.id for stored in self.path):
            self.path = [filled if stored.id == filled.id else stored for stored in self.path]
            if not self.busy:
                follow = self.view.follow
                self.view.show_branch(self.path, new=False)
                if follow:
                    self.view.scroll_to_end()
            self.changed()

    def set_model(self, model: str) -> None:
        """Ask this model from now on."""
        self.model = model
        self.changed()

    async def set_scopes(self, scopes: Scopes) -> None:
        """Ask with these parameters from now on."""
        if self.session is not None:
            self.session = await self.workspace.save_parameters(self.session, scopes)
        self.scopes = scopes
        self.changed()

    def ask(self, text: str | None, after: Sequence[StoredMessage] | None = None) -> None:
        """Start a turn; without text the last question is asked again. While one runs the text waits its turn.

        `after` is the path to what the turn follows, when that is not the end of what is shown: it makes a branch.
        """
        if self.busy:
            if text is not None:
                self.queued.append(text)
                self.changed()
            return
        self._asked = text
        self._saved_question.clear()
        self._task = asyncio.create_task(self._turn(text, after), name="turn")

    async def stop_without_waiting(self) -> None:
        """`stop`, and do not wait for a disk that refuses what the turn had."""
        self._leaving = True
        await self._cancel()

    def interrupt(self) -> None:
        """stepchat crashes: what arrived of the answer is saved as interrupted."""
        self._leaving = True
        if self._task is not None:
            self._task.cancel(CRASHED)

    async def finish_turn(self) -> bool:
        """End the running turn; False when the disk refuses what it had, which goes on being tried."""
        if (task := self._task) is None:
            return True
        self.refused = None
        self._save_attempted.clear()
        (task.cancel if self._retry_now is None else self._retry_now.set)()
        tried = asyncio.ensure_future(self._save_attempted.wait())
        await asyncio.wait([task, tried], return_when=asyncio.FIRST_COMPLETED)
        tried.cancel()
        if task.done() and self._task is task:
            self._end()  # it was cancelled before its first step
        return self.refused is None

    async def stop(self) -> None:
        """End the running turn and wait until what it had is on disk. What the disk refused is only tried at once."""
        if self._retry_now is not None:
            self._retry_now.set()
        else:
            await self._cancel()

    async def _cancel(self) -> None:
        if (task := self._task) is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
            if self._task is task:
                # It was cancelled before its first step.
                self._end()

    async def wait_until_saved(self) -> None:
        """Wait until the question of the running turn is on disk, or the turn has ended without."""
        await self._saved_question.wait()

    def fold_live(self, folded: bool) -> None:  # noqa: FBT001 - the one thing it says
        """The reader's choice for an answer that has no stored form yet."""
        self._live_fold = folded

    async def _turn(self, text: str | None, after: Sequence[StoredMessage] | None) -> None:
        self._live_fold = None
        before = list(self.path)
        try:
            await self._run(text, after)
        except asyncio.CancelledError:
            self.view.abandon_answer()
            self._go_back(before)
        except StepchatError as error:
            # A failure of the server is part of the stored answer already; this one happened before there was one.
            if self.view.live or not self._kept(error):
                self.view.abandon_answer()
                self._go_back(before)
                self.view.notice(error.message, error.hint)
        except Exception as fault:  # noqa: BLE001 - nobody awaits the task, so that it would be seen nowhere
            self.view.abandon_answer()
            self._go_back(before)
            await show_internal_error(self, fault)
        finally:
            self._end()

    def _kept(self, error: StepchatError) -> bool:
        last = self.path[-1].message if self.path else None
        return isinstance(last, AssistantMessage) and last.error is not None and last.error.message == error.message

    def _end(self) -> None:
        """What was queued goes out; a question that is not on disk goes back to the prompt through `on_refused`."""
        refused, self._asked = self._asked, None
        self.meter = self._task = self.refused = None
        self._saved_question.set()
        if refused is not None:
            self.on_refused("\n\n".join([refused, *self.queued]))
            self.queued.clear()
        elif self.queued and self._went_well():
            text = "\n\n".join(self.queued)
            self.queued.clear()
            self.on_next(text)
        self.changed()

    def _went_well(self) -> bool:
        last = self.path[-1].message if self.path else None
        return isinstance(last, AssistantMessage) and last.complete

    def on_refused(self, text: str) -> None:
        """Replaced by the owner: gets text that is not on disk."""

    def on_next(self, text: str) -> None:
        """Replaced by the owner: asks what waited for its turn."""

    def on_unpriced(self) -> None:
        """Replaced by the owner: an answer ended without usage, so that its cost is to be asked for."""

    async def _run(self, text: str | None, after: Sequence[StoredMessage] | None) -> None:
        if self.workspace.key_error is not None:
            raise self.workspace.key_error
        session = self.session = await self.workspace.ensure_session(self.session, self.model, self.scopes)
        self.branched = self.branched or text is None or after is not None
        if after is None:
            await catch_up(self)
            after = self.path if text is not None else self.path_to_question()
        self._base = list(after)
        self.meter = TurnProgress(monotonic())
        question = self.workspace.build_question(session, list(after), text, self.model, self.scopes)
        self._as_json = wants_json(question.parameters)
        if text is None:
            self._show_branch(after)
            if not self.view.follow:
                self.view.scroll_to_end()
            self.view.begin_answer(model=self.model, as_json=self._as_json)
        self.changed()
        store, client, once = self.workspace.store, self.workspace.client, self.scopes.once
        async with aclosing(run_turn(store, client, question, self._wait_for_disk)) as events:
            async for event in events:
                if once:
                    # Not before: a question that the disk refuses is asked anew, with the same.
                    self.scopes, once = self.scopes.after_turn(once), ()
                self.meter.add(event, monotonic())
                try:
                    await self._show(event)
                except asyncio.CancelledError as cancelled:
                    # The turn ends it: it knows what is on disk.
                    if (task := asyncio.current_task()) is not None:
                        task.cancel(*cancelled.args)
        await self.show_returned_reasoning()

    async def _wait_for_disk(self, refused: StoredMessage) -> None:
        if self._leaving or not self.view.is_running:
            raise asyncio.CancelledError
        self.refused, self._retry_now = refused, asyncio.Event()
        self._save_attempted.set()
        try:
            async with asyncio.timeout(RETRY_SECONDS):
                await self._retry_now.wait()
        except TimeoutError:
            pass
        finally:
            self._retry_now = None

    def path_to(self, message_id: str | None) -> list[StoredMessage]:
        """The beginning of what is shown, to this message; from None it is empty."""
        ids = [stored.id for stored in self.path]
        return self.path[: ids.index(message_id) + 1] if message_id in ids else []

    def path_to_question(self, stored: StoredMessage | None = None) -> list[StoredMessage]:
        """The path to the question of this message, or of the last one."""
        path = list(self.path) if stored is None else self.path_to(stored.id)
        while path and not isinstance(path[-1].message, UserMessage):
            path.pop()
        return path

    def _go_back(self, before: Sequence[StoredMessage]) -> None:
        """Nothing has come in the place of what had made room for it."""
        shown = [stored.id for stored in self.path]
        if shown == [stored.id for stored in before[: len(shown)]]:
            self._show_branch(before)

    def _show_branch(self, path: Sequence[StoredMessage]) -> None:
        if [stored.id for stored in path] != [stored.id for stored in self.path]:
            self.path = list(path)
            self.view.show_branch(self.path)

    async def _show(self, event: TurnEvent) -> None:
        match event:
            case Delta():
                self.view.feed(event)
                if self.meter is not None and self.meter.repetition.add(event.reasoning):
                    self.view.notice("The thinking goes round in circles.", _WAY_OUT, kind="info")
                if self.meter is not None and self.meter.phase != self._phase:
                    self._phase = self.meter.phase
                    self.changed()
            case MessageSaved():
                await self._saved(event.stored)
            case Retrying():
                self.view.set_waiting(f"{as_sentence(event.reason)} Trying again in {event.delay:.0f} s")
            case Silence():
                self.view.set_waiting("nothing arrives" if event.seconds else "waiting")
            case Notice():
                self.view.notice(event.text, kind="warning")
            case ConcurrentQuestion():
                await self.run_optional(partial(tell_beside, self))
        if not isinstance(event, Delta):
            self.changed()

    async def _saved(self, stored: StoredMessage) -> None:
        if isinstance(answer := stored.message, AssistantMessage):
            folded = self._live_fold
            if folded is not None:
                stored = replace(stored, folded=folded)
            self.path.append(stored)
            self.view.finish_answer(stored)
            if answer.generation_id and not answer.usage.raw:
                self.on_unpriced()
            if folded is not None:
                await self.run_optional(partial(self.workspace.store.set_folded, stored.id, folded))
            if self.branched:
                await self.run_optional(partial(count_siblings, self))
        else:
            self._asked = None
            self._saved_question.set()
            if isinstance(stored.message, UserMessage):
                self._show_branch(self._base)
            self.path.append(stored)
            self.view.add(stored)
            if self.branched:
                await self.run_optional(partial(count_siblings, self))
            self.view.begin_answer(model=self.model, as_json=self._as_json)

    async def run_optional(self, do: Callable[[], Awaitable[None]]) -> None:
        """Do what nothing else depends on: that it failed is only told."""

        def tell(error: StepchatError) -> None:
            self.view.notice(error.message, error.hint, kind="warning")

        await workers.run_reporting(do, tell)

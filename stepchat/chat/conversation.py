"""One session and its running turn, headless. It yields or returns events, and a front end shows them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from stepchat.attachments.marks import split_marks
from stepchat.chat.context_window import tokens_over_limit
from stepchat.chat.crash_report import summary
from stepchat.chat.saving import RETRY_SECONDS
from stepchat.chat.tool_calls import CRASHED, calls_without_result
from stepchat.chat.toolbox import Toolbox
from stepchat.chat.turn import ANSWER_NOW, run_turn
from stepchat.errors import StepchatError, StoreError
from stepchat.events import ConcurrentQuestion, MessageSaved, Notice, Preparing, RequestStarted, TurnEvent
from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.parameters.schema import wants_json
from stepchat.reasoning.ledger import returned_from_json
from stepchat.servers.refusals import RejectedSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence

    from stepchat.chat.workspace import Workspace
    from stepchat.messages import Json, StoredMessage
    from stepchat.parameters.budget import ThinkingBudget
    from stepchat.parameters.scopes import Scopes
    from stepchat.sessions.records import Session
    from stepchat.sessions.store import SessionStore

_CONTINUED: Final = "Another window continued this session. Its turns are shown above."
_AFTER_INTERNAL_ERROR: Final = (
    "Everything received is saved; {key:retry} asks again. Please report this with what you did."
)


@dataclass(frozen=True, slots=True)
class BranchChanged:
    """The branch changed in another way than by one new message at its end. These are its messages now."""

    path: tuple[StoredMessage, ...]
    focus_on: str | None = None
    """The id of the message to focus."""
    is_reload: bool = False
    """Whether the whole session is to be shown again, from its end."""


@dataclass(frozen=True, slots=True)
class DetailsChanged:
    """`siblings` or `returned` of the conversation changed."""


@dataclass(frozen=True, slots=True)
class AnswerStarted:
    """An answer starts. The next deltas belong to it."""

    model: str
    as_json: bool
    think_at_most: ThinkingBudget | None = None
    """The limit of its reasoning, for display."""


@dataclass(frozen=True, slots=True)
class AnswerAbandoned:
    """The answer that started is empty and will not be stored."""


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The last event of a turn. `returned_text` was not saved; `take_returned` removes and returns it."""

    returned_text: str = ""


ConversationEvent: TypeAlias = TurnEvent | BranchChanged | DetailsChanged | AnswerStarted | AnswerAbandoned | TurnEnded


@dataclass(frozen=True, slots=True)
class LoadedSession:
    """Everything that is shown of a session; without a session, of a new one."""

    session: Session | None
    path: list[StoredMessage]
    scopes: Scopes
    siblings: Mapping[str, tuple[int, int]]


async def load_session(workspace: Workspace, session: Session | None) -> LoadedSession:
    """Read a session; None loads a new one. Raises StoreError, or UsageError or ConfigError for its parameters."""
    store = workspace.store
    path = await store.complete_path(session.id) if session is not None else []
    siblings = await store.sibling_positions(path[-1].session, path[-1].id) if path else {}
    return LoadedSession(session, path, await workspace.scopes_for_session(session), siblings)


async def newer_path(store: SessionStore, session_id: str, path: Sequence[StoredMessage]) -> list[StoredMessage] | None:
    """The path as another process changed it; None if none did.

    It continues `path`, or ends before a question that another process is answering. Messages are read only if there may
    be new ones.
    """
    ours = [stored.id for stored in path]
    end = ours[-1] if ours else None
    leaf = await store.last_complete_message(session_id)
    if leaf is not None and leaf != end:
        newer = await store.path(session_id, leaf)
        if len(newer) > len(ours) and [stored.id for stored in newer[: len(ours)]] == ours:
            return newer
    if path and isinstance(path[-1].message, UserMessage):
        whole = await store.last_complete_message(session_id, end)
        if whole != end:
            return list(path[: ours.index(whole) + 1]) if whole in ours else []
    return None


class Conversation:
    """Owns the session, the branch, the queue, the model and the parameters; nothing else writes them."""

    def __init__(self, workspace: Workspace, path: Sequence[StoredMessage] = ()) -> None:
        self.workspace = workspace
        self.session: Session | None = workspace.session
        self.model = workspace.model
        self.scopes = workspace.scopes
        """The parameters of the next question."""
        self.path: list[StoredMessage] = list(path)
        self.siblings: Mapping[str, tuple[int, int]] = {}
        """By message id: the position among its versions, and their number."""
        self.returned: Mapping[str, str] = {}
        """By answer id: what later requests did with its reasoning."""
        self.queue: list[str] = []
        """Questions to ask after the running turn."""
        self._leaf_lock = asyncio.Lock()
        """Held while the branch changes on disk. A turn begins only then, so that it follows what will be shown."""
        self._in_turn = False
        self.branch_lock = asyncio.Lock()
        """Held while the branch changes in several steps."""
        self.unsaved_answer: StoredMessage | None = None
        """The answer that could not be saved at the last attempt."""
        options = workspace.start_options
        self.toolbox = Toolbox(workspace.tools, workspace.config.tools, options.tools, options.no_tools)
        self.toolbox.start_session(None if workspace.session is None else workspace.session.tools)
        self._rejected = RejectedSettings()
        self._asked: str | None = None
        self._returned_text: list[str] = []
        self._idle = asyncio.Event()
        self._idle.set()
        self._question_saved = asyncio.Event()
        self._question_saved.set()
        self._task: asyncio.Task[Any] | None = None
        self._stop_early = False
        """The turn was stopped before its first step."""
        self._exiting = False
        self._retry_now: asyncio.Event | None = None
        """Setting it retries saving at once; None while nothing has to be retried."""
        self._save_attempted = asyncio.Event()
        self._base: list[StoredMessage] = []
        """The messages before the running turn."""
        self._answering = False
        """An answer has started and is not stored yet."""
        self._live_fold: bool | None = None
        self._has_branches = False
        """New messages may have siblings."""

    # ---- state

    @property
    def busy(self) -> bool:
        return not self._idle.is_set()

    @property
    def has_unanswered_question(self) -> bool:
        """Whether the branch ends with a question, because its answer left nothing."""
        return bool(self.path) and isinstance(self.path[-1].message, UserMessage)

    @property
    def unsaved(self) -> list[str]:
        """Questions that are not saved yet."""
        return [*self._returned_text, *([] if self._asked is None else [self._asked]), *self.queue]

    @property
    def prompts(self) -> list[str]:
        """The questions of this branch, oldest first."""
        messages = [stored.message for stored in self.path]
        return [message.text for message in messages if isinstance(message, UserMessage)]

    @property
    def parameters(self) -> Json:
        """The parameters of the next question."""
        return self.scopes.request()

    @property
    def effort_rejected(self) -> bool:
        """Whether the server rejected the effort that is set."""
        return self._rejected.rejects_effort(self.model, self.parameters)

    def rejection_reason(self, name: str, value: Any) -> str:
        """Why a setting is not sent; "" if it is."""
        return self._rejected.reason(self.model, name, value)

    def tokens_over_limit(self, text: str, path: Sequence[StoredMessage] | None = None) -> int | None:
        """About how many tokens a question after `path` (by default the branch) needs, if the context window is smaller."""
        system = self.workspace.system if self.session is None else self.session.system
        model, backend = self.workspace.catalogue.find(self.model), self.workspace.client.backend
        words, attachments = split_marks(text)
        path = self.path if path is None else path
        return tokens_over_limit(path, words, model, backend, self.parameters, system, attachments=attachments)

    def path_to(self, message_id: str | None) -> list[StoredMessage]:
        """The branch up to this message; empty for None."""
        ids = [stored.id for stored in self.path]
        return self.path[: ids.index(message_id) + 1] if message_id in ids else []

    def path_before_answer(self, stored: StoredMessage | None = None) -> list[StoredMessage]:
        """The branch up to what this message, or the last one, answers: a question, or the results of tools."""
        path = list(self.path) if stored is None else self.path_to(stored.id)
        # Results that nothing follows belong to the answer that is asked for again.
        while path and isinstance(path[-1].message, ToolMessage):
            path.pop()
        while path and isinstance(path[-1].message, AssistantMessage):
            path.pop()
        return path

    def path_to_question(self, stored: StoredMessage | None = None) -> list[StoredMessage]:
        """The branch up to the question of this message, or up to the last question."""
        path = list(self.path) if stored is None else self.path_to(stored.id)
        while path and not isinstance(path[-1].message, UserMessage):
            path.pop()
        return path

    # ---- settings

    def set_model(self, model: str) -> None:
        """Use this model from the next question on."""
        self.model = model

    def set_workspace(self, workspace: Workspace) -> None:
        """Use this connection and configuration from the next question on."""
        self.workspace = workspace

    async def set_scopes(self, scopes: Scopes) -> None:
        """Use these parameters from the next question on."""
        if self.session is not None:
            self.session = await self.workspace.save_parameters(self.session, scopes)
        self.scopes = scopes

    async def set_tools(self, names: Sequence[str]) -> None:
        """Switch these tools on, and all others off."""
        if self.session is not None:
            await self.workspace.store.set_tools(self.session.id, names)
            self.session = replace(self.session, tools=tuple(names))
        self.toolbox.choose(names)

    async def load_rejected_settings(self) -> None:
        """Read which settings the server rejected lately. Raises StoreError."""
        await self._rejected.load(self.workspace.store, self.workspace.client.base_url, self.model)

    async def load_returned(self) -> DetailsChanged:
        """Read what later requests did with the reasoning of each answer."""
        # If this fails, only the labels are missing.
        with suppress(StoreError):
            if self.session is not None:
                found = await self.workspace.store.reasoning_outcomes(self.session.id)
                await self.load_rejected_settings()
                self.returned = {
                    id_: returned_from_json(outcome.newest).label(outcome.sent) for id_, outcome in found.items()
                }
        return DetailsChanged()

    async def load_siblings(self) -> DetailsChanged:
        """Read which messages of the branch have siblings. Raises StoreError."""
        path, store = self.path, self.workspace.store
        self.siblings = await store.sibling_positions(path[-1].session, path[-1].id) if path else {}
        return DetailsChanged()

    # ---- the branch

    def show(self, loaded: LoadedSession) -> BranchChanged:
        """Change to another session, or to a new one."""
        self.session, self.path, self.scopes = loaded.session, loaded.path, loaded.scopes
        self.siblings, self.returned = loaded.siblings, {}
        self.toolbox.start_session(None if loaded.session is None else loaded.session.tools)
        if loaded.session is not None and loaded.session.model:
            self.model = loaded.session.model
        return BranchChanged(tuple(self.path), is_reload=True)

    async def show_leaf(self, leaf: str | None, focus_on: str | None = None) -> BranchChanged | None:
        """Change to the branch that ends with this message; None if something else happened meanwhile."""
        session, store = self.session, self.workspace.store
        if session is None:
            return None
        in_turn = self._in_turn
        async with self._leaf_lock:
            # A turn may have begun while another change was being made.
            if self._in_turn is not in_turn:
                return None
            await store.set_leaf(session.id, leaf)
            # Another window may have changed the leaf of the session by now, so this uses its own.
            path = [] if leaf is None else await store.path(session.id, leaf)
            siblings = await store.sibling_positions(session.id, leaf) if leaf is not None else {}
            if self.session is None or self.session.id != session.id or self._in_turn is not in_turn:
                return None
            self._has_branches, self.path, self.siblings = True, path, siblings
        return BranchChanged(tuple(path), focus_on)

    async def step_sibling(self, stored: StoredMessage, by: int) -> BranchChanged | None:
        """Change to a sibling of a message and to its latest branch; None if there is no such sibling."""
        store = self.workspace.store
        siblings = await store.siblings(stored.id)
        at = [sibling.id for sibling in siblings].index(stored.id) + by
        if not 0 <= at < len(siblings):
            return None
        return await self.show_leaf(await store.deepest_leaf(siblings[at].id), siblings[at].id)

    async def reload_if_newer(self, still_wanted: Callable[[], bool]) -> tuple[BranchChanged | None, bool]:
        """Add what another process added, unless something happened here meanwhile.

        Returns the change, and whether the session was deleted. `still_wanted` is called before anything changes.
        """
        session, path, length = self.session, self.path, len(self.path)
        if session is None:
            return None, False
        store = self.workspace.store
        newer = await newer_path(store, session.id, path)
        deleted = (await store.session(session.id)).deleted is not None
        if self.busy or self.path is not path or len(path) != length or not still_wanted():
            return None, False
        if newer is None or len(newer) <= length:
            return None, deleted
        self.path = newer
        return BranchChanged(tuple(newer)), deleted

    def update_message(self, updated: StoredMessage) -> bool:
        """Replace a stored message, for instance when its cost is known. Returns whether it is on the branch."""
        if all(stored.id != updated.id for stored in self.path):
            return False
        self.path = [updated if stored.id == updated.id else stored for stored in self.path]
        return True

    async def add_result(self, stored: StoredMessage) -> None:
        """Store the result that the user gave for a call."""
        self.path.append(stored)
        if self._has_branches:
            await self._siblings()

    def fold_live(self, *, folded: bool) -> None:
        """The user folded or opened the reasoning of an answer that is not stored yet."""
        self._live_fold = folded

    # ---- the turn

    def enqueue(self, text: str) -> None:
        """Ask this after the running turn."""
        self.queue.append(text)

    def take_queued(self, index: int = -1) -> str:
        """Remove a queued question, the last one by default, and return it; "" if there is none."""
        return self.queue.pop(index) if self.queue else ""

    def move_queued(self, index: int, by: int) -> None:
        """Move a queued question before or after its neighbour."""
        self.queue.insert(index + by, self.queue.pop(index))

    def take_queue(self) -> list[str]:
        """Remove the queued questions and return them."""
        taken, self.queue = self.queue, []
        return taken

    def next_question(self) -> str:
        """Remove and return the queued questions if the last answer is complete; "" otherwise."""
        last = self.path[-1].message if self.path else None
        went_well = isinstance(last, AssistantMessage) and last.complete and not calls_without_result(self.path)
        return "\n\n".join(self.take_queue()) if went_well else ""

    @property
    def has_returned(self) -> bool:
        """Whether `take_returned` would return text."""
        return bool(self._returned_text)

    def take_returned(self) -> str:
        """Remove and return the text of questions that could not be saved."""
        taken, self._returned_text = self._returned_text, []
        return "\n\n".join(taken)

    def ask(self, text: str | None, after: Sequence[StoredMessage] | None = None) -> AsyncGenerator[ConversationEvent]:
        """Start a turn and yield what happens. Without text, it regenerates the answer to the last question.

        The text contains the marks of its attachments (attachments/marks.py).

        `after` are the messages before the turn, by default the branch. The turn counts as running at once. One task must
        iterate it to its end; `stop` stops it.
        """
        if self.busy:
            raise ValueError("a turn is running")
        self._asked, self._live_fold, self._answering = text, None, False
        self._stop_early = False
        self._question_saved.clear()
        self._idle.clear()
        return self._turn(text, after)

    async def stop(self) -> None:
        """Stop the turn and wait until its partial answer is saved. If saving failed, retry at once instead."""
        if self._retry_now is not None:
            self._retry_now.set()
        else:
            self._cancel()
            await self._idle.wait()

    def answer_now(self) -> None:
        """Stop the reasoning of the running turn; the turn goes on with its answer."""
        self._cancel(ANSWER_NOW)

    async def stop_without_waiting(self) -> None:
        """Stop the turn, but do not wait for a disk that cannot save the answer."""
        self._exiting = True
        self._cancel()
        await self._idle.wait()

    async def finish_turn(self) -> bool:
        """End the running turn. Returns False if its answer cannot be saved; saving it is retried."""
        if not self.busy:
            return True
        self.unsaved_answer = None
        self._save_attempted.clear()
        if self._retry_now is None:
            self._cancel()
        else:
            self._retry_now.set()
        waits = [asyncio.ensure_future(event.wait()) for event in (self._idle, self._save_attempted)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return self.unsaved_answer is None

    def interrupt(self) -> None:
        """Save what arrived of the answer as interrupted, because stepchat crashes."""
        self._exiting = True
        self._cancel(CRASHED)

    def _cancel(self, *message: str) -> None:
        if self._task is not None:
            self._task.cancel(*message)
        elif self.busy:
            self._stop_early = True

    async def wait_until_saved(self) -> None:
        """Wait until the question of the running turn is saved, or the turn has ended."""
        await self._question_saved.wait()

    async def _turn(self, text: str | None, after: Sequence[StoredMessage] | None) -> AsyncGenerator[ConversationEvent]:
        before = list(self.path)
        self._task = asyncio.current_task()
        try:
            async with self._leaf_lock:
                self._in_turn = True
                before = list(self.path)
            if not self._stop_early:
                async with aclosing(self._run(text, after)) as events:
                    async for event in events:
                        yield event
        except asyncio.CancelledError:
            if self._task is not None:
                self._task.uncancel()
            for event in self._undo(before):
                yield event
        except StepchatError as error:
            # A failure of the server is stored with the answer; this one happened before there was an answer.
            if self._answering or not self._is_stored_failure(error):
                for event in self._undo(before):
                    yield event
                yield Notice(error.message, hint=error.hint, kind="error")
        except Exception as error:  # noqa: BLE001 - a bug ends the turn, not the program
            for event in self._undo(before):
                yield event
            for event in await self.recover(error):
                yield event
        finally:
            returned = self._end()
        yield TurnEnded(returned)

    def _undo(self, before: Sequence[StoredMessage]) -> Iterator[ConversationEvent]:
        """Restore the branch, because nothing of the turn was stored."""
        self._answering = False
        yield AnswerAbandoned()
        shown = [stored.id for stored in self.path]
        if shown == [stored.id for stored in before[: len(shown)]] and self._set_path(before):
            yield BranchChanged(tuple(before))

    def _is_stored_failure(self, error: StepchatError) -> bool:
        last = self.path[-1].message if self.path else None
        return isinstance(last, AssistantMessage) and last.error is not None and last.error.message == error.message

    async def recover(self, error: Exception) -> list[ConversationEvent]:
        """Show what is on disk after an internal error ended the turn. Returns what to show, with a report of the error."""
        events: list[ConversationEvent] = [AnswerAbandoned()]
        with suppress(StepchatError):
            if self.path:
                # The leaf of the session may belong to another window, so this continues the branch shown here.
                changed = await self.show_leaf(await self.workspace.store.deepest_leaf(self.path[-1].id))
                events += [changed] if changed is not None else []
        text = f"An internal error occurred: {summary(error)}"
        return [*events, Notice(text, hint=_AFTER_INTERNAL_ERROR, kind="error")]

    def _end(self) -> str:
        """Become idle. Returns the text of questions that were not saved."""
        asked, self._asked = self._asked, None
        self._task = self.unsaved_answer = None
        self._answering = self._in_turn = False
        self._question_saved.set()
        self._idle.set()
        if asked is None:
            return ""
        text = "\n\n".join([asked, *self.take_queue()])
        self._returned_text.append(text)
        return text

    async def _run(self, text: str | None, after: Sequence[StoredMessage] | None) -> AsyncGenerator[ConversationEvent]:
        if self.workspace.key_error is not None:
            raise self.workspace.key_error
        is_new = self.session is None
        session = self.session = await self.workspace.ensure_session(self.session, self.model, self.scopes)
        if is_new and self.toolbox.is_chosen:
            await self.set_tools(self.toolbox.on)
        self._has_branches = self._has_branches or text is None or after is not None
        if after is None:
            for event in await self._catch_up(session):
                yield event
            after = self.path if text is not None else self.path_before_answer()
        self._base = list(after)
        words, attachments = (None, ()) if text is None else split_marks(text)
        question = self.workspace.build_question(
            session, list(after), words, self.model, self.scopes, attachments=attachments
        )
        started = AnswerStarted(self.model, wants_json(question.parameters), question.think_at_most)
        store, client, once = self.workspace.store, self.workspace.client, self.scopes.once
        if slow := self.toolbox.servers_to_start():
            yield Preparing(f"starting {', '.join(slow)}")
        tools = await self.toolbox.for_turn(store)
        if text is None:
            if self._set_path(after):
                yield BranchChanged(tuple(after))
            if not calls_without_result(after):
                self._answering = True
                yield started
        async with aclosing(run_turn(store, client, question, self._wait_for_disk, tools)) as events:
            async for event in events:
                if once:
                    # Not earlier: a question that could not be saved is asked again with the same parameters.
                    self.scopes, once = self.scopes.after_turn(once), ()
                if isinstance(event, MessageSaved | ConcurrentQuestion):
                    for more in await self._shielded(self._apply(event, started)):
                        yield more
                elif isinstance(event, RequestStarted):
                    self._answering, self._live_fold = True, None
                    last = self.path[-1].message
                    is_answer_now = isinstance(last, AssistantMessage) and last.stop == "answer_now"
                    yield replace(started, think_at_most=None) if is_answer_now else started
                else:
                    yield event
        yield await self.load_returned()

    async def _catch_up(self, session: Session) -> list[ConversationEvent]:
        """Add what another window added to the session. Returns what to show."""
        before = len(self.path)
        newer = await newer_path(self.workspace.store, session.id, self.path)
        if newer is None:
            return []
        self.path = newer
        changed = BranchChanged(tuple(newer), is_reload=True)
        return [changed, Notice(_CONTINUED, kind="info")] if len(newer) > before else [changed]

    async def _shielded(self, work: Awaitable[list[ConversationEvent]]) -> list[ConversationEvent]:
        """The result of `work`. A cancellation meanwhile takes effect afterwards, in the turn."""
        task = asyncio.ensure_future(work)
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as cancelled:
                await asyncio.wait([task])
                if self._task is not None:
                    self._task.uncancel()
                    self._task.cancel(*cancelled.args)
        return task.result()

    async def _apply(self, event: MessageSaved | ConcurrentQuestion, started: AnswerStarted) -> list[ConversationEvent]:
        """Add a stored message to the branch. Returns what to show."""
        if isinstance(event, ConcurrentQuestion):
            self._has_branches = True
            return [event, *await self._siblings()]
        stored, events = event.stored, list[ConversationEvent]()
        if isinstance(stored.message, AssistantMessage):
            self._answering = False
            folded = self._live_fold
            if folded is not None:
                stored = replace(stored, folded=folded)
            self.path.append(stored)
            events.append(MessageSaved(stored))
            if folded is not None:
                try:
                    await self.workspace.store.set_folded(stored.id, folded)
                except StepchatError as error:
                    events.append(Notice(error.message, hint=error.hint))
            return [*events, *(await self._siblings() if self._has_branches else ())]
        if isinstance(stored.message, ToolMessage):
            self.path.append(stored)
            return [MessageSaved(stored), *(await self._siblings() if self._has_branches else ())]
        self._asked = None
        self._question_saved.set()
        if self._set_path(self._base):
            events.append(BranchChanged(tuple(self._base)))
        self.path.append(stored)
        self._answering = True
        return [*events, MessageSaved(stored), *(await self._siblings() if self._has_branches else ()), started]

    async def _siblings(self) -> list[ConversationEvent]:
        try:
            return [await self.load_siblings()]
        except StepchatError as error:
            return [Notice(error.message, hint=error.hint)]

    def _set_path(self, path: Sequence[StoredMessage]) -> bool:
        """Returns whether the branch changed."""
        if [stored.id for stored in path] == [stored.id for stored in self.path]:
            return False
        self.path = list(path)
        return True

    async def _wait_for_disk(self, refused: StoredMessage) -> None:
        if self._exiting:
            raise asyncio.CancelledError
        self.unsaved_answer, self._retry_now = refused, asyncio.Event()
        self._save_attempted.set()
        try:
            async with asyncio.timeout(RETRY_SECONDS):
                await self._retry_now.wait()
        except TimeoutError:
            pass
        finally:
            self._retry_now = None

"""One conversation of the linear mode, which announces reasoning, tools and errors in sentences."""

from __future__ import annotations

import asyncio
import signal
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from stepchat import __version__
from stepchat.attachments.marks import mark, split_marks
from stepchat.chat.conversation import (
    AnswerStarted,
    BranchChanged,
    Conversation,
    LoadedSession,
    TurnEnded,
    load_session,
)
from stepchat.chat.interrupted import describe_others
from stepchat.chat.switching import session_connection, with_connection
from stepchat.errors import StepchatError, as_sentence
from stepchat.events import (
    CallsLeft,
    ConcurrentQuestion,
    Delta,
    MessageSaved,
    Notice,
    Retrying,
    Silence,
    ToolCallDecided,
    ToolCallStarted,
)
from stepchat.linear.announcer import Announcer
from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.text.format import duration, money, result_facts, short_model
from stepchat.text.sanitize import sanitize_line
from stepchat.tools.approvals import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from stepchat.chat.conversation import ConversationEvent
    from stepchat.chat.workspace import Workspace
    from stepchat.linear.line_input import LineInput
    from stepchat.messages import Attachment, StoredMessage
    from stepchat.sessions.records import Session
    from stepchat.tools.approvals import ApprovalRequest

_LONGEST_ARGUMENTS = 2000
_MOST_CHANGES = 20
_ANSWERS = {"y": "once", "yes": "once", "s": "session", "session": "session", "a": "always", "always": "always"}


class LinearChat:
    """A conversation whose events are announced."""

    def __init__(
        self, workspace: Workspace, path: Sequence[StoredMessage], out: TextIO, *, shows_reasoning: bool
    ) -> None:
        self.conversation = Conversation(workspace, path)
        self.announcer = Announcer(out)
        self.shows_reasoning = shows_reasoning
        self.is_over = False
        self.wants_temporary = False
        """Whether to quit and start a temporary session."""
        self.input: LineInput | None = None
        """Asks the user about tool calls; None if that is impossible."""
        self.attachments: tuple[Attachment, ...] = ()
        """Files to send with the next question."""
        self._channel = ""
        """The kind of the last piece of the answer."""
        self.conversation.toolbox.ask = self._approve
        self.conversation.toolbox.confirm_rounds = self._confirm_rounds

    @property
    def workspace(self) -> Workspace:
        return self.conversation.workspace

    def set_workspace(self, workspace: Workspace) -> None:
        """Use this connection and configuration from now on."""
        before = self.workspace.client
        self.conversation.set_workspace(workspace)
        if before is not workspace.client:
            before.close()

    # ---- sessions

    async def open(self, session: Session | None) -> None:
        """Show another session, or the start of a new one. Raises StepchatError; then nothing has changed."""
        connection = await session_connection(self.workspace, session) if session is not None else None
        loaded: LoadedSession = await load_session(self.workspace, session)
        if connection is not None:
            self.set_workspace(with_connection(self.workspace, connection, self.workspace.close_demo))
        self.conversation.show(loaded)

    async def greet(self) -> None:
        """Announce the server, the model and the session."""
        model = self.conversation.model
        self.announcer.say(f"stepchat {__version__}, linear mode. Model: {model}. Server: {self.workspace.server}.")
        if self.workspace.key_error is not None:
            self.announcer.fail(self.workspace.key_error)
        if self.workspace.start_options.temporary:
            self.announcer.say("Temporary session: nothing of it is stored.")
        if self.conversation.session is not None:
            self.announce_session()
        else:
            self.announcer.say("New session. Type a question, or /help for the commands.")
        with suppress(StepchatError):
            if words := describe_others(await self.workspace.store.interrupted_answers(), also=False):
                self.announcer.say(words.replace("{key:interrupted} shows", "/sessions lists"))

    def announce_session(self) -> None:
        """Announce the open session, and its last exchange."""
        session, path = self.conversation.session, self.conversation.path
        if session is not None:
            count = "1 message" if len(path) == 1 else f"{len(path)} messages"
            self.announcer.say(f"Session {session.id}: {session.title or 'untitled'}, {count}.")
            self.announce_messages(path[-2:])

    def announce_messages(self, path: Sequence[StoredMessage]) -> None:
        """Announce these messages."""
        for text in messages_text(path):
            self.announcer.say(text)

    # ---- asking

    async def ask(self, text: str | None) -> None:
        """Ask, and announce what happens. Ctrl+C stops the answer."""
        if text is not None:
            text, self.attachments = mark(text, self.attachments), ()
        loop = asyncio.get_running_loop()
        stopping: list[asyncio.Task[None]] = []

        def stop() -> None:
            stopping.append(asyncio.ensure_future(self.conversation.stop()))

        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):
                loop.add_signal_handler(number, stop)
        self._channel = ""
        try:
            async with aclosing(self.conversation.ask(text)) as events:
                async for event in events:
                    self._announce(event)
            await asyncio.gather(*stopping)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                with suppress(NotImplementedError):
                    loop.remove_signal_handler(number)
            self.announcer.end_stream()

    # ---- what happens

    def _announce(self, event: ConversationEvent) -> None:
        say = self.announcer.say
        match event:
            case AnswerStarted(model=model):
                self._channel = ""
                say(f"Waiting for {short_model(model)}.")
            case Delta():
                self._delta(event)
            case MessageSaved(stored) if isinstance(stored.message, AssistantMessage):
                self._ended(stored.message)
            case MessageSaved(stored) if isinstance(stored.message, ToolMessage):
                result = stored.message
                facts = result_facts(result.size or len(result.text), result.seconds, is_error=result.is_error)
                say(f"Result of {result.name}: {facts}.")
            case ToolCallStarted(call):
                say(f"Running {call.name}.")
            case ToolCallDecided(call, allowed=False):
                say(f"{call.name} did not run.")
            case CallsLeft(calls):
                say(f"The model called {', '.join(call.name for call in calls)}, and the calls have no result.")
            case Retrying():
                say(
                    f"{as_sentence(event.reason)} Retrying in {event.delay:.0f} seconds, {event.attempt} of {event.limit}."
                )
            case Silence():
                heard = f"Nothing received for {event.seconds:.0f} seconds." if event.seconds else "Data arrives again."
                say(heard)
            case Notice():
                word = "Error: " if event.kind == "error" else ""
                say(f"{word}{as_sentence(event.text)} {event.hint}".rstrip())
            case ConcurrentQuestion():
                say("Another stepchat is asking in this session as well. Each question becomes its own branch.")
            case BranchChanged(is_reload=True):
                self.announce_session()
            case TurnEnded(returned_text=text) if text:
                say(f"Your question was not saved: {split_marks(text)[0]}")
            case _:
                pass

    def _delta(self, delta: Delta) -> None:
        if delta.reasoning:
            self._begin("reasoning", "Reasoning:" if self.shows_reasoning else "The model is reasoning.")
            if self.shows_reasoning:
                self.announcer.stream(delta.reasoning)
        if delta.text:
            self._begin("answer", "Answer:")
            self.announcer.stream(delta.text)

    def _begin(self, channel: str, words: str) -> None:
        if self._channel != channel:
            self._channel = channel
            self.announcer.say(words)

    def _ended(self, answer: AssistantMessage) -> None:
        if not answer.text and answer.refusal:
            self.announcer.say(f"The model refused: {answer.refusal}")
        ends = {
            "stop": "Answer complete.",
            "length": "The answer was truncated by the token limit.",
            "content_filter": "The server's content filter truncated the answer.",
            "cancelled": "Stopped. The partial answer is saved; /continue continues.",
            "cut": "The connection ended before the answer. What arrived is saved; /continue continues.",
            "error": "The answer failed.",
            "tool_calls": "The model calls tools.",
        }
        facts: list[str] = []
        if answer.usage.reasoning_tokens:
            facts.append(f"{answer.usage.reasoning_tokens:,} reasoning tokens")
        if answer.usage.completion_tokens is not None:
            facts.append(f"{answer.usage.completion_tokens:,} tokens in all")
        if (seconds := answer.timing.total_seconds) is not None:
            facts.append(duration(seconds))
        if answer.usage.cost is not None:
            facts.append(money(answer.usage.cost))
        details = f" {', '.join(facts)}." if facts else ""
        self.announcer.say(ends.get(answer.stop or "", "Answer complete.") + details)
        if answer.error is not None:
            self.announcer.say(f"Error: {as_sentence(answer.error.message)} {answer.error.hint}".rstrip())
        self._channel = ""

    # ---- tools

    async def _approve(self, request: ApprovalRequest) -> Decision:
        call = request.ready.call
        arguments = sanitize_line(call.arguments)[:_LONGEST_ARGUMENTS]
        self.announcer.say(f"The model wants to run {call.name} from {request.ready.tool.source} with {arguments}")
        if request.change:
            self.announcer.say("This tool has changed since you approved it.")
            for line in request.change[:_MOST_CHANGES]:
                self.announcer.say(sanitize_line(line)[:_LONGEST_ARGUMENTS])
        if self.input is None:
            return Decision("no")
        reply = (await self.input.ask("Run it? yes, session, always, or no:")).casefold()
        return Decision(_ANSWERS.get(reply, "no"))  # pyright: ignore[reportArgumentType] - the table has only those

    async def _confirm_rounds(self, rounds: int) -> bool:
        if self.input is None:
            return False
        self.announcer.say(f"The model has called tools in {rounds} rounds.")
        return (await self.input.ask("Go on? yes or no:")).casefold() in {"y", "yes"}


def messages_text(path: Sequence[StoredMessage]) -> list[str]:
    """The questions and answers, each with its author."""
    found: list[str] = []
    for stored in path:
        match stored.message:
            case UserMessage(text=text):
                found.append(f"You: {text}")
            case AssistantMessage() as answer:
                found.append(f"{answer.model or answer.model_asked}: {answer.text or answer.refusal or 'no text'}")
            case _:
                pass
    return found

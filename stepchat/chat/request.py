"""The request of a turn: composes and sends it, retries without what the server rejects, and records the exchange."""

from __future__ import annotations

from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from time import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from stepchat.attachments.content import Files, left_out_notice, without_data
from stepchat.errors import ServerError, StoreError
from stepchat.events import Delta, Notice
from stepchat.messages import AssistantMessage, Attachment, UserMessage
from stepchat.reasoning.ledger import SentMessage
from stepchat.reasoning.replay import Target
from stepchat.servers.errors import is_reasoning_error
from stepchat.servers.recording import REMOVED
from stepchat.servers.redaction import redacted
from stepchat.servers.refusals import (
    ALTERNATION,
    blamed_fields,
    blamed_settings,
    reasoning_settings,
    rejected_fields,
    rejected_settings,
    remember_fields,
    remember_rejected,
    without_settings,
)
from stepchat.servers.wire import ComposedRequest, compose, is_reasoning_only, wire_parameters
from stepchat.sessions.exchanges import Exchange

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence

    from stepchat.catalogue.backends import Backend
    from stepchat.chat.accumulator import AnswerAccumulator
    from stepchat.messages import AttachmentKind, Json, StoredMessage
    from stepchat.parameters.budget import ThinkingBudget
    from stepchat.reasoning.ledger import RequestLine, Rule
    from stepchat.servers.client import ServerEvent
    from stepchat.servers.recording import ExchangeRecorder
    from stepchat.sessions.store import SessionStore

_MAX_REDUCED_RETRIES: Final = 4
"""How often one turn may retry with something left out."""


class Server(Protocol):
    """What a turn needs from a server: `Client`, or a scripted fake."""

    base_url: str
    backend: Backend

    def redact(self, text: str) -> str:
        """The text without the API key."""
        ...

    def stream(
        self, body: Json, keep: Callable[[ExchangeRecorder], None] | None = None
    ) -> AsyncGenerator[ServerEvent]: ...


@dataclass(frozen=True, slots=True)
class Question:
    """The input of one turn. Without `text`, the question is the last message of `path`."""

    session: str
    model: str
    path: Sequence[StoredMessage] = ()
    """The messages before it, oldest first."""
    text: str | None = None
    attachments: tuple[Attachment, ...] = ()
    """Files that belong to `text`, stored already."""
    unsupported: frozenset[AttachmentKind] = frozenset()
    """Kinds of files that the model is known not to accept."""
    system: str | None = None
    parameters: Json = field(default_factory=dict[str, Any])
    mandatory_reasoning: bool | None = None
    """Whether the model always reasons; None if the catalogue does not say."""
    think_at_most: ThinkingBudget | None = None
    """After this much reasoning the answer is requested."""
    least_reasoning: Json = field(default_factory=dict[str, Any])
    """The parameters of a request for the answer after that."""
    not_sent: str = ""
    """A sentence about an effort that the model does not support."""

    @property
    def parent(self) -> str | None:
        return self.path[-1].id if self.path else None

    @property
    def answer_now(self) -> bool:
        """Whether to answer from the reasoning so far, because the last message is reasoning that was stopped."""
        return self.text is None and bool(self.path) and is_reasoning_only(self.path[-1].message)


class TurnRequest:
    """The request for a path of messages that ends with the question. `prepare` makes one."""

    def __init__(
        self,
        store: SessionStore,
        server: Server,
        question: Question,
        path: Sequence[StoredMessage],
        rejected: Mapping[str, float],
        omitted: Mapping[str, float],
        files: Files,
    ) -> None:
        self._store = store
        self._server = server
        self._question = question
        self._path = path
        self._rejected = dict(rejected)
        """Settings that the server rejected, and when. They are not sent."""
        self._omitted = dict(omitted)
        """The same for fields that stepchat adds."""
        self._files = files
        self._has_new_rejections = False
        self._target = Target(
            server.backend, server.base_url, question.model, question.session, question.mandatory_reasoning
        )
        self._withhold_reasoning: Rule | None = None
        self._first = self._compose()

    @classmethod
    async def prepare(
        cls, store: SessionStore, server: Server, question: Question, path: Sequence[StoredMessage]
    ) -> TurnRequest:
        """Make a request that leaves out what the server rejected in earlier turns."""
        asked = bool(reasoning_settings(question.parameters))
        rejected = await rejected_settings(store, server.base_url, question.model) if asked else {}
        digests = [one.digest for one in _attachments(path)]
        files = Files(await store.attachments(digests) if digests else {}, question.unsupported)
        return cls(store, server, question, path, rejected, await rejected_fields(store, server.base_url), files)

    @property
    def parameters(self) -> Json:
        """The parameters as last sent, or as they will be sent."""
        return wire_parameters(self._target, without_settings(self._question.parameters, self._rejected))

    @property
    def prefix(self) -> str:
        """A hash of everything before the answer."""
        return self._first.prefix

    def redacted_answer(self, answer: AssistantMessage) -> AssistantMessage:
        """The answer without the API key, which may have arrived in several pieces."""
        return redacted(replace(answer, parameters=self.parameters), self._server.redact)

    def _compose(self) -> ComposedRequest:
        return compose(
            [stored.message for stored in self._path],
            self._target,
            system=self._question.system,
            parameters=without_settings(self._question.parameters, self._rejected),
            without=self._withhold_reasoning,
            answer_now=self._question.answer_now,
            omit=self._omitted,
            alternate=ALTERNATION in self._omitted,
            files=self._files,
        )

    async def events(self, answer: str, accumulator: AnswerAccumulator) -> AsyncGenerator[ServerEvent]:
        """Send the request, and retry without what the server rejects (docs/protocol.md, Retries)."""
        if notice := self._omission_notice():
            yield notice
        answers = (stored.message for stored in self._path if isinstance(stored.message, AssistantMessage))
        if self._question.not_sent and all(answer.model_asked != self._question.model for answer in answers):
            yield Notice(
                self._question.not_sent, hint="think_at_most limits the reasoning of every model.", kind="info"
            )
        if words := left_out_notice(_attachments(self._path), self._files.unsupported):
            yield Notice(words)
        request = self._first
        for attempt in count():
            try:
                async with aclosing(
                    self._server.stream(request.body, self._on_recorded(answer, request, accumulator))
                ) as events:
                    async for event in events:
                        if self._has_new_rejections and isinstance(event, Delta) and (event.text or event.reasoning):
                            await self._remember()
                        yield event
            except ServerError as error:
                may_retry = attempt < _MAX_REDUCED_RETRIES and accumulator.empty
                notice = self._drop_rejected(error, request) if may_retry else None
                if notice is None:
                    raise
                yield notice
                request = self._compose()
            else:
                return

    def _omission_notice(self) -> Notice | None:
        """Names the settings rejected in an earlier turn, unless the last answer already went without them."""
        settings = set(reasoning_settings(self._question.parameters)) & set(self._rejected)
        answers = (stored.message for stored in reversed(self._path) if isinstance(stored.message, AssistantMessage))
        last = next(answers, None)
        already_reported = (
            last is not None
            and last.model_asked == self._question.model
            and reasoning_settings(last.parameters) == reasoning_settings(self.parameters)
        )
        if already_reported or not settings:
            return None
        return Notice(
            f"Sent without {_names(settings)}, which the server rejected before. /set NAME=VALUE tries again."
        )

    def _drop_rejected(self, error: ServerError, request: ComposedRequest) -> Notice | None:
        """Leave out what the error blames and return a notice; None if nothing can be left out."""
        settings = without_settings(self._question.parameters, self._rejected)
        if fields := blamed_fields(error, request.body, settings):
            self._omitted |= dict.fromkeys(fields, time())
            self._has_new_rejections = True
            if ALTERNATION in fields:
                return Notice("The server requires alternating roles, so adjacent questions are sent as one message.")
            return Notice(
                f"The server does not support {_names(fields)}. Retrying without it, now and for the next 24 hours."
            )
        if self._withhold_reasoning is None and is_reasoning_error(error) and request.returns_reasoning:
            self._withhold_reasoning = "refused"
            return Notice("The server rejected the earlier reasoning. Retrying without it; it stays on disk.")
        if not (named := blamed_settings(error, settings)):
            return None
        self._rejected |= dict.fromkeys(named, time())
        self._has_new_rejections = True
        return Notice(
            f"The server does not support {_names(named)}. Retrying without it, now and for the next 24 hours."
        )

    async def _remember(self) -> None:
        """Store the rejections. Call it once the server answers without them, which confirms them."""
        self._has_new_rejections = False
        # What cannot be stored is rejected again at worst.
        with suppress(StoreError):
            if self._rejected:
                await remember_rejected(self._store, self._server.base_url, self._question.model, self._rejected)
            if self._omitted:
                await remember_fields(self._store, self._server.base_url, self._omitted)

    def _on_recorded(
        self, answer: str, request: ComposedRequest, accumulator: AnswerAccumulator
    ) -> Callable[[ExchangeRecorder], None]:
        """A callback that records an exchange; the store's writer thread does the work."""

        def keep(recorder: ExchangeRecorder) -> None:
            def numbered(number: int) -> None:
                recorder.number = number

            make = partial(self._exchange, answer, request, recorder, contains_key=self._contains_key(accumulator))
            self._store.record_exchange(self._question.session, make, numbered)

        return keep

    def _contains_key(self, accumulator: AnswerAccumulator) -> bool:
        """Whether the answer contains the API key, possibly spread over several events."""
        message = accumulator.message()
        found = redacted(message, lambda text: self._server.redact(text).replace(REMOVED, ""))
        return found is not message

    def _exchange(
        self, answer: str, request: ComposedRequest, recorder: ExchangeRecorder, *, contains_key: bool
    ) -> Exchange:
        pieces = recorder.pieces()
        # The recorder masks the key only where it is in one piece.
        secret = contains_key and not recorder.masked
        return Exchange(
            answer=answer,
            lines=tuple(map(self._sent_line, request.request_lines)),
            rest={**request.body, "messages": None},
            url=recorder.url,
            headers=recorder.headers,
            started=recorder.started,
            status=recorder.status,
            answered=recorder.answered,
            pieces=() if secret else pieces,
            cut=recorder.cut or secret,
            error=recorder.error,
            number=recorder.number,
        )

    def _sent_line(self, line: RequestLine) -> SentMessage:
        origin = None if line.index is None else self._path[line.index].id
        wire = None if line.wire is None else without_data(line.wire)
        return SentMessage(wire, origin, None if line.returned is None else line.returned.to_json())


def _attachments(path: Iterable[StoredMessage]) -> list[Attachment]:
    questions = (stored.message for stored in path if isinstance(stored.message, UserMessage))
    return [one for question in questions for one in question.attachments]


def _names(settings: Iterable[str]) -> str:
    return ", ".join(sorted(settings)).replace('"', "")

"""The request of a turn: composed, sent, once more without what the server refuses, and kept as it went over the line."""

from __future__ import annotations

from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from time import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from stepchat.errors import ServerError, StoreError
from stepchat.events import Delta, Notice
from stepchat.messages import AssistantMessage
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
    from stepchat.messages import Json, StoredMessage
    from stepchat.reasoning.ledger import RequestLine, Rule
    from stepchat.servers.client import ServerEvent
    from stepchat.servers.recording import ExchangeRecorder
    from stepchat.sessions.store import SessionStore

_GIVE_INS: Final = 4
"""So often a turn asks again without something, whatever the server says."""


class Server(Protocol):
    """What a turn needs of a server: `Client`, or a fake with a script."""

    base_url: str
    backend: Backend

    def redact(self, text: str) -> str:
        """Words without the key."""
        ...

    def stream(
        self, body: Json, keep: Callable[[ExchangeRecorder], None] | None = None
    ) -> AsyncGenerator[ServerEvent]: ...


@dataclass(frozen=True, slots=True)
class Question:
    """What one turn is about. `parent` is the message it follows; without `text` the question is already stored there."""

    session: str
    model: str
    path: Sequence[StoredMessage] = ()
    """The messages to the parent, oldest first."""
    text: str | None = None
    system: str | None = None
    parameters: Json = field(default_factory=dict[str, Any])
    mandatory_reasoning: bool | None = None
    """Whether the model cannot do without, if the catalogue knows it."""

    @property
    def parent(self) -> str | None:
        return self.path[-1].id if self.path else None

    @property
    def answer_now(self) -> bool:
        """Whether it is about thinking that was stopped: then the answer is wanted from what was thought so far."""
        return self.text is None and bool(self.path) and is_reasoning_only(self.path[-1].message)


class TurnRequest:
    """The request about a path of messages that ends with the question. `begin` makes one."""

    def __init__(
        self,
        store: SessionStore,
        server: Server,
        question: Question,
        path: Sequence[StoredMessage],
        refused: Mapping[str, float],
        omitted: Mapping[str, float],
    ) -> None:
        self._store = store
        self._server = server
        self._question = question
        self._path = path
        self._refused = dict(refused)
        """What the server did not take, and when; it is not sent."""
        self._omitted = dict(omitted)
        """The same of fields that stepchat adds."""
        self._to_remember = False
        self._target = Target(
            server.backend, server.base_url, question.model, question.session, question.mandatory_reasoning
        )
        self._without: Rule | None = None
        self._first = self._compose()

    @classmethod
    async def begin(
        cls, store: SessionStore, server: Server, question: Question, path: Sequence[StoredMessage]
    ) -> TurnRequest:
        """With what was learnt in earlier turns."""
        asked = bool(reasoning_settings(question.parameters))
        refused = await rejected_settings(store, server.base_url, question.model) if asked else {}
        return cls(store, server, question, path, refused, await rejected_fields(store, server.base_url))

    @property
    def parameters(self) -> Json:
        """As they were sent last, or will be."""
        return wire_parameters(self._target, without_settings(self._question.parameters, self._refused))

    @property
    def prefix(self) -> str:
        """A hash of all that the answer will follow."""
        return self._first.prefix

    def redacted_answer(self, answer: AssistantMessage) -> AssistantMessage:
        """The answer as it is kept: the key may have come in pieces that only together are one."""
        return redacted(replace(answer, parameters=self.parameters), self._server.redact)

    def _compose(self) -> ComposedRequest:
        return compose(
            [stored.message for stored in self._path],
            self._target,
            system=self._question.system,
            parameters=without_settings(self._question.parameters, self._refused),
            without=self._without,
            answer_now=self._question.answer_now,
            omit=self._omitted,
            alternate=ALTERNATION in self._omitted,
        )

    async def events(self, answer: str, draft: AnswerAccumulator) -> AsyncGenerator[ServerEvent]:
        """Send it, and again without what the server rejects (docs/protocol.md, Retries)."""
        if told := self._left_out():
            yield told
        request = self._first
        for given_in in count():
            try:
                async with aclosing(self._server.stream(request.body, self._keeper(answer, request, draft))) as events:
                    async for event in events:
                        if self._to_remember and isinstance(event, Delta) and (event.text or event.reasoning):
                            await self._remember()
                        yield event
            except ServerError as error:
                told = None if given_in >= _GIVE_INS or not draft.empty else self._drop_rejected(error, request)
                if told is None:
                    raise
                yield told
                request = self._compose()
            else:
                return

    def _left_out(self) -> Notice | None:
        """What was refused in an earlier turn, unless the last answer was asked for just so."""
        settings = set(reasoning_settings(self._question.parameters)) & set(self._refused)
        answers = (stored.message for stored in reversed(self._path) if isinstance(stored.message, AssistantMessage))
        last = next(answers, None)
        told = (
            last is not None
            and last.model_asked == self._question.model
            and reasoning_settings(last.parameters) == reasoning_settings(self.parameters)
        )
        if told or not settings:
            return None
        return Notice(
            f"Asked without {_words(settings)}, which the server refused before. /set NAME=VALUE tries it again."
        )

    def _drop_rejected(self, error: ServerError, request: ComposedRequest) -> Notice | None:
        """What is left out from now on; None when that would not help."""
        settings = without_settings(self._question.parameters, self._refused)
        if fields := blamed_fields(error, request.body, settings):
            self._omitted |= dict.fromkeys(fields, time())
            self._to_remember = True
            if ALTERNATION in fields:
                return Notice("The server requires alternating roles: adjacent questions are sent as one message.")
            return Notice(
                f"The server does not support {_words(fields)}; asked again without it, also for the next day."
            )
        if self._without is None and is_reasoning_error(error) and request.returns_reasoning:
            self._without = "refused"
            return Notice("The server refused the earlier reasoning; asked again without it. It stays on disk.")
        if not (named := blamed_settings(error, settings)):
            return None
        self._refused |= dict.fromkeys(named, time())
        self._to_remember = True
        return Notice(f"The server does not take {_words(named)}; asked again without, also for the next day.")

    async def _remember(self) -> None:
        """Only when the server answers without: so it was what it said."""
        self._to_remember = False
        # What cannot be kept will be learnt again.
        with suppress(StoreError):
            if self._refused:
                await remember_rejected(self._store, self._server.base_url, self._question.model, self._refused)
            if self._omitted:
                await remember_fields(self._store, self._server.base_url, self._omitted)

    def _keeper(
        self, answer: str, request: ComposedRequest, draft: AnswerAccumulator
    ) -> Callable[[ExchangeRecorder], None]:
        """Keeps what went over the line; the work is the writer's."""

        def keep(tape: ExchangeRecorder) -> None:
            def numbered(number: int) -> None:
                tape.number = number

            make = partial(self._exchange, answer, request, tape, had_key=self._had_key(draft))
            self._store.record_exchange(self._question.session, make, numbered)

        return keep

    def _had_key(self, draft: AnswerAccumulator) -> bool:
        """Whether the server has said the key. In several events it is only seen where their words are put together."""
        message = draft.message()
        found = redacted(message, lambda text: self._server.redact(text).replace(REMOVED, ""))
        return found is not message

    def _exchange(self, answer: str, request: ComposedRequest, tape: ExchangeRecorder, *, had_key: bool) -> Exchange:
        pieces = tape.pieces()
        # In bytes it is found only where it is in one piece.
        secret = had_key and not tape.masked
        return Exchange(
            answer=answer,
            lines=tuple(map(self._sent_line, request.request_lines)),
            rest={**request.body, "messages": None},
            url=tape.url,
            headers=tape.headers,
            started=tape.started,
            status=tape.status,
            answered=tape.answered,
            pieces=() if secret else pieces,
            cut=tape.cut or secret,
            error=tape.error,
            number=tape.number,
        )

    def _sent_line(self, line: RequestLine) -> SentMessage:
        origin = None if line.index is None else self._path[line.index].id
        return SentMessage(line.wire, origin, None if line.returned is None else line.returned.to_json())


def _words(settings: Iterable[str]) -> str:
    return ", ".join(sorted(settings)).replace('"', "")

"""The request of a turn: composed, sent, once more without what the server refuses, and kept as it went over the line."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from stepchat.errors import ServerError
from stepchat.events import Notice
from stepchat.servers.failures import names_reasoning
from stepchat.servers.wire import Composed, Target, compose, sent_parameters
from stepchat.sessions.exchanges import Exchange, SentLine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from stepchat.draft import Draft
    from stepchat.messages import Json, StoredMessage
    from stepchat.servers.client import ServerEvent
    from stepchat.servers.ledger import Line, Rule
    from stepchat.servers.profiles import Profile
    from stepchat.servers.tape import Tape
    from stepchat.sessions.store import SessionStore


class Server(Protocol):
    """What a turn needs of a server: `Client`, or a fake with a script."""

    base_url: str
    profile: Profile

    def stream(self, body: Json, keep: Callable[[Tape], None] | None = None) -> AsyncGenerator[ServerEvent]: ...


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


class Asking:
    """The request about a path of messages that ends with the question."""

    def __init__(self, store: SessionStore, server: Server, question: Question, path: Sequence[StoredMessage]) -> None:
        self._store = store
        self._server = server
        self._question = question
        self._path = path
        self._target = Target(
            server.profile, server.base_url, question.model, question.session, question.mandatory_reasoning
        )
        self._first = self._compose(None)

    @property
    def parameters(self) -> Json:
        """As they are sent."""
        return sent_parameters(self._target, self._question.parameters)

    @property
    def prefix(self) -> str:
        """A hash of all that the answer will follow."""
        return self._first.prefix

    def _compose(self, without: Rule | None) -> Composed:
        return compose(
            [stored.message for stored in self._path],
            self._target,
            system=self._question.system,
            parameters=self._question.parameters,
            without=without,
        )

    async def events(self, answer: str, draft: Draft) -> AsyncGenerator[ServerEvent]:
        """Send it, and once more without earlier reasoning when the server refuses just that (WIRE.md 3.6)."""
        request = self._first
        while True:
            try:
                async with aclosing(self._server.stream(request.body, self._keeper(answer, request))) as events:
                    async for event in events:
                        yield event
            except ServerError as error:
                if not draft.empty or not request.returns_reasoning or not names_reasoning(error):
                    raise
                yield Notice("The server refused the earlier reasoning; asked again without it. It stays on disk.")
                request = self._compose("refused")
            else:
                return

    def _keeper(self, answer: str, request: Composed) -> Callable[[Tape], None]:
        """Keeps what went over the line; the work is the writer's."""

        def keep(tape: Tape) -> None:
            self._store.keep_exchange(self._question.session, lambda: self._exchange(answer, request, tape))

        return keep

    def _exchange(self, answer: str, request: Composed, tape: Tape) -> Exchange:
        return Exchange(
            answer=answer,
            lines=tuple(map(self._sent_line, request.lines)),
            rest={**request.body, "messages": None},
            url=tape.url,
            headers=tape.headers,
            started=tape.started,
            status=tape.status,
            answered=tape.answered,
            pieces=tape.pieces(),
            cut=tape.cut,
            error=tape.error,
        )

    def _sent_line(self, line: Line) -> SentLine:
        origin = None if line.place is None else self._path[line.place].id
        return SentLine(line.wire, origin, None if line.returned is None else line.returned.to_json())

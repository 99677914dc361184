"""Brings the status line up to date: at every change, and while a turn runs twice a second."""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from stepchat.chat import switching
from stepchat.chat.spent_today import SpentToday, estimate_cost
from stepchat.parameters.values import format_value
from stepchat.tui import workers
from stepchat.tui.chat.status_bar import Fact
from stepchat.tui.chat.sync import Lookout
from stepchat.tui.chat.turn_status import effort_fact, hints, session_facts
from stepchat.tui.terminal.title import notify_answer_ready, took_long

if TYPE_CHECKING:
    from textual.timer import Timer

    from stepchat.chat.conversation import Conversation
    from stepchat.tui.chat.screen import ChatScreen as Chat
    from stepchat.tui.chat.status_bar import StatusLine

_LONGEST_NAME = 40
"""Cells of the status line for the model."""


class Standing:
    """How the conversation on the screen stands: what its status line says, and what is due when its turn ends."""

    def __init__(self, chat: Chat, line: StatusLine) -> None:
        self._chat = chat
        self._line = line
        self._ticker: Timer | None = None
        self._answering: Conversation | None = None
        """Whose turn it ticks for."""
        self._in_front = True
        self._lookout = Lookout(chat)
        self.costs = SpentToday(chat)
        self.told: set[tuple[str, ...]] = set()
        """What is said of a server and its model only once."""

    def refresh(self) -> None:
        chat, conversation, meter = self._chat, self._chat.conversation, self._chat.conversation.meter
        self._line.set_facts(chat.pending_items() or chat.message_items() or _facts(chat, monotonic(), self.costs))
        self._line.set_hints(chat.pending_hints() or chat.message_hints() or hints(meter))
        before, self._answering = self._answering, conversation if meter is not None else None
        if meter is not None and self._ticker is None:
            self._ticker = chat.prompt.set_interval(0.5, chat.refresh_status)
            chat.show_title()
        elif meter is None and self._ticker is not None:
            self._ticker.stop()
            self._ticker = None
            if before is not conversation:  # that one goes on unseen, behind this one
                return
            self.ended(conversation)
            chat.show_title()
            self.costs.refresh()
            switching.recheck_window(chat)

    def ended(self, conversation: Conversation) -> None:
        """An answer has ended; who is elsewhere and waited long for it is called back."""
        session = conversation.session
        if self._in_front or session is None or not took_long(conversation.path):
            return
        workspace = conversation.workspace

        async def call() -> None:
            title = (await workspace.store.session(session.id)).title
            notify_answer_ready(self._chat.app, workspace.config.notify, title)

        workers.run_task(self._chat.prompt, call, group="call back")

    def come_to_front(self) -> None:
        """Other windows may have asked meanwhile, or a day have passed."""
        self._in_front = True
        self.costs.refresh()
        self._lookout.look(at_once=True)

    def see_key(self) -> None:
        """Not every terminal tells when it comes to the front."""
        self._lookout.look()

    def go_behind(self) -> None:
        self._in_front = False


def _facts(chat: Chat, now: float, costs: SpentToday) -> list[Fact]:
    """Of the conversation on the screen, and how many others are being answered. `now` is monotonic."""
    conversation = chat.conversation
    name = conversation.model.rstrip("/").rpartition("/")[2] or conversation.model
    facts = [Fact(name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…")]
    if others := len(chat.background.sessions):
        facts.append(Fact(f"{others} more answering", "state"))
    if chat.view.mouse_is_free:
        facts.append(Fact("mouse free, F2 ends it", "state"))
    if conversation.meter is None:
        model = conversation.workspace.catalogue.find(conversation.model)
        facts += [
            effort_fact(conversation.parameters, conversation.path, refused=conversation.effort_rejected),
            *session_facts(conversation.path, model, partial(estimate_cost, conversation), costs.session, costs.today),
        ]
    else:
        facts += conversation.meter.facts(now)
    facts += [Fact(f"once {name}={format_value(value)}"[:40], "state") for name, value in conversation.scopes.once]
    if conversation.queued:
        facts.append(Fact(f"{len(conversation.queued)} queued", "warning"))
    return facts

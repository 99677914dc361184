"""The text in the prompt, kept on disk while it is written, with the session it belongs to."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from stepchat.errors import SessionNotFoundError, StepchatError
from stepchat.messages import UserMessage
from stepchat.tui import workers
from stepchat.tui.composer.paste import strip_paste_marks

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from textual.timer import Timer

    from stepchat.messages import StoredMessage
    from stepchat.sessions.records import Session
    from stepchat.tui.chat.screen import ChatScreen as Chat

PAUSE = 0.5
"""Seconds from a key to the disk; keys meanwhile wait for the same write."""


class Unsent:
    """What is not said yet: the prompt's text, and questions that are not on disk. It outlives quit, kill and switching."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._timer: Timer | None = None
        self._switching = False
        self._aside = ""
        self._laid_aside = self._lent = ""
        self._held: list[str] = []
        self._kept: str = ""
        self._place: str | None = None
        """The session that `_kept` is kept with, None for a new one."""
        self._writing = asyncio.Lock()
        self._opening = asyncio.Lock()
        self.not_kept = ""
        """What the disk refused when it was tried last."""

    def begin(self, draft: str) -> None:
        """`draft` was kept. What was typed ahead comes first: then the draft appears once the prompt is empty."""
        self._place, self._kept = self._session_id(), draft
        if draft and self._chat.prompt.marked_text != draft:
            self._aside = draft
            self.changed()

    def changed(self) -> None:
        """The prompt or what waits has changed: soon it is on disk."""
        if self._timer is None and not self._switching:
            self._timer = self._chat.prompt.set_timer(PAUSE, self._keep_soon)

    def settle(self) -> None:
        """Something has happened in the conversation. A draft that is a question on disk now is forgotten at once."""
        if self._kept and not self._switching and not self._text():
            self._keep_soon()

    @contextmanager
    def holding(self, text: str) -> Generator[None]:
        """Count this among what is not said, until it is decided what becomes of it."""
        self._held.append(text)
        self.changed()
        try:
            yield
        finally:
            self._held.remove(text)
        self.changed()

    def lend(self, text: str) -> None:
        """Put this, which is on disk already, into the prompt; `take_back` brings again what was there."""
        prompt = self._chat.prompt
        if not self._lent:
            self._laid_aside = prompt.marked_text
        prompt.prefill(text)
        self._lent = prompt.marked_text

    def take_back(self) -> None:
        text, self._laid_aside, self._lent = self._laid_aside, "", ""
        self._chat.prompt.prefill(text)

    def _keep_soon(self) -> None:
        # Not in the screen's own task: keys are not to wait for the disk.
        self._timer = None
        workers.run_task(self._chat.prompt, self.keep, group="draft")

    async def keep(self, *, held: bool = True) -> None:
        """Write what is there, if that is something else than before."""
        # One after the other: until a write has ended nobody knows whether it is kept.
        async with self._writing:
            await self._keep(held=held)

    async def _keep(self, *, held: bool) -> None:
        if self._switching:
            return
        if self._aside and not self._chat.prompt.text:
            self._chat.prompt.prefill(self._aside)
            self._aside = ""
        now = (self._session_id(), self._text(held=held))
        before = (self._place, self._kept)
        if now == before:
            self.not_kept = ""
            return
        self._place, self._kept = now
        try:
            await self._chat.workspace.store.set_draft(*now)
            if before[0] != now[0] and before[1]:
                # The session has begun, or goes on in another: the text came along.
                with suppress(SessionNotFoundError):  # another window may have deleted it for good
                    await self._chat.workspace.store.set_draft(before[0], "")
            self.not_kept = ""
        except StepchatError as error:
            # It is tried again with the next key.
            self._place, self._kept = before
            self.not_kept = now[1]
            self._chat.flash(f"The text in the prompt cannot be saved. {error.message}")

    async def switch(self, session: Session | None, *, keep_text: bool = False) -> None:
        """Open another session, or an empty one. The text stays with the session that is left, unless `keep_text`.

        Raises StepchatError when it cannot be opened; then nothing has changed.
        """
        chat = self._chat
        async with self._opening:
            there = None if session is None else session.id
            arriving = await chat.background.read(session)
            draft = await chat.workspace.store.draft(there)
            chat.editing.leave()
            await chat.conversation.wait_until_saved()
            self.take_queue()
            if there == self._session_id():
                keep_text, draft = True, ""
            await self._keep_all()
            # What the disk has refused, or forgotten, goes along in any case: it is nowhere else.
            left = "" if keep_text or self.not_kept or await self._is_gone() else chat.prompt.marked_text
            self._switching = True
            try:
                await chat.background.show(arriving)
                self._show(draft, left)
                if not keep_text:
                    self._place, self._kept = self._session_id(), draft
            finally:
                self._switching = False
            self.changed()

    async def _is_gone(self) -> bool:
        """Whether the session that the text is kept with was deleted for good meanwhile."""
        try:
            if self._place is not None:
                await self._chat.workspace.store.session(self._place)
        except SessionNotFoundError:
            return True
        except StepchatError:
            return False
        return False

    async def _keep_all(self) -> None:
        """Write until nothing is missing of what is there, or the disk refuses it. What is held goes along."""
        await self.keep(held=False)
        while self._text(held=False) != self._kept and not self.not_kept:
            await self.keep(held=False)

    def _show(self, draft: str, left: str) -> None:
        """The draft of the session that is there now, in the place of the text that was left."""
        prompt, conversation = self._chat.prompt, self._chat.conversation
        if left:
            self._aside = ""
        prompt.set_history(conversation.prompts)
        # What was typed meanwhile is meant for this session.
        typed = prompt.marked_text.removeprefix(left)
        prompt.prefill("\n\n".join(filter(None, [fresh(draft, conversation.path), typed])))

    def take_queue(self) -> None:
        """Put what waits for its turn back into the prompt: nobody wants it sent unseen, or after a stop."""
        queued = self._chat.conversation.queued
        if queued:
            self._chat.prompt.prefill("\n\n".join([*queued, *filter(None, [self._chat.prompt.marked_text])]))
            queued.clear()

    def _session_id(self) -> str | None:
        session = self._chat.conversation.session
        return None if session is None else session.id

    def _text(self, *, held: bool = True) -> str:
        written = self._chat.prompt.marked_text
        if written == self._lent:
            written = ""
        kept = self._held if held else ()
        parts = (*self._chat.conversation.unsaved, *kept, self._aside, self._laid_aside, written)
        return "\n\n".join(filter(None, parts))


def fresh(draft: str, path: Sequence[StoredMessage]) -> str:
    """The draft, unless a kill came between the saving of the question and the forgetting of its draft."""
    last = next((row.message for row in reversed(path) if isinstance(row.message, UserMessage)), None)
    return "" if last is not None and last.text == strip_paste_marks(draft).strip() else draft

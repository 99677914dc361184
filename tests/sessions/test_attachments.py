"""Content of attachments in the database: stored once, kept while anything refers to it, and no longer."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from stepchat.attachments.marks import mark
from stepchat.chat.accumulator import accumulate
from stepchat.messages import Attachment, UserMessage
from stepchat.sessions.attachments import KEEP_UNUSED
from stepchat.sessions.organizing import KEEP_DELETED
from stepchat.sessions.store import SessionStore
from tests.turns import look

if TYPE_CHECKING:
    from stepchat.config.paths import Paths

CONTENT = b"x = 1\n"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def attachment(content: bytes = CONTENT) -> Attachment:
    return Attachment(hashlib.sha256(content).hexdigest(), "a.py", "text", "text/plain", len(content), 1)


def opened(paths: Paths, clock: Clock) -> SessionStore:
    return SessionStore.open(paths, accumulate=accumulate, clock=clock)


def kept(paths: Paths) -> int:
    return look(paths, "SELECT count(*) FROM attachment")[0][0]


async def reopened(paths: Paths, clock: Clock, store: SessionStore, seconds: float) -> SessionStore:
    """The store after this time and a restart, with nothing left to collect."""
    await store.close()
    clock.now += seconds
    store = opened(paths, clock)
    for _ in range(6):
        await store.finish_index()  # waits for a step of what runs in the background
    return store


async def test_equal_content_is_stored_once_and_read_back(store: SessionStore, paths: Paths) -> None:
    digest = await store.add_attachment(CONTENT)
    assert await store.add_attachment(CONTENT) == digest == attachment().digest
    assert kept(paths) == 1
    assert await store.attachments([digest, digest, "0" * 64]) == {digest: CONTENT}
    assert await store.attachments([]) == {}


@pytest.mark.parametrize("place", ["message", "fork", "draft", "draft of a new session", "nowhere"])
async def test_content_stays_while_something_refers_to_it(paths: Paths, clock: Clock, place: str) -> None:
    store = opened(paths, clock)
    await store.add_attachment(CONTENT)
    session = await store.create(model="m", server="s", system=None)
    question = UserMessage("Why?", 1.0, (attachment(),) if place in {"message", "fork"} else ())
    asked = await store.append(session.id, None, question)
    if place == "fork":
        forked = await store.fork(session.id, asked.id)
        await store.delete([session.id])
        assert [stored.message for stored in await store.path(forked.id)] == [question]
    if place.startswith("draft"):
        await store.set_draft(session.id if place == "draft" else None, mark("and?", [attachment()]))
    # Not at once: it may be about to be sent.
    store = await reopened(paths, clock, store, KEEP_UNUSED / 2)
    assert kept(paths) == 1
    store = await reopened(paths, clock, store, KEEP_DELETED + KEEP_UNUSED)
    assert kept(paths) == (place != "nowhere")
    await store.close()


async def test_content_goes_with_the_last_message_that_needs_it(paths: Paths, clock: Clock) -> None:
    store = opened(paths, clock)
    await store.add_attachment(CONTENT)
    await store.add_attachment(b"other")
    sessions = [await store.create(model="m", server="s", system=None) for _ in range(2)]
    for session in sessions:
        await store.append(session.id, None, UserMessage("Why?", 1.0, (attachment(),)))
    await store.delete([sessions[0].id])
    store = await reopened(paths, clock, store, KEEP_DELETED + KEEP_UNUSED)
    assert await store.attachments([attachment().digest, hashlib.sha256(b"other").hexdigest()]) == {
        attachment().digest: CONTENT
    }
    await store.delete([sessions[1].id])
    store = await reopened(paths, clock, store, KEEP_DELETED + KEEP_UNUSED)
    assert kept(paths) == 0
    await store.close()

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from stepchat import lossless_json
from stepchat.errors import SessionNotFoundError, StoreError
from stepchat.messages import AssistantMessage, Usage, UserMessage, to_json
from stepchat.sessions.database import connect

if TYPE_CHECKING:
    from stepchat.sessions.store import SessionStore


async def test_a_fork_is_a_lossless_copy_that_goes_its_own_way(store: SessionStore) -> None:
    source = await store.create(model="m", server="s", system="Be \ud800 brief.")
    question = await store.append(source.id, None, UserMessage("apple \udc00", 1.5))
    details = (lossless_json.loads('{"type":"new","n":1.10,"x":[]}'),)
    answer = await store.append(
        source.id,
        question.id,
        AssistantMessage(text="pear", reasoning_details=details, usage=Usage(lossless_json.loads('{"cost":0.10}'))),
    )
    await store.set_folded(answer.id, True)
    await store.append(source.id, answer.id, UserMessage("not in the fork"))
    await store.append(source.id, question.id, AssistantMessage(text="another branch"))
    await store.set_title(source.id, "My title")
    before = (await store.session(source.id), await store.messages(source.id))
    forked = await store.fork(source.id, answer.id)
    assert (await store.session(source.id), await store.messages(source.id)) == before
    assert forked == await store.session(forked.id)
    assert (forked.title, forked.title_edited, forked.model, forked.server, forked.system) == (
        "My title",
        True,
        "m",
        "s",
        "Be \ud800 brief.",
    )
    assert (forked.forked_from, forked.forked_at) == (source.id, answer.id)
    first, second = await store.messages(forked.id)
    assert await store.path(forked.id) == [first, second]
    assert (first.parent, second.parent, second.folded) == (None, first.id, True)
    assert {first.id, second.id}.isdisjoint({question.id, answer.id})
    for copy, original in ((first, question), (second, answer)):
        assert lossless_json.dumps_for_storage(to_json(copy.message)) == lossless_json.dumps_for_storage(
            to_json(original.message)
        )
    row = next(row for row in await store.sessions() if row.id == forked.id)
    # The cost is its own: what the copies cost was spent in the other session.
    assert (row.messages, row.turns, row.cost, row.forked_from) == (2, 1, None, source.id)
    await store.append(forked.id, second.id, AssistantMessage(text="more", usage=Usage({"cost": 0.02})))
    assert await store.session_cost(forked.id) == Decimal("0.02")
    # It lives on when the other is gone.
    await store.delete([source.id])
    await store.append(forked.id, second.id, UserMessage("more"))
    await store.finish_index()
    page = await store.search("apple")
    assert page is not None
    assert [found.summary.id for found in page.sessions] == [forked.id]


async def test_a_fork_of_what_is_not_there_changes_nothing(store: SessionStore) -> None:
    one, two = [await store.create(model="m", server="s", system=None) for _ in range(2)]
    asked = await store.append(one.id, None, UserMessage("q"))
    await store.append(two.id, None, UserMessage("q"))
    for session, message, error in (
        ("x0gone", asked.id, SessionNotFoundError),
        (two.id, asked.id, StoreError),
        (one.id, "x0gone", StoreError),
    ):
        with pytest.raises(error):
            await store.fork(session, message)
    connection = connect(store.file)
    assert connection.execute("SELECT count(*) FROM session").fetchone() == (2,)
    connection.close()

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from stepchat import lossless_json
from stepchat.chat.accumulator import accumulate
from stepchat.config.paths import private_directory
from stepchat.messages import AssistantMessage, Usage, UserMessage
from stepchat.sessions import database
from stepchat.sessions.migrations import STEPS, migrate
from stepchat.sessions.spending import Unpriced, day_of
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
    from stepchat.config.paths import Paths

HERE = "https://openrouter.ai/api/v1"
LOCAL = "http://127.0.0.1:8080/v1"
NOON = 1_800_000_000.0
USAGE = lossless_json.loads(
    '{"prompt_tokens": 1000, "completion_tokens": 200, "cost": 0.00015, "prompt_tokens_details": {"cached_tokens": 10},'
    ' "completion_tokens_details": {"reasoning_tokens": 150}}'
)


async def answered(store: SessionStore, session: str, **fields) -> str:
    blank = AssistantMessage(model_asked="a/b", server=HERE)
    message_id = await store.begin_answer(session, None, blank)
    return (await store.finish_answer(message_id, AssistantMessage(**({"model": "a/b", "server": HERE} | fields)))).id


async def test_answers_are_summed_by_day_model_and_server(paths: Paths) -> None:
    now = [NOON]
    store = SessionStore.open(paths, accumulate=accumulate, clock=lambda: now[0])
    session = (await store.create(model="a/b", server=HERE, system=None)).id
    await answered(store, session, usage=Usage(USAGE))
    await answered(store, session, usage=Usage(USAGE))
    await answered(store, session, usage=Usage({"prompt_tokens": 7, "completion_tokens": 3}))
    now[0] += 86400
    await answered(store, session, usage=Usage({"cost": 1}), model="c/d")
    await store.append(session, None, AssistantMessage(usage=Usage({"cost": 99}), model="imported"))
    newest, first = await store.spending()
    assert (newest.day, newest.model, newest.cost, newest.answers) == (day_of(NOON + 86400), "c/d", 1, 1)
    assert (first.day, first.model, first.server) == (day_of(NOON), "a/b", HERE)
    assert (first.answers, first.prompt, first.cached, first.completion, first.reasoning) == (3, 2007, 20, 403, 300)
    assert first.cost == Decimal("0.00030")
    assert (first.open_answers, first.open_prompt, first.open_completion) == (1, 7, 3)
    await store.delete([session])
    assert len(await store.spending()) == 2
    await store.close()


async def test_usage_is_filled_in_later_and_nothing_else_is_touched(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate, clock=lambda: NOON)
    session = (await store.create(model="a/b", server=HERE, system=None)).id
    await store.append(session, None, UserMessage("Why?"))
    whole = {"text": "Half", "stop": "cancelled", "generation_id": "gen-1", "reasoning_details": ({"type": "x"},)}
    message_id = await answered(store, session, **whole)
    assert await store.unpriced(NOON) == [Unpriced(message_id, "gen-1", HERE, NOON)]
    assert await store.unpriced(NOON + 1) == []
    before = await store.session(session)
    filled = await store.set_usage(message_id, USAGE)
    assert filled.message == AssistantMessage(**({"model": "a/b", "server": HERE, "usage": Usage(USAGE)} | whole))
    assert await store.session(session) == before
    assert (await store.path(session))[-1] == filled
    assert (await store.sessions())[0].cost == Decimal("0.00015")
    (spent,) = await store.spending()
    assert (spent.answers, spent.prompt, spent.cost, spent.open_answers) == (1, 1000, Decimal("0.00015"), 0)
    # A second time there is nothing to fill in.
    assert await store.set_usage(message_id, USAGE) is None
    assert await store.unpriced(0) == []
    assert len(await store.spending()) == 1
    await store.close()


@pytest.mark.parametrize(
    ("held", "asked", "later", "noted"),
    [
        (HERE, HERE, LOCAL, HERE),
        (HERE, HERE, "demo", HERE),
        ("demo", "http://127.0.0.1:4000/api/v1", HERE, "demo"),
        ("demo", "http://127.0.0.1:4000/api/v1", "demo", "demo"),
        # Another window had switched before the answer ended.
        (LOCAL, HERE, LOCAL, HERE),
    ],
)
async def test_a_cost_that_comes_late_counts_where_the_answer_came_from(
    paths: Paths, held: str, asked: str, later: str, noted: str
) -> None:
    store = SessionStore.open(paths, accumulate=accumulate, clock=lambda: NOON)
    session = (await store.create(model="a/b", server=held, system=None)).id
    message_id = await answered(store, session, server=asked, stop="cancelled", generation_id="gen-1")
    await store.set_model(session, "c/d", later)
    await store.set_usage(message_id, USAGE)
    (spent,) = await store.spending()
    assert (spent.server, spent.answers, spent.open_answers, spent.cost) == (noted, 1, 0, Decimal("0.00015"))
    await store.close()


async def test_what_was_not_known_for_a_day_is_forgotten(paths: Paths) -> None:
    now = [NOON]
    store = SessionStore.open(paths, accumulate=accumulate, clock=lambda: now[0])
    session = (await store.create(model="a/b", server=HERE, system=None)).id
    await answered(store, session, generation_id="gen-1")
    now[0] += 86400 * 2
    await answered(store, session, generation_id="gen-2")
    assert [one.generation for one in await store.unpriced(0)] == ["gen-2"]
    await store.close()


async def test_what_the_server_does_not_know_is_asked_no_more(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate, clock=lambda: NOON)
    session = (await store.create(model="a/b", server=HERE, system=None)).id
    message_id = await answered(store, session, stop="cut", generation_id="gen-1")
    await store.forget_unpriced(message_id)
    assert await store.unpriced(0) == []
    assert await store.set_usage("nobody", USAGE) is None
    await store.close()


def before_the_table(paths: Paths) -> sqlite3.Connection:
    private_directory(paths.data)
    database.create_private(paths.database)
    with_no_table = STEPS[: [step.__name__ for step in STEPS].index("_spending")]
    old = sqlite3.connect(paths.database, isolation_level=None)
    migrate(old, paths.database, with_no_table)
    old.execute("INSERT INTO session (id, created, updated, model, server) VALUES ('s', 1, 1, 'a/b', ?)", (HERE,))
    return old


def put(old: sqlite3.Connection, name: str, data: object, created: float = NOON) -> None:
    old.execute(
        "INSERT INTO message (id, session, role, created, data) VALUES (?, 's', 'assistant', ?, ?)",
        (name, created, lossless_json.dumps_for_storage(data)),
    )


async def test_what_was_there_before_the_table_is_counted_once(paths: Paths) -> None:
    old = before_the_table(paths)
    for number, generation in enumerate(("gen-1", "gen-1", "gen-2", "")):
        put(old, f"m{number}", {"model": "", "model_asked": "a/b", "generation_id": generation, "usage": USAGE})
    old.execute("INSERT INTO message (id, session, role, created, data) VALUES ('u', 's', 'user', 1, 'no json')")
    old.close()
    store = SessionStore.open(paths, accumulate=accumulate)
    (spent,) = await store.spending()
    assert (spent.model, spent.answers, spent.cost) == ("a/b", 3, Decimal("0.00045"))
    await store.close()


async def test_what_cannot_be_counted_does_not_keep_the_store_shut(paths: Paths) -> None:
    old = before_the_table(paths)
    put(old, "surrogate", {"model": "evil\ud800", "generation_id": "\udfff", "usage": {"cost": 1, "x": "\ud800"}})
    put(old, "odd", {"model": 5, "model_asked": ["x"], "generation_id": 7, "usage": [1]})
    put(old, "no usage", {"model": "b/c", "usage": "no object"})
    put(old, "late", {"model": "a/b", "usage": USAGE}, created=1e300)
    put(old, "good", {"model": "a/b", "usage": USAGE})
    old.close()
    store = SessionStore.open(paths, accumulate=accumulate)
    spent = {row.model: row.cost for row in await store.spending()}
    assert (spent.pop("a/b"), spent.pop("5")) == (Decimal("0.00015"), 0)
    assert list(spent.values()) == [1]
    await store.close()


async def test_a_damaged_sum_keeps_no_answer_from_the_disk_and_no_session_from_the_list(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session = (await store.create(model="a/b", server=HERE, system=None)).id
    await answered(store, session, usage=Usage(USAGE))
    await store.close()
    with closing(sqlite3.connect(paths.database)) as connection:
        connection.execute("UPDATE session SET cost = '0.0:015'")
        connection.execute("UPDATE spending SET cost = '0.0:015'").connection.commit()
    store = SessionStore.open(paths, accumulate=accumulate)
    assert [(row.id, row.cost) for row in await store.sessions()] == [(session, None)]
    await answered(store, session, usage=Usage(USAGE))
    assert await store.session_cost(session) == Decimal("0.00015")
    assert sum(row.cost for row in await store.spending()) == Decimal("0.00015")
    assert [row.messages for row in await store.sessions()] == [2]
    await store.close()

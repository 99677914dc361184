from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from stepchat.catalogue.models import Model, Prices
from stepchat.chat.accumulator import accumulate
from stepchat.chat.connection import DEMO
from stepchat.chat.spending import SpentToday, format_balance, seconds_until_midnight
from stepchat.chat.workspace import StartOptions
from stepchat.demo.server import DemoServer
from stepchat.messages import AssistantMessage, StoredMessage, Usage, UserMessage
from stepchat.servers.api import Balance
from stepchat.sessions.spending import day_of
from stepchat.sessions.store import SessionStore
from stepchat.text.format import money
from stepchat.tui.chat.status_bar import Fact
from stepchat.tui.chat.turn_status import session_facts
from tests.tui.screen import screen_rows, screen_text
from tests.tui.window import ask, branch, busy, open_session, say, wait_until, window
from tests.tui.window import workspace as open_place

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = Model("m", context_length=1000, prices=Prices(prompt=Decimal("0.000001"), completion=Decimal("0.000002")))


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(speed=0) as running:
        yield running


def stored(message) -> StoredMessage:
    return StoredMessage("m", "s", None, message)


def answer(prompt: int, completion: int, **usage) -> StoredMessage:
    raw = {"prompt_tokens": prompt, "completion_tokens": completion} | usage
    return stored(AssistantMessage(model="m", usage=Usage(raw)))


def facts(*path: StoredMessage, model: Model | None = MODEL) -> list[tuple[str, str]]:
    return [(fact.text, fact.kind) for fact in session_facts(path, model, guess)]


def guess(answer: AssistantMessage) -> Decimal | None:
    return MODEL.prices.cost_of(answer.usage) if answer.model == "m" else None


def test_context_meter_warns_when_little_is_left():
    assert facts(answer(300, 120, cost=0))[0] == ("context 42 %", "plain")
    assert facts(answer(700, 100, cost=0))[0] == ("context 80 %", "warning")
    assert facts(answer(1, 1, cost=0))[0] == ("context <1 %", "plain")
    assert facts(answer(700, 100, cost=0), model=None)[0] == ("800 tokens", "plain")


def test_cost_is_estimated_where_none_was_told():
    assert facts(answer(100, 50))[1] == ("~$0.00020", "plain")
    assert facts(answer(100, 50, cost=0.5), answer(100, 50))[1] == ("~$0.50", "plain")
    assert facts(answer(100, 50, cost=0.5))[1] == ("$0.50", "plain")
    other = stored(AssistantMessage(model="other", usage=Usage({"prompt_tokens": 100})))
    assert facts(other) == [("context 10 %", "plain")]


def test_cost_of_the_session_has_its_other_branches_and_that_of_the_day_where_there_is_room():
    path = [answer(100, 50, cost=0.5), answer(100, 50)]
    assert session_facts(path, MODEL, guess, Decimal("0.75"))[1] == Fact("~$0.75")
    assert session_facts(path, MODEL, guess, Decimal("0.2"), "$3.00")[1] == Fact(
        "~$0.50", longer="~$0.50 · today $3.00"
    )
    assert session_facts(path[:1], MODEL, guess, Decimal("0.5"), "$0.50")[1] == Fact("$0.50")
    assert session_facts([], MODEL, guess, Decimal(0), "$3.00") == [Fact("today $3.00")]


def test_the_day_changes_at_local_midnight():
    noon = datetime(2026, 3, 1, 12).timestamp()
    assert seconds_until_midnight(noon) == 12 * 3600 + 1
    assert day_of(noon + seconds_until_midnight(noon)) == "2026-03-02"


async def spend(store, server: str, cost: float) -> None:
    session = await store.create(model="a/b", server=server, system=None)
    used = Usage({"prompt_tokens": 1, "completion_tokens": 1, "cost": cost})
    message_id = await store.begin_answer(session.id, None, AssistantMessage(model="a/b", server=server))
    await store.finish_answer(message_id, AssistantMessage(model="a/b", server=server, usage=used))


async def test_what_was_spent_today_is_read_again_when_it_may_have_changed(tmp_path):
    now = [datetime(2026, 3, 1, 23, 50).timestamp()]
    place = await open_place(tmp_path, None)
    await place.close()
    store = SessionStore.open(place.paths, accumulate=accumulate, clock=lambda: now[0])
    conversation = SimpleNamespace(
        session=None, workspace=SimpleNamespace(store=store, server="https://a/v1", catalogue=place.catalogue)
    )
    costs = SpentToday(clock=lambda: now[0])
    assert costs.today(conversation.workspace) == ""

    async def look() -> str:
        await costs.read(conversation)
        return costs.today(conversation.workspace)

    assert await look() == ""
    await spend(store, "https://a/v1", 0.25)
    await spend(store, "https://b/v1", 0.5)
    await spend(store, DEMO, 7)
    assert await look() == "$0.75"
    assert costs.seconds_until_midnight() == 601
    now[0] += 601
    assert costs.today(conversation.workspace) == ""
    await spend(store, "https://a/v1", 0.25)
    assert await look() == "$0.25"
    await store.close()


def spent(pilot):
    screen = pilot.app.screen
    return screen._spent.of_session(open_session(pilot).id)


async def test_the_status_line_tells_what_the_session_and_the_day_cost(tmp_path, server):
    place = await open_place(tmp_path, server)
    await spend(place.store, server.url, 3)
    await place.close()
    async with window(tmp_path, server, size=(140, 20)) as pilot:
        await wait_until(pilot, "today $3.00")
        await ask(pilot, "demo:haiku")
        await wait_until(pilot, " · today $3.00")
        await pilot.press("alt+r")
        await wait_until(pilot, lambda: len(server.requests) == 2 and not busy(pilot))
        # Both answers were paid for; each last line tells of one.
        one = branch(pilot)[-1].message.usage.cost
        await wait_until(pilot, lambda: f"{money(spent(pilot))} · today $3.00" in screen_text(pilot.app))
        await wait_until(pilot, lambda: spent(pilot) > one)
        first = open_session(pilot)
        await pilot.app.screen.open(None)
        await ask(pilot, "demo:haiku")
        await wait_until(pilot, lambda: 0 < spent(pilot) <= one)
        await pilot.app.screen.open(first)
        await wait_until(pilot, lambda: spent(pilot) > one)


def test_balance_balance_in_words():
    whole = Balance("sk..x", Decimal(10), Decimal("9.5"), "", Decimal("0.5"), Decimal("0.01"))
    assert format_balance(whole) == "Key sk..x: $9.50 left of $10.00 · $0.010 today · $0.50 in all"
    assert format_balance(Balance("k")) == "Key k: no limit on this key"
    assert format_balance(Balance("k", remaining=1.0)) == "Key k: no limit on this key"


async def test_a_question_that_cannot_fit_is_not_sent_silently(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        await wait_until(pilot, lambda: bool(chat.workspace.catalogue.models))
        huge = "word " * 250_000
        await say(pilot, huge)
        shown = await wait_until(pilot, "Send it anyway")
        assert "About 312k tokens; stepfun/step-3.5-flash's context window hol" in shown
        assert server.requests == []
        await pilot.press("escape")
        await wait_until(pilot, lambda: pilot.app.screen is chat and chat.prompt.unfolded_text == huge.strip())
        assert server.requests == []


async def test_cost_of_a_stopped_answer_comes_later(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        await say(pilot, "demo:long tokens=5000 speed=200")
        await wait_until(pilot, "answering")
        await pilot.press("escape")
        await wait_until(pilot, lambda: not busy(pilot))
        assert branch(pilot)[-1].message.usage.cost is None
        await wait_until(pilot, lambda: branch(pilot)[-1].message.usage.cost is not None)
        answer = branch(pilot)[-1].message
        assert answer.stop == "cancelled"
        # In the status line and below the answer.
        await wait_until(pilot, lambda: screen_text(pilot.app).count(money(answer.usage.cost)) == 2)
        assert (await chat.workspace.store.path(open_session(pilot).id))[-1].message == answer
        assert await chat.workspace.store.unpriced(0) == []


async def test_a_cost_that_was_not_told_is_estimated_below_the_answer_too(tmp_path, server):
    place = await open_place(tmp_path, server)
    session = await place.store.create(model=place.model, server=server.url, system=None)
    question = await place.store.append(session.id, None, UserMessage("?"))
    used = Usage({"prompt_tokens": 100_000, "completion_tokens": 0})
    answer = AssistantMessage(text="So.", model=place.model, usage=used, server=server.url)
    await place.store.append(session.id, question.id, answer)
    await place.close()
    async with window(tmp_path, server, StartOptions(latest=True)) as pilot:
        # The prices come after the answer is on the screen.
        await wait_until(pilot, lambda: screen_text(pilot.app).count("~$0.0090") == 2)
        await ask(pilot, "demo:usage_tokens")
        stored = branch(pilot)[-1].message
        assert stored.usage.completion_tokens
        assert stored.usage.cost is None
        assert f" · ~{money(pilot.app.screen.workspace.catalogue.estimate_cost(stored))}" in screen_text(pilot.app)


async def test_usage_and_balance(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await say(pilot, "/usage")
        shown = await wait_until(pilot, "By model, last 30 days")
        assert "stepfun/step-3.5-flash" in shown
        # In a narrower window each line is still one.
        await pilot.resize_terminal(60, 30)
        await wait_until(pilot, lambda: any(row.startswith("  cost  ") for row in screen_rows(pilot.app)))
        await wait_until(pilot, lambda: not any(row.strip() == "all" for row in screen_rows(pilot.app)))
        await pilot.press("escape")
        await say(pilot, "/balance")
        await wait_until(pilot, "left of $10.00")

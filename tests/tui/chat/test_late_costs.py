from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from time import time
from types import SimpleNamespace

import httpx
import pytest

from stepchat.catalogue.backends import BACKENDS, OPENROUTER_URL
from stepchat.chat.accumulator import accumulate
from stepchat.chat.late_costs import fetch_late_costs
from stepchat.config.paths import Paths
from stepchat.errors import StepchatError
from stepchat.messages import AssistantMessage, Usage
from stepchat.servers.client import Client
from stepchat.sessions.store import SessionStore
from tests.transcript.chat import answered
from tests.tui.screen import screen_text
from tests.tui.window import wait_until, window


@pytest.mark.parametrize(
    ("answer", "asked", "left"),
    [
        (lambda: httpx.Response(400, json={"error": {"message": "Bad id", "code": 400}}), ["new", "old"], {"new"}),
        (lambda: httpx.Response(500, text="?"), ["new", "old"], {"new"}),
        (lambda: httpx.Response(401, json={"error": {"message": "No", "code": 401}}), ["new"], {"new", "old"}),
        (lambda: (_ for _ in ()).throw(httpx.ConnectError("refused")), ["new"], {"new", "old"}),
    ],
)
async def test_what_is_said_of_one_answer_does_not_keep_the_others_from_their_cost(tmp_path, answer, asked, left):
    now = [time() - 60]
    store = SessionStore.open(Paths(tmp_path, tmp_path, tmp_path), accumulate=accumulate, clock=lambda: now[0])
    session = await store.create(model="a/b", server=OPENROUTER_URL, system=None)
    for name in ("old", "new"):
        message_id = await store.begin_answer(session.id, None, AssistantMessage(server=OPENROUTER_URL))
        await store.finish_answer(message_id, AssistantMessage(server=OPENROUTER_URL, generation_id=name, stop="cut"))
        now[0] += 5
    requests = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request.url.params["id"])
        return answer() if requests[-1] == "new" else httpx.Response(200, json={"data": {"total_cost": 0.25}})

    client = Client(OPENROUTER_URL, BACKENDS[0], None, transport=httpx.MockTransport(respond))
    workspace = SimpleNamespace(store=store, client=client)
    with suppress(StepchatError):
        assert [filled.message.usage.cost async for filled in fetch_late_costs(workspace, ())] in ([], [0.25])
    assert requests == asked
    assert {one.generation for one in await store.unpriced(0)} == left
    await store.close()


async def test_a_cost_that_comes_later_does_not_count_as_a_look_at_the_answer(tmp_path):
    async with window(tmp_path, None, size=(60, 14)) as pilot:
        pane = pilot.app.screen.pane
        conversation, view = pane.conversation, pane.view
        old, new = answered("line\n\n" * 40), replace(answered("More."), id="new")
        conversation.path = [old]
        view.show(conversation.path)
        view.scroll_lines(-20)
        conversation.path.append(new)
        view.add(new)
        await wait_until(pilot, "↓ new text")
        pane.update_message(replace(new, message=replace(new.message, usage=Usage({"cost": 0.5}))))
        await pilot.pause()
        assert "↓ new text" in screen_text(pilot.app)

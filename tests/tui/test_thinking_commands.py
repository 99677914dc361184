from __future__ import annotations

from stepchat.demo.server import DemoServer
from stepchat.workspace import Request
from tests.tui.chat import ask, say, wait_until, window
from tests.tui.screen import screen_text

LEVELS = "stepfun/step-3.7-flash"


def sent(server: DemoServer) -> object:
    return server.requests[-1].body["reasoning"]


async def test_a_key_goes_through_the_levels_that_the_model_has(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await wait_until(pilot, lambda: pilot.app.workspace.catalogue.find(LEVELS) is not None)
            await say(pilot, f"/model {LEVELS}")
            seen = []
            for _ in range(4):
                await pilot.press("alt+e")
                await pilot.pause()
                seen.append(pilot.app.screen.conversation.parameters.get("reasoning", {}).get("effort"))
            assert seen == ["low", "medium", "high", None]
            await say(pilot, "/effort high")
            shown = await ask(pilot, "demo:haiku")
            assert sent(server) == {"enabled": True, "effort": "high"}
            assert "effort high" in shown or "Effort high" in shown
            await wait_until(pilot, "thought")


async def test_what_the_model_does_not_have_is_grey_with_the_reason_and_never_sent(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await wait_until(pilot, lambda: pilot.app.workspace.catalogue.find(LEVELS) is not None)
            await say(pilot, "/effort high")
            await wait_until(pilot, "Effort high is not sent: this model has no levels of effort.")
            await pilot.press("alt+e")
            await wait_until(pilot, "There is nothing to choose: this model has no levels of effort.")
            await say(pilot, "/effort none")
            await wait_until(pilot, "this model cannot do without reasoning")
            await say(pilot, "/effort nonsense")
            await wait_until(pilot, "There is no effort 'nonsense'")
            pilot.app.screen.prompt.prefill("")
            await ask(pilot, "demo:haiku")
            assert sent(server) == {"enabled": True}
            await say(pilot, f"/model {LEVELS}")
            await say(pilot, "/effort")
            shown = await wait_until(pilot, "How hard to think")
            assert "xhigh" in shown
            assert "this model does not have this level" in shown
            await pilot.press("down", "enter")
            await wait_until(pilot, lambda: "How hard to think" not in screen_text(pilot.app))
            await ask(pilot, "demo:haiku")
            assert sent(server) == {"enabled": True, "effort": "low"}


async def test_a_level_the_server_refused_is_grey_from_then_on(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await wait_until(pilot, lambda: pilot.app.workspace.catalogue.find(LEVELS) is not None)
            await say(pilot, f"/model {LEVELS}")
            await say(pilot, "/effort low")
            await ask(pilot, "demo:no_effort")
            assert sent(server) == {"enabled": True}
            await say(pilot, "/effort low")
            await wait_until(pilot, "Effort low is not sent: the server refused it before.")


async def test_each_reasoning_says_whether_it_went_back(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, size=(100, 60)) as pilot:
            await ask(pilot, "demo:haiku")
            assert "sent back" not in screen_text(pilot.app)
            for times in (1, 2):
                await ask(pilot, "demo:haiku")
                await wait_until(pilot, f"sent back {times}×")
            await say(pilot, "/model deepseek/deepseek-v3.2")
            await ask(pilot, "demo:haiku")
            await wait_until(pilot, "left out: other model")
        # The same after a restart.
        async with window(tmp_path, server, Request(latest=True), size=(100, 60)) as pilot:
            shown = await wait_until(pilot, "left out: other model")
            assert shown.count("left out: other model") == 3

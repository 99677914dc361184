from __future__ import annotations

from stepchat.chat.workspace import StartOptions
from stepchat.demo.server import DemoServer
from tests.tui.screen import screen_rows, screen_text
from tests.tui.window import ask, busy, say, wait_until, window, write

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
            await wait_until(pilot, "Thought")


async def test_an_effort_takes_the_place_of_a_budget(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await wait_until(pilot, lambda: pilot.app.workspace.catalogue.find(LEVELS) is not None)
            await say(pilot, f"/model {LEVELS}")
            await say(pilot, "/set reasoning.max_tokens=2000")
            await say(pilot, "/effort low")
            await ask(pilot, "demo:haiku")
            assert sent(server) == {"enabled": True, "effort": "low"}


async def test_what_the_model_does_not_have_is_grey_with_the_reason_and_never_sent(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await wait_until(pilot, lambda: pilot.app.workspace.catalogue.find(LEVELS) is not None)
            await say(pilot, "/effort high")
            await wait_until(pilot, "Effort high is not sent: this model has no effort levels.")
            await pilot.press("alt+e")
            await wait_until(pilot, "This model has no effort levels.")
            await say(pilot, "/effort none")
            await wait_until(pilot, "this model always reasons")
            await say(pilot, "/effort nonsense")
            await wait_until(pilot, "There is no effort 'nonsense'")
            write(pilot, "")
            await ask(pilot, "demo:haiku")
            assert sent(server) == {"enabled": True}
            await say(pilot, f"/model {LEVELS}")
            await say(pilot, "/effort")
            shown = await wait_until(pilot, "Reasoning effort")
            assert "xhigh" in shown
            assert "not supported by this model" in shown
            await pilot.press("down", "enter")
            await wait_until(pilot, lambda: "Reasoning effort" not in screen_text(pilot.app))
            await ask(pilot, "demo:haiku")
            assert sent(server) == {"enabled": True, "effort": "low"}


async def test_a_level_the_server_refused_is_told_and_tried_again_when_it_is_named(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await wait_until(pilot, lambda: pilot.app.workspace.catalogue.find(LEVELS) is not None)
            await say(pilot, f"/model {LEVELS}")
            await say(pilot, "/effort low")
            await ask(pilot, "demo:no_effort")
            assert sent(server) == {"enabled": True}
            await wait_until(pilot, "effort low, rejected")
            await say(pilot, "/settings reasoning.effort")
            await wait_until(pilot, "The server rejected it before. Not sent; set it again to retry.")
            await pilot.press("escape", "escape")
            await say(pilot, "/effort")
            await wait_until(pilot, "the server rejected it before")
            await pilot.press("escape")
            await ask(pilot, "demo:haiku")
            assert sent(server) == {"enabled": True}
            await say(pilot, "/effort low")
            await wait_until(pilot, lambda: "refused" not in screen_text(pilot.app).splitlines()[-1])
            await ask(pilot, "demo:haiku")
            assert sent(server) == {"enabled": True, "effort": "low"}


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
            await wait_until(pilot, "not sent back (other model)")
        # The same after a restart.
        async with window(tmp_path, server, StartOptions(latest=True), size=(100, 60)) as pilot:
            shown = await wait_until(pilot, "not sent back (other model)")
            assert shown.count("not sent back (other model)") == 3


async def test_a_limit_of_the_thinking_works_with_a_model_that_has_no_levels(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, size=(100, 60)) as pilot:
            await wait_until(pilot, lambda: bool(pilot.app.workspace.catalogue.models))
            await pilot.press("alt+e")
            await wait_until(pilot, "/think 20s limits its reasoning")
            await say(pilot, "/set reasoning.effort=high")
            await say(pilot, "/think 30")
            await wait_until(pilot, "Thinks at most 30 tokens, then answers.")
            await say(pilot, "demo:loop times=100 speed=300")
            await wait_until(pilot, "Stopped to answer now")
            await wait_until(pilot, lambda: len(server.requests) > 1)
            await pilot.press("escape")
            first, second = (request.body for request in server.requests)
            assert "effort" not in first["reasoning"]
            assert "think_at_most" not in first
            assert "<thoughts>" in second["messages"][-1]["content"]
            assert "effort" not in screen_rows(pilot.app)[-1]
            assert "▸ Thought" in screen_text(pilot.app)


async def test_answer_now_stops_the_thinking_keeps_it_and_asks_for_the_answer(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, size=(100, 60)) as pilot:
            await wait_until(pilot, lambda: pilot.app.workspace.catalogue.find(LEVELS) is not None)
            await say(pilot, f"/model {LEVELS}")
            await say(pilot, "/effort high")
            await say(pilot, "demo:loop times=100 speed=60")
            pane = pilot.app.screen.pane
            conversation = pane.conversation
            await wait_until(pilot, lambda: pane.progress is not None and pane.progress.phase == "thinking")
            await pilot.press("alt+a")
            await wait_until(pilot, lambda: len(server.requests) > 1)
            await pilot.press("escape")
            await wait_until(pilot, lambda: not conversation.busy)
            first, second = (request.body for request in server.requests)
            assert first["reasoning"]["effort"] == "high"
            assert second["reasoning"] == {"enabled": True, "effort": "low"}
            thinking = conversation.path[1].message
            assert thinking.stop == "answer_now"
            assert thinking.reasoning.startswith("Wait")
            (said,) = second["messages"]
            assert said["content"].startswith("demo:loop")
            assert f"<thoughts>\n{thinking.reasoning}\n</thoughts>" in said["content"]
            # In the tree stand the person's own words, and the next question is asked as ever.
            assert conversation.path[0].message.text == "demo:loop times=100 speed=60"
            await ask(pilot, "demo:haiku")
            assert all("<thoughts>" not in entry["content"] for entry in server.requests[-1].body["messages"])
            assert sent(server) == {"enabled": True, "effort": "high"}
            await pilot.press("alt+a")
            await wait_until(pilot, "The model is not thinking.")


async def test_after_the_limit_a_larger_one_or_an_answer_from_the_thoughts(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, size=(100, 60)) as pilot:
            await say(pilot, "/set max_tokens=200")
            shown = await ask(pilot, "demo:long tokens=150 reasoning=150 kind=prose")
            shown = " ".join(shown.split())
            assert "150 of 200 tokens went into reasoning. Alt+G continue · Alt+M retry with a higher limit" in shown
            await pilot.press("alt+m")
            await wait_until(pilot, lambda: len(server.requests) == 2)
            await wait_until(pilot, lambda: not busy(pilot))
            assert server.requests[-1].body["max_tokens"] == 400
            await pilot.press("alt+m")
            await wait_until(pilot, "not cut off by a token limit")
            shown = await ask(pilot, "demo:length")
            assert server.requests[-1].body["max_tokens"] == 200
            assert "The reasoning used up the token limit; it is saved." in " ".join(shown.split())
            await pilot.press("alt+g")
            await wait_until(pilot, lambda: len(server.requests) == 4)
            await wait_until(pilot, lambda: not busy(pilot))
            assert "<thoughts>\nStep 1: there is" in server.requests[-1].body["messages"][-1]["content"]


async def test_thinking_in_circles_is_told_once_with_the_way_out(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, size=(100, 40)) as pilot:
            await say(pilot, "demo:loop times=1000 speed=400")
            shown = await wait_until(pilot, "The model is repeating itself.")
            assert "Alt+A asks for the answer now" in shown
            await pilot.press("escape")
            await wait_until(pilot, lambda: not busy(pilot))
            assert "round in circles" not in screen_text(pilot.app)

from __future__ import annotations

from stepchat.demo.server import DemoServer
from stepchat.tui.dialogs.logprobs import TokenText
from tests.tui.window import ask, branch, say, wait_until, window


async def test_the_tokens_of_the_last_answer(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await ask(pilot, "demo:haiku")
            await say(pilot, "/tokens")
            await wait_until(pilot, "This answer has no token probabilities.")
            await say(pilot, "/set logprobs=true")
            await say(pilot, "/set top_logprobs=3")
            await ask(pilot, "demo:haiku")
            answer = branch(pilot)[-1].message
            assert "".join(entry["token"] for entry in answer.logprobs) == answer.text
            assert all(len(entry["top_logprobs"]) == 3 for entry in answer.logprobs)
            await say(pilot, "/tokens")
            await wait_until(pilot, f"{len(answer.logprobs)} tokens")
            dialog = pilot.app.screen
            text = pilot.app.screen.query_one(TokenText)
            await pilot.press("end", "up", "home")
            assert text.cursor == 0
            await pilot.press("n")
            doubtful = text._tokens[text.cursor]
            assert doubtful.certainty != "sure"
            shown = await wait_until(pilot, f"{doubtful.probability:.2%}".replace("%", " %"))
            assert "chosen" in shown
            assert all(f"{chance:.2%}".replace("%", " %") in shown for _, chance in doubtful.alternatives)
            await pilot.press("slash", *"stream", "enter")
            assert "stream" in "".join(token.text for token in text._tokens[text.cursor : text.cursor + 3])
            await pilot.press("escape")
            await wait_until(pilot, lambda: pilot.app.screen is not dialog)


async def test_an_answer_in_json_is_shown_as_code_and_what_does_not_fit_is_told(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await say(pilot, "/set response_format=json_object")
            shown = await ask(pilot, "How many?")
            assert '"certain": true' in shown
            assert "copy" in shown
            chat = pilot.app.screen
            assert chat.view.document.messages[-1].answer.text.source == branch(pilot)[-1].message.text
            live = [block.text for block in chat.view.document.messages[-1].answer.text.blocks]
            await ask(pilot, "demo:form wrong=json")
            await wait_until(pilot, "The answer is not JSON: line ")
            await chat.open(await chat.workspace.store.latest())
            chat.view.document.open(1)
            assert [block.text for block in chat.view.document.messages[1].answer.text.blocks] == live

"""A window with nothing but the transcript, run in a terminal by bench_transcript.py.

Usage: transcript_app.py RESULT JSON. The JSON says what to do; the result is a JSON file with what it cost.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from functools import partial
from pathlib import Path

from markdown_it import MarkdownIt
from textual.app import App
from textual.widgets import Input

from stepchat.events import Delta
from stepchat.messages import AssistantMessage, StoredMessage, UserMessage
from stepchat.transcript.find.navigator import FindNavigator
from stepchat.tui.terminal.driver import driver_class
from stepchat.tui.terminal.handover import Handover
from stepchat.tui.transcript.view import TranscriptView
from tests.benchmarks.texts import mixed, tokens_of


class Bench(App[None]):
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, result: Path, job: dict) -> None:
        super().__init__(driver_class=driver_class(Handover(None)))
        self.result = result
        self.job = job
        self.stalls: list[float] = []

        self.view = TranscriptView()

    def compose(self):
        yield self.view
        yield Input()

    def on_ready(self) -> None:
        self.run_worker(self.measure())

    async def measure(self) -> None:
        await asyncio.sleep(0.3)
        found = await (self.stream() if self.job["what"] == "stream" else self.session())
        self.result.write_text(json.dumps(found))
        self.exit()

    async def stream(self) -> dict:
        job = self.job
        tokens = tokens_of(job["case"], job["before"] + job["tokens"])
        before, coming = tokens[: job["before"]], tokens[job["before"] :]
        shown = job["mode"] != "none"
        if shown:
            self.view.begin_answer(model="bench")
            if job["mode"] == "folded":
                self.view.document.reasoning_view = "hidden"
                self.view.abandon_answer()
                self.view.begin_answer(model="bench")
            self.view.feed(self.delta("".join(before) or " "))
        await asyncio.sleep(0.8)
        gc.collect()
        gc.freeze()
        heart = asyncio.create_task(self.beat())
        cpu, began = time.process_time(), time.perf_counter()
        fed = 0
        while fed < len(coming):
            want = min(len(coming), int((time.perf_counter() - began) * job["rate"]) + 1)
            if want > fed and shown:
                self.view.feed(self.delta("".join(coming[fed:want])))
            fed = want
            await asyncio.sleep(0.003)
        late = time.perf_counter() - began - len(coming) / job["rate"]
        await asyncio.sleep(0.1)
        cpu = time.process_time() - cpu
        heart.cancel()
        self.stalls.sort()
        return {
            "cpu": cpu / len(coming) * 1e6,
            "p95": self.stalls[int(len(self.stalls) * 0.95)] * 1e3,
            "max": self.stalls[-1] * 1e3,
            "late": late * 1e3,
        }

    def delta(self, text: str) -> Delta:
        return Delta(reasoning=text) if self.job["mode"] in ("folded", "tail") else Delta(text=text)

    async def beat(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            self.stalls.append(time.perf_counter() - began - 0.005)

    async def session(self) -> dict:
        messages = session(self.job["turns"], self.job["letters"])
        memory = resident()
        found = {"open": await self.cost(lambda: self.view.show(messages))}
        gc.collect()
        gc.freeze()  # as the app does once its session is there
        found["memory"] = resident() - memory
        view = self.view
        found["page up"] = await self.median(lambda: view.scroll_page(-1))
        found["row up"] = await self.median(lambda: view.scroll_lines(-1))
        found["to the top"] = await self.cost(view.scroll_home)
        found["to the end"] = await self.cost(view.scroll_to_end)
        for columns in (100, 90, 110, 120):
            found[f"resize to {columns}"] = await self.cost(lambda columns=columns: self.become(columns))
        found["open reasoning"] = await self.cost(view.toggle_reasoning)
        found["fold reasoning"] = await self.cost(view.toggle_reasoning)
        # A word that is only in the last message but one, and one that is in every line.
        found["find a rare word"], _, _ = await self.look_for("sesquipedalian")
        first, longest, whole = await self.look_for("s")
        found["find a letter"], found["longest wait of a key"], found["count a letter"] = first, longest, whole
        found["find a common word"], _, _ = await self.look_for("the")
        found["next hit"] = await self.median(lambda: view.find(lambda finder: finder.step(1)))
        view.find(lambda finder: finder.leave())
        found["markdown-it parses"] = await self.cost(lambda: parse(messages))
        return found

    async def look_for(self, words: str) -> tuple[float, float, float]:
        """Milliseconds of CPU to the first hit on the screen, of the longest slice of the looking, and of all of it."""
        await asyncio.sleep(0.1)
        view, slices, first = self.view, [], 0.0
        act, begin = partial(FindNavigator.search_for, typed=words), time.process_time()
        while not slices or not view.finder.search.is_done:
            began = time.process_time()
            view.find(act)
            slices.append((time.process_time() - began) * 1e3)
            act = partial(FindNavigator.continue_search, seconds=0.008)
            if not first and view.finder.search.current is not None:
                await asyncio.sleep(0.02)
                first = (time.process_time() - begin) * 1e3
            await asyncio.sleep(0)
        return first, max(slices), sum(slices)

    def become(self, columns: int) -> None:
        view = self.view
        view.styles.width = columns

    async def median(self, act) -> float:
        costs = sorted([await self.cost(act) for _ in range(15)])
        return costs[len(costs) // 2]

    async def cost(self, act) -> float:
        """Milliseconds of CPU until what it changed is painted."""
        await asyncio.sleep(0.1)
        began = time.process_time()
        act()
        for _ in range(3):
            await asyncio.sleep(0.02)
        return (time.process_time() - began) * 1e3


def session(turns: int, letters: int) -> list[StoredMessage]:
    text = mixed(int(letters / 3.5))
    size = letters // (turns // 2)
    rare = max(0, turns // 2 - 2)
    thought = mixed(20_000)
    messages = []
    for place in range(turns // 2):
        asked = UserMessage("How does the layout keep its cost flat, and why?")
        last = place == turns // 2 - 1
        text_here = text[place * size : (place + 1) * size] + (" sesquipedalian" if place == rare else "")
        said = AssistantMessage(text_here, thought if last else "A short thought.")
        messages += [StoredMessage(f"u{place}", "s", None, asked), StoredMessage(f"a{place}", "s", None, said)]
    return messages


def parse(messages: list[StoredMessage]) -> None:
    """The reference: what the text costs in the library that is the judge of what it means."""
    markdown = MarkdownIt("commonmark").enable("table")
    for stored in messages:
        markdown.parse(stored.message.text)


def resident() -> float:
    """Megabytes of memory."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    Bench(Path(sys.argv[1]), json.loads(sys.argv[2])).run()

"""The list of models and the sums of money: with many of them a key press must not be felt."""

from __future__ import annotations

import json
import time
from functools import partial
from statistics import median

import pytest

from stepchat import lossless_json
from stepchat.catalogue.catalogue import Catalogue
from stepchat.chat.spending import spending_report
from stepchat.config.paths import Paths
from stepchat.demo.catalogue import MODELS, listing
from stepchat.messages import AssistantMessage, Usage
from stepchat.sessions import spending
from stepchat.sessions.store import SessionStore
from stepchat.tui.dialogs.models import model_row

pytestmark = pytest.mark.benchmark
FAMILIES = ("nova", "atlas", "orion", "lumen", "quark", "delta", "sierra", "tango", "vega", "zephyr")
DAYS, MODELS_A_DAY = 400, 250


def write_list(path, count: int) -> None:
    rows = [listing("http://x", model) for model in MODELS]
    lines = [json.dumps({"fetched": time.time()})]
    for number in range(count):
        name = f"{FAMILIES[number % 10]}/{FAMILIES[number // 10 % 10]}-{number % 7}.{number % 5}-flash-{number}"
        entry = rows[number % len(rows)] | {"id": name, "canonical_slug": name, "description": "Words. " * 80}
        lines.append(lossless_json.dumps_for_storage(entry))
    path.write_text("\n".join(lines))


def milliseconds(work, times: int = 20) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return 1000 * median(found)


@pytest.mark.parametrize("count", [500, 5000])
def test_search(tmp_path, count):
    write_list(tmp_path / "list", count)
    catalogue = Catalogue(tmp_path / "list")
    print(f"\n{count} models: read {milliseconds(catalogue.read, 5):.0f} ms", end="")
    print(f", one of them {milliseconds(lambda: catalogue.read('nova/nova-0.0-flash-0'), 5):.1f} ms")
    catalogue.read()
    for typed in ("f", "flash", "nova 3", "qkfl", "xyzzy"):
        found = catalogue.search(typed)
        search, rows = milliseconds(partial(catalogue.search, typed)), milliseconds(partial(lines_of, found), 3)
        print(f"  {typed!r}: {search:.1f} ms, {len(found)} rows in {rows:.1f} ms")


def lines_of(found) -> None:
    for model in found:
        model_row(model, (), 100, favourite=False, current=False)


async def test_usage_of_a_hundred_thousand_answers(tmp_path):
    store = SessionStore.open(Paths(tmp_path, tmp_path, tmp_path), accumulate=lambda blank, _: blank)
    usage = Usage({"prompt_tokens": 1000, "completion_tokens": 300, "cost": 0.0002})

    def fill(connection) -> float:
        began = time.perf_counter()
        for number in range(DAYS * MODELS_A_DAY):
            message = AssistantMessage(model=f"maker/model-{number % 20}", usage=usage)
            spending.count_answer(
                connection,
                f"m{number}",
                "https://openrouter.ai/api/v1",
                86_400.0 * (number % DAYS),
                message,
                cost_later=False,
            )
        return time.perf_counter() - began

    seconds = await store._write(fill)
    began = time.perf_counter()
    rows = await store.spending()
    read = time.perf_counter()
    from datetime import date

    lines = spending_report(rows, date(1971, 2, 1), lambda _: None)
    print(f"\n100,000 answers: {1e6 * seconds / 100_000:.0f} µs to note one, {len(rows)} sums read in", end="")
    print(f" {1000 * (read - began):.0f} ms, {len(lines)} lines made in {1000 * (time.perf_counter() - read):.0f} ms")
    await store.close()

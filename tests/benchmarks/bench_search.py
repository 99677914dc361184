"""How long a search takes: run with `pytest -m benchmark -s tests/benchmarks/bench_search.py`.

SEARCH_MB sets how much text there is (50); SEARCH_HOME a directory to keep the database in, and to use it again from.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import sqlite3
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stepchat import lossless_json
from stepchat.chat.accumulator import accumulate
from stepchat.config.paths import Paths
from stepchat.sessions.reading import ORDERS
from stepchat.sessions.search.search import ALL_FIELDS, SearchOptions
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.benchmark

MEGABYTES = int(os.environ.get("SEARCH_MB", "50"))
SESSIONS = 10_000
RUNS = 5
BUDGET = 50.0


def words() -> list[str]:
    """Made of syllables, so that beginnings are shared as in a language; the first are the most used."""
    rng = random.Random(3)
    starts = [*"bcdfghjklmnprstvwz", "st", "tr", "pr", "ch", "sh", "con", "re", "un", "in"]
    syllables = [a + b + c for a in starts for b in "aeiou" for c in ["", *"nrstl"]]
    made = ("".join(rng.choices(syllables, k=rng.choice([1, 2, 2, 3, 3, 4]))) for _ in range(150_000))
    return list(dict.fromkeys(made))


def texts(vocabulary: list[str]) -> Iterator[str]:
    rng = random.Random(5)
    weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(vocabulary))))
    pool = [
        " ".join(rng.choices(vocabulary, cum_weights=weights, k=rng.choice([20, 200, 450, 900]))) for _ in range(4000)
    ]
    for number in itertools.count():
        yield f"uid{number} {rng.choice(pool)}"


def fill(path: Path, vocabulary: list[str]) -> None:
    """Straight into the tables, as one program that ran for years; the index is not written here."""
    connection = sqlite3.connect(path, isolation_level=None)
    source = texts(vocabulary)
    each = MEGABYTES * 1_000_000 // SESSIONS
    connection.execute("BEGIN")
    number = 0
    for session in range(SESSIONS):
        name = f"s0{session:06}"
        left, count = each, 0
        while left > 0:
            number += 1
            count += 1
            asked, text = number % 2 == 1, next(source)
            user = {"role": "user", "content": text[: len(text) // 8], "time": 0.0}
            message = user if asked else answer(text)
            data = lossless_json.dumps_for_storage(message)
            left -= len(data)
            connection.execute(
                "INSERT INTO message (id, session, role, created, data) VALUES (?, ?, ?, ?, ?)",
                (f"m{number}", name, message["role"], float(number), data),
            )
        title = " ".join(next(source).split()[:6])
        connection.execute(
            "INSERT INTO session (id, title, created, updated, messages, turns, model, server)"
            " VALUES (?, ?, 0, ?, ?, ?, 'm', 's')",
            (name, title, float(number), count, count // 2),
        )
    connection.execute("COMMIT")
    connection.close()


def answer(text: str) -> dict[str, object]:
    third = len(text) // 3
    empty = dict.fromkeys(("model_asked", "model", "provider", "server", "generation_id", "refusal"), "")
    nothing = dict.fromkeys(("finish_reason", "native_finish_reason", "reasoning_field", "error", "reasoning_details"))
    timing = {"started": 0.0, "first_reasoning": None, "first_text": None, "ended": None}
    return {
        "role": "assistant", "content": text[third:], "reasoning": text[:third], "tool_calls": [], "stop": "stop",
        "usage": {}, "timing": timing, **empty, **nothing,
    }  # fmt: skip


async def index(paths: Paths) -> None:
    size = paths.database.stat().st_size
    begun, cpu = time.perf_counter(), time.process_time()
    store = SessionStore.open(paths, accumulate=accumulate)
    opened = time.perf_counter() - begun
    await store.finish_index()
    took = time.perf_counter() - begun
    await store.close()
    grown = paths.database.stat().st_size
    print(
        f"\nindex of {size / 1e6:.0f} MB: {took:.1f} s in the background ({time.process_time() - cpu:.1f} s CPU), open"
        f" after {opened * 1000:.0f} ms, +{(grown - size) / 1e6:.0f} MB"
    )


def queries(vocabulary: list[str]) -> list[tuple[str, str, SearchOptions]]:
    everywhere = SearchOptions(fields=ALL_FIELDS)
    common, second = vocabulary[0], vocabulary[30]
    long = next(word for word in vocabulary[100:] if len(word) > 9)
    broad = [
        Counter(word[:size] for word in vocabulary if len(word) >= size).most_common(1)[0][0] for size in (2, 3, 4, 5)
    ]
    typing = [(f"typing {long[:size]!r}", long[:size], SearchOptions()) for size in range(1, len(long) + 1)]
    return [
        ("common word", common + " ", SearchOptions()),
        ("common word, reasoning too", common + " ", everywhere),
        ("rare word", "uid777 ", SearchOptions()),
        ("no such word", "nothinglikeit ", SearchOptions()),
        ("two common words", f"{common} {second} ", SearchOptions()),
        ("common and rare word", f"{common} uid778 ", everywhere),
        ("phrase of common words", f'"{common} {vocabulary[1]}"', SearchOptions()),
        ("page 20 of a common word", common + " ", SearchOptions(offset=400)),
        *typing,
        *((f"broadest beginning {prefix!r}", prefix, SearchOptions()) for prefix in broad),
        *((f"common word, beginning {prefix!r}", f"{common} {prefix}", SearchOptions()) for prefix in broad),
    ]


async def measure(paths: Paths, vocabulary: list[str]) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    missed: list[str] = []
    print(f"{'query':36} {'first':>8} {'median':>8}  sessions")
    for name, typed, options in queries(vocabulary):
        took: list[float] = []
        page = None
        for _ in range(RUNS):
            begun = time.perf_counter()
            page = await store.search(typed, options)
            took.append((time.perf_counter() - begun) * 1000)
        assert page is not None
        assert page.complete
        print(f"{name:36} {took[0]:5.1f} ms {statistics.median(took):5.1f} ms  {len(page.sessions)}")
        if statistics.median(took) > BUDGET:
            missed.append(name)
    for order in ORDERS:
        took = []
        for _ in range(RUNS):
            begun = time.perf_counter()
            await store.sessions(100, pinned_first=True, order=order)
            took.append((time.perf_counter() - begun) * 1000)
        print(f"{f'list by {order}':36} {took[0]:5.1f} ms {statistics.median(took):5.1f} ms  100")
        if statistics.median(took) > BUDGET:
            missed.append(f"list by {order}")
    print(f"over {BUDGET:.0f} ms: {', '.join(missed) or 'none'}")
    await store.close()


def test_search(tmp_path, capsys):
    home = Path(os.environ.get("SEARCH_HOME") or tmp_path)
    paths = Paths(home, home, home)
    vocabulary = words()
    with capsys.disabled():
        print(f"\nsearch in {MEGABYTES} MB, {SESSIONS:,} sessions")
        if not paths.database.exists():
            SessionStore.open(paths, accumulate=accumulate).close_now()
            connection = sqlite3.connect(paths.database)
            connection.execute("DELETE FROM setting WHERE name = 'search index'")
            connection.commit()
            connection.close()
            fill(paths.database, vocabulary)
        asyncio.run(index(paths))
        asyncio.run(measure(paths, vocabulary))

"""How fast bytes become events: run with `pytest -m benchmark -s tests/benchmarks/bench_sse.py`."""

from __future__ import annotations

import json
import time

import pytest

from stepchat.servers.sse import SseParser

pytestmark = pytest.mark.benchmark


def chunk(number: int) -> bytes:
    """One chunk as OpenRouter sends it: every word of the reasoning comes twice."""
    word = f" word{number % 97}"
    delta = {
        "role": "assistant",
        "content": "",
        "reasoning": word,
        "reasoning_details": [{"type": "reasoning.text", "text": word, "format": "unknown", "index": 0}],
    }
    choice = {"index": 0, "delta": delta, "finish_reason": None, "native_finish_reason": None, "logprobs": None}
    head = {"id": "gen-1", "provider": "StepFun", "model": "stepfun/step-3.5-flash", "object": "chat.completion.chunk"}
    return b"data: " + json.dumps({**head, "created": 1, "choices": [choice]}).encode() + b"\n\n"


def reads(source: bytes, size: int) -> list[bytes]:
    return [source[place : place + size] for place in range(0, len(source), size)]


def seconds(pieces: list[bytes], events: int, *, rounds: int = 5) -> float:
    """The best of some rounds. Fails unless every event came out."""
    best = float("inf")
    for _ in range(rounds):
        parser = SseParser()
        count = 0
        begun = time.perf_counter()
        for piece in pieces:
            count += len(parser.feed(piece))
        best = min(best, time.perf_counter() - begun)
        assert count == events
    return best


def megabytes_a_second(pieces: list[bytes], took: float) -> float:
    return sum(map(len, pieces)) / took / 1e6


def test_typical_chunks(capsys):
    chunks = [chunk(number) for number in range(4000)]
    source = b"".join(chunks)
    lines: list[str] = []
    for name, pieces in [
        ("an event a read", chunks),
        ("reads of 16 KiB", reads(source, 16384)),
        ("reads of 100 bytes", reads(source, 100)),
        ("an event a read, CRLF", [piece.replace(b"\n", b"\r\n") for piece in chunks]),
    ]:
        took = seconds(pieces, len(chunks))
        rate = megabytes_a_second(pieces, took)
        lines.append(f"{name:24} {rate:8.0f} MB/s {took / len(chunks) * 1e6:7.2f} us an event")
    parsed = min(timed_json(chunks) for _ in range(3))
    lines.append(f"{'(json.loads of the same)':24} {len(source) / parsed / 1e6:8.0f} MB/s")
    with capsys.disabled():
        print(f"\nSSE, {len(chunks)} chunks of {len(chunks[0])} bytes", *lines, sep="\n  ")


def timed_json(chunks: list[bytes]) -> float:
    begun = time.perf_counter()
    for piece in chunks:
        json.loads(piece[6:])
    return time.perf_counter() - begun


@pytest.mark.parametrize("size", [64, 1024, 65536])
def test_one_large_event(capsys, size):
    """Linear: a megabyte costs the same in a larger event, but for page faults (up to three times, by the allocator)."""
    figures: list[str] = []
    for million in (1, 2, 4, 8, 16):
        source = b"data: " + b"x" * (million * 1_000_000) + b"\n\n"
        pieces = reads(source, size)
        took = seconds(pieces, 1, rounds=3)
        figures.append(f"{million} MB {took / million * 1e3:.2f} ms/MB ({million / took:.0f} MB/s)")
    with capsys.disabled():
        print(f"\nSSE, one event in reads of {size} bytes: {', '.join(figures)}")

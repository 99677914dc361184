from __future__ import annotations

import pytest

from stepchat.demo.answer import Answer
from stepchat.demo.catalogue import MODELS
from stepchat.demo.chunks import Generation
from stepchat.demo.play import Player
from stepchat.demo.server import DemoServer
from stepchat.demo.steps import Drop, Finish, Framing, Say, Think, Wait
from tests.demo.conftest import plain_client
from tests.demo.reading import CHAT, body_of, read

GENERATION = Generation("gen-1", 0, "m", "p")


class Wire:
    """A connection whose waits pass at once, on a clock of its own; sending takes `effort` seconds."""

    def __init__(self, effort: float = 0.0) -> None:
        self.now = 100.0
        self.effort = effort
        self.sent: list[tuple[float, bytes]] = []
        self.ended = False
        self.dropped: bool | None = None

    def clock(self) -> float:
        return self.now

    def start(self, status, headers) -> None:
        self.status = status

    def send(self, data: bytes) -> None:
        self.now += self.effort
        self.sent.append((self.now, data))

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def end(self) -> None:
        self.ended = True

    def drop(self, *, reset: bool) -> None:
        self.dropped = reset

    def respond(self, status, headers, body: bytes) -> None:
        self.sent.append((self.now, body))


def play(wire: Wire, speed: float, *steps, generation: Generation = GENERATION) -> bool:
    answer = Answer(MODELS[0], 1, 0)
    return Player(wire, speed, Framing(), answer, wire.clock).stream(iter(steps), generation, ())


@pytest.mark.parametrize("speed", [1, 180, 350, 10_000])
def test_an_answer_takes_the_time_its_tokens_take(speed):
    wire = Wire()
    assert play(wire, speed, Think("word " * 300), Say("word " * 300), Finish())
    assert wire.ended
    assert wire.now - 100 == pytest.approx(602 / speed, rel=0.02)


def test_time_lost_in_sending_is_made_up():
    wire = Wire(effort=0.004)
    play(wire, 350, Say("word " * 1000), Finish())
    assert wire.now - 100 == pytest.approx(1001 / 350, rel=0.02)


def test_when_sending_is_too_slow_more_is_sent_at_once():
    wire = Wire(effort=0.1)
    play(wire, 10_000, Say("word " * 5000), Finish())
    assert len(wire.sent) < 120
    assert read(b"".join(data for _, data in wire.sent)).text == "word " * 5000


def test_words_come_in_bursts():
    wire = Wire()
    play(wire, 180, Say("word " * 100), Finish())
    sizes = {data.count(b"data: ") for _, data in wire.sent}
    assert {1, 2, 3, 4} <= sizes
    assert max(sizes) <= 8


def test_comments_while_waiting_and_none_in_silence():
    wire = Wire()
    play(wire, 0, Wait(3.0, comments=True), Say("a"), Wait(50.0), Say("b"), Finish())
    reading = read(b"".join(data for _, data in wire.sent))
    assert reading.comments == 5
    assert (reading.text, wire.now - 100) == ("ab", pytest.approx(53))


def test_lead_of_the_provider_comes_before_the_first_chunk():
    wire = Wire()
    play(wire, 0, Say("a"), Finish(), generation=Generation("gen-1", 0, "m", "p", lead=2.0))
    assert next(time for time, data in wire.sent if data.startswith(b"data:")) == pytest.approx(102)


def test_what_was_due_is_sent_before_the_connection_breaks():
    wire = Wire()
    assert not play(wire, 180, Say("word " * 7), Drop(reset=True))
    assert (wire.dropped, wire.ended) == (True, False)
    assert read(b"".join(data for _, data in wire.sent)).text == "word " * 7


def test_a_whole_completion_takes_the_same_time():
    wire = Wire()
    answer = Answer(MODELS[0], 1, 0)
    player = Player(wire, 100, Framing(), answer, wire.clock)
    assert player.whole(iter([Say("word " * 200), Finish()]), GENERATION, ())
    assert wire.now - 100 == pytest.approx(2.01)


def test_quick_answers_are_sent_in_few_pieces(client):
    with client.stream("POST", CHAT, json=body_of("demo:long tokens=3000 reasoning=0 speed=0")) as response:
        sizes = [piece.count(b"data: ") for piece in response.iter_raw()]
    assert sum(sizes) > 3000
    assert len(sizes) < 300


@pytest.mark.parametrize(("speed", "comments"), [(0, 1), (5000, 1), (None, 2)])
def test_only_the_realistic_speed_waits_for_the_provider(speed, comments):
    with DemoServer(speed=speed) as server, plain_client(base_url=server.url) as client:
        data = client.post(CHAT, json=body_of("demo:empty"), headers={"authorization": "Bearer k"}).content
    assert read(data).comments == comments

from types import SimpleNamespace

from stepchat.events import Delta
from stepchat.transcript.document import Document
from stepchat.transcript.palette import colourless
from stepchat.tui.transcript.frame_rate import FRAME, SECOND, SLOW_FRAME, SPIN, FrameScheduler, writes_waiting


def live_document(now=0.0):
    document = Document(colourless(), 60)
    document.begin_answer(now)
    return document


def feed(document, pace, delta, now):
    document.feed(delta, now)
    document.update_live(now, 0)
    pace.arrived(len(delta.text) + len(delta.reasoning))


def test_nothing_moves_when_nothing_comes():
    assert FrameScheduler().interval(Document(colourless(), 60)) == 0.0
    assert not FrameScheduler().has_work(Document(colourless(), 60))


def test_spinner_while_waiting():
    document = live_document()
    assert FrameScheduler().interval(document) == SPIN
    assert FrameScheduler().has_work(document)


def test_fast_streams_get_more_frames_than_slow_ones():
    document, pace = live_document(), FrameScheduler()
    now = 0.0
    for _ in range(100):
        now += 0.033
        pace.painted(now)
        feed(document, pace, Delta(text="x" * 40), now)
    assert pace.interval(document) == FRAME
    for _ in range(200):
        now += 0.05
        pace.painted(now)
        feed(document, pace, Delta(text="x"), now)
    assert pace.interval(document) == SLOW_FRAME


def test_folded_thinking_needs_only_its_clock():
    document, pace = live_document(), FrameScheduler()
    document.live.panel = "folded"
    feed(document, pace, Delta(reasoning="thought"), 1.0)
    assert pace.interval(document) == SECOND
    assert not pace.is_due_at_once(document.live, 1.0)
    document.live.panel = "tail"
    assert pace.interval(document) == SLOW_FRAME


def test_frames_stop_when_everything_is_painted():
    document, pace = live_document(), FrameScheduler()
    feed(document, pace, Delta(text="words"), 1.0)
    assert pace.interval(document) > 0
    pace.painted(1.0)
    assert pace.interval(document) == 0.0


def test_what_comes_after_a_pause_is_painted_at_once():
    document, pace = live_document(), FrameScheduler()
    feed(document, pace, Delta(text="words"), 1.0)
    pace.painted(1.0)
    assert not pace.is_due_at_once(document.live, 1.01)
    assert pace.is_due_at_once(document.live, 1.2)


def test_waiting_writes_are_counted_if_the_driver_has_a_queue():
    queue = SimpleNamespace(qsize=lambda: 7)
    driver = SimpleNamespace(_writer_thread=SimpleNamespace(_queue=queue))
    assert writes_waiting(SimpleNamespace(app=SimpleNamespace(_driver=driver))) == 7
    assert writes_waiting(SimpleNamespace(app=SimpleNamespace(_driver=None))) == 0
    assert writes_waiting(object()) == 0

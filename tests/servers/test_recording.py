from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat.servers.recording import ExchangeRecorder
from stepchat.sessions.exchanges import pack, unpack

READS = st.lists(st.one_of(st.binary(max_size=8), st.integers(0, 90_000).map(bytes)), max_size=12)


def taped(reads, mask=bytes):
    tape = ExchangeRecorder("http://a.b/c", {}, mask=mask)
    for data in reads:
        tape.add_read(data)
    return tape


@given(READS)
@settings(max_examples=40)
def test_what_was_read_comes_back_read_by_read(reads):
    pieces = taped(reads).pieces()
    assert [data for _, data in pieces] == reads
    assert [data for _, data in pieces] == reads, "and once more"
    assert len(pieces) == len(reads)
    times = [seconds for seconds, _ in pieces]
    assert times == sorted(times)
    assert unpack(pack(pieces)) == tuple(pieces)


def test_what_comes_later_is_not_in_pieces_that_were_taken_before():
    tape = taped([b"one", b"two" * 40_000])
    before = tape.pieces()
    tape.add_read(b"three")
    assert [data for _, data in before] == [b"one", b"two" * 40_000]
    assert [data for _, data in tape.pieces()] == [b"one", b"two" * 40_000, b"three"]


def test_a_key_is_masked_also_where_two_reads_share_it():
    reads = [b"a" * 70_000, b"b" * 70_000 + b"se", b"cret b"]
    tape = taped(reads, lambda data: data.replace(b"secret", b"******"))
    assert [data for _, data in tape.pieces()] == [b"a" * 70_000, b"b" * 70_000 + b"**", b"**** b"]
    assert tape.masked

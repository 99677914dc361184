import pyte
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from stepchat.tui.transcript.painting import changed_rows, shift, shifted, update

COLUMNS, ROWS, TOP, HEIGHT = 12, 9, 2, 5


def strip(text):
    style = Style(color="red") if "r" in text else Style(bgcolor="blue")
    return Strip([Segment(text.ljust(COLUMNS), style)], COLUMNS)


POOL = [strip(text) for text in ("", "one", "two", "three", "red", "five", "six", "seven")]
ROWS_OF_POOL = st.lists(st.sampled_from(POOL), min_size=HEIGHT, max_size=HEIGHT)
MOVES = st.tuples(st.integers(-HEIGHT, HEIGHT), ROWS_OF_POOL, st.sets(st.integers(0, HEIGHT - 1), max_size=2))


def painted(row):
    """As `Strip.render` writes it, but without a console."""
    text, style, _ = next(iter(row))
    code = "31" if style.color else "44"
    return f"\x1b[{code}m{text}\x1b[0m"


def screen_with(rows):
    """A screen with something above and below the rows."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.Stream(screen)
    for y in range(ROWS):
        stream.feed(f"\x1b[{y + 1}H~above or below~"[: COLUMNS + 6])
    for y, row in enumerate(rows):
        stream.feed(f"\x1b[{TOP + y + 1};1H{painted(row)}")
    return screen, stream


def cells(screen):
    return [[screen.buffer[y][x] for x in range(COLUMNS)] for y in range(ROWS)]


@given(old=ROWS_OF_POOL, move=MOVES)
def test_the_terminal_shows_the_new_rows(old, move):
    by, others, places = move
    new = [*old[by:], *others[: max(0, by)]] if by >= 0 else [*others[:-by], *old[:by]]
    new = [others[place] if place in places else row for place, row in enumerate(new[:HEIGHT])]
    screen, stream = screen_with(old)
    stream.feed(update(old, new, (0, TOP), painted, may_move=True))
    assert cells(screen) == cells(screen_with(new)[0])


@given(old=ROWS_OF_POOL, new=ROWS_OF_POOL)
def test_what_may_not_be_moved_is_written(old, new):
    sent = update(old, new, (0, TOP), painted, may_move=False)
    assert sent.count("H") == sum(end - first for first, end in changed_rows(old, new))


def test_a_new_row_at_the_end_sends_that_row():
    sent = update(POOL[:5], POOL[1:6], (0, TOP), painted, may_move=True)
    assert sent == f"\x1b[3;7r\x1b[3H\x1b[1M\x1b[r\x1b[7;1H{painted(POOL[5])}"


def strips(count):
    return [Strip([Segment("abc")]) for _ in range(count)]


def test_neighbours_are_one_range():
    old = strips(6)
    new = old.copy()
    for place in (0, 2, 3, 5):
        new[place] = Strip([Segment("abc")])
    assert changed_rows(old, new) == [(0, 1), (2, 4), (5, 6)]
    assert changed_rows(old, old.copy()) == []


def test_rows_that_moved_are_found():
    old, more = strips(8), strips(2)
    assert shift(old, [*old[2:], *more]) == 2
    assert shift(old, [*more, *old[:6]]) == -2
    assert shifted(old, 2) == [*old[2:], None, None]
    assert shifted(old, -2) == [None, None, *old[:6]]
    assert shifted(old, 20) == shifted(old, -20) == [None] * 8


def test_nothing_moves_if_that_saves_little():
    old, blank = strips(8), strips(1)
    assert shift(old, old) == 0
    assert shift(old, [*old[:6], *strips(2)]) == 0
    assert shift(old, strips(8)) == 0
    assert shift(blank * 8, [*blank * 7, *strips(1)]) == 0

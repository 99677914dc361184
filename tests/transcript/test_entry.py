from hypothesis import given
from hypothesis import strategies as st

from stepchat.transcript.entry import Heights

numbers = st.integers(0, 9)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("set"), st.integers(0, 30), numbers),
            st.tuples(st.just("splice"), st.integers(0, 30), st.integers(0, 5), st.lists(numbers, max_size=5)),
            st.tuples(st.just("above"), st.integers(0, 30)),
        ),
        max_size=40,
    )
)
def test_sums_are_right_whatever_changes(steps):
    heights, plain = Heights(), []
    for step in steps:
        match step:
            case ("set", place, rows) if place < len(plain):
                heights.set(place, rows)
                plain[place] = rows
            case ("splice", at, removed, rows):
                at = min(at, len(plain))
                removed = min(removed, len(plain) - at)
                heights.splice(at, removed, rows)
                plain[at : at + removed] = rows
            case ("above", place):
                place = min(place, len(plain))
                assert heights.rows_above(place) == sum(plain[:place])
            case _:
                pass
        assert heights.total == sum(plain)
        assert len(heights) == len(plain)


def test_find_gives_the_block_that_has_a_row():
    heights = Heights()
    heights.splice(0, 0, [2, 0, 3])
    assert [heights.find(row) for row in range(7)] == [0, 0, 2, 2, 2, 2, 2]

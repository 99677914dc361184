from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from stepchat.money import periods, report, sparkline, total
from stepchat.servers.models import Prices
from stepchat.sessions.spending import Spent

TODAY = date(2026, 11, 25)
PRICES = {"local/m": Prices(prompt=Decimal("0.000001"), completion=Decimal("0.000002"))}
ROWS = [
    Spent("2026-11-25", "a/b", "s", 2, 1000, 0, 500, 400, Decimal("0.00021")),
    Spent("2026-11-20", "local/m", "l", 3, 2000, 0, 1000, 0, Decimal(), 3, 2000, 0, 1000),
    Spent("2026-11-01", "new/x", "l", 1, 10, 0, 10, 0, Decimal(), 1, 10, 0, 10),
    Spent("2026-01-01", "a/b", "s", 1, 1, 0, 1, 0, Decimal("1.5")),
]


def text(rows=ROWS) -> str:
    return "\n".join(line.text for line in report(rows, TODAY, PRICES.get))


def test_periods_end_today():
    sums = dict(periods(ROWS, TODAY, PRICES.get))
    assert [one.answers for one in sums.values()] == [2, 5, 6, 7]
    assert [one.price for one in sums.values()] == ["$0.00021", "~$0.0042", "~$0.0042", "~$1.50"]
    assert sums["all"].unknown == 1
    # A clock that was set back: what lies ahead counts as today.
    assert dict(periods(ROWS, date(2026, 11, 24), PRICES.get))["today"].answers == 2


def test_what_has_no_price_is_a_question():
    assert total(ROWS[2:3], PRICES.get).price == "?"
    assert total([], PRICES.get).price == "$0"
    free = Spent("d", "m", "s", 1, 5, 0, 5, 0, Decimal(), 1, 5, 0, 5)
    assert total([free], lambda _: Prices(prompt=Decimal(), completion=Decimal())).price == "$0"


def test_report_tells_periods_models_and_days():
    shown = text()
    assert "cost          $0.00021    ~$0.0042    ~$0.0042      ~$1.50" in shown
    assert "~ is estimated" in shown
    assert "1 answer came without cost and without a known price." in shown
    models = shown[shown.index("By model") : shown.index("By day")]
    assert [line.split()[0] for line in models.strip().split("\n")[2:]] == ["local/m", "a/b", "new/x"]
    assert shown.index("2026-11-25") < shown.index("2026-11-20") < shown.index("2026-01-01")
    assert "Nothing was asked yet." in text([])


@pytest.mark.parametrize("width", [54, 63, 64, 74, 81])
def test_no_row_of_a_report_is_wider_than_there_is_room(width):
    lines = [line.text for line in report(ROWS, TODAY, PRICES.get, width)]
    tables = [line for line in lines if "estimated" not in line and "answer came" not in line]
    assert max(map(len, tables)) <= width
    assert ("thought" in "".join(tables)) == (width >= 64)


def test_hostile_names_do_no_harm():
    assert "\x1b" not in text([Spent("2026-11-25", "\x1b[2J" + "x" * 90, "s", 1)])


def test_sparkline_shows_all_that_is_something():
    assert sparkline([Decimal(0), Decimal("0.0001"), Decimal(4), Decimal(8)]) == " ▁▄█"
    assert sparkline([Decimal(0)] * 3) == "   "

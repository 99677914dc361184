from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from stepchat.catalogue.catalogue import Catalogue
from stepchat.catalogue.models import Prices
from stepchat.chat.spending import periods, price_lookup, sparkline, spending_report, total
from stepchat.sessions.spending import Spent

TODAY = date(2026, 11, 25)
PRICES = {"local/m": Prices(prompt=Decimal("0.000001"), completion=Decimal("0.000002"))}


def prices(row: Spent) -> Prices | None:
    return PRICES.get(row.model)


ROWS = [
    Spent("2026-11-25", "a/b", "s", 2, 1000, 0, 500, 400, Decimal("0.00021")),
    Spent("2026-11-20", "local/m", "l", 3, 2000, 0, 1000, 0, Decimal(), 3, 2000, 0, 1000),
    Spent("2026-11-01", "new/x", "l", 1, 10, 0, 10, 0, Decimal(), 1, 10, 0, 10),
    Spent("2026-01-01", "a/b", "s", 1, 1, 0, 1, 0, Decimal("1.5")),
]


def text(rows=ROWS) -> str:
    return "\n".join(line.text for line in spending_report(rows, TODAY, prices))


def test_periods_end_today():
    sums = dict(periods(ROWS, TODAY, prices))
    assert [one.answers for one in sums.values()] == [2, 5, 6, 7]
    assert [one.formatted_cost for one in sums.values()] == ["$0.00021", "~$0.0042", "~$0.0042", "~$1.50"]
    assert sums["all"].unknown == 1
    # A clock that was set back: what lies ahead counts as today.
    assert dict(periods(ROWS, date(2026, 11, 24), prices))["today"].answers == 2


def test_what_has_no_price_is_a_question():
    assert total(ROWS[2:3], prices).formatted_cost == "?"
    assert total([], prices).formatted_cost == "$0"
    free = Spent("d", "m", "s", 1, 5, 0, 5, 0, Decimal(), 1, 5, 0, 5)
    assert total([free], lambda _: Prices(prompt=Decimal(), completion=Decimal())).formatted_cost == "$0"


def test_answers_of_one_day_are_as_dear_as_they_were_alone():
    long = (100_000, Prices(prompt=Decimal("0.000006"), completion=Decimal("0.00002")))
    rates = Prices(prompt=Decimal("0.000003"), completion=Decimal("0.00001"), request=Decimal("0.01"), tiers=(long,))
    many = Spent("d", "m", "s", 10, 500_000, 0, 1000, 0, Decimal(), 10, 500_000, 0, 1000)
    assert total([many], lambda _: rates).cost == 10 * rates.cost(50_000, 100) == Decimal("1.61")


def test_a_price_is_that_of_the_server_that_was_asked():
    listed = {"data": [{"id": "a/b", "pricing": {"prompt": "0.5", "completion": "0.5"}}, {"id": "c"}]}
    catalogue = Catalogue(fetch=lambda *_: listed, prices={"own": PRICES["local/m"]})
    assert catalogue.refresh()
    of = price_lookup(catalogue, "https://one/v1")
    assert of(Spent("d", "a/b", "https://one/v1/")).prompt == Decimal("0.5")
    assert of(Spent("d", "a/b", "http://localhost:8080/v1")) is None
    assert of(Spent("d", "own:free", "http://localhost:8080/v1")) == PRICES["local/m"]


def test_report_tells_periods_models_and_days():
    shown = text()
    assert "cost          $0.00021    ~$0.0042    ~$0.0042      ~$1.50" in shown
    assert "~ estimated from" in shown
    assert "The cost of 1 answer is unknown: no reported cost, no known price." in shown
    models = shown[shown.index("By model") : shown.index("By day")]
    assert [line.split()[0] for line in models.strip().split("\n")[2:]] == ["local/m", "a/b", "new/x"]
    assert shown.index("2026-11-25") < shown.index("2026-11-20") < shown.index("2026-01-01")
    assert "Nothing spent yet." in text([])


@pytest.mark.parametrize("width", [54, 63, 64, 74, 81])
def test_no_row_of_a_report_is_wider_than_there_is_room(width):
    lines = [line.text for line in spending_report(ROWS, TODAY, prices, width)]
    tables = [line for line in lines if "estimated" not in line and "is unknown" not in line]
    assert max(map(len, tables)) <= width
    assert ("  out" in "".join(tables)) == (width >= 64)


def test_hostile_names_do_no_harm():
    assert "\x1b" not in text([Spent("2026-11-25", "\x1b[2J" + "x" * 90, "s", 1)])


def test_sparkline_shows_all_that_is_something():
    assert sparkline([Decimal(0), Decimal("0.0001"), Decimal(4), Decimal(8)]) == " ▁▄█"
    assert sparkline([Decimal(0)] * 3) == "   "

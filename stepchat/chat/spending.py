"""What was spent, in tables and small plots: the same for the window and the shell. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from stepchat.catalogue.backends import same_address
from stepchat.text.format import money, short_count
from stepchat.text.sanitize import sanitize_for_display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stepchat.catalogue.catalogue import Catalogue
    from stepchat.catalogue.models import Prices
    from stepchat.servers.api import Balance
    from stepchat.sessions.spending import Spent

_BARS = " ▁▂▃▄▅▆▇█"
_NAME = 34
_WITH_TOKENS = 64
"""Columns from which on a row has room for its tokens, too."""
WIDTH = 81
"""Columns with room for all."""
PLOT_DAYS = 30


PriceLookup: TypeAlias = "Callable[[Spent], Prices | None]"
"""What the model of a row costs where it was asked."""


def price_lookup(catalogue: Catalogue, server: str) -> PriceLookup:
    """By the list of that server for what was asked there, and by the user's own prices everywhere: two servers may have
    models of one name.
    """

    def of(row: Spent) -> Prices | None:
        model = catalogue.find(row.model) if same_address(row.server, server) else None
        return catalogue.configured_prices(row.model) if model is None else model.prices

    return of


class ReportLine(NamedTuple):
    """One line of the report, and its rank."""

    text: str
    role: Literal["head", "plain", "dim"] = "plain"


@dataclass(frozen=True, slots=True)
class Totals:
    """What some days came to. A part of `cost` is estimated when `estimated`; `unknown` answers have no price at all."""

    answers: int = 0
    prompt: int = 0
    cached: int = 0
    completion: int = 0
    reasoning: int = 0
    cost: Decimal = Decimal()
    estimated: bool = False
    unknown: int = 0

    @property
    def formatted_cost(self) -> str:
        """In dollars, with ~ before what is estimated; "" when nothing is known."""
        if not self.cost and self.unknown and self.unknown == self.answers:
            return "?"
        return f"{'~' if self.estimated else ''}{money(self.cost)}"


def total(rows: Iterable[Spent], prices: PriceLookup) -> Totals:
    """Add up. What came with tokens and no cost is estimated from the prices of its model."""
    result = Totals()
    for row in rows:
        cost, estimated, unknown = row.cost, result.estimated, result.unknown
        if row.open_answers > 0:
            rates = prices(row)
            tokens = (row.open_prompt, row.open_completion, row.open_cached)
            guess = None if rates is None else rates.cost(*tokens, requests=row.open_answers)
            if guess is None or not row.open_prompt + row.open_completion:
                unknown += row.open_answers
            else:
                cost, estimated = cost + guess, estimated or bool(guess)
        result = Totals(
            result.answers + row.answers,
            result.prompt + row.prompt,
            result.cached + row.cached,
            result.completion + row.completion,
            result.reasoning + row.reasoning,
            result.cost + cost,
            estimated,
            unknown,
        )
    return result


def periods(rows: Sequence[Spent], today: date, prices: PriceLookup) -> list[tuple[str, Totals]]:
    """Today, the last 7 and 30 days (today is one of them), and all."""
    found: list[tuple[str, Totals]] = []
    for name, days in (("today", 1), ("7 days", 7), ("30 days", 30)):
        since = (today - timedelta(days=days - 1)).isoformat()
        found.append((name, total((row for row in rows if row.day >= since), prices)))
    return [*found, ("all", total(rows, prices))]


def spending_report(rows: Sequence[Spent], today: date, prices: PriceLookup, width: int = WIDTH) -> list[ReportLine]:
    """The whole table: periods, the last 30 days as a plot, then by model, then by day; in `width` columns."""
    if not rows:
        return [ReportLine("Nothing was asked yet.", "dim")]
    sums = periods(rows, today, prices)
    column = max(1, min(12, (width - 10) // len(sums)))
    lines = [ReportLine(f"{'':10}" + "".join(f"{name:>{column}}" for name, _ in sums), "dim")]
    lines.append(ReportLine(f"{'cost':10}" + "".join(f"{one.formatted_cost:>{column}}" for _, one in sums), "head"))
    lines += [
        ReportLine(f"{name:10}" + "".join(f"{short_count(getattr(one, name)):>{column}}" for _, one in sums))
        for name in ("answers", "prompt", "cached", "completion", "reasoning")
    ]
    by_day = _group(rows, lambda row: row.day, prices)
    days = [(today - timedelta(days=back)).isoformat() for back in range(PLOT_DAYS - 1, -1, -1)]
    plot = sparkline([by_day[day].cost if day in by_day else Decimal() for day in days])
    if plot.strip():
        lines += [
            ReportLine(""),
            ReportLine(f"Cost of each of the last {PLOT_DAYS} days", "head"),
            ReportLine(f"{plot}▏today"),
        ]
    recent = [row for row in rows if row.day >= days[0]]
    models = sorted(_group(recent, lambda row: row.model, prices).items(), key=lambda pair: -pair[1].cost)
    lines += [ReportLine(""), ReportLine(f"By model, last {PLOT_DAYS} days", "head"), _columns(width)]
    lines += [_row(name, one, width) for name, one in models]
    lines += [ReportLine(""), ReportLine("By day", "head"), _columns(width)]
    lines += [_row(day, by_day[day], width) for day in sorted(by_day, reverse=True)[:PLOT_DAYS]]
    if any(one.estimated for _, one in sums):
        lines += [
            ReportLine(""),
            ReportLine("~ is estimated from the prices of the catalogue: the server told no cost.", "dim"),
        ]
    if unknown := sums[-1][1].unknown:
        lines.append(
            ReportLine(
                f"{unknown} answer{'s' if unknown > 1 else ''} came without cost and without a known price.", "dim"
            )
        )
    return lines


def sparkline(values: Sequence[Decimal]) -> str:
    """A bar of one cell for each value; anything above nothing is seen."""
    most = max(values, default=Decimal())
    if most <= 0:
        return " " * len(values)
    return "".join(_BARS[0 if value <= 0 else max(1, round(value / most * 8))] for value in values)


def _group(rows: Iterable[Spent], key: Callable[[Spent], str], prices: PriceLookup) -> dict[str, Totals]:
    groups: dict[str, list[Spent]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return {name: total(found, prices) for name, found in groups.items()}


def _columns(width: int) -> ReportLine:
    tokens = f"{'in':>8}{'out':>8}{'thought':>9}" if width >= _WITH_TOKENS else ""
    return ReportLine(f"{'':{_name_width(width)}}{'answers':>9}{tokens}{'cost':>13}", "dim")


def _row(name: str, one: Totals, width: int) -> ReportLine:
    label, room = sanitize_for_display(name or "?"), _name_width(width)
    label = label if len(label) <= room else label[: room - 1] + "…"
    tokens = f"{short_count(one.prompt):>8}{short_count(one.completion):>8}{short_count(one.reasoning):>9}"
    return ReportLine(
        f"{label:{room}}{one.answers:>9}{tokens if width >= _WITH_TOKENS else ''}{one.formatted_cost:>13}"
    )


def _name_width(width: int) -> int:
    return max(1, min(_NAME, width - (47 if width >= _WITH_TOKENS else 22)))


def format_balance(balance: Balance) -> str:
    """In one line."""
    renewed = f", renewed {balance.resets}" if balance.resets else ""
    parts = [
        f"{money(balance.remaining)} left of {money(balance.limit)}{renewed}"
        if balance.remaining is not None and balance.limit is not None
        else "no limit on this key",
        f"{money(balance.today)} today" if balance.today is not None else "",
        f"{money(balance.this_week)} this week" if balance.this_week is not None else "",
        f"{money(balance.this_month)} this month" if balance.this_month is not None else "",
        f"{money(balance.used)} in all" if balance.used is not None else "",
        "free tier" if balance.free_tier else "",
        f"expires {balance.expires}" if balance.expires else "",
    ]
    return sanitize_for_display(f"Key {balance.label}: " + " · ".join(part for part in parts if part))

"""What was spent: today and in a session, and as a report for the window and the shell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from time import time
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from stepchat.catalogue.backends import same_address, same_server
from stepchat.chat.connection import DEMO
from stepchat.sessions.spending import day_of
from stepchat.text.format import money, short_count
from stepchat.text.sanitize import sanitize_for_display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stepchat.catalogue.catalogue import Catalogue
    from stepchat.catalogue.models import Prices
    from stepchat.chat.conversation import Conversation
    from stepchat.chat.workspace import Workspace
    from stepchat.messages import AssistantMessage
    from stepchat.servers.api import Balance
    from stepchat.sessions.spending import Spent

_BARS = " ▁▂▃▄▅▆▇█"
_NAME = 34
_WITH_TOKENS = 64
"""Columns needed to show tokens as well."""
WIDTH = 81
"""Columns of the complete table."""
PLOT_DAYS = 30

PriceLookup: TypeAlias = "Callable[[Spent], Prices | None]"
"""Returns the prices of a row's model on its server."""


def price_lookup(catalogue: Catalogue, server: str) -> PriceLookup:
    """Look up prices in the catalogue of this server, and for other servers in the user's own prices.

    Two servers may have models of the same name.
    """

    def prices_of(row: Spent) -> Prices | None:
        model = catalogue.find(row.model) if same_address(row.server, server) else None
        return catalogue.configured_prices(row.model) if model is None else model.prices

    return prices_of


class ReportLine(NamedTuple):
    """One line of the report, and how to print it."""

    text: str
    role: Literal["head", "plain", "dim"] = "plain"


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over several days. If `estimated`, part of `cost` is an estimate; `unknown` counts answers without any price."""

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
        """The cost in dollars, with ~ before an estimate; "?" if no price is known."""
        if not self.cost and self.unknown and self.unknown == self.answers:
            return "?"
        return f"{'~' if self.estimated else ''}{money(self.cost)}"


def total(rows: Iterable[Spent], prices: PriceLookup) -> Totals:
    """Add up rows. Answers with tokens but no cost are estimated from the prices of their model."""
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
    """The totals of today, the last 7 and 30 days (including today), and all days."""
    found: list[tuple[str, Totals]] = []
    for name, days in (("today", 1), ("7 days", 7), ("30 days", 30)):
        since = (today - timedelta(days=days - 1)).isoformat()
        found.append((name, total((row for row in rows if row.day >= since), prices)))
    return [*found, ("all", total(rows, prices))]


def spending_report(rows: Sequence[Spent], today: date, prices: PriceLookup, width: int = WIDTH) -> list[ReportLine]:
    """The report in `width` columns: totals of periods, a plot of the last 30 days, tables by model and by day."""
    if not rows:
        return [ReportLine("Nothing spent yet.", "dim")]
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
            ReportLine("~ estimated from the catalogue's prices, because the server reported no cost", "dim"),
        ]
    if unknown := sums[-1][1].unknown:
        answers = f"{unknown} answer{'s' if unknown > 1 else ''}"
        lines.append(ReportLine(f"The cost of {answers} is unknown: no reported cost, no known price.", "dim"))
    return lines


def sparkline(values: Sequence[Decimal]) -> str:
    """One bar of one cell per value. Any value above zero is visible."""
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
    tokens = f"{'in':>8}{'out':>8}{'reasoning':>10}" if width >= _WITH_TOKENS else ""
    return ReportLine(f"{'':{_name_width(width)}}{'answers':>8}{tokens}{'cost':>13}", "dim")


def _row(name: str, one: Totals, width: int) -> ReportLine:
    label, space = sanitize_for_display(name or "?"), _name_width(width)
    label = label if len(label) <= space else label[: space - 1] + "…"
    tokens = f"{short_count(one.prompt):>8}{short_count(one.completion):>8}{short_count(one.reasoning):>10}"
    return ReportLine(
        f"{label:{space}}{one.answers:>8}{tokens if width >= _WITH_TOKENS else ''}{one.formatted_cost:>13}"
    )


def _name_width(width: int) -> int:
    return max(1, min(_NAME, width - (47 if width >= _WITH_TOKENS else 21)))


def format_balance(balance: Balance) -> str:
    """The state of an API key's account in one line."""
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


class SpentToday:
    """What a session and all windows have spent, as last read from the store. The owner decides when to read again."""

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self._day = ""
        self._rows: Sequence[Spent] = ()
        self._session = ("", Decimal())

    async def read(self, conversation: Conversation) -> None:
        """Read it again. Raises StoreError."""
        session, store, day = conversation.session, conversation.workspace.store, day_of(self._clock())
        rows = await store.spending(day)
        if session is not None:
            self._session = (session.id, await store.session_cost(session.id))
        self._day, self._rows = day, rows

    def of_session(self, session_id: str | None) -> Decimal:
        """The reported cost of a session with all its branches; 0 unless it is the one last read."""
        known, cost = self._session
        return cost if session_id == known else Decimal()

    def today(self, workspace: Workspace) -> str:
        """The cost of today in dollars, with ~ before an estimate; "" if it is 0, or if the day has changed since reading."""
        if self._day != day_of(self._clock()):
            return ""
        prices = price_lookup(workspace.catalogue, workspace.server)
        demo = workspace.server == DEMO
        spent = total((row for row in self._rows if row.day == self._day and (row.server == DEMO) == demo), prices)
        return spent.formatted_cost if spent.cost else ""

    def seconds_until_midnight(self) -> float:
        return seconds_until_midnight(self._clock())


def estimate_cost(conversation: Conversation, answer: AssistantMessage) -> Decimal | None:
    """The estimated cost of an answer without a reported one.

    It uses the catalogue's prices for the current server, and the user's own prices for others.
    """
    workspace = conversation.workspace
    if not answer.server or same_server(answer.server, workspace.client.base_url):
        return workspace.catalogue.estimate_cost(answer)
    own = workspace.catalogue.configured_prices(answer.model or answer.model_asked)
    return None if own is None or answer.usage.cost is not None else own.cost_of(answer.usage)


def seconds_until_midnight(now: float) -> float:
    """Seconds until just after the local day changes."""
    tomorrow = datetime.fromtimestamp(now).date() + timedelta(days=1)  # noqa: DTZ006 - local time is meant
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day).timestamp() - now + 1  # noqa: DTZ001 - the same

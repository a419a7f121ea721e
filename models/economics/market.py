"""The market around what is paid: lock-in, vendors, tiers.

Here: the negotiation list (economics 2.15), concentration of vendors (HHI), and the tiers' shares beside Redress's. Frames in, frames out;
money is in the reporting currency, per fiscal quarter up to as-of. Nothing here binds a decision or is added to a cost. Not here: arithmetic on
single prices (pricing), what a move would save (comparison).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any, TypeVar

import polars as pl

from models.config import Company, Workload
from models.economics.api_side import todays_tokens_per_task
from models.economics.crossover_tables import table
from models.economics.demand import Demand
from models.economics.periods import fiscal_quarter
from models.economics.pricing import concentration, lock_in_premium

K = TypeVar("K")

Band = tuple[float, float]
"""A share's low and high end, 0-1."""


@dataclass(frozen=True)
class Tier:
    """A tier of Redress sec. 10 with its published shares of volume and spend."""

    number: int
    name: str
    volume: Band
    spend: Band


TIERS = (
    Tier(1, "frontier API", (0.15, 0.25), (0.40, 0.60)),
    Tier(2, "mid-tier production", (0.35, 0.50), (0.30, 0.40)),
    Tier(3, "commodity", (0.25, 0.40), (0.10, 0.20)),
)

NEGOTIATION_LIST = {
    "quarter": pl.String,
    "position": pl.Int64,
    "provider": pl.String,
    "model": pl.String,
    "tokens": pl.Float64,
    "effective_cost": pl.Float64,
    "price_paid_per_million": pl.Float64,
    "market_price_per_million": pl.Float64,
    "market_provider": pl.String,
    "market_model": pl.String,
    "lock_in_premium": pl.Float64,
}
VENDOR_CONCENTRATION = {
    "quarter": pl.String,
    "provider": pl.String,
    "effective_cost": pl.Float64,
    "spend_share": pl.Float64,
    "hhi": pl.Float64,
}
TIER_SHARES = {
    "quarter": pl.String,
    "tier": pl.Int64,
    "workloads": pl.Int64,
    "tokens": pl.Float64,
    "effective_cost": pl.Float64,
    "volume_share": pl.Float64,
    "spend_share": pl.Float64,
    "redress_volume_share_low": pl.Float64,
    "redress_volume_share_high": pl.Float64,
    "redress_spend_share_low": pl.Float64,
    "redress_spend_share_high": pl.Float64,
}


Offer = tuple[float, str, str]
"""Price per million of today's tokens, provider, model."""


@dataclass(frozen=True)
class _Use:
    """One workload's month on one of its models, and the best eligible market price for it."""

    tokens: float
    cost: float | None
    market: Offer | None


@dataclass(frozen=True)
class _TierSums:
    """A tier's quarter, workload by workload."""

    tokens: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    costs: dict[str, list[float | None]] = field(default_factory=lambda: defaultdict(list))

    @property
    def volume(self) -> float:
        return math.fsum(count for counts in self.tokens.values() for count in counts)

    @property
    def cost(self) -> float | None:
        """None where a workload was used and nobody knows what it cost."""
        if any(workload_id not in self.costs for workload_id in self.tokens):
            return None
        return _sum(cost for costs in self.costs.values() for cost in costs)


def negotiation_list(company: Company, api_cost_monthly: pl.DataFrame) -> pl.DataFrame:
    """One row per quarter, provider and model that was paid for, the largest lock-in premium first, unknown ones last.

    api_cost_monthly: that of `DecisionInputs` with `tokens`, those that token_cost pays for. The market price is that of each workload's
    cheapest eligible candidate with a price, for the same tasks, weighted by tokens; null where a workload has none. A null cost makes the
    row's money null. market_provider and market_model: those of the largest part of the tokens.
    """
    uses: dict[tuple[str, str, str], list[_Use]] = {}
    workloads = {workload.id: workload for workload in company.workloads}
    rows = api_cost_monthly.sort("workload_id", "month", "role", "provider", "model").iter_rows(named=True)
    for (workload_id, month), grouped in groupby(rows, key=lambda row: (row["workload_id"], row["month"])):
        of_month = list(grouped)
        market = _market(workloads.get(workload_id), of_month)
        for row in of_month:
            if row["role"] == "incumbent" and row["tokens"]:
                key = (_quarter(company, month), row["provider"], row["model"])
                uses.setdefault(key, []).append(_Use(row["tokens"], row["token_cost"], _best(market, row)))
    listed: list[dict[str, Any]] = []
    for (quarter, provider, model), found in uses.items():
        listed.append({"quarter": quarter, "provider": provider, "model": model, **_negotiable(found)})
    listed.sort(key=_by_money)
    positions: dict[str, int] = {}
    for row in listed:
        row["position"] = positions[row["quarter"]] = positions.get(row["quarter"], 0) + 1
    return table(listed, NEGOTIATION_LIST, ["quarter", "position"])


def _market(workload: Workload | None, rows: Iterable[Mapping[str, Any]]) -> list[Offer]:
    """The eligible candidates with a price. Their tokens per task are weighed in (2.5)."""
    if workload is None:
        return []
    per_task = {(each.provider, each.model): float(each.tokens_per_task) for each in workload.candidates.api}
    today = todays_tokens_per_task(workload)
    return [
        (row["token_cost"] / row["tokens"] * 1e6 * per_task.get((row["provider"], row["model"]), 1.0) / today, row["provider"], row["model"])
        for row in rows
        if row["role"] == "candidate" and row["is_eligible"] and row["token_cost"] is not None and row["tokens"]
    ]


def _best(market: list[Offer], paid: Mapping[str, Any]) -> Offer | None:
    """The cheapest on the market. Today's model is always eligible: where it is no candidate, with a price of its own, at what is paid for it."""
    is_listed = any(offer[1:] == (paid["provider"], paid["model"]) for offer in market)
    own = [] if is_listed or paid["token_cost"] is None else [(paid["token_cost"] / paid["tokens"] * 1e6, paid["provider"], paid["model"])]
    return min([*market, *own]) if market else None


def _negotiable(uses: Sequence[_Use]) -> dict[str, Any]:
    tokens = math.fsum(use.tokens for use in uses)
    cost = _sum(use.cost for use in uses)
    market_cost = _sum(None if use.market is None else use.tokens * use.market[0] / 1e6 for use in uses)
    paid = None if cost is None else cost / tokens * 1e6
    market = None if market_cost is None else market_cost / tokens * 1e6
    by_offer: dict[tuple[str, str], list[float]] = {}
    for use in uses:
        if use.market is not None:
            by_offer.setdefault(use.market[1:], []).append(use.tokens)
    offer = min(by_offer, key=lambda each: (-math.fsum(by_offer[each]), each)) if market is not None else (None, None)
    return {
        "tokens": tokens,
        "effective_cost": cost,
        "price_paid_per_million": paid,
        "market_price_per_million": market,
        "market_provider": offer[0],
        "market_model": offer[1],
        "lock_in_premium": lock_in_premium(cost, paid, market) if cost is not None and paid is not None and market else None,
    }


def _by_money(row: dict[str, Any]) -> tuple[Any, ...]:
    premium, cost = row["lock_in_premium"], row["effective_cost"]
    return (row["quarter"], premium is None, -(premium or 0.0), cost is None, -(cost or 0.0), row["provider"], row["model"])


def vendor_concentration(company: Company, vendor_cost_monthly: pl.DataFrame) -> pl.DataFrame:
    """One row per quarter and vendor: its part of the spend on vendors, and the quarter's HHI (2.15).

    vendor_cost_monthly: month, provider, effective_cost (Float64): what is paid to others for AI, without people. A null provider keeps its
    row without a share: it is none of the vendors. A vendor whose credits outweigh its charges has the share 0. Without positive spend there
    is no share; a null cost makes the quarter's shares null.
    """
    spend: dict[str, dict[str | None, list[float | None]]] = {}
    for row in vendor_cost_monthly.iter_rows(named=True):
        spend.setdefault(_quarter(company, row["month"]), {}).setdefault(row["provider"], []).append(row["effective_cost"])
    rows = []
    for quarter, vendors in spend.items():
        costs = {provider: _sum(paid) for provider, paid in vendors.items()}
        named: dict[str | None, float | None] = {provider: cost for provider, cost in costs.items() if provider is not None}
        shares = _shares(named)
        known = [share for share in shares.values() if share is not None]
        hhi = concentration(known) if known else None
        for provider, cost in costs.items():
            rows.append({"quarter": quarter, "provider": provider, "effective_cost": cost, "spend_share": shares.get(provider), "hhi": hhi})
    return table(rows, VENDOR_CONCENTRATION, ["quarter", "provider"])


def tier_shares(company: Company, demand: Mapping[tuple[str, date], Demand], actual_cost_monthly: pl.DataFrame) -> pl.DataFrame:
    """One row per quarter and tier, all three of them, and one with a null tier for workloads without one.

    demand: by workload and month; actual_cost_monthly: that of `DecisionInputs`; what no configured workload claims is left out of both. Spend
    is the running cost of both sides (in_unit_cost), people included; null where a used workload's cost is unknown, and then no share of spend
    is known.
    """
    tiers = {workload.id: workload.tier for workload in company.workloads}
    quarters: dict[str, dict[int | None, _TierSums]] = {}

    def sums(month: date, workload_id: str) -> _TierSums:
        quarter = quarters.setdefault(_quarter(company, month), {tier.number: _TierSums() for tier in TIERS})
        return quarter.setdefault(tiers[workload_id], _TierSums())

    for (workload_id, month), asked in demand.items():
        if workload_id in tiers:
            sums(month, workload_id).tokens[workload_id].append(asked.tokens)
    paid = actual_cost_monthly.filter(pl.col("in_unit_cost") & pl.col("workload_id").is_in(list(tiers))).select(
        "workload_id", "month", "effective_cost"
    )
    for workload_id, month, cost in paid.iter_rows():
        sums(month, workload_id).costs[workload_id].append(cost)

    rows = []
    for quarter, found in quarters.items():
        volumes = {number: tier.volume for number, tier in found.items()}
        costs = {number: tier.cost for number, tier in found.items()}
        volume_shares, spend_shares = _shares(volumes), _shares(costs)
        for number, tier in found.items():
            published = next((each for each in TIERS if each.number == number), None)
            bands = (*published.volume, *published.spend) if published else (None,) * 4
            measures = (volumes[number], costs[number], volume_shares[number], spend_shares[number])
            row = (quarter, number, len({*tier.tokens, *tier.costs}), *measures, *bands)
            rows.append(dict(zip(TIER_SHARES, row, strict=True)))
    return table(rows, TIER_SHARES, ["quarter", "tier"])


def _quarter(company: Company, month: Any) -> str:
    return fiscal_quarter(month, company.fiscal_year_starts).name


def _sum(amounts: Iterable[float | None]) -> float | None:
    """The exact sum, in any order; None where any of it is unknown."""
    known = list(amounts)
    return None if any(amount is None for amount in known) else math.fsum(amount for amount in known if amount is not None)


def _shares(amounts: Mapping[K, float | None]) -> dict[K, float | None]:
    """Each one's part of the positive amounts; none is known where an amount is not, or where there is nothing to share."""
    total = math.fsum(max(amount, 0.0) for amount in amounts.values() if amount is not None)
    if total <= 0 or any(amount is None for amount in amounts.values()):
        return dict.fromkeys(amounts)
    return {key: max(amount or 0.0, 0.0) / total for key, amount in amounts.items()}

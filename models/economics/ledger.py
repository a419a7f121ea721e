"""What was paid and provisioned, looked up by workload, pool and month.

Here: the incoming frames of money as plain lookups. Not here: any cost that was not paid (api_side, self_hosted_side).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from models.economics.demand import API, SELF_HOST

PRODUCT_PEOPLE = "product_engineering"
"""The category of people whose activity is `product` (contract)."""


@dataclass(frozen=True)
class Paid:
    """What was paid on one side in a month: by category, and for people (None: nobody was allocated)."""

    categories: Mapping[str, float]
    people: float | None

    def other(self, besides: tuple[str, ...]) -> float:
        """Everything but people and these categories."""
        return sum(cost for category, cost in sorted(self.categories.items()) if category not in besides)


NOTHING_PAID = Paid({}, None)


@dataclass(frozen=True)
class PoolMonth:
    """A pool's month. bill_cost: None without a bill line; hours are replica-hours."""

    bill_cost: float | None
    replicas: float
    gpus: float
    covered_hours: float
    hours_provisioned: float
    hours_worked: float
    device_utilisation: float | None


@dataclass(frozen=True)
class PricedOffer:
    """All the month's tokens (an incumbent's: its own) at one API. token_cost: None where a token has no price."""

    provider: str
    model: str
    is_incumbent: bool
    token_cost: float | None
    is_eligible: bool
    is_frontier: bool
    price_basis: str


@dataclass(frozen=True)
class Ledger:
    """The month's money and machines. product_people: by workload and month, what people cost who work on its product, not on its operation."""

    paid: Mapping[tuple[str, date, str], Paid]
    product_people: Mapping[tuple[str, date], float]
    offers: Mapping[tuple[str, date], tuple[PricedOffer, ...]]
    pools: Mapping[tuple[str, date], PoolMonth]
    work_shares: Mapping[tuple[str, date, str], float]

    def paid_on(self, workload_id: str, month: date, side: str) -> Paid:
        """What the workload paid on that side."""
        return self.paid.get((workload_id, month, side), NOTHING_PAID)

    def work_share(self, workload_id: str, month: date, pool_id: str) -> float:
        """The workload's share of the pool's work."""
        return self.work_shares.get((workload_id, month, pool_id), 0.0)


def read_ledger(
    actual_cost_monthly: pl.DataFrame, api_cost_monthly: pl.DataFrame, pool_monthly: pl.DataFrame, pool_workload_monthly: pl.DataFrame
) -> Ledger:
    """The frames of `DecisionInputs` as lookups. Only running costs (in_unit_cost) of the two sides count."""
    offers: dict[tuple[str, date], list[PricedOffer]] = {}
    for row in api_cost_monthly.sort("workload_id", "month", "role", "provider", "model").iter_rows(named=True):
        offers.setdefault((row["workload_id"], row["month"]), []).append(_offer(row))
    return Ledger(
        paid=_paid(actual_cost_monthly),
        product_people=_product_people(actual_cost_monthly),
        offers={key: tuple(rows) for key, rows in offers.items()},
        pools={(row["pool_id"], row["month"]): _pool_month(row) for row in pool_monthly.iter_rows(named=True)},
        work_shares={
            (row["workload_id"], row["month"], row["pool_id"]): row["work_share"] or 0.0 for row in pool_workload_monthly.iter_rows(named=True)
        },
    )


def _offer(row: dict[str, Any]) -> PricedOffer:
    is_incumbent = row["role"] == "incumbent"
    return PricedOffer(
        provider=row["provider"],
        model=row["model"],
        is_incumbent=is_incumbent,
        token_cost=row["token_cost"],
        is_eligible=is_incumbent or bool(row["is_eligible"]),
        is_frontier=bool(row["is_frontier"]),
        price_basis=row["price_basis"],
    )


def _pool_month(row: dict[str, Any]) -> PoolMonth:
    return PoolMonth(
        bill_cost=row["bill_cost"],
        replicas=row["replicas"] or 0.0,
        gpus=row["gpus"] or 0.0,
        covered_hours=row["covered_hours"] or 0.0,
        hours_provisioned=row["replica_hours_provisioned"] or 0.0,
        hours_worked=row["replica_hours_worked"] or 0.0,
        device_utilisation=row["device_utilisation"],
    )


def _product_people(actual_cost_monthly: pl.DataFrame) -> dict[tuple[str, date], float]:
    rows = actual_cost_monthly.filter((pl.col("cost_category") == PRODUCT_PEOPLE) & pl.col("effective_cost").is_not_null())
    costs: dict[tuple[str, date], float] = {}
    for workload_id, month, cost in rows.select("workload_id", "month", "effective_cost").sort(pl.all()).iter_rows():
        costs[(workload_id, month)] = costs.get((workload_id, month), 0.0) + cost
    return costs


def _paid(actual_cost_monthly: pl.DataFrame) -> dict[tuple[str, date, str], Paid]:
    rows = actual_cost_monthly.filter(pl.col("in_unit_cost") & pl.col("side").is_in([API, SELF_HOST]) & pl.col("effective_cost").is_not_null()).sort(
        "workload_id", "month", "side", "cost_category", "cost_basis", "pool_id", "effective_cost"
    )
    categories: dict[tuple[str, date, str], dict[str, float]] = {}
    people: dict[tuple[str, date, str], float] = {}
    for row in rows.iter_rows(named=True):
        key = (row["workload_id"], row["month"], row["side"])
        by_category = categories.setdefault(key, {})
        if row["cost_basis"] == "people":
            people[key] = people.get(key, 0.0) + row["effective_cost"]
        else:
            by_category[row["cost_category"]] = by_category.get(row["cost_category"], 0.0) + row["effective_cost"]
    return {key: Paid(by_category, people.get(key)) for key, by_category in categories.items()}

"""What leaving its pools frees a workload of: not what is committed until a day (2.7), and of owned hardware the capital recovery (2.8).

Here: the part of what leaving would avoid that commitments still hold in a month ahead, and what owned hardware costs a decision beyond the
books. Books and months keep straight lines and bills; only decisions see these. Not here: what leaving would avoid without them
(self_hosted_side), and which date is best (comparison).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from models.config import Company
from models.economics.crossover import Provisioned
from models.economics.finance import capital_recovery_monthly, straight_line_monthly
from models.economics.ledger import Ledger
from models.economics.months import Month
from models.economics.periods import add_months, days_in_month, month_end

OWNED_HARDWARE = {
    "pool_id": pl.String,
    "in_service": pl.Date,
    "life_months": pl.Int64,
    "purchase_price": pl.Float64,
    "residual": pl.Float64,
}
"""Assets of the pools, money in the reporting currency; the columns that a decision reads."""


@dataclass(frozen=True)
class Stake:
    """A workload's hold on its pools in a month: what bills and books say of all of them, and what of that its leaving would avoid."""

    bill_cost: float
    avoided_cost: float


NO_STAKE = Stake(0.0, 0.0)


def stranded_cost(stake: Stake, committed: float, kept_cost: float = 0.0) -> float:
    """What of the avoided cost a commitment still takes: what neither the others on the pools nor what is kept there can use of it (2.7)."""
    used = stake.bill_cost - stake.avoided_cost + kept_cost
    return min(max(committed - used, 0.0), max(stake.avoided_cost - kept_cost, 0.0))


def days_share(first: date, last: date, month: date) -> float:
    """The part of a month's days that lie between two days, both included."""
    days = (min(last, month_end(month)) - max(first, month)).days + 1
    return max(days, 0) / days_in_month(month)


def capital_uplift(asset: dict[str, Any], month: date, discount_rate: float) -> float:
    """Capital recovery less straight line of one asset in a month, by its days in service within its life (2.8)."""
    life = asset["life_months"]
    last_day = date.fromordinal(add_months(asset["in_service"], life).toordinal() - 1)
    recovery = capital_recovery_monthly(asset["purchase_price"], life, discount_rate, asset["residual"])
    return (recovery - straight_line_monthly(asset["purchase_price"], life, asset["residual"])) * days_share(asset["in_service"], last_day, month)


class PoolStakes:
    """One workload's pools, month by month, as a decision sees them. Several pools count together: what one strands another may use."""

    def __init__(self, company: Company, ledger: Ledger, workload_id: str, owned_hardware: pl.DataFrame | None = None) -> None:
        self._ledger, self._workload_id = ledger, workload_id
        self._rate = float(company.assumptions.discount_rate)
        self._commitments = {pool.id: pool.commitments for pool in company.pools}
        self._assets: dict[str, list[dict[str, Any]]] = {}
        if owned_hardware is not None:
            known = owned_hardware.drop_nulls(list(OWNED_HARDWARE)).filter(pl.col("life_months") > 0)
            for asset in known.select(list(OWNED_HARDWARE)).sort(*OWNED_HARDWARE).iter_rows(named=True):
                self._assets.setdefault(asset["pool_id"], []).append(asset)

    def stake(self, month: Month) -> Stake:
        """Its hold on the pools that served it in the month."""
        avoidable = month.provisioned.avoidable if month.provisioned else None
        if avoidable is None or not isinstance(avoidable.capacity, Provisioned):
            return NO_STAKE
        return Stake(sum(self._bill(pool, month.month) for pool in month.demand.pools), avoidable.capacity.capacity_monthly)

    def expiries(self, months: Iterable[Month]) -> list[date]:
        """The last days of the commitments of the pools that served it, in order."""
        pools = {pool for month in months for pool in month.demand.pools}
        return sorted({commitment.ends for pool in pools for commitment in self._commitments.get(pool, ())})

    def stranded(self, month: Month, ahead: date, kept_cost: float = 0.0) -> float:
        """What leaving would not avoid in the month ahead, if that month were like this one; kept_cost: of the GPUs that it keeps there."""
        committed = sum(
            float(commitment.monthly) * days_share(date.min, commitment.ends, ahead)
            for pool in month.demand.pools
            for commitment in self._commitments.get(pool, ())
        )
        return stranded_cost(self.stake(month), committed, kept_cost) if committed else 0.0

    def is_owned(self, month: Month) -> bool:
        """Whether any hardware of the pools that served it is owned."""
        return any(self._assets.get(pool) for pool in month.demand.pools)

    def uplift(self, month: Month) -> float:
        """Capital recovery less straight line, of the whole pools' hardware."""
        return sum(capital_uplift(asset, month.month, self._rate) for pool in month.demand.pools for asset in self._assets.get(pool, ()))

    def uplift_avoided(self, month: Month) -> float:
        """The part of the uplift that leaving avoids: as of the pools' bills."""
        stake = self.stake(month)
        return self.uplift(month) * stake.avoided_cost / stake.bill_cost if stake.bill_cost > 0 else 0.0

    def uplift_share(self, month: Month) -> float:
        """The part of the uplift that it bears: its share of each pool's work."""
        return sum(
            capital_uplift(asset, month.month, self._rate) * self._ledger.work_share(self._workload_id, month.month, pool)
            for pool in month.demand.pools
            for asset in self._assets.get(pool, ())
        )

    def uplift_ratio(self, month: Month) -> float:
        """What a replica costs a decision / what it costs the books."""
        bill = self.stake(month).bill_cost
        return 1 + self.uplift(month) / bill if bill > 0 else 1.0

    def _bill(self, pool: str, month: date) -> float:
        figures = self._ledger.pools.get((pool, month))
        return figures.bill_cost or 0.0 if figures else 0.0

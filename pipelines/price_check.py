"""Prices here against what the price list's own package would charge: a sample in every run, each difference a finding.

Here: the sample, one made-up request each, and `config.price_finding`. Not here: the prices (`models.prices`, `allocation.token_price`) and
what is published of the findings (`marts.data_quality`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal

import duckdb

from models.prices import STANDARD, ListedModel, list_version, listed_model, shipped_prices, tier_context

SAMPLE_MAX = 200
_COLUMNS = "check_name VARCHAR, subject VARCHAR, severity VARCHAR, rows BIGINT, message VARCHAR"
# Tokens of one made-up request in each bucket that isn't the rest of the input; few, so that prices weigh and rounding doesn't.
_TOKENS = 100
# Token prices are rounded to 12 decimals, half-even.
_ROUNDING = Decimal("0.5e-12")
_SAMPLE = """
WITH used AS (
    SELECT
        u.source_id, p.provider, p.model, p.service_tier, p.price_class, p.usage_date, count(*) AS rows, r.rate, p.input_price, p.cache_read_price,
        p.cache_write_price, p.cache_write_1h_price, p.output_price
    FROM allocation.usage_matched AS u
    INNER JOIN allocation.token_price AS p
        ON u.provider = p.provider AND u.model = p.model AND coalesce(u.service_tier, ?) = p.service_tier AND u.price_class = p.price_class
        AND u.usage_date = p.usage_date
    INNER JOIN config.price_rate AS r ON r.currency = 'USD' AND u.month = r.month
    WHERE u.side = 'api' AND p.price_source = ?
    GROUP BY ALL
),

day AS (
    SELECT u.*, u.usage_date = min(u.usage_date) OVER price AS is_first, u.usage_date = max(u.usage_date) OVER price AS is_last
    FROM used AS u
    WINDOW price AS (
        PARTITION BY u.source_id, u.provider, u.model, u.service_tier, u.price_class, u.rate, u.input_price, u.cache_read_price,
            u.cache_write_price, u.cache_write_1h_price, u.output_price
    )
)

SELECT d.* EXCLUDE (is_first, is_last)
FROM day AS d
WHERE d.is_first OR d.is_last
ORDER BY d.is_first DESC, d.source_id, d.provider, d.model, d.service_tier, d.price_class, d.usage_date
LIMIT ?
"""
_HALF_HOURS = [time(minutes // 60, minutes % 60) for minutes in range(0, 24 * 60, 30)]


@dataclass(frozen=True)
class PriceFinding:
    """A row of `config.price_finding`; `subject` is the source whose usage has the price."""

    check_name: str
    subject: str
    severity: str
    rows: int
    message: str


@dataclass(frozen=True)
class _Sampled:
    """A price in use: where, and per token in the reporting currency."""

    source_id: str
    provider: str
    model: str
    service_tier: str
    price_class: int
    usage_date: date
    rows: int
    rate: Decimal
    input_price: Decimal | None
    cache_read_price: Decimal | None
    cache_write_price: Decimal | None
    cache_write_1h_price: Decimal | None
    output_price: Decimal | None

    @property
    def words(self) -> str:
        """What is priced, for a message."""
        tier = "" if self.service_tier == STANDARD else f" ({self.service_tier})"
        above = f" above context threshold {self.price_class}" if self.price_class else ""
        return f"{self.provider} {self.model}{tier}{above}"


def check_prices(con: duckdb.DuckDBPyConnection) -> list[PriceFinding]:
    """Price one request of up to SAMPLE_MAX prices in use with the list's own package, and note what differs in `config.price_finding`.

    Reads `allocation.usage_matched` and `allocation.token_price`, so it runs after the allocation and before the marts. The sample is the
    same for the same usage: of each price in use the first day, then of each the last.
    """
    found: list[PriceFinding] = []
    for sampled in _sample(con):
        listed = listed_model(sampled.provider, sampled.model)
        if listed is None or sampled.service_tier not in listed.starts:
            found.append(_finding(sampled, "price_differs", "error", f"{sampled.words} has a price here and none in {list_version()}"))
            continue
        found += _compared(sampled, listed)
    found += _long_writes(con)
    con.execute(f"CREATE OR REPLACE TABLE config.price_finding ({_COLUMNS})")
    if found:
        con.executemany("INSERT INTO config.price_finding VALUES (?, ?, ?, ?, ?)", [astuple(finding) for finding in found])
    return found


def _sample(con: duckdb.DuckDBPyConnection) -> list[_Sampled]:
    rows = con.execute(_SAMPLE, [STANDARD, list_version(), SAMPLE_MAX]).fetchall()
    return [_Sampled(*row) for row in rows]


def _compared(sampled: _Sampled, listed: ListedModel) -> Iterator[PriceFinding]:
    """One request, here and there. Of a day with several prices the dearest is in force here, so it is the dearest there."""
    from genai_prices import Usage, calc_price

    input_tokens = _input_tokens(sampled)
    buckets = {
        "cache_read": (_TOKENS, sampled.cache_read_price),
        "cache_write": (_TOKENS, sampled.cache_write_price),
        "cache_write_1h": (_TOKENS, sampled.cache_write_1h_price),
        "output": (_TOKENS, sampled.output_price),
    }
    counts = {name: tokens if price is not None else 0 for name, (tokens, price) in buckets.items()}
    uncached = input_tokens - counts["cache_read"] - counts["cache_write"] - counts["cache_write_1h"] if sampled.input_price is not None else 0
    here = sum((counts[name] * (price or Decimal(0)) for name, (_, price) in buckets.items()), uncached * (sampled.input_price or Decimal(0)))
    usage = Usage(
        input_tokens=uncached + counts["cache_read"] + counts["cache_write"] + counts["cache_write_1h"],
        cache_read_tokens=counts["cache_read"],
        cache_write_tokens=counts["cache_write"] + counts["cache_write_1h"],
        cache_write_5m_tokens=counts["cache_write"],
        cache_write_1h_tokens=counts["cache_write_1h"],
        output_tokens=counts["output"],
    )
    # Before a tier's first day the package charges the standard price; here the tier's first one holds.
    day = max(sampled.usage_date, listed.starts[sampled.service_tier])
    charged = [
        calc_price(
            usage,
            sampled.model,
            provider_id=sampled.provider,
            genai_request_timestamp=datetime.combine(day, at, UTC),
            price_context=tier_context(sampled.service_tier),
        )
        for at in (_HALF_HOURS if len(listed.moments) > 1 else [time(12)])
    ]
    there = max(price.input_price + price.output_price for price in charged) * sampled.rate
    # the package's own sum has no rounding, ours has one a bucket and token
    if abs(here - there) > _ROUNDING * (input_tokens + _TOKENS):
        message = (
            f"a request of {input_tokens:,} + {_TOKENS} tokens of {sampled.words} on {day} costs {here:f} here and {there:f} in {list_version()}"
        )
        yield _finding(sampled, "price_differs", "error", message)
    if any(price.total_price > price.input_price + price.output_price for price in charged):
        yield _finding(sampled, "price_incomplete", "warning", f"{sampled.words} also costs a fee for each request, which priced cost leaves out")
    if len(listed.moments) > 1:
        yield _finding(sampled, "price_by_hour", "warning", f"the price of {sampled.words} depends on the hour: the dearest is taken for all")
    if day != sampled.usage_date:
        message = f"the price of {sampled.words} is known from {day} on: it is taken for the time before, too"
        yield _finding(sampled, "price_before_first_date", "info", message)


def _input_tokens(sampled: _Sampled) -> int:
    """Input of a request of this class: enough for every bucket, and above the thresholds that the class counts."""
    _, tiers = shipped_prices([(sampled.provider, sampled.model)])
    thresholds = [threshold for tier in tiers for threshold in (tier.threshold_1, tier.threshold_2) if threshold is not None]
    passed = thresholds[: sampled.price_class]
    return max([0, *passed]) + 10 * _TOKENS


def _long_writes(con: duckdb.DuckDBPyConnection) -> Iterator[PriceFinding]:
    """Writes that live an hour, of models whose price for them nobody gave: they are priced as shorter ones, which cost less."""
    rows = con.execute(
        "SELECT u.source_id, u.provider, u.model, count(*) FROM allocation.usage_matched u JOIN allocation.token_price p "
        "ON u.provider = p.provider AND u.model = p.model AND coalesce(u.service_tier, ?) = p.service_tier AND u.price_class = p.price_class "
        "AND u.usage_date = p.usage_date WHERE u.side = 'api' AND u.cache_write_1h_tokens > 0 AND NOT p.has_cache_write_1h_price "
        "GROUP BY ALL ORDER BY ALL",
        [STANDARD],
    ).fetchall()
    for source_id, provider, model, count in rows:
        message = (
            f"no price for one-hour cache writes of {provider} {model}: they are priced as five-minute ones, which may be too low; "
            "add cache_write_1h to assumptions.prices"
        )
        yield PriceFinding("unknown_price", source_id, "warning", count, message)


def _finding(sampled: _Sampled, check: str, severity: str, message: str) -> PriceFinding:
    return PriceFinding(check, sampled.source_id, severity, sampled.rows, message)

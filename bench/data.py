"""The files that are measured: a bill in FOCUS and a request log, the same ones wherever and whenever they are made.

All values are integer arithmetic on a row's number, so no generator's seed and no engine's hash function is in them. Not here: how
they are read (`bench.steps`).
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
from pathlib import Path

import duckdb

MONTH = "2026-05"
HOURS = 744
CHUNK_ROWS = 5_000_000
CSV_MEMBER_ROWS = 1_000_000
CSV_BYTES = 5_000_000_000
RESOURCES = 6000
WORKLOADS = 40
# (provider, model): all of them priced by genai-prices, one with a price that depends on a request's context.
MODELS = (
    ("openai", "gpt-4o"),
    ("openai", "gpt-4o-mini"),
    ("openai", "gpt-4.1"),
    ("anthropic", "claude-sonnet-4-0"),
    ("google", "gemini-2.5-pro"),
    ("google", "gemini-2.5-flash"),
)

# Scatters a row's number over 32 bits (Knuth's multiplicative hash).
_SCATTERED = "(i * 2654435761 % 4294967296)"
# Some of what a real export holds: 39 columns, costs as DOUBLE with 10 decimals, one hour's resources after another's.
_FOCUS = f"""
WITH line AS (
    SELECT i, {_SCATTERED} % {RESOURCES} AS resource, ((i * 40503) % 1000003) / 9973.0 AS cost,
        TIMESTAMP '{MONTH}-01 00:00:00' + to_hours(CAST(i * {HOURS} // {{rows}} AS INTEGER)) AS hour
    FROM range({{rows}}) AS numbers (i)
),
named AS (
    SELECT *, 'acct-' || (resource % 40) AS account, ['us-east-1', 'eu-west-1', 'eu-central-1'][1 + resource % 3] AS region,
        ['Amazon EC2', 'Amazon S3', 'AWS Lambda', 'Amazon Bedrock', 'Amazon RDS'][1 + resource % 5] AS service, 'SKU' || (resource % 300) AS sku,
        'arn:aws:x:us-east-1:123:' || md5(CAST(resource AS VARCHAR)) AS arn, resource % 50 = 0 AS is_committed
    FROM line
)
SELECT
    round(cost, 10) AS BilledCost, round(cost * 0.994, 10) AS EffectiveCost, round(cost * 1.007, 10) AS ListCost,
    round(cost * 1.007, 10) AS ContractedCost,
    'USD' AS BillingCurrency, '1234' AS BillingAccountId, 'Main' AS BillingAccountName,
    TIMESTAMP '{MONTH}-01 00:00:00' AS BillingPeriodStart, TIMESTAMP '{MONTH}-01 00:00:00' + INTERVAL 1 MONTH AS BillingPeriodEnd,
    hour AS ChargePeriodStart, hour + INTERVAL 1 HOUR AS ChargePeriodEnd, 'Usage' AS ChargeCategory, CAST(NULL AS VARCHAR) AS ChargeClass,
    'desc of ' || sku || ' per hour' AS ChargeDescription, 'Usage-Based' AS ChargeFrequency,
    CASE WHEN is_committed THEN 'sp-' || (resource % 7) END AS CommitmentDiscountId,
    CASE WHEN is_committed THEN 'Used' END AS CommitmentDiscountStatus,
    CASE WHEN is_committed THEN 'Spend' END AS CommitmentDiscountCategory, CAST(NULL AS VARCHAR) AS CommitmentDiscountName,
    CAST(NULL AS VARCHAR) AS CommitmentDiscountType, CAST(1 + resource % 3 AS DOUBLE) AS ConsumedQuantity, 'Hours' AS ConsumedUnit,
    'Amazon Web Services, Inc.' AS InvoiceIssuerName, 'inv-' || (resource % 3) AS InvoiceId, 1.0e0 AS ListUnitPrice, 1.0e0 AS ContractedUnitPrice,
    'Standard' AS PricingCategory, CAST(1 + resource % 3 AS DOUBLE) AS PricingQuantity, 'Hours' AS PricingUnit, 'AWS' AS ProviderName,
    'Amazon Web Services, Inc.' AS PublisherName, region AS RegionId, region AS RegionName, arn AS ResourceId, arn AS ResourceName,
    'Compute' AS ServiceCategory, service AS ServiceName, sku AS SkuId, sku || '.x' AS SkuPriceId, account AS SubAccountId, account AS SubAccountName,
    '{{{{"workload": "w' || (resource % 60) || '", "team": "t' || (resource % 17) || '", "env": "prod"}}}}' AS Tags, region || 'a' AS AvailabilityZone
FROM named
"""
_REQUESTS = f"""
WITH request AS (
    SELECT i, {_SCATTERED} AS scattered, TIMESTAMP '{MONTH}-01 00:00:00' + to_microseconds(i * ({HOURS} * 3600000000 // {{rows}})) AS requested_at
    FROM range({{rows}}) AS numbers (i)
)
SELECT
    requested_at AS "timestamp", [{", ".join(f"'{provider}'" for provider, _ in MODELS)}][1 + scattered % {len(MODELS)}] AS provider,
    [{", ".join(f"'{model}'" for _, model in MODELS)}][1 + scattered % {len(MODELS)}] AS model,
    'workload-' || (scattered // 7 % {WORKLOADS}) AS workload, 'prod' AS environment,
    CASE WHEN scattered % 1009 = 0 THEN 250000 ELSE 200 + scattered % 7919 END AS input_tokens,
    (scattered % 3) * (scattered % 100) AS cached_tokens, 20 + scattered % 997 AS output_tokens
FROM request
"""


def focus_file(folder: Path, rows: int) -> Path:
    """A month's bill as Parquet, made where it is missing."""
    return _made(folder, "focus", ".parquet", _FOCUS.format(rows=rows), "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880")


def focus_csv_file(folder: Path, rows: int) -> Path:
    """The same bill as a gzipped CSV."""
    return _made(folder, "focus", ".csv.gz", _FOCUS.format(rows=rows), "FORMAT csv, HEADER, COMPRESSION gzip")


def focus_period(folder: Path, rows: int) -> Path:
    """One billing period in chunks of five million rows, as an export delivers it: a hive folder is one delivery."""
    if rows <= CHUNK_ROWS:
        return focus_file(folder, rows)
    chunk = focus_file(folder, CHUNK_ROWS)
    period = folder / f"{chunk.stem}-{rows}" / f"BILLING_PERIOD={MONTH}"
    period.mkdir(parents=True, exist_ok=True)
    for number in range(-(-rows // CHUNK_ROWS)):
        copy = period / f"export-{number:05}.snappy.parquet"
        if not copy.exists():
            shutil.copyfile(chunk, copy.with_suffix(".unfinished"))
            copy.with_suffix(".unfinished").replace(copy)
    return period.parent


def large_csv_file(folder: Path, rows: int) -> Path:
    """A gzipped CSV of `CSV_BYTES` or more: the same million rows over and over, a gzip member each, as `cat a.gz b.gz` makes it."""
    member = focus_csv_file(folder, min(rows, CSV_MEMBER_ROWS))
    if rows <= CSV_MEMBER_ROWS:
        return member
    file = member.with_name(f"large-{member.name}")
    if not file.exists():
        body = member.with_name(f"body-{member.name}")
        with gzip.open(member, "rb") as opened, gzip.open(body, "wb", compresslevel=6) as without_header:
            opened.readline()
            shutil.copyfileobj(opened, without_header, 1 << 20)
        unfinished = member.with_name(f"unfinished-{file.name}")
        shutil.copyfile(member, unfinished)
        with unfinished.open("ab") as large:
            while large.tell() < CSV_BYTES:
                with body.open("rb") as more:
                    shutil.copyfileobj(more, large, 1 << 20)
        body.unlink()
        unfinished.replace(file)
    return file


def request_file(folder: Path, rows: int) -> Path:
    """A month's request log as Parquet, made where it is missing."""
    return _made(folder, "requests", ".parquet", _REQUESTS.format(rows=rows), "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880")


def _made(folder: Path, name: str, ending: str, select: str, options: str) -> Path:
    """The file's name carries what it is made by, so a changed generator never measures an old file."""
    folder.mkdir(parents=True, exist_ok=True)
    made_by = hashlib.sha256(f"{select} {options}".encode()).hexdigest()[:8]
    file = folder / f"{name}-{made_by}{ending}"
    if not file.exists():
        unfinished = file.with_name(f"unfinished-{file.name}")
        with duckdb.connect() as con:
            con.execute("SET TimeZone = 'UTC'")
            con.execute(f"COPY ({select}) TO '{unfinished}' ({options})")
        unfinished.replace(file)
    return file


FILES = {
    "focus": focus_file,
    "focus-csv": focus_csv_file,
    "focus-period": focus_period,
    "focus-large-csv": large_csv_file,
    "requests": request_file,
}

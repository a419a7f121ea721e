"""What the labs are billed for: a second AWS account's CUR 2.0 with its manifests, Google Cloud's detailed export, CoreWeave's hours and rates.

A few lines a month each. The company's main bills are in bills.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from pipelines.sample_company.bills import VALUE_ADDED_TAX, BillLine, cents
from pipelines.sample_company.months import add_months, name_of
from pipelines.sample_company.small_workloads import (
    BEDROCK_MODEL,
    BEDROCK_REQUEST,
    BEDROCK_REQUESTS,
    LABS_ACCOUNT,
    LABS_PROJECT,
    bedrock_days,
    costs_of,
    mondays,
    times,
)
from pipelines.sample_company.writers import write_csv, write_csv_gz, write_json, write_ndjson

AWS_ISSUER, GOOGLE = "Amazon Web Services, Inc.", "Google Cloud"
EXPORT = "labs-cur2"
CUR2 = (
    *("bill_bill_type", "bill_billing_entity", "bill_billing_period_start_date", "bill_billing_period_end_date", "bill_invoice_id"),
    *("bill_invoicing_entity", "bill_payer_account_id", "identity_line_item_id", "line_item_currency_code", "line_item_legal_entity"),
    *("line_item_line_item_type", "line_item_line_item_description", "line_item_operation", "line_item_product_code"),
    *("line_item_resource_id", "line_item_usage_account_id", "line_item_usage_type", "line_item_usage_start_date", "line_item_usage_end_date"),
    *("line_item_usage_amount", "line_item_unblended_rate", "line_item_unblended_cost", "pricing_public_on_demand_cost", "pricing_unit"),
    *("product_region_code", "product_servicecode", "resource_tags"),
)
NOTEBOOK_HOURS, NOTEBOOK_PER_HOUR = Decimal(8), Decimal("0.23")  # each Monday
BUCKET_GB_MONTHS, BUCKET_PER_GB_MONTH = Decimal(250), Decimal("0.023")

TERABYTE_SCANNED = Decimal("6.25")  # the month's first is free: a credit on the line that used it
SCAN_DAYS, SCANNED = (3, 10, 17, 24), Decimal(2)
ARCHIVE = Decimal("11.50")

GPU_HOURS_PER_HOUR, RUN_HOURS = 2, range(18, 24)  # on the second Tuesday of each of the last three months
GPU_HOUR, GPU_HOUR_LATER = Decimal("6.16"), Decimal("5.90")  # the price fell after the first of them
FOCUS_WITHOUT_COST = (
    *("BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"),
    *("ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ConsumedQuantity", "ConsumedUnit", "InvoiceIssuerName"),
    *("ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceType", "ServiceCategory", "ServiceName", "SkuId"),
)


def _midnight(day: date) -> str:
    return f"{day}T00:00:00.000Z"


def write_aws_labs(directory: Path, months: Sequence[date]) -> list[BillLine]:
    """`billing/aws-labs/`: a CUR 2.0 export in overwrite mode, its last month still open. Bedrock is in it from the month of the first trials on."""
    bill: list[BillLine] = []
    trials = set(bedrock_days(months))
    for month in months:
        rows = [_storage(month), *(_notebook(day) for day in mondays(month))]
        rows += [row for day in mondays(month) if day in trials for row in _tokens(day)]
        total = sum((Decimal(str(row["line_item_unblended_cost"])) for row in rows), Decimal(0))
        rows.append(_tax(month, cents(total * (1 + VALUE_ADDED_TAX)) - total))
        invoice = None if month == months[-1] else f"EUINLABS{month:%y%m}"
        lines = [_cur_line(month, number, invoice, row) for number, row in enumerate(rows)]
        _write_export(directory / "billing" / "aws-labs" / EXPORT, month, lines)
        for line in lines:
            cost = Decimal(str(line["line_item_unblended_cost"]))
            bill.append(BillLine("aws-labs", month, month, "USD", cost, cost, None, {"InvoiceIssuerName": AWS_ISSUER, "InvoiceId": invoice}))
    return bill


def _write_export(folder: Path, month: date, lines: Sequence[dict[str, object]]) -> None:
    period = f"BILLING_PERIOD={name_of(month)}"
    data = folder / "data" / period / f"{EXPORT}-00001.csv.gz"
    write_csv_gz(data, CUR2, lines)
    manifest = {
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:220987654321:export/{EXPORT}-0d5e",
        "exportName": EXPORT,
        "executionId": f"{month:%Y%m}e0-5f1c-4c3e-9d55-2b7f6a1c9e10",
        "columns": [{"name": name} for name in CUR2],
        "dataFiles": [{"s3Uri": f"s3://labs-billing/exports/{EXPORT}/data/{period}/{data.name}", "size": data.stat().st_size}],
    }
    write_json(folder / "metadata" / period / f"{EXPORT}-Manifest.json", manifest)


def _cur_line(month: date, number: int, invoice: str | None, row: dict[str, object]) -> dict[str, object]:
    return {
        "bill_bill_type": "Anniversary",
        "bill_billing_entity": "AWS",
        "bill_billing_period_start_date": _midnight(month),
        "bill_billing_period_end_date": _midnight(add_months(month, 1)),
        "bill_invoice_id": invoice,
        "bill_invoicing_entity": AWS_ISSUER,
        "bill_payer_account_id": "220987654321",
        "identity_line_item_id": f"{month:%Y%m}{number:04}",
        "line_item_currency_code": "USD",
        "line_item_legal_entity": AWS_ISSUER,
        "line_item_line_item_type": "Usage",
        "line_item_usage_account_id": LABS_ACCOUNT,
        "product_region_code": "us-east-1",
        "resource_tags": "{}",
        **row,
    }


def _used(first: date, end: date, product: str, kind: str, words: str, quantity: Decimal, unit: str, rate: Decimal) -> dict[str, object]:
    cost = quantity * rate
    return {
        "line_item_line_item_description": words,
        "line_item_product_code": product,
        "line_item_usage_type": kind,
        "line_item_usage_start_date": _midnight(first),
        "line_item_usage_end_date": _midnight(end),
        "line_item_usage_amount": quantity,
        "line_item_unblended_rate": rate,
        "line_item_unblended_cost": cost,
        "pricing_public_on_demand_cost": cost,
        "pricing_unit": unit,
        "product_servicecode": product,
    }


def _storage(month: date) -> dict[str, object]:
    words = "$0.023 per GB - first 50 TB / month of storage used"
    args = (month, add_months(month, 1), "AmazonS3", "TimedStorage-ByteHrs", words, BUCKET_GB_MONTHS, "GB-Mo", BUCKET_PER_GB_MONTH)
    return {**_used(*args), "line_item_resource_id": "labs-data-sets", "resource_tags": json.dumps({"user_team": "labs"})}


def _notebook(day: date) -> dict[str, object]:
    words = "$0.23 per Notebook ml.m5.xlarge hour in US East (N. Virginia)"
    end = day + timedelta(days=1)
    return _used(day, end, "AmazonSageMaker", "USE1-Notebk:ml.m5.xlarge", words, NOTEBOOK_HOURS, "Hrs", NOTEBOOK_PER_HOUR)


def _tokens(day: date) -> list[dict[str, object]]:
    """The day's trials on Bedrock as AWS bills them: by thousand tokens, input and output apart."""
    tokens = times(BEDROCK_REQUEST, BEDROCK_REQUESTS)
    read, _, _, out = costs_of(BEDROCK_MODEL, tokens)
    lines = []
    for kind, count, cost in (("input", tokens.input_uncached_tokens, read), ("output", tokens.output_tokens, out)):
        thousands = Decimal(count) / 1_000
        words = f"Amazon Nova Lite {kind} tokens, per 1K tokens in US East (N. Virginia)"
        args = (day, day + timedelta(days=1), "AmazonBedrock", f"USE1-NovaLite-{kind}-tokens", words, thousands, "1K tokens", cost / thousands)
        lines.append({**_used(*args), "line_item_operation": "Converse"})
    return lines


def _tax(month: date, amount: Decimal) -> dict[str, object]:
    return {
        **_used(month, add_months(month, 1), "AmazonS3", "VAT", "Tax for product code AmazonS3", Decimal(1), "", amount),
        "line_item_line_item_type": "Tax",
    }


def write_google(directory: Path, months: Sequence[date]) -> list[BillLine]:
    """`billing/gcp/invoice_month=YYYYMM/`: the detailed export. An invoice's month is US Pacific: its last evening is the next UTC month."""
    bill: list[BillLine] = []
    for month in months:
        rows = [_google_row(month, datetime(month.year, month.month, 15, tzinfo=UTC), "Cloud Storage", "Archive storage", "gibibyte month", ARCHIVE)]
        for day in SCAN_DAYS:
            begun = datetime(month.year, month.month, day, 9, tzinfo=UTC)
            free = -TERABYTE_SCANNED if day == SCAN_DAYS[0] else Decimal(0)
            rows.append(_google_row(month, begun, "BigQuery", "Analysis", "tebibyte", SCANNED * TERABYTE_SCANNED, free))
        if month != months[-1]:
            following = add_months(month, 1)
            begun = datetime(following.year, following.month, following.day, 3, tzinfo=UTC)
            rows.append(_google_row(month, begun, "BigQuery", "Analysis", "tebibyte", TERABYTE_SCANNED / 5))
        write_ndjson(directory / "billing" / "gcp" / f"invoice_month={month:%Y%m}" / "part-000000000000.ndjson", [row for row, _ in rows])
        for row, net in rows:
            used_on = date.fromisoformat(str(row["usage_start_time"])[:10])
            bill.append(BillLine("gcp", month, used_on, "USD", net, net, None, {"InvoiceIssuerName": GOOGLE}))
    return bill


def _google_row(
    month: date, begun: datetime, service: str, sku: str, unit: str, cost: Decimal, credit: Decimal = Decimal(0)
) -> tuple[dict[str, object], Decimal]:
    """The row, and what it comes to with its credits."""
    credits = [{"name": "Free tier", "amount": float(credit), "full_name": "Free tier", "id": "free-tier", "type": "FREE_TIER"}] if credit else []
    row = {
        "billing_account_id": "01A2B3-C4D5E6-F7A8B9",
        "service": {"id": {"BigQuery": "24E6-581D-38E5", "Cloud Storage": "95FF-2EF5-5EA1"}[service], "description": service},
        "sku": {"id": {"Analysis": "3362-E469-6BEF", "Archive storage": "67A3-2C95-F91B"}[sku], "description": sku},
        "usage_start_time": f"{begun:%Y-%m-%d %H:%M:%S} UTC",
        "usage_end_time": f"{begun + timedelta(hours=1):%Y-%m-%d %H:%M:%S} UTC",
        "project": {"id": LABS_PROJECT, "name": "Labs", "labels": []},
        "labels": [{"key": "team", "value": "labs"}],
        "location": {"location": "us", "country": "US", "region": None, "zone": None},
        "resource": {"name": "data-sets", "global_name": None},
        "cost": float(cost),
        "currency": "USD",
        "usage": {"amount_in_pricing_units": float(cost / TERABYTE_SCANNED), "pricing_unit": unit},
        "credits": credits,
        "invoice": {"month": f"{month:%Y%m}", "publisher_type": "GOOGLE"},
        "cost_type": "regular",
        "export_time": f"{begun + timedelta(days=1):%Y-%m-%d %H:%M:%S} UTC",
    }
    return row, cost + credit


def write_coreweave(directory: Path, months: Sequence[date]) -> list[BillLine]:
    """`billing/coreweave/`: FOCUS 1.2 with hours of GPUs and no costs, a file a month; `coreweave-rates.csv` has the prices."""
    bill: list[BillLine] = []
    for number, month in enumerate(months[-3:]):
        tuesday = [day for day in (month + timedelta(days=offset) for offset in range(14)) if day.weekday() == 1][1]
        price = GPU_HOUR if number == 0 else GPU_HOUR_LATER
        write_csv(
            directory / "billing" / "coreweave" / f"focus-{name_of(month)}.csv", FOCUS_WITHOUT_COST, [_hour(tuesday, hour) for hour in RUN_HOURS]
        )
        bill += [BillLine("coreweave", month, tuesday, "USD", Decimal(0), GPU_HOURS_PER_HOUR * price, None, {}) for _ in RUN_HOURS]
    card = {"provider": "CoreWeave", "sku": "h100-sxm", "unit": "GPU-hours", "currency": "USD"}
    rates = [{**card, "end": months[-2], "unit_price": GPU_HOUR}, {**card, "start": months[-2], "unit_price": GPU_HOUR_LATER}]
    write_csv(directory / "coreweave-rates.csv", ("provider", "sku", "start", "end", "unit", "unit_price", "currency"), rates)
    return bill


def _hour(day: date, hour: int) -> dict[str, object]:
    begun = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    month = day.replace(day=1)
    return {
        "BillingAccountId": "morgenfels-labs",
        "BillingCurrency": "USD",
        "BillingPeriodStart": f"{month}T00:00:00Z",
        "BillingPeriodEnd": f"{add_months(month, 1)}T00:00:00Z",
        "ChargePeriodStart": f"{begun:%Y-%m-%dT%H:%M:%SZ}",
        "ChargePeriodEnd": f"{begun + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ConsumedQuantity": GPU_HOURS_PER_HOUR,
        "ConsumedUnit": "GPU-hours",
        "InvoiceIssuerName": "CoreWeave",
        "ProviderName": "CoreWeave",
        "PublisherName": "CoreWeave",
        "RegionId": "US-EAST-04",
        "ServiceCategory": "Compute",
        "ServiceName": "GPU Compute",
        "SkuId": "h100-sxm",
    }

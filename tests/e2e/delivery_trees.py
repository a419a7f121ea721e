"""Clouds' exports as their documentation lays them out: trees of files by name, made of rows; and a company that reads nothing but them.

AWS: Data Exports user guide, "Understanding export delivery" (FOCUS 1.2, CUR 2.0). Azure: "Tutorial: Improved exports" and its manifest.
Google Cloud: "Structure of Detailed data export". Here too: a tree on disk or in a bucket, and what a published file holds apart from
when things were read. Not here: any expectation.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from small_company import Place, following_month

Row = dict[str, Any]
Tree = dict[str, bytes]
MAY, JUNE, JULY = date(2026, 5, 1), date(2026, 6, 1), date(2026, 7, 1)
FIRST_RUN, SECOND_RUN, THIRD_RUN = (f"{n}c0ffee0-1111-4222-8333-44444444444{n}" for n in (1, 2, 3))

CONFIGURATION = """\
company: Clouds
currency: USD
paths: {{state: var, finance: out/finance.duckdb, reports: out/reports}}
sources:
{sources}
workloads:
  - {{id: chat, owner: cx, cost_center: CC-1, placement: api, match: [{{tag.workload: chat}}]}}
  - {{id: search, owner: web, cost_center: CC-2, placement: api, match: [{{tag.workload: search}}]}}
"""


def company(folder: Path, *sources: str) -> Place:
    """A company whose only sources are these lines of configuration, e.g. `{id: bill, kind: focus, path: bill/}`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "crossover.yaml").write_text(CONFIGURATION.format(sources="\n".join(f"  - {source}" for source in sources)), encoding="utf-8")
    return Place(folder)


def lay(tree: Mapping[str, bytes], folder: Path) -> None:
    """Make a folder hold a tree and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in tree.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def put(tree: Mapping[str, bytes], client: Any, bucket: str, prefix: str) -> None:
    """Make a bucket's prefix hold a tree and nothing else."""
    listed = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    for entry in listed:
        if entry["Key"].removeprefix(prefix) not in tree:
            client.delete_object(Bucket=bucket, Key=entry["Key"])
    for name, data in tree.items():
        client.put_object(Bucket=bucket, Key=f"{prefix}{name}", Body=data)


def books(place: Place) -> dict[str, list[tuple[Any, ...]]]:
    """Every published table that tells what is so, and not how it came to be: no clocks, versions, earlier values or names of runs."""
    history = ("runs", "ingestions", "restatements")
    tables = [name for (name,) in place.query("SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() ORDER BY 1")]
    found = {}
    for table in sorted(set(tables) - set(history)):
        columns = [name for (name,) in place.query("SELECT column_name FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", table)]
        kept = ", ".join(f'"{name}"' for name in columns if name not in ("run_id", "snapshot_id"))
        which = " WHERE check_name <> 'file_withdrawn'" if table == "data_quality" else ""
        found[table] = place.query(f"SELECT {kept} FROM {table}{which} ORDER BY ALL")
    return found


# -- FOCUS


def focus_line(day: date, cost: str, workload: str = "chat", *, period: date | None = None, **columns: Any) -> Row:
    """A FOCUS 1.2 row of one UTC day, billed and effective at `cost`. Times are datetimes, tags a dict: each format writes them its own way."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    first = period or day.replace(day=1)
    following = following_month(first)
    return {
        "BilledCost": cost,
        "BillingAccountId": "111111111111",
        "BillingCurrency": "USD",
        "BillingPeriodEnd": datetime(following.year, following.month, 1, tzinfo=UTC),
        "BillingPeriodStart": datetime(first.year, first.month, 1, tzinfo=UTC),
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeDescription": "On-demand inference",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": start + timedelta(days=1),
        "ChargePeriodStart": start,
        "ContractedCost": cost,
        "EffectiveCost": cost,
        "InvoiceIssuerName": "Amazon Web Services, Inc.",
        "ListCost": cost,
        "ProviderName": "AWS",
        "RegionId": "us-east-1",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "Amazon Bedrock",
        "SkuId": "sku-1",
        "SubAccountId": "222222222222",
        "Tags": {"workload": workload},
    } | columns


FOCUS_DOUBLES = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")
CUR_DOUBLES = (
    *("line_item_unblended_cost", "line_item_usage_amount", "savings_plan_savings_plan_effective_cost", "savings_plan_total_commitment_to_date"),
    *("savings_plan_used_commitment", "reservation_effective_cost", "reservation_unused_amortized_upfront_fee_for_billing_period"),
    "reservation_unused_recurring_fee",
)


def csv_gz(rows: Sequence[Row], *, bom: bool = True, time: str = "%Y-%m-%dT%H:%M:%SZ") -> bytes:
    """A gzip CSV, by default after a byte order mark; a row's own columns are those of the first one."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _text(value, time) for name, value in row.items()})
    return gzip.compress(out.getvalue().encode("utf-8-sig" if bom else "utf-8"), mtime=0)


def _text(value: Any, time: str) -> Any:
    if isinstance(value, datetime):
        return value.strftime(time)
    return json.dumps(value) if isinstance(value, dict) else "" if value is None else value


def snappy(rows: Sequence[Row], doubles: Sequence[str] = FOCUS_DOUBLES) -> bytes:
    """Parquet as AWS writes it: DOUBLE costs, timestamps in milliseconds without a zone, MAP tags."""
    columns: dict[str, pa.Array] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        if name in doubles:
            columns[name] = pa.array([None if value is None else float(value) for value in values], pa.float64())
        elif any(isinstance(value, datetime) for value in values):
            columns[name] = pa.array([value and value.replace(tzinfo=None) for value in values], pa.timestamp("ms"))
        elif any(isinstance(value, dict) for value in values):
            columns[name] = pa.array([list((value or {}).items()) for value in values], pa.map_(pa.string(), pa.string()))
        else:
            columns[name] = pa.array(values, pa.string())
    return parquet(pa.table(columns))


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="snappy")
    return bytes(sink.getvalue().to_pybytes())


# -- AWS Data Exports


def aws_export(
    chunks: Sequence[bytes],
    month: date,
    execution: str,
    *,
    ending: str = "csv.gz",
    create_new: bool = False,
    partition: str = "BILLING_PERIOD",
    name: str = "daily",
    sizes: bool = False,
    root: str = "s3://finance-exports/exports/",
) -> Tree:
    """One execution of an export, in either delivery mode. `sizes`: data files are objects with their sizes, else addresses alone."""
    period = f"{partition}={month:%Y-%m}"
    run = f"{month:%Y%m}15T101500Z-{execution}/" if create_new else ""
    data = {f"{name}/data/{period}/{run}{name}-{number:05}.{ending}": chunk for number, chunk in enumerate(chunks, 1)}
    manifest = {
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:111111111111:export/{name}-0001",
        "exportName": name,
        "executionId": execution,
        "columns": [{"name": "BilledCost", "type": "double"}],
        "dataFiles": [{"s3Uri": root + file, "size": len(chunk)} if sizes else root + file for file, chunk in data.items()],
    }
    text = json.dumps(manifest).encode()
    manifests = {f"{name}/metadata/{period}/{name}-Manifest.json": text}
    if create_new:
        manifests[f"{name}/metadata/{period}/{run}{name}-Manifest.json"] = text
    return data | manifests


def manifest_of(tree: Tree) -> str:
    """The name of a tree's (latest) manifest."""
    return min((name for name in tree if name.lower().endswith("manifest.json")), key=len)


def cur_line(kind: str, unblended: str, day: int = 10, workload: str | None = "chat", **columns: Any) -> Row:
    """One hour's line of a CUR 2.0 of June 2026, with every column that any of its kinds needs."""
    start = datetime(2026, 6, day, 5, tzinfo=UTC)
    row: Row = {
        "bill_billing_entity": "AWS",
        "bill_billing_period_end_date": datetime(2026, 7, 1, tzinfo=UTC),
        "bill_billing_period_start_date": datetime(2026, 6, 1, tzinfo=UTC),
        "bill_invoicing_entity": "Amazon Web Services, Inc.",
        "bill_payer_account_id": "111111111111",
        "line_item_currency_code": "USD",
        "line_item_legal_entity": "Amazon Web Services, Inc.",
        "line_item_line_item_description": kind,
        "line_item_line_item_type": kind,
        "line_item_operation": "RunInstances",
        "line_item_product_code": "AmazonEC2",
        "line_item_resource_id": None,
        "line_item_unblended_cost": unblended,
        "line_item_usage_account_id": "222222222222",
        "line_item_usage_amount": "1",
        "line_item_usage_end_date": start + timedelta(hours=1),
        "line_item_usage_start_date": start,
        "line_item_usage_type": "BoxUsage:g5.xlarge",
        "reservation_reservation_a_r_n": None,
        "reservation_effective_cost": None,
        "reservation_unused_amortized_upfront_fee_for_billing_period": None,
        "reservation_unused_recurring_fee": None,
        "savings_plan_savings_plan_a_r_n": None,
        "savings_plan_savings_plan_effective_cost": None,
        "savings_plan_total_commitment_to_date": None,
        "savings_plan_used_commitment": None,
        "resource_tags": {"user_workload": workload} if workload else {},
    }
    assert columns.keys() <= row.keys()
    return row | columns


# -- Azure FOCUS exports


def azure_run(
    parts: Sequence[bytes],
    rows: int,
    run: str,
    submitted: str,
    *,
    month: date = JUNE,
    export: str = "daily",
    folder_month: date | None = None,
    **manifest: Any,
) -> Tree:
    """One run with its manifest (version 2024-04-01). `manifest` replaces fields of it; `folder_month` is of the folder, where that lags."""
    first = folder_month or month
    above = f"finance/{export}/{first:%Y%m%d}-{following_month(first) - timedelta(days=1):%Y%m%d}/{run}"
    data = {f"{above}/part_{number}_0001.csv.gz": part for number, part in enumerate(parts)}
    document = {
        "manifestVersion": "2024-04-01",
        "byteCount": sum(map(len, parts)),
        "blobCount": len(parts),
        "dataRowCount": rows,
        "exportConfig": {"exportName": export, "dataVersion": "1.2", "type": "FocusCost", "timeFrame": "MonthToDate", "granularity": "Daily"},
        "deliveryConfig": {
            "partitionData": True,
            "dataOverwriteBehavior": "OverwritePreviousReport",
            "fileFormat": "Csv",
            "compressionMode": "Gzip",
            "rootFolderPath": "finance",
        },
        "runInfo": {
            "executionType": "Scheduled",
            "submittedTime": submitted,
            "runId": run,
            "startDate": f"{month}T00:00:00",
            "endDate": f"{following_month(month) - timedelta(days=1)}T00:00:00",
        },
        "blobs": [{"blobName": name, "byteCount": len(part), "dataRowCount": None} for name, part in data.items()],
    } | manifest
    return data | {f"{above}/manifest.json": json.dumps(document).encode()}


AZURE_TIME = "%Y-%m-%dT%H:%MZ"


def azure_part(rows: Sequence[Row]) -> bytes:
    """A blob of a FOCUS export: times without seconds, no byte order mark."""
    named = [row | {"ProviderName": "Microsoft", "InvoiceIssuerName": "Microsoft", "ServiceName": "Azure OpenAI"} for row in rows]
    return csv_gz(named, bom=False, time=AZURE_TIME)


# -- Google Cloud's detailed export


def gcp_line(cost: float, credits: Sequence[float] = (), workload: str | None = "chat", *, month: str = "202606", **columns: Any) -> Row:
    """One hour of a GPU's SKU, nested as BigQuery has it. Dates are datetimes."""
    row: Row = {
        "billing_account_id": "010101-F0FFF0-10X10X",
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
        "sku": {"id": "2E27-4F75-95CD", "description": "Nvidia L4 GPU running in Americas"},
        "usage_start_time": datetime(2026, 6, 10, 20, tzinfo=UTC),
        "usage_end_time": datetime(2026, 6, 10, 21, tzinfo=UTC),
        "project": {"id": "proj-a", "name": "Project A", "labels": [{"key": "team", "value": "ml"}]},
        "labels": [{"key": "workload", "value": workload}, {"key": "env", "value": "prod"}] if workload else [],
        "location": {"location": "us-central1", "country": "US", "region": "us-central1", "zone": "us-central1-a"},
        "resource": {"name": "projects/1/instances/gpu-1", "global_name": "//compute.googleapis.com/projects/1/zones/us-central1-a/instances/1"},
        "cost": cost,
        "currency": "USD",
        "usage": {"amount": 3600.0, "unit": "seconds", "amount_in_pricing_units": 1.0, "pricing_unit": "hour"},
        "credits": [{"name": "Committed use discount", "amount": amount, "full_name": "CUD", "id": "", "type": "DISCOUNT"} for amount in credits],
        "invoice": {"month": month, "publisher_type": "GOOGLE"},
        "cost_type": "regular",
        "export_time": datetime(2026, 6, 11, 2, tzinfo=UTC),
    }
    assert columns.keys() <= row.keys()
    return row | columns


def ndjson(rows: Sequence[Row]) -> bytes:
    """As `EXPORT DATA` writes JSON: a row a line, times with their zone in words, empty lists there."""

    def text(value: Any) -> str:
        assert isinstance(value, datetime)
        return value.strftime("%Y-%m-%d %H:%M:%S UTC")

    return "".join(json.dumps(row, default=text) + "\n" for row in rows).encode()


def gcp_parquet(rows: Sequence[Row]) -> bytes:
    """STRUCTs and LISTs of STRUCTs, FLOAT64 costs, timestamps in UTC."""
    pair = pa.list_(pa.struct({"key": pa.string(), "value": pa.string()}))
    instant = pa.timestamp("us", tz="UTC")
    texts = {name: pa.struct({field: pa.string() for field in rows[0][name]}) for name in ("service", "sku", "location", "resource", "invoice")}
    kinds = {name: pa.string() for name in rows[0]} | texts | {"labels": pair, "cost": pa.float64()}
    kinds |= dict.fromkeys(("usage_start_time", "usage_end_time", "export_time"), instant)
    kinds["project"] = pa.struct({"id": pa.string(), "name": pa.string(), "labels": pair})
    kinds["usage"] = pa.struct({"amount": pa.float64(), "unit": pa.string(), "amount_in_pricing_units": pa.float64(), "pricing_unit": pa.string()})
    credit = {"name": pa.string(), "amount": pa.float64(), "full_name": pa.string(), "id": pa.string(), "type": pa.string()}
    kinds["credits"] = pa.list_(pa.struct(credit))
    return parquet(pa.Table.from_pylist(list(rows), pa.schema(list(kinds.items()))))

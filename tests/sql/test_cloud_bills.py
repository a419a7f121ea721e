"""Clouds' own bills become bill lines: each kind of row costs what its columns say, in CSV, NDJSON and Parquet alike."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_company import pool, tiny_company, workload

from connectors.formats.decoding import read_text_table
from connectors.formats.text_tables import write_text_table
from models.config import Source
from models.contracts import feeds
from models.contracts.raw import SHAPES, RawColumn, RawShape
from models.errors import BrokenFile
from pipelines.landing_view import distinct_texts_sql, landing_view_sql
from pipelines.staging import stage_views
from pipelines.warehouse import connect

D = Decimal
SHARED = Path(__file__).resolve().parents[2] / "../shared"


def landed(folder: Path, name: str, data: bytes) -> Path:
    """A file's columnar form: itself where it is Parquet, else its text."""
    if name.endswith(".parquet"):
        (folder / name).write_bytes(data)
        return folder / name
    (folder / name).write_bytes(data)
    ending = "." + name.split(".", 1)[1]
    with (folder / "landed.parquet").open("wb") as out:
        write_text_table(read_text_table(lambda: (folder / name).open("rb"), ending, "file"), out)
    return folder / "landed.parquet"


def view(con: Any, shape: RawShape, files: Sequence[Path], **settings: Any) -> str:
    rows = con.execute("DESCRIBE SELECT * FROM read_parquet(?, union_by_name = true)", [[str(file) for file in files]]).fetchall()
    physical = {str(row[0]): str(row[1]) for row in rows}
    given = {"where": "source bill", "columns": {}, "constants": {}, "timezone": "UTC", **settings}
    if given.pop("of_texts", False):
        con.execute(f"CREATE OR REPLACE TABLE texts AS {distinct_texts_sql(shape, files, physical, columns=given['columns'])}")
        return landing_view_sql(shape, files, physical, texts="texts", **given)
    return landing_view_sql(shape, files, physical, **given)


def staged(folder: Path, kind: str, name: str, data: bytes) -> list[dict[str, Any]]:
    """The staged rows of one delivered file, in its order; what can't be read of a row is in `unreadable`."""
    file = landed(folder, name, data)
    with connect() as con:
        for schema in ("config", "landing", "staging", "facts"):
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        source = Source.model_validate({"id": "bill", "kind": kind, "path": name})
        stage_views(con, SimpleNamespace(currency="USD", sources=()), source, SHAPES[kind], view(con, SHAPES[kind], [file]))
        found = con.execute(f"SELECT * FROM staging.{kind} ORDER BY row_number")
        return [dict(zip([column[0] for column in found.description], row, strict=True)) for row in found.fetchall()]


def glue_types(name: str) -> dict[str, str]:
    """Columns and types of an AWS table, from a list whose types hold commas."""
    lines = (SHARED / "data/focus" / name).read_text(encoding="utf-8").splitlines()[1:]
    return dict(line.split(",", 1) for line in lines)  # type: ignore[misc]


def csv_bytes(rows: Sequence[Mapping[str, object]], folder: Path) -> bytes:
    path = folder / "written.csv"
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path.read_bytes()


def parquet_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue().to_pybytes())


def cur(kind: str = "Usage", unblended: object = "0", **columns: object) -> dict[str, object]:
    """One hour's line of a CUR 2.0 of June 2026."""
    return {
        "bill_billing_period_start_date": "2026-06-01T00:00:00.000Z",
        "bill_billing_period_end_date": "2026-07-01T00:00:00.000Z",
        "line_item_line_item_type": kind,
        "line_item_unblended_cost": unblended,
        "line_item_usage_start_date": "2026-06-10T05:00:00.000Z",
        "line_item_usage_end_date": "2026-06-10T06:00:00.000Z",
        "line_item_currency_code": "USD",
        **columns,
    }


SP, RI = "arn:aws:savingsplans::1:savingsplan/sp-1", "arn:aws:ec2:us-east-1:1:reserved-instances/ri-1"
COVERED = {"savings_plan_savings_plan_a_r_n": SP, "savings_plan_savings_plan_effective_cost": "6.4"}
SPENT = {"savings_plan_savings_plan_a_r_n": SP, "savings_plan_total_commitment_to_date": "10.5", "savings_plan_used_commitment": "7.25"}
IDLE = {"reservation_reservation_a_r_n": RI, "reservation_unused_amortized_upfront_fee_for_billing_period": "12.3"}
UNUSED_BOTH = {**IDLE, "reservation_unused_recurring_fee": "4.5"}
NET = {"line_item_net_unblended_cost": "9"}


class TestAws:
    @pytest.mark.parametrize(
        ("line", "billed", "effective", "category", "commitment"),
        [
            (cur("Usage", "10"), "10", "10", "Usage", None),
            (cur("SavingsPlanCoveredUsage", "10", **COVERED), "10", "6.4", "Usage", "Used"),
            (cur("SavingsPlanCoveredUsage", "10", **COVERED, savings_plan_net_savings_plan_effective_cost="6.1"), "10", "6.1", "Usage", "Used"),
            (cur("SavingsPlanNegation", "-10", savings_plan_savings_plan_a_r_n=SP), "-10", "0", "Usage", None),
            (cur("SavingsPlanRecurringFee", "10.5", **SPENT), "10.5", "3.25", "Usage", "Unused"),
            (cur("SavingsPlanUpfrontFee", "5000", savings_plan_savings_plan_a_r_n=SP), "5000", "0", "Purchase", None),
            (cur("DiscountedUsage", "0", reservation_reservation_a_r_n=RI, reservation_effective_cost="0.68"), "0", "0.68", "Usage", "Used"),
            (
                cur("DiscountedUsage", "0", reservation_effective_cost="0.68", reservation_net_effective_cost="0.6"),
                *("0", "0.6", "Usage", "Used"),
            ),
            (cur("RIFee", "23", **UNUSED_BOTH), "23", "16.8", "Usage", "Unused"),
            (cur("RIFee", "23", **IDLE), "23", "12.3", "Usage", "Unused"),
            (cur("RIFee", "23", reservation_unused_recurring_fee="4.5"), "23", "4.5", "Usage", "Unused"),
            (cur("RIFee", "23", **UNUSED_BOTH, reservation_net_unused_recurring_fee="4"), "23", "16.3", "Usage", "Unused"),
            (cur("Fee", "365", reservation_reservation_a_r_n=RI), "365", "0", "Purchase", None),
            (cur("Fee", "100"), "100", "100", "Purchase", None),
            (cur("Tax", "1.9"), "1.9", "1.9", "Tax", None),
            (cur("Credit", "-25"), "-25", "-25", "Credit", None),
            (cur("Refund", "-5"), "-5", "-5", "Credit", None),
            (cur("EdpDiscount", "-0.5"), "-0.5", "-0.5", "Adjustment", None),
            (cur("BundledDiscount", "-2"), "-2", "-2", "Adjustment", None),
            # the net columns of an account with private prices say what it pays
            (cur("Usage", "10", **NET), "9", "9", "Usage", None),
        ],
    )
    def test_each_kind_of_line(self, tmp_path: Path, line: dict[str, object], billed: str, effective: str, category: str, commitment: str) -> None:
        (row,) = staged(tmp_path, "aws_cur2", "cur.csv", csv_bytes([line], tmp_path))
        assert (row["billed_cost"], row["effective_cost"]) == (D(billed), D(effective))
        assert (row["charge_category"], row["commitment_status"], row["unreadable"]) == (category, commitment, 0)

    @pytest.mark.parametrize(
        "line",
        [
            cur("SavingsPlanCoveredUsage", "10"),
            cur("DiscountedUsage", "0"),
            cur("RIFee", "23"),
            cur("SavingsPlanRecurringFee", "10.5", savings_plan_total_commitment_to_date="10.5"),
        ],
    )
    def test_a_commitment_s_unknown_cost_is_unknown(self, tmp_path: Path, line: dict[str, object]) -> None:
        (row,) = staged(tmp_path, "aws_cur2", "cur.csv", csv_bytes([line], tmp_path))
        assert row["effective_cost"] is None

    def test_a_savings_plan_costs_what_was_committed(self, tmp_path: Path) -> None:
        """An hour's commitment of 10.50, of which 7.25 covered usage worth 12 on demand."""
        lines = [
            cur("SavingsPlanCoveredUsage", "12", savings_plan_savings_plan_a_r_n=SP, savings_plan_savings_plan_effective_cost="7.25"),
            cur("SavingsPlanNegation", "-12", savings_plan_savings_plan_a_r_n=SP),
            cur("SavingsPlanRecurringFee", "10.5", **SPENT),
        ]
        rows = staged(tmp_path, "aws_cur2", "cur.csv", csv_bytes(lines, tmp_path))
        assert sum(row["billed_cost"] for row in rows) == sum(row["effective_cost"] for row in rows) == D("10.5")
        assert {row["commitment_id"] for row in rows} == {SP}

    def test_two_parts_are_added_before_they_are_rounded(self, tmp_path: Path) -> None:
        parts = {
            "reservation_unused_amortized_upfront_fee_for_billing_period": "0.0000000000004",
            "reservation_unused_recurring_fee": "0.0000000000004",
        }
        (row,) = staged(tmp_path, "aws_cur2", "cur.csv", csv_bytes([cur("RIFee", "1", **parts)], tmp_path))
        assert row["effective_cost"] == D("0.000000000001")

    def test_split_costs_of_containers_are_no_lines(self, tmp_path: Path) -> None:
        lines = [
            cur("Usage", "10", line_item_operation="RunInstances"),
            cur("Usage", "4", line_item_operation="EKSPod-EC2"),
            cur("Usage", "6", line_item_operation="ECSTask-EC2"),
            cur("Usage", "1"),
        ]
        rows = staged(tmp_path, "aws_cur2", "cur.csv", csv_bytes(lines, tmp_path))
        assert [row["billed_cost"] for row in rows] == [D(10), D(1)]

    @pytest.mark.parametrize("reservation", [{}, {"reservation_reservation_a_r_n": "arn:aws:ec2:us-east-2:1:capacity-reservation/cr-1"}])
    def test_a_capacity_block_s_fee_is_the_cost_of_its_hours(self, tmp_path: Path, reservation: dict[str, object]) -> None:
        block = cur(
            "Fee",
            "18872.32",
            line_item_usage_type="USE2-CapacityBlockFee:p5.48xlarge",
            line_item_usage_start_date="2026-06-10T11:30:00.000Z",
            line_item_usage_end_date="2026-06-18T11:30:00.000Z",
            **reservation,
        )
        (row,) = staged(tmp_path, "aws_cur2", "cur.csv", csv_bytes([block], tmp_path))
        assert (row["billed_cost"], row["effective_cost"]) == (D("18872.32"), D("18872.32"))
        assert (row["charge_category"], row["charge_frequency"]) == ("Usage", "Usage-Based")
        assert (row["charge_start"], row["charge_end"]) == (datetime(2026, 6, 10, 11, 30), datetime(2026, 6, 18, 11, 30))

    def test_a_capacity_block_may_say_its_hours_as_a_reservation(self, tmp_path: Path) -> None:
        hours = {"reservation_start_time": "2026-06-12T11:30:00.000Z", "reservation_end_time": "2026-06-13T11:30:00.000Z"}
        (row,) = staged(
            tmp_path, "aws_cur2", "c.csv", csv_bytes([cur("Fee", "9", line_item_usage_type="CapacityBlockFee:p4d.24xlarge", **hours)], tmp_path)
        )
        assert (row["charge_start"], row["charge_end"]) == (datetime(2026, 6, 12, 11, 30), datetime(2026, 6, 13, 11, 30))

    def test_a_fee_dated_by_an_instant_lasts_until_its_period_ends(self, tmp_path: Path) -> None:
        instant = {"line_item_usage_end_date": "2026-06-10T05:00:00.000Z"}
        tax, usage = staged(tmp_path, "aws_cur2", "cur.csv", csv_bytes([cur("Tax", "1", **instant), cur("Usage", "1", **instant)], tmp_path))
        assert tax["charge_end"] == datetime(2026, 7, 1)
        assert usage["charge_end"] == usage["charge_start"], "usage of no time makes no sense, and the contract refuses it"

    def test_what_a_line_says_about_itself(self, tmp_path: Path) -> None:
        line = cur(
            "Usage",
            "55.04",
            bill_payer_account_id="111",
            bill_invoice_id="EUINV26-1",
            bill_invoicing_entity="Amazon Web Services EMEA SARL",
            line_item_usage_account_id="222",
            line_item_product_code="AmazonEC2",
            line_item_usage_type="BoxUsage:p5.48xlarge",
            line_item_resource_id="i-0abc",
            line_item_line_item_description="$55.04 per On Demand Linux p5.48xlarge Instance Hour",
            line_item_usage_amount="1",
            pricing_unit="Hrs",
            pricing_public_on_demand_cost="60",
            product_servicecode="AmazonEC2",
            product_region_code="us-east-1",
            product_sku="2ETY8Y426S4237JU",
            resource_tags='{"user_team":"ml","aws_created_by":"me"}',
        )
        (row,) = staged(tmp_path, "aws_cur2", "cur.csv", b"\xef\xbb\xbf" + csv_bytes([line], tmp_path))
        row["tags"] = json.loads(row["tags"])
        assert row == row | {
            "billing_period": date(2026, 6, 1),
            "billing_account": "111",
            "sub_account": "222",
            "provider": "AWS",
            "invoice_issuer": "Amazon Web Services EMEA SARL",
            "invoice_id": "EUINV26-1",
            "service": "AmazonEC2",
            "region": "us-east-1",
            "resource": "i-0abc",
            "sku": "2ETY8Y426S4237JU",
            "list_cost": D(60),
            "consumed_quantity": D(1),
            "consumed_unit": "Hours",
            "currency": "USD",
            "tags": {"team": "ml", "aws_created_by": "me"},
        }

    @pytest.mark.parametrize(
        ("usage_type", "expected"),
        [
            ("USE1-NovaPro-input-tokens", {"TokenDirection": "Input", "TokenCacheAction": "Uncached"}),
            ("USE1-NovaPro-cache-read-input-token-count", {"TokenDirection": "Input", "TokenCacheAction": "Read"}),
            ("USE1-MP:USE1_CacheWriteInputTokenCount-Units", {"TokenDirection": "Input", "TokenCacheAction": "Write"}),
            ("USE1-NovaPro-output-tokens", {"TokenDirection": "Output"}),
            ("BoxUsage:p5.48xlarge", None),
            ("", None),
        ],
    )
    def test_bedrock_names_its_tokens_in_the_usage_type(self, tmp_path: Path, usage_type: str, expected: object) -> None:
        (row,) = staged(tmp_path, "aws_cur2", "cur.csv", csv_bytes([cur("Usage", "1", line_item_usage_type=usage_type)], tmp_path))
        assert (json.loads(row["usage_scope"]) if row["usage_scope"] else None) == expected

    @pytest.mark.parametrize(
        "product",
        [
            {"product": '{"product_name":"Claude Sonnet 4.5 (Amazon Bedrock Edition)"}'},
            {"product_product_name": "Claude Sonnet 4.5 (Amazon Bedrock Edition)"},
        ],
    )
    def test_the_marketplace_names_products_where_codes_are_opaque(self, tmp_path: Path, product: dict[str, object]) -> None:
        line = cur("Usage", "1", bill_billing_entity="AWS Marketplace", line_item_product_code="6uy0j5tcbn5d3hdnfdd1m6v9m", **product)
        (row,) = staged(tmp_path, "aws_cur2", "cur.csv", csv_bytes([line], tmp_path))
        assert row["service"] == "Claude Sonnet 4.5 (Amazon Bedrock Edition)"

    def test_a_column_that_the_export_s_query_leaves_out_is_no_defect(self, tmp_path: Path) -> None:
        line = {name: value for name, value in cur("Usage", "10").items() if name != "line_item_currency_code"}
        (row,) = staged(tmp_path, "aws_cur2", "cur.csv", csv_bytes([line], tmp_path))
        assert (row["currency"], row["effective_cost"], row["list_cost"], row["tags"]) == ("USD", D(10), None, None)

    def test_null_is_spelled_in_several_ways(self, tmp_path: Path) -> None:
        line = cur("Fee", "10", reservation_reservation_a_r_n="NULL", resource_tags="NULL", line_item_net_unblended_cost="")
        (row,) = staged(tmp_path, "aws_cur2", "cur.csv", csv_bytes([line], tmp_path))
        assert (row["effective_cost"], row["tags"], row["unreadable"]) == (D(10), None, 0)

    def test_parquet_as_aws_writes_it(self, tmp_path: Path) -> None:
        """DOUBLE money, TIMESTAMP dates, MAP tags, and the partition's column inside the file."""
        instant = pa.timestamp("ms")
        table = pa.table({
            "bill_billing_period_start_date": pa.array([datetime(2026, 6, 1)] * 2, instant),
            "line_item_line_item_type": ["Usage", "SavingsPlanRecurringFee"],
            "line_item_unblended_cost": [0.1 + 0.2, 3.0],
            "line_item_usage_start_date": pa.array([datetime(2026, 6, 10, 5)] * 2, instant),
            "line_item_usage_end_date": pa.array([datetime(2026, 6, 10, 6)] * 2, instant),
            "savings_plan_total_commitment_to_date": [None, 0.3],
            "savings_plan_used_commitment": [None, 0.1],
            "resource_tags": pa.array([[("user_team", "ml"), ("aws_x", 'a "user_b"')], []], pa.map_(pa.string(), pa.string())),
            "product": pa.array([[("product_name", "EC2")], None], pa.map_(pa.string(), pa.string())),
            "billing_period": ["2026-06", "2026-06"],
        })  # fmt: skip
        usage, fee = staged(tmp_path, "aws_cur2", "cur.snappy.parquet", parquet_bytes(table))
        assert usage["billed_cost"] == D("0.3"), "a DOUBLE is its shortest text, 0.30000000000000004, rounded to 12 decimals"
        assert json.loads(usage["tags"]) == {"team": "ml", "aws_x": 'a "user_b"'}
        assert (fee["billed_cost"], fee["effective_cost"], json.loads(fee["tags"])) == (D(3), D("0.2"), {})

    @pytest.mark.skipif(not SHARED.exists(), reason="the provider's column lists are not at hand")
    def test_every_documented_column_may_be_there(self, tmp_path: Path) -> None:
        types = glue_types("aws_cur2_columns.csv")
        values: dict[str, Any] = {"string": None, "double": 1.0, "timestamp": datetime(2026, 6, 1)}
        arrow = {"string": pa.string(), "double": pa.float64(), "timestamp": pa.timestamp("ms")}
        maps = {"map<string,string>": pa.map_(pa.string(), pa.string()), "map<string,double>": pa.map_(pa.string(), pa.float64())}
        columns = {name: pa.array([values.get(kind)], {**arrow, **maps}[kind]) for name, kind in types.items()}
        columns["line_item_line_item_type"] = pa.array(["Usage"])
        columns["line_item_usage_end_date"] = pa.array([datetime(2026, 6, 2)], pa.timestamp("ms"))
        (row,) = staged(tmp_path, "aws_cur2", "cur.parquet", parquet_bytes(pa.table(columns)))
        assert (row["effective_cost"], row["unreadable"]) == (D(1), 0)

    def test_a_line_without_its_type_s_column_breaks_the_file(self, tmp_path: Path) -> None:
        line = {name: value for name, value in cur().items() if name != "line_item_line_item_type"}
        with pytest.raises(BrokenFile, match="missing column: line_item_line_item_type"):
            staged(tmp_path, "aws_cur2", "cur.csv", csv_bytes([line], tmp_path))

    def test_a_bill_reaches_workloads_and_pools(self, tmp_path: Path) -> None:
        """Two p5 hours of which one was covered, a plan's idle part, one workload's tokens and a type that nobody knows yet."""
        gpu = {
            "line_item_usage_amount": "1",
            "pricing_unit": "Hrs",
            "line_item_line_item_description": "Linux p5.48xlarge Instance Hour",
            "resource_tags": '{"user_pool":"core"}',
            "product_servicecode": "AmazonEC2",
        }
        bill = [
            cur("Usage", "55", **gpu),
            cur("SavingsPlanCoveredUsage", "55", **gpu, **(COVERED | {"savings_plan_savings_plan_effective_cost": "30"})),
            cur("SavingsPlanNegation", "-55", savings_plan_savings_plan_a_r_n=SP),
            cur("SavingsPlanRecurringFee", "40", **(SPENT | {"savings_plan_total_commitment_to_date": "40", "savings_plan_used_commitment": "30"})),
            cur("Usage", "7", product_servicecode="AmazonBedrock", resource_tags='{"user_workload":"chat"}'),
            cur("Tax", "2"),
            cur("Mystery", "0.001"),
        ]
        with tiny_company(
            tmp_path,
            [{"id": "aws", "kind": "aws_cur2", "path": "bill.csv", "max_quarantined_pct": 50}],
            {"bill.csv": bill},
            as_of="2026-06-30",
            workloads=[workload("chat", match=[{"tag.workload": "chat"}])],
            pools=[pool("core")],
        ) as company:
            assert company.ask(
                "SELECT source_billed, source_effective, quarantined_billed FROM marts.reconciliation WHERE period = DATE '2026-06-01'"
            ) == [(D("104.001"), D("104.001"), D("0.001"))]
            assert {category: cost for category, cost in company.effective("true", "cost_category").items() if cost} == {
                "gpu_idle": D(85), "commitment_unused": D(10), "api_usage": D(7), "tax": D(2),
            }  # fmt: skip
            assert company.effective("cost_category = 'api_usage'") == {"chat": D(7)}
            assert company.ask("SELECT gpu_hours_billed FROM marts.pool_utilisation_daily WHERE usage_date = DATE '2026-06-10'") == [(D(16),)]


def gcp(cost: object = 1, credits: Sequence[Mapping[str, object]] = (), **fields: object) -> dict[str, object]:
    """One row of the detailed export as BigQuery writes it in NDJSON."""
    return {
        "billing_account_id": "010101-F0FFF0-10X10X",
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
        "sku": {"id": "2E27-4F75-95CD", "description": "Nvidia H100 80GB GPU running in Americas"},
        "usage_start_time": "2026-06-30 20:00:00 UTC",
        "usage_end_time": "2026-06-30 21:00:00 UTC",
        "project": {"id": "proj-a", "number": "1", "labels": [{"key": "folder", "value": "x"}]},
        "labels": [{"key": "workload", "value": "chat"}, {"key": "env", "value": "prod"}],
        "location": {"location": "us-central1", "country": "US", "region": "us-central1"},
        "resource": {"name": "gpu-1", "global_name": "//compute.googleapis.com/projects/1/instances/1"},
        "cost": cost,
        "currency": "USD",
        "currency_conversion_rate": 1,
        "usage": {"amount": 3600, "unit": "seconds", "amount_in_pricing_units": 1, "pricing_unit": "hour"},
        "credits": list(credits),
        "invoice": {"month": "202607", "publisher_type": "GOOGLE"},
        "cost_type": "regular",
        "export_time": "2026-07-01 03:00:00 UTC",
        "cost_at_list": 1.5,
        **fields,
    }


def ndjson(*rows: Mapping[str, object]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


CUD = {"name": "Committed use discount: GPU", "amount": -0.25, "type": "COMMITTED_USAGE_DISCOUNT", "id": "1"}
PROMOTION = {"name": "Trial", "amount": -0.05, "type": "PROMOTION", "id": "2"}


class TestGoogle:
    def test_a_row_costs_its_cost_and_its_credits_together(self, tmp_path: Path) -> None:
        rows = staged(tmp_path, "gcp_billing", "b.ndjson", ndjson(gcp(1.1), gcp(1.1, [CUD]), gcp(1.1, [CUD, PROMOTION]), gcp(0.3, [CUD, PROMOTION])))
        assert [row["billed_cost"] for row in rows] == [row["effective_cost"] for row in rows] == [D("1.1"), D("0.85"), D("0.8"), D("0")]
        assert [row["list_cost"] for row in rows] == [D("1.5")] * 4

    def test_what_a_row_says_about_itself(self, tmp_path: Path) -> None:
        (row,) = staged(tmp_path, "gcp_billing", "b.json", ndjson(gcp()))
        row["tags"] = json.loads(row["tags"])
        assert row == row | {
            "billing_period": date(2026, 7, 1),
            "charge_start": datetime(2026, 6, 30, 20),
            "charge_end": datetime(2026, 6, 30, 21),
            "billing_account": "010101-F0FFF0-10X10X",
            "sub_account": "proj-a",
            "service": "Compute Engine",
            "sku": "2E27-4F75-95CD",
            "description": "Nvidia H100 80GB GPU running in Americas",
            "region": "us-central1",
            "resource": "gpu-1",
            "tags": {"workload": "chat", "env": "prod"},
            "consumed_quantity": D(1),
            "consumed_unit": "GPU-Hours",
            "currency": "USD",
            "provider": "Google Cloud",
            "unreadable": 0,
        }

    @pytest.mark.parametrize(
        ("cost_type", "category"),
        [
            ("regular", "Usage"),
            (None, "Usage"),
            ("tax", "Tax"),
            ("adjustment", "Adjustment"),
            ("rounding_error", "Adjustment"),
            ("surprise", "surprise"),
        ],
    )
    def test_the_cost_type_is_kept(self, tmp_path: Path, cost_type: str | None, category: str) -> None:
        (row,) = staged(tmp_path, "gcp_billing", "b.ndjson", ndjson(gcp(cost_type=cost_type)))
        assert row["charge_category"] == category

    def test_an_adjustment_of_an_earlier_charge_is_a_correction(self, tmp_path: Path) -> None:
        adjusted, plain = staged(tmp_path, "gcp_billing", "b.ndjson", ndjson(gcp(adjustment_info={"id": "a1", "mode": "PARTIAL"}), gcp()))
        assert (adjusted["charge_class"], plain["charge_class"]) == ("Correction", None)

    def test_money_keeps_every_digit_until_it_is_rounded_once(self, tmp_path: Path) -> None:
        digits = ndjson(gcp(0.0, [CUD])).replace(b'"cost": 0.0', b'"cost": 0.0000000000004').replace(b"-0.25", b"0.0000000000004")
        (row,) = staged(tmp_path, "gcp_billing", "b.ndjson", digits)
        assert row["billed_cost"] == D("0.000000000001")

    @pytest.mark.parametrize("credit", ['{"name":"x"}', '{"amount":"lots"}', "7"])
    def test_a_credit_without_an_amount_is_unknown(self, tmp_path: Path, credit: str) -> None:
        (row,) = staged(tmp_path, "gcp_billing", "b.ndjson", ndjson(gcp(credits=["HERE"])).replace(b'"HERE"', credit.encode()))
        assert row["unreadable"]

    def test_parquet_with_structs_and_lists(self, tmp_path: Path) -> None:
        table = pa.Table.from_pylist([
            gcp(0.1, [CUD, PROMOTION], usage_start_time=datetime(2026, 6, 30, 20, tzinfo=UTC), usage_end_time=datetime(2026, 6, 30, 21, tzinfo=UTC)),
            gcp(0.1, [], usage_start_time=datetime(2026, 6, 30, 20, tzinfo=UTC), usage_end_time=datetime(2026, 6, 30, 21, tzinfo=UTC), labels=[]),
        ])  # fmt: skip
        credited, plain = staged(tmp_path, "gcp_billing", "b.parquet", parquet_bytes(table))
        assert (credited["billed_cost"], plain["billed_cost"]) == (D("-0.2"), D("0.1"))
        assert (json.loads(credited["tags"]), json.loads(plain["tags"])) == ({"workload": "chat", "env": "prod"}, {})
        assert (credited["billing_period"], credited["service"], credited["consumed_unit"]) == (date(2026, 7, 1), "Compute Engine", "GPU-Hours")

    @pytest.mark.parametrize("dot", [".", "_"])
    def test_csv_that_a_query_made_flat(self, tmp_path: Path, dot: str) -> None:
        row = {f"{top}{dot}{name}": value for top in ("service", "sku", "project", "usage", "invoice") for name, value in gcp()[top].items()}  # type: ignore[attr-defined]
        line = {"cost": "1.1", "credits": json.dumps([CUD]), "currency": "USD", "labels": json.dumps(gcp()["labels"]), **row}
        line |= {"usage_start_time": "2026-06-30T20:00:00Z", "usage_end_time": "2026-06-30T21:00:00Z"}
        (found,) = staged(tmp_path, "gcp_billing", "b.csv", csv_bytes([line], tmp_path))
        assert (found["billed_cost"], found["sku"], found["sub_account"]) == (D("0.85"), "2E27-4F75-95CD", "proj-a")
        assert (found["billing_period"], json.loads(found["tags"])) == (date(2026, 7, 1), {"workload": "chat", "env": "prod"})

    def test_a_flat_sum_of_credits_counts(self, tmp_path: Path) -> None:
        line = {"cost": "1.1", "credits_amount": "-0.3", "currency": "USD", "invoice_month": "202606", "service_description": "Vertex AI"}
        line |= {"usage_start_time": "2026-06-10T20:00:00Z", "usage_end_time": "2026-06-10T21:00:00Z"}
        (found,) = staged(tmp_path, "gcp_billing", "b.csv", csv_bytes([line], tmp_path))
        assert (found["billed_cost"], found["service"], found["tags"]) == (D("0.8"), "Vertex AI", None)

    def test_a_bill_reaches_workloads_by_labels(self, tmp_path: Path) -> None:
        bill = [
            gcp(
                10, [{"name": "CUD", "amount": -4}], service={"description": "Vertex AI"}, sku={"id": "1", "description": "Gemini 2.5 Pro Text Input"}
            ),
            gcp(3, labels=[{"key": "pool", "value": "core"}]),
            gcp(0.5, cost_type="tax", labels=[]),
        ]
        (tmp_path / "bill-000000000000.ndjson").write_bytes(ndjson(*bill))
        with tiny_company(
            tmp_path,
            [{"id": "gcp", "kind": "gcp_billing", "path": "bill-000000000000.ndjson"}],
            {},
            as_of="2026-07-31",
            workloads=[workload("chat", match=[{"tag.workload": "chat"}])],
            pools=[pool("core")],
        ) as company:
            found = company.effective("true", "billing_period, workload_id, cost_category")
            assert found == {
                (date(2026, 7, 1), "chat", "api_usage"): D(6),
                (date(2026, 7, 1), "unattributed", "gpu_idle"): D(3),
                (date(2026, 7, 1), "unattributed", "tax"): D("0.5"),
            }
            assert company.ask("SELECT gpu_hours_billed FROM marts.pool_utilisation_daily WHERE usage_date = DATE '2026-06-30'") == [(D(1),)]


AMOUNTS = st.lists(st.decimals(-1000, 1000, places=15), max_size=6)


@given(AMOUNTS)
def test_the_sum_of_a_list_is_exact_whatever_wrote_it(amounts: list[Decimal]) -> None:
    text = "[" + ",".join(f'{{"name":"x","amount":{amount:f}}}' for amount in amounts) + "]"
    column = RawColumn("credits", "sum")
    shape = RawShape("sample", "billing_line", (column,))
    with connect() as con:
        con.execute("CREATE TEMP TABLE t (credits VARCHAR)")
        con.execute("INSERT INTO t VALUES (?)", [text])
        select = landing_view_sql(shape, [], {"credits": "VARCHAR"}, where="", columns={}, constants={}, timezone="UTC")
        select = select.replace(
            "read_parquet([], file_row_number = true, union_by_name = true, hive_partitioning = false)", "(SELECT 0 AS file_row_number, * FROM t)"
        )
        ((_, found, unreadable),) = con.execute(select).fetchall()
    assert (found, unreadable) == (sum(amounts, D(0)), 0)


class TestNestedColumns:
    def test_a_file_whose_lists_are_all_empty_has_no_credits(self, tmp_path: Path) -> None:
        instants = {"usage_start_time": datetime(2026, 6, 1), "usage_end_time": datetime(2026, 6, 2)}
        table = pa.Table.from_pylist([gcp(2, [], labels=[], **instants)])
        assert table.schema.field("credits").type == pa.list_(pa.null())
        (row,) = staged(tmp_path, "gcp_billing", "b.parquet", parquet_bytes(table))
        assert (row["billed_cost"], row["tags"], row["unreadable"]) == (D(2), "{}", 0)

    @pytest.mark.parametrize("of_texts", [False, True])
    def test_a_field_is_read_alike_from_rows_and_from_their_distinct_texts(self, tmp_path: Path, of_texts: bool) -> None:
        """A row's key is made of both: they must be one."""
        file = landed(tmp_path, "b.parquet", parquet_bytes(pa.Table.from_pylist([gcp()])))
        with connect() as con:
            con.execute(f"CREATE TABLE found AS {view(con, SHAPES['gcp_billing'], [file], of_texts=of_texts)}")
            texts = [column.name for column in SHAPES["gcp_billing"].columns if column.type in ("text", "tags")]
            (row,) = con.execute(f"SELECT {', '.join(f'{chr(34)}{name}{chr(34)}' for name in texts)} FROM found").fetchall()
        found = dict(zip(texts, row, strict=True))
        assert found["usage.pricing_unit"] == "hour"
        assert found["labels"] == '{"workload":"chat","env":"prod"}'
        assert found["location.region"] == "us-central1"

    def test_a_text_that_is_no_json_has_no_fields(self, tmp_path: Path) -> None:
        (row,) = staged(tmp_path, "gcp_billing", "b.ndjson", ndjson(gcp(service="Compute Engine", resource="[1")))
        assert (row["service"], row["resource"], row["unreadable"]) == (None, None, 0)

    @pytest.mark.parametrize("labels", ["", "NULL", "no json", '["a"]'])
    def test_labels_of_another_form_stay_what_they_are(self, tmp_path: Path, labels: str) -> None:
        (row,) = staged(tmp_path, "gcp_billing", "b.ndjson", ndjson(gcp(labels=labels)))
        assert row["tags"] == {"": None, "NULL": None, "no json": "no json", '["a"]': "{}"}[labels]


class TestFocus:
    """FOCUS as the clouds write it."""

    def focus(self, **columns: object) -> dict[str, object]:
        return {
            "BilledCost": "1.5",
            "EffectiveCost": "1.25",
            "BillingCurrency": "USD",
            "BillingPeriodStart": "2026-06-01T00:00Z",
            "ChargePeriodStart": "2026-06-10T05:00",
            "ChargePeriodEnd": "2026-06-10T06:00:00",
            "ChargeCategory": "Usage",
            "ProviderName": "Microsoft",
            **columns,
        }

    def test_azure_s_times_may_lack_seconds_and_zone(self, tmp_path: Path) -> None:
        (row,) = staged(tmp_path, "focus", "f.csv", csv_bytes([self.focus()], tmp_path))
        assert (row["charge_start"], row["charge_end"], row["billing_period"]) == (
            datetime(2026, 6, 10, 5),
            datetime(2026, 6, 10, 6),
            date(2026, 6, 1),
        )

    def test_columns_are_found_in_any_case(self, tmp_path: Path) -> None:
        """As Glue and Athena write AWS's."""
        (row,) = staged(tmp_path, "focus", "f.csv", csv_bytes([{k.lower(): v for k, v in self.focus(Tags='{"team":"ml"}').items()}], tmp_path))
        assert (row["billed_cost"], row["effective_cost"], json.loads(row["tags"])) == (D("1.5"), D("1.25"), {"team": "ml"})

    @pytest.mark.skipif(not SHARED.exists(), reason="the provider's column lists are not at hand")
    def test_aws_focus_1_2(self, tmp_path: Path) -> None:
        types = glue_types("aws_focus12_columns.csv")
        arrow = {
            "string": (pa.string(), "x"), "double": (pa.float64(), 1.5), "timestamp": (pa.timestamp("ms"), datetime(2026, 6, 1)),
            "map<string,string>": (pa.map_(pa.string(), pa.string()), [("team", "ml")]),
            "map<string,double>": (pa.map_(pa.string(), pa.float64()), []),
        }  # fmt: skip
        (row,) = staged(tmp_path, "focus", "f.parquet", parquet_bytes(pa.table({n: pa.array([arrow[k][1]], arrow[k][0]) for n, k in types.items()})))
        assert (row["billed_cost"], row["effective_cost"], row["consumed_quantity"], row["unreadable"]) == (D("1.5"), D("1.5"), D("1.5"), 0)
        assert json.loads(row["tags"]) == json.loads(row["usage_scope"]) == {"team": "ml"}


class TestRateCard:
    def cards(self, *rows: Mapping[str, object]) -> pl.DataFrame:
        schema = {"row_number": pl.Int64, "provider": pl.String, "sku": pl.String, "start_date": pl.Date, "end_date": pl.Date}
        schema |= {"unit": pl.String, "unit_price": pl.Decimal(38, 12), "currency": pl.String}
        base = {
            "provider": "CoreWeave",
            "sku": "h100",
            "unit": "GPU-Hours",
            "unit_price": D("4.25"),
            "currency": "USD",
            "start_date": None,
            "end_date": None,
        }
        return pl.DataFrame([{**base, "row_number": number, **row} for number, row in enumerate(rows, 1)], schema=schema)  # type: ignore[arg-type]

    def test_a_rate_card_is_read(self, tmp_path: Path) -> None:
        line = {
            "provider": "CoreWeave",
            "sku": "h100",
            "start": "2026-01-01",
            "end": "",
            "unit": "GPU-Hours",
            "unit_price": "4.25",
            "currency": "USD",
        }
        (row,) = staged(tmp_path, "rate_card", "rates.csv", csv_bytes([line], tmp_path))
        assert {**row} == {
            "row_number": 1, "unreadable": 0, "provider": "CoreWeave", "sku": "h100", "start_date": date(2026, 1, 1), "end_date": None,
            "unit": "GPU-Hours", "unit_price": D("4.25"), "currency": "USD",
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("rows", "refused"),
        [
            ([{}], {}),
            ([{"end_date": date(2026, 6, 1)}, {"start_date": date(2026, 6, 1)}], {}),
            ([{"start_date": date(2026, 6, 1)}, {"end_date": date(2026, 6, 1)}], {}),
            ([{}, {"sku": "h200"}, {"unit": "Hours"}, {"provider": "Lambda"}], {}),
            (
                [{"start_date": date(2026, 5, 1)}, {"start_date": date(2026, 6, 1)}],
                {2: "an earlier price of the same SKU and unit has not ended yet"},
            ),
            ([{"start_date": date(2026, 6, 1), "end_date": date(2026, 6, 1)}], {1: "the price's period does not start before it ends"}),
            ([{"unit_price": D(-1)}], {1: "the price is negative"}),
            ([{"unit_price": None}], {1: "unit_price is missing"}),
            ([{"currency": "usd"}], {1: "currency is no ISO 4217 code of three capital letters"}),
        ],
    )
    def test_a_sku_has_one_price_a_day(self, rows: list[dict[str, object]], refused: dict[int, str]) -> None:
        found = feeds.violations(feeds.RateCard, self.cards(*rows), "row_number")
        assert dict(found.iter_rows()) == refused

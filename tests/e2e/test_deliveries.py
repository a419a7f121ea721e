"""Clouds' deliveries by whole runs: what a manifest commits is in the books, half of a delivery never is, and one source's failure is its own."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal as D
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pyarrow as pa
import pytest
from botocore.config import Config
from delivery_trees import (
    CUR_DOUBLES,
    FIRST_RUN,
    JULY,
    JUNE,
    MAY,
    SECOND_RUN,
    THIRD_RUN,
    Row,
    Tree,
    aws_export,
    azure_part,
    azure_run,
    books,
    company,
    csv_gz,
    cur_line,
    focus_line,
    gcp_line,
    gcp_parquet,
    lay,
    manifest_of,
    ndjson,
    parquet,
    put,
    snappy,
)
from s3_server import running_s3, with_fake_credentials
from small_company import Outcome, Place, crossover, write_rows

from connectors.object_storage import bucket as bucket_module
from connectors.object_storage.download import Patience

BUCKET = "finance-exports"
PREFIX = "exports/"
BILL = "{id: bill, kind: focus, path: bill/}"
LAST = ("--as-of", "2026-07-31")


# -- where deliveries lie


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with running_s3() as address:
        yield "http://{}:{}".format(*address)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Fake credentials, nothing of this machine's own, and a store that is asked again at once."""
    with_fake_credentials(monkeypatch, tmp_path)
    quick = Patience(attempts_max=2, wait_first_s=0.001, wait_max_s=0.002, connect_timeout_s=2, read_timeout_s=2)
    monkeypatch.setattr(bucket_module, "Patience", lambda: quick)


@dataclass(frozen=True)
class Delivered:
    """A company that reads one export, and the way to deliver to it."""

    place: Place
    lay: Callable[[Tree], None]

    def run(self, tree: Tree, *arguments: object) -> Outcome:
        self.lay(tree)
        return self.place.run(*arguments)


def on_disk(folder: Path, kind: str = "focus") -> Delivered:
    place = company(folder, f"{{id: bill, kind: {kind}, path: bill/}}")
    return Delivered(place, lambda tree: lay(tree, folder / "bill"))


def in_bucket(folder: Path, url: str, kind: str = "focus") -> Delivered:
    client = boto3.client("s3", endpoint_url=url, config=Config(s3={"addressing_style": "path"}))
    client.create_bucket(Bucket=BUCKET)
    place = company(folder, f"{{id: bill, kind: {kind}, path: 's3://{BUCKET}/{PREFIX}', endpoint_url: '{url}'}}")
    return Delivered(place, lambda tree: put(tree, client, BUCKET, PREFIX))


@pytest.fixture
def disk(tmp_path: Path) -> Delivered:
    return on_disk(tmp_path / "company")


def costs(place: Place) -> dict[tuple[Any, ...], D]:
    """Effective cost by billing period and workload."""
    rows = place.query("SELECT billing_period, workload_id, sum(effective_cost) FROM cost_daily GROUP BY ALL ORDER BY ALL")
    return {(period, workload): cost for period, workload, cost in rows}


def statuses(place: Place, source: str = "bill") -> dict[date, str]:
    return dict(place.query("SELECT period, status FROM reconciliation WHERE source_id = ?", source))  # type: ignore[arg-type]


def messages(place: Place, check: str) -> list[str]:
    return [message for (message,) in place.query("SELECT message FROM data_quality WHERE check_name = ? ORDER BY 1", check)]


def assert_every_cent_is_there(place: Place) -> None:
    assert place.query("SELECT DISTINCT difference_billed, difference_effective FROM reconciliation") == [(0, 0)]


# -- AWS Data Exports, FOCUS 1.2


def june(*chunks: Sequence[Row], execution: str = FIRST_RUN, write: Callable[[Sequence[Row]], bytes] = csv_gz, **how: Any) -> Tree:
    return aws_export([write(chunk) for chunk in chunks], JUNE, execution, **how)


ONE, TWO = [focus_line(date(2026, 6, 1), "10.1"), focus_line(date(2026, 6, 2), "0.000000000001", "search")], [focus_line(date(2026, 6, 3), "5")]


@pytest.mark.parametrize(
    ("where", "ending", "partition"),
    [("bucket", "csv.gz", "BILLING_PERIOD"), ("disk", "snappy.parquet", "billing_period")],
)
def test_an_export_that_is_overwritten(tmp_path: Path, s3_url: str, where: str, ending: str, partition: str) -> None:
    """May is closed; June is restated with a chunk fewer, then half-written, then whole again."""
    delivered = in_bucket(tmp_path / "company", s3_url) if where == "bucket" else on_disk(tmp_path / "company")
    place, write = delivered.place, csv_gz if ending == "csv.gz" else snappy
    how: dict[str, Any] = {"ending": ending, "partition": partition}
    may = aws_export([write([focus_line(date(2026, 5, 7), "3")])], MAY, FIRST_RUN, **how)

    first = june(ONE, TWO, write=write, **how)
    assert delivered.run(may | first, *LAST).code == 0
    assert costs(place) == {(MAY, "chat"): 3, (JUNE, "chat"): D("15.1"), (JUNE, "search"): D("0.000000000001")}
    assert statuses(place) == {MAY: "ok", JUNE: "ok"}

    restated = june([focus_line(date(2026, 6, 1), "12.25")], execution=SECOND_RUN, write=write, **how)
    stale_chunk = next(name for name in first if "00002" in name)
    outcome = delivered.run(may | first | restated, *LAST)
    assert (outcome.code, outcome.source("bill")["changed"]) == (0, 1)
    assert costs(place) == {(MAY, "chat"): 3, (JUNE, "chat"): D("12.25")}
    (said,) = messages(place, "file_ignored")
    assert stale_chunk in said

    third = june([focus_line(date(2026, 6, 1), "12.25", "search")], ONE, execution=THIRD_RUN, write=write, **how)
    half = {name: data for name, data in third.items() if "00002" not in name}
    outcome = delivered.run(may | half, *LAST)
    assert (outcome.code, outcome.document["status"]) == (3, "published with refusals")
    assert costs(place) == {(MAY, "chat"): 3, (JUNE, "chat"): D("12.25")}
    assert statuses(place) == {MAY: "stale", JUNE: "stale"}
    (said,) = messages(place, "file_refused")
    assert "The manifest names 1 file that is not there" in said
    assert "00002" in said
    assert said.endswith("the last good version stays in use")
    assert_every_cent_is_there(place)

    assert delivered.run(may | third, *LAST).code == 0
    assert costs(place) == {(MAY, "chat"): 3, (JUNE, "chat"): D("10.1"), (JUNE, "search"): D("12.250000000001")}
    assert statuses(place) == {MAY: "ok", JUNE: "ok"}
    assert messages(place, "file_refused") == []
    if where == "bucket":
        fresh = on_disk(tmp_path / "fresh")
        fresh.run(may | third, *LAST)
        assert books(place) == books(fresh.place), "wherever it lies and whatever came before"
    versions = place.query("SELECT period, version, files, rows, bytes, superseded_at IS NULL, length(sha256) FROM ingestions ORDER BY ALL")
    sizes = {tree: sum(len(data) for name, data in files.items() if "/data/" in name) for tree, files in enumerate((may, first, restated, third))}
    assert versions == [
        (MAY, 1, 1, 1, sizes[0], True, 64),
        (JUNE, 1, 2, 3, sizes[1], False, 64),
        (JUNE, 2, 1, 1, sizes[2], False, 64),
        (JUNE, 3, 2, 3, sizes[3], True, 64),
    ]


def test_an_export_that_creates_new_files(tmp_path: Path, s3_url: str) -> None:
    """Every execution stays; the manifest above them says which one holds, also while the next one is on its way."""
    delivered = in_bucket(tmp_path / "company", s3_url)
    runs = [
        june(*chunks, execution=execution, create_new=True)
        for chunks, execution in (((ONE, TWO), FIRST_RUN), ((ONE,), SECOND_RUN), (([focus_line(date(2026, 6, 9), "100")], TWO), THIRD_RUN))
    ]
    assert delivered.run(runs[0]).code == 0
    assert costs(delivered.place) == {(JUNE, "chat"): D("15.1"), (JUNE, "search"): D("0.000000000001")}
    on_its_way = {name: data for name, data in runs[2].items() if "/data/" in name}
    assert delivered.run(runs[0] | runs[1] | on_its_way).code == 0
    assert costs(delivered.place) == {(JUNE, "chat"): D("10.1"), (JUNE, "search"): D("0.000000000001")}
    assert [said.split(" is not read")[0] for said in messages(delivered.place, "file_ignored")] == sorted(on_its_way)
    assert delivered.run(runs[0] | runs[1] | runs[2]).code == 0
    assert costs(delivered.place) == {(JUNE, "chat"): D("105")}


def test_data_without_a_manifest_is_not_read(disk: Delivered) -> None:
    """Neither a month that arrives for the first time, nor one whose manifest is gone, nor an export of which only data was copied."""
    may, first = aws_export([csv_gz([focus_line(date(2026, 5, 7), "3")])], MAY, FIRST_RUN), june(ONE, TWO)
    july = {name: data for name, data in aws_export([csv_gz([focus_line(date(2026, 7, 1), "9")])], JULY, FIRST_RUN).items() if "/data/" in name}
    expected = {(MAY, "chat"): 3, (JUNE, "chat"): D("15.1"), (JUNE, "search"): D("0.000000000001")}

    outcome = disk.run(may | first | july)
    assert outcome.code == 3
    assert costs(disk.place) == expected
    (said,) = messages(disk.place, "file_refused")
    assert said.startswith("A month's data is there without its manifest; in source bill, folder daily/data/BILLING_PERIOD=2026-07")
    assert said.endswith("there is no earlier version")

    changed = june([focus_line(date(2026, 6, 1), "999")], ONE, TWO, execution=SECOND_RUN)
    data_only = {name: data for name, data in (may | changed).items() if "/data/" in name}
    assert disk.run(may | {name: data for name, data in changed.items() if "/data/" in name}).code == 3
    assert costs(disk.place) == expected, "June is neither withdrawn nor read by its files"
    assert disk.run(data_only).code == 3
    assert costs(disk.place) == expected
    assert all(said.endswith("the last good version stays in use") for said in messages(disk.place, "file_refused"))
    assert messages(disk.place, "file_withdrawn") == []

    assert disk.run(may | changed).code == 0
    assert costs(disk.place)[JUNE, "chat"] == D("1014.1")


def test_a_chunk_that_is_not_whole_refuses_the_whole_month(disk: Delivered) -> None:
    first, second = june(ONE, TWO, sizes=True), june(ONE, [*TWO, *ONE], execution=SECOND_RUN)
    assert disk.run(first).code == 0
    before = costs(disk.place)
    torn = {name: data[:-20] if "00002" in name else data for name, data in second.items()}
    promised = {manifest_of(second): june(ONE, [*TWO, *ONE], execution=THIRD_RUN, sizes=True)[manifest_of(second)]}
    for tree, what in ((torn, "The file is truncated"), (torn | promised, "A data file has another size than its manifest says")):
        outcome = disk.run(tree)
        assert outcome.code == 3
        assert what in outcome.source("bill")["refused"][0]
        assert costs(disk.place) == before, "not even the chunk that is whole"


def test_a_correction_lands_on_its_day_and_in_its_own_billing_period(disk: Delivered) -> None:
    may = aws_export([csv_gz([focus_line(date(2026, 5, 31), "100")])], MAY, FIRST_RUN)
    correction = focus_line(date(2026, 5, 31), "-40", period=JUNE, ChargeClass="Correction", ChargeDescription="Correction of May")
    assert disk.run(may | june([*ONE, correction]), *LAST).code == 0
    found = disk.place.query(
        "SELECT usage_date, billing_period, accounting_month, billed_cost FROM cost_daily WHERE usage_date < '2026-06-01' ORDER BY 2"
    )
    assert found == [(date(2026, 5, 31), MAY, MAY, 100), (date(2026, 5, 31), JUNE, MAY, -40)]
    assert disk.place.query("SELECT period, source_billed FROM reconciliation ORDER BY 1") == [(MAY, 100), (JUNE, D("-29.899999999999"))]
    assert disk.place.query("SELECT month, sum(effective_cost) FROM cost_monthly GROUP BY 1 ORDER BY 1") == [(MAY, 60), (JUNE, D("10.10"))]
    assert disk.place.value("SELECT rows FROM data_quality WHERE check_name = 'charge_outside_billing_period'") == 1


def test_a_bad_row_is_named_by_its_own_file_and_its_row_in_it(disk: Delivered) -> None:
    second = [focus_line(date(2026, 6, day), "1") for day in (4, 5, 6)]
    second[1] |= {"ChargeCategory": "Usages"}
    second[2] |= {"BilledCost": "n/a"}
    disk.place.edit("path: bill/", "path: bill/, max_quarantined_pct: 30")
    assert disk.run(june([*ONE, *TWO], second, TWO)).code == 0
    found = disk.place.query("SELECT file, row_number, billed_cost, effective_cost FROM quarantine ORDER BY ALL")
    chunk = "daily/data/BILLING_PERIOD=2026-06/daily-00002.csv.gz"
    assert found == [(chunk, 2, 1, 1), (chunk, 3, None, 1)]
    assert_every_cent_is_there(disk.place)
    assert costs(disk.place)[JUNE, "chat"] == D("21.1")


def test_two_chunks_of_the_same_rows_both_count(disk: Delivered) -> None:
    """Rows have no key: equal ones are two charges, in one file or in two."""
    assert disk.run(june(TWO, TWO, ONE)).code == 0
    assert costs(disk.place)[JUNE, "chat"] == D("20.1")


def test_the_partition_s_folder_is_no_column_and_a_column_of_its_name_is(disk: Delivered) -> None:
    """The files say another period, of another type, than their folders would; one lacks a column that its folder has."""
    rows = [row | {"BILLING_PERIOD": "no month", "Region": "eu"} for row in ONE]
    tree = {"BILLING_PERIOD=2026-06/a.csv.gz": csv_gz(rows), "BILLING_PERIOD=2026-06/ServiceName=Nobody/b.snappy.parquet": snappy(TWO)}
    tree["billing_period=2026-05/c.parquet"] = snappy([row | {"BILLING_PERIOD": "x", "EffectiveCost": "7"} for row in TWO])
    tree["SkuId=7/d.csv"] = gzip.decompress(csv_gz([{name: value for name, value in TWO[0].items() if name != "SkuId"}]))
    assert disk.run(tree).code == 0
    assert costs(disk.place) == {(JUNE, "chat"): D("27.1"), (JUNE, "search"): D("0.000000000001")}
    assert disk.place.query("SELECT DISTINCT service, region FROM cost_daily") == [("Amazon Bedrock", "us-east-1")]
    assert disk.place.query("SELECT count(*) FROM quarantine") == [(0,)]


# -- AWS Data Exports, CUR 2.0

PLAN, RESERVED = "arn:aws:savingsplans::111111111111:savingsplan/sp-1", "arn:aws:ec2:us-east-1:111111111111:reserved-instances/ri-1"


def cur_lines() -> list[Row]:
    """A day of June with one line of every kind. The plan: 5 an hour, of which 4 cover usage of 6.4 on demand; the reservation leaves 1.75 unused."""
    plan, reserved = {"savings_plan_savings_plan_a_r_n": PLAN}, {"reservation_reservation_a_r_n": RESERVED}
    return [
        cur_line("Usage", "10.123456789012"),
        cur_line("SavingsPlanCoveredUsage", "6.4", **plan, savings_plan_savings_plan_effective_cost="4"),
        cur_line("SavingsPlanNegation", "-6.4", **plan),
        cur_line("SavingsPlanRecurringFee", "5", workload=None, **plan, savings_plan_total_commitment_to_date="5", savings_plan_used_commitment="4"),
        cur_line("SavingsPlanUpfrontFee", "1000", workload=None, **plan),
        cur_line("DiscountedUsage", "0", workload="search", **reserved, reservation_effective_cost="0.25"),
        cur_line(
            "RIFee",
            "2",
            workload=None,
            **reserved,
            reservation_unused_amortized_upfront_fee_for_billing_period="0.5",
            reservation_unused_recurring_fee="1.25",
        ),
        cur_line("Fee", "300", workload=None, **reserved),
        cur_line("Fee", "7", workload=None),
        cur_line("Tax", "21", workload=None),
        cur_line("Credit", "-3", workload=None),
        cur_line("Refund", "-2", workload=None),
        cur_line("EdpDiscount", "-1", workload=None),
        cur_line("PrivateRateDiscount", "-0.5", workload=None),
        cur_line("BundledDiscount", "-0.25", workload=None),
        cur_line("Usage", "99", line_item_operation="EKSPod-EC2"),
    ]


CUR_BILLED = D("10.123456789012") + 5 + 1000 + 2 + 300 + 7 + 21 - 3 - 2 - 1 - D("0.5") - D("0.25")
CUR_EFFECTIVE = D("10.123456789012") + 4 + 1 + D("0.25") + D("1.75") + 7 + 21 - 3 - 2 - 1 - D("0.5") - D("0.25")


def cur_parquet(rows: Sequence[Row]) -> bytes:
    return snappy(rows, CUR_DOUBLES)


@pytest.mark.parametrize(("where", "write", "create_new"), [("bucket", cur_parquet, False), ("disk", csv_gz, True)])
def test_every_kind_of_line_of_a_cur_2(tmp_path: Path, s3_url: str, where: str, write: Callable[[Sequence[Row]], bytes], create_new: bool) -> None:
    delivered = in_bucket(tmp_path, s3_url, "aws_cur2") if where == "bucket" else on_disk(tmp_path, "aws_cur2")
    place, lines = delivered.place, cur_lines()
    ending = "csv.gz" if write is csv_gz else "snappy.parquet"
    tree = june(lines[:7], lines[7:], write=write, ending=ending, create_new=create_new)
    assert delivered.run(tree, *LAST).code == 0
    assert place.query("SELECT period, currency, source_billed, source_effective, quarantined_billed, status FROM reconciliation") == [
        (JUNE, "USD", CUR_BILLED, CUR_EFFECTIVE, 0, "ok")
    ]
    assert_every_cent_is_there(place)
    by = "SELECT workload_id, charge_category, sum(billed_cost), sum(effective_cost) FROM cost_daily GROUP BY ALL ORDER BY ALL"
    assert place.query(by) == [
        ("chat", "Usage", D("10.123456789012"), D("14.123456789012")),
        ("search", "Usage", 0, D("0.25")),
        ("unattributed", "Adjustment", D("-1.75"), D("-1.75")),
        ("unattributed", "Credit", -5, -5),
        ("unattributed", "Purchase", 1307, 7),
        ("unattributed", "Tax", 21, 21),
        ("unattributed", "Usage", 7, D("2.75")),
    ]
    assert place.query("SELECT cost_category, sum(effective_cost) FROM cost_daily WHERE cost_category = 'commitment_unused' GROUP BY 1") == [
        ("commitment_unused", D("2.75"))
    ]
    assert place.query("SELECT DISTINCT usage_date FROM cost_daily") == [(date(2026, 6, 10),)]

    restated = june([cur_line("Usage", "1")], write=write, ending=ending, create_new=create_new, execution=SECOND_RUN)
    assert delivered.run(tree | restated, *LAST).code == 0
    assert place.query("SELECT source_billed, source_effective FROM reconciliation") == [(1, 1)]


# -- Azure


def azure(rows: Sequence[Row], run: str, submitted: str, **manifest: Any) -> Tree:
    return azure_run([azure_part(rows)], len(rows), run, submitted, **manifest)


EARLY, LATE = azure(ONE, FIRST_RUN, "2026-06-03T05:00:00.1234567Z"), azure([*ONE, *TWO], SECOND_RUN, "2026-06-04T05:00:00Z")


def test_month_to_date_runs_replace_each_other(disk: Delivered) -> None:
    assert disk.run(EARLY).code == 0
    assert costs(disk.place) == {(JUNE, "chat"): D("10.1"), (JUNE, "search"): D("0.000000000001")}
    assert disk.run(EARLY | LATE, *LAST).code == 0
    assert costs(disk.place) == {(JUNE, "chat"): D("15.1"), (JUNE, "search"): D("0.000000000001")}
    assert statuses(disk.place) == {JUNE: "no_tax_in_source"}
    # July's first days hold June once more, under July's folder, and July itself
    again = azure([*ONE, *TWO, focus_line(date(2026, 6, 30), "1")], THIRD_RUN, "2026-07-02T05:00:00Z", folder_month=JULY)
    july = azure([focus_line(date(2026, 7, 1), "8")], THIRD_RUN[:-1] + "9", "2026-07-02T05:00:01Z", month=JULY)
    outcome = disk.run(EARLY | LATE | again | july)
    assert (outcome.code, outcome.source("bill")["periods"]) == (0, ["2026-06", "2026-07"])
    assert costs(disk.place) == {(JUNE, "chat"): D("16.1"), (JUNE, "search"): D("0.000000000001"), (JULY, "chat"): 8}
    assert statuses(disk.place) == {JUNE: "no_tax_in_source", JULY: "provisional"}
    assert_every_cent_is_there(disk.place)


def test_two_exports_below_one_path_are_refused_and_the_last_good_version_stays(disk: Delivered) -> None:
    assert disk.run(LATE).code == 0
    before = costs(disk.place)
    outcome = disk.run(LATE | azure(ONE, THIRD_RUN, "2026-06-05T05:00:00Z", export="hourly"))
    assert outcome.code == 3
    assert "exports daily, hourly" in outcome.source("bill")["refused"][0]
    assert costs(disk.place) == before
    assert statuses(disk.place) == {JUNE: "stale"}


WHOLE = [*ONE, focus_line(date(2026, 6, 5), "7")]
WRONG_BLOBS = [{"blobName": f"finance/daily/20260601-20260630/{THIRD_RUN}/part_0_0001.csv.gz", "byteCount": 1}]


def test_a_run_that_is_not_what_its_manifest_says_is_refused_and_no_older_run_is_read(disk: Delivered) -> None:
    """The older run that lies there is not what was ingested last: reading it would take money back that was in the books."""
    assert disk.run(EARLY | LATE).code == 0
    before = costs(disk.place)
    for wrong, what in (
        ({"dataRowCount": 4}, "don't hold the rows that its manifest says"),
        ({"byteCount": 17}, "another size in all than its manifest says"),
        ({"byteCount": None, "blobs": WRONG_BLOBS}, "A data file has another size"),
        ({"blobCount": 2}, "another number of blobs"),
    ):
        outcome = disk.run(EARLY | azure(WHOLE, THIRD_RUN, "2026-06-05T05:00:00Z", **wrong))
        assert outcome.code == 3
        (said,) = outcome.source("bill")["refused"]
        assert what in said
        assert costs(disk.place) == before
        assert statuses(disk.place) == {JUNE: "stale"}
        assert messages(disk.place, "file_refused")[0].endswith("the last good version stays in use")
    assert crossover("status", "--config", disk.place.configuration).code == 3

    assert disk.run(EARLY | azure(WHOLE, THIRD_RUN, "2026-06-05T05:00:00Z")).code == 0
    assert costs(disk.place)[JUNE, "chat"] == D("17.1")


def test_azure_s_times_without_zone_and_seconds_are_utc(disk: Delivered) -> None:
    without_zone = azure_run(
        [csv_gz([row | {"ProviderName": "Microsoft"} for row in ONE], bom=False, time="%Y-%m-%dT%H:%M")], 2, FIRST_RUN, "2026-06-03T05:00:00"
    )
    assert disk.run(without_zone).code == 0
    assert disk.place.query("SELECT usage_date, sum(billed_cost) FROM cost_daily GROUP BY 1 ORDER BY 1") == [
        (date(2026, 6, 1), D("10.1")),
        (date(2026, 6, 2), D("0.000000000001")),
    ]


# -- Google Cloud


def gcp_rows() -> list[Row]:
    """June's invoice: usage of June netted by its credits, its tax; July's invoice: usage of the last UTC hours of June."""
    late = {
        "usage_start_time": ONE[0]["ChargePeriodStart"].replace(day=30, hour=23),
        "usage_end_time": ONE[0]["ChargePeriodEnd"].replace(month=7, day=1),
    }
    return [
        gcp_line(0.1, [-0.02, -0.03]),
        gcp_line(0.2, workload="search"),
        gcp_line(3.0, [-3.0]),
        gcp_line(0.5, workload=None, cost_type="tax"),
        gcp_line(-0.000001, workload=None, cost_type="rounding_error"),
        gcp_line(4.0, [-1.5], month="202607", **late),
    ]


def test_invoice_months_of_google_s_export(tmp_path: Path) -> None:
    rows = gcp_rows()
    tree = {f"invoice_month=202606/part-00000000000{n}.json": ndjson(part) for n, part in enumerate((rows[:2], rows[2:5]))}
    tree["invoice_month=202607/part-000000000000.json"] = ndjson(rows[5:])
    delivered = on_disk(tmp_path, "gcp_billing")
    place = delivered.place
    assert delivered.run(tree, *LAST).code == 0
    assert costs(place) == {
        (JUNE, "chat"): D("0.05"),
        (JUNE, "search"): D("0.2"),
        (JUNE, "unattributed"): D("0.499999"),
        (JULY, "chat"): D("2.5"),
    }
    assert place.query("SELECT usage_date, billed_cost FROM cost_daily WHERE billing_period = '2026-07-01'") == [(date(2026, 6, 30), D("2.5"))]
    assert place.query("SELECT period, source_billed, status FROM reconciliation ORDER BY 1") == [(JUNE, D("0.749999"), "ok"), (JULY, D("2.5"), "ok")]
    assert place.query("SELECT charge_category, sum(billed_cost) FROM cost_daily WHERE workload_id = 'unattributed' GROUP BY 1 ORDER BY 1") == [
        ("Adjustment", D("-0.000001")),
        ("Tax", D("0.5")),
    ]
    assert_every_cent_is_there(place)

    # the month is written anew, in one file less
    restated = {name: data for name, data in tree.items() if "part-000000000001" not in name}
    outcome = delivered.run(restated, *LAST)
    assert (outcome.code, outcome.source("bill")["changed"]) == (0, 1)
    assert costs(place) == {(JUNE, "chat"): D("0.05"), (JUNE, "search"): D("0.2"), (JULY, "chat"): D("2.5")}


def test_google_s_two_formats_give_the_same_books(tmp_path: Path) -> None:
    found = []
    for write in (ndjson, gcp_parquet):
        delivered = on_disk(tmp_path / write.__name__, "gcp_billing")
        assert delivered.run({f"invoice_month=202606/part.{'json' if write is ndjson else 'parquet'}": write(gcp_rows())}).code == 0
        found.append(books(delivered.place))
    assert found[0] == found[1]


# -- a source that fails, fails alone


class _Forbidding(BaseHTTPRequestHandler):
    """A store that denies everything, as S3 words it."""

    def do_GET(self) -> None:
        body = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>User alice is not authorized</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def forbidding_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Forbidding)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def closed_url() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize(
    ("failure", "what"),
    [("closed_url", "The store can't be reached"), ("forbidding_url", "The credentials lack a permission"), ("s3_url", "There is no such bucket")],
)
def test_a_store_that_fails_does_not_stop_the_others(tmp_path: Path, request: pytest.FixtureRequest, failure: str, what: str) -> None:
    url = request.getfixturevalue(failure)
    remote = f"{{id: remote, kind: focus, path: 's3://no-such-bucket/exports/', endpoint_url: '{url}'}}"
    place = company(tmp_path, remote, BILL)
    lay(june(ONE, TWO), place.folder / "bill")

    outcome = place.run(*LAST)

    assert (outcome.code, outcome.document["status"]) == (3, "published with refusals")
    assert costs(place) == {(JUNE, "chat"): D("15.1"), (JUNE, "search"): D("0.000000000001")}
    assert statuses(place) == {JUNE: "ok"}
    ((subject, severity, message),) = place.query("SELECT subject, severity, message FROM data_quality WHERE severity = 'error'")
    assert (subject, severity) == ("remote", "error")
    assert what in message
    assert message.endswith("there is no earlier version")
    status = crossover("status", "--config", place.configuration)
    assert status.code == 3
    assert "source_unreachable" in status.out
    check = crossover("check", "--json", "--config", place.configuration)
    problems = {source["source"]: source["problem"] for source in check.document["sources"]}
    assert check.code == 3
    assert what in problems["remote"]
    assert problems["bill"] is None
    assert "alice" not in outcome.out + outcome.err + status.out + check.out


def test_a_store_that_is_down_today_keeps_yesterday_s_books(tmp_path: Path, s3_url: str, closed_url: str) -> None:
    delivered = in_bucket(tmp_path, s3_url)
    place = delivered.place
    assert delivered.run(june(ONE, TWO), *LAST).code == 0
    before = costs(place)
    place.edit(f"endpoint_url: '{s3_url}'", f"endpoint_url: '{closed_url}'")
    assert place.run(*LAST).code == 3
    assert costs(place) == before
    assert statuses(place) == {JUNE: "stale"}
    place.edit(f"endpoint_url: '{closed_url}'", f"endpoint_url: '{s3_url}'")
    outcome = place.run(*LAST)
    assert (outcome.code, outcome.source("bill")["changed"]) == (0, 0)
    assert statuses(place) == {JUNE: "ok"}


def test_what_was_superseded_is_listed_and_its_files_are_pruned(disk: Delivered) -> None:
    disk.place.edit("currency: USD", "currency: USD\nretention: {superseded_versions: 1}")
    for number, execution in enumerate((FIRST_RUN, SECOND_RUN, THIRD_RUN), 1):
        assert disk.run(june(TWO * number, ONE, execution=execution)).code == 0
    found = disk.place.query("SELECT version, files, rows, superseded_at IS NULL FROM ingestions ORDER BY 1")
    assert found == [(1, 2, 3, False), (2, 2, 4, False), (3, 2, 5, True)]
    assert disk.place.value("SELECT count(DISTINCT sha256) FROM ingestions") == 3
    landed = [file for file in (disk.place.folder / "var/landing/bill").rglob("*") if file.is_file()]
    assert len(landed) == 3, "the second chunk, which stayed, and the first one's last two versions"


def test_the_same_run_twice_reads_nothing(disk: Delivered) -> None:
    tree = june(ONE, TWO)
    assert disk.run(tree).code == 0
    first = books(disk.place)
    outcome = disk.run(tree)  # every file was written again
    assert (outcome.code, outcome.source("bill")["changed"], outcome.source("bill")["rows"]) == (0, 0, 0)
    # another execution that delivers the same: AWS refreshes a month daily, changed or not
    outcome = disk.run(june(ONE, TWO, execution=SECOND_RUN))
    assert (outcome.code, outcome.source("bill")["changed"]) == (0, 0)
    assert books(disk.place) == first
    assert disk.place.query("SELECT version FROM ingestions") == [(1,)]


def test_a_folder_of_several_clouds_is_read_as_one_source(disk: Delivered) -> None:
    """Exports with manifests beside a vendor's plain file."""
    write_rows(disk.place.folder / "vendor.csv", [{name: value for name, value in focus_line(JUNE, "2").items() if name != "Tags"}])
    plain = (disk.place.folder / "vendor.csv").read_bytes()
    assert disk.run(june(ONE) | LATE | {"vendor/june.csv": plain}).code == 0
    assert costs(disk.place) == {(JUNE, "chat"): D("25.2"), (JUNE, "search"): D("0.000000000002"), (JUNE, "unattributed"): 2}


def test_doubles_are_read_by_their_shortest_text(disk: Delivered) -> None:
    """0.1 + 0.2 is 0.30000000000000004; 1e-13 is below what is kept; large numbers keep every digit that a DOUBLE has."""
    values = [0.1 + 0.2, 1e-13, 123456789.123456789, 0.1, 0.1]
    rows = [focus_line(date(2026, 6, number + 1), "0") for number in range(len(values))]
    table = pa.table({name: [row[name] for row in rows] for name in rows[0] if name not in ("Tags", "BilledCost", "EffectiveCost", "ChargeClass")})
    table = table.append_column("BilledCost", pa.array(values)).append_column("EffectiveCost", pa.array(values))
    assert disk.run({"bill.parquet": parquet(table)}).code == 0
    found = disk.place.query("SELECT billed_cost FROM cost_daily ORDER BY usage_date")
    assert [cost for (cost,) in found] == [D("0.3"), 0, D("123456789.12345679"), D("0.1"), D("0.1")]

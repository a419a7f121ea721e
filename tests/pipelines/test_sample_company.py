"""The sample company: the same bytes every time, and a truth.json that equals what a reader of the files adds up."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow.parquet as pq
import pytest

from models.config import load_company
from models.config.sources import SourceKind
from models.errors import ConfigError
from pipelines.sample_company import SampleCompany, write_sample_company
from pipelines.sample_company.logs import usage_of
from pipelines.sample_company.months import add_months, last_day, months_ending
from pipelines.sample_company.small_workloads import SMALL_WORKLOADS
from pipelines.sample_company.story import STREAMS, WORKLOADS, Stream, Traffic

LAST_MONTH = date(2026, 9, 1)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> SampleCompany:
    return write_sample_company(tmp_path_factory.mktemp("sample") / "company", LAST_MONTH)


@pytest.fixture(scope="module")
def truth(company: SampleCompany) -> dict:
    return json.loads(company.truth.read_text())


def hashes(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows_of(path: Path) -> list[dict[str, str]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(csv.DictReader(content.decode().splitlines()))


def test_the_same_arguments_give_the_same_bytes(company: SampleCompany, tmp_path: Path) -> None:
    again = write_sample_company(tmp_path / "elsewhere", LAST_MONTH)
    assert hashes(again.directory) == hashes(company.directory)


def test_another_seed_changes_the_logs_but_not_the_people(company: SampleCompany, tmp_path: Path) -> None:
    other = hashes(write_sample_company(tmp_path / "other", LAST_MONTH, seed=8).directory)
    first = hashes(company.directory)
    assert other["logs/openai-2026-09.csv"] != first["logs/openai-2026-09.csv"]
    assert other["hr/allocations.csv"] == first["hr/allocations.csv"]
    assert other["workloads.yaml"] == first["workloads.yaml"]


def test_a_stream_draws_its_own_numbers() -> None:
    months = months_ending(LAST_MONTH, 12)
    stream = Stream(None, "a-log", {"model": "m"}, Traffic(10, 100, 10), last_days=7)
    assert usage_of(stream, months, 7) == usage_of(stream, months, 7)
    assert usage_of(stream, months, 7) != usage_of(Stream(None, "another-log", {"model": "m"}, stream.traffic, last_days=7), months, 7)


def test_the_files_are_small(company: SampleCompany) -> None:
    assert sum(path.stat().st_size for path in company.directory.rglob("*") if path.is_file()) < 25_000_000


def test_the_company_tells_what_it_is_good_for(company: SampleCompany) -> None:
    assert company.as_of == date(2026, 9, 30)
    assert company.quarter == "2026-Q3"
    assert company.config == company.directory / "crossover.yaml"


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="needs a folder of its own") as refusal:
        write_sample_company(tmp_path, LAST_MONTH)
    assert refusal.value.where == str(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_month_must_begin_on_its_first_day(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="by its first day"):
        write_sample_company(tmp_path / "company", date(2026, 9, 30))
    assert not (tmp_path / "company").exists()


def test_february_can_be_the_last_month(tmp_path: Path) -> None:
    company = write_sample_company(tmp_path / "company", date(2028, 2, 1))
    truth = json.loads(company.truth.read_text())
    assert (truth["months"][0], truth["months"][-1], truth["as_of"], truth["quarter"]) == ("2027-03", "2028-02", "2028-02-29", "2028-Q1")


@pytest.mark.parametrize(("month", "count", "expected"), [((2026, 1), -1, (2025, 12)), ((2025, 12), 1, (2026, 1)), ((2026, 9), -11, (2025, 10))])
def test_months_are_added_across_years(month: tuple[int, int], count: int, expected: tuple[int, int]) -> None:
    assert add_months(date(*month, 1), count) == date(*expected, 1)


# --- truth against the files


def american_rows(company: SampleCompany) -> Iterator[dict[str, str]]:
    for path in sorted((company.directory / "billing" / "aws").iterdir()):
        yield from rows_of(path)


def test_the_american_bill_is_what_truth_says(company: SampleCompany, truth: dict) -> None:
    for month, expected in truth["money"]["aws"]["periods"].items():
        rows = rows_of(company.directory / "billing" / "aws" / f"focus-{month}.csv.gz")
        assert {row["BillingPeriodStart"] for row in rows} == {f"{month}-01T00:00:00Z"}
        assert len(rows) == expected["rows"]
        assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal(expected["billed"])
        assert sum(Decimal(row["EffectiveCost"]) for row in rows) == Decimal(expected["effective"])


def test_the_european_bill_is_what_truth_says_in_the_shortest_text_of_its_doubles(company: SampleCompany, truth: dict) -> None:
    for month, expected in truth["money"]["nordmeer"]["periods"].items():
        table = pq.read_table(company.directory / "billing" / "nordmeer" / f"focus-{month}.parquet")
        assert table.num_rows == expected["rows"]
        assert sum(Decimal(repr(cost)) for cost in table["BilledCost"].to_pylist()) == Decimal(expected["billed"])
        assert sum(Decimal(repr(cost)) for cost in table["EffectiveCost"].to_pylist()) == Decimal(expected["effective"])


@pytest.mark.parametrize(("source", "file"), [("lambda", "lambda.csv"), ("openai-invoice", "openai.csv")])
def test_the_invoices_are_what_truth_says(company: SampleCompany, truth: dict, source: str, file: str) -> None:
    sums: dict[str, Decimal] = {}
    for row in rows_of(company.directory / "invoices" / file):
        sums[row["start"][:7]] = sums.get(row["start"][:7], Decimal(0)) + Decimal(row["amount"])
    assert sums == {month: Decimal(period["billed"]) for month, period in truth["money"][source]["periods"].items()}


def test_the_invoice_of_the_last_month_has_not_come(truth: dict) -> None:
    assert max(truth["money"]["openai-invoice"]["periods"]) == "2026-08"
    assert max(truth["money"]["lambda"]["periods"]) == "2026-09"


@pytest.mark.parametrize(
    ("source", "prefix", "requests", "input_tokens", "output_tokens", "cached"),
    [
        ("gateway-openai", "openai", "num_requests", "input_tokens", "output_tokens", "input_cached_tokens"),
        ("gateway-google", "google", "requests", "prompt_tokens", "candidate_tokens", "cached_content_tokens"),
    ],
)
def test_logs_whose_input_includes_the_cache(
    company: SampleCompany, truth: dict, source: str, prefix: str, requests: str, input_tokens: str, output_tokens: str, cached: str
) -> None:
    for month, expected in truth["logs"][source].items():
        sums = pl.read_csv(company.directory / "logs" / f"{prefix}-{month}.csv").sum()
        assert sums[requests].item() == expected["requests"]
        assert sums[input_tokens].item() == expected["input_uncached_tokens"] + expected["cache_read_tokens"]
        assert sums[cached].item() == expected["cache_read_tokens"]
        assert sums[output_tokens].item() == expected["output_tokens"]


def test_the_log_whose_input_excludes_the_cache(company: SampleCompany, truth: dict) -> None:
    for month, expected in truth["logs"]["gateway-anthropic"].items():
        sums = pl.read_csv(company.directory / "logs" / f"anthropic-{month}.csv").sum()
        assert sums["input_tokens"].item() == expected["input_uncached_tokens"]
        assert sums["cache_read_input_tokens"].item() == expected["cache_read_tokens"]
        assert sums["cache_creation_input_tokens"].item() == expected["cache_write_tokens"]


def test_the_pools_logs_tell_each_workloads_tokens(company: SampleCompany, truth: dict) -> None:
    for month in truth["months"]:
        log = pl.read_csv(company.directory / "logs" / f"pools-{month}.csv", columns=["workload", "requests", "input_tokens", "output_tokens"])
        for workload, requests, input_tokens, output_tokens in log.group_by("workload").sum().iter_rows():
            expected = truth["workloads"][workload]["months"][month]
            assert (requests, input_tokens, output_tokens) == (
                expected["requests"],
                expected["input_uncached_tokens"],
                expected["output_tokens"],
            )


def test_the_daily_log_is_what_truth_says(company: SampleCompany, truth: dict) -> None:
    days = pl.read_csv(company.directory / "logs" / "policy-summaries.csv")
    for month, expected in truth["workloads"]["policy-summaries"]["months"].items():
        assert days.filter(pl.col("day").str.starts_with(month))["input_tokens"].sum() == expected["input_uncached_tokens"]


def test_single_requests_in_local_time_add_up_to_the_utc_month(company: SampleCompany, truth: dict) -> None:
    for month, expected in truth["workloads"]["internal-search"]["months"].items():
        lines = (company.directory / "logs" / f"search-{month}.ndjson").read_text().splitlines()
        requests = [json.loads(line) for line in lines]
        assert len(requests) == expected["requests"]
        assert sum(request["prompt_tokens"] for request in requests) == expected["input_uncached_tokens"] + expected["cache_read_tokens"]
        first = datetime.fromisoformat(requests[0]["time"]).replace(tzinfo=ZoneInfo("Europe/Berlin"))
        assert f"{first.astimezone(ZoneInfo('UTC')):%Y-%m}" == month


def test_the_rented_pools_cost_is_what_truth_says(company: SampleCompany, truth: dict) -> None:
    served: dict[str, Decimal] = {}
    unused: dict[str, Decimal] = {}
    for row in american_rows(company):
        month, effective = row["ChargePeriodStart"][:7], Decimal(row["EffectiveCost"])
        if json.loads(row["Tags"] or "{}").get("pool") == "core-70b":
            served[month] = served.get(month, Decimal(0)) + effective
        if row["CommitmentDiscountStatus"] == "Unused":
            unused[month] = unused.get(month, Decimal(0)) + effective
    expected = truth["pools"]["core-70b"]["months"]
    assert served == {month: Decimal(cost["gpu"]) for month, cost in expected.items()}
    assert unused == {month: Decimal(cost["commitment_unused"]) for month, cost in expected.items()}
    assert served["2026-09"] == Decimal("28532.7360")  # 30 days x 24 h x $39.6288


def test_the_owned_machine_costs_its_days(truth: dict) -> None:
    months = truth["pools"]["vault-8b"]["months"]
    # (64,000 - 4,000) / 36 + 350 a month, and 2.6 kW x 1.4 x 0.21 EUR/kWh
    assert Decimal(months["2025-10"]["gpu"]) == 0
    assert Decimal(months["2025-11"]["gpu"]) == pytest.approx(Decimal("2016.6666666667") * 16 / 30 + Decimal("0.7644") * 24 * 16, abs=Decimal("1e-9"))
    assert Decimal(months["2026-09"]["gpu"]) == pytest.approx(Decimal("2016.6666666667") + Decimal("0.7644") * 720, abs=Decimal("1e-9"))


def test_the_employees_fte_is_what_truth_says(company: SampleCompany, truth: dict) -> None:
    rows = rows_of(company.directory / "hr" / "allocations.csv")
    for month, expected in truth["people"]["employees"].items():
        first = date.fromisoformat(f"{month}-01")
        day_count = last_day(first).day
        days = [(first + timedelta(days=offset)).isoformat() for offset in range(day_count)]
        covered = sum(Decimal(row["percent"]) / 100 * sum(row["valid_from"] <= day <= row["valid_to"] for day in days) for row in rows)
        assert Decimal(expected["total"]) == pytest.approx(covered / day_count, abs=Decimal("1e-11"))


def test_the_contractors_come_in_a_workbook(company: SampleCompany, truth: dict) -> None:
    sheet = pl.read_excel(company.directory / "hr" / "contractors.xlsx")
    assert sheet["person_id"].to_list() == ["C-2001", "C-2002", "C-2003"]
    assert sheet["start"].to_list() == [date(2025, 10, 1), date(2025, 12, 10), date(2026, 1, 1)]
    assert Decimal(truth["people"]["contractors"]["2026-09"]["total"]) == Decimal("0.75")


# --- the small sources: what a reader of their files adds up by hand, in September 2026 (22 working days, 4 Mondays)


def page(path: Path) -> dict:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return json.loads(content, parse_float=Decimal)


def billed(truth: dict, source: str, month: str = "2026-09") -> Decimal:
    return Decimal(truth["money"][source]["periods"][month]["billed"])


def test_openais_pages_tell_of_usage_and_dollars(company: SampleCompany, truth: dict) -> None:
    saved = company.directory / "saved" / "openai"
    used = [row for bucket in page(saved / "usage-2026-09.json")["data"] for row in bucket["results"]]
    # 4,100 requests of 1,200 tokens in, 300 of them cached
    assert {(row["num_model_requests"], row["input_tokens"], row["input_cached_tokens"]) for row in used} == {(4_100, 4_920_000, 1_230_000)}
    charged = [row["amount"]["value"] for bucket in page(saved / "costs-2026-09.json")["data"] for row in bucket["results"]]
    # a day: 3.69 million at $0.15, 1.23 million at $0.075, 1.64 million at $0.60
    assert sum(charged) == 22 * (Decimal("0.5535") + Decimal("0.09225") + Decimal("0.984")) == billed(truth, "openai-reports")


def test_anthropics_pages_tell_of_cents(company: SampleCompany, truth: dict) -> None:
    (saved,) = (company.directory / "saved" / "anthropic").glob("cost-2026-09-*.json")
    cents = [Decimal(row["amount"]) for bucket in page(saved)["data"] for row in bucket["results"]]
    # a day: 3.15 million at $1, 1.05 million at $0.10, 0.21 million at $1.25, 0.42 million at $5, and searches for 12 cents
    assert sum(cents) == 22 * (315 + Decimal("10.5") + Decimal("26.25") + 210 + 12)
    assert sum(cents) / 100 == billed(truth, "anthropic-reports")


def test_a_month_of_anthropics_costs_was_saved_again_when_it_was_whole(company: SampleCompany, truth: dict) -> None:
    early, late = sorted((company.directory / "saved" / "anthropic").glob("cost-2026-06-*.json"))
    sums = [sum(Decimal(row["amount"]) for bucket in page(path)["data"] for row in bucket["results"]) / 100 for path in (early, late)]
    assert (early.stem[-10:], late.stem[-10:]) == ("2026-07-01", "2026-07-08")
    assert sums[0] == sums[1] * 20 / 22
    assert sums[1] == billed(truth, "anthropic-reports", "2026-06")


def test_openrouters_answer_reaches_back_thirty_days(company: SampleCompany, truth: dict) -> None:
    rows = page(company.directory / "saved" / "openrouter" / "activity-2026-09-30.json")["data"]
    assert (rows[0]["date"], rows[-1]["date"], len(rows)) == ("2026-09-01", "2026-09-30", 30)
    assert sum(row["usage"] for row in rows) == 30 * Decimal("0.07") == billed(truth, "openrouter")  # 100,000 at $0.40, 15,000 at $2


def test_the_gateways_rows_name_their_teams_and_servers(company: SampleCompany, truth: dict) -> None:
    rows = [json.loads(line) for line in (company.directory / "logs" / "litellm-2026-09.ndjson").read_text().splitlines()]
    of_team = {team: [row for row in rows if row["team_id"] == team] for team in ("team-labs", "team-care")}
    assert (len(of_team["team-labs"]), len(of_team["team-care"])) == (22 * 4, 22 * 6)
    assert {row["api_base"] for row in of_team["team-care"]} == {"http://core-70b.internal:8000/v1"}
    assert truth["workloads"]["reply-drafts"]["months"]["2026-09"]["input_uncached_tokens"] == 22 * 6 * 1_200
    assert len({row["litellm_call_id"] for row in rows}) == len(rows)


def test_bedrocks_objects_lie_under_their_hours(company: SampleCompany, truth: dict) -> None:
    folder = company.directory / "logs" / "bedrock" / "AWSLogs" / "210987650002" / "BedrockModelInvocationLogs" / "us-east-1"
    objects = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.json.gz"))
    assert len(objects) == 13  # the Mondays of July to September
    assert objects[-1] == "2026/09/28/06/20260928T060000000Z_202609280600.json.gz"
    records = [json.loads(line) for line in gzip.decompress((folder / objects[-1]).read_bytes()).splitlines()]
    assert sum(record["input"]["inputTokenCount"] for record in records) == 40 * 60_000
    assert truth["logs"]["bedrock"]["2026-09"]["output_tokens"] == 4 * 40 * 2_000


def test_the_second_accounts_export_is_what_its_manifest_names(company: SampleCompany, truth: dict) -> None:
    export = company.directory / "billing" / "aws-labs" / "labs-cur2"
    for month, expected in truth["money"]["aws-labs"]["periods"].items():
        manifest = page(export / "metadata" / f"BILLING_PERIOD={month}" / "labs-cur2-Manifest.json")
        (named,) = manifest["dataFiles"]
        data = export / "data" / f"BILLING_PERIOD={month}" / named["s3Uri"].rsplit("/", 1)[1]
        assert data.stat().st_size == named["size"]
        assert sum(Decimal(row["line_item_unblended_cost"]) for row in rows_of(data)) == Decimal(expected["billed"])
    # storage, four Mondays' notebooks and tokens, and 19 % on it
    before_tax = 250 * Decimal("0.023") + 4 * (8 * Decimal("0.23") + Decimal("2.4") * Decimal("0.06") + Decimal("0.08") * Decimal("0.24"))
    assert billed(truth, "aws-labs") == round(before_tax * Decimal("1.19"), 2) == Decimal("16.38")


def test_googles_invoice_month_is_not_the_month_of_use(company: SampleCompany, truth: dict) -> None:
    folder = company.directory / "billing" / "gcp" / "invoice_month=202608"
    rows = [json.loads(line, parse_float=Decimal) for path in folder.iterdir() for line in path.read_text().splitlines()]
    assert [row["usage_start_time"] for row in rows][-1] == "2026-09-01 03:00:00 UTC"
    credits = sum(credit["amount"] for row in rows for credit in row["credits"])
    # storage, four scans of two terabytes, of which one is free, and the evening's fifth of one
    assert sum(row["cost"] for row in rows) + credits == Decimal("11.50") + 4 * Decimal("12.50") - Decimal("6.25") + Decimal("1.25")
    assert billed(truth, "gcp", "2026-08") == Decimal("56.50")
    assert billed(truth, "gcp") == Decimal("55.25")


def test_coreweaves_hours_have_no_cost_and_a_rate_card(company: SampleCompany, truth: dict) -> None:
    hours = rows_of(company.directory / "billing" / "coreweave" / "focus-2026-09.csv")
    assert sum(int(row["ConsumedQuantity"]) for row in hours) == 12
    assert not {"BilledCost", "EffectiveCost"} & set(hours[0])
    prices = [(row["start"], row["end"], row["unit_price"]) for row in rows_of(company.directory / "coreweave-rates.csv")]
    assert prices == [("", "2026-08-01", "6.16"), ("2026-08-01", "", "5.90")]
    effective = {month: Decimal(period["effective"]) for month, period in truth["money"]["coreweave"]["periods"].items()}
    assert effective == {"2026-07": Decimal("73.92"), "2026-08": Decimal("70.80"), "2026-09": Decimal("70.80")}


def test_the_servers_counted_what_the_logs_tell_and_a_nightly_check(company: SampleCompany, truth: dict) -> None:
    series = page(company.directory / "metrics" / "vllm-2026-09.json.gz")["data"]["result"]
    counted: dict[str, int] = {}
    for each in series:
        values = [int(value) for _, value in each["values"]]
        assert len(values) == 30 * 24 + 1
        name = each["metric"]["__name__"]
        risen = sum(now - before if now >= before else now for before, now in pairwise(values))
        counted[name] = counted.get(name, 0) + risen
    logged = [truth["workloads"][workload]["months"]["2026-09"] for workload in ("document-extraction", "meeting-notes", "reply-drafts")]
    assert counted["vllm:prompt_tokens_total"] == sum(months["input_uncached_tokens"] for months in logged) + 30 * 10_000
    assert counted["vllm:generation_tokens_total"] == sum(months["output_tokens"] for months in logged) + 30 * 1_000
    assert counted["vllm:request_success_total"] == sum(months["requests"] for months in logged) + 30 * 20


def test_a_server_was_restarted(company: SampleCompany) -> None:
    series = page(company.directory / "metrics" / "vllm-2026-09.json.gz")["data"]["result"]
    restarts = [sum(int(b[1]) < int(a[1]) for a, b in pairwise(each["values"])) for each in series]
    assert sorted(restarts) == [0] * 9 + [1] * 3  # three counters of one of four servers


# --- what the story promises


def test_nobody_is_allocated_beyond_100_percent(company: SampleCompany) -> None:
    days = [date(2025, 10, 1) + timedelta(days=offset) for offset in range(365)]
    rows = rows_of(company.directory / "hr" / "allocations.csv")
    for person in {row["employee_number"] for row in rows}:
        own = [row for row in rows if row["employee_number"] == person]
        for day in days:
            assert sum(int(row["percent"]) for row in own if row["valid_from"] <= day.isoformat() <= row["valid_to"]) <= 100


def test_effective_costs_of_the_savings_plan_add_up_to_what_was_paid(company: SampleCompany) -> None:
    plan = [row for row in american_rows(company) if row["CommitmentDiscountId"]]
    assert sum(Decimal(row["BilledCost"]) for row in plan) == sum(Decimal(row["EffectiveCost"]) for row in plan) == 365 * 24 * 42


def test_price_times_quantity_is_the_cost(company: SampleCompany) -> None:
    for row in american_rows(company):
        if row["PricingQuantity"]:
            assert Decimal(row["PricingQuantity"]) * Decimal(row["ListUnitPrice"]) == Decimal(row["ListCost"])


def test_a_correction_lies_in_a_later_billing_period(company: SampleCompany) -> None:
    corrections = [row for row in american_rows(company) if row["ChargeClass"] == "Correction"]
    assert {(row["BillingPeriodStart"][:7], row["ChargePeriodStart"][:7]) for row in corrections} == {("2026-06", "2026-05")}
    assert sum(Decimal(row["BilledCost"]) for row in corrections) == 3 * (24 - 96) * Decimal("1.428")


def test_the_bill_has_credits_tax_support_and_a_refund(company: SampleCompany) -> None:
    rows = list(american_rows(company))
    assert sum(Decimal(row["BilledCost"]) for row in rows if row["ChargeCategory"] == "Credit") == -1500
    assert sum(row["ChargeCategory"] == "Tax" for row in rows) == 12
    assert sum(row["ServiceName"] == "AWS Support (Business)" for row in rows) == 12
    assert [row["BilledCost"] for row in rows if row["ChargeCategory"] == "Usage" and row["BilledCost"] == "-12.420"] == ["-12.420"]


def test_the_ledger_ties_but_for_one_month(company: SampleCompany, truth: dict) -> None:
    control = rows_of(company.directory / "ledger" / "control.csv")
    assert len(control) == 6 * 11
    differing = [line for line in truth["controls"] if line["status"] == "differs"]
    assert [(line["issuer"], line["period"]) for line in differing] == [("Nordmeer Cloud GmbH", "2026-06")]
    assert Decimal(differing[0]["billed"]) - Decimal(differing[0]["control"]) == 119
    for line in truth["controls"]:
        if line["issuer"] == "Nordmeer Cloud GmbH":
            assert Decimal(truth["money"]["nordmeer"]["periods"][line["period"]]["billed"]) == Decimal(line["billed"])


def test_every_workload_has_usage_and_an_expectation(truth: dict) -> None:
    assert {stream.workload for stream in STREAMS if stream.workload} == {workload.id for workload in WORKLOADS}
    for workload in (*WORKLOADS, *SMALL_WORKLOADS):
        told = truth["workloads"][workload.id]
        assert told["months"]["2026-09"]["output_tokens"] > 0
        assert told["recommendation"]
        assert told["reason"]
    assert truth["workloads"]["unattributed"]["months"]["2026-09"]["requests"] > 0


def test_the_pilot_is_47_days_old(company: SampleCompany) -> None:
    days = {
        row["hour"][:10] for month in (8, 9) for row in rows_of(company.directory / "logs" / f"google-2026-0{month}.csv") if row["key"] == "key-voice"
    }
    assert min(days) == "2026-08-15"
    assert len(days) == 47


def test_the_configuration_is_valid(company: SampleCompany) -> None:
    loaded = load_company(company.config)
    assert [workload.id for workload in loaded.workloads] == [workload.id for workload in (*WORKLOADS, *SMALL_WORKLOADS)]
    assert {source.id for source in loaded.sources} >= {stream.source for stream in STREAMS}
    assert {source.kind for source in loaded.sources} == set(get_args(SourceKind))
    assert [pool.id for pool in loaded.pools] == ["core-70b", "tagger-8b", "vault-8b"]

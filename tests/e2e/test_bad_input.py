"""Bad input is seen to be refused: by exit code, by message, by where its money is. Good input beside it is not touched."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from filelock import FileLock
from small_company import (
    BILL_COLUMNS,
    CLOUD_MONTHLY,
    MONTHS,
    PEOPLE_COLUMNS,
    Outcome,
    Place,
    api_log_name,
    bill_name,
    bill_row,
    bill_rows,
    crossover,
    people_rows,
    person_row,
    usage_row,
    usage_rows,
    write_company,
    write_rows,
)

MAY, JUNE = MONTHS
JULY = date(2026, 7, 1)
SUPPORT = 10  # position of the support line of 1 USD in a month's bill
SECRET_PAY = 987_654


# -- a bad row waits in quarantine with its money, and the run goes on


@pytest.fixture(scope="module")
def quarantined(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Outcome]:
    """A company with every kind of bad row, and limits that let it be published."""
    place = Place(tmp_path_factory.mktemp("bad_rows"))
    write_company(place.folder)
    place.edit("kind: focus, path: billing/", "kind: focus, path: billing/, max_quarantined_pct: 20")
    place.edit("kind: people, path: people.csv", "kind: people, path: people.csv, max_quarantined_pct: 90")
    may, june = bill_rows(MAY), bill_rows(JUNE)
    may[SUPPORT] |= {"ChargeCategory": "Usages"}
    may.append(bill_row(MAY, "NaN", ServiceName="Support", ListCost=""))
    may.append(bill_row(MAY, 2, ServiceName="Support", ChargePeriodEnd="2026-05-01T00:00:00Z"))
    may.append(bill_row(MAY, 4, ServiceName="Support", BillingCurrency=""))
    may.append(bill_row(MAY, 5, ServiceName="Support", BillingPeriodStart=""))
    june[SUPPORT] |= {"BilledCost": "1 USD"}
    june.append(bill_row(JUNE, 3, ServiceName="Support", BillingCurrency="GBP"))
    write_rows(place.folder / bill_name(MAY), may)
    write_rows(place.folder / bill_name(JUNE), june)
    bad_usage = [
        usage_row("2026-05-11T08:00:00Z", output_tokens=-5),
        usage_row("2026-05-11T09:00:00Z", input_tokens="12.5"),
    ]
    write_rows(place.folder / api_log_name(MAY), [*usage_rows(MAY), *bad_usage])
    odd_usage = [usage_row("2026-06-11T08:00:00Z", model="gpt-unheard-of"), usage_row("2026-06-11T08:00:00Z", workload="chatt")]
    write_rows(place.folder / api_log_name(JUNE), [*usage_rows(JUNE), *odd_usage])
    pay = {"annual_loaded": SECRET_PAY}
    write_rows(
        place.folder / "people.csv",
        [
            *people_rows(),
            person_row("person-7", "workload:chat", allocation_pct=120, **pay),
            person_row("person-8", "workload:chatt", **pay),
            person_row("person-9", "workload:chat", **pay),
            person_row("person-9", "workload:chat", start="2026-06-15", **pay),
            person_row("person-10", "workload:chat", allocation_pct=60, **pay),
            person_row("person-10", "pool:llama", allocation_pct=60, **pay),
            person_row("person-11", "workload:chat", currency="CHF", **pay),
            person_row("person-12", "workload:chat", end="2026-04-30", **pay),
        ],
    )
    return place, place.run()


@pytest.mark.parametrize(
    ("source", "file", "row_number", "reason", "currency", "billed_cost"),
    [
        ("cloud", "2026-05.csv", 11, "charge category is none of Usage, Purchase, Tax, Credit, Adjustment", "USD", 1),
        ("cloud", "2026-05.csv", 16, "BilledCost and EffectiveCost can't be read as a number", "USD", None),
        ("cloud", "2026-05.csv", 17, "the charge period does not start before it ends", "USD", 2),
        ("cloud", "2026-05.csv", 18, "currency is missing", None, 4),
        ("cloud", "2026-05.csv", 19, "billing_period is missing", "USD", 5),
        ("cloud", "2026-06.csv", 11, "BilledCost can't be read as a number", "USD", None),
        ("cloud", "2026-06.csv", 16, "no exchange rate from GBP to USD for 2026-06", "GBP", 3),
        ("api-log", "api-2026-05.csv", 101, "output tokens are negative", None, None),
        ("api-log", "api-2026-05.csv", 102, "input_tokens can't be read as a whole number", None, None),
        ("people", "people.csv", 7, "allocation is not between 0 and 100 %", "USD", 0),
        ("people", "people.csv", 8, "target workload:chatt is not configured", "USD", 0),
        ("people", "people.csv", 9, "overlaps another row of the same person, target and activity", "USD", 0),
        ("people", "people.csv", 10, "overlaps another row of the same person, target and activity", "USD", 0),
        ("people", "people.csv", 11, "the person's allocations add up to more than 100 %", "USD", 0),
        ("people", "people.csv", 12, "the person's allocations add up to more than 100 %", "USD", 0),
        ("people", "people.csv", 13, "no exchange rate from CHF to USD", "USD", 0),
        ("people", "people.csv", 14, "the period ends before it starts", "USD", 0),
    ],
)
def test_bad_row_is_in_quarantine(
    quarantined: tuple[Place, Outcome], source: str, file: str, row_number: int, reason: str, currency: str | None, billed_cost: int | None
) -> None:
    place, _ = quarantined
    found = place.query(
        "SELECT reasons, currency, billed_cost FROM quarantine WHERE source_id = ? AND file = ? AND row_number = ?", source, file, row_number
    )
    assert len(found) == 1
    reasons, *money = found[0]
    assert reason in reasons
    assert money == [currency, billed_cost]


def test_only_bad_rows_are_in_quarantine(quarantined: tuple[Place, Outcome]) -> None:
    place, _ = quarantined
    assert place.query("SELECT source_id, count(*) FROM quarantine GROUP BY 1 ORDER BY 1") == [("api-log", 2), ("cloud", 7), ("people", 8)]


def test_bad_rows_within_the_limit_do_not_stop_the_run(quarantined: tuple[Place, Outcome]) -> None:
    place, outcome = quarantined
    assert outcome.code == 0, outcome
    assert outcome.document["status"] == "published"
    assert place.query("SELECT subject, CAST(sum(rows) AS INTEGER) FROM data_quality WHERE check_name = 'rows_refused' GROUP BY 1 ORDER BY 1") == [
        ("api-log", 2),
        ("cloud", 7),
        ("people", 8),
    ]


@pytest.mark.parametrize(
    ("period", "currency", "source_billed", "source_effective", "quarantined_billed", "quarantined_effective"),
    [
        (MAY, "USD", CLOUD_MONTHLY + 2, CLOUD_MONTHLY + 2, 1 + 2, 1 + 2),
        (JUNE, "USD", CLOUD_MONTHLY - 1, CLOUD_MONTHLY, 0, 1),
        (JUNE, "GBP", 3, 3, 3, 3),
        (MAY, None, 4, 4, 4, 4),
        (None, "USD", 5, 5, 5, 5),
    ],
)
def test_reconciliation_shows_what_a_bill_lost(
    quarantined: tuple[Place, Outcome],
    period: date | None,
    currency: str | None,
    source_billed: int,
    source_effective: int,
    quarantined_billed: int,
    quarantined_effective: int,
) -> None:
    place, _ = quarantined
    found = place.query(
        "SELECT source_billed, source_effective, quarantined_billed, quarantined_effective, difference_billed, difference_effective, "
        "attributed_billed + unattributed_billed, attributed_effective + unattributed_effective "
        "FROM reconciliation WHERE source_id = 'cloud' AND period IS NOT DISTINCT FROM ? AND currency IS NOT DISTINCT FROM ?",
        period,
        currency,
    )
    rest = (source_billed - quarantined_billed, source_effective - quarantined_effective)
    assert found == [(source_billed, source_effective, quarantined_billed, quarantined_effective, 0, 0, *rest)]


def test_refused_people_are_in_quarantine_at_the_standard_rate(quarantined: tuple[Place, Outcome]) -> None:
    place, _ = quarantined
    found = place.query(
        "SELECT round(source_effective, 6), round(attributed_effective + unattributed_effective, 6), round(quarantined_effective, 6), "
        "difference_effective FROM reconciliation WHERE source_id = 'people' ORDER BY period"
    )
    kept = 6 * 10_000
    may = 10_000 + 10_000 + 2 * 12_000  # person-8, person-9, person-10; what the others would cost can't be told
    june = may + round(Decimal(10_000) * 16 / 30, 6)  # person-9's second row from the 15th on
    assert found == [(kept + may, kept, may, 0), (kept + june, kept, june, 0)]
    unknown = place.query("SELECT row_number FROM quarantine WHERE source_id = 'people' AND effective_cost IS NULL ORDER BY 1")
    assert unknown == [(7,), (13,)]  # 120 % of somebody, and Swiss francs without a rate


def test_refused_people_stay_private(quarantined: tuple[Place, Outcome]) -> None:
    place, outcome = quarantined
    tables = [name for (name,) in place.query("SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()")]
    published = "\n".join(str(place.rows(table)) for table in tables)
    for private in ("person-", str(SECRET_PAY)):
        assert private not in published
        assert private not in outcome.out + outcome.err


def test_unknown_model_has_an_unknown_price_and_not_zero(quarantined: tuple[Place, Outcome]) -> None:
    place, _ = quarantined
    assert place.query("SELECT priced_cost, requests FROM usage_daily WHERE model = 'gpt-unheard-of'") == [(None, 100)]
    ((rows, severity, message),) = place.query(
        "SELECT rows, severity, message FROM data_quality WHERE check_name = 'unknown_price' AND subject = 'api-log'"
    )
    assert (rows, severity) == (1, "warning")
    assert "openai gpt-unheard-of" in message
    assert "assumptions.prices" in message


def test_usage_of_an_unknown_workload_is_unattributed(quarantined: tuple[Place, Outcome]) -> None:
    place, _ = quarantined
    assert place.query("SELECT CAST(sum(requests) AS INTEGER) FROM usage_daily WHERE workload_id = 'unattributed'") == [(100,)]
    ((rows, message),) = place.query("SELECT rows, message FROM data_quality WHERE check_name = 'unknown_workload' AND subject = 'api-log'")
    assert rows == 1
    assert "neither an id nor an alias" in message


# -- a blocking check that fails leaves the published file as it is


def test_refused_money_above_the_limit_stops_the_publication(published: Place) -> None:
    before = published.finance.read_bytes()
    bill = bill_rows(JUNE)
    bill[0] |= {"ChargeCategory": "Usages"}  # 24 of 732 USD: 3.28 %
    write_rows(published.folder / bill_name(JUNE), bill)
    write_rows(published.folder / api_log_name(JUNE), [usage_row("2026-06-01T07:00:00Z", output_tokens=-1)] * 3 + usage_rows(JUNE))  # 3 of 203 rows

    outcome = published.run()

    assert outcome.code == 1
    assert published.finance.read_bytes() == before
    assert list(published.finance.parent.iterdir()) == [published.finance]
    document = outcome.document
    assert (document["status"], document["exit_code"], document["error"]["kind"]) == ("failed", 1, "AuditFailed")
    for part in (
        "refused_money",
        "source cloud: 3.28 % of its money is refused, allowed 1 %; 2026-06.csv row 1: charge category is none of",
        "source api-log: 3 of 203 rows (1.48 %) are refused, allowed 1 %; api-2026-06.csv row 1: output tokens are negative",
    ):
        assert part in document["error"]["found"]
    assert "max_quarantined_pct" in document["error"]["expected"]
    assert document["error"]["todo"]
    assert "nothing was published" in outcome.err
    status = crossover("status", "--config", published.configuration)
    assert "failed, so this is what the one before it published" in " ".join(status.out.split())

    write_rows(published.folder / bill_name(JUNE), bill_rows(JUNE))
    write_rows(published.folder / api_log_name(JUNE), usage_rows(JUNE))
    assert published.run().code == 0
    assert "failed" not in crossover("status", "--config", published.configuration).out
    assert published.cost("source_id = 'cloud'") == 2 * CLOUD_MONTHLY


# -- a broken file is refused, the last good version stays


def _without(column: str, file: Path) -> None:
    write_rows(file, bill_rows(JULY), tuple(name for name in BILL_COLUMNS if name != column))


def _parquet(file: Path) -> None:
    pl.read_csv(_csv(file)).with_columns(BilledCost=True).write_parquet(file)


def _csv(file: Path) -> Path:
    plain = file.parent.parent / "scratch.csv"
    write_rows(plain, bill_rows(JULY))
    return plain


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _half_a_parquet(file: Path) -> None:
    pl.read_csv(_csv(file)).write_parquet(file)
    file.write_bytes(_cut(file.read_bytes()))


def _half_a_row(file: Path) -> None:
    lines = _csv(file).read_text().splitlines()
    file.write_text("\n".join([*lines[:-1], "24,24"]))


BROKEN_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no-effective-cost.csv": (lambda file: _without("EffectiveCost", file), "missing column: EffectiveCost"),
    "boolean-cost.parquet": (_parquet, "wrong type: column BilledCost holds BOOLEAN"),
    "empty.csv": (lambda file: file.write_bytes(b""), "The file is empty"),
    "empty.csv.gz": (lambda file: file.write_bytes(gzip.compress(b"")), "The file is empty"),
    "truncated.csv.gz": (lambda file: file.write_bytes(_cut(gzip.compress(_csv(file).read_bytes()))), "The file is truncated"),
    "truncated.parquet": (_half_a_parquet, "The file is truncated"),
    "truncated.csv": (_half_a_row, "A row has too few fields"),
    "text.parquet": (lambda file: shutil.copy(_csv(file), file), "The file is not what its ending .parquet says"),
    "text.csv.gz": (lambda file: shutil.copy(_csv(file), file), "The file is not what its ending .csv.gz says"),
    "gzip.csv": (lambda file: file.write_bytes(gzip.compress(_csv(file).read_bytes())), "The file is not what its ending .csv says"),
    "latin-1.csv": (lambda file: file.write_bytes(_csv(file).read_bytes() + "Müller".encode("latin-1")), "The file is not text in UTF-8"),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Outcome]:
    """A company with one good bill a month and one broken file of each kind for a third month."""
    place = Place(tmp_path_factory.mktemp("broken_files"))
    write_company(place.folder)
    for name, (write, _) in BROKEN_FILES.items():
        write(place.folder / "billing" / name)
    return place, place.run()


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_broken_file_is_refused(refused: tuple[Place, Outcome], name: str) -> None:
    place, outcome = refused
    what = BROKEN_FILES[name][1]
    (line,) = [line for line in outcome.source("cloud")["refused"] if f"file {name};" in line or f"file {name}, row 15;" in line]
    assert line.startswith(what)
    assert "in source cloud" in line
    assert "; found " in line
    ((severity, message),) = place.query(
        "SELECT severity, message FROM data_quality WHERE check_name = 'file_refused' AND contains(message, ?)", line
    )
    assert severity == "error"
    assert message == f"{line}; there is no earlier version"


def test_broken_files_leave_the_good_ones(refused: tuple[Place, Outcome]) -> None:
    place, outcome = refused
    assert outcome.code == 3
    assert outcome.document["status"] == "published with refusals"
    assert place.query("SELECT billing_period, sum(billed_cost) FROM cost_daily WHERE source_id = 'cloud' GROUP BY 1 ORDER BY 1") == [
        (MAY, CLOUD_MONTHLY),
        (JUNE, CLOUD_MONTHLY),
    ]
    assert place.query("SELECT DISTINCT status FROM reconciliation WHERE source_id = 'cloud'") == [("stale",)]
    assert place.query("SELECT DISTINCT status FROM reconciliation WHERE source_id <> 'cloud'") == [("ok",)]
    assert place.value("SELECT count(*) FROM quarantine") == 0
    assert place.value("SELECT status FROM runs") == "published with refusals"


def test_refusals_are_named_on_a_terminal_too(refused: tuple[Place, Outcome]) -> None:
    place, _ = refused
    status = crossover("status", "--config", place.configuration)
    assert status.code == 3
    assert "truncated.csv.gz" in status.out


def test_broken_deliveries_keep_the_last_good_version(published: Place) -> None:
    books = published.rows("cost_daily")
    bill = published.folder / bill_name(JUNE)
    bill.write_bytes(_cut(bill.read_bytes()))
    write_rows(published.folder / "people.csv", people_rows(), tuple(name for name in PEOPLE_COLUMNS if name != "role"))
    (published.folder / "logs/pool.csv").write_bytes(b"")
    (published.folder / "fx.csv").unlink()

    outcome = crossover("run", "--config", published.configuration)

    assert outcome.code == 3
    assert published.rows("cost_daily") == books
    assert published.query("SELECT subject, check_name FROM data_quality WHERE severity = 'error' ORDER BY 1") == [
        ("cloud", "file_refused"),
        ("fx", "source_unreachable"),
        ("people", "file_refused"),
        ("pool-log", "file_refused"),
    ]
    messages = [message for (message,) in published.query("SELECT message FROM data_quality WHERE severity = 'error'")]
    assert all(message.endswith("; the last good version stays in use") for message in messages)
    said = " ".join(outcome.out.split())
    for line in (
        "refused cloud: A row has too few fields; in source cloud, file 2026-06.csv",
        "refused people: A people file lacks a column; in source people, file people.csv",
        "refused pool-log: The file is empty; in source pool-log, file pool.csv",
        "refused fx: There is no such path; in source fx, path fx.csv",
    ):
        assert line in said

    write_company(published.folder)
    assert published.run().code == 0
    assert published.rows("cost_daily") == books


def test_column_without_any_number_is_of_the_wrong_type(published: Place) -> None:
    write_rows(published.folder / bill_name(JUNE), [row | {"EffectiveCost": "free"} for row in bill_rows(JUNE)])
    outcome = published.run()
    assert outcome.code == 3
    assert outcome.source("cloud")["refused"][0].startswith("wrong type: column EffectiveCost")
    assert published.cost("source_id = 'cloud'") == 2 * CLOUD_MONTHLY


# -- a broken configuration is 2, and nothing is read


def _configured(old: str, new: str) -> Callable[[Place], None]:
    return lambda place: place.edit(old, new)


BROKEN_CONFIGURATIONS: dict[str, tuple[Callable[[Place], None], tuple[str, ...]]] = {
    "unknown key": (
        _configured("privacy: {min_people: 5}", "privacy: {min_peple: 5}"),
        ("Unknown key", "crossover.yaml line 4", "min_peple", "min_people"),
    ),
    "unknown key of a source": (_configured("path: fx.csv", "path: fx.csv, colums: {}"), ("Unknown key", "sources[5]", "colums", "columns")),
    "unknown kind": (_configured("kind: focus", "kind: fokus"), ("can't be used", "fokus", "focus")),
    "duplicated source": (_configured("{id: fx,", "{id: people,"), ("A source is given twice", "people", "sources[4].id", "sources[5].id")),
    "duplicated workload": (_configured("id: search", "id: chat"), ("A workload is given twice", "chat", "workloads[1].id")),
    "dangling billed_by": (
        _configured("billed_by: api-invoice", "billed_by: api-invoise"),
        ("There is no such source of money", "api-invoise", "Did you mean api-invoice?"),
    ),
    "dangling workload": (
        _configured("assumptions:", "rules: [{id: r, match: [{service: Bucket}], split: {among: [chat, serch], by: even}}]\nassumptions:"),
        ("There is no such workload", "serch", "Did you mean search?"),
    ),
    "dangling pool": (
        _configured("path: logs/pool.csv,", "path: logs/pool.csv, constants: {pool: lama},"),
        ("There is no such pool", "lama", "Did you mean llama?"),
    ),
    "allocation above 100 %": (_configured("path: fx.csv", "path: fx.csv, max_quarantined_pct: 101"), ("can't be used", "101", "100")),
    "wrong type": (_configured("price_per_gpu_hour: 1,", "price_per_gpu_hour: cheap,"), ("can't be used", "cheap", "a number")),
    "unset variable": (_configured("company: Small", "company: ${CROSSOVER_TEST_UNSET}"), ("CROSSOVER_TEST_UNSET", "crossover.yaml line 1")),
    "not YAML": (_configured("company: Small", "company: [Small"), ("crossover.yaml",)),
    "missing key": (_configured("currency: USD\npaths", "paths"), ("A required key is missing", "currency")),
}


@pytest.mark.parametrize("name", BROKEN_CONFIGURATIONS)
def test_broken_configuration_is_refused(unread: Place, name: str) -> None:
    spoil, said = BROKEN_CONFIGURATIONS[name]
    spoil(unread)
    outcome = crossover("run", "--config", unread.configuration)
    assert outcome.code == 2
    for part in said:
        assert part in outcome.err
    assert outcome.out == ""
    assert not (unread.folder / "var").exists()
    assert not (unread.folder / "out").exists()


def test_errors_say_what_where_found_expected_and_what_to_do(unread: Place) -> None:
    unread.edit("privacy: {min_people: 5}", "privacy: {min_peple: 5}")
    assert crossover("check", "--config", unread.configuration).err == (
        "error: Unknown key.\n"
        "  where:    crossover.yaml line 4, privacy.min_peple\n"
        "  found:    min_peple\n"
        "  expected: min_people\n"
        "  do:       Did you mean min_people?\n"
    )


def test_json_gives_the_error_as_a_document(unread: Place) -> None:
    unread.edit("privacy: {min_people: 5}", "privacy: {min_peple: 5}")
    document = unread.run().document
    assert (document["status"], document["exit_code"]) == ("failed", 2)
    message = document["error"].pop("message")
    assert document["error"] == {
        "kind": "ConfigError",
        "what": "Unknown key.",
        "where": "crossover.yaml line 4, privacy.min_peple",
        "found": "min_peple",
        "expected": "min_people",
        "todo": "Did you mean min_people?",
    }
    assert message.startswith("Unknown key.\n  where:")


def test_debug_shows_the_traceback(unread: Place) -> None:
    unread.edit("privacy: {min_people: 5}", "privacy: {min_peple: 5}")
    outcome = crossover("run", "--debug", "--config", unread.configuration)
    assert outcome.code == 2
    assert "Traceback" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--as-of", "yesterday"), "yesterday"),
        (("run", "--as-off", "2026-05-31"), "--as-off"),
        (("ran",), "ran"),
        (("run", "--config", "nowhere.yaml"), "nowhere.yaml"),
        (("run",), "crossover.yaml"),
        (("explain",), "workload"),
    ],
)
def test_wrong_usage_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CROSSOVER_CONFIG", raising=False)
    outcome = crossover(*arguments)
    assert outcome.code == 2
    assert said in outcome.err
    assert outcome.out == ""


def test_wrong_usage_is_a_document_for_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    document = crossover("run", "--as-of", "yesterday", "--json").document
    assert (document["status"], document["exit_code"]) == ("failed", 2)
    assert "yesterday" in document["error"]["message"]


def test_too_few_people_for_a_rate_are_a_matter_of_configuration(unread: Place) -> None:
    write_rows(unread.folder / "people.csv", people_rows()[:3])
    outcome = unread.run()
    assert outcome.code == 2
    assert not unread.finance.exists()
    error = outcome.document["error"]
    assert error["kind"] == "ConfigError"
    assert error["where"] == "assumptions.people_rates"
    assert "min_people: 1" in error["todo"]
    assert "person-" not in outcome.out + outcome.err


def test_asset_given_twice_is_not_paid_twice(unread: Place) -> None:
    unread.edit("  - {id: fx,", "  - {id: machines, kind: owned_hardware, path: machines.csv, max_quarantined_pct: 100}\n  - {id: fx,")
    asset = {"asset_id": "m-1", "pool": "llama", "gpus": 1, "purchase_price": 3600, "currency": "USD", "in_service": "2026-05-01", "life_months": 36}
    write_rows(unread.folder / "machines.csv", [asset, asset, asset | {"asset_id": "m-2"}])
    assert unread.run().code == 0
    assert unread.cost("source_id = 'machines'") == 2 * 100  # two months of 3,600 over 36 months, of m-2 alone
    assert unread.query("SELECT row_number, reasons FROM quarantine WHERE source_id = 'machines' ORDER BY 1") == [
        (1, "the asset is given twice"),
        (2, "the asset is given twice"),
    ]


# -- other commands, other situations


def test_check_names_what_it_cannot_reach(unread: Place) -> None:
    (unread.folder / "fx.csv").unlink()
    outcome = crossover("check", "--json", "--config", unread.configuration)
    assert outcome.code == 3
    problems = {source["source"]: source["problem"] for source in outcome.document["sources"] if source["problem"]}
    assert list(problems) == ["fx"]
    assert "There is no such path" in problems["fx"]
    assert not (unread.folder / "var").exists()


def test_status_before_any_run_says_what_to_do(unread: Place) -> None:
    outcome = crossover("status", "--config", unread.configuration)
    assert outcome.code == 1
    assert "nothing has been published yet" in outcome.err
    assert "crossover run" in outcome.err


def test_what_the_system_refuses_is_said_in_words(unread: Place) -> None:
    unread.edit("state: var", "state: taken")
    (unread.folder / "taken").write_text("a file where a folder should be")
    outcome = unread.run()
    assert outcome.code == 1
    error = outcome.document["error"]
    assert error["what"] == "the system refuses a file or folder"
    assert error["where"] == str(unread.folder / "taken")
    assert error["found"] == "File exists"


def test_no_data_at_all_is_a_failed_run(unread: Place) -> None:
    for name in ("billing", "logs"):
        shutil.rmtree(unread.folder / name)
    for name in ("invoices.csv", "people.csv", "fx.csv"):
        (unread.folder / name).write_bytes(b"")
    outcome = unread.run()
    assert outcome.code == 1
    assert "nothing to compute" in outcome.document["error"]["what"]
    assert not unread.finance.exists()


def test_second_writer_is_refused(published: Place) -> None:
    before = published.finance.read_bytes()
    with FileLock(published.folder / "var/writer.lock"):
        outcome = published.run()
    assert outcome.code == 1
    assert outcome.document["error"]["kind"] == "WriterBusy"
    assert published.finance.read_bytes() == before


# -- re-runs, changes, withdrawals


def _contents(place: Place) -> dict[str, list[tuple[Any, ...]]]:
    """Every published table, less when things were read and run and how often a file came."""
    clocks = {"runs": ("started_at", "finished_at"), "ingestions": ("version", "ingested_at", "superseded_at")}
    tables = [name for (name,) in place.query("SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() ORDER BY 1")]
    return {table: place.rows(table, clocks.get(table, ())) for table in tables}


def test_second_run_changes_and_reads_nothing(published: Place) -> None:
    first = published.run()  # the files were put back: read once more, found the same
    before = _contents(published)
    assert published.query("SELECT DISTINCT version FROM ingestions") == [(1,)]

    outcome = published.run()

    assert outcome.code == 0
    assert {source["source"]: (source["changed"], source["rows"]) for source in outcome.document["sources"]} == dict.fromkeys(
        ("cloud", "api-invoice", "api-log", "pool-log", "people", "fx"), (0, 0)
    )
    assert _contents(published) == before
    assert outcome.document["run_id"] == first.document["run_id"]


def test_changed_file_is_the_only_one_read_again(unread: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert unread.run().code == 0
    corrected = bill_rows(JUNE)
    corrected[SUPPORT + 1] |= {"BilledCost": "130.25", "EffectiveCost": "130.25"}
    write_rows(unread.folder / bill_name(JUNE), corrected)

    outcome = unread.run()

    assert {source["source"]: (source["changed"], source["rows"], source["periods"]) for source in outcome.document["sources"]} == {
        **dict.fromkeys(("api-invoice", "api-log", "pool-log", "people", "fx"), (0, 0, [])),
        "cloud": (1, 15, ["2026-06"]),
    }
    assert unread.query("SELECT period, version, superseded_at IS NULL FROM ingestions WHERE source_id = 'cloud' ORDER BY ALL") == [
        (MAY, 1, True),
        (JUNE, 1, False),
        (JUNE, 2, True),
    ]
    assert unread.cost("source_id = 'cloud' AND workload_id = 'chat' AND billing_period = '2026-06-01'") == Decimal("130.25")

    fresh = Place(tmp_path_factory.mktemp("fresh"))
    write_company(fresh.folder)
    write_rows(fresh.folder / bill_name(JUNE), corrected)
    assert fresh.run().code == 0
    after_a_change, from_scratch = _contents(unread), _contents(fresh)
    for history in ("runs", "ingestions", "restatements"):
        after_a_change.pop(history, None)
        from_scratch.pop(history, None)
    assert after_a_change == from_scratch


def test_vanished_file_takes_its_rows_along(published: Place) -> None:
    (published.folder / bill_name(MAY)).unlink()
    outcome = published.run()
    assert outcome.code == 0
    assert outcome.source("cloud")["withdrawn"] == 1
    assert published.query("SELECT DISTINCT billing_period FROM cost_daily WHERE source_id = 'cloud'") == [(JUNE,)]
    assert published.query("SELECT DISTINCT period FROM reconciliation WHERE source_id = 'cloud'") == [(JUNE,)]
    assert published.value("SELECT count(*) FROM ingestions WHERE source_id = 'cloud' AND period = '2026-05-01' AND superseded_at IS NULL") == 0


def test_what_lies_after_as_of_is_in_the_books_and_out_of_decisions(published: Place) -> None:
    decisions = ("crossover_monthly", "crossover_cost_components", "placement_questions", "red_flags")

    def decided() -> dict[str, list[tuple[Any, ...]]]:
        return {table: published.rows(table) for table in decisions} | {"recommended": published.rows("placement_recommendations", ("snapshot_id",))}

    assert published.run("--as-of", "2026-05-31").code == 0
    before = decided()
    assert published.query("SELECT DISTINCT month FROM crossover_monthly") == [(MAY,)]
    assert published.cost("source_id = 'cloud' AND billing_period = '2026-06-01'") == CLOUD_MONTHLY
    assert published.value("SELECT max(usage_date) FROM usage_daily") == JUNE + timedelta(days=9)
    assert published.value("SELECT max(usage_date) FROM cost_daily WHERE cost_basis = 'people'") == date(2026, 5, 31)

    write_rows(published.folder / api_log_name(JUNE), usage_rows(JUNE, scale=10))
    write_rows(published.folder / bill_name(JUNE), [*bill_rows(JUNE), bill_row(JUNE, 5000, Tags='{"pool": "llama"}', ServiceName="GPU Compute")])
    assert published.run("--as-of", "2026-05-31").code == 0
    assert decided() == before
    assert published.cost("source_id = 'cloud' AND billing_period = '2026-06-01'") == CLOUD_MONTHLY + 5000


def test_copy_of_a_bill_is_not_counted_twice(published: Place) -> None:
    before = published.cost("source_id = 'cloud'")
    original = published.folder / bill_name(MAY)
    (original.parent / "copy-of-may.csv").write_bytes(original.read_bytes())
    outcome = published.run()
    assert outcome.code == 0
    assert published.cost("source_id = 'cloud'") == before
    ((message,),) = published.query("SELECT message FROM data_quality WHERE check_name = 'file_is_a_copy'")
    assert "is a byte-for-byte copy of" in message


def test_bill_that_is_emptied_keeps_its_last_good_version(published: Place) -> None:
    before = published.cost("source_id = 'cloud'")
    bill = published.folder / bill_name(MAY)
    bill.write_text(bill.read_text().splitlines()[0] + "\n")
    outcome = published.run()
    assert outcome.code == 3
    assert "the file has no rows any more" in outcome.err + outcome.out
    assert published.cost("source_id = 'cloud'") == before


def test_source_that_cannot_be_reached_is_said_and_not_taken_for_zero(published: Place) -> None:
    published.edit("sources:", "sources:\n  - {id: router, kind: openrouter, path: router/}")
    outcome = published.run()
    assert outcome.code == 3
    assert "no such path" in outcome.out + outcome.err


def test_state_folder_can_be_moved(published: Place) -> None:
    """Only that the next run finds its files again: nothing is read anew, nothing changes."""
    assert published.run().code == 0
    before = published.rows("cost_daily")
    (published.folder / "var").rename(published.folder / "elsewhere")
    published.edit("state: var", "state: elsewhere")
    outcome = published.run()
    assert outcome.code == 0
    assert {source["changed"] for source in outcome.document["sources"]} == {0}
    assert published.rows("cost_daily") == before

"""What a run points out about the days that it was given: a mistyped year decides for nobody in silence."""

from __future__ import annotations

from pathlib import Path

from tiny_company import focus_line, tiny_company, usage, workload

SOURCES = [{"id": "bill", "kind": "focus", "path": "bill.csv"}, {"id": "log", "kind": "request_log", "path": "log.csv"}]
BILL = [focus_line("2026-06-01", 10), focus_line("2026-06-20", 10)]
CHAT = [workload("chat", match=[{"workload": "chat"}])]


def test_days_far_from_all_others_are_pointed_out(tmp_path: Path) -> None:
    log = [usage("2026-06-30T10:00:00Z", "chat", 1000), usage("2028-06-30T10:00:00Z", "chat", 1000), usage("2028-06-29T10:00:00Z", "chat", 1000)]
    with tiny_company(tmp_path, SOURCES, {"bill.csv": BILL, "log.csv": log}, workloads=CHAT) as company:
        assert company.findings()["days_apart", "log"] == 2
        ((message,),) = company.ask("SELECT message FROM marts.data_quality WHERE check_name = 'days_apart'")
        assert message.startswith("days from 2028-06-29 on come 730 days after all other data")


def test_what_another_source_knows_between_is_no_gap(tmp_path: Path) -> None:
    log = [usage(f"2026-{month:02}-28T10:00:00Z", "chat", 1000) for month in range(1, 7)]
    with tiny_company(tmp_path, SOURCES, {"bill.csv": [focus_line("2026-01-01", 10), *BILL], "log.csv": log}, workloads=CHAT) as company:
        assert not any(check in ("days_apart", "as_of_after_data") for check, _ in company.findings())


def test_a_charge_lasts_to_its_last_day(tmp_path: Path) -> None:
    log = [usage("2026-06-30T10:00:00Z", "chat", 1000)]
    year = [focus_line("2025-07-01", 365, until="2026-07-01")]
    with tiny_company(tmp_path, SOURCES, {"bill.csv": year, "log.csv": log}, workloads=CHAT) as company:
        assert not any(check == "days_apart" for check, _ in company.findings())


def test_a_day_long_after_the_data_is_pointed_out(tmp_path: Path) -> None:
    log = [usage("2026-06-30T10:00:00Z", "chat", 1000)]
    with tiny_company(tmp_path, SOURCES, {"bill.csv": BILL, "log.csv": log}, as_of="2027-05-01", workloads=CHAT) as company:
        assert company.findings()["as_of_after_data", "as-of"] == 1
        ((message,),) = company.ask("SELECT message FROM marts.data_quality WHERE check_name = 'as_of_after_data'")
        assert message.startswith("as-of is 305 days after the newest data (2026-06-30)")

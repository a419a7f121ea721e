"""The burst within the hour, measured where a log holds single requests (economics 2.1, peak.burst_factor)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tiny_company import TinyCompany, tiny_company, usage, workload


class TestBurst:
    @pytest.fixture(scope="class")
    @classmethod
    def company(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyCompany]:
        single = [
            # the busiest hour: 600 tokens, of which 300 in the first five minutes, by two keys together
            usage("2026-05-01T09:00:00Z", "chat", 100, project="a"),
            usage("2026-05-01T09:04:59Z", "chat", 200, project="b"),
            usage("2026-05-01T09:05:00Z", "chat", 120, project="a"),
            usage("2026-05-01T09:59:59Z", "chat", 180, project="b"),
            # all within a minute, but not the busiest hour of May; in June it is
            usage("2026-05-02T09:00:00Z", "chat", 599),
            usage("2026-06-02T09:30:00Z", "chat", 599),
            usage("2026-05-01T09:00:00Z", "mixed", 100),
            usage("2026-05-01T09:00:00Z", "counted", 100, requests=5),
            *[usage(f"2026-05-01T09:{minute:02}:00Z", "even", 10) for minute in range(0, 60, 5)],
        ]
        summed = [usage("2026-05-01T09:00:00Z", "mixed", 1), usage("2026-05-01T09:00:00Z", "summed", 1000)]
        with tiny_company(
            tmp_path_factory.mktemp("burst"),
            [
                {"id": "requests", "kind": "request_log", "path": "requests.csv"},
                {"id": "hours", "kind": "request_log", "path": "hours.csv", "grain": "hour"},
            ],
            {"requests.csv": single, "hours.csv": summed},
            workloads=[workload(name) for name in ("chat", "mixed", "summed", "counted", "even")],
        ) as company:
            yield company

    def bursts(self, company: TinyCompany, workload_id: str) -> dict[str, float]:
        rows = company.ask(f"SELECT month, burst_factor FROM allocation.decision_burst_monthly WHERE workload_id = '{workload_id}' ORDER BY month")
        return {f"{month:%Y-%m}": burst for month, burst in rows}

    def test_the_busiest_five_minutes_of_the_busiest_hour_over_its_mean(self, company: TinyCompany) -> None:
        assert self.bursts(company, "chat") == {"2026-05": pytest.approx(300 / 50), "2026-06": pytest.approx(12)}

    def test_even_requests_have_no_burst(self, company: TinyCompany) -> None:
        assert self.bursts(company, "even") == {"2026-05": 1}

    @pytest.mark.parametrize("workload_id", ["summed", "mixed", "counted"])
    def test_an_hour_that_a_sum_took_part_in_has_none(self, company: TinyCompany, workload_id: str) -> None:
        assert self.bursts(company, workload_id) == {}

    def test_a_delivery_that_is_replaced_leaves_nothing_behind(self, company: TinyCompany) -> None:
        company.deliver("requests.csv", [usage("2026-05-01T09:00:00Z", "chat", 10), usage("2026-05-01T09:30:00Z", "chat", 10)])
        company.allocate()
        assert self.bursts(company, "chat") == {"2026-05": pytest.approx(6)}
        assert company.ask("SELECT count(*) FROM facts.usage_burst") == [(1,)]

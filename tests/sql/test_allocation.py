"""Who pays what: each behaviour of the allocation on rows small enough to check by hand.

One company per theme, run once; every company's money, months, pools and shares are audited as it is made (`tiny_company`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from tiny_company import TinyCompany, focus_line, invoice_line, pool, tags, tiny_company, usage, workload

D = Decimal
MAY = "2026-05-01"


class TestMatching:
    """Each row names its case in its SKU, or in the usage row's project."""

    @pytest.fixture(scope="class")
    @classmethod
    def company(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyCompany]:
        bill = [
            focus_line(MAY, 1, SkuId="rule", ServiceName="Datadog Pro", Tags=tags(pool="big", workload="alpha")),
            focus_line(MAY, 2, SkuId="pool-first", Tags=tags(pool="big", workload="alpha")),
            focus_line(MAY, 3, SkuId="file-order", Tags=tags(workload="alpha", team="ml")),
            focus_line(MAY, 4, SkuId="second-entry", ServiceName="Search", RegionId="eu-1"),
            focus_line(MAY, 5, SkuId="negated", ServiceName="Search", RegionId="us-1"),
            focus_line(MAY, 6, SkuId="negated-and-absent", ServiceName="Search"),
            focus_line(MAY, 7, SkuId="spelling", Tags='{"WorkLoad": "ALPHA"}'),
            focus_line(MAY, 8, SkuId="nobody", Tags=tags(workload="gone")),
            focus_line(MAY, 9, SkuId="no-json", Tags="workload=alpha"),
            focus_line("2026-05-09", 10, SkuId="dated", SubAccountId="lab"),
            focus_line("2026-05-10", 11, SkuId="dated", SubAccountId="lab"),
            focus_line("2026-05-20", 12, SkuId="dated", SubAccountId="lab"),
            focus_line("2026-05-21", 13, SkuId="dated", SubAccountId="lab"),
            focus_line("2026-05-19", 30, SkuId="dated-long", ServiceName="Long", SubAccountId="lab", until="2026-05-22"),
            focus_line(MAY, 14, SkuId="two-pools", Tags=tags(pool="big", spare="small")),
        ]
        vendor = [
            invoice_line(MAY, "2026-05-02", 20, sku="gpu-row", workload="beta"),
            invoice_line(MAY, "2026-05-02", 21, sku="gpu-pool", pool="small"),
            invoice_line(MAY, "2026-05-02", 22, sku="gpu-match"),
            invoice_line(MAY, "2026-05-02", 23, sku="alias", workload="old-alpha"),
            invoice_line(MAY, "2026-05-02", 24, sku="gpu-unknown", workload="nowhere"),
            invoice_line(MAY, "2026-05-02", 25, sku="lost", workload="nowhere"),
        ]
        log = [
            usage(f"{MAY}T09:00:00Z", "beta", 1000, project="lab", environment="staging"),
            usage(f"{MAY}T09:00:00Z", None, 1000, project="lab"),
            usage(f"{MAY}T09:00:00Z", None, 1000, project="unlabelled"),
            usage(f"{MAY}T09:00:00Z", "old-alpha", 1000, project="named"),
            usage(f"{MAY}T09:00:00Z", None, 1000, project="meta", metadata='{"Team": "Search"}'),
        ]
        with tiny_company(
            tmp_path_factory.mktemp("matching"),
            [
                {"id": "bill", "kind": "focus", "path": "bill.csv"},
                {"id": "vendor", "kind": "invoice", "path": "vendor.csv"},
                {"id": "log", "kind": "request_log", "path": "log.csv"},
            ],
            {"bill.csv": bill, "vendor.csv": vendor, "log.csv": log},
            workloads=[
                workload(
                    "alpha",
                    aliases=["old-alpha"],
                    match=[
                        {"tag.workload": "alpha"},
                        {"service": "search", "not.region": "us-*"},
                        {"sub_account": "lab", "environment": "dev", "valid_from": "2026-05-10", "valid_to": "2026-05-20"},
                        {"project": "lab", "environment": "dev"},
                        {"metadata.team": "search"},
                    ],
                ),
                workload("beta", match=[{"tag.team": "ml"}, {"project": "unlabelled"}]),
            ],
            pools=[pool("big", match=[{"tag.pool": "big"}, {"sku": "gpu-*"}]), pool("small", match=[{"tag.spare": "small"}])],
            rules=[{"id": "shared", "match": [{"service": "Datadog*"}], "split": {"by": "weights", "weights": {"alpha": 1}}}],
        ) as made:
            yield made

    def matches(self, company: TinyCompany, sku: str) -> list[tuple[str, str | None]]:
        """match_id and pool of the rows of a SKU, day by day."""
        return company.ask(
            "SELECT m.match_id, m.pool_id FROM allocation.key_match m JOIN facts.billing_key k USING (key_id) "
            f"WHERE m.feed = 'billing' AND k.sku = '{sku}' ORDER BY m.usage_date"
        )

    @pytest.mark.parametrize(
        ("sku", "expected"),
        [
            ("rule", ("rule:shared", None)),
            ("gpu-row", ("row", None)),
            ("gpu-pool", ("row", "small")),
            ("gpu-match", ("pool:big#2", "big")),
            ("gpu-unknown", ("pool:big#2", "big")),
            ("pool-first", ("pool:big#1", "big")),
            ("two-pools", ("pool:big#1", "big")),
            ("file-order", ("workload:alpha#1", None)),
            ("second-entry", ("workload:alpha#2", None)),
            ("negated", ("none", None)),
            ("negated-and-absent", ("workload:alpha#2", None)),
            ("spelling", ("workload:alpha#1", None)),
            ("alias", ("row", None)),
            ("nobody", ("none", None)),
            ("lost", ("none", None)),
            ("no-json", ("none", None)),
        ],
    )
    def test_who_a_bill_line_belongs_to(self, company: TinyCompany, sku: str, expected: tuple[str, str | None]) -> None:
        assert self.matches(company, sku) == [expected]

    def test_dates_of_an_entry_are_charge_days_and_inclusive(self, company: TinyCompany) -> None:
        assert [match for match, _ in self.matches(company, "dated")] == ["none", "workload:alpha#3", "workload:alpha#3", "none"]

    def test_a_line_longer_than_a_day_is_matched_day_by_day(self, company: TinyCompany) -> None:
        assert [match for match, _ in self.matches(company, "dated-long")] == ["workload:alpha#3", "workload:alpha#3", "none"]
        assert company.effective("service = 'Long'") == {"alpha": D(20), "unattributed": D(10)}

    def test_a_second_match_is_a_finding(self, company: TinyCompany) -> None:
        # file-order matches both workloads, two-pools both pools; a pool before a workload is no ambiguity
        assert company.findings()["ambiguous_match", "bill"] == 2

    def test_a_name_that_nobody_has_is_a_finding_only_where_nothing_else_matches(self, company: TinyCompany) -> None:
        assert company.findings()["unknown_workload", "vendor"] == 1

    def test_tags_that_are_no_json_are_a_finding(self, company: TinyCompany) -> None:
        assert company.findings()["tags_not_json", "bill"] == 1

    def test_an_entry_labels_its_rows_with_an_environment(self, company: TinyCompany) -> None:
        assert company.effective("source_id = 'bill' AND workload_id = 'alpha'", by="environment") == {
            "dev": D(11 + 12 + 20),
            "prod": D(1 + 3 + 4 + 6 + 7),
        }

    @pytest.mark.parametrize(
        ("project", "workload_id", "environment"), [("unlabelled", "beta", "prod"), ("named", "alpha", "prod"), ("meta", "alpha", "prod")]
    )
    def test_who_a_usage_row_belongs_to(self, company: TinyCompany, project: str, workload_id: str, environment: str) -> None:
        assert self.usage_rows(company, project) == [(workload_id, environment)]

    def test_a_usage_row_s_own_environment_goes_before_the_entry_s(self, company: TinyCompany) -> None:
        assert self.usage_rows(company, "lab") == [("alpha", "dev"), ("beta", "staging")]

    def usage_rows(self, company: TinyCompany, project: str) -> list[tuple[str, str]]:
        return company.ask(
            "SELECT m.workload_id, m.environment FROM allocation.key_match m JOIN facts.usage_key k USING (key_id) "
            f"WHERE m.feed = 'usage' AND k.project = '{project}' ORDER BY ALL"
        )


class TestPools:
    """One pool per case, each in its own hours; 3,600,000 tokens are one hour of one replica."""

    HOUR = 3_600_000

    @pytest.fixture(scope="class")
    @classmethod
    def company(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyCompany]:
        hour = cls.HOUR

        def gpu(pool_id: str, amount: int, hours: tuple[int, int] = (0, 24), **columns: object) -> dict[str, object]:
            return focus_line(MAY, amount, hours=hours, Tags=tags(pool=pool_id), SkuId="gpu", ConsumedUnit="GPU-Hours", **columns)

        def work(pool_id: str, clock: int, workload_id: str, tokens: int, **columns: object) -> dict[str, object]:
            return usage(f"{MAY}T{clock:02}:10:00Z", workload_id, tokens, provider=None, model="llama", pool=pool_id, **columns)

        bill = [
            gpu("hourly", 10, (9, 10)),
            gpu("hourly", 20, (10, 11)),
            gpu("window", 40, (9, 11)),
            gpu("owner", 24),
            gpu("nobody", 24),
            gpu("busy", 10, (9, 10)),
            gpu("measured", 10, (9, 10), ConsumedQuantity=4),
            gpu("instance", 80, (9, 10)) | {"SkuId": "p5.48xlarge", "ConsumedUnit": "Hours", "ConsumedQuantity": 1},
            gpu("idle", 24),
            gpu("unused", 24),
            gpu("unused", 8) | {"CommitmentDiscountId": "sp-1", "CommitmentDiscountStatus": "Unused"},
            gpu("unused", 4) | {"ChargeCategory": "Tax"},
            focus_line(MAY, 48, until="2026-05-03", Tags=tags(pool="two-days"), SkuId="gpu"),
        ]
        log = [
            work("hourly", 9, "a", hour // 2),
            work("hourly", 10, "a", hour // 4),
            work("hourly", 10, "b", hour // 4),
            work("hourly", 15, "a", hour),
            work("window", 9, "a", hour),
            work("window", 10, "b", hour // 2),
            work("owner", 0, "a", hour),
            work("nobody", 0, "a", hour),
            work("busy", 9, "a", 3 * hour),
            work("busy", 9, "b", hour),
            work("measured", 9, "a", hour),
            work("instance", 9, "a", 4 * hour),
            work("unused", 0, "a", 3 * hour // 4),
            work("unused", 0, "b", hour // 4),
            work("two-days", 5, "a", hour),
        ]
        with tiny_company(
            tmp_path_factory.mktemp("pools"),
            [{"id": "bill", "kind": "focus", "path": "bill.csv"}, {"id": "log", "kind": "request_log", "path": "log.csv"}],
            {"bill.csv": bill, "log.csv": log},
            workloads=[workload("a", "self_host"), workload("b", "self_host")],
            pools=[
                pool("hourly"),
                pool("window"),
                pool("owner", idle="owner:b"),
                pool("nobody", idle="unallocated"),
                pool("busy"),
                pool("measured", profile="two-gpus", replicas=[]),
                pool("instance", replicas=[]),
                pool("idle"),
                pool("unused"),
                pool("two-days"),
            ],
        ) as made:
            yield made

    def cost(self, company: TinyCompany, pool_id: str) -> dict[tuple[str, str], Decimal]:
        return company.effective(f"pool_id = '{pool_id}'", by="cost_category, workload_id")

    def test_served_cost_goes_by_the_hour(self, company: TinyCompany) -> None:
        # 9h: half of $10; 10h: a quarter of $20 each; $15 are idle. The month's work is a 1.75 h, b 0.25 h: what ran unbilled at 15h counts for idle
        assert self.cost(company, "hourly") == {
            ("gpu_compute", "a"): D(5 + 5),
            ("gpu_compute", "b"): D(5),
            ("gpu_idle", "a"): D("13.125"),
            ("gpu_idle", "b"): D("1.875"),
        }

    def test_a_charge_of_several_hours_covers_them_evenly(self, company: TinyCompany) -> None:
        # $20 an hour: all of 9h to a, half of 10h to b; $10 idle by 1 h : 0.5 h
        assert self.cost(company, "window") == {
            ("gpu_compute", "a"): D(20),
            ("gpu_compute", "b"): D(10),
            ("gpu_idle", "a"): D("6.666666666667"),
            ("gpu_idle", "b"): D("3.333333333333"),
        }

    def test_an_owner_bears_all_idle_cost(self, company: TinyCompany) -> None:
        assert self.cost(company, "owner") == {("gpu_compute", "a"): D(1), ("gpu_idle", "b"): D(23)}

    def test_unallocated_idle_cost_is_nobody_s(self, company: TinyCompany) -> None:
        assert self.cost(company, "nobody") == {("gpu_compute", "a"): D(1), ("gpu_idle", "unattributed"): D(23)}

    def test_work_beyond_capacity_takes_the_whole_hour_and_no_more(self, company: TinyCompany) -> None:
        assert self.cost(company, "busy") == {("gpu_compute", "a"): D("7.5"), ("gpu_compute", "b"): D("2.5")}
        assert company.findings()["work_above_capacity", "busy"] == 1

    def test_undeclared_replicas_are_the_bill_s_gpu_hours_by_the_gpus_of_a_replica(self, company: TinyCompany) -> None:
        assert self.cost(company, "measured") == {("gpu_compute", "a"): D(5), ("gpu_idle", "a"): D(5)}

    def test_hours_of_a_known_instance_are_its_gpus(self, company: TinyCompany) -> None:
        assert self.cost(company, "instance") == {("gpu_compute", "a"): D(40), ("gpu_idle", "a"): D(40)}

    def test_a_month_without_work_is_nobody_s(self, company: TinyCompany) -> None:
        assert self.cost(company, "idle") == {("gpu_idle", "unattributed"): D(24)}

    def test_an_unused_commitment_is_no_idle_but_shared_like_it(self, company: TinyCompany) -> None:
        cost = self.cost(company, "unused")
        assert {who: cost["commitment_unused", who] for who in "ab"} == {"a": D(6), "b": D(2)}
        assert cost["gpu_compute", "a"] + cost["gpu_compute", "b"] + cost["gpu_idle", "a"] + cost["gpu_idle", "b"] == D(24)

    def test_tax_of_a_pool_stays_tax(self, company: TinyCompany) -> None:
        cost = self.cost(company, "unused")
        assert {who: cost["tax", who] for who in "ab"} == {"a": D(3), "b": D(1)}

    def test_a_charge_of_two_days_serves_each_hour_alike(self, company: TinyCompany) -> None:
        assert self.cost(company, "two-days") == {("gpu_compute", "a"): D(1), ("gpu_idle", "a"): D(47)}


class TestBilledUsage:
    """An API provider's invoices, its usage log, and what is in neither."""

    INVOICE = (
        invoice_line("2026-05-01", "2026-05-02", 20, sku="gpt-4o, input"),
        invoice_line("2026-05-01", "2026-05-02", 3, sku="gpt-4o-mini, input"),
        invoice_line("2026-05-02", "2026-05-04", 30, sku="tokens"),
        invoice_line("2026-05-05", "2026-05-06", 7, sku="tokens"),
        invoice_line("2026-05-01", "2026-05-02", 2, sku="VAT", charge_category="Tax"),
    )

    @pytest.fixture(scope="class")
    @classmethod
    def company(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyCompany]:
        million = 1_000_000
        log = [
            usage("2026-05-01T08:00:00Z", "a", 1 * million),
            usage("2026-05-01T09:00:00Z", "b", 3 * million),
            usage("2026-05-01T09:00:00Z", "a", 10 * million, model="gpt-4o-mini"),
            usage("2026-05-02T09:00:00Z", "a", 1 * million),
            usage("2026-05-03T09:00:00Z", "b", 2 * million),
            usage("2026-05-06T09:00:00Z", "a", 4 * million),
            usage("2026-06-01T09:00:00Z", "b", 4 * million),
            usage("2026-05-06T09:00:00Z", "a", 4 * million, model="unheard-of"),
            usage("2026-05-06T09:00:00Z", "a", 4 * million, model="own-figure", cost="1.25"),
        ]
        drawn = [usage("2026-05-02T09:00:00Z", "b", 8 * million)]
        with tiny_company(
            tmp_path_factory.mktemp("billed"),
            [
                {"id": "openai", "kind": "invoice", "path": "openai.csv"},
                {"id": "credit", "kind": "invoice", "path": "credit.csv", "prepaid": True},
                {"id": "log", "kind": "request_log", "path": "log.csv", "billed_by": "openai"},
                {"id": "drawn", "kind": "request_log", "path": "drawn.csv", "billed_by": "credit"},
                {"id": "free", "kind": "request_log", "path": "free.csv"},
            ],
            {
                "openai.csv": cls.INVOICE,
                "credit.csv": [invoice_line("2026-05-01", "2026-06-01", 1000, sku="credit", invoice_id="PRE")],
                "log.csv": log,
                "drawn.csv": drawn,
                "free.csv": [usage("2026-05-01T09:00:00Z", "a", 2 * million)],
            },
            as_of="2026-06-30",
            workloads=[workload("a"), workload("b", match=[{"sku": "tokens"}])],
        ) as made:
            yield made

    def test_a_line_that_names_a_model_is_split_by_that_model_s_usage(self, company: TinyCompany) -> None:
        # $20 of gpt-4o by 1 : 3, $3 of gpt-4o-mini to a alone
        assert company.effective("source_id = 'openai' AND usage_date = '2026-05-01' AND cost_category = 'api_usage'") == {"a": D(5 + 3), "b": D(15)}

    def test_a_line_is_split_over_the_usage_of_its_own_days(self, company: TinyCompany) -> None:
        found = company.effective(
            "source_id = 'openai' AND usage_date BETWEEN '2026-05-02' AND '2026-05-04'", by="usage_date, workload_id, allocation_method"
        )
        assert found == {(date(2026, 5, 2), "a", "usage_share"): D(10), (date(2026, 5, 3), "b", "usage_share"): D(20)}

    def test_what_no_usage_explains_stays_with_the_line_s_own_match(self, company: TinyCompany) -> None:
        assert company.effective("source_id = 'openai' AND usage_date = '2026-05-05'", by="workload_id, match_id") == {("b", "workload:b#1"): D(7)}
        assert company.findings()["unexplained_bill", "openai"] == 1

    def test_only_usage_lines_are_split(self, company: TinyCompany) -> None:
        assert company.effective("cost_category = 'tax'", by="workload_id, allocation_method") == {("unattributed", "unattributed"): D(2)}

    def test_usage_after_the_last_billed_day_is_accrued_at_its_price(self, company: TinyCompany) -> None:
        # 4 million at $2.50 in May after the last explained day, as many in June without any bill; the log's own figure where no price is known
        assert company.effective("source_id = 'log'", by="usage_date, cost_basis, workload_id") == {
            (date(2026, 5, 6), "accrued", "a"): D("11.25"),
            (date(2026, 6, 1), "accrued", "b"): D(10),
        }

    def test_accruals_are_billed_to_nobody_yet(self, company: TinyCompany) -> None:
        assert company.ask("SELECT sum(billed_cost) FROM marts.cost_daily WHERE cost_basis = 'accrued'") == [(D(0),)]

    def test_prepaid_credit_is_billed_at_once_and_effective_as_drawn(self, company: TinyCompany) -> None:
        found = company.ask(
            "SELECT source_id, cost_basis, sum(billed_cost), sum(effective_cost) FROM marts.cost_daily WHERE source_id IN ('credit', 'drawn') "
            "GROUP BY ALL ORDER BY ALL"
        )
        assert found == [("credit", "billed", D(1000), D(0)), ("drawn", "priced", D(0), D(20))]

    def test_usage_that_no_bill_pays_for_is_priced(self, company: TinyCompany) -> None:
        assert company.effective("source_id = 'free'", by="cost_basis, workload_id") == {("priced", "a"): D(5)}

    def test_an_unknown_price_is_a_finding_and_no_cost(self, company: TinyCompany) -> None:
        assert company.findings()["unknown_price", "log"] == 1
        assert company.ask("SELECT priced_cost FROM marts.usage_daily WHERE model = 'unheard-of'") == [(None,)]

    def test_an_accrual_is_replaced_when_its_bill_arrives(self, company: TinyCompany) -> None:
        company.deliver("openai.csv", [*self.INVOICE, invoice_line("2026-06-01", "2026-07-01", 9, sku="tokens")])
        company.allocate()
        assert company.effective("usage_date >= '2026-06-01'", by="source_id, cost_basis, workload_id") == {("openai", "billed", "b"): D(9)}


class TestRules:
    """May: a uses 4 M API tokens ($10), b 1 M and c 3 M on pools of one and of two GPUs a replica, whose bills are $10 and $30. June: nothing."""

    @pytest.fixture(scope="class")
    @classmethod
    def company(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyCompany]:
        million = 1_000_000
        splits: dict[str, tuple[object, str]] = {
            "work": ("self_hosted", "work"),
            "work-of-all": ("all", "work"),
            "gpu-hours": ("self_hosted", "gpu_hours"),
            "tokens": ("all", "tokens"),
            "tokens-api": ("api", "tokens"),
            "tokens-list": (["a", "b"], "tokens"),
            "cost": ("all", "cost"),
            "even": ("all", "even"),
            "even-hosted": ("self_hosted", "even"),
            "even-list": (["a", "c"], "even"),
        }
        rules = [{"id": name, "match": [{"service": name}], "split": {"among": among, "by": by}} for name, (among, by) in splits.items()]
        rules.append(
            {"id": "weights", "match": [{"service": "weights"}], "split": {"by": "weights", "weights": {"a": 1, "c": 3}}, "category": "support"}
        )
        rules.append({"id": "gateway", "match": [{"project": "gateway"}], "split": {"among": ["a", "b"], "by": "even"}})
        services = [str(rule["id"]) for rule in rules[:-1]]
        bill = [focus_line(MAY, 56, ServiceName=service) for service in services]
        bill += [focus_line("2026-06-01", 10, ServiceName=service) for service in ("work", "even-list", "weights")]
        bill += [focus_line(MAY, 10, Tags=tags(pool="small")), focus_line(MAY, 30, Tags=tags(pool="large"))]
        log = [
            usage(f"{MAY}T09:00:00Z", "a", 4 * million),
            usage(f"{MAY}T09:00:00Z", "b", 1 * million, provider=None, model="llama", pool="small"),
            usage(f"{MAY}T09:00:00Z", "c", 3 * million, provider=None, model="llama", pool="large"),
        ]
        gateway = [usage("2026-07-01T09:00:00Z", "c", 1001, project="gateway", requests=3)]
        with tiny_company(
            tmp_path_factory.mktemp("rules"),
            [
                {"id": "bill", "kind": "focus", "path": "bill.csv"},
                {"id": "log", "kind": "request_log", "path": "log.csv"},
                {"id": "gateway", "kind": "request_log", "path": "gateway.csv"},
            ],
            {"bill.csv": bill, "log.csv": log, "gateway.csv": gateway},
            workloads=[workload("a"), workload("b", "self_host"), workload("c", "self_host")],
            pools=[pool("small"), pool("large", profile="two-gpus")],
            rules=rules,
        ) as made:
            yield made

    @pytest.mark.parametrize(
        ("service", "expected"),
        [
            ("work", {"b": D(14), "c": D(42)}),
            ("work-of-all", {"b": D(14), "c": D(42)}),
            ("gpu-hours", {"b": D(8), "c": D(48)}),
            ("tokens", {"a": D(28), "b": D(7), "c": D(21)}),
            ("tokens-api", {"a": D(56)}),
            ("tokens-list", {"a": D("44.8"), "b": D("11.2")}),
            ("cost", {"a": D("11.2"), "b": D("11.2"), "c": D("33.6")}),
            ("even", {"a": D("18.666666666666"), "b": D("18.666666666667"), "c": D("18.666666666667")}),
            ("even-hosted", {"b": D(28), "c": D(28)}),
            ("even-list", {"a": D(28), "c": D(28)}),
            ("weights", {"a": D(14), "c": D(42)}),
        ],
    )
    def test_a_month_is_split_by_its_own_shares(self, company: TinyCompany, service: str, expected: dict[str, Decimal]) -> None:
        assert company.effective(f"service = '{service}' AND usage_date < '2026-06-01' AND allocation_method = 'rule'") == expected

    def test_a_month_without_basis_is_nobody_s(self, company: TinyCompany) -> None:
        assert company.effective("service = 'work' AND usage_date >= '2026-06-01'", by="workload_id, allocation_method") == {
            ("unattributed", "unattributed"): D(10)
        }

    @pytest.mark.parametrize(("service", "expected"), [("even-list", {"a": D(5), "c": D(5)}), ("weights", {"a": D("2.5"), "c": D("7.5")})])
    def test_an_agreed_split_needs_no_basis(self, company: TinyCompany, service: str, expected: dict[str, Decimal]) -> None:
        assert company.effective(f"service = '{service}' AND usage_date >= '2026-06-01'") == expected

    def test_a_rule_s_category_goes_before_the_classification(self, company: TinyCompany) -> None:
        assert set(company.effective("match_id = 'rule:weights'", by="cost_category")) == {"support"}

    def test_usage_rows_are_split_in_whole_tokens(self, company: TinyCompany) -> None:
        found = company.ask(
            "SELECT workload_id, requests, input_uncached_tokens, priced_cost FROM marts.usage_daily WHERE source_id = 'gateway' ORDER BY 1"
        )
        assert found == [("a", 2, 501, D("0.00125125")), ("b", 1, 500, D("0.00125125"))]

    def test_a_split_usage_row_costs_what_it_did_before(self, company: TinyCompany) -> None:
        assert company.effective("source_id = 'gateway'", by="workload_id, match_id") == {
            ("a", "rule:gateway"): D("0.00125125"),
            ("b", "rule:gateway"): D("0.00125125"),
        }


class TestPeopleAndHardware:
    """One person each, at their own rate of $120,000 a year; an own machine of $36,000 in service from 16 June."""

    @pytest.fixture(scope="class")
    @classmethod
    def company(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyCompany]:
        def person(number: int, target: str, start: str, end: str, pct: int = 100, activity: str = "operations") -> dict[str, object]:
            common = {"person_id": f"p-{number}", "role": "engineer", "annual_loaded": 120000, "currency": "USD"}
            return {**common, "target": target, "activity": activity, "start": start, "end": end, "allocation_pct": pct}

        people = [
            person(1, "workload:api", "2026-06-01", "2026-06-15"),
            person(2, "workload:old-hosted", "2026-06-01", "2026-06-30", 50),
            person(3, "workload:hosted", "2026-06-01", "2026-06-30", 10, "product"),
            person(4, "pool:own", "2026-06-01", "2026-06-30"),
            person(5, "platform", "2026-06-01", "2026-07-31"),
        ]
        machine = {
            "asset_id": "m",
            "pool": "own",
            "gpus": 1,
            "purchase_price": 36000,
            "currency": "USD",
            "in_service": "2026-06-16",
            "life_months": 36,
        }
        million = 1_000_000
        log = [
            usage("2026-06-20T09:00:00Z", "hosted", 3 * million, provider=None, model="llama", pool="own"),
            usage("2026-06-20T10:00:00Z", "other", 1 * million, provider=None, model="llama", pool="own"),
        ]
        with tiny_company(
            tmp_path_factory.mktemp("people"),
            [
                {"id": "people", "kind": "people", "path": "people.csv"},
                {"id": "machines", "kind": "owned_hardware", "path": "machines.csv"},
                {"id": "log", "kind": "request_log", "path": "log.csv"},
            ],
            {
                "people.csv": people,
                "machines.csv": [machine | {"power_kw": 1, "pue": 1, "price_per_kwh": "0.1", "rack_monthly": 300}],
                "log.csv": log,
            },
            as_of="2026-07-10",
            privacy={"min_people": 1},
            workloads=[workload("api"), workload("hosted", "self_host", aliases=["old-hosted"]), workload("other", "self_host")],
            pools=[pool("own")],
        ) as made:
            yield made

    @pytest.mark.parametrize(
        ("category", "where", "expected"),
        [
            ("api_operations", "true", {"api": D(5000)}),
            ("product_engineering", "true", {"hosted": D(1000)}),
            ("engineering_operations", "pool_id = 'own'", {"hosted": D(7500), "other": D(2500)}),
        ],
    )
    def test_people_go_to_their_target(self, company: TinyCompany, category: str, where: str, expected: dict[str, Decimal]) -> None:
        found = company.effective(f"cost_category = '{category}' AND {where} AND usage_date < '2026-07-01'")
        assert {who: round(cost, 6) for who, cost in found.items()} == expected

    def test_platform_people_go_by_all_self_hosted_work_and_the_rest_to_their_workload(self, company: TinyCompany) -> None:
        # $10,000 by 3 : 1, and half of $10,000 of hosted's own
        found = company.effective("cost_category = 'engineering_operations' AND pool_id IS NULL AND usage_date < '2026-07-01'")
        assert {who: round(cost, 6) for who, cost in found.items()} == {"hosted": D(7500 + 5000), "other": D(2500)}

    def test_a_month_without_work_leaves_platform_people_to_nobody(self, company: TinyCompany) -> None:
        found = company.effective("cost_basis = 'people' AND usage_date >= '2026-07-01'")
        assert {who: round(cost, 6) for who, cost in found.items()} == {"unattributed": D("3225.806452")}

    def test_a_cut_month_of_owned_hardware_books_its_days(self, company: TinyCompany) -> None:
        # 15 of 30 days of (36,000 / 36 + 300), and 15 days of 24 kWh at $0.10
        assert sum(company.effective("cost_basis = 'amortised' AND usage_date < '2026-07-01'").values()) == D(500 + 150 + 36)

    def test_owned_hardware_is_booked_up_to_as_of(self, company: TinyCompany) -> None:
        assert company.ask("SELECT min(usage_date), max(usage_date) FROM marts.cost_daily WHERE cost_basis = 'amortised'") == [
            (date(2026, 6, 16), date(2026, 7, 10))
        ]


class TestLines:
    """What a line's period, currency and class do to it; each names its case in its service."""

    @pytest.fixture(scope="class")
    @classmethod
    def company(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyCompany]:
        june = {"BillingPeriodStart": "2026-06-01T00:00:00Z"}
        bill = [
            focus_line(MAY, 100, ServiceName="long", until="2026-05-04"),
            focus_line(MAY, "-0.000000000001", ServiceName="crumb", until="2026-05-04"),
            focus_line(MAY, 31, ServiceName="once", until="2026-06-01", ChargeFrequency="One-Time"),
            focus_line(MAY, 31, ServiceName="purchase", until="2026-06-01", ChargeCategory="Purchase"),
            focus_line(MAY, 10, ServiceName="euro", BillingCurrency="EUR"),
            focus_line("2026-05-31", 10, ServiceName="late-euro", BillingCurrency="EUR", **june),
            focus_line(MAY, 10, ServiceName="pound", BillingCurrency="GBP"),
            focus_line("2026-05-30", "-4", ServiceName="corrected", ChargeClass="Correction", **june),
            focus_line("2026-05-30", "10", ServiceName="corrected"),
            focus_line(MAY, 5, ServiceName="twice"),
            focus_line(MAY, 5, ServiceName="twice"),
            focus_line(MAY, 0, ServiceName="discounted") | {"BilledCost": 8, "ListCost": 9},
        ]
        rates = [
            {"date": "2026-04-20", "base": "EUR", "quote": "USD", "rate": "1.10"},
            {"date": "2026-05-15", "base": "EUR", "quote": "USD", "rate": "1.15"},
            {"date": "2026-06-01", "base": "EUR", "quote": "USD", "rate": "1.20"},
            {"date": "2026-05-20", "base": "USD", "quote": "GBP", "rate": "0.80"},
        ]
        with tiny_company(
            tmp_path_factory.mktemp("lines"),
            [{"id": "bill", "kind": "focus", "path": "bill.csv"}, {"id": "fx", "kind": "fx_rates", "path": "fx.csv"}],
            {"bill.csv": bill, "fx.csv": rates},
            workloads=[],
        ) as made:
            yield made

    def daily(self, company: TinyCompany, service: str) -> list[tuple[int, Decimal]]:
        """Day of the month and effective cost."""
        return company.ask(
            f"SELECT day(usage_date), effective_cost FROM marts.cost_daily WHERE service = '{service}' ORDER BY usage_date, billing_period"
        )

    @pytest.mark.parametrize(
        ("service", "expected"),
        [
            ("long", [(1, D("33.333333333333")), (2, D("33.333333333333")), (3, D("33.333333333334"))]),
            ("crumb", [(1, D(0)), (2, D(0)), (3, D("-0.000000000001"))]),
            ("once", [(1, D(31))]),
            ("purchase", [(1, D(31))]),
            ("twice", [(1, D(10))]),
        ],
    )
    def test_the_days_of_a_line(self, company: TinyCompany, service: str, expected: list[tuple[int, Decimal]]) -> None:
        assert self.daily(company, service) == expected

    @pytest.mark.parametrize(("service", "expected"), [("euro", D(11)), ("late-euro", D(12)), ("pound", D("12.5"))])
    def test_money_is_converted_at_the_rate_of_its_billing_month(self, company: TinyCompany, service: str, expected: Decimal) -> None:
        # a month's rate is the last one on or before its first day, else the first within it; the other direction serves, too
        assert [cost for _, cost in self.daily(company, service)] == [expected]

    def test_a_correction_keeps_its_charge_day_and_its_own_billing_period(self, company: TinyCompany) -> None:
        found = company.ask("SELECT usage_date, billing_period, effective_cost FROM marts.cost_daily WHERE service = 'corrected' ORDER BY 2")
        assert found == [(date(2026, 5, 30), date(2026, 5, 1), D(10)), (date(2026, 5, 30), date(2026, 6, 1), D(-4))]

    def test_billed_effective_and_list_cost_are_kept_apart(self, company: TinyCompany) -> None:
        found = company.ask("SELECT billed_cost, effective_cost, list_cost FROM marts.cost_daily WHERE service = 'discounted'")
        assert found == [(D(8), D(0), D(9))]

    def test_reconciliation_stands_in_both_currencies(self, company: TinyCompany) -> None:
        found = company.ask(
            "SELECT currency, is_reporting_currency, source_billed, unattributed_billed FROM marts.reconciliation "
            "WHERE period = '2026-05-01' AND (currency = 'EUR' OR converted_from = 'EUR') ORDER BY 1"
        )
        assert found == [("EUR", False, D(10), D(10)), ("USD", True, D(11), D(11))]

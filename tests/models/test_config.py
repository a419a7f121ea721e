"""The configuration: what is read, what is defaulted, and that each mistake is refused with what, where, found, expected and the nearest name."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from models.config import PLAIN_FIELDS, Company, Condition, History, MatchEntry, Workload, load_company
from models.config.company import Settings
from models.errors import ConfigError
from models.reference import assumption_defaults, classification, cost_categories, gpu_prices, gpus, instances, profiles, staffing_presets
from pipelines.changes import changed_company

SHARED = Path(__file__).resolve().parents[2] / "../shared"

HEAD = """\
company: Example AG
currency: USD
sources:
  - {id: bill, kind: focus, path: billing/}
  - {id: log, kind: request_log, path: logs/*.csv}
"""
CHAT = "workloads:\n  - {id: chat, placement: api}\n"
POOL = "pools:\n  - {id: llama, model: llama-3.3-70b, profile: llama-3.3-70b-fp8-h100x2}\n"


class Folder:
    """A configuration's folder: `text` is its crossover.yaml, further files by name."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, text: str, files: dict[str, str] | None = None, environ: dict[str, str] | None = None) -> Company:
        for name, content in ({"crossover.yaml": text} | (files or {})).items():
            (self.path / name).write_text(content, encoding="utf-8")
        return load_company(self.path / "crossover.yaml", environ or {})

    def refused(self, text: str, files: dict[str, str] | None = None, environ: dict[str, str] | None = None) -> str:
        with pytest.raises(ConfigError) as caught:
            self.load(text, files, environ)
        assert caught.value.exit_code == 2
        return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def lines(*parts: str) -> str:
    return "\n".join(parts)


# What is read


def test_defaults_of_a_minimal_configuration(folder: Folder) -> None:
    company = folder.load(HEAD)
    assert (company.company, company.currency, company.fiscal_year_starts) == ("Example AG", "USD", 1)
    assert (company.privacy.min_people, company.retention.superseded_versions, company.max_quarantined_pct) == (5, 2, Decimal(1))
    assert (company.workloads, company.pools, company.rules) == ((), (), ())
    bill, log = company.sources
    assert (bill.timezone, bill.grain, bill.prepaid, bill.input_includes_cache) == ("UTC", "request", False, None)
    assert log.path == "logs/*.csv"


def test_paths_resolve_against_the_file_s_own_folder(folder: Folder) -> None:
    company = folder.load(HEAD + "paths: {state: private, finance: ../finance.duckdb}\n")
    assert company.root == folder.path
    assert company.file == folder.path / "crossover.yaml"
    assert company.paths.state == folder.path / "private"
    assert company.paths.finance == folder.path / "../finance.duckdb"
    assert company.paths.reports == folder.path / "out/reports"


def test_lists_in_files_of_their_own_are_the_same_as_inline(folder: Folder) -> None:
    inline = folder.load(HEAD + CHAT + POOL + "assumptions: {discount_rate: 0.12}\n")
    files = {
        "w.yaml": "- {id: chat, placement: api}\n",
        "p.json": '[{"id": "llama", "model": "llama-3.3-70b", "profile": "llama-3.3-70b-fp8-h100x2"}]',
        "a.yaml": "discount_rate: 0.12\n",
    }
    included = folder.load(HEAD + "workloads: w.yaml\npools: p.json\nassumptions: a.yaml\n", files)
    assert included == inline


def test_digest_knows_no_spelling_but_every_value(folder: Folder) -> None:
    first = folder.load(HEAD + CHAT)
    respelled = folder.load("# a comment\n" + CHAT.replace("{id: chat, placement: api}", "{placement: api, id: chat}") + HEAD)
    changed = folder.load(HEAD + CHAT.replace("api", "hybrid"))
    assert first.sha256 == respelled.sha256 != changed.sha256
    assert len(first.sha256) == 64


def test_digest_is_the_same_wherever_the_folder_lies(tmp_path: Path) -> None:
    digests = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        digests.append(Folder(tmp_path / name).load(HEAD).sha256)
    assert digests[0] == digests[1]


def test_secret_comes_from_the_environment_and_is_in_no_text_nor_digest(folder: Folder) -> None:
    text = HEAD + "  - {id: oa, kind: openai, api_key: '${KEY}'}\n"
    one, other = folder.load(text, environ={"KEY": "sk-one"}), folder.load(text, environ={"KEY": "sk-other"})
    key = one.sources[2].api_key
    assert key is not None
    assert key.get_secret_value() == "sk-one"
    assert "sk-one" not in repr(one)
    assert one.sha256 == other.sha256


def test_variable_inside_a_text(folder: Folder) -> None:
    company = folder.load(HEAD.replace("billing/", "'s3://${BUCKET}/focus'"), environ={"BUCKET": "bills"})
    assert company.sources[0].path == "s3://bills/focus"


def test_money_never_passes_through_a_float(folder: Folder) -> None:
    text = HEAD + "assumptions: {prices: [{provider: p, model: m, input: 0.1, output: 0.300000000001}]}\n"
    (price,) = folder.load(text).assumptions.prices
    assert (price.input, price.output, price.currency) == (Decimal("0.1"), Decimal("0.300000000001"), "USD")


def test_names_stay_as_written(folder: Folder) -> None:
    """An account with leading zeros, a version that looks like a number, a country that YAML 1.1 takes for false."""
    text = HEAD + "workloads: [{id: 007, placement: api, owner: no, cost_center: 4.10, match: [{sub_account: 0042, sku: 12e4567}]}]\n"
    (workload,) = folder.load(text).workloads
    assert (workload.id, workload.name) == ("007", "007")
    assert (workload.owner.at(date(2026, 1, 1)), workload.cost_center.at(date(2026, 1, 1))) == ("no", "4.10")
    assert [condition.pattern for condition in workload.match[0].conditions] == ["0042", "12e4567"]


def test_scientific_number_without_a_point(folder: Folder) -> None:
    profile = "{id: x, model: m, gpu: H100, gpus_per_replica: 1, prefill_tokens_per_second: 1e4, decode_tokens_per_second: 5, context_seconds: 1e-8}"
    assert folder.load(HEAD + f"assumptions: {{profiles: [{profile}]}}\n").assumptions.profiles[0].context_seconds == 1e-8


def test_anchors_and_merges(folder: Folder) -> None:
    text = HEAD + "workloads:\n  - &a {id: a, placement: api, tier: 2}\n  - {<<: *a, id: b}\n"
    assert [(workload.id, workload.tier) for workload in folder.load(text).workloads] == [("a", 2), ("b", 2)]


# Workloads, pools, rules


def test_dated_values_change_on_their_day(folder: Folder) -> None:
    dated = "[{value: CC-2, valid_from: 2026-04-01}, {value: CC-1, valid_from: 2026-01-01}]"
    workload = folder.load(HEAD + f"workloads: [{{id: a, placement: api, cost_center: {dated}}}]\n").workloads[0]
    at = workload.cost_center.at
    assert [at(date(2026, 3, 31)), at(date(2026, 4, 1)), at(date(2025, 1, 1))] == ["CC-1", "CC-2", "CC-1"]
    assert workload.owner.at(date(2026, 1, 1)) is None


def test_a_history_of_nothing_says_so() -> None:
    with pytest.raises(LookupError, match="empty"):
        History(()).at(date(2026, 1, 1))


def test_match_entry_is_conditions_a_label_and_a_period(folder: Folder) -> None:
    entry = "{tag.team: cx-*, not.region: eu-*, environment: dev, valid_from: 2026-03-01}"
    workload = folder.load(HEAD + f"workloads: [{{id: a, placement: api, match: [{entry}]}}]\n").workloads[0]
    assert workload.match == (
        MatchEntry(
            conditions=(Condition(field="tag.team", pattern="cx-*"), Condition(field="region", pattern="eu-*", negated=True)),
            environment="dev",
            valid_from=date(2026, 3, 1),
        ),
    )


def test_answers_plain_or_with_evidence_or_none(folder: Folder) -> None:
    questions = (
        "{frontier_required: false, data_must_stay: {answer: true, evidence: dpa-7, owner: legal}, "
        "sla: {p99_latency_ms: 800, availability_pct: 99.5}, engineering_capability: {answer: , evidence: asked}}"
    )
    answers = folder.load(HEAD + f"workloads: [{{id: a, placement: api, questions: {questions}}}]\n").workloads[0].questions
    assert answers.frontier_required is not None
    assert answers.frontier_required.answer is False
    assert answers.data_must_stay is not None
    assert (answers.data_must_stay.answer, answers.data_must_stay.evidence, answers.data_must_stay.owner) == (True, "dpa-7", "legal")
    assert answers.sla is not None
    assert (answers.sla.answer.p99_latency_ms, answers.sla.answer.availability_pct) == (800.0, Decimal("99.5"))
    assert answers.engineering_capability is None
    assert answers.planned_life_months is None


def test_way_back_costs_what_the_way_there_does_unless_given() -> None:
    same = Workload.model_validate({"id": "a", "placement": "api", "migration": {"cost": "60000"}})
    other = Workload.model_validate({"id": "a", "placement": "api", "migration": {"cost": "60000", "back_cost": "30000"}})
    assert (same.migration.back_cost, other.migration.back_cost) == (Decimal(60000), Decimal(30000))


def test_idle_owner(folder: Folder) -> None:
    pool = folder.load(HEAD + CHAT + POOL.replace("}\n", ", idle: 'owner:chat'}\n")).pools[0]
    assert (pool.idle_policy, pool.idle_owner) == ("owner", "chat")


def test_idle_is_proportional_by_default(folder: Folder) -> None:
    pool = folder.load(HEAD + POOL).pools[0]
    assert (pool.idle_policy, pool.idle_owner, tuple(pool.replicas)) == ("proportional", None, ())


def test_weights_name_the_workloads(folder: Folder) -> None:
    rule = folder.load(HEAD + CHAT + "rules: [{id: r, match: [{service: D*}], split: {by: weights, weights: {chat: 0.5}}}]\n").rules[0]
    assert (rule.split.among, rule.split.weights) == (("chat",), {"chat": Decimal("0.5")})


def test_former_names_lead_to_the_workload(folder: Folder) -> None:
    assert folder.load(HEAD + "workloads: [{id: chat, aliases: [chat-v1], placement: api}]\n").workload_ids == {"chat": "chat", "chat-v1": "chat"}


# Assumptions


def test_shipped_assumptions_are_the_contract_s(folder: Folder) -> None:
    shipped = folder.load(HEAD).assumptions
    assert (shipped.discount_rate, shipped.horizon_months, shipped.burden) == (0.15, 36, Decimal("0.40"))
    assert (shipped.utilisation_target, shipped.spare_replicas) == (0.80, 1)
    assert (shipped.peak.quantile, shipped.peak.burst_factor) == (0.99, 1.25)
    assert (shipped.api_operations.fte, shipped.api_operations.loaded_annual) == (0.5, Decimal(166667))
    assert sum(value for _, value in shipped.overheads_annual) == Decimal(100000 + 30000 + 45000 + 20000 + 0 + 12000)
    assert shipped.api_price_erosion == 0.10
    assert (shipped.decision.min_probability, shipped.decision.max_payback_months, shipped.decision.persistence_months) == (0.8, 24.0, 3)
    assert (shipped.decision.dead_band_months, shipped.decision.min_days, shipped.decision.min_quality) == (24.0, 90, 0.95)
    assert shipped.decision.switch_margin == 0.05
    assert (shipped.uncertainty.volume, shipped.uncertainty.throughput, shipped.uncertainty.people) == (0.25, 0.20, 0.15)


def test_overrides_merge_key_by_key(folder: Folder) -> None:
    assumptions = folder.load(HEAD + "assumptions: {peak: {burst_factor: 1.0}}\n").assumptions
    assert (assumptions.peak.quantile, assumptions.peak.burst_factor) == (0.99, 1.0)


def test_redress_for_the_first_pool_garnet_beside_another(folder: Folder) -> None:
    assumptions = folder.load(HEAD).assumptions
    assert assumptions.staffing_for(False) == (2.25, Decimal(166667), "redress")
    assert assumptions.staffing_for(True) == (0.25, Decimal(280000), "garnet")


def test_staffing_as_given_has_no_preset(folder: Folder) -> None:
    assumptions = folder.load(HEAD + "assumptions: {staffing: {fte: 1.5, loaded_annual: 200000}}\n").assumptions
    assert assumptions.staffing_for(False) == assumptions.staffing_for(True) == (1.5, Decimal(200000), None)


def test_a_machine_to_buy_is_priced_by_the_hour(folder: Folder) -> None:
    """320,000 / 36 = 8,888.89 and 730 of rack a month at no interest, over 730 hours; 10 kW x 1.5 x 0.20 an hour; eight GPUs (economics 2.8)."""
    machine = "{purchase_price: 320000, power_kw: 10, pue: 1.5, price_per_kwh: 0.2, rack_monthly: 730}"
    own = f"assumptions: {{gpu_prices: [{{id: own, gpu: H100, gpus_per_instance: 8, owned: {machine}}}], discount_rate: 0}}\n"
    price = next(price for price in folder.load(HEAD + own).assumptions.gpu_prices if price.id == "own")
    assert price.price_per_gpu_hour == Decimal("2.022070")  # (8,888.888889 + 730) / 730 = 13.176560, and 3; an eighth
    dearer = changed_company(folder.load(HEAD + own), ["discount_rate=0.15"])
    assert next(price for price in dearer.assumptions.gpu_prices if price.id == "own").price_per_gpu_hour > price.price_per_gpu_hour
    rented = changed_company(folder.load(HEAD + own), ["gpu_prices.own=3"])
    assert next(price for price in rented.assumptions.gpu_prices if price.id == "own").price_per_gpu_hour == 3


def test_the_only_source_being_wrong_is_one_problem(folder: Folder) -> None:
    message = folder.refused("company: Example AG\ncurrency: USD\nsources: [{id: bill, kind: fokus, path: bill.csv}]\n")
    assert message.startswith("This value can't be used.")
    assert "Did you mean focus?" in message
    assert "at least one entry" not in message


@pytest.mark.parametrize("price", ["", ", price_per_gpu_hour: 1, owned: {purchase_price: 1, power_kw: 1, pue: 1, price_per_kwh: 1}"])
def test_gpus_are_rented_or_bought(folder: Folder, price: str) -> None:
    message = folder.refused(HEAD + f"assumptions: {{gpu_prices: [{{id: g, gpu: H100{price}}}]}}\n")
    assert "assumptions.gpu_prices[0]" in message
    assert "either price_per_gpu_hour or owned" in message


def test_own_entries_lie_on_top_of_the_catalogues(folder: Folder) -> None:
    own = (
        "assumptions:\n"
        "  gpu_prices: [{id: lambda-h100, gpu: H100, price_per_gpu_hour: 2.5}]\n"
        "  categories: [{service: Quantum*, category: storage_network}]\n"
        "  instances: [{pattern: '*g5.4xlarge*', gpu: A10G, gpus: 2}]\n"
    )
    assumptions = folder.load(HEAD.replace("USD", "EUR") + own).assumptions
    prices = [price for price in assumptions.gpu_prices if price.id == "lambda-h100"]
    assert [(price.price_per_gpu_hour, price.currency) for price in prices] == [(Decimal("2.5"), "EUR")]
    assert len(assumptions.gpu_prices) == len(gpu_prices())
    assert assumptions.categories[0].conditions == (Condition(field="service", pattern="Quantum*"),)
    assert assumptions.categories[1:] == classification()
    assert assumptions.instances[0].gpus == 2
    assert assumptions.instances[1:] == instances()


def test_published_rows_tell_shipped_from_overridden(folder: Folder) -> None:
    rows = {row.name: row for row in folder.load(HEAD + "assumptions: {discount_rate: 0.10, burden: 0.5}\n").assumptions.rows()}
    inside, outside, shipped = rows["discount_rate"], rows["burden"], rows["peak.quantile"]
    assert (inside.low, inside.base, inside.high, inside.is_overridden) == (Decimal("0.08"), Decimal("0.1"), Decimal("0.20"), True)
    assert (outside.low, outside.base, outside.high, outside.is_overridden) == (None, Decimal("0.5"), None, True)
    assert (shipped.low, shipped.base, shipped.high, shipped.is_overridden) == (Decimal("0.95"), Decimal("0.99"), Decimal("0.999"), False)
    assert rows["staffing.first_pool.fte"].base == Decimal("2.25")
    assert rows["staffing.first_pool.fte"].source.startswith("preset redress: ")


# Shipped facts


def test_every_shipped_number_lies_in_its_range() -> None:
    assert [row.name for row in assumption_defaults() if not row.low <= row.base <= row.high] == []


def test_staffing_presets_differ_about_ninety_fold() -> None:
    costs = {preset.name: Decimal(str(preset.fte)) * preset.loaded_annual for preset in staffing_presets()}
    assert (costs["garnet"], round(costs["redress"]), round(costs["ivchenko"])) == (Decimal(70000), 375001, 1484000)
    assert 85 < max(costs.values()) / min(costs.values()) < 100


def test_shipped_rows_name_source_and_date() -> None:
    rows = [*gpu_prices(), *profiles(), *instances(), *gpus()]
    assert [row for row in rows if not row.source or not row.date] == []


def test_shipped_gpus_are_known_by_memory() -> None:
    known = {gpu.gpu: gpu.memory_gb for gpu in gpus()}
    assert {row.gpu for row in [*gpu_prices(), *profiles(), *instances()]} <= set(known)
    assert [profile.id for profile in profiles() if profile.gpu_memory_gb != known[profile.gpu]] == []


def test_shipped_weights_fit_their_gpus_with_a_fifth_to_spare() -> None:
    assert [row.id for row in profiles() if (row.weights_gb or 0) * 1.2 > row.gpus_per_replica * (row.gpu_memory_gb or 0)] == []


def test_categories_of_neither_side_are_outside_unit_cost() -> None:
    categories = {row.category: row for row in cost_categories()}
    assert [row.category for row in cost_categories() if row.side == "neutral" and row.in_unit_cost] == []
    assert (categories["gpu_idle"].side, categories["api_usage"].side, categories["one_off"].in_unit_cost) == ("self_host", "api", False)


def test_tax_and_credits_come_first_in_the_classification() -> None:
    assert [(rule.conditions[0].pattern, rule.category) for rule in classification()[:2]] == [("tax", "tax"), ("credit", "credit")]


def category_of(**line: str) -> str:
    for rule in classification():
        if all(fnmatchcase(line.get(part.field, "").lower(), part.pattern.lower()) != part.negated for part in rule.conditions):
            return rule.category
    return "other_cloud"


@pytest.mark.parametrize(
    ("line", "category"),
    [
        ({"service": "Amazon Bedrock", "charge_category": "Tax"}, "tax"),
        ({"service": "Amazon Bedrock", "charge_category": "Usage"}, "api_usage"),
        ({"service": "Azure OpenAI Service"}, "api_usage"),
        ({"provider": "OpenAI", "sku": "gpt-4o input"}, "api_usage"),
        ({"service": "Amazon Elastic Compute Cloud", "description": "$1.624 per On Demand Linux g5.4xlarge Instance Hour"}, "gpu_compute"),
        ({"service": "Amazon Elastic Compute Cloud", "description": "$0.17 per On Demand Linux c5.xlarge Instance Hour"}, "other_cloud"),
        ({"service": "Virtual Machines", "sku": "Standard_ND96isr_H100_v5"}, "gpu_compute"),
        ({"service": "Compute Engine", "description": "Nvidia H100 80GB GPU running in Frankfurt"}, "gpu_compute"),
        ({"provider": "Lambda", "sku": "gpu_8x_h100_sxm5"}, "gpu_compute"),
        ({"provider": "AWS", "service": "AWS Lambda", "description": "AWS Lambda - Total Requests"}, "other_cloud"),
        ({"service": "Amazon Virtual Private Cloud", "sku": "8QGPUND96A100XK2"}, "storage_network"),
        ({"service": "Amazon Simple Storage Service", "description": "$0.09 per GB - data transfer out"}, "data_storage"),
        ({"service": "Datadog Pro"}, "observability"),
        ({"service": "AWS Support (Enterprise)"}, "support"),
    ],
)
def test_shipped_classification(line: dict[str, str], category: str) -> None:
    assert category_of(**line) == category


@pytest.mark.parametrize(
    ("name", "gpu", "count"),
    [
        ("per On Demand Linux g5.4xlarge Instance Hour", "A10G", 1),
        ("per On Demand Linux g5.12xlarge Instance Hour", "A10G", 4),
        ("BoxUsage:p5.48xlarge", "H100", 8),
        ("BoxUsage:p5.4xlarge", "H100", 1),
        ("ND96isr H100 v5", "H100", 8),
        ("g2-standard-48", "L4", 4),
        ("g2-standard-4", "L4", 1),
        ("gpu_8x_a100_80gb_sxm4", "A100-80", 8),
        ("gpu_1x_a10", "A10", 1),
    ],
)
def test_gpus_per_billed_instance(name: str, gpu: str, count: int) -> None:
    found = next(row for row in instances() if fnmatchcase(name.lower(), row.pattern.lower()))
    assert (found.gpu, found.gpus) == (gpu, count)


def documented_models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The model and every model that a user writes inside it."""
    yield model
    pending: list[object] = [field.annotation for field in model.model_fields.values()]
    while pending:
        annotation = pending.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from documented_models(annotation)
        else:
            pending += get_args(annotation)


def test_every_key_is_documented() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/configuration.md").read_text(encoding="utf-8")
    keys = {key for model in documented_models(Settings) for key in (*model.model_fields, *model.also_known)} - {
        "conditions",
        "field",
        "pattern",
        "negated",
    }
    assert [key for key in sorted(keys) if not re.search(rf"\b{re.escape(key)}\b", text)] == ["not.X"]


def test_documented_workload_is_valid(folder: Folder) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/configuration.md").read_text(encoding="utf-8")
    example = next(block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if block.startswith("- id: support-chat"))
    company = folder.load(HEAD.replace("id: log", "id: openai") + "workloads: workloads.yaml\n", {"workloads.yaml": example})
    assert company.workloads[0].cost_center.at(date(2026, 1, 1)) == "CC-210"


# What is refused


def test_unknown_key(folder: Folder) -> None:
    assert folder.refused(HEAD + "  - {id: x, kind: focus, pth: b, path: b}\n") == lines(
        "Unknown key.",
        "  where:    crossover.yaml line 6, sources[2].pth",
        "  found:    pth",
        "  expected: id, kind, path, api_key, base_url, since, endpoint_url, profile, columns, constants, timezone, grain, billed_by, "
        "input_includes_cache, model_map, prepaid, max_quarantined_pct",
        "  do:       Did you mean path?",
    )


def test_unknown_value_in_an_included_file(folder: Folder) -> None:
    text = folder.refused(HEAD + "workloads: workloads.yaml\n", {"workloads.yaml": "- id: chat\n  placement: selfhost\n"})
    assert text == lines(
        "This value can't be used.",
        "  where:    workloads.yaml line 2, workloads[0].placement",
        "  found:    selfhost",
        "  expected: 'api', 'self_host' or 'hybrid'",
        "  do:       Did you mean self_host?",
    )


def test_unknown_condition(folder: Folder) -> None:
    text = folder.refused(HEAD + "workloads: [{id: a, placement: api, match: [{servce: x}]}]\n")
    assert "where:    crossover.yaml line 6, workloads[0].match[0].servce" in text
    assert "Did you mean service?" in text


def test_every_problem_is_listed(folder: Folder) -> None:
    text = folder.refused(
        HEAD.replace("USD", "usd").replace("kind: focus", "kind: focuss") + "fiscal_year_starts: 13\n" + POOL.replace("llama,", "'a b',")
    )
    assert text.startswith("crossover.yaml has 4 problems:\n\n")
    for where in ("line 2, currency", "line 4, sources[0].kind", "line 6, fiscal_year_starts", "line 8, pools[0].id"):
        assert f"where:    crossover.yaml {where}\n" in text


def test_missing_key(folder: Folder) -> None:
    assert folder.refused(HEAD + "workloads: [{id: a}]\n") == lines(
        "A required key is missing.",
        "  where:    crossover.yaml line 6, workloads[0].placement",
        "  expected: placement: ...",
        "  do:       See docs/configuration.md.",
    )


def test_no_such_file(folder: Folder) -> None:
    with pytest.raises(ConfigError) as caught:
        load_company(folder.path / "crossover.yaml", {})
    assert str(caught.value) == lines(
        "There is no such file.",
        "  where:    crossover.yaml",
        f"  found:    nothing at {folder.path / 'crossover.yaml'}",
        "  do:       Correct the path or create the file.",
    )


def test_no_such_included_file_is_the_only_problem(folder: Folder) -> None:
    """What names a workload is not to blame while the workloads can't be read."""
    text = folder.refused(HEAD.replace("path: logs/*.csv", "path: l, constants: {workload: chat}") + "workloads: gone.yaml\n")
    assert text.startswith("There is no such file.\n  where:    gone.yaml, named by workloads in crossover.yaml line 6\n")


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        ("", "This file is empty.", "crossover.yaml"),
        ("# nothing yet\n", "This file is empty.", "crossover.yaml"),
        ("- a\n", "This is not a configuration.", "crossover.yaml"),
        ("company: a\ncompany: b\n", "A key is given twice.", "crossover.yaml line 2"),
        ("company: [a\ncurrency: USD\n", "This is not valid YAML.", "crossover.yaml line 2"),
        ("company: a\n\tcurrency: USD\n", "This is not valid YAML.", "crossover.yaml line 2"),
        ("company: !!python/object:os.system x\n", "YAML tags are not used here.", "crossover.yaml line 1"),
        ("company: &a [*a]\n", "An alias contains itself.", "crossover.yaml line 1"),
        ("company: " + "[" * 5000 + "]" * 5000, "This file is nested too deeply.", "crossover.yaml"),
    ],
)
def test_not_a_configuration(folder: Folder, text: str, what: str, where: str) -> None:
    message = folder.refused(text).splitlines()
    assert message[0] == what
    assert message[1] == f"  where:    {where}"


def test_unquoted_variable_within_braces_is_explained(folder: Folder) -> None:
    text = folder.refused(HEAD + "  - {id: oa, kind: openai, api_key: ${KEY}}\n")
    assert text.splitlines()[1] == "  where:    crossover.yaml line 6"
    assert text.splitlines()[-1] == "  do:       Within { } put quotes around a variable: '${NAME}'."


def test_not_utf8(folder: Folder) -> None:
    (folder.path / "crossover.yaml").write_bytes(b"company: M\xfcller\n")
    with pytest.raises(ConfigError, match=r"not UTF-8 text.\n  where:    crossover.yaml, byte 10"):
        load_company(folder.path / "crossover.yaml", {})


@pytest.mark.parametrize(
    ("text", "what"),
    [("", "This file is empty."), ("[{]", "This is not valid JSON."), ('[{"id": 1, "id": 2}]', "A key is given twice.")],
)
def test_broken_json_file(folder: Folder, text: str, what: str) -> None:
    assert folder.refused(HEAD + "rules: rules.json\n", {"rules.json": text}).startswith(what)


def test_missing_variable_is_named(folder: Folder) -> None:
    assert folder.refused(HEAD + "  - {id: oa, kind: openai, api_key: '${OPENAI_KEY}'}\n", environ={"OTHER": "value"}) == lines(
        "The environment variable OPENAI_KEY is not set.",
        "  where:    crossover.yaml line 6, sources[2].api_key",
        "  do:       Set it before the run: export OPENAI_KEY=...",
    )


def test_literal_secret_is_refused_and_not_shown(folder: Folder) -> None:
    text = folder.refused(HEAD + "  - {id: oa, kind: openai, api_key: sk-abc123}\n")
    assert text.startswith("A secret stands in the file.\n  where:    crossover.yaml line 6, sources[2].api_key\n  expected: ${NAME}\n")
    assert "abc123" not in text


def test_empty_secret(folder: Folder) -> None:
    text = folder.refused(HEAD + "  - {id: oa, kind: openai, api_key: '${KEY}'}\n", environ={"KEY": ""})
    assert "expected: a key; the variable is set but empty" in text


def test_credentials_in_an_address_are_refused_and_not_shown(folder: Folder) -> None:
    text = folder.refused(HEAD + "  - {id: p, kind: prometheus, base_url: 'https://me:hunter2@host/'}\n")
    assert "an address without user or password in it" in text
    assert "hunter2" not in text


def test_value_of_a_variable_is_never_shown(folder: Folder) -> None:
    text = folder.refused(
        HEAD.replace("USD", "${CURRENCY}").replace("kind: focus", "kind: '${KIND}'"), environ={"CURRENCY": "tops3cret", "KIND": "focuss3cret"}
    )
    assert "found:    ${CURRENCY}" in text
    assert "found:    ${KIND}" in text
    assert "s3cret" not in text


JOINS = "workloads:\n  - {id: a, placement: api, candidates: {self_host: {model: m, profile: PROFILE, gpu_price: lambda-h100, pool: lama}}}\n"
DANGLING = [
    (JOINS.replace("PROFILE", "llama-3.3-70b-fp8-h100x2") + POOL, "workloads[0].candidates.self_host.pool", "pool", "lama", "llama"),
    ("  - {id: a, kind: request_log, path: l, billed_by: bil}\n", "sources[2].billed_by", "source of money", "bil", "bill"),
    ("  - {id: a, kind: request_log, path: l, constants: {workload: chatt}}\n" + CHAT, "sources[2].constants.workload", "workload", "chatt", "chat"),
    ("  - {id: a, kind: request_log, path: l, constants: {pool: lama}}\n" + POOL, "sources[2].constants.pool", "pool", "lama", "llama"),
    (CHAT + POOL.replace("}\n", ", idle: 'owner:chta'}\n"), "pools[0].idle", "workload", "owner:chta", "chat"),
    (POOL.replace("h100x2", "h100x3"), "pools[0].profile", "profile", "llama-3.3-70b-fp8-h100x3", "llama-3.3-70b-fp8-h100x2"),
    (CHAT + "rules: [{id: r, match: [{service: x}], split: {among: [chaat], by: even}}]\n", "rules[0].split.among[0]", "workload", "chaat", "chat"),
    (
        CHAT + "rules: [{id: r, match: [{service: x}], split: {by: weights, weights: {cat: 1}}}]\n",
        "rules[0].split.weights.cat",
        "workload",
        "cat",
        "chat",
    ),
    (POOL.replace("}\n", ", match: [{source: logs}]}\n"), "pools[0].match[0].source", "source", "logs", "log"),
    (
        "workloads: [{id: a, placement: api, candidates: {self_host: {model: m, profile: mixtral-8x7b-fp8-h100x2, gpu_price: lambda-h10}}}]\n",
        "workloads[0].candidates.self_host.gpu_price",
        "GPU price",
        "lambda-h10",
        "lambda-h100",
    ),
]


@pytest.mark.parametrize(("text", "where", "kind", "found", "near"), DANGLING, ids=[case[1] for case in DANGLING])
def test_name_that_leads_nowhere(folder: Folder, text: str, where: str, kind: str, found: str, near: str) -> None:
    message = folder.refused(HEAD + text).splitlines()
    assert message[0] == f"There is no such {kind}."
    assert message[1].endswith(f", {where}")
    assert message[2] == f"  found:    {found}"
    assert message[3].startswith(f"  expected: a {kind}: ")
    assert message[4] == f"  do:       Did you mean {near}?"


def test_a_candidate_joins_a_pool_of_its_own_profile_only(folder: Folder) -> None:
    joins = JOINS.replace("lama", "llama")
    own = folder.load(HEAD + joins.replace("PROFILE", "llama-3.3-70b-fp8-h100x2") + POOL).workloads[0].candidates.self_host
    assert own is not None
    assert own.pool == "llama"
    message = folder.refused(HEAD + joins.replace("PROFILE", "mixtral-8x7b-fp8-h100x2") + POOL).splitlines()
    assert message[0] == "A candidate can't join a pool of another profile."
    assert message[1].endswith(", workloads[0].candidates.self_host.pool")
    assert message[2] == "  found:    profile mixtral-8x7b-fp8-h100x2; pool llama has llama-3.3-70b-fp8-h100x2"
    assert message[3] == "  expected: profile: llama-3.3-70b-fp8-h100x2"


def test_glob_over_sources_leads_nowhere_and_may(folder: Folder) -> None:
    assert folder.load(HEAD + "workloads: [{id: a, placement: api, match: [{source: chat-*}]}]\n").workloads[0].match


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("  - {id: bill, kind: focus, path: b}\n", "source", "bill, also at crossover.yaml line 4, sources[0].id"),
        ("workloads: [{id: a, placement: api}, {id: a, placement: api}]\n", "workload", "a, also at crossover.yaml line 6, workloads[0].id"),
        (
            "workloads: [{id: a, placement: api}, {id: b, aliases: [a], placement: api}]\n",
            "workload",
            "a, also at crossover.yaml line 6, workloads[0].id",
        ),
        (POOL + POOL.removeprefix("pools:\n"), "pool", "llama, also at crossover.yaml line 7, pools[0].id"),
        (
            "rules: [{id: r, match: [{sku: x}], split: {among: all, by: even}}, {id: r, match: [{sku: y}], split: {among: all, by: even}}]\n",
            "rule",
            "r, also at crossover.yaml line 6, rules[0].id",
        ),
        (
            "assumptions: {gpu_prices: [{id: g, gpu: H100, price_per_gpu_hour: 1}, {id: g, gpu: H100, price_per_gpu_hour: 2}]}\n",
            "GPU price",
            "g, also at crossover.yaml line 6, assumptions.gpu_prices[0].id",
        ),
        (
            "assumptions: {prices: [{provider: p, model: m, input: 1, output: 1}, {provider: p, model: m, input: 2, output: 2}]}\n",
            "price",
            "p m, also at crossover.yaml line 6, assumptions.prices[0]",
        ),
    ],
)
def test_given_twice(folder: Folder, text: str, kind: str, found: str) -> None:
    message = folder.refused(HEAD + text).splitlines()
    assert message[0] == f"A {kind} is given twice."
    assert message[2] == f"  found:    {found}"


WRONG = [
    ("fiscal_year_starts: 0\n", "fiscal_year_starts", "0", "greater than or equal to 1"),
    ("max_quarantined_pct: 101\n", "max_quarantined_pct", "101", "less than or equal to 100"),
    ("privacy: {min_people: 0}\n", "privacy.min_people", "0", "greater than or equal to 1"),
    (
        "workloads: [{id: unattributed, placement: api}]\n",
        "workloads[0].id",
        "unattributed",
        "another name: `unattributed` is reserved for what nobody claims",
    ),
    ("workloads: [{id: 'a#1', placement: api}]\n", "workloads[0].id", "a#1", "an id without spaces, # or :"),
    ("workloads: [{id: a, placement: api, tier: 4}]\n", "workloads[0].tier", "4", "1, 2 or 3"),
    ("workloads: [{id: a, placement: api, migration: {cost: -1}}]\n", "workloads[0].migration.cost", "-1", "greater than or equal to 0"),
    ("workloads: [{id: a, placement: api, migration: {months: .inf}}]\n", "workloads[0].migration.months", ".inf", "a number"),
    ("workloads: [{id: a, placement: api, migration: {months: nan}}]\n", "workloads[0].migration.months", "nan", "a finite number"),
    (
        "workloads: [{id: a, placement: api, questions: {data_must_stay: perhaps}}]\n",
        "workloads[0].questions.data_must_stay",
        "perhaps",
        "true or false",
    ),
    ("workloads: [{id: a, placement: api, match: [{source: [bill]}]}]\n", "workloads[0].match[0].source", "a list of 1", "a text"),
    (
        "workloads: [{id: a, placement: api, match: [{sku: x, valid_from: 2026-02-30}]}]\n",
        "workloads[0].match[0].valid_from",
        "2026-02-30",
        "a day, such as 2026-01-31",
    ),
    ("workloads: [{id: a, placement: api, owner: [{value: x}, {value: y}]}]\n", "workloads[0].owner", "a list of 2", "one value for each valid_from"),
    (
        "pools: [{id: a, model: m, profile: mixtral-8x7b-fp8-h100x2, idle: 'owner:'}]\n",
        "pools[0].idle",
        "owner:",
        "proportional, unallocated or owner:WORKLOAD",
    ),
    (
        "rules: [{id: r, match: [], split: {among: all, by: even}}]\n",
        "rules[0].match",
        "a list of 0",
        "at least one entry: a rule without any would never hold",
    ),
    ("assumptions: {peak: {quantile: 1.01}}\n", "assumptions.peak.quantile", "1.01", "less than or equal to 1"),
    ("assumptions: {spare_replicas: 0.5}\n", "assumptions.spare_replicas", "0.5", "a whole number"),
    (
        "assumptions: {prices: [{provider: p, model: m, input: 1e-13, output: 1}]}\n",
        "assumptions.prices[0].input",
        "1e-13",
        "at most 12 digits after the point",
    ),
]


@pytest.mark.parametrize(("text", "where", "found", "expected"), WRONG, ids=[case[1] for case in WRONG])
def test_value_that_can_t_be(folder: Folder, text: str, where: str, found: str, expected: str) -> None:
    assert folder.refused(HEAD + text) == lines(
        "This value can't be used.",
        f"  where:    crossover.yaml line 6, {where}",
        f"  found:    {found}",
        f"  expected: {expected}",
    )


SOURCES = [
    ("{id: x, kind: focus}", "sources[2]", "path: a file, folder, glob or s3://bucket/prefix"),
    ("{id: x, kind: anthropic}", "sources[2]", "path (saved responses), or api_key: ${NAME}"),
    ("{id: x, kind: focus, path: p, profile: prod}", "sources[2]", "endpoint_url and profile only where path starts with s3://"),
    ("{id: x, kind: focus, path: p, grain: day}", "sources[2].grain", "a source of kind request_log"),
    ("{id: x, kind: focus, path: p, timezone: Europe/Berln}", "sources[2].timezone", "an IANA time zone, such as Europe/Berlin"),
    (
        "{id: x, kind: request_log, path: p, columns: {usr: u}}",
        "sources[2].columns.usr",
        "a field of request_log: " + ", ".join(PLAIN_FIELDS["request_log"]),
    ),
    (
        "{id: x, kind: request_log, path: p, columns: {user: u}, constants: {user: v}}",
        "sources[2].constants",
        "user in columns or in constants, not in both",
    ),
    (
        "{id: x, kind: request_log, path: p, columns: {cached_tokens: c}}",
        "sources[2]",
        "input_includes_cache: true or false, since cached_tokens is mapped (whether input_tokens count the cached ones too)",
    ),
]


@pytest.mark.parametrize(("source", "where", "expected"), SOURCES, ids=[case[0] for case in SOURCES])
def test_source_that_can_t_be(folder: Folder, source: str, where: str, expected: str) -> None:
    message = folder.refused(HEAD + f"  - {source}\n")
    assert f"  where:    crossover.yaml line 6, {where}\n" in message
    assert f"  expected: {expected}" in message.splitlines()


def test_match_entry_needs_a_condition(folder: Folder) -> None:
    text = folder.refused(HEAD + "workloads: [{id: a, placement: api, match: [{environment: dev}]}]\n")
    assert text == lines(
        "This value can't be used.",
        "  where:    crossover.yaml line 6, workloads[0].match[0]",
        "  expected: at least one condition, such as source, service or tag.workload",
    )


def test_half_a_staffing(folder: Folder) -> None:
    assert "expected: fte and loaded_annual together, or presets" in folder.refused(HEAD + "assumptions: {staffing: {fte: 1}}\n")


def test_unknown_staffing_preset(folder: Folder) -> None:
    text = folder.refused(HEAD + "assumptions: {staffing: {next_pool: garnett}}\n")
    assert "expected: a staffing preset: lyceum, garnet, redress, ivchenko\n  do:       Did you mean garnet?" in text


def test_unknown_category(folder: Folder) -> None:
    text = folder.refused(HEAD + "assumptions: {categories: [{service: x, category: storage_netwrk}]}\n")
    assert "where:    crossover.yaml line 6, assumptions.categories[0].category" in text
    assert "Did you mean storage_network?" in text


def test_finance_may_not_lie_in_the_private_folder(folder: Folder) -> None:
    assert folder.refused(HEAD + "paths: {state: out}\n") == lines(
        "crossover.yaml has 2 problems:",
        "",
        "This would be published into the private folder.",
        "  where:    crossover.yaml line 6, paths.finance",
        "  found:    out/finance.duckdb",
        "  expected: a place outside paths.state, which is private",
        "",
        "This would be published into the private folder.",
        "  where:    crossover.yaml line 6, paths.reports",
        "  found:    out/reports",
        "  expected: a place outside paths.state, which is private",
    )


JSON_VALUES = st.recursive(st.none() | st.booleans() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=5)


@given(key=st.sampled_from(["company", "currency", "paths", "sources", "workloads", "pools", "rules", "assumptions", "retention"]), value=JSON_VALUES)
def test_whatever_stands_at_a_key_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, key: str, value: object) -> None:
    """No configuration, however odd, ends in anything but a Company or a ConfigError."""
    folder = Folder(tmp_path_factory.mktemp("any", numbered=True))
    tree = {"company": "a", "currency": "USD", "sources": [{"id": "b", "kind": "focus", "path": "p"}]} | {key: value}
    (folder.path / "c.json").write_text(json.dumps(tree), encoding="utf-8")
    with suppress(ConfigError):
        assert load_company(folder.path / "c.json", {}).company


@pytest.mark.skipif(not SHARED.is_dir(), reason="the hand-computed companies are not here")
@pytest.mark.parametrize("case", ["books", "first-light", "placements"])
def test_hand_computed_companies_load(case: str) -> None:
    company = load_company(SHARED / "cases" / case / "crossover.yaml", os.environ)
    assert company.workloads
    assert company.sources

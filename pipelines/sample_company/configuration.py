"""The company's configuration as a newcomer would write it: crossover.yaml and the files it names, commented, to be copied and changed.

What a workload's entry says stands in story.py; here it is only laid out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import yaml

from pipelines.sample_company.bills import COMMITTED_PER_HOUR, SAVINGS_PLAN
from pipelines.sample_company.months import add_months, last_day
from pipelines.sample_company.request_logs import SERVED_MODEL
from pipelines.sample_company.small_workloads import SMALL_WORKLOADS
from pipelines.sample_company.story import COMPANY, WORKLOADS, Workload
from pipelines.sample_company.writers import write_text

CROSSOVER = """\
# {company}: an example to copy. Paths are relative to this file; docs/configuration.md explains every key.
company: {company}
currency: USD                    # what finance's tables are in; bills may come in any currency that fx.csv knows
fiscal_year_starts: 1

paths:
  state: var                     # private: landed files, ledger, warehouse
  finance: out/finance.duckdb    # what finance opens
  reports: out/reports

privacy: {{min_people: 5}}         # no published rate stands for fewer people than that
retention: {{superseded_versions: 2}}

sources:
  # The bills. Each is a folder of monthly deliveries.
  - {{id: aws, kind: focus, path: billing/aws/}}               # FOCUS 1.2, CSV.gz, USD: the big pool and what stands around it
  - {{id: nordmeer, kind: focus, path: billing/nordmeer/}}     # FOCUS 1.0, Parquet, EUR
  - {{id: aws-labs, kind: aws_cur2, path: billing/aws-labs/}}   # a second account: a Data Export (CUR 2.0) with its manifests
  - {{id: gcp, kind: gcp_billing, path: billing/gcp/}}          # Google's detailed export, a folder an invoice month
  - {{id: coreweave, kind: focus, path: billing/coreweave/}}    # hours of GPUs without costs ...
  - {{id: coreweave-rates, kind: rate_card, path: coreweave-rates.csv}}    # ... and what an hour costs

  # Invoices, for providers without an export.
  - {{id: lambda, kind: invoice, path: invoices/lambda.csv}}
  - {{id: openai-invoice, kind: invoice, path: invoices/openai.csv}}

  # What was used. `columns` says how the log calls our fields, `constants` what it does not say at all.
  - id: gateway-openai
    kind: request_log
    path: logs/openai-*.csv
    grain: hour
    columns: {{timestamp: hour, project: project_id, requests: num_requests, cached_tokens: input_cached_tokens}}
    constants: {{provider: openai}}
    input_includes_cache: true   # OpenAI counts cached tokens as input
    billed_by: openai-invoice    # the invoice pays for it; until it comes the month is accrued at prices
  - id: gateway-anthropic        # no bill in these books: costed at prices
    kind: request_log
    path: logs/anthropic-*.csv
    grain: hour
    columns: {{timestamp: hour, cached_tokens: cache_read_input_tokens, cache_write_tokens: cache_creation_input_tokens}}
    constants: {{provider: anthropic}}
    input_includes_cache: false  # Anthropic does not
  - id: gateway-google
    kind: request_log
    path: logs/google-*.csv
    grain: hour
    columns: {{timestamp: hour, api_key: key, input_tokens: prompt_tokens, cached_tokens: cached_content_tokens, output_tokens: candidate_tokens}}
    constants: {{provider: google}}
    input_includes_cache: true
  - id: summaries-log            # a nightly export, one row a day
    kind: request_log
    path: logs/policy-summaries.csv
    grain: day
    columns: {{timestamp: day}}
    constants: {{provider: openai, model: gpt-4o}}
    billed_by: openai-invoice
  - id: search-log               # one row a request, in local time
    kind: request_log
    path: logs/search-*.ndjson
    columns: {{timestamp: time, input_tokens: prompt_tokens, cached_tokens: cached_tokens, output_tokens: completion_tokens}}
    constants: {{provider: openai, model: gpt-4o-mini}}
    input_includes_cache: true
    timezone: Europe/Berlin
    billed_by: openai-invoice
  - id: pool-logs                # a row that names a pool is self-hosted
    kind: request_log
    path: logs/pools-*.csv
    grain: hour
    columns: {{timestamp: hour}}
  - id: team-gateway             # LiteLLM's spend logs; what it sends to the big pool is that pool's work
    kind: litellm
    path: logs/litellm-*.ndjson
    model_map: {{{served}: llama-3.3-70b}}
  - {{id: bedrock, kind: bedrock_logs, path: logs/bedrock/, billed_by: aws-labs}}   # in your own house: s3://bucket/prefix

  # What providers tell of usage and cost by themselves: saved answers here, one page a file; with `api_key: ${{NAME}}` instead of `path`,
  # Crossover asks for them.
  - {{id: openai-reports, kind: openai, path: saved/openai/}}          # a subsidiary's organization
  - {{id: anthropic-reports, kind: anthropic, path: saved/anthropic/}}
  - {{id: openrouter, kind: openrouter, path: saved/openrouter/}}

  # What the big pool's servers and GPUs say of themselves; they are its own by their model's name.
  - {{id: metrics, kind: prometheus, path: metrics/}}

  # People. Nothing but an allow-listed, pseudonymised projection of these is ever kept.
  - id: employees
    kind: people
    path: hr/allocations.csv
    columns:
      person_id: employee_number
      role: job_family
      target: assigned_to
      start: valid_from
      end: valid_to
      allocation_pct: percent
      annual_base: base_salary
  - {{id: contractors, kind: people, path: hr/contractors.xlsx}}

  # The rest.
  - {{id: machines, kind: owned_hardware, path: machines.csv}}
  - {{id: fx, kind: fx_rates, path: fx.csv}}
  - {{id: ledger, kind: control_totals, path: ledger/control.csv}}   # what finance has booked, to compare with

workloads: workloads.yaml
pools: pools.yaml
rules: rules.yaml
assumptions: assumptions.yaml
"""

POOLS = """\
# Self-hosted serving capacity. `match` says which bill lines pay for a pool.
# One p5.48xlarge (8 H100) under a savings plan: four replicas, well used.
- id: core-70b
  model: llama-3.3-70b
  profile: h100x2-fp8
  replicas: 4
  match:
    - {{tag.pool: core-70b}}
    - {{commitment_id: "{commitment}"}}
    - {{source: team-gateway, metadata.api_base: "http://core-70b*"}}    # what the gateway sends there
  idle: proportional
  commitments: [{{ends: {commitment_ends}, monthly: {commitment_monthly}}}]

# Two rented H100 for one small workload: nearly idle, and its owner pays for that.
- id: tagger-8b
  model: llama-3.1-8b
  profile: h100-8b-fp8
  replicas: 2
  match: [{{source: lambda, resource: "tagger-*"}}]
  idle: owner:ticket-tagging

# A machine of one's own, in service since {in_service}; machines.csv names the pool, so nothing has to match.
- id: vault-8b
  model: llama-3.1-8b
  profile: l40s-8b-fp8
  replicas: [{{value: 4, valid_from: {in_service}}}]
  match: []
  idle: proportional
"""

RULES = """\
# Lines that belong to several workloads. Rules come before pools and workloads.
- id: observability
  match: [{service: "Datadog*"}, {service: "*CloudWatch*"}]
  split: {among: self_hosted, by: work}
  category: observability

- id: model-weights
  match: [{service: "Amazon FSx*"}]
  split: {among: self_hosted, by: work}
  category: storage_network

# The gateway in front of the APIs: the more tokens, the larger the share.
- id: gateway
  match: [{resource: "k8s-gateway"}, {resource: "lb-gateway"}]
  split: {among: api, by: tokens}
  category: integration
"""

ASSUMPTIONS = """\
# What differs from the shipped defaults, or is worth stating because decisions hang on it.
discount_rate: 0.15
horizon_months: 36
utilisation_target: 0.80
spare_replicas: 1
staffing: {{fte: 0.25, loaded_annual: 280000}}            # beside the platform team that exists already
api_operations: {{fte: 0.5, loaded_annual: 166667}}
overheads_annual:                                       # of one more self-hosted workload, in this company
  compliance_security: 12000
  observability: 12000
  model_updates: 18000
  capacity_planning: 6000
  fine_tuning: 0
  storage_network: 12000

gpu_prices:
  - {{id: lambda-h100, gpu: H100, price_per_gpu_hour: 3.99, gpus_per_instance: 1}}
  - {{id: aws-l40s, gpu: L40S, price_per_gpu_hour: 1.861, gpus_per_instance: 1}}

# Tokens per second of one replica at its maximum; `context_seconds` is the cost of long contexts.
profiles:
  - id: h100x2-fp8
    model: llama-3.3-70b
    gpu: H100
    gpus_per_replica: 2
    prefill_tokens_per_second: 14571.34
    decode_tokens_per_second: 14089.74
    context_seconds: 6.8357e-8
    weights_gb: 70
    gpu_memory_gb: 80
  - id: h100-8b-fp8
    model: llama-3.1-8b
    gpu: H100
    gpus_per_replica: 1
    prefill_tokens_per_second: 70109
    decode_tokens_per_second: 68001
    context_seconds: 2.550e-8
    weights_gb: 8
    gpu_memory_gb: 80
  - id: l40s-8b-fp8
    model: llama-3.1-8b
    gpu: L40S
    gpus_per_replica: 1
    prefill_tokens_per_second: 26039
    decode_tokens_per_second: 21484
    context_seconds: 1.197e-7
    weights_gb: 8
    gpu_memory_gb: 48

# $ per million tokens, on top of the shipped list: what was negotiated.
prices:
  - {{provider: openai, model: gpt-4o, input: 2.40, cache_read: 1.20, output: 9.60, valid_from: {first_month}}}

# Bill lines that the shipped classification cannot know.
categories:
  - {{service: "Managed PostgreSQL", category: other_cloud}}
  - {{service: "Object Storage", category: storage_network}}
  - {{service: "Block Storage", category: storage_network}}
  - {{service: "AmazonSageMaker", category: other_cloud}}
  - {{provider: "CoreWeave", category: fine_tuning}}
"""

WORKLOADS_HEAD = """\
# One entry a workload: whose it is, which rows are its own, what could run it instead, and the seven questions.
# A question without an answer is left out; the workload then gets no recommendation until somebody answers.
"""


class _Dumper(yaml.SafeDumper):
    """Lists of entries are indented below their key, as people write them; no anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


def _entry(workload: Workload, dates: Mapping[str, date]) -> str:
    """One workload: its reason as a comment, then its keys; inner mappings in one line each."""
    dated = json.loads(json.dumps(dict(workload.configuration)))
    for key in ("owner", "cost_center", "placement"):
        if isinstance(dated[key], list):
            dated[key] = [{**item, "valid_from": dates[item["valid_from"].strip("{}")]} for item in dated[key]]
    text = yaml.dump([{"id": workload.id, **dated}], Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=150, allow_unicode=True)
    return f"# {workload.why}\n{text}"


def write_configuration(directory: Path, months: Sequence[date], in_service: date) -> Path:
    """Writes the five YAML files and returns the path of crossover.yaml."""
    dates = {"first_month": months[0], "middle_month": months[6]}
    write_text(directory / "crossover.yaml", CROSSOVER.format(company=COMPANY, served=SERVED_MODEL))
    write_text(
        directory / "workloads.yaml", WORKLOADS_HEAD + "\n" + "\n".join(_entry(workload, dates) for workload in (*WORKLOADS, *SMALL_WORKLOADS))
    )
    pools = POOLS.format(
        commitment=SAVINGS_PLAN,
        commitment_ends=last_day(add_months(months[-1], 9)),
        commitment_monthly=COMMITTED_PER_HOUR * 730,
        in_service=in_service,
    )
    write_text(directory / "pools.yaml", pools)
    write_text(directory / "rules.yaml", RULES)
    write_text(directory / "assumptions.yaml", ASSUMPTIONS.format(first_month=months[0]))
    return directory / "crossover.yaml"

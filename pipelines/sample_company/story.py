"""The company: its workloads, how much each is used, what was answered about it, and what the quarter must recommend. The one table to read.

Volumes are chosen so that each recommendation follows with a wide margin. `why` gives the arithmetic in a line and is printed as a
comment into workloads.yaml. Bills, people and files are not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

COMPANY = "Morgenfels AG"
MONTHS = 12

LLAMA_70B = {"model": "llama-3.3-70b", "profile": "h100x2-fp8", "gpu_price": "lambda-h100"}
LLAMA_8B = {"model": "llama-3.1-8b", "profile": "h100-8b-fp8", "gpu_price": "lambda-h100"}

# What OpenAI invoices, $ per million tokens: (input, cache read, output). gpt-4o carries the 4 % that were negotiated, as in assumptions.yaml.
OPENAI_PRICES: Mapping[str, tuple[Decimal, Decimal, Decimal]] = {
    "gpt-4o": (Decimal("2.40"), Decimal("1.20"), Decimal("9.60")),
    "gpt-4o-mini": (Decimal("0.15"), Decimal("0.075"), Decimal("0.60")),
}


@dataclass(frozen=True)
class Traffic:
    """A demand curve: `peak_requests_per_hour` in the busy hours (UTC), a share of it in the others and at weekends, tokens a request.

    The level climbs in a straight line from `start_level` on the first day to 1 on the last, so the last quarter is steady. Noise is
    uniform within +-`spread`: bounded, because the sizing of a pool asks for the worst hour.
    """

    peak_requests_per_hour: float
    input_tokens: float
    output_tokens: float
    cached_share: float = 0.0
    cache_write_share: float = 0.0
    busy_from_hour: int = 7
    busy_to_hour: int = 17
    quiet_share: float = 0.0
    weekend_share: float = 0.0
    start_level: float = 0.85
    spread: float = 0.05


@dataclass(frozen=True)
class Stream:
    """One flow of requests through one log. `labels` are the log's own columns that tell whose it is; `workload` is who it belongs to."""

    workload: str | None
    source: str
    labels: Mapping[str, str]
    traffic: Traffic
    first_month: int = 0
    last_days: int | None = None


@dataclass(frozen=True)
class Workload:
    """One entry of workloads.yaml and what the last quarter must say about it."""

    id: str
    why: str
    configuration: Mapping[str, object]
    recommendation: str
    reason: str


def api_candidate(provider: str, model: str, score: str, evidence: str, **more: object) -> dict[str, object]:
    return {"provider": provider, "model": model, "quality": {"score": float(score), "evidence": evidence}, **more}


def self_host_candidate(candidate: Mapping[str, str], score: str, evidence: str) -> dict[str, object]:
    return {**candidate, "quality": {"score": float(score), "evidence": evidence}}


def answers(**own: object) -> dict[str, object]:
    """The seven questions' usual answers; a keyword overrides one, None leaves it unanswered."""
    usual: dict[str, object] = {
        "frontier_required": False,
        "data_must_stay": False,
        "engineering_capability": True,
        "fine_tuning_required": False,
        "sla": {"p99_latency_ms": 1500, "availability_pct": 99.0},
        "planned_life_months": 36,
    }
    return {question: answer for question, answer in {**usual, **own}.items() if answer is not None}


WORKLOADS: tuple[Workload, ...] = (
    Workload(
        id="support-chat",
        why="About $90,000 a month on gpt-4o, round the clock; four replicas, the people and the overheads come to $35,000: it should move.",
        recommendation="move_to_self_host",
        reason="cost",
        configuration={
            "name": "Support chat",
            "owner": "customer-care",
            "cost_center": "CC-210",
            "placement": "api",
            "match": [
                {"source": "gateway-openai", "project": "proj_support"},
                {"source": "gateway-openai", "project": "proj_support_dev", "environment": "dev"},
                {"tag.workload": "support-chat"},
            ],
            "size_class": "medium",
            "tier": 2,
            "candidates": {
                "self_host": self_host_candidate(LLAMA_70B, "0.97", "eval-support-14"),
                "api": [
                    api_candidate("openai", "gpt-4o", "1.0", "incumbent"),
                    api_candidate("groq", "llama-3.1-8b-instant", "0.88", "eval-support-14"),
                ],
            },
            "questions": answers(sla={"answer": {"p99_latency_ms": 1200, "availability_pct": 99.5}, "evidence": "SLA 2.3", "owner": "customer-care"}),
            "declared_tokens_per_day": 250_000_000,
            "migration": {"cost": 60_000, "months": 2, "back_cost": 30_000},
            "plan": {"gpus": 8},
        },
    ),
    Workload(
        id="code-assistant",
        why="Expensive enough to move, but the contractor who runs it has nobody for GPUs: capability keeps it on the API.",
        recommendation="stay_on_api",
        reason="capability",
        configuration={
            "aliases": ["dev-copilot"],
            "name": "Code assistant",
            "owner": "engineering",
            "cost_center": "CC-400",
            "placement": "api",
            "match": [{"tag.workload": "code-assistant"}],
            "size_class": "medium",
            "tier": 2,
            "candidates": {
                "self_host": self_host_candidate(LLAMA_70B, "0.96", "eval-code-3"),
                "api": [
                    api_candidate("anthropic", "claude-sonnet-4-5", "1.0", "incumbent"),
                    api_candidate("openai", "gpt-4o", "0.91", "eval-code-3"),
                ],
            },
            "questions": answers(
                engineering_capability={"answer": False, "evidence": "run by a contractor until further notice", "owner": "engineering"}
            ),
            "migration": {"cost": 80_000, "months": 3, "back_cost": 40_000},
        },
    ),
    Workload(
        id="strategy-research",
        why="Needs the frontier. A cheaper model is good enough by its score, but is no frontier model: it stays where it is.",
        recommendation="stay_on_api",
        reason="frontier",
        configuration={
            "name": "Strategy research",
            "owner": "strategy",
            "cost_center": "CC-110",
            "placement": "api",
            "match": [{"tag.workload": "strategy-research"}],
            "tier": 1,
            "candidates": {
                "api": [
                    api_candidate("anthropic", "claude-opus-4-5", "1.0", "incumbent", frontier=True),
                    api_candidate("anthropic", "claude-haiku-4-5", "0.95", "eval-strategy-1"),
                ]
            },
            "questions": answers(frontier_required={"answer": True, "evidence": "eval-strategy-1", "owner": "strategy"}),
            "migration": {"cost": 40_000, "months": 2},
        },
    ),
    Workload(
        id="contract-review",
        why="Legal has not said yet whether its data may leave (data_must_stay has no answer): no recommendation without it.",
        recommendation="insufficient_data",
        reason="unanswered:data_must_stay",
        configuration={
            "name": "Contract review",
            "owner": "legal",
            "cost_center": "CC-120",
            "placement": "api",
            "match": [{"source": "gateway-openai", "project": "proj_legal"}],
            "tier": 2,
            "candidates": {
                "self_host": self_host_candidate(LLAMA_70B, "0.96", "eval-legal-2"),
                "api": [api_candidate("openai", "gpt-4o", "1.0", "incumbent")],
            },
            "questions": answers(data_must_stay=None),
            "migration": {"cost": 40_000, "months": 2},
        },
    ),
    Workload(
        id="policy-summaries",
        why="Far too small for GPUs; a model at a fifth of gpt-4o's price is as good: switch the model, stay on an API.",
        recommendation="switch_api_model",
        reason="cost",
        configuration={
            "name": "Policy summaries",
            "owner": [{"value": "print-room", "valid_from": "{first_month}"}, {"value": "output-management", "valid_from": "{middle_month}"}],
            "cost_center": [{"value": "CC-310", "valid_from": "{first_month}"}, {"value": "CC-315", "valid_from": "{middle_month}"}],
            "placement": "api",
            "match": [{"source": "summaries-log"}],
            "tier": 3,
            "candidates": {
                "self_host": self_host_candidate(LLAMA_70B, "0.97", "eval-summaries-5"),
                "api": [
                    api_candidate("openai", "gpt-4o", "1.0", "incumbent"),
                    api_candidate("google", "gemini-2.5-flash", "0.98", "eval-summaries-5"),
                ],
            },
            "questions": answers(),
            "migration": {"cost": 30_000, "months": 2},
        },
    ),
    Workload(
        id="internal-search",
        why="About a dollar a month on the cheapest eligible model: it stays, for cost.",
        recommendation="stay_on_api",
        reason="cost",
        configuration={
            "name": "Internal search",
            "owner": "it",
            "cost_center": "CC-500",
            "placement": "api",
            "match": [{"source": "search-log"}],
            "tier": 3,
            "candidates": {
                "self_host": self_host_candidate(LLAMA_8B, "0.96", "eval-search-1"),
                "api": [
                    api_candidate("openai", "gpt-4o-mini", "1.0", "incumbent"),
                    api_candidate("groq", "llama-3.1-8b-instant", "0.90", "eval-search-1"),
                ],
            },
            "questions": answers(),
            "migration": {"cost": 20_000, "months": 1},
        },
    ),
    Workload(
        id="hr-helpdesk",
        why="Personnel data must stay and goes to an API all the same: a breach. It has to move, whatever it costs.",
        recommendation="move_to_self_host",
        reason="sovereignty",
        configuration={
            "name": "HR helpdesk",
            "owner": "hr",
            "cost_center": "CC-130",
            "placement": "api",
            "match": [{"source": "gateway-google", "api_key": "key-hr-*"}],
            "tier": 2,
            "candidates": {
                "self_host": self_host_candidate(LLAMA_8B, "0.96", "eval-hr-1"),
                "api": [api_candidate("google", "gemini-2.5-flash", "1.0", "incumbent")],
            },
            "questions": answers(data_must_stay={"answer": True, "evidence": "works agreement, section 4", "owner": "data-protection"}),
            "migration": {"cost": 20_000, "months": 1},
        },
    ),
    Workload(
        id="voice-pilot",
        why="Started 47 days before the end of the data: too young to decide.",
        recommendation="insufficient_data",
        reason="days",
        configuration={
            "name": "Voice pilot",
            "owner": "customer-care",
            "cost_center": "CC-211",
            "placement": "api",
            "match": [{"source": "gateway-google", "api_key": "key-voice"}],
            "tier": 3,
            "candidates": {
                "self_host": self_host_candidate(LLAMA_8B, "0.97", "eval-voice-1"),
                "api": [api_candidate("google", "gemini-2.5-flash", "1.0", "incumbent")],
            },
            "questions": answers(planned_life_months=24),
            "migration": {"cost": 20_000, "months": 1},
        },
    ),
    Workload(
        id="document-extraction",
        why="Keeps its pool busy day and night: about $60,000 all in, where the best eligible API would charge $85,000. It stays.",
        recommendation="stay_self_hosted",
        reason="cost",
        configuration={
            "name": "Document extraction",
            "owner": "claims",
            "cost_center": "CC-320",
            "placement": "self_host",
            "match": [{"tag.workload": "document-extraction"}],
            "size_class": "medium",
            "tier": 3,
            "candidates": {
                "self_host": self_host_candidate(LLAMA_70B, "1.0", "incumbent"),
                "api": [
                    api_candidate("anthropic", "claude-haiku-4-5", "0.99", "eval-documents-9"),
                    api_candidate("groq", "llama-3.3-70b-versatile", "0.93", "eval-documents-9"),
                ],
            },
            "questions": answers(fine_tuning_required={"answer": True, "evidence": "eval-documents-9", "owner": "claims"}),
            "migration": {"cost": 50_000, "months": 2},
        },
    ),
    Workload(
        id="meeting-notes",
        why="A guest on the same pool: its leaving would save next to nothing, an API would charge $6,000. It stays.",
        recommendation="stay_self_hosted",
        reason="cost",
        configuration={
            "name": "Meeting notes",
            "owner": "it",
            "cost_center": "CC-500",
            "placement": "self_host",
            "match": [{"tag.workload": "meeting-notes"}],
            "tier": 3,
            "candidates": {
                "self_host": self_host_candidate(LLAMA_70B, "1.0", "incumbent"),
                "api": [
                    api_candidate("openai", "gpt-4o", "0.99", "eval-notes-2"),
                    api_candidate("google", "gemini-2.5-flash", "0.92", "eval-notes-2"),
                ],
            },
            "questions": answers(),
            "migration": {"cost": 20_000, "months": 1},
        },
    ),
    Workload(
        id="ticket-tagging",
        why="Two GPUs and a third of an engineer for a few thousand tickets a day; an API would take a few dollars. It should come back.",
        recommendation="move_to_api",
        reason="cost",
        configuration={
            "name": "Ticket tagging",
            "owner": "customer-care",
            "cost_center": "CC-212",
            "placement": "self_host",
            "match": [{"tag.workload": "ticket-tagging"}],
            "size_class": "small",
            "tier": 3,
            "candidates": {
                "self_host": self_host_candidate(LLAMA_8B, "1.0", "incumbent"),
                "api": [
                    api_candidate("groq", "llama-3.1-8b-instant", "0.99", "eval-tags-4"),
                    api_candidate("openai", "gpt-4o-mini", "1.0", "eval-tags-4"),
                ],
            },
            "questions": answers(),
            "migration": {"cost": 20_000, "months": 1, "back_cost": 10_000},
        },
    ),
    Workload(
        id="claims-files",
        why="An idle machine of one's own, and an API would be cheaper by far; but medical files must not leave: it stays.",
        recommendation="stay_self_hosted",
        reason="sovereignty",
        configuration={
            "name": "Claims files",
            "owner": "claims",
            "cost_center": "CC-320",
            "placement": "self_host",
            "match": [{"tag.workload": "claims-files"}],
            "size_class": "small",
            "tier": 2,
            "candidates": {
                "self_host": self_host_candidate({**LLAMA_8B, "profile": "l40s-8b-fp8", "gpu_price": "aws-l40s"}, "1.0", "incumbent"),
                "api": [api_candidate("google", "gemini-2.5-flash", "0.98", "eval-claims-2")],
            },
            "questions": answers(
                data_must_stay={"answer": True, "evidence": "medical confidentiality", "owner": "data-protection"}, planned_life_months=48
            ),
            "migration": {"cost": 20_000, "months": 1},
        },
    ),
)

# llama-3.3-70b on 2 H100 works 0.112 s on 1,155 + 211 tokens, so 45,000 requests an hour keep 1.4 replicas busy: two at 80 % carry the
# busy hours without overflow, and the second is worth its price. So the chat moves as a whole and is not split.
STREAMS: tuple[Stream, ...] = (
    Stream(
        workload="support-chat",
        source="gateway-openai",
        labels={"project_id": "proj_support", "model": "gpt-4o"},
        traffic=Traffic(45_000, 1_155, 211, cached_share=0.2, busy_from_hour=7, busy_to_hour=20, quiet_share=0.2, weekend_share=0.9),
    ),
    Stream(
        workload="support-chat",
        source="gateway-openai",
        labels={"project_id": "proj_support_dev", "model": "gpt-4o-mini"},
        traffic=Traffic(60, 900, 180),
    ),
    Stream(
        workload="contract-review",
        source="gateway-openai",
        labels={"project_id": "proj_legal", "model": "gpt-4o"},
        traffic=Traffic(200, 4_000, 500, cached_share=0.1),
    ),
    Stream(
        workload=None,  # a sandbox that nobody claims: unattributed
        source="gateway-openai",
        labels={"project_id": "proj_sandbox", "model": "gpt-4o"},
        traffic=Traffic(20, 1_500, 400, spread=0.5),
    ),
    Stream(
        workload="code-assistant",
        source="gateway-anthropic",
        labels={"workload": "code-assistant", "former": "dev-copilot", "model": "claude-sonnet-4-5"},
        traffic=Traffic(31_000, 2_400, 350, cached_share=0.2, cache_write_share=0.08, quiet_share=0.06, weekend_share=0.1),
    ),
    Stream(
        workload="strategy-research",
        source="gateway-anthropic",
        labels={"workload": "strategy-research", "model": "claude-opus-4-5"},
        traffic=Traffic(80, 6_000, 1_200),
    ),
    Stream(
        workload="hr-helpdesk",
        source="gateway-google",
        labels={"key": "key-hr-01", "model": "gemini-2.5-flash"},
        traffic=Traffic(450, 1_800, 250, cached_share=0.15),
    ),
    Stream(
        workload="voice-pilot",
        source="gateway-google",
        labels={"key": "key-voice", "model": "gemini-2.5-flash"},
        traffic=Traffic(150, 900, 120, weekend_share=0.3, start_level=0.95),
        last_days=47,
    ),
    Stream(
        workload="policy-summaries",
        source="summaries-log",
        labels={},
        traffic=Traffic(900, 700, 350, weekend_share=0.6),
    ),
    Stream(
        workload="internal-search",
        source="search-log",
        labels={},
        traffic=Traffic(8, 1_200, 150, cached_share=0.1, weekend_share=0.1, spread=0.3),
    ),
    Stream(
        workload="document-extraction",
        source="pool-logs",
        labels={"workload": "document-extraction", "pool": "core-70b", "model": "llama-3.3-70b"},
        traffic=Traffic(28_000, 3_000, 250, busy_from_hour=0, busy_to_hour=24, weekend_share=1.0),
    ),
    Stream(
        workload="meeting-notes",
        source="pool-logs",
        labels={"workload": "meeting-notes", "pool": "core-70b", "model": "llama-3.3-70b"},
        traffic=Traffic(3_200, 1_800, 400, weekend_share=0.05),
    ),
    Stream(
        workload="ticket-tagging",
        source="pool-logs",
        labels={"workload": "ticket-tagging", "pool": "tagger-8b", "model": "llama-3.1-8b"},
        traffic=Traffic(250, 400, 12, quiet_share=0.1, weekend_share=0.4),
    ),
    Stream(
        workload="claims-files",
        source="pool-logs",
        labels={"workload": "claims-files", "pool": "vault-8b", "model": "llama-3.1-8b"},
        traffic=Traffic(400, 2_500, 300, weekend_share=0.1),
        first_month=2,
    ),
)

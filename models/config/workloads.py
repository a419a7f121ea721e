"""Workloads, pools and rules as configured: who owns what, which rows are whose, what could run where. Computing with them happens elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BeforeValidator, Field, PlainValidator, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from models.fields import Conditions, Count, Dated, Day, Frozen, History, Id, Money, NonNegative, Percent, Positive, Text, unknown_name
from models.reference import check_category

UNATTRIBUTED = "unattributed"  # the workload of whatever nobody claims: always there, never configured

Placement = Literal["api", "self_host", "hybrid"]


class MatchEntry(Conditions):
    """Rows that meet all `conditions` on charge days from `valid_from` to `valid_to` (both inclusive).

    `environment` is the label that they get, no condition; None leaves the row's own, else prod.
    """

    environment: Text | None = None
    valid_from: Day | None = None
    valid_to: Day | None = None

    @model_validator(mode="after")
    def _ordered(self) -> MatchEntry:
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise PydanticCustomError("period", "valid_to on or after valid_from")
        return self


class Quality(Frozen):
    """A candidate's score on the workload's own evaluation; 1.0 is today's model."""

    score: NonNegative
    evidence: Text | None = None


class SelfHostCandidate(Frozen):
    """The model that could serve the workload on GPUs. `tokens_per_task` is relative to today's model.

    `pool`: an existing one of the same profile that it would join; without it, it is weighed with a fleet of its own.
    """

    model: Text
    profile: Id
    gpu_price: Id
    pool: Id | None = None
    quality: Quality | None = None
    tokens_per_task: Positive = 1.0


class ApiCandidate(Frozen):
    """An API that could serve the workload. `price_basis` tells whether its price is list or negotiated."""

    provider: Text
    model: Text
    quality: Quality | None = None
    frontier: bool = False
    tokens_per_task: Positive = 1.0
    price_basis: Literal["list", "negotiated"] | None = None


class Candidates(Frozen):
    """What could serve the workload, on either side."""

    self_host: SelfHostCandidate | None = None
    api: tuple[ApiCandidate, ...] = ()

    @field_validator("api")
    @classmethod
    def _each_once(cls, value: tuple[ApiCandidate, ...]) -> tuple[ApiCandidate, ...]:
        names = [(candidate.provider, candidate.model) for candidate in value]
        for name in names:
            if names.count(name) > 1:
                raise PydanticCustomError("twice", "each provider and model once; twice: {name}", {"name": " ".join(name)})
        return value


T = TypeVar("T")


class Question(Frozen, Generic[T]):
    """One of the reviewers' questions with its answer, what it rests on and who gave it."""

    answer: T
    evidence: Text | None = None
    owner: Text | None = None


class ServiceLevel(Frozen):
    """What the workload's users were promised."""

    p99_latency_ms: Positive | None = None
    availability_pct: Percent | None = None


def _as_question(value: object) -> object:
    """A plain value is the answer itself; a question without one is unanswered."""
    if isinstance(value, Question) or value is None:
        return value
    if isinstance(value, Mapping) and value.keys() & {"answer", "evidence", "owner"}:
        return None if "answer" in value and value["answer"] is None else value
    return {"answer": value}


AsQuestion = BeforeValidator(_as_question)


class Questions(Frozen):
    """The answers that decide or accompany a placement; None where nobody has answered yet."""

    frontier_required: Annotated[Question[bool] | None, AsQuestion] = None
    data_must_stay: Annotated[Question[bool] | None, AsQuestion] = None
    engineering_capability: Annotated[Question[bool] | None, AsQuestion] = None
    fine_tuning_required: Annotated[Question[bool] | None, AsQuestion] = None
    sla: Annotated[Question[ServiceLevel] | None, AsQuestion] = None
    planned_life_months: Annotated[Question[NonNegative] | None, AsQuestion] = None


class Indicators(Frozen):
    """What speaks for or against self-hosting beside the questions (Ivchenko sec. 9). Recorded, never binding; None where nobody has said."""

    strategic: Annotated[Question[bool] | None, AsQuestion] = None
    time_pressure: Annotated[Question[bool] | None, AsQuestion] = None
    compliance_by_provider: Annotated[Question[bool] | None, AsQuestion] = None
    capital_limits: Annotated[Question[bool] | None, AsQuestion] = None


class Migration(Frozen):
    """What a move costs once (reporting currency) and how many months it takes. `back_cost`: from self-hosted to an API; the same unless given."""

    cost: Money = Decimal(0)
    months: NonNegative = 0.0
    back_cost: Money = Field(default_factory=lambda given: given.get("cost", Decimal(0)))


class Plan(Frozen):
    """What was planned, for the red flags."""

    gpus: Count | None = None
    fine_tuning_annual: Money | None = None


class Workload(Frozen):
    """One workload. Rows named by an alias are its own: history follows a new name."""

    id: Id
    aliases: tuple[Id, ...] = ()
    name: Text = Field(default_factory=lambda given: given.get("id", ""))
    owner: History[Text | None] = History([Dated[str | None](value=None)])
    cost_center: History[Text | None] = History([Dated[str | None](value=None)])
    placement: History[Placement]
    match: tuple[MatchEntry, ...] = ()
    size_class: Literal["small", "medium", "large"] | None = None
    tier: Literal[1, 2, 3] | None = None
    candidates: Candidates = Candidates()
    questions: Questions = Questions()
    indicators: Indicators = Indicators()
    declared_tokens_per_day: NonNegative | None = None
    migration: Migration = Migration()
    plan: Plan = Plan()

    @field_validator("tier", mode="before")
    @classmethod
    def _tier_number(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value in ("1", "2", "3") else value

    @field_validator("placement")
    @classmethod
    def _placed(cls, value: History[Placement]) -> History[Placement]:
        if not value:
            raise PydanticCustomError("placement", "'api', 'self_host' or 'hybrid'")
        return value

    @field_validator("id", "aliases")
    @classmethod
    def _not_reserved(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if UNATTRIBUTED in ((value,) if isinstance(value, str) else value):
            raise PydanticCustomError("reserved", "another name: `unattributed` is reserved for what nobody claims")
        return value


class Commitment(Frozen):
    """Money bound until a day whatever is used: `monthly` in the reporting currency."""

    ends: Day
    monthly: Money


class Pool(Frozen):
    """Self-hosted serving capacity: the bill lines that pay for it and what one replica can do."""

    id: Id
    model: Text
    profile: Id
    replicas: History[NonNegative] = History()
    match: tuple[MatchEntry, ...] = ()
    idle: str = "proportional"
    commitments: tuple[Commitment, ...] = ()

    @field_validator("idle")
    @classmethod
    def _known_policy(cls, value: str) -> str:
        policy, _, owner = value.partition(":")
        if value not in ("proportional", "unallocated") and not (policy == "owner" and owner):
            raise unknown_name("proportional, unallocated or owner:WORKLOAD", ["proportional", "unallocated"])
        return value

    @property
    def idle_policy(self) -> str:
        """proportional (by the month's work), unallocated (to nobody) or owner (to `idle_owner`)."""
        return self.idle.partition(":")[0]

    @property
    def idle_owner(self) -> str | None:
        """The workload that bears the idle cost, under the policy `owner` only."""
        return self.idle.partition(":")[2] or None


AMONG_GROUPS = ("all", "api", "self_hosted")


def _as_among(value: object) -> str | tuple[str, ...]:
    if isinstance(value, str) and value in AMONG_GROUPS:
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) and item for item in value) and len(set(value)) == len(value):
        return tuple(value)
    raise unknown_name("all, api, self_hosted or a list of workloads, each once", AMONG_GROUPS)


class Split(Frozen):
    """Among which workloads a rule's lines are split, and by what. `weights` go with `by: weights` only; `among` is then their keys."""

    by: Literal["work", "gpu_hours", "tokens", "cost", "even", "weights"]
    weights: dict[str, Money] = Field(default={})
    among: Annotated[str | tuple[str, ...], PlainValidator(_as_among)]

    @model_validator(mode="before")
    @classmethod
    def _among_weights(cls, value: Any) -> Any:
        is_short = isinstance(value, dict) and "among" not in value and isinstance(value.get("weights"), dict) and value["weights"]
        return value | {"among": list(value["weights"])} if is_short else value

    @field_validator("weights")
    @classmethod
    def _weights_with_by(cls, value: dict[str, Decimal], info: ValidationInfo) -> dict[str, Decimal]:
        by = info.data.get("by")
        if by == "weights" and not sum(value.values()):
            raise PydanticCustomError("weights", "a weight for each workload, not all of them 0")
        if value and by not in (None, "weights"):
            raise PydanticCustomError("weights", "no weights, or by: weights")
        return value

    @model_validator(mode="after")
    def _same_names(self) -> Split:
        if self.weights and self.among in AMONG_GROUPS:
            raise PydanticCustomError("among", "among: the workloads that have a weight")
        if self.weights and set(self.among) != set(self.weights):
            raise PydanticCustomError("among", "the same workloads in among and in weights")
        return self


class Rule(Frozen):
    """Lines that belong to several workloads, and the category they are given."""

    id: Id
    match: tuple[MatchEntry, ...]
    split: Split
    category: Text | None = None

    @field_validator("match")
    @classmethod
    def _some_match(cls, value: tuple[MatchEntry, ...]) -> tuple[MatchEntry, ...]:
        if not value:
            raise PydanticCustomError("match", "at least one entry: a rule without any would never hold")
        return value

    @field_validator("category")
    @classmethod
    def _known_category(cls, value: str | None) -> str | None:
        return value if value is None else check_category(value)

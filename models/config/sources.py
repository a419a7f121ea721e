"""A source of data as configured: its kind, where it is, how its columns are named. What a kind delivers is known to connectors and contracts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from models.fields import Frozen, Id, Percent, Text, unknown_name

SourceKind = Literal[
    "focus",
    "aws_cur2",
    "gcp_billing",
    "invoice",
    "rate_card",
    "owned_hardware",
    "control_totals",
    "openai",
    "anthropic",
    "bedrock_logs",
    "litellm",
    "openrouter",
    "request_log",
    "prometheus",
    "people",
    "fx_rates",
]

# Fields of the kinds whose columns are ours; `columns` renames any of them, `constants` fixes it.
PLAIN_FIELDS: Mapping[str, tuple[str, ...]] = {
    "request_log": (
        *("timestamp", "provider", "model", "workload", "environment", "project", "api_key", "user"),
        *("input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"),
        *("requests", "service_tier", "pool", "cost"),
    ),
    "people": ("person_id", "role", "target", "activity", "start", "end", "allocation_pct", "annual_base", "annual_loaded", "currency"),
    "invoice": (
        *("invoice_id", "provider", "invoice_date", "start", "end", "sku", "resource", "charge_category"),
        *("quantity", "unit", "unit_price", "amount", "currency", "workload", "pool"),
    ),
    "rate_card": ("provider", "sku", "start", "end", "unit", "unit_price", "currency"),
    "owned_hardware": (
        *("asset_id", "pool", "gpus", "purchase_price", "currency", "in_service", "life_months", "residual"),
        *("power_kw", "pue", "price_per_kwh", "rack_monthly"),
    ),
    "fx_rates": ("date", "base", "quote", "rate"),
    "control_totals": ("issuer", "invoice_id", "period", "amount", "currency"),
}

API_KINDS = ("openai", "anthropic", "litellm", "openrouter", "prometheus")
USAGE_KINDS = ("request_log", "openai", "anthropic", "bedrock_logs", "litellm", "openrouter")
MONEY_KINDS = ("focus", "aws_cur2", "gcp_billing", "invoice", "openai", "anthropic", "openrouter")

# Keys that mean something for some kinds only.
_ONLY_FOR: Mapping[str, tuple[str, ...]] = {
    "api_key": API_KINDS,
    "base_url": API_KINDS,
    "since": API_KINDS,
    "grain": ("request_log",),
    "input_includes_cache": ("request_log",),
    "billed_by": USAGE_KINDS,
    "prepaid": ("invoice",),
    "model_map": ("bedrock_logs", "litellm"),
}


class Source(Frozen):
    """One source. `path` is as written: a file, folder, glob or s3:// prefix, relative to the configuration's folder."""

    id: Id
    kind: SourceKind
    path: Text | None = None
    api_key: SecretStr | None = None
    base_url: Text | None = None
    since: date | None = None  # the first month that is pulled from an API; twelve months back where it isn't given
    endpoint_url: Text | None = None  # an S3 endpoint other than AWS's own
    profile: Text | None = None  # a named profile of the AWS credentials file
    columns: dict[str, Text] = Field(default={})  # ours: theirs
    constants: dict[str, Text] = Field(default={})  # ours: the value of every row
    timezone: str = "UTC"  # of timestamps without an offset
    grain: Literal["request", "hour", "day"] = "request"
    billed_by: Id | None = None
    input_includes_cache: bool | None = None
    model_map: dict[str, Text] = Field(default={})  # a name that a log has for a model: the model as prices know it
    prepaid: bool = False
    max_quarantined_pct: Percent | None = None

    @field_validator(*_ONLY_FOR)
    @classmethod
    def _applies_to_kind(cls, value: Any, info: ValidationInfo) -> Any:
        assert info.field_name
        kinds = _ONLY_FOR[info.field_name]
        is_given = value != cls.model_fields[info.field_name].default
        if is_given and "kind" in info.data and info.data["kind"] not in kinds:
            raise PydanticCustomError("not_for_kind", "a source of kind {kinds}", {"kinds": ", ".join(kinds)})
        return value

    @field_validator("columns", "constants")
    @classmethod
    def _fields_of_kind(cls, value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        kind = info.data.get("kind")
        known = PLAIN_FIELDS.get(kind, ()) if kind else ()
        for name in value:
            if known and name not in known:
                raise unknown_name(f"a field of {kind}: " + ", ".join(known), known, key=name)
        return value

    @field_validator("constants")
    @classmethod
    def _either_column_or_constant(cls, value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        twice = sorted(set(value) & set(info.data.get("columns", {})))
        if twice:
            raise PydanticCustomError("twice", "{names} in columns or in constants, not in both", {"names": ", ".join(twice)})
        return value

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (OSError, ValueError, KeyError):
            raise unknown_name("an IANA time zone, such as Europe/Berlin", sorted(available_timezones())) from None
        return value

    @field_validator("base_url", "endpoint_url")
    @classmethod
    def _plain_url(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise PydanticCustomError("url", "an address that starts with https:// or http://")
            if parts.username is not None or parts.password is not None:
                raise PydanticCustomError("url_secret", "an address without user or password in it: a secret goes into api_key, as ${NAME}")
        return value

    @field_validator("api_key")
    @classmethod
    def _key_not_empty(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value():
            raise PydanticCustomError("empty_secret", "a key; the variable is set but empty")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Source:
        is_api = self.kind in API_KINDS
        if self.path is None and not (is_api and (self.api_key or (self.kind == "prometheus" and self.base_url))):
            expected = "path (saved responses), or api_key: ${NAME}" if is_api else "path: a file, folder, glob or s3://bucket/prefix"
            raise PydanticCustomError("no_path", expected)
        if self.path is not None and (self.api_key or self.base_url):
            raise PydanticCustomError("path_and_api", "either path (saved responses) or api_key and base_url, not both")
        if self.kind == "litellm" and self.path is None and not self.base_url:
            raise PydanticCustomError("no_base_url", "base_url beside api_key: the address of the LiteLLM proxy")
        if self.path is not None and self.since:
            raise PydanticCustomError("path_and_since", "since only where an API is pulled: what is saved in path is read whole")
        if self.path is not None and (self.endpoint_url or self.profile) and not self.path.startswith("s3://"):
            raise PydanticCustomError("not_s3", "endpoint_url and profile only where path starts with s3://")
        if "cached_tokens" in self.columns and self.input_includes_cache is None:
            raise PydanticCustomError(
                "includes_cache",
                "input_includes_cache: true or false, since cached_tokens is mapped (whether input_tokens count the cached ones too)",
            )
        return self

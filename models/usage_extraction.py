"""What a provider's response says about its own usage: disjoint token buckets, whichever API it came from.

Here: the shapes of the usage objects that the APIs document, one function a shape, and what they mean (which counts include which).
Not here: prices (`models.prices`) and files (`connectors`). Sources: the API references of OpenAI (chat completions, responses, embeddings),
Anthropic (messages, prompt caching, compaction), Google (generateContent's UsageMetadata), AWS (Converse's TokenUsage), Cohere (chat v2),
xAI and Perplexity; what is said of the wire format of the others is theirs: they serve OpenAI's chat shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.errors import BrokenFile


@dataclass(frozen=True)
class ResponseUsage:
    """One response's tokens. The first five buckets are disjoint and are all of its text tokens; `reasoning` is a part of `output`.

    `apart` counts what the buckets can't tell or don't hold, by the names that price lists use: tokens of another kind than text
    (`input_audio`: a part of the input), calls (`web_searches`) and `iterations`: tokens of further model calls made for this response,
    which the provider bills and its totals leave out.
    """

    model: str | None
    input_uncached: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int
    reasoning: int
    apart: Mapping[str, int] = field(default_factory=dict)

    @property
    def cache_write(self) -> int:
        """Tokens written to a cache, for whatever time."""
        return self.cache_write_5m + self.cache_write_1h

    @property
    def input(self) -> int:
        """All input tokens: what decides a request's context tier."""
        return self.input_uncached + self.cache_read + self.cache_write


def response_usage(body: Mapping[str, Any], api: str) -> ResponseUsage:
    """The usage that a decoded response `body` of an `api` (a key of `APIS`) reports.

    Raises BrokenFile where there is no usage in it, or none that can be: a count that is no whole number of at least zero, a part above
    its whole.
    """
    found = APIS[api](body)
    counts = {name: value for name, value in vars(found).items() if isinstance(value, int)}
    negative = sorted(name for name, value in counts.items() if value < 0)
    if negative or found.reasoning > found.output:
        raise BrokenFile(
            "a response's usage contradicts itself",
            where=f"usage of {api}",
            found=f"{', '.join(negative)} below zero" if negative else "more reasoning than output",
            expected="cached tokens within the input, reasoning within the output",
            todo="check that the response is of this API",
        )
    return found


def _openai_chat(body: Mapping[str, Any]) -> ResponseUsage:
    """Cached and cache-written tokens are parts of `prompt_tokens`, reasoning of `completion_tokens`."""
    usage = _object(body, "usage")
    given, made = _details(usage, "prompt_tokens_details"), _details(usage, "completion_tokens_details")
    # DeepSeek and Moonshot have names of their own for what the details tell, beside them or instead.
    read = _first(_count(given, "cached_tokens"), _count(usage, "prompt_cache_hit_tokens"), _count(usage, "cached_tokens"))
    apart = {f"input_{kind}": _count(given, f"{kind}_tokens") for kind in ("audio", "image", "video")}
    apart |= {f"output_{kind}": _count(made, f"{kind}_tokens") for kind in ("audio", "image")}
    return _inclusive(
        body,
        _needed(usage, "prompt_tokens"),
        read,
        _count(given, "cache_write_tokens"),
        _needed(usage, "completion_tokens"),
        _first(_count(made, "reasoning_tokens"), _count(usage, "reasoning_tokens")),
        apart,
    )


def _openai_embeddings(body: Mapping[str, Any]) -> ResponseUsage:
    """An embedding has a prompt only."""
    return _inclusive(body, _needed(_object(body, "usage"), "prompt_tokens"), 0, 0, 0, 0)


def _openai_responses(body: Mapping[str, Any]) -> ResponseUsage:
    """The same counts under other names."""
    usage = _object(body, "usage")
    given, made = _details(usage, "input_tokens_details"), _details(usage, "output_tokens_details")
    return _inclusive(
        body,
        _needed(usage, "input_tokens"),
        _count(given, "cached_tokens"),
        _count(given, "cache_write_tokens"),
        _needed(usage, "output_tokens"),
        _count(made, "reasoning_tokens"),
    )


def _xai_chat(body: Mapping[str, Any]) -> ResponseUsage:
    """xAI's chat: reasoning is outside `completion_tokens`, and billed as output."""
    found = _openai_chat(body)
    return ResponseUsage(
        found.model, found.input_uncached, found.cache_read, found.cache_write_5m, 0, found.output + found.reasoning, found.reasoning, found.apart
    )


def _perplexity_chat(body: Mapping[str, Any]) -> ResponseUsage:
    """Perplexity's chat: reasoning and citation tokens are outside `completion_tokens`, and searches are counted."""
    usage = _object(body, "usage")
    citations, reasoning = _count(usage, "citation_tokens"), _count(usage, "reasoning_tokens")
    made = _needed(usage, "completion_tokens") + reasoning + citations
    apart = {"output_citation": citations, "output_reasoning": reasoning, "web_searches": _count(usage, "num_search_queries")}
    return _inclusive(body, _needed(usage, "prompt_tokens"), 0, 0, made, reasoning, apart)


def _anthropic_messages(body: Mapping[str, Any]) -> ResponseUsage:
    """Cached tokens are outside `input_tokens`. A write without its time to live is one of five minutes, the default.

    `iterations` lists the model calls of one response. The totals hold the `message` calls only: a compaction, and an advisor of another
    model, are billed beside them.
    """
    usage = _object(body, "usage")
    written = _count(usage, "cache_creation_input_tokens")
    lives = _details(usage, "cache_creation")
    long = _count(lives, "ephemeral_1h_input_tokens")
    if "cache_creation_input_tokens" not in usage:
        written = long + _count(lives, "ephemeral_5m_input_tokens")
    further = [call for call in usage.get("iterations") or () if isinstance(call, Mapping) and call.get("type") != "message"]
    counted = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    apart = {
        "web_searches": _count(_details(usage, "server_tool_use"), "web_search_requests"),
        "iterations": sum(_count(call, name) for call in further for name in counted),
    }
    return ResponseUsage(
        _model(body, "model"),
        _needed(usage, "input_tokens"),
        _count(usage, "cache_read_input_tokens"),
        written - long,
        long,
        _needed(usage, "output_tokens"),
        _count(_details(usage, "output_tokens_details"), "thinking_tokens"),
        _some(apart),
    )


def _gemini(body: Mapping[str, Any]) -> ResponseUsage:
    """Cached tokens are within `promptTokenCount`; tools' prompts are outside it, and thoughts outside the candidates. Zeros are left out."""
    usage = _object(body, "usageMetadata")
    thoughts = _count(usage, "thoughtsTokenCount")
    apart: dict[str, int] = {}
    for direction, names in {
        "input": ("promptTokensDetails", "toolUsePromptTokensDetails"),
        "output": ("candidatesTokensDetails",),
        "cache_read": ("cacheTokensDetails",),
    }.items():
        for name in names:
            for entry in _entries(usage, name):
                # a document is priced as an image
                kind = {"DOCUMENT": "image", "IMAGE": "image", "AUDIO": "audio", "VIDEO": "video"}.get(str(entry.get("modality")))
                if kind:
                    key = f"cache_{kind}_read" if direction == "cache_read" else f"{direction}_{kind}"
                    apart[key] = apart.get(key, 0) + _count(entry, "tokenCount")
    return _inclusive(
        body,
        _count(usage, "promptTokenCount") + _count(usage, "toolUsePromptTokenCount"),
        _count(usage, "cachedContentTokenCount"),
        0,
        _count(usage, "candidatesTokenCount") + thoughts,
        thoughts,
        apart,
        model="modelVersion",
    )


def _bedrock_converse(body: Mapping[str, Any]) -> ResponseUsage:
    """Cached tokens are outside `inputTokens`; the body names no model."""
    usage = _object(body, "usage")
    written = _count(usage, "cacheWriteInputTokens")
    long = sum(_count(entry, "inputTokens") for entry in _entries(usage, "cacheDetails") if entry.get("ttl") == "1h")
    return ResponseUsage(
        _model(body, "model"),
        _needed(usage, "inputTokens"),
        _count(usage, "cacheReadInputTokens"),
        written - long,
        long,
        _needed(usage, "outputTokens"),
        0,
    )


def _cohere_chat(body: Mapping[str, Any]) -> ResponseUsage:
    """What Cohere bills: `tokens` beside it counts the prompt's template, too, and `cached_tokens` is a part of that."""
    billed = _object(_object(body, "usage"), "billed_units")
    return ResponseUsage(_model(body, "model"), _needed(billed, "input_tokens"), 0, 0, 0, _needed(billed, "output_tokens"), 0)


def _cohere_embed(body: Mapping[str, Any]) -> ResponseUsage:
    """An embedding's billed units; images are counted beside the input."""
    billed = _object(_object(body, "meta"), "billed_units")
    apart = _some({"input_image": _count(billed, "image_tokens")})
    return ResponseUsage(_model(body, "model"), _needed(billed, "input_tokens"), 0, 0, 0, 0, 0, apart)


APIS: Mapping[str, Callable[[Mapping[str, Any]], ResponseUsage]] = {
    "openai_chat": _openai_chat,
    "openai_embeddings": _openai_embeddings,
    "openai_responses": _openai_responses,
    "anthropic_messages": _anthropic_messages,
    "gemini": _gemini,
    "bedrock_converse": _bedrock_converse,
    "xai_chat": _xai_chat,
    "perplexity_chat": _perplexity_chat,
    "cohere_chat": _cohere_chat,
    "cohere_embed": _cohere_embed,
}
"""The APIs that are read. Azure, Groq, Mistral, OpenRouter and other hosts of open models answer in OpenAI's shapes, Vertex in Anthropic's, too."""


def _inclusive(
    body: Mapping[str, Any],
    total_input: int,
    cache_read: int,
    cache_write: int,
    output: int,
    reasoning: int,
    apart: Mapping[str, int] | None = None,
    model: str = "model",
) -> ResponseUsage:
    """Buckets of a provider whose input includes what its cache served and kept. None of these lets a write live longer than another."""
    uncached = total_input - cache_read - cache_write
    return ResponseUsage(_model(body, model), uncached, cache_read, cache_write, 0, output, reasoning, _some(apart or {}))


def _some(apart: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in apart.items() if count}


def _first(*counts: int) -> int:
    return next((count for count in counts if count), 0)


def _model(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) else None


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    if isinstance(value, Mapping):
        return value
    raise BrokenFile(
        "a response reports no usage",
        where=name,
        found="nothing" if value is None else type(value).__name__,
        expected=f"an object `{name}`",
        todo="its usage is unknown, which is not zero",
    )


def _details(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Details may be absent or null: then nothing is known beyond the total."""
    value = usage.get(name)
    return value if isinstance(value, Mapping) else {}


def _entries(usage: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = usage.get(name)
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, Sequence) and not isinstance(value, str) else []


def _needed(usage: Mapping[str, Any], name: str) -> int:
    if usage.get(name) is None:
        raise BrokenFile("a response reports no usage", where=f"usage.{name}", found="nothing", expected="a count of tokens")
    return _count(usage, name)


def _count(usage: Mapping[str, Any], name: str) -> int:
    """A count of tokens; absent or null is none. Numbers may still be the text of them."""
    value = usage.get(name)
    if value is None:
        return 0
    if isinstance(value, bool) or not str(value).isdecimal():
        raise BrokenFile("a count of tokens can't be read", where=f"usage.{name}", found=str(value)[:40], expected="a whole number of at least zero")
    return int(value)

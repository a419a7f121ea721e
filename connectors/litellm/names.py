"""LiteLLM's names for providers and models, as the names under which these are priced. Not here: prices (`models.prices`)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from connectors.bedrock.models import priced_model

# LiteLLM's `custom_llm_provider` to the ids of the shipped price list (genai-prices), where they differ.
PROVIDERS = {
    "anthropic_text": "anthropic",
    "azure_ai": "azure",
    "azure_text": "azure",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "bedrock_mantle": "aws",
    "codestral": "mistral",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "github_copilot": "github-copilot",
    "meta_llama": "meta",
    "moonshot": "moonshotai",
    "text-completion-codestral": "mistral",
    "text-completion-openai": "openai",
    "together_ai": "together",
    "vertex_ai": "google",
    "voyage": "voyageai",
    "xai": "x-ai",
}
# LiteLLM's names that are the price list's, too: known, so that they can stand before a model.
_SAME = {"anthropic", "azure", "baseten", "cerebras", "cohere", "databricks", "deepseek", "groq", "minimax", "mistral", "novita", "openai"}
_SAME |= {"openrouter", "perplexity", "zai"}
# Between `bedrock/` and the model: which of its APIs is called, and in which region.
_BEDROCK_ROUTE = re.compile(r"(?:(?:converse|converse_like|invoke|[a-z]{2}(?:-[a-z]+)+-\d)/)+")


def priced_names(custom_llm_provider: str | None, model: str, known: Mapping[str, str]) -> tuple[str | None, str]:
    """Provider and model of a row as prices know them: (`aws`, `anthropic.claude-...`) of `bedrock` and `bedrock/us.anthropic.claude-...`.

    The provider's own prefix goes, and no other: `openai/gpt-oss-120b` is what Groq calls one of its models. `known` (a source's
    `model_map`) says which model a deployment's name or an ARN stands for.
    """
    prefix, slash, rest = model.partition("/")
    is_provider = bool(slash) and (prefix in PROVIDERS or prefix in _SAME)
    provider = _priced_provider(custom_llm_provider) if custom_llm_provider else _priced_provider(prefix) if is_provider else None
    is_own_prefix = bool(slash) and (prefix == custom_llm_provider or (is_provider and _priced_provider(prefix) == provider))
    name = rest if is_own_prefix else model
    if model in known:
        return provider, known[model]
    if provider == "aws":
        return provider, priced_model(_BEDROCK_ROUTE.sub("", name, count=1), known)
    return provider, known.get(name, name)


def _priced_provider(name: str) -> str:
    # `vertex_ai-anthropic_models` and its like tell who made the model, not who serves it.
    return "google" if name.startswith("vertex_ai") else PROVIDERS.get(name, name)

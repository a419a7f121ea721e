"""The name under which a Bedrock model is priced, from whatever a request named it by.

Not here: prices (`models.prices`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from models.prices import shipped_prices

PROVIDER = "aws"

# Resources whose ARN ends with the model's own id; those of the others (application-inference-profile, provisioned-model, custom-model,
# imported-model, prompt-router) hide it.
_NAMES_ITS_MODEL = re.compile(r"arn:aws[a-z-]*:bedrock:[a-z0-9-]*:\d*:(?:foundation-model|inference-profile)/(.+)")
_GEOGRAPHY = re.compile(r"(?:[a-z]{2}(?:-gov)?|apac)\.(?=[a-z0-9-]+\.)")


def priced_model(model_id: str, known: Mapping[str, str]) -> str:
    """The model's id as prices know it, vendor and version included: `anthropic.claude-sonnet-4-5-20250929-v1:0`.

    `known` says for ids and ARNs that hide their model which one it is; a hidden one that it doesn't know stays as it is, and has no price.
    The geography of an inference profile (`us.`, `eu.`, `apac.`) is dropped, unless only the profile has a price; `global.` stays, since
    it is priced otherwise (a tenth below the geographies' price for many models).
    """
    if model_id in known:
        return known[model_id]
    named = _NAMES_ITS_MODEL.fullmatch(model_id)
    name = named[1] if named else model_id
    if name in known:
        return known[name]
    plain = _GEOGRAPHY.sub("", name, count=1) if _GEOGRAPHY.match(name) else name
    return name if plain != name and not _is_priced(plain) and _is_priced(name) else plain


def _is_priced(model: str) -> bool:
    return bool(shipped_prices([(PROVIDER, model)])[0])

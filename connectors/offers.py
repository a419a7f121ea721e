"""What a configured source offers now: its store, and which of the store's files make a delivery.

Here: the one place that knows which module serves which kind. Not here: how a store is read, how an export's manifests read, how pages are
put together (their own folders), bringing anything to disk (landing.py).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from connectors.assembly import Assembler
from connectors.cloud_exports.manifests import deliveries
from connectors.files.folder import Folder, allowed_endings, ending_of
from connectors.listings import ALL, Listing, Offer, OfferedDelivery, OfferedFile, Store
from connectors.pulling import probe
from models.config import Source

# Bills that come as exports, whose manifests say what is delivered.
EXPORT_KINDS = ("focus", "aws_cur2", "gcp_billing")
# Kinds whose deliveries are put together from files, by the module that does it.
ASSEMBLERS = {
    "openai": "connectors.openai.pages",
    "anthropic": "connectors.anthropic.pages",
    "openrouter": "connectors.openrouter.pages",
    "litellm": "connectors.litellm.pages",
    "bedrock_logs": "connectors.bedrock.logs",
    "prometheus": "connectors.prometheus.pages",
}
_DAY_FOLDERS = re.compile(r"(?:^|/)(\d{4})/(\d{2})/(\d{2})/")


def assembler(kind: str) -> Assembler | None:
    """What puts a kind's deliveries together, or None where a delivery's files are the provider's own tables."""
    if kind not in ASSEMBLERS:
        return None
    found: Assembler = import_module(ASSEMBLERS[kind]).assemble
    return found


def store_of(source: Source, root: Path, mirror: Path) -> Store:
    """Where the files of a source lie: `path` in the configuration's folder `root` or in a bucket, or the `mirror` of what was pulled."""
    if source.path is None:
        return Folder(source.model_copy(update={"path": str(mirror)}), mirror)
    if not source.path.startswith("s3://"):
        return Folder(source, root)
    from connectors.object_storage.bucket import Bucket  # boto3 takes half a second to load

    return Bucket(source.path, source_id=source.id, endpoint_url=source.endpoint_url, profile=source.profile, accepts=_refusal_of(source.kind))


def offer(source: Source, store: Store) -> Offer:
    """What the source delivers now. Raises SourceUnreachable or BrokenFile where that can't be told."""
    listing = store.list()
    if source.kind in EXPORT_KINDS:
        return deliveries(source.kind, listing, store.read, f"source {source.id}")
    if source.kind in ASSEMBLERS:
        return Offer(_together(source, listing), listing.ignored)
    return Offer(tuple(OfferedDelivery(file.name, (file,), file.fingerprint) for file in listing.offered), listing.ignored)


def _together(source: Source, listing: Listing) -> tuple[OfferedDelivery, ...]:
    """Files that are read together: what was pulled by month, logs in folders of a day by day, else all there are, since any two of them
    may speak of the same hours."""
    groups: dict[str, list[OfferedFile]] = {}
    for file in listing.offered:
        name = ALL
        if source.path is None:
            name = file.name.split("/", 1)[0]
        elif source.kind == "bedrock_logs" and (day := _DAY_FOLDERS.search(file.name)):
            name = "-".join(day.groups())
        groups.setdefault(name, []).append(file)
    return tuple(OfferedDelivery(name, tuple(files), fingerprint_of(files)) for name, files in sorted(groups.items()))


def fingerprint_of(files: Sequence[OfferedFile]) -> str:
    """One fingerprint of several files, whatever order they are listed in."""
    return hashlib.sha256("\n".join(sorted(f"{file.name} {file.fingerprint}" for file in files)).encode()).hexdigest()


def reach(source: Source, root: Path) -> tuple[int, int]:
    """What `crossover check` asks: how many files (of an API, pages of today) the source offers, and their bytes. Nothing is kept.

    Raises SourceUnreachable or BrokenFile where it can't be told, CrossoverError where a delivery of an export can't be used.
    """
    if source.path is None:
        return probe(source, datetime.now(UTC).date()), 0
    found = offer(source, store_of(source, root, root))
    for _, refusal in found.refused:
        raise refusal
    files = [file for delivery in found.deliveries for file in delivery.files]
    return len(files), sum(file.bytes for file in files)


def _refusal_of(kind: str) -> Callable[[str], str | None]:
    def why(name: str) -> str | None:
        return None if ending_of(name, kind) else "its ending is none of " + ", ".join(allowed_endings(kind))

    return why

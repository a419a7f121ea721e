"""Bills without a manifest: Google Cloud's BigQuery export written to files, and every other plain folder.

A hive partition (`invoice_month=202606/`, `BILLING_PERIOD=2026-06/`, in either case) is replaced as one; any other file by itself. Not here:
exports that commit with a manifest (aws.py, azure.py).
"""

from __future__ import annotations

import re

from connectors.cloud_exports.claims import Claim, Files, fingerprint_of
from connectors.listings import OfferedDelivery, OfferedFile

_KEY_VALUE = re.compile(r"([A-Za-z_]\w*)=([^=]*)")
_MANIFEST_NAMES = re.compile(r"(?:.*-|_)?manifest\.json", re.IGNORECASE)


def recognise(files: Files) -> Claim:
    """Deliveries by partition, named by their folders with keys in lower case, else by file."""
    claim = Claim()
    partitions: dict[str, list[OfferedFile]] = {}
    for name in sorted(files):
        claim.names.add(name)
        if _MANIFEST_NAMES.fullmatch(files[name].basename):
            claim.ignore([name], "it is named like a manifest and lies where no export puts one")
        elif (partition := _partition(name)) is None:
            claim.deliveries.append(OfferedDelivery(name, (files[name],), files[name].fingerprint))
        else:
            partitions.setdefault(partition, []).append(files[name])
    for partition, members in partitions.items():
        claim.deliveries.append(OfferedDelivery(partition, tuple(members), fingerprint_of("", members)))
    return claim


def _partition(name: str) -> str | None:
    """The folders down to the last `key=value`, with the keys in lower case; None without one."""
    folders = name.split("/")[:-1]
    keys = [_KEY_VALUE.fullmatch(folder) for folder in folders]
    if not any(keys):
        return None
    last = max(depth for depth, key in enumerate(keys) if key)
    return "/".join(f"{key.group(1).lower()}={key.group(2)}" if key else folder for folder, key in zip(folders[: last + 1], keys, strict=False))

"""Which files of a cloud's bill make a delivery: what its manifests name, a hive partition, or a file of its own.

Here: who is asked in which order, and what a manifest is to all of them. Not here: each cloud's layout (aws.py, azure.py, gcp.py), listing
and fetching (connectors/files, connectors/object_storage), what the files hold (models.contracts.raw).

Everything in a listing or in a manifest comes from outside. A name in a manifest only ever picks a listed file; no path is made from it.
"""

from __future__ import annotations

from collections.abc import Callable

from connectors.cloud_exports import aws, azure, gcp
from connectors.listings import Listing, Offer, OfferedDelivery, OfferedFile

MANIFEST_KINDS = ("focus", "aws_cur2", "gcp_billing")


def deliveries(kind: str, listing: Listing, read: Callable[[OfferedFile], bytes], where: str) -> Offer:
    """What a source of this kind delivers, of everything that was listed below its path, data files and manifests alike.

    A manifest is the commit mark of an export: only files that it names are read. A delivery whose manifest names what isn't there, or is
    of another size, is refused under the delivery's name, and its last good version stays. What lies in an export's folders and is named
    by no manifest is ignored with a reason. Files outside any export's folders are deliveries of their own, or of their hive partition.
    Raises BrokenFile where one Azure source holds several exports, since it can't be known which of them is meant.
    """
    if kind not in MANIFEST_KINDS:
        return Offer(tuple(OfferedDelivery(file.name, (file,), file.fingerprint) for file in listing.offered), listing.ignored)
    files = {file.name: file for file in listing.offered}
    claims = []
    if kind in ("focus", "aws_cur2"):
        claims.append(aws.recognise(files, read, where))
    if kind == "focus":
        claims.append(azure.recognise(files, read, where))
    taken = {name for claim in claims for name in claim.names}
    claims.append(gcp.recognise({name: file for name, file in files.items() if name not in taken}))
    return Offer(
        tuple(sorted((delivery for claim in claims for delivery in claim.deliveries), key=lambda delivery: delivery.name)),
        tuple(sorted([*listing.ignored, *(ignored for claim in claims for ignored in claim.ignored)], key=lambda ignored: ignored.name)),
        tuple(sorted((refusal for claim in claims for refusal in claim.refused), key=lambda refusal: refusal[0])),
    )

"""The store behind a source whose `path` is `s3://bucket/prefix`: what lies there, and reading it whole. Any S3 interface will do.

Not here: which files make a delivery, decoding (landing.py).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound
from urllib3.exceptions import HTTPError

from connectors.files.globs import is_passed_over, matches
from connectors.listings import SMALL_BYTES_MAX, IgnoredFile, Listing, OfferedFile
from connectors.object_storage.address import Address, flaw_of, parse_address, printable
from connectors.object_storage.download import Changed, Patience, Wanted, download, download_small, patiently, plain_etag
from connectors.object_storage.refusals import GET, LIST, CutOff, unreachable
from models.errors import BrokenFile, SourceUnreachable

KEYS_MAX = 1_000_000
PAGES_MAX = 10_000
# Left by Hadoop and EMR for a folder, as is a key that ends with a slash.
_FOLDER_ENDING = "_$folder$"

Result = TypeVar("Result")
Entry = tuple[int, str]  # size in bytes, ETag
_STORE_ERRORS = (BotoCoreError, ClientError, HTTPError, CutOff)


class Bucket:
    """Files in object storage. `accepts` gives None for a name that may be read, else why it is not.

    Credentials are those that AWS's own tools would find: environment, `~/.aws` (there `profile`), single sign-on, the machine's role.
    """

    def __init__(
        self,
        url: str,
        *,
        source_id: str,
        endpoint_url: str | None = None,
        profile: str | None = None,
        accepts: Callable[[str], str | None],
        patience: Patience | None = None,
    ) -> None:
        """Nothing is asked or checked yet; a wrong address, endpoint or profile is refused by the first use."""
        self._url, self._source_id, self._endpoint_url, self._profile = url, source_id, endpoint_url, profile
        self._accepts, self._patience = accepts, patience or Patience()
        # What names are relative to: a folder, known once the store was asked whether the address is a file.
        self._base: str | None = None

    @cached_property
    def _address(self) -> Address:
        return parse_address(self._url, f"source {self._source_id}")

    @cached_property
    def _client(self) -> Any:
        return _client(self._endpoint_url, self._profile, self._patience, self._where)

    def list(self) -> Listing:
        """Every file below the prefix. See `Store.list`.

        Keys that stand for folders, hidden names and delivering programs' markers are passed over. Ignored are names that could not be told
        apart or look like a way out of a folder. The fingerprint is size and ETag.
        """
        address = self._address
        found = dict(self._keys(address.listed_prefix))
        self._base = address.folder
        if not found and address.single_key:
            # In the order of keys a name comes before all that it begins.
            first = dict(_entries(self._page({"Prefix": address.single_key, "MaxKeys": 1})))
            if address.single_key in first:
                self._base = address.single_key[: address.single_key.rfind("/") + 1]
                found = first
        listing = self._sort_out({key.removeprefix(self._base): entry for key, entry in found.items()})
        if not listing.offered:
            raise self._nothing_to_read(len(found), listing.ignored)
        return listing

    def read(self, file: OfferedFile, bytes_max: int = SMALL_BYTES_MAX) -> bytes:
        """A small file, whole. See `Store.read`."""
        if file.bytes > bytes_max:
            found = f"{file.bytes:,} bytes"
            raise BrokenFile(
                "The file is larger than one of its kind can be.",
                where=self._where_of(file),
                found=found,
                expected=f"at most {bytes_max:,}",
                todo="Check what was delivered under this name; deliver it in parts if it is right.",
            )
        wanted = self._wanted(file)
        return self._as_listed(file, wanted, lambda: download_small(self._client, wanted, self._patience))

    def fetch(self, file: OfferedFile, target: Path) -> str:
        """Copy a file, in parts at once, and give its sha256. See `Store.fetch`. An ETag that is an MD5 is checked."""
        wanted = self._wanted(file)
        return self._as_listed(file, wanted, lambda: download(self._client, wanted, target, self._patience))

    def _keys(self, prefix: str) -> Iterator[tuple[str, Entry]]:
        """Each key under a prefix. A listing that is not whole is an error: files that are not listed would count as withdrawn."""
        token: Mapping[str, str] = {}
        keys_seen = 0
        for _ in range(PAGES_MAX):
            page = self._page({"Prefix": prefix, **token})
            yield from _entries(page)
            keys_seen += len(page.get("Contents", []))
            if not page["IsTruncated"]:
                return
            if keys_seen >= KEYS_MAX:
                break
            token = {"ContinuationToken": page["NextContinuationToken"]}
        raise SourceUnreachable(f"The prefix holds more than {KEYS_MAX:,} files.", where=self._where, todo="Name a narrower prefix or pattern.")

    def _page(self, given: Mapping[str, object]) -> Mapping[str, Any]:
        def ask() -> Mapping[str, Any]:
            page: Mapping[str, Any] = self._client.list_objects_v2(Bucket=self._address.bucket, **given)
            # An empty answer with status 200 is read as an empty page; a store's own always says whether more follow, and how.
            if "IsTruncated" not in page or (page["IsTruncated"] and page.get("NextContinuationToken") in (None, given.get("ContinuationToken"))):
                raise CutOff
            return page

        return self._asking(LIST, self._where, lambda: patiently(ask, self._patience))

    def _sort_out(self, entries: Mapping[str, Entry]) -> Listing:
        """Tell what is offered from what is ignored. `entries` are by name."""
        offered: dict[str, OfferedFile] = {}
        ignored: dict[str, str] = {}
        for name, (size_bytes, etag) in sorted(entries.items()):
            parts = tuple(name.split("/"))
            if self._address.pattern and not matches(parts, self._address.pattern):
                continue
            if size_bytes == 0 and (name == "" or name.endswith(("/", _FOLDER_ENDING))):
                continue
            # Told apart by eye: letters with accents have two spellings.
            look = unicodedata.normalize("NFC", name)
            reason = flaw_of(name)
            if reason is None and is_passed_over(parts) and not self._is_single:
                continue
            if reason is None and look in offered:
                reason = "its name looks like that of another file"
            if reason is None and not etag:
                reason = "the store gives no ETag for it, so a change could not be seen"
            reason = reason or self._accepts(name)
            if reason is None:
                offered[look] = OfferedFile(name, size_bytes, f"{size_bytes}-{etag}")
            else:
                ignored[printable(name)] = reason
        files = sorted(offered.values(), key=lambda file: file.name)
        return Listing(tuple(files), tuple(IgnoredFile(name, reason) for name, reason in sorted(ignored.items())))

    @property
    def _is_single(self) -> bool:
        return self._base != self._address.folder

    def _wanted(self, file: OfferedFile) -> Wanted:
        if self._base is None:
            self.list()
        return Wanted(self._address.bucket, f"{self._base}{file.name}", file.bytes, file.fingerprint.partition("-")[2])

    def _as_listed(self, file: OfferedFile, wanted: Wanted, attempt: Callable[[], Result]) -> Result:
        """What `attempt` gives; once more where it saw another version than was listed, but that one is there now."""
        where = self._where_of(file)

        def patient_head() -> Mapping[str, Any]:
            head: Mapping[str, Any] = patiently(lambda: self._client.head_object(Bucket=wanted.bucket, Key=wanted.key), self._patience)
            return head

        try:
            return self._asking(GET, where, attempt)
        except Changed as first:
            found = str(first)
        head = self._asking(GET, where, patient_head)
        if (head["ContentLength"], plain_etag(head.get("ETag", ""))) == (wanted.size_bytes, wanted.etag):
            try:
                return self._asking(GET, where, attempt)
            except Changed as second:
                found = f"{second}, twice, while the listed version is still there"
        raise BrokenFile(
            "The file changed while it was read.",
            where=where,
            found=found,
            expected=f"the listed {wanted.size_bytes:,} bytes with ETag {wanted.etag}",
            todo="Run again when its delivery is complete: what is there then will be listed anew. If it stays so, check that no proxy "
            "alters answers and that the store does not unpack the file (Content-Encoding: gzip).",
        )

    def _asking(self, action: str, where: str, request: Callable[[], Result]) -> Result:
        """Make a request; the store's errors become ours."""
        try:
            return request()
        except _STORE_ERRORS as error:
            resource = self._address.bucket if action == LIST else f"{self._address.bucket}/{self._base or ''}*"
            raise unreachable(error, where, action, resource, _host(self._client.meta.endpoint_url)) from None

    def _nothing_to_read(self, keys: int, ignored: tuple[IgnoredFile, ...]) -> SourceUnreachable:
        if not keys:
            todo = "Check the bucket and the prefix (capitals matter), and that the delivery has arrived."
            return SourceUnreachable("No file lies under this prefix.", where=self._where, found="an empty listing", todo=todo)
        if ignored:
            reasons = "; ".join(f"{file.name}: {file.reason}" for file in ignored[:5])
            found = f"{len(ignored):,} files that are not read: {reasons}"
        else:
            found = (
                f"{keys:,} keys, none of which fits" if self._address.pattern else f"{keys:,} keys: folders, hidden names and delivery markers only"
            )
        return SourceUnreachable(
            "No file matches the pattern." if self._address.pattern else "The prefix holds no file to read.",
            where=self._where,
            found=found,
            todo="Check the path, and that the delivery has arrived.",
        )

    @property
    def _where(self) -> str:
        return f"source {self._source_id}, path {self._url}"

    def _where_of(self, file: OfferedFile) -> str:
        return f"source {self._source_id}, file {file.name}"


def _entries(page: Mapping[str, Any]) -> Iterator[tuple[str, Entry]]:
    for item in page.get("Contents", []):
        yield item["Key"], (int(item["Size"]), plain_etag(item.get("ETag", "")))


def _client(endpoint_url: str | None, profile: str | None, patience: Patience, where: str) -> Any:
    """An S3 client that neither retries by itself nor sends or expects the checksums that stores other than AWS stumble over."""
    config = Config(
        connect_timeout=patience.connect_timeout_s,
        read_timeout=patience.read_timeout_s,
        retries={"total_max_attempts": 1, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"} if endpoint_url else None,
    )
    try:
        client = boto3.Session(profile_name=profile).client("s3", endpoint_url=endpoint_url, config=config)
        client.meta.events.register_first("needs-retry.s3.HeadBucket", _end_of_redirects)
        return client
    except ProfileNotFound:
        raise SourceUnreachable(
            "There is no such profile.",
            where=where,
            found=f"profile {profile}" if profile else "the profile that AWS_PROFILE names",
            expected="a profile in ~/.aws/config or ~/.aws/credentials",
            todo="Correct the source's profile, or create it with `aws configure --profile NAME` for the user that runs Crossover.",
        ) from None
    except ValueError:
        raise SourceUnreachable(
            "The endpoint is no address.", where=where, expected="endpoint_url: https://host[:port]", todo="Correct the source's endpoint_url."
        ) from None
    except BotoCoreError as error:
        raise unreachable(error, where, LIST, "", _host(endpoint_url)) from None


def _end_of_redirects(response: tuple[Any, dict[str, Any]] | None, **_: object) -> None:
    """Refuse a redirect that names no region: botocore asks the bucket for its region, and asks again, without end, where that is redirected too."""
    if response is None:
        return
    parsed = response[1]
    metadata = parsed["ResponseMetadata"]
    if metadata["HTTPStatusCode"] in (301, 302, 307) and "x-amz-bucket-region" not in metadata["HTTPHeaders"]:
        raise ClientError(parsed, "HeadBucket")


def _host(endpoint_url: str | None) -> str:
    """An endpoint's host and port: all of it that may be printed."""
    parts = urlsplit(endpoint_url or "")
    return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or "the store"

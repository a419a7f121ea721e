"""Where in object storage a source lies: `s3://bucket/prefix` taken apart, and which keys are names that can be used.

Keys come from outside. They are names to ask the store for and to print, never paths of this machine. Not here: asking the store (bucket.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from connectors.files.globs import split_glob
from models.errors import SourceUnreachable

SCHEME = "s3://"
# Buckets older than 2018 may have capitals and underscores; what isn't even one of these may hold a secret and is not repeated in an error.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


@dataclass(frozen=True)
class Address:
    """`folder` is empty or ends with a slash. Keys below it that start with `listed_prefix` are asked for; `pattern` is matched to their parts.

    `single_key` is what the address means where nothing lies in `folder`: one file. It is None where there is a pattern or a slash at the end.
    """

    bucket: str
    folder: str
    listed_prefix: str
    pattern: tuple[str, ...] | None
    single_key: str | None


def parse_address(url: str, where: str) -> Address:
    """Take `s3://bucket/prefix` apart. The prefix is a key, a folder or a glob; characters stand for themselves, also `%`, `?` and `#`.

    Raises SourceUnreachable, which repeats nothing of the address: it may be one with a key or a signature in it.
    """
    bucket, _, prefix = url.removeprefix(SCHEME).partition("/")
    is_signed = "x-amz-" in url.lower()
    if not url.startswith(SCHEME) or not _BUCKET.fullmatch(bucket) or is_signed:
        raise SourceUnreachable(
            "This is no address of object storage.",
            where=where,
            found="a signed address" if is_signed else "no bucket's name after s3://" if url.startswith(SCHEME) else "no s3:// at its beginning",
            expected="s3://bucket/prefix, without user, key or signature",
            todo="Correct the path. Credentials come from the environment or a profile; another provider's address is the source's endpoint_url.",
        )
    before, pattern = split_glob(tuple(prefix.split("/")))
    if pattern:
        folder = "".join(f"{part}/" for part in before)
        literal = re.split(r"[*?\[]", pattern[0], maxsplit=1)[0]
        return Address(bucket, folder, folder + literal, pattern, None)
    if not prefix or prefix.endswith("/"):
        return Address(bucket, prefix, prefix, None, None)
    return Address(bucket, f"{prefix}/", f"{prefix}/", None, prefix)


def flaw_of(name: str) -> str | None:
    """Why a key's name can't be used, or None. Names must be told apart by eye, and look like no way out of a folder."""
    if any(part in ("", ".", "..") for part in name.split("/")):
        return "its name has an empty part, or one that is . or .."
    if not name.isprintable():
        return "its name holds characters that can't be seen"
    return None


def printable(name: str) -> str:
    """A name with what can't be seen spelled out."""
    return "".join(character if character.isprintable() else character.encode("unicode_escape").decode("ascii") for character in name)

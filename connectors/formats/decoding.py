"""From a file's bytes to a table of text: unpacking, and the proof that it is text at all, in bounded memory.

Not here: the formats themselves (csv_tables.py, json_tables.py); Parquet, which is columnar already; XLSX (workbooks.py).
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from connectors.formats.csv_tables import csv_table
from connectors.formats.json_tables import json_table
from connectors.formats.text_tables import TextTable, not_what_it_says
from models.errors import BrokenFile

CHUNK_BYTES = 1 << 20

_MAGIC = ((b"\x1f\x8b", "gzip"), (b"PK\x03\x04", "zip or XLSX"), (b"PAR1", "Parquet"), (b"\xd0\xcf\x11\xe0", "XLS"), (b"(\xb5/\xfd", "zstd"))


def read_text_table(open_file: Callable[[], BinaryIO], ending: str, where: str) -> TextTable:
    """Decode a file with one of the endings `.csv`, `.json`, `.ndjson`, `.jsonl`, each with or without `.gz`.

    `open_file` opens the same bytes from their beginning; JSON is read twice. Raises BrokenFile for all that is not the format that the
    ending says, here or while the batches are read.
    """
    if ending.removesuffix(".gz") == ".csv":
        return csv_table(_clean_chunks(open_file, ending, where), where)
    return json_table(lambda: (text for _, text in _clean_chunks(open_file, ending, where)), where)


def _clean_chunks(open_file: Callable[[], BinaryIO], ending: str, where: str) -> Iterator[tuple[bytes, str]]:
    """The file's text in pieces, as UTF-8 bytes and decoded, without a byte order mark; anything but text is refused."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    position = 0
    for chunk in _raw_chunks(open_file, ending, where):
        if position == 0:
            _refuse_other_format(chunk, ending, where)
        undecoded = len(decoder.getstate()[0])
        zero = chunk.find(b"\0")
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:
            raise _not_utf8(position - undecoded + error.start, where) from None
        if zero >= 0:
            raise not_what_it_says(ending, where, found=f"a zero byte at position {position + zero:,}", expected="text in UTF-8")
        if position == 0:
            chunk, text, position = chunk.removeprefix(codecs.BOM_UTF8), text.removeprefix("\ufeff"), len(chunk)
        else:
            position += len(chunk)
        yield chunk, text
    if position == 0:
        raise BrokenFile("The file is empty.", where=where, found="no bytes", todo="Deliver it again, or leave it out.")
    undecoded = len(decoder.getstate()[0])
    if undecoded:
        raise _not_utf8(position - undecoded, where)


def _not_utf8(position: int, where: str) -> BrokenFile:
    return BrokenFile(
        "The file is not text in UTF-8.",
        where=where,
        found=f"a byte at position {position:,} (counted from 0) that UTF-8 can't have there",
        expected="UTF-8, with or without a byte order mark",
        todo="Export it again as UTF-8 (in Excel: CSV UTF-8).",
    )


def _raw_chunks(open_file: Callable[[], BinaryIO], ending: str, where: str) -> Iterator[bytes]:
    """The file's bytes in pieces of 1 MiB, decompressed where the ending is `.gz`."""
    with open_file() as file:
        if not ending.endswith(".gz"):
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
            return
        head = file.read(2)
        if not head:
            return
        if head != b"\x1f\x8b":
            raise not_what_it_says(ending, where, found="no gzip header", expected="a gzip file")
        file.seek(0)
        with gzip.GzipFile(fileobj=file) as unpacked:
            while chunk := _unpacked_chunk(unpacked, where):
                yield chunk


def _unpacked_chunk(unpacked: gzip.GzipFile, where: str) -> bytes:
    todo = "Deliver the file again."
    try:
        return unpacked.read(CHUNK_BYTES)
    except EOFError:
        raise BrokenFile("The file is truncated.", where=where, found="the end of the file inside its gzip stream", todo=todo) from None
    except (gzip.BadGzipFile, zlib.error):
        raise BrokenFile("The file is damaged.", where=where, found="a gzip stream that can't be unpacked", todo=todo) from None


def _refuse_other_format(head: bytes, ending: str, where: str) -> None:
    """Raise BrokenFile where a file that should be text begins as a known binary format does."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            raise not_what_it_says(ending, where, found=f"the beginning of a {name} file", expected="text")

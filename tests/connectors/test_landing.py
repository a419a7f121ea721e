"""What lies on the disk after a file was landed, and that nothing does after it was refused."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from connectors.files import folder
from connectors.files.folder import Folder
from connectors.landing import land_file
from models.errors import BrokenFile, SourceUnreachable

CSV = "day,cost\n2026-05-01,0.10\n2026-05-02,\n"


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_bytes_are_kept_as_they_were_under_their_hash(land_bytes, tmp_path):
    file = land_bytes("a.csv", CSV)
    sha256 = hashlib.sha256(CSV.encode()).hexdigest()
    assert file.sha256 == sha256
    assert file.landed == tmp_path / "landing" / sha256[:16] / "a.csv"
    assert file.landed.read_text() == CSV
    assert file.bytes == len(CSV)


def test_a_csv_has_a_columnar_form_of_text(land_bytes, tmp_path):
    file = land_bytes("a.csv", CSV)
    assert file.columnar == tmp_path / "staged" / f"{file.sha256[:16]}.parquet"
    table = pa.parquet.read_table(file.columnar)
    assert table.schema.types == [pa.string(), pa.string()]
    assert table.to_pylist() == [{"day": "2026-05-01", "cost": "0.10"}, {"day": "2026-05-02", "cost": None}]
    assert (file.rows, file.columns) == (2, ("day", "cost"))


def test_parquet_is_its_own_columnar_form(land_bytes, tmp_path):
    data = parquet(pa.table({"cost": [0.1, 0.2]}))
    file = land_bytes("a.snappy.parquet", data, kind="focus")
    assert file.columnar == file.landed
    assert file.landed.read_bytes() == data
    assert (file.rows, file.columns) == (2, ("cost",))
    assert not (tmp_path / "staged").exists()


def test_others_can_read_neither_files_nor_folders(land_bytes):
    file = land_bytes("a.csv", CSV)
    assert file.landed.stat().st_mode & 0o777 == 0o600
    assert file.columnar.stat().st_mode & 0o777 == 0o600
    for place in (file.landed.parent, file.landed.parent.parent, file.columnar.parent):
        assert place.stat().st_mode & 0o777 == 0o700


def test_landing_again_keeps_what_is_there(land_bytes):
    first = land_bytes("a.csv", CSV)
    times = [(path.stat().st_ino, path.stat().st_mtime_ns) for path in (first.landed, first.columnar)]
    assert land_bytes("a.csv", CSV) == first
    assert [(path.stat().st_ino, path.stat().st_mtime_ns) for path in (first.landed, first.columnar)] == times


def test_a_changed_file_is_another_version(land_bytes):
    first = land_bytes("a.csv", CSV)
    second = land_bytes("a.csv", CSV + "2026-05-03,1\n")
    assert first.landed.read_text() == CSV
    assert second.landed != first.landed


def test_a_lost_columnar_form_is_made_again(land_bytes):
    first = land_bytes("a.csv", CSV)
    first.columnar.unlink()
    assert land_bytes("a.csv", CSV) == first
    assert first.columnar.exists()


def test_what_a_killed_run_left_is_overwritten(land_bytes, tmp_path):
    version = hashlib.sha256(CSV.encode()).hexdigest()[:16]
    for leftover in ("landing/.incoming.tmp", f"staged/.{version}.parquet.tmp"):
        (tmp_path / leftover).parent.mkdir()
        (tmp_path / leftover).write_text("half a fi")
    land_bytes("a.csv", CSV)
    assert files_below(tmp_path / "landing") == [f"{version}/a.csv"]
    assert files_below(tmp_path / "staged") == [f"{version}.parquet"]


@pytest.mark.parametrize("kill_at", ["connectors.landing.settle", "connectors.landing.write_text_table"])
def test_a_kill_leaves_no_half_file_under_a_final_name(land_bytes, tmp_path, monkeypatch, kill_at):
    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(kill_at, kill)
        with pytest.raises(KeyboardInterrupt):
            land_bytes("a.csv", CSV)
    assert files_below(tmp_path / "landing") == files_below(tmp_path / "staged") == []
    assert land_bytes("a.csv", CSV).rows == 2


def test_a_landed_file_of_another_size_is_replaced(land_bytes):
    first = land_bytes("a.csv", CSV)
    first.landed.write_text("cut")
    assert land_bytes("a.csv", CSV).landed.read_text() == CSV


def test_of_a_refused_file_nothing_stays(land_bytes, tmp_path):
    with pytest.raises(BrokenFile):
        land_bytes("a.csv", "day,cost\n1\n")
    assert files_below(tmp_path / "landing") == files_below(tmp_path / "staged") == []


def test_a_file_that_changed_once_is_read_again(land_bytes, monkeypatch):
    prints = iter(["listed", "before", "after", "after", "after"])
    monkeypatch.setattr(folder, "fingerprint", lambda status: next(prints))
    assert land_bytes("a.csv", CSV).landed.read_text() == CSV


def test_a_file_that_keeps_changing_is_refused(land_bytes, monkeypatch):
    prints = iter(["listed", "1", "2", "3", "4"])
    monkeypatch.setattr(folder, "fingerprint", lambda status: next(prints))
    with pytest.raises(BrokenFile, match="changes while it is read") as refusal:
        land_bytes("a.csv", CSV)
    assert refusal.value.where == "source log, file a.csv"


def test_a_file_that_went_away_is_unreachable(source, tmp_path):
    (tmp_path / "a.csv").write_text(CSV)
    store = Folder(source("a.csv"), tmp_path)
    (offered,) = store.list().offered
    offered.path.unlink()
    with pytest.raises(SourceUnreachable, match="can't be read") as refusal:
        land_file(store, source("a.csv"), offered, tmp_path / "landing", tmp_path / "staged", None)
    assert refusal.value.found == "No such file or directory"


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet", "a.json", "a.ndjson"])
def test_a_file_of_no_bytes_is_refused(land_bytes, name):
    with pytest.raises(BrokenFile, match="The file is empty"):
        land_bytes(name, b"")


def test_a_parquet_that_is_text_is_refused(land_bytes):
    with pytest.raises(BrokenFile, match=r"not what its ending \.parquet says") as refusal:
        land_bytes("a.parquet", CSV)
    assert refusal.value.found == "no Parquet footer"


def test_a_truncated_parquet_is_refused(land_bytes):
    with pytest.raises(BrokenFile, match="The file is truncated"):
        land_bytes("a.parquet", parquet(pa.table({"cost": [0.1]}))[:-10])


def test_a_parquet_with_a_column_twice_is_refused(land_bytes):
    with pytest.raises(BrokenFile, match="Two columns have the same name") as refusal:
        land_bytes("a.parquet", parquet(pa.table([[1], [2]], names=["Cost", "cost"])))
    assert refusal.value.found == "Cost, cost (upper and lower case are not told apart)"


def test_a_long_csv_gz_is_decoded_in_row_groups(land_bytes):
    rows = 300_000
    text = "id,cost,note\n" + "".join(f'{i:08d},{i}.10,"a ""b"", {i}"\n' for i in range(rows))
    file = land_bytes("a.csv.gz", gzip.compress(text.encode(), 1))
    assert file.rows == rows
    metadata = pa.parquet.read_metadata(file.columnar)
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [122_880, 122_880, 54_240]
    table = pa.parquet.read_table(file.columnar)
    assert table["id"].to_pylist() == [f"{i:08d}" for i in range(rows)]
    assert table.slice(123_456, 1).to_pylist() == [{"id": "00123456", "cost": "123456.10", "note": 'a "b", 123456'}]


def test_a_file_is_never_read_as_a_whole(land_bytes, monkeypatch):
    sizes = []
    opened = folder._opened

    class Watched:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def read(self, size=-1):
            sizes.append(size)
            return self.file.read(size)

    monkeypatch.setattr(folder, "_opened", lambda path, where: Watched(opened(path, where)))
    land_bytes("a.csv", CSV)
    assert set(sizes) == {folder.CHUNK_BYTES}


def test_a_file_name_stays_below_landing(land_bytes, tmp_path):
    file = land_bytes("..a;b $(x).csv".removeprefix(".."), CSV)
    assert file.landed.parent.parent == tmp_path / "landing"
    assert os.listdir(file.landed.parent) == ["a;b $(x).csv"]  # noqa: PTH208


def test_a_kind_is_landed_by_its_endings_only(source, tmp_path):
    (tmp_path / "people.xlsx").write_bytes(b"PK\x03\x04")
    store = Folder(source("people.xlsx", kind="people"), tmp_path)
    (offered,) = store.list().offered
    with pytest.raises(ValueError, match="not a file that a request_log source offers"):
        land_file(store, source("people.xlsx"), offered, tmp_path / "landing", tmp_path / "staged", None)

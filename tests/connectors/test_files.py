"""Which files a source's path offers, and how it says that there are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connectors.files.folder import list_files
from connectors.listings import IgnoredFile, OfferedFile
from models.errors import BrokenFile, SourceUnreachable


def write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def _offered(source, root: Path) -> tuple[OfferedFile, ...]:
    return list_files(source, root).offered


def names(source, root: Path) -> list[str]:
    return [file.name for file in _offered(source, root)]


def test_a_file_is_offered_by_its_own_name(source, tmp_path):
    write(tmp_path, "logs/a.csv")
    (file,) = _offered(source("logs/a.csv"), tmp_path)
    assert (file.name, file.path, file.bytes) == ("a.csv", tmp_path / "logs/a.csv", 10)


def test_an_absolute_path_does_not_need_the_root(source, tmp_path):
    write(tmp_path, "a.csv")
    assert names(source(str(tmp_path / "a.csv")), Path("/nowhere")) == ["a.csv"]


def test_a_folder_is_read_with_its_subfolders_in_order(source, tmp_path):
    write(tmp_path, "bill/b.csv", "bill/2026/z.snappy.parquet", "bill/a.CSV.GZ")
    assert names(source("bill/", kind="focus"), tmp_path) == ["2026/z.snappy.parquet", "a.CSV.GZ", "b.csv"]


def test_what_delivering_programs_leave_is_passed_over(source, tmp_path):
    write(tmp_path, "d/a.csv", "d/_SUCCESS", "d/.hidden.csv", "d/.git/x.csv", "d/b.csv.tmp", "d/~$book.xlsx", "d/.a.csv.crc", "d/_delta_log/0.json")
    listing = list_files(source("d"), tmp_path)
    assert [file.name for file in listing.offered] == ["a.csv"]
    assert listing.ignored == ()


def test_a_visible_file_with_an_unknown_ending_is_reported(source, tmp_path):
    write(tmp_path, "d/a.csv", "d/notes.docx")
    (ignored,) = list_files(source("d"), tmp_path).ignored
    assert ignored.name == "notes.docx"
    assert ignored.reason.startswith("its ending is none of .csv, .csv.gz, .parquet")


def test_only_people_come_as_workbooks(source, tmp_path):
    write(tmp_path, "d/a.csv", "d/b.xlsx")
    assert names(source("d", kind="people"), tmp_path) == ["a.csv", "b.xlsx"]
    assert names(source("d"), tmp_path) == ["a.csv"]


def test_a_pattern_matches_names_below_its_folder(source, tmp_path):
    write(tmp_path, "logs/chat-1.csv", "logs/chat-2.csv", "logs/other.csv", "logs/old/chat-0.csv")
    assert names(source("logs/chat-*.csv"), tmp_path) == ["chat-1.csv", "chat-2.csv"]


def test_a_pattern_may_name_folders(source, tmp_path):
    write(tmp_path, "logs/a/x.csv", "logs/b/x.csv", "logs/b/c/x.csv")
    assert names(source("logs/*/x.csv"), tmp_path) == ["a/x.csv", "b/x.csv"]


def test_two_asterisks_stand_for_any_folders(source, tmp_path):
    write(tmp_path, "logs/x.csv", "logs/a/x.csv", "logs/a/b/x.csv", "logs/a/b/y.csv")
    assert names(source("logs/**/x.csv"), tmp_path) == ["a/b/x.csv", "a/x.csv", "x.csv"]
    assert len(names(source("logs/**"), tmp_path)) == 4


def test_a_name_with_brackets_is_first_taken_as_it_is(source, tmp_path):
    write(tmp_path, "bill[1]/a.csv")
    assert names(source("bill[1]"), tmp_path) == ["a.csv"]


def test_a_root_with_brackets_is_no_pattern(source, tmp_path):
    write(tmp_path, "a[1]/a.csv")
    assert names(source("*.csv"), tmp_path / "a[1]") == ["a.csv"]


def test_a_linked_file_is_followed(source, tmp_path):
    write(tmp_path, "elsewhere/a.csv", "d/b.csv")
    (tmp_path / "d/a.csv").symlink_to(tmp_path / "elsewhere/a.csv")
    assert names(source("d"), tmp_path) == ["a.csv", "b.csv"]


def test_a_file_under_two_names_is_offered_once(source, tmp_path):
    write(tmp_path, "d/x/may.csv")
    (tmp_path / "d/latest.csv").symlink_to("x/may.csv")
    listing = list_files(source("d"), tmp_path)
    assert [file.name for file in listing.offered] == ["x/may.csv"]
    assert listing.ignored == (IgnoredFile("latest.csv", "it is the same file as x/may.csv"),)


def test_a_link_to_a_folder_above_makes_no_loop(source, tmp_path):
    write(tmp_path, "d/a.csv")
    (tmp_path / "d/loop").symlink_to(tmp_path / "d")
    listing = list_files(source("d"), tmp_path)
    assert [file.name for file in listing.offered] == ["a.csv"]
    assert listing.ignored == (IgnoredFile("loop", "a link to a folder is not followed; name that folder itself"),)


@pytest.mark.parametrize("target", ["nothing.csv", "link.csv"])
def test_a_link_to_nothing_or_to_itself_is_reported(source, tmp_path, target):
    write(tmp_path, "d/a.csv")
    (tmp_path / "d/link.csv").symlink_to(target)
    (ignored,) = list_files(source("d"), tmp_path).ignored
    assert ignored == IgnoredFile("link.csv", "it is a link to nothing, or was removed meanwhile")


def test_what_is_no_regular_file_is_reported(source, tmp_path):
    write(tmp_path, "d/a.csv")
    os.mkfifo(tmp_path / "d/pipe.csv")
    assert list_files(source("d"), tmp_path).ignored == (IgnoredFile("pipe.csv", "it is not a regular file"),)


def test_the_fingerprint_changes_with_the_file(source, tmp_path):
    write(tmp_path, "a.csv")
    (before,) = _offered(source("a.csv"), tmp_path)
    assert _offered(source("a.csv"), tmp_path) == (before,)
    os.utime(tmp_path / "a.csv", ns=(1, 1))
    (after,) = _offered(source("a.csv"), tmp_path)
    assert after.fingerprint != before.fingerprint


@pytest.mark.parametrize("path", ["there/is/none", "there/is/none/*.csv"])
def test_no_such_path_names_the_nearest_that_exists(source, tmp_path, path):
    (tmp_path / "there").mkdir()
    with pytest.raises(SourceUnreachable, match="There is no such path") as refusal:
        _offered(source(path), tmp_path)
    assert refusal.value.found == f"{tmp_path / 'there'} exists, is/none in it does not"
    assert refusal.value.where == f"source log, path {path}"


def test_an_empty_folder_is_unreachable(source, tmp_path):
    (tmp_path / "d").mkdir()
    with pytest.raises(SourceUnreachable, match="The folder holds no file to read") as refusal:
        _offered(source("d"), tmp_path)
    assert refusal.value.found == "nothing"


def test_a_folder_of_other_files_names_them(source, tmp_path):
    write(tmp_path, "d/readme.txt")
    with pytest.raises(SourceUnreachable) as refusal:
        _offered(source("d"), tmp_path)
    assert refusal.value.found == "1 other files: readme.txt"


def test_a_pattern_without_a_match_is_unreachable(source, tmp_path):
    write(tmp_path, "d/a.csv")
    with pytest.raises(SourceUnreachable, match="No file matches the pattern"):
        _offered(source("d/b*.csv"), tmp_path)


def test_a_folder_that_may_not_be_read_is_unreachable(source, tmp_path, monkeypatch):
    write(tmp_path, "d/secret/a.csv", "d/b.csv")
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "secret":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SourceUnreachable, match="may not be read") as refusal:
        _offered(source("d"), tmp_path)
    assert refusal.value.found == f"permission denied for {tmp_path / 'd/secret'}"


def test_a_single_file_with_another_ending_is_refused(source, tmp_path):
    write(tmp_path, "bill.pdf")
    with pytest.raises(BrokenFile, match="an ending that this kind of source can't have") as refusal:
        _offered(source("bill.pdf"), tmp_path)
    assert (refusal.value.found, refusal.value.expected) == (
        ".pdf",
        "one of .csv, .csv.gz, .parquet, .json, .json.gz, .ndjson, .ndjson.gz, .jsonl, .jsonl.gz",
    )


def test_a_source_without_a_path_is_unreachable(source, tmp_path):
    with pytest.raises(SourceUnreachable, match="no path"):
        _offered(source(""), tmp_path)

"""JSON keeps each value's own characters, or is refused with the row's number."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.formats import decoding, json_tables
from connectors.formats.decoding import read_text_table
from models.errors import BrokenFile


def rows_of(data: bytes | str, ending: str = ".json") -> list[tuple[str | None, ...]]:
    """The header and the rows."""
    raw = data if isinstance(data, bytes) else data.encode()
    table = read_text_table(lambda: io.BytesIO(raw), ending, "source log, file a")
    rows = [tuple(row[name] for name in table.columns) for batch in table.batches for row in batch.to_pylist()]
    return [table.columns, *rows]


def refused(data: bytes | str, ending: str = ".json") -> BrokenFile:
    with pytest.raises(BrokenFile) as refusal:
        rows_of(data, ending)
    return refusal.value


@pytest.mark.parametrize("text", ['[{"a": 1, "b": "x"}]', '{"a":1,"b":"x"}\n', '\ufeff{"a":1,\n "b":"x"}', ' [ {"a":1,"b":"x"} ] \n'])
def test_json_may_be_an_array_or_objects_in_lines(text):
    assert rows_of(text, ".json") == rows_of(text, ".ndjson") == [("a", "b"), ("1", "x")]


def test_json_numbers_keep_their_characters():
    assert rows_of('{"a":0.10,"b":12345678901234567890.1234567890123}', ".json")[1] == ("0.10", "12345678901234567890.1234567890123")
    assert rows_of('{"a":1E-7,"b":' + "9" * 5000 + "}", ".json")[1] == ("1E-7", "9" * 5000)


def test_json_truths_and_nulls():
    assert rows_of('{"a":true,"b":false,"c":null,"d":""}', ".json")[1] == ("true", "false", None, None)


def test_nested_json_is_compact_text_with_its_own_numbers():
    row = rows_of('{"tags": {"team": "ü\\n", "share": 0.10, "list": [1, null, "2"]}, "empty": {}}', ".json")[1]
    assert row == ('{"team":"ü\\n","share":0.10,"list":[1,null,"2"]}', "{}")


def test_columns_are_all_keys_in_the_order_of_appearance():
    assert rows_of('{"a":1}\n{"c":3,"b":2}\n', ".ndjson") == [("a", "c", "b"), ("1", None, None), (None, "3", "2")]


@given(st.lists(st.dictionaries(st.sampled_from("xyz"), st.text(st.characters(codec="utf-8")) | st.integers(), min_size=1), min_size=1, max_size=9))
def test_any_objects_come_back_as_text(objects):
    text = "\n".join(json.dumps(each) for each in objects)
    columns, *rows = rows_of(text, ".ndjson")
    assert rows == [tuple(str(each[name]) or None if name in each else None for name in columns) for each in objects]


def test_an_object_across_pieces_is_whole(monkeypatch):
    monkeypatch.setattr(decoding, "CHUNK_BYTES", 3)
    monkeypatch.setattr(json_tables, "BATCH_ROWS", 2)
    assert rows_of('[{"a":"é"},{"a":{"b":[1,2]}},{"a":3}]', ".json") == [("a",), ("é",), ('{"b":[1,2]}',), ("3",)]


@pytest.mark.parametrize(
    ("text", "what", "row"),
    [
        ("day,cost\n", "The file does not hold JSON objects.", 1),
        ("[1]", "The file does not hold JSON objects.", 1),
        ('{"a":1}\n[2]\n', "A row is not a JSON object.", 2),
        ('[{"a":1},', "The file is truncated.", 2),
        ('{"a":1}\n{"a":', "The file is truncated, or a row is not valid JSON.", 2),
        ('{"a":1}\n{"a" 2}\n', "The file is truncated, or a row is not valid JSON.", 2),
        ('[{"a":1} {"a":2}]', "Two rows of the array are not separated by a comma.", 2),
        ('[{"a":1},]', "A row is not a JSON object.", 2),
        ('[{"a":1}] 2', "There is something after the array's end.", 2),
        ('{"a":1,"a":2}', "An object has one key twice.", 1),
        ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "An object is nested too deeply.", 1),
    ],
)
def test_what_is_not_json_rows_is_refused_by_its_number(text, what, row):
    refusal = refused(text, ".json")
    assert (refusal.what, refusal.where) == (what, f"source log, file a, row {row}")


def test_an_object_beyond_the_bound_is_refused(monkeypatch):
    monkeypatch.setattr(json_tables, "ROW_CHARACTERS_MAX", 1 << 20)
    refusal = refused('{"a":"' + "x" * (3 << 20), ".json")
    assert (refusal.what, refusal.found) == ("A row is not valid JSON.", "no end of the object within 1 million characters")


def test_half_a_surrogate_pair_is_refused():
    refusal = refused('{"a":"x"}\n{"a":"\\ud800"}', ".json")
    assert (refusal.what, refusal.where) == ("A value holds half of a surrogate pair, which is no text.", "source log, file a, rows 1 to 2")
    assert refused('{"\\ud800":"x"}').what == "A key holds half of a surrogate pair, which is no text."


@pytest.mark.parametrize("text", ["[]", "[{}]", " \n"])
def test_json_without_any_key_is_refused(text):
    assert refused(text, ".json").what == "The file holds no row, so its columns are unknown."


def test_too_many_keys_are_refused(monkeypatch):
    monkeypatch.setattr(json_tables, "COLUMNS_MAX", 2)
    assert refused('{"a":1,"b":2}\n{"c":3}', ".json").what == "The file has more than 2 different keys, which can't be columns."

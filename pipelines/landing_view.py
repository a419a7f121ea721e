"""The view `landing.<kind>`: a delivery's columnar files with every known column readable as its type.

Here: how one physical value becomes text, DECIMAL(38,12), BIGINT or naive-UTC TIMESTAMP, exactly and without a copy of the file. What is
not readable becomes null and sets a bit in `unreadable`, so that nothing turns into a silent null. Not here: the mapping to a feed
(`dbt_like_sql/staging`) and what is valid (`models.contracts`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from models.contracts.raw import RawColumn, RawShape
from models.errors import BrokenFile

# Spellings of "no value" met in real exports (sources.md: `NULL` in the anonymised FOCUS sample).
NULL_SPELLINGS = ("", "NULL", "null", "None", "(null)", "\\N")
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_NUMBERS = _INTEGERS | {"DOUBLE", "FLOAT"}


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + text.replace("'", "''") + "'"


def landing_view_sql(
    shape: RawShape,
    files: Sequence[Path],
    physical: Mapping[str, str],
    *,
    where: str,
    columns: Mapping[str, str],
    constants: Mapping[str, str],
    timezone: str,
    rows: Sequence[int] = (),
    texts: str | None = None,
    plain: Collection[str] = (),
) -> str:
    """The SELECT behind `landing.<kind>` over Parquet files of one delivery.

    `physical` maps the files' column names to DuckDB types; `columns` (ours to theirs) and `constants` come from the source's
    configuration. Rows are numbered from 1 through all files, which hold `rows` each (one file needs none). `texts` names a table made by
    `distinct_texts_sql` to read in place of the files: what is not text is then null. `plain` names the files' text columns that are known
    to spell no null, which are then read as they stand. Raises BrokenFile where a required column is missing or has a type that can't
    hold what it should.
    """
    missing = [c for c in shape.columns if c.required and c.name not in constants and _found(c, physical, columns) is None]
    if missing:
        wanted = ", ".join(" or ".join((columns.get(c.name, c.name), *c.also)) for c in missing)
        raise BrokenFile(
            f"missing column{'s' if len(missing) > 1 else ''}: {wanted}",
            where=where,
            found="columns " + ", ".join(sorted(physical)),
            expected=f"every required column of a {shape.name} file",
            todo="export the file again with these columns, or map them in the source's `columns:`",
        )
    read, selected, unreadable = [f"CAST({'NULL' if texts else _row_number(rows)} AS BIGINT) AS row_number"], ["row_number"], []
    for position, column in enumerate(shape.columns):
        place = None if texts and column.type not in _TEXTS else _found(column, physical, columns)
        selected.append(quoted(column.name))
        if column.name in constants:
            raw, type_name = literal(constants[column.name]), "VARCHAR"
        elif place is None:
            read.append(f"CAST(NULL AS {SQL_TYPES[column.type]}) AS {quoted(column.name)}")
            continue
        else:
            raw, type_name = quoted(place.name) if texts else place.sql, place.type
        if place and place.name in plain and column.type in ("text", "json"):
            read.append(f"{raw} AS {quoted(column.name)}")
            continue
        reader, can_fail = _reader(column, raw, type_name, timezone, where, place.name if place else column.name)
        read.append(f"{reader} AS {quoted(column.name)}")
        if can_fail:
            suspect = quoted(f"suspect {column.name}")
            read.append(f"{_is_suspect(raw, type_name, column)} AS {suspect}")
            is_null = "" if _is_double(type_name, column) else f" AND {quoted(column.name)} IS NULL"
            unreadable.append(f"CASE WHEN {suspect}{is_null} THEN {1 << position} ELSE 0 END")
    selected.append(f"CAST({' + '.join(unreadable) if unreadable else '0'} AS BIGINT) AS unreadable")
    # Two levels, so that asking whether a value was readable doesn't read it a second time.
    return f"SELECT {', '.join(selected)}\nFROM (SELECT " + ",\n       ".join(read) + f"\nFROM {texts or _parquet(files)})"


def distinct_texts_sql(shape: RawShape, files: Sequence[Path], physical: Mapping[str, str], *, columns: Mapping[str, str]) -> str:
    """The distinct tuples of the files' own text columns that the shape knows, under the files' names (nested ones with dots).

    They are few where rows are many, so whatever is asked of text is asked of them: a column is normalised, hashed and compared row by
    row only where that can't be avoided.
    """
    found = [_found(column, physical, columns) for column in shape.columns if column.type in _TEXTS]
    names = ", ".join(f"{place.sql} AS {quoted(place.name)}" for place in dict.fromkeys(found) if place)
    return f"SELECT DISTINCT {names or 'NULL AS no_text'} FROM {_parquet(files)}"


def spelled_nulls_sql(text: str) -> str:
    """Whether any value of a text column of `distinct_texts_sql` spells a null."""
    return f"coalesce(bool_or({text} IN ({_SPELLINGS})), false)"


def unreadable_columns(shape: RawShape, mask: int) -> list[str]:
    """The names behind the bits of `unreadable`."""
    return [column.name for position, column in enumerate(shape.columns) if mask >> position & 1]


def physical_column(column: RawColumn, physical: Mapping[str, str], columns: Mapping[str, str]) -> str | None:
    """The file's own name of a column, or None where the file lacks it."""
    place = _found(column, physical, columns)
    return place.name if place else None


@dataclass(frozen=True)
class _Place:
    """Where a file has a column: the name it goes by, the SQL that reads it from the file, the DuckDB type that gives."""

    name: str
    sql: str
    type: str


def _found(column: RawColumn, physical: Mapping[str, str], columns: Mapping[str, str]) -> _Place | None:
    names = (columns[column.name],) if column.name in columns else (column.name, *column.also)
    any_case = {name.casefold(): name for name in physical}
    for name in names:
        theirs = name if name in physical else any_case.get(name.casefold()) or any_case.get(name.casefold().replace(".", "_"))
        if theirs is not None:
            return _Place(theirs, quoted(theirs), physical[theirs])
        top, *fields = name.split(".")
        if fields and (theirs := any_case.get(top.casefold())) and (place := _inside(name, quoted(theirs), physical[theirs], fields)):
            return place
    return None


def _inside(name: str, raw: str, type_name: str, fields: Sequence[str]) -> _Place | None:
    """A field of a nested column: of a STRUCT, a MAP, or JSON text."""
    if type_name in ("VARCHAR", "JSON"):
        path = literal("$" + "".join(f".{quoted(field)}" for field in fields))
        return _Place(name, f"CASE WHEN json_valid({raw}) THEN json_extract_string({raw}, {path}) END", "VARCHAR")
    if not type_name.startswith(("STRUCT(", "MAP(")) or type_name.endswith("]"):
        return None
    children = duckdb.sqltype(type_name).children
    if type_name.startswith("MAP("):
        return _Place(name, f"{raw}[{literal(fields[0])}]", str(children[1][1])) if len(fields) == 1 else None
    for field, kind in children:
        if field.casefold() == fields[0].casefold():
            inner = f"{raw}.{quoted(field)}"
            return _inside(name, inner, str(kind), fields[1:]) if len(fields) > 1 else _Place(name, inner, str(kind))
    return None


def _row_number(rows: Sequence[int]) -> str:
    """A row's number in its delivery. A file's first number is a constant of the view, so that nothing depends on who reads first."""
    if len(rows) <= 1:
        return "file_row_number + 1"
    before = ", ".join(str(sum(rows[:number])) for number in range(len(rows)))
    return f"list_extract([{before}], CAST(file_index AS BIGINT) + 1) + file_row_number + 1"


def _parquet(files: Sequence[Path]) -> str:
    paths = ", ".join(literal(str(path)) for path in files)
    return f"read_parquet([{paths}], file_row_number = true, union_by_name = true, hive_partitioning = false)"


_TEXTS = ("text", "json", "tags", "user_tags")
_SPELLINGS = ", ".join(literal(spelling) for spelling in NULL_SPELLINGS)
# The first power of ten that DECIMAL(38,12) has no room for.
_DECIMAL_LIMIT = "1e26"
SQL_TYPES = {
    "text": "VARCHAR",
    "json": "VARCHAR",
    "tags": "VARCHAR",
    "user_tags": "VARCHAR",
    "decimal": "DECIMAL(38,24)",
    "sum": "DECIMAL(38,24)",
    "money": "DECIMAL(38,12)",
    "quantity": "DECIMAL(38,12)",
    "count": "BIGINT",
    "timestamp": "TIMESTAMP",
    "date": "DATE",
    "month": "DATE",
}


def _text(raw: str) -> str:
    return f"CASE WHEN {raw} IN ({_SPELLINGS}) THEN NULL ELSE {raw} END"


def _is_double(type_name: str, column: RawColumn) -> bool:
    return type_name == "DOUBLE" and column.type in ("money", "quantity")


def _is_suspect(raw: str, type_name: str, column: RawColumn) -> str:
    """Whether there is a value that must not read as null: of a DOUBLE one that will, which its own magnitude tells."""
    if _is_double(type_name, column):
        return f"NOT abs({raw}) < {_DECIMAL_LIMIT}"  # NaN is above every number
    return f"({raw} IS NOT NULL AND {raw} NOT IN ({_SPELLINGS}))" if type_name == "VARCHAR" else f"{raw} IS NOT NULL"


def _reader(column: RawColumn, raw: str, type_name: str, timezone: str, where: str, theirs: str) -> tuple[str, bool]:
    """The SQL that reads `raw` as the column's type, and whether it can fail on a value."""
    if column.type in ("tags", "user_tags"):
        return (_without_user_prefix(_tags(raw, type_name)) if column.type == "user_tags" else _tags(raw, type_name)), False
    if column.type in ("text", "json"):
        if type_name == "VARCHAR":
            return _text(raw), False
        if type_name.startswith(("MAP", "STRUCT")) or type_name.endswith("[]") or type_name == "JSON":
            return f"CAST(to_json({raw}) AS VARCHAR)", False
        return f"CAST({raw} AS VARCHAR)", False
    if column.type in ("money", "quantity"):
        if type_name == "VARCHAR":
            return _decimal_of_text(raw), True
        if type_name == "DOUBLE":
            # What the shortest text says and what the product below says are each within x * 1e12 / 2**53 of x * 1e12, together less than
            # abs(x) * 2.3e-4. Farther than that from half a step of 1e-12 both round to the same step, and no tie is near.
            direct = f"CAST(CAST({raw} AS DECIMAL(18,12)) AS DECIMAL(38,12))"
            is_clear = f"abs({raw}) < 1000 AND abs({raw} * 1e12 - round({raw} * 1e12)) < 0.499 - abs({raw}) * 2.3e-4"
            return f"CASE WHEN {is_clear} THEN {direct} ELSE {_decimal_of_text(f'CAST({raw} AS VARCHAR)')} END", True
        if type_name == "FLOAT":
            return _decimal_of_text(f"CAST({raw} AS VARCHAR)"), True
        if type_name.startswith("DECIMAL"):
            scale = int(type_name.rstrip(")").split(",")[1])
            return (f"CAST({raw} AS DECIMAL(38,12))" if scale <= 12 else f"CAST(round_even({raw}, 12) AS DECIMAL(38,12))"), False
        if type_name in _INTEGERS:
            return f"TRY_CAST({raw} AS DECIMAL(38,12))", type_name == "HUGEINT"
    elif column.type in ("decimal", "sum"):
        if type_name == "VARCHAR" or type_name in _NUMBERS or type_name.startswith("DECIMAL"):
            is_list = column.type == "sum" and type_name == "VARCHAR"
            return (f"CASE WHEN starts_with({raw}, '[') THEN {_sum_of_json(raw)} ELSE {_unrounded(raw)} END" if is_list else _unrounded(raw)), True
        if column.type == "sum" and type_name.endswith("[]"):
            # a file whose lists are all empty doesn't know what they would hold
            return (_sum_of_list(raw) if _field(type_name, "amount") else f"CASE WHEN len({raw}) = 0 THEN CAST(0 AS DECIMAL(38,24)) END"), True
    elif column.type == "count":
        if type_name in _INTEGERS:
            return f"TRY_CAST({raw} AS BIGINT)", type_name in ("HUGEINT", "UBIGINT")
        if type_name == "VARCHAR" or type_name in _NUMBERS or type_name.startswith("DECIMAL"):
            number = f"TRY_CAST({raw} AS DECIMAL(38,12))"
            return f"CASE WHEN {number} = floor({number}) THEN TRY_CAST({number} AS BIGINT) END", True
    else:
        stamp = _timestamp(raw, type_name, timezone, is_month=column.type == "month", is_day=column.type != "timestamp")
        if stamp is not None:
            read = stamp if column.type == "timestamp" else f"CAST({stamp} AS DATE)"
            return (f"CAST(date_trunc('month', {read}) AS DATE)" if column.type == "month" else read), type_name == "VARCHAR"
    raise BrokenFile(
        f"wrong type: column {theirs} holds {type_name}",
        where=where,
        found=type_name,
        expected={"money": "a number", "quantity": "a number", "count": "a whole number"}.get(column.type, f"a {column.type}"),
        todo="export the file again with this column in its documented type, or map another column to it in the source's `columns:`",
    )


def _unrounded(raw: str) -> str:
    """A number with all the decimals that it is written with, up to 24; a DOUBLE by its shortest text."""
    return f"TRY_CAST(CAST({raw} AS VARCHAR) AS DECIMAL(38,24))"


def _sum_of_list(raw: str) -> str:
    """The sum of a list's amounts: zero of none, null where one of them is unknown."""
    amounts = f"list_transform({raw}, lambda e: {_unrounded('e.amount')})"
    return f"CASE WHEN len(list_filter({amounts}, lambda a: a IS NULL)) = 0 THEN coalesce(list_sum({amounts}), 0) END"


def _sum_of_json(raw: str) -> str:
    """The same of JSON text, whose numbers are read as decimals without a float between."""
    amounts = f"""from_json({raw}, '[{{"amount":"DECIMAL(38,24)"}}]')"""
    return f"CASE WHEN json_valid({raw}) THEN {_sum_of_list(amounts)} END"


def _tags(raw: str, type_name: str) -> str:
    """Tags as the text of one JSON object."""
    if type_name == "VARCHAR":
        pairs = f"""from_json({raw}, '[{{"key":"VARCHAR","value":"VARCHAR"}}]')"""
        return f"CASE WHEN {raw} IN ({_SPELLINGS}) THEN NULL WHEN starts_with({raw}, '[') AND json_valid({raw}) THEN {_object(pairs)} ELSE {raw} END"
    if type_name.endswith("[]") and _field(type_name, "key") and _field(type_name, "value"):
        return f"CASE WHEN {raw} IS NOT NULL THEN {_object(raw)} END"
    text = f"CAST(to_json({raw}) AS VARCHAR)"
    return f"CASE WHEN len({raw}) = 0 THEN '{{}}' ELSE {text} END" if type_name.endswith("[]") else text


def _object(pairs: str) -> str:
    """A list of {key, value} as the text of a JSON object."""
    member = "CAST(to_json(CAST(e.key AS VARCHAR)) AS VARCHAR) || ':' || coalesce(CAST(to_json(CAST(e.value AS VARCHAR)) AS VARCHAR), 'null')"
    return f"'{{' || array_to_string(list_transform(list_filter({pairs}, lambda e: e.key IS NOT NULL), lambda e: {member}), ',') || '}}'"


def _without_user_prefix(text: str) -> str:
    """Keys as users gave them. Inside a JSON string a quote has a backslash before it, so that only keys follow a brace or a comma."""
    return f"""regexp_replace({text}, '([{{,]\\s*")user[_:]', '\\1', 'g')"""


def _field(type_name: str, name: str) -> bool:
    """Whether a list's elements are STRUCTs with a field of this name."""
    children = duckdb.sqltype(type_name.removesuffix("[]")).children if type_name.startswith("STRUCT(") and type_name.endswith(")[]") else []
    return any(field.casefold() == name for field, _ in children)


def _decimal_of_text(text: str) -> str:
    """Read as written, rounded once, half-even, to 12 decimals (contract section 3, Exactness)."""
    rounded = f"coalesce(round_even(TRY_CAST({text} AS DECIMAL(38,24)), 12), TRY_CAST({text} AS DECIMAL(38,12)))"
    needs_no_rounding = f"strlen({text}) - strpos({text}, '.') <= 12 AND NOT contains({text}, 'e') AND NOT contains({text}, 'E')"
    return f"CASE WHEN {needs_no_rounding} THEN TRY_CAST({text} AS DECIMAL(38,12)) ELSE {rounded} END"


def _timestamp(raw: str, type_name: str, timezone: str, *, is_month: bool, is_day: bool) -> str | None:
    zone = literal(timezone)
    if is_month and type_name in _INTEGERS:
        raw, type_name = f"CAST({raw} AS VARCHAR)", "VARCHAR"
    if type_name == "DATE":
        return f"CAST({raw} AS TIMESTAMP)"
    if type_name.startswith("TIMESTAMP WITH TIME ZONE") or type_name == "TIMESTAMPTZ":
        return f"CAST({raw} AS TIMESTAMP)"  # the session's TimeZone is UTC
    if type_name.startswith("TIMESTAMP"):
        return f"CAST({raw} AS TIMESTAMP)" if timezone == "UTC" else f"timezone('UTC', timezone({zone}, CAST({raw} AS TIMESTAMP)))"
    if type_name != "VARCHAR":
        return None
    digits = f"WHEN length({raw}) = 6 THEN left({raw}, 4) || '-' || right({raw}, 2) || '-01'"  # as in 202606
    text = f"CASE WHEN length({raw}) = 7 THEN {raw} || '-01' {digits} ELSE {raw} END" if is_month else raw
    naive = f"TRY_CAST({text} AS TIMESTAMP)"
    if is_day:
        return naive
    # A cast to TIMESTAMP ignores an offset, so values that carry one other than Z go through TIMESTAMPTZ.
    is_utc = f"{text} LIKE '%Z' OR {text} LIKE '% UTC'"
    local = naive if timezone == "UTC" else f"CASE WHEN {is_utc} THEN {naive} ELSE timezone('UTC', timezone({zone}, {naive})) END"
    offset = f"regexp_matches({text}, ':[0-9]{{2}}(:[0-9.]+)?[+-][0-9]{{2}}:?[0-9]{{2}}$')"
    return f"CASE WHEN {offset} THEN CAST(TRY_CAST({text} AS TIMESTAMPTZ) AS TIMESTAMP) ELSE {local} END"

"""Numbers and dates as HR systems write them, turned into the notation of the other formats: `85000.50` and `2026-05-31`.

Here: decimal commas and thousands separators, percent signs, SAP's and other systems' dates. What could be read in two ways is settled by
the rest of the file, or the file is refused: a salary is never guessed. Not here: which fields there are (projection.py), whether a value is
valid (models.contracts). No message repeats a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from models.errors import BrokenFile

Values = list[str | None]

# Spaces (also those that don't break) and apostrophes before three digits: they can be nothing but separators of thousands.
_GROUPED = re.compile("(?<=\\d)[ \u00a0\u2009\u202f'’](?=\\d{3}(?!\\d))")
_PLAIN = re.compile(r"[+-]?\d+([eE][+-]?\d+)?")
_DECIMALS = {
    ".": re.compile(r"[+-]?((\d+\.\d*|\.\d+)([eE][+-]?\d+)?|\d{1,3}(,\d{3})+\.\d*|\d{1,3}(,\d{3}){2,})"),
    ",": re.compile(r"[+-]?(\d+,\d*|,\d+|\d{1,3}(\.\d{3})+,\d*|\d{1,3}(\.\d{3}){2,})"),
}
# `85.000`: a number with three decimals, or thousands.
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
_YEAR_FIRST = re.compile(r"(\d{4})(\d\d)(\d\d)")  # SAP's DATS
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})( 00:00(:00)?)?")
_ANY_ORDER = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})( 00:00(:00)?)?")


def plain_numbers(fields: Mapping[str, Values], percentages: str, ending: str, where: str) -> dict[str, Values]:
    """The fields' numbers with a decimal point and nothing else between their digits; what is no number stays as it is.

    A salary such as `85.000` or `85,000` is thousands where all other numbers of the file have the other sign before their decimals. In
    `percentages` there are no thousands, and what has a type of its own (Parquet, JSON, most cells of a workbook) has a point. Raises
    BrokenFile where nothing, or one number against another, tells what a salary is.
    """
    decimals: set[str] = set()
    thousands: set[str] = set()
    for field, values in fields.items():
        for number in {_ungrouped(value) for value in values if value}:
            if field != percentages and _is_doubtful(number, ending):
                thousands.add("," if "," in number else ".")
            else:
                decimals |= _signs(number)
    if thousands and (len(thousands) == 2 or decimals != {".", ","} - thousands):
        raise BrokenFile(
            "The salaries of a people file can be read in two ways.",
            where=where,
            found="a point or a comma before exactly three digits: decimals, or thousands",
            expected="salaries with a decimal point and no sign between thousands, or with two decimals everywhere",
            todo="Export the salaries again with two decimals, or without signs between thousands.",
        )
    return {field: [_plain(value, field != percentages, ending) for value in values] for field, values in fields.items()}


def iso_dates(fields: Mapping[str, Values], where: str) -> dict[str, Values]:
    """The fields' dates as ISO text where they are written `31.05.2026`, `20260531`, `31/05/2026` or `05/31/2026`; all else stays.

    With slashes or dashes the order of day and month is what the file's dates with a day above 12 tell. Raises BrokenFile where they tell
    nothing, or both.
    """
    pairs = {(int(match[1]), int(match[2])) for values in fields.values() for match in _matches(_ANY_ORDER, values)}
    is_day_first, is_month_first = any(first > 12 for first, _ in pairs), any(second > 12 for _, second in pairs)
    if is_day_first == is_month_first and any(first != second for first, second in pairs):
        raise BrokenFile(
            "The dates of a people file can be read in two ways.",
            where=where,
            found="dates such as DD/MM/YYYY and such as MM/DD/YYYY" if is_day_first else "dates whose day and month may be either",
            expected="YYYY-MM-DD, DD.MM.YYYY or YYYYMMDD",
            todo="Export the dates again in one of these formats.",
        )
    return {field: [_iso(value, is_day_first) for value in values] for field, values in fields.items()}


def _matches(form: re.Pattern[str], values: Iterable[str | None]) -> Iterable[re.Match[str]]:
    return filter(None, (form.fullmatch(value) for value in values if value))


def _ungrouped(value: str) -> str:
    return _GROUPED.sub("", value.removesuffix("%").rstrip())


def _signs(number: str) -> set[str]:
    """What stands before the decimals of a number that leaves no doubt: nothing, a point or a comma."""
    return {sign for sign, form in _DECIMALS.items() if form.fullmatch(number)}


def _is_doubtful(number: str, ending: str) -> bool:
    if not _EITHER.fullmatch(number):
        return False
    # a workbook's own numbers have no zeros at their end, so that such a one is text
    return "," in number or ending.startswith(".csv") or (ending == ".xlsx" and number.endswith("0"))


def _plain(value: str | None, is_salary: bool, ending: str) -> str | None:
    if value is None or (is_salary and value.endswith("%")):
        return value
    number = _ungrouped(value)
    if _PLAIN.fullmatch(number):
        return number
    if is_salary and _is_doubtful(number, ending):
        return number.replace(",", "").replace(".", "")
    signs = _signs(number)
    return number.replace("," if "." in signs else ".", "").replace(",", ".") if signs else value


def _iso(value: str | None, is_day_first: bool) -> str | None:
    if value is None:
        return None
    if match := _YEAR_FIRST.fullmatch(value):
        return f"{match[1]}-{match[2]}-{match[3]}"
    if match := _DAY_FIRST.fullmatch(value):
        return f"{match[3]}-{int(match[2]):02}-{int(match[1]):02}"
    if match := _ANY_ORDER.fullmatch(value):
        day, month = (match[1], match[2]) if is_day_first else (match[2], match[1])
        return f"{match[3]}-{int(month):02}-{int(day):02}"
    return value

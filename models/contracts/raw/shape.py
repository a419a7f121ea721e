"""What a delivered column is: its name at the provider, the type it must be readable as, whether it must be there.

Not here: which columns a kind delivers (the modules beside this one) and how a value is read (`pipelines.landing_view`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RawType = Literal["text", "money", "quantity", "count", "timestamp", "date", "month", "json", "tags", "user_tags", "decimal", "sum"]
"""`tags` is a JSON object, whether it was one, a MAP or a list of {key, value}; `user_tags` takes AWS's `user_` and `user:` off the keys.
`decimal` is not rounded yet (24 decimals), for numbers that are added up before they are money; `sum` is that of the `amount`s in a list.
"""


@dataclass(frozen=True)
class RawColumn:
    """One column of a source kind. `also` lists other names for it, tried in order where `name` is absent.

    Upper and lower case are alike. A name with dots is a field of a nested column, or the flat column that a query made of it
    (`invoice.month`, `invoice_month`).
    """

    name: str
    type: RawType = "text"
    required: bool = False
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawShape:
    """What one kind of file holds, and the feed that its rows become."""

    name: str
    feed: str
    columns: tuple[RawColumn, ...]

    def column(self, name: str) -> RawColumn:
        return next(column for column in self.columns if column.name == name)


def shape(name: str, feed: str, *columns: RawColumn) -> RawShape:
    """A shape from its columns."""
    return RawShape(name, feed, columns)

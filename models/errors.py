"""Every way in which Crossover refuses something, one class per situation.

Each error says what is wrong, where, what was found, what was expected and what to do next. Nothing here prints or exits: the
command line turns `exit_code` into the process's own.
"""

from __future__ import annotations


class CrossoverError(Exception):
    """A refusal that a person can act on. `what` is a sentence; the other parts are optional and printed under it."""

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        found: str | None = None,
        expected: str | None = None,
        todo: str | None = None,
    ) -> None:
        self.what, self.where, self.found, self.expected, self.todo = what, where, found, expected, todo
        parts = [("where", where), ("found", found), ("expected", expected), ("do", todo)]
        super().__init__("\n".join([what, *(f"  {name + ':':<9} {text}" for name, text in parts if text)]))

    @property
    def one_line(self) -> str:
        """The same in one line, for tables and logs."""
        parts = [self.where and f"in {self.where}", self.found and f"found {self.found}", self.expected and f"expected {self.expected}", self.todo]
        return "; ".join([self.what.removesuffix("."), *(part for part in parts if part)])


class ConfigError(CrossoverError):
    """The configuration or the command's own arguments are wrong. Nothing was read or written."""

    exit_code = 2


class BrokenFile(CrossoverError):
    """A file can't be used as a whole (missing column, wrong type, truncated, not what its ending says). The last good version stays."""

    exit_code = 3


class SourceUnreachable(CrossoverError):
    """A source offers nothing (no such folder, no permission). Its last good version stays."""

    exit_code = 3


class AuditFailed(CrossoverError):
    """A blocking check found rows. Nothing was published; the old file stays."""


class WriterBusy(CrossoverError):
    """Another run holds the warehouse's lock."""

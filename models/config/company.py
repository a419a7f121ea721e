"""The whole configuration as one value. How it is read and refused stands in load.py."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import Field

from models.config.assumptions import Assumptions
from models.config.sources import Source
from models.config.workloads import Pool, Rule, Workload
from models.fields import Count, CurrencyCode, Frozen, Number, Percent, PositiveCount, Text


class Paths(Frozen):
    """Where things are kept: `state` is private, `finance` is the file that finance opens, `reports` a folder. Absolute once loaded."""

    state: Path = Path("var")
    finance: Path = Path("out/finance.duckdb")
    reports: Path = Path("out/reports")


class Privacy(Frozen):
    """How many people a published rate must stand for at least."""

    min_people: PositiveCount = 5


class Retention(Frozen):
    """How many superseded versions of a source's period are kept."""

    superseded_versions: Count = 2


class Settings(Frozen):
    """What a user can write in crossover.yaml, its lists read in."""

    company: Text
    currency: CurrencyCode
    fiscal_year_starts: Annotated[int, Number, Field(ge=1, le=12)] = 1
    paths: Paths = Paths()
    privacy: Privacy = Privacy()
    retention: Retention = Retention()
    max_quarantined_pct: Percent = Decimal(1)
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    workloads: tuple[Workload, ...] = ()
    pools: tuple[Pool, ...] = ()
    rules: tuple[Rule, ...] = ()
    assumptions: Assumptions = Assumptions()


class Company(Settings):
    """A valid configuration, and where it came from. `root` is the folder that relative paths resolve against.

    `sha256` is the digest of everything that is configured, included files and shipped defaults with it, secrets without; two spellings of
    one configuration (comments, order of keys, one file or four) have the same.
    """

    file: Path
    root: Path
    sha256: str

    @property
    def workload_ids(self) -> dict[str, str]:
        """Every name that a row may call a workload by, current or former, and the workload's id."""
        return {name: workload.id for workload in self.workloads for name in (workload.id, *workload.aliases)}

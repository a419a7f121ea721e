"""A source as connectors see it, and a landing place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from connectors.files.folder import Folder
from connectors.landing import LandedFile, land_file

KEY = b"k" * 32


@dataclass(frozen=True)
class Source:
    path: str
    kind: str = "request_log"
    id: str = "log"
    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, object] = field(default_factory=dict)
    model_map: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def source() -> type[Source]:
    return Source


@pytest.fixture
def land_bytes(tmp_path: Path) -> Callable[..., LandedFile]:
    """Write a source's only file and land it into tmp_path/landing and tmp_path/staged."""

    def land_one(name: str, data: bytes | str, **given: object) -> LandedFile:
        (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        from_file = Source(name, **given)  # type: ignore[arg-type]
        store = Folder(from_file, tmp_path)
        (offered,) = store.list().offered
        return land_file(store, from_file, offered, tmp_path / "landing", tmp_path / "staged", KEY)

    return land_one

"""The small company after a first good run, in the same folder for every test, so that no path in its state changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small_company import Place, write_company


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The company's folder and a copy of it as the first good run left it."""
    folder, copy = tmp_path_factory.mktemp("company") / "small", tmp_path_factory.mktemp("snapshot") / "small"
    write_company(folder)
    outcome = Place(folder).run()
    assert outcome.code == 0, outcome
    shutil.copytree(folder, copy)
    return folder, copy


@pytest.fixture
def published(snapshot: tuple[Path, Path]) -> Place:
    """The company after one good run; whatever the test before did to it is undone."""
    folder, copy = snapshot
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)
    return Place(folder)


@pytest.fixture
def unread(tmp_path: Path) -> Place:
    """The company's files and configuration before any run."""
    write_company(tmp_path)
    return Place(tmp_path)

"""The connectors on real exports, where these are at hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet
import pytest

SHARED = Path(__file__).resolve().parents[2] / "../shared"


@pytest.mark.skipif(not SHARED.exists(), reason="the real exports are not at hand")
@pytest.mark.parametrize("name", ["data/focus/focus_sample.csv", "data/usage/AzureLLMInferenceTrace_conv.csv", "cases/books/api-usage.csv"])
def test_a_real_csv_keeps_every_value(land_bytes, name):
    data = (SHARED / name).read_bytes()
    file = land_bytes("real.csv", data)
    header, *rows = csv.reader(data.decode("utf-8-sig").splitlines(keepends=True))
    assert file.columns == tuple(header)
    landed = pyarrow.parquet.read_table(file.columnar)
    assert [[value or "" for value in row.values()] for row in landed.to_pylist()] == rows

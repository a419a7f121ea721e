"""The connector is tried on the same answers as the SQL after it: their folder goes on the import path."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "sql"))

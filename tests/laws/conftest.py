"""The laws are tried on the same tiny company as the SQL tests: its folder goes on the import path."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "sql"))

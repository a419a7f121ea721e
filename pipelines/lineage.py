"""Column lineage of the SQL models for the UI, traced once per version of the models and kept beside the warehouse."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import duckdb

from pipelines import sql_models

Lineage = dict[str, dict[str, list[tuple[str, str]]]]


def column_lineage(con: duckdb.DuckDBPyConnection, state: Path) -> Lineage:
    """Per allocation and mart model, per column, the (table, column) pairs it is made of. Tracing takes seconds, so it is kept."""
    models = sql_models.stage("allocation", "marts")
    rows = con.execute(
        "SELECT schema_name || '.' || table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() WHERE NOT internal GROUP BY ALL"
    ).fetchall()
    schema = {str(name): list(columns) for name, columns in rows}
    used = {name: schema.get(name, []) for model in models for name in model.dependencies}
    digest = hashlib.sha256(json.dumps([[model.name, model.sha256] for model in models] + [sorted(used.items())]).encode()).hexdigest()
    kept = state / "lineage.json"
    if kept.exists():
        stored = json.loads(kept.read_text(encoding="utf-8"))
        if stored.get("digest") == digest:
            return {model: {c: [(t, n) for t, n in pairs] for c, pairs in columns.items()} for model, columns in stored["models"].items()}
    traced = {model.name: sql_models.lineage(model, {name: used[name] for name in model.dependencies}) for model in models}
    building = kept.with_name("lineage.json.building")
    building.write_text(json.dumps({"digest": digest, "models": traced}), encoding="utf-8")
    building.replace(kept)
    return traced

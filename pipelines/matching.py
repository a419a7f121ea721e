"""Which keys of a delivery may pay for a pool: their charges keep the hour, because served cost goes by the hour.

The conditions are evaluated by the SQL of the allocation itself (`key_value.sql`, `key_entry.sql`), so there is one way to match.
"""

from __future__ import annotations

import duckdb

from pipelines import sql_models


def hourly_keys(con: duckdb.DuckDBPyConnection) -> None:
    """Fill `config.hourly_key` with the billing keys that name a pool or match one, on any date."""
    for name in ("allocation.key_value", "allocation.telemetry_value", "allocation.key_entry"):
        sql_models.build(con, sql_models.models()[name])
    con.execute(
        "INSERT INTO config.hourly_key SELECT DISTINCT key_id FROM ("
        "SELECT key_id FROM allocation.key_entry WHERE feed = 'billing' AND owner_kind = 'pool' "
        "UNION SELECT key_id FROM facts.billing_key WHERE pool IS NOT NULL)"
    )

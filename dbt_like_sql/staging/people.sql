-- One row per (row of a landed people file). Maps allocations onto the people_allocation feed; persons are keyed hashes already.
SELECT
    p.row_number,
    p.unreadable,
    p.person_key,
    p.role,
    CASE WHEN p.target = 'platform' THEN 'platform' WHEN p.target LIKE 'workload:%' THEN 'workload' WHEN p.target LIKE 'pool:%' THEN 'pool' END AS target_kind,
    CASE WHEN p.target LIKE 'workload:%' THEN substr(p.target, 10) WHEN p.target LIKE 'pool:%' THEN substr(p.target, 6) END AS target_id,
    coalesce(p.activity, 'operations') AS activity,
    p."start" AS start_date,
    p."end" AS end_date,
    p.allocation_pct,
    p.annual_base,
    p.annual_loaded,
    p.currency
FROM landing.people AS p

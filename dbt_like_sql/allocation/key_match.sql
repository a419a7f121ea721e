-- One row per (feed, key, day). Who a row belongs to on a charge day: rule, else the workload or pool it names, else pools, else workloads.
WITH key_day AS (
    SELECT DISTINCT 'billing' AS feed, l.key_id, CAST(s.day AS DATE) AS usage_date
    FROM facts.billing_line AS l, generate_series(l.charge_date, l.charge_date + (l.charge_days - 1), INTERVAL 1 DAY) AS s (day)
    UNION
    SELECT DISTINCT 'usage' AS feed, u.key_id, CAST(u.usage_hour AS DATE) AS usage_date FROM facts.usage_hourly AS u
),

named AS (
    SELECT 'billing' AS feed, k.key_id, k.workload, k.pool, CAST(NULL AS VARCHAR) AS environment FROM facts.billing_key AS k
    UNION ALL
    SELECT 'usage' AS feed, k.key_id, k.workload, k.pool, k.environment FROM facts.usage_key AS k
),

-- the first match of each kind on each day, and how many owners would have matched
choice AS (
    SELECT
        d.feed,
        d.key_id,
        d.usage_date,
        arg_min(e.owner_id, e.entry_rank) FILTER (WHERE e.owner_kind = 'rule') AS rule_id,
        arg_min(e.owner_id, e.entry_rank) FILTER (WHERE e.owner_kind = 'pool') AS pool_id,
        arg_min(e.entry_number, e.entry_rank) FILTER (WHERE e.owner_kind = 'pool') AS pool_entry,
        arg_min(e.owner_id, e.entry_rank) FILTER (WHERE e.owner_kind = 'workload') AS workload_id,
        arg_min(e.entry_number, e.entry_rank) FILTER (WHERE e.owner_kind = 'workload') AS workload_entry,
        arg_min(coalesce(e.environment, ''), e.entry_rank) FILTER (WHERE e.owner_kind = 'workload') AS workload_environment,
        arg_min(coalesce(e.environment, ''), e.entry_rank) FILTER (WHERE e.owner_kind = 'pool') AS pool_environment,
        count(DISTINCT e.owner_id) FILTER (WHERE e.owner_kind = 'pool') AS pools_matching,
        count(DISTINCT e.owner_id) FILTER (WHERE e.owner_kind = 'workload') AS workloads_matching
    FROM key_day AS d
    LEFT JOIN allocation.key_entry AS e
        ON d.feed = e.feed AND d.key_id = e.key_id AND e.owner_kind <> 'category'
        AND (e.valid_from IS NULL OR e.valid_from <= d.usage_date) AND (e.valid_to IS NULL OR e.valid_to >= d.usage_date)
    GROUP BY d.feed, d.key_id, d.usage_date
)

SELECT
    c.feed,
    c.key_id,
    c.usage_date,
    c.rule_id,
    -- A bill line pays for a pool or belongs to a workload; a usage row has a workload and, where it is self-hosted, a pool.
    CASE
        WHEN c.feed = 'billing' AND c.rule_id IS NOT NULL THEN NULL
        WHEN p.pool_id IS NOT NULL THEN p.pool_id
        WHEN c.feed = 'billing' AND w.workload_id IS NOT NULL THEN NULL
        ELSE c.pool_id
    END AS pool_id,
    CASE WHEN c.rule_id IS NOT NULL THEN NULL ELSE coalesce(w.workload_id, c.workload_id) END AS workload_id,
    CASE
        WHEN c.rule_id IS NOT NULL THEN 'rule:' || c.rule_id
        WHEN w.workload_id IS NOT NULL OR (c.feed = 'billing' AND p.pool_id IS NOT NULL) THEN 'row'
        WHEN c.feed = 'billing' AND c.pool_id IS NOT NULL THEN 'pool:' || c.pool_id || '#' || c.pool_entry
        WHEN c.workload_id IS NOT NULL THEN 'workload:' || c.workload_id || '#' || c.workload_entry
        ELSE 'none'
    END AS match_id,
    coalesce(
        n.environment,
        CASE
            WHEN c.feed = 'billing' AND c.rule_id IS NULL AND w.workload_id IS NULL AND c.pool_id IS NOT NULL THEN nullif(c.pool_environment, '')
            ELSE nullif(c.workload_environment, '')
        END,
        'prod'
    ) AS environment,
    c.rule_id IS NULL AND (
        (p.pool_id IS NULL AND c.pools_matching > 1) OR (w.workload_id IS NULL AND c.workloads_matching > 1)
    ) AS is_ambiguous,
    n.workload IS NOT NULL AND w.workload_id IS NULL AND c.rule_id IS NULL AND c.workload_id IS NULL
    AND NOT (c.feed = 'billing' AND coalesce(p.pool_id, c.pool_id) IS NOT NULL) AS names_unknown_workload,
    n.pool IS NOT NULL AND p.pool_id IS NULL AND c.rule_id IS NULL AS names_unknown_pool
FROM choice AS c
INNER JOIN named AS n ON c.feed = n.feed AND c.key_id = n.key_id
LEFT JOIN config.workload_name AS w ON n.workload = w.workload_name
LEFT JOIN config.pool AS p ON n.pool = p.pool_id

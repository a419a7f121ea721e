-- One row per (check, subject, severity, message): what a reader of the numbers should know.
WITH day_match AS (
    SELECT m.feed, m.key_id, m.usage_date, m.is_ambiguous, m.names_unknown_workload, m.names_unknown_pool
    FROM allocation.key_match AS m
),

bill_match AS (
    SELECT l.source_id, sum(l.row_count) AS rows, sum(l.effective_cost) AS amount, m.is_ambiguous, m.names_unknown_workload, m.names_unknown_pool
    FROM allocation.bill_line AS l
    INNER JOIN day_match AS m ON m.feed = 'billing' AND l.key_id = m.key_id AND l.charge_date = m.usage_date
    GROUP BY ALL
),

usage_match AS (
    SELECT k.source_id, sum(u.row_count) AS rows, CAST(NULL AS DECIMAL(38, 12)) AS amount, m.is_ambiguous, m.names_unknown_workload, m.names_unknown_pool
    FROM facts.usage_hourly AS u
    INNER JOIN facts.usage_key AS k ON u.key_id = k.key_id
    INNER JOIN day_match AS m ON m.feed = 'usage' AND u.key_id = m.key_id AND CAST(u.usage_hour AS DATE) = m.usage_date
    GROUP BY ALL
),

matched AS (
    SELECT * FROM bill_match UNION ALL SELECT * FROM usage_match
),

data_day AS (
    SELECT l.source_id, l.charge_date AS day, sum(l.row_count) AS rows, max(l.charge_date + (l.charge_days - 1)) AS last_day
    FROM facts.billing_line AS l
    GROUP BY l.source_id, l.charge_date
    UNION ALL
    SELECT k.source_id, CAST(u.usage_hour AS DATE) AS day, sum(u.row_count) AS rows, CAST(max(u.usage_hour) AS DATE) AS last_day
    FROM facts.usage_hourly AS u
    INNER JOIN facts.usage_key AS k ON u.key_id = k.key_id
    GROUP BY k.source_id, CAST(u.usage_hour AS DATE)
),

-- a day and the newest one of all sources before it
day_before AS (
    SELECT d.day, max(max(d.last_day)) OVER (ORDER BY d.day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newest_before
    FROM data_day AS d
    GROUP BY d.day
),

finding AS (
    SELECT f.check_name, f.source_id AS subject, f.severity, f.row_count AS rows, f.amount, f.message FROM ledger.finding AS f
    UNION ALL
    SELECT
        CASE WHEN r.delivery = '*' THEN 'source_unreachable' ELSE 'file_refused' END, r.source_id, 'error', 1, NULL,
        r.message || CASE WHEN r.has_good_version THEN '; the last good version stays in use' ELSE '; there is no earlier version' END
    FROM ledger.refusal AS r
    UNION ALL
    -- facts mirror what a source offers, so a file that is gone has taken its rows along
    SELECT
        'file_withdrawn', d.source_id, 'warning', max(d.row_count), NULL,
        d.delivery || ' is no longer offered by the source: its rows left the books; bring it back if it was not meant to go'
    FROM ledger.delivery AS d
    GROUP BY d.source_id, d.delivery
    HAVING bool_and(d.superseded_at IS NOT NULL)
    UNION ALL
    SELECT 'ambiguous_match', m.source_id, 'warning', sum(m.rows), sum(m.amount), 'rows match more than one pool or workload; the first in file order was taken'
    FROM matched AS m WHERE m.is_ambiguous GROUP BY m.source_id
    UNION ALL
    SELECT 'unknown_workload', m.source_id, 'warning', sum(m.rows), sum(m.amount), 'rows name a workload that is neither an id nor an alias, and nothing else matches them'
    FROM matched AS m WHERE m.names_unknown_workload GROUP BY m.source_id
    UNION ALL
    SELECT 'unknown_pool', m.source_id, 'warning', sum(m.rows), sum(m.amount), 'rows name a pool that is not configured'
    FROM matched AS m WHERE m.names_unknown_pool GROUP BY m.source_id
    UNION ALL
    SELECT
        'unclassified_lines', l.source_id, 'info', sum(l.row_count), sum(l.effective_cost),
        'bill lines that no category rule knows are other_cloud: add an entry to assumptions.categories'
    FROM allocation.bill_line AS l
    INNER JOIN allocation.key_category AS c ON l.key_id = c.key_id
    INNER JOIN allocation.key_match AS m ON m.feed = 'billing' AND l.key_id = m.key_id AND l.charge_date = m.usage_date
    WHERE c.is_unclassified AND m.pool_id IS NULL AND m.rule_id IS NULL
    GROUP BY l.source_id
    UNION ALL
    SELECT
        'unknown_price', u.source_id, 'warning', count(*), NULL,
        'no price for ' || coalesce(u.provider, '(no provider)') || ' ' || coalesce(u.model, '(no model)') || coalesce(' ' || u.service_tier, '')
        || ': its cost is unknown, not zero; add it to assumptions.prices'
    FROM allocation.usage_matched AS u
    WHERE u.side = 'api' AND u.priced_cost IS NULL
    GROUP BY u.source_id, u.provider, u.model, u.service_tier
    UNION ALL
    SELECT f.check_name, f.subject, f.severity, f.rows, NULL, f.message FROM config.price_finding AS f
    UNION ALL
    SELECT f.check_name, f.subject, f.severity, f.rows, NULL, f.message FROM allocation.telemetry_finding AS f
    UNION ALL
    SELECT f.check_name, f.subject, f.severity, f.rows, NULL, f.message FROM allocation.rate_finding AS f
    UNION ALL
    SELECT
        'unexplained_bill', l.source_id, 'warning', sum(l.row_count), sum(l.effective_cost),
        'lines of a bill that pays for usage, without any priced usage on their days: they stay with their own match'
    FROM allocation.bill_line AS l
    INNER JOIN allocation.bill_scope AS b ON l.key_id = b.key_id
    INNER JOIN allocation.key_match AS m ON m.feed = 'billing' AND l.key_id = m.key_id AND l.charge_date = m.usage_date
    WHERE m.rule_id IS NULL AND m.pool_id IS NULL AND l.line_id NOT IN (SELECT u.line_id FROM allocation.line_usage AS u)
    GROUP BY l.source_id
    UNION ALL
    SELECT
        'billed_differs_from_priced', b.source_id, 'warning', 1, b.billed_cost - b.priced_cost,
        strftime(b.month, '%Y-%m') || ': billed ' || CAST(CAST(b.billed_cost AS DECIMAL(38, 2)) AS VARCHAR) || ' ' || p.reporting_currency
        || ' for usage that costs ' || CAST(CAST(b.priced_cost AS DECIMAL(38, 2)) AS VARCHAR) || ' ' || p.reporting_currency || ' at its prices ('
        || printf('%+.1f %%', (CAST(b.billed_cost AS DOUBLE) - CAST(b.priced_cost AS DOUBLE)) * 100 / CAST(b.priced_cost AS DOUBLE))
        || '): the bill is the cost; look at discounts, at assumptions.prices and at usage that is missing'
    FROM allocation.billed_against_priced AS b
    CROSS JOIN config.parameters AS p
    -- above 2 % either way
    WHERE b.priced_cost > 0 AND abs(b.billed_cost - b.priced_cost) * 50 > b.priced_cost
    UNION ALL
    SELECT
        'work_above_capacity', h.pool_id, 'warning', count(*), NULL,
        'hours in which the pool did more work than its profile allows: its throughput is set too low, or replicas are missing'
    FROM allocation.pool_hour AS h
    WHERE h.replica_seconds > h.replicas * 3600 AND h.replicas > 0
    GROUP BY h.pool_id
    UNION ALL
    SELECT
        'two_rates_on_a_day', x.source_id, 'warning', count(*), NULL,
        'two rates from ' || x.base || ' to ' || x.quote || ' on ' || strftime(x.rate_date, '%Y-%m-%d') || ': the lower one is taken'
    FROM facts.fx_rate AS x
    GROUP BY x.source_id, x.base, x.quote, x.rate_date
    HAVING count(DISTINCT x.rate) > 1
    UNION ALL
    SELECT
        'invoice_differs', i.issuer, 'warning', 1, i.difference,
        'the bill of ' || strftime(i.period, '%Y-%m') || coalesce(' (invoice ' || i.invoice_id || ')', '') || ' is not what the ledger says'
    FROM marts.invoice_reconciliation AS i
    WHERE i.status IN ('differs', 'no_bill')
    UNION ALL
    -- decisions look at the last quarter up to as-of: one mistyped year there, and nobody has used anything
    SELECT
        'days_apart', d.source_id, 'warning', sum(d.rows), NULL,
        'days from ' || strftime(g.day, '%Y-%m-%d') || ' on come ' || CAST(g.day - g.newest_before AS VARCHAR)
        || ' days after all other data: if a date is mistyped, correct it, else decide with an earlier --as-of'
    FROM day_before AS g
    CROSS JOIN config.parameters AS p
    INNER JOIN data_day AS d ON g.day <= d.day
    WHERE g.day - g.newest_before > 31 AND g.day <= p.as_of AND p.as_of - g.day < 100
    GROUP BY d.source_id, g.day, g.newest_before
    UNION ALL
    SELECT
        'as_of_after_data', 'as-of', 'warning', 1, NULL,
        'as-of is ' || CAST(p.as_of - max(d.last_day) AS VARCHAR) || ' days after the newest data (' || strftime(max(d.last_day), '%Y-%m-%d')
        || '): the time between counts as time without usage'
    FROM data_day AS d
    CROSS JOIN config.parameters AS p
    GROUP BY p.as_of
    HAVING p.as_of - max(d.last_day) > 31
    UNION ALL
    SELECT
        'no_exchange_rate', h.source_id, 'error', count(*), NULL, 'no exchange rate from ' || h.currency || ': these days of owned hardware have no cost'
    FROM allocation.owned_hardware_day AS h
    WHERE h.effective_cost IS NULL
    GROUP BY h.source_id, h.currency
)

SELECT r.run_id, f.check_name, f.subject, f.severity, CAST(sum(f.rows) AS BIGINT) AS rows, sum(f.amount) AS amount, f.message
FROM finding AS f
CROSS JOIN config.run AS r
GROUP BY r.run_id, f.check_name, f.subject, f.severity, f.message

-- One row per (restatement), which is one of (period, source, workload, category, run): a published cost of a billing period that a run changed, and why. Growth of a period is none.
-- The finance file that is about to be replaced says what was published. A period of a source is restated where the cost of any day up to its newest
-- published one changes; old and new are then the period's whole cost.
WITH old_day AS (
    SELECT c.source_id, c.billing_period AS period, c.usage_date, c.workload_id, c.cost_category, sum(c.effective_cost) AS effective_cost
    FROM published.cost_daily AS c
    GROUP BY c.source_id, c.billing_period, c.usage_date, c.workload_id, c.cost_category
),

new_day AS (
    SELECT c.source_id, c.billing_period AS period, c.usage_date, c.workload_id, c.cost_category, sum(c.effective_cost) AS effective_cost
    FROM marts.cost_daily AS c
    GROUP BY c.source_id, c.billing_period, c.usage_date, c.workload_id, c.cost_category
),

known AS (
    SELECT o.source_id, o.period, max(o.usage_date) AS last_date, sum(o.effective_cost) AS effective_cost FROM old_day AS o GROUP BY o.source_id, o.period
),

changed AS (
    SELECT k.source_id, k.period
    FROM known AS k
    INNER JOIN (
        SELECT
            coalesce(o.source_id, n.source_id) AS source_id, coalesce(o.period, n.period) AS period, coalesce(o.usage_date, n.usage_date) AS usage_date,
            coalesce(n.effective_cost, 0) - coalesce(o.effective_cost, 0) AS delta
        FROM old_day AS o
        FULL JOIN new_day AS n
            ON o.source_id = n.source_id AND o.period = n.period AND o.usage_date = n.usage_date AND o.workload_id = n.workload_id
            AND o.cost_category = n.cost_category
    ) AS d ON k.source_id = d.source_id AND k.period = d.period AND d.usage_date <= k.last_date
    WHERE d.delta <> 0
    GROUP BY k.source_id, k.period
),

-- deliveries that came, went or changed since
input AS (
    SELECT coalesce(o.source_id, n.source_id) AS source_id, coalesce(o.period, n.period) AS period
    FROM (SELECT i.source_id, i.period, i.delivery, i.sha256 FROM published.ingestions AS i WHERE i.superseded_at IS NULL) AS o
    FULL JOIN (SELECT i.source_id, i.period, i.delivery, i.sha256 FROM marts.ingestions AS i WHERE i.superseded_at IS NULL) AS n
        ON o.source_id = n.source_id AND o.period IS NOT DISTINCT FROM n.period AND o.delivery = n.delivery AND o.sha256 = n.sha256
    WHERE o.source_id IS NULL OR n.source_id IS NULL
    GROUP BY coalesce(o.source_id, n.source_id), coalesce(o.period, n.period)
),

price AS (
    SELECT count(*) AS changes
    FROM (
        SELECT p.provider, p.model, p.service_tier, p.price_class, p.token_kind, p.valid_from, p.value FROM published.prices AS p
        EXCEPT
        SELECT p.provider, p.model, p.service_tier, p.price_class, p.token_kind, p.valid_from, p.value FROM marts.prices AS p
    ) AS x
),

same AS (
    SELECT bool_or(o.config_sha256 <> n.config_sha256) AS is_configured_anew
    FROM published.runs AS o
    CROSS JOIN ledger.run AS n
    INNER JOIN config.run AS r ON n.run_id = r.run_id
),

foreign_money AS (
    SELECT k.source_id, f.billing_period AS period
    FROM facts.billing_line AS f
    INNER JOIN facts.billing_key AS k ON f.key_id = k.key_id
    CROSS JOIN config.parameters AS p
    WHERE k.currency <> p.reporting_currency
    GROUP BY k.source_id, f.billing_period
),

priced AS (
    SELECT c.source_id, c.billing_period AS period
    FROM marts.cost_daily AS c
    WHERE c.cost_basis IN ('priced', 'accrued') OR c.allocation_method = 'usage_share'
    GROUP BY c.source_id, c.billing_period
),

cause AS (
    SELECT
        c.source_id,
        c.period,
        s.kind,
        count(i.source_id) > 0 AS is_delivered_anew,
        CASE
            WHEN s.kind = 'people' THEN 'people'
            WHEN s.kind IS NULL THEN 'mapping'
            WHEN count(i.source_id) > 0 THEN 'source'
            WHEN count(m.source_id) > 0 AND (SELECT count(*) FROM input AS x INNER JOIN config.source AS y ON x.source_id = y.source_id AND y.kind = 'fx_rates') > 0
                THEN 'fx'
            WHEN count(p.source_id) > 0 AND (SELECT x.changes FROM price AS x) > 0 THEN 'price'
            WHEN (SELECT x.is_configured_anew FROM same AS x) THEN 'mapping'
            WHEN (SELECT count(*) FROM input AS x) > 0 THEN 'source'
            ELSE 'method'
        END AS cause
    FROM changed AS c
    LEFT JOIN config.source AS s ON c.source_id = s.source_id
    LEFT JOIN input AS i ON c.source_id = i.source_id AND (i.period IS NULL OR c.period = i.period)
    LEFT JOIN foreign_money AS m ON c.source_id = m.source_id AND c.period = m.period
    LEFT JOIN priced AS p ON c.source_id = p.source_id AND c.period = p.period
    GROUP BY c.source_id, c.period, s.kind
),

moved AS (
    SELECT
        coalesce(o.source_id, n.source_id) AS source_id, coalesce(o.period, n.period) AS period, coalesce(o.workload_id, n.workload_id) AS workload_id,
        coalesce(o.cost_category, n.cost_category) AS cost_category, coalesce(o.effective_cost, 0) AS old_cost, coalesce(n.effective_cost, 0) AS new_cost
    FROM (
        SELECT d.source_id, d.period, d.workload_id, d.cost_category, sum(d.effective_cost) AS effective_cost
        FROM old_day AS d
        GROUP BY d.source_id, d.period, d.workload_id, d.cost_category
    ) AS o
    FULL JOIN (
        SELECT d.source_id, d.period, d.workload_id, d.cost_category, sum(d.effective_cost) AS effective_cost
        FROM new_day AS d
        GROUP BY d.source_id, d.period, d.workload_id, d.cost_category
    ) AS n ON o.source_id = n.source_id AND o.period = n.period AND o.workload_id = n.workload_id AND o.cost_category = n.cost_category
),

-- shares of a month that isn't over are provisional: what only moves between workloads there is no restatement
settled AS (
    SELECT c.source_id, c.period
    FROM cause AS c
    CROSS JOIN published.runs AS r
    INNER JOIN (SELECT m.source_id, m.period, sum(m.new_cost - m.old_cost) AS delta FROM moved AS m GROUP BY m.source_id, m.period) AS t
        ON c.source_id = t.source_id AND c.period = t.period
    GROUP BY c.source_id, c.period
    HAVING bool_or(last_day(c.period) <= r.as_of) OR bool_or(c.is_delivered_anew) OR bool_or(t.delta <> 0) OR bool_or(c.cause = 'mapping')
)

SELECT
    h.restatement_number, h.period, h.source_id, h.workload_id, h.cost_category, h.cause, h.old_effective_cost, h.new_effective_cost, h.delta, h.run_id,
    h.after_close
FROM ledger.restatement AS h
UNION ALL
SELECT
    (SELECT count(*) FROM ledger.restatement AS h) + row_number() OVER (ORDER BY m.period, m.source_id, m.workload_id, m.cost_category)
        AS restatement_number,
    m.period, m.source_id, m.workload_id, m.cost_category, c.cause, m.old_cost AS old_effective_cost, m.new_cost AS new_effective_cost,
    m.new_cost - m.old_cost AS delta, r.run_id, x.month IS NOT NULL AS after_close
FROM moved AS m
INNER JOIN cause AS c ON m.source_id = c.source_id AND m.period = c.period
INNER JOIN settled AS s ON m.source_id = s.source_id AND m.period = s.period
CROSS JOIN config.run AS r
LEFT JOIN config.closed_month AS x ON m.period = x.month
WHERE m.new_cost <> m.old_cost

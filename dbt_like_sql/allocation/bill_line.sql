-- One row per (line of the facts, in the facts' own grain), numbered, with what matching and allocation need of its key.
-- A line that carries a quantity and no cost costs what a rate card says.
WITH priced AS (
    SELECT
        l.source_id, l.delivery, l.billing_period, l.charge_date, l.charge_days, l.first_hour, l.charge_hours, l.key_id, c.currency,
        round_even(l.consumed_quantity * CAST(c.unit_price AS DECIMAL(18, 12)), 12) AS source_cost,
        -- rounded in between, as more decimals than 38 digits hold would be
        round_even(CAST(round_even(l.consumed_quantity * CAST(c.unit_price AS DECIMAL(18, 12)), 12) AS DECIMAL(38, 12)) * x.rate, 12) AS cost
    FROM facts.billing_line AS l
    INNER JOIN allocation.key_rate AS c
        ON l.key_id = c.key_id AND (c.start_date IS NULL OR c.start_date <= l.charge_date) AND (c.end_date IS NULL OR l.charge_date < c.end_date)
    INNER JOIN config.price_rate AS x ON c.currency = x.currency AND l.billing_period = x.month
    WHERE l.source_billed_cost = 0 AND l.source_effective_cost = 0 AND l.consumed_quantity IS NOT NULL
)

SELECT
    row_number() OVER (
        ORDER BY l.source_id, l.delivery, l.billing_period, l.charge_date, l.charge_days, l.first_hour NULLS FIRST, l.charge_hours NULLS FIRST, l.key_id
    ) AS line_id,
    l.source_id,
    l.delivery,
    l.billing_period,
    l.charge_date,
    l.charge_days,
    l.first_hour,
    l.charge_hours,
    l.key_id,
    coalesce(p.currency, k.currency) AS currency,
    k.charge_category,
    c.cost_category,
    coalesce(lower(k.commitment_status) = 'unused', false) AS is_unused_commitment,
    p.key_id IS NOT NULL AS is_rated,
    l.row_count,
    l.first_row_number,
    l.consumed_quantity,
    l.source_billed_cost,
    CAST(coalesce(p.source_cost, l.source_effective_cost) AS DECIMAL(38, 12)) AS source_effective_cost,
    l.billed_cost,
    CAST(coalesce(p.cost, l.effective_cost) AS DECIMAL(38, 12)) AS effective_cost,
    CAST(coalesce(p.cost, l.list_cost) AS DECIMAL(38, 12)) AS list_cost
FROM facts.billing_line AS l
INNER JOIN facts.billing_key AS k ON l.key_id = k.key_id
INNER JOIN allocation.key_category AS c ON l.key_id = c.key_id
LEFT JOIN priced AS p
    ON l.source_id = p.source_id AND l.delivery = p.delivery AND l.billing_period = p.billing_period AND l.charge_date = p.charge_date
    AND l.charge_days = p.charge_days AND l.first_hour IS NOT DISTINCT FROM p.first_hour AND l.charge_hours IS NOT DISTINCT FROM p.charge_hours
    AND l.key_id = p.key_id

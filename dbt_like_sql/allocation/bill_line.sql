-- One row per (line of the facts, in the facts' own grain), numbered, with what matching and allocation need of its key.
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
    k.currency,
    k.charge_category,
    c.cost_category,
    coalesce(lower(k.commitment_status) = 'unused', false) AS is_unused_commitment,
    l.row_count,
    l.first_row_number,
    l.consumed_quantity,
    l.source_billed_cost,
    l.source_effective_cost,
    l.billed_cost,
    l.effective_cost,
    l.list_cost
FROM facts.billing_line AS l
INNER JOIN facts.billing_key AS k ON l.key_id = k.key_id
INNER JOIN allocation.key_category AS c ON l.key_id = c.key_id

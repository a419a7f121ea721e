-- Must return no rows: a month's rows of cost_monthly add up to the rounded total of cost_daily.
WITH daily AS (
    SELECT c.accounting_month AS month, sum(c.billed_cost) AS billed, sum(c.effective_cost) AS effective FROM marts.cost_daily AS c GROUP BY c.accounting_month
),

monthly AS (
    SELECT c.month, sum(c.billed_cost) AS billed, sum(c.effective_cost) AS effective FROM marts.cost_monthly AS c GROUP BY c.month
)

SELECT d.month, d.billed, m.billed AS billed_monthly, d.effective, m.effective AS effective_monthly
FROM daily AS d
FULL JOIN monthly AS m ON d.month = m.month
WHERE m.billed IS DISTINCT FROM round_even(d.billed, 2) OR m.effective IS DISTINCT FROM round_even(d.effective, 2)

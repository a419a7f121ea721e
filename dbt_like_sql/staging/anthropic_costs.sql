-- One row per (bucket and group of Anthropic's cost report). Maps it onto the billing_line feed; amounts are dollars here, cents at the API.
SELECT
    c.row_number,
    c.unreadable,
    c.amount AS billed_cost,
    c.amount AS effective_cost,
    c.list_amount AS list_cost,
    CAST(date_trunc('month', c.starting_at) AS DATE) AS billing_period,
    c.starting_at AS charge_start,
    c.ending_at AS charge_end,
    CAST(NULL AS DECIMAL(38, 12)) AS consumed_quantity,
    c.currency,
    'anthropic' AS provider,
    'anthropic' AS invoice_issuer,
    CAST(NULL AS VARCHAR) AS billing_account,
    c.workspace_id AS sub_account,
    c.cost_type AS service,
    CAST(NULL AS VARCHAR) AS service_category,
    c.inference_geo AS region,
    CAST(NULL AS VARCHAR) AS resource,
    coalesce(
        c.description, c.model || ', ' || c.token_type, c.model, CASE WHEN lower(c.cost_type) <> 'tokens' THEN c.cost_type END
    ) AS sku,
    coalesce(
        c.description, c.model || ', ' || c.token_type, c.model, CASE WHEN lower(c.cost_type) <> 'tokens' THEN c.cost_type END
    ) AS description,
    'Usage' AS charge_category,
    CAST(NULL AS VARCHAR) AS charge_class,
    'Usage-Based' AS charge_frequency,
    CAST(NULL AS VARCHAR) AS commitment_id,
    CAST(NULL AS VARCHAR) AS commitment_status,
    CAST(NULL AS VARCHAR) AS invoice_id,
    CAST(NULL AS VARCHAR) AS consumed_unit,
    CAST(NULL AS VARCHAR) AS tags,
    c.usage_scope,
    CAST(NULL AS VARCHAR) AS workload,
    CAST(NULL AS VARCHAR) AS pool
FROM landing.anthropic_costs AS c

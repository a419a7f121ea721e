-- One row per (row of Google Cloud's usage cost export). Maps the standard and the detailed export onto the billing_line feed.
-- What is billed is cost and credits together. Commitments are billed as fees and credited on what they cover, so that this is effective, too.
SELECT
    g.row_number,
    g.unreadable,
    CAST(round_even(g."cost" + coalesce(g.credits, CAST(0 AS DECIMAL(38, 24))), 12) AS DECIMAL(38, 12)) AS billed_cost,
    CAST(round_even(g."cost" + coalesce(g.credits, CAST(0 AS DECIMAL(38, 24))), 12) AS DECIMAL(38, 12)) AS effective_cost,
    g.cost_at_list AS list_cost,
    -- the month of the invoice (US Pacific), which is another than that of usage around a month's end
    g."invoice.month" AS billing_period,
    g.usage_start_time AS charge_start,
    g.usage_end_time AS charge_end,
    CASE WHEN g."usage.pricing_unit" IS NOT NULL THEN g."usage.amount_in_pricing_units" ELSE g."usage.amount" END AS consumed_quantity,
    g.currency,
    'Google Cloud' AS provider,
    'Google Cloud' AS invoice_issuer,
    g.billing_account_id AS billing_account,
    g."project.id" AS sub_account,
    g."service.description" AS service,
    CAST(NULL AS VARCHAR) AS service_category,
    coalesce(g."location.region", g."location.location") AS region,
    coalesce(g."resource.name", g."resource.global_name") AS resource,
    g."sku.id" AS sku,
    g."sku.description" AS description,
    CASE
        WHEN g.cost_type IS NULL OR lower(g.cost_type) = 'regular' THEN 'Usage'
        WHEN lower(g.cost_type) = 'tax' THEN 'Tax'
        WHEN lower(g.cost_type) IN ('adjustment', 'rounding_error', 'rounding error') THEN 'Adjustment'
        ELSE g.cost_type
    END AS charge_category,
    CASE WHEN g."adjustment_info.id" IS NOT NULL THEN 'Correction' END AS charge_class,
    CAST(NULL AS VARCHAR) AS charge_frequency,
    g."subscription.instance_id" AS commitment_id,
    CAST(NULL AS VARCHAR) AS commitment_status,
    CAST(NULL AS VARCHAR) AS invoice_id,
    -- a GPU is priced by the hour in a SKU of its own, beside those of the cores and the memory around it
    CASE
        WHEN lower(g."sku.description") LIKE '%gpu%' AND g."usage.pricing_unit" = 'hour' THEN 'GPU-Hours'
        ELSE coalesce(g."usage.pricing_unit", g."usage.unit")
    END AS consumed_unit,
    g.labels AS tags,
    CAST(NULL AS VARCHAR) AS usage_scope,
    CAST(NULL AS VARCHAR) AS workload,
    CAST(NULL AS VARCHAR) AS pool
FROM landing.gcp_billing AS g

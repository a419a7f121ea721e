-- One row per (row of a delivered FOCUS file). Maps FOCUS 1.0 to 1.4 onto the billing_line feed.
SELECT
    f.row_number,
    f.unreadable,
    -- where rate cards price quantities, a line without a cost has none of its own
    coalesce(f."BilledCost", d.cost_where_none) AS billed_cost,
    coalesce(f."EffectiveCost", d.cost_where_none) AS effective_cost,
    f."ListCost" AS list_cost,
    CAST(date_trunc('month', f."BillingPeriodStart") AS DATE) AS billing_period,
    f."ChargePeriodStart" AS charge_start,
    f."ChargePeriodEnd" AS charge_end,
    f."ConsumedQuantity" AS consumed_quantity,
    f."BillingCurrency" AS currency,
    f."ProviderName" AS provider,
    coalesce(f."InvoiceIssuerName", f."ProviderName") AS invoice_issuer,
    f."BillingAccountId" AS billing_account,
    f."SubAccountId" AS sub_account,
    f."ServiceName" AS service,
    f."ServiceCategory" AS service_category,
    f."RegionId" AS region,
    f."ResourceId" AS resource,
    f."SkuId" AS sku,
    f."ChargeDescription" AS description,
    -- Google's view spells them in lower case
    CASE lower(f."ChargeCategory")
        WHEN 'usage' THEN 'Usage'
        WHEN 'purchase' THEN 'Purchase'
        WHEN 'tax' THEN 'Tax'
        WHEN 'credit' THEN 'Credit'
        WHEN 'adjustment' THEN 'Adjustment'
        ELSE f."ChargeCategory"
    END AS charge_category,
    CASE WHEN lower(f."ChargeClass") = 'correction' THEN 'Correction' ELSE f."ChargeClass" END AS charge_class,
    -- "Usage-based" and "Usage-Based" are both met
    CASE WHEN lower(f."ChargeFrequency") = 'usage-based' THEN 'Usage-Based' ELSE f."ChargeFrequency" END AS charge_frequency,
    f."CommitmentDiscountId" AS commitment_id,
    f."CommitmentDiscountStatus" AS commitment_status,
    f."InvoiceId" AS invoice_id,
    f."ConsumedUnit" AS consumed_unit,
    f."Tags" AS tags,
    f."SkuPriceDetails" AS usage_scope,
    CAST(NULL AS VARCHAR) AS workload,
    CAST(NULL AS VARCHAR) AS pool
FROM landing.focus AS f
CROSS JOIN config.delivery AS d

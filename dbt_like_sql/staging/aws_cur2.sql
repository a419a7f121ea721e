-- One row per (line of an AWS Cost and Usage Report 2.0). Maps CUR 2.0 onto the billing_line feed.
-- Billed is what the invoice says; effective spreads commitments over what they cover, so that a fee's row keeps only what nothing used.
-- A prepaid Capacity Block is no commitment discount: its fee is the cost of its own hours.
SELECT
    c.row_number,
    c.unreadable,
    coalesce(c.line_item_net_unblended_cost, c.line_item_unblended_cost) AS billed_cost,
    CASE
        WHEN c.line_item_line_item_type = 'SavingsPlanCoveredUsage'
            THEN coalesce(c.savings_plan_net_savings_plan_effective_cost, c.savings_plan_savings_plan_effective_cost)
        WHEN c.line_item_line_item_type = 'SavingsPlanRecurringFee'
            THEN CAST(round_even(c.savings_plan_total_commitment_to_date - c.savings_plan_used_commitment, 12) AS DECIMAL(38, 12))
        WHEN c.line_item_line_item_type IN ('SavingsPlanNegation', 'SavingsPlanUpfrontFee') THEN CAST(0 AS DECIMAL(38, 12))
        WHEN c.line_item_line_item_type = 'DiscountedUsage' THEN coalesce(c.reservation_net_effective_cost, c.reservation_effective_cost)
        -- a reservation has an upfront fee, a recurring one or both: where neither is given, what it left unused is unknown
        WHEN c.line_item_line_item_type = 'RIFee' THEN CAST(round_even(
            coalesce(
                c.reservation_net_unused_amortized_upfront_fee_for_billing_period, c.reservation_unused_amortized_upfront_fee_for_billing_period,
                CASE WHEN coalesce(c.reservation_net_unused_recurring_fee, c.reservation_unused_recurring_fee) IS NOT NULL
                    THEN CAST(0 AS DECIMAL(38, 24)) END
            )
            + coalesce(c.reservation_net_unused_recurring_fee, c.reservation_unused_recurring_fee, CAST(0 AS DECIMAL(38, 24))), 12
        ) AS DECIMAL(38, 12))
        WHEN c.line_item_line_item_type = 'Fee' AND c.line_item_usage_type LIKE '%CapacityBlock%'
            THEN coalesce(c.line_item_net_unblended_cost, c.line_item_unblended_cost)
        WHEN c.line_item_line_item_type = 'Fee' AND c.reservation_reservation_a_r_n IS NOT NULL THEN CAST(0 AS DECIMAL(38, 12))
        ELSE coalesce(c.line_item_net_unblended_cost, c.line_item_unblended_cost)
    END AS effective_cost,
    c.pricing_public_on_demand_cost AS list_cost,
    CAST(date_trunc('month', c.bill_billing_period_start_date) AS DATE) AS billing_period,
    CASE
        WHEN c.line_item_line_item_type = 'Fee' AND c.line_item_usage_type LIKE '%CapacityBlock%'
            THEN coalesce(c.reservation_start_time, c.line_item_usage_start_date)
        ELSE c.line_item_usage_start_date
    END AS charge_start,
    -- fees, taxes and credits may be dated by an instant
    CASE
        WHEN c.line_item_line_item_type = 'Fee' AND c.line_item_usage_type LIKE '%CapacityBlock%' AND c.reservation_end_time IS NOT NULL
            THEN c.reservation_end_time
        WHEN c.line_item_line_item_type IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage') THEN c.line_item_usage_end_date
        WHEN c.line_item_usage_end_date > c.line_item_usage_start_date THEN c.line_item_usage_end_date
        ELSE c.bill_billing_period_end_date
    END AS charge_end,
    c.line_item_usage_amount AS consumed_quantity,
    -- the column can be left out of an export; AWS bills in US dollars by default
    coalesce(c.line_item_currency_code, 'USD') AS currency,
    'AWS' AS provider,
    coalesce(c.bill_invoicing_entity, c.line_item_legal_entity, 'AWS') AS invoice_issuer,
    c.bill_payer_account_id AS billing_account,
    c.line_item_usage_account_id AS sub_account,
    -- products of the marketplace have opaque codes
    CASE
        WHEN c.bill_billing_entity = 'AWS Marketplace' THEN coalesce(c."product.product_name", c.product_servicecode, c.line_item_product_code)
        ELSE coalesce(c.product_servicecode, c.line_item_product_code)
    END AS service,
    CASE WHEN c.product_product_family LIKE '%Storage%' THEN 'Storage' END AS service_category,
    c.product_region_code AS region,
    c.line_item_resource_id AS resource,
    coalesce(c.product_sku, c.line_item_usage_type) AS sku,
    coalesce(c.line_item_line_item_description, c.line_item_usage_type) AS description,
    CASE
        WHEN c.line_item_line_item_type IN (
            'Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation', 'SavingsPlanRecurringFee', 'RIFee'
        ) THEN 'Usage'
        WHEN c.line_item_line_item_type = 'Fee' AND c.line_item_usage_type LIKE '%CapacityBlock%' THEN 'Usage'
        WHEN c.line_item_line_item_type IN ('Fee', 'SavingsPlanUpfrontFee') THEN 'Purchase'
        WHEN c.line_item_line_item_type = 'Tax' THEN 'Tax'
        WHEN c.line_item_line_item_type IN ('Credit', 'Refund') THEN 'Credit'
        WHEN c.line_item_line_item_type LIKE '%Discount' THEN 'Adjustment'
        ELSE c.line_item_line_item_type
    END AS charge_category,
    CAST(NULL AS VARCHAR) AS charge_class,
    CASE
        WHEN c.line_item_line_item_type IN ('RIFee', 'SavingsPlanRecurringFee') THEN 'Recurring'
        WHEN c.line_item_line_item_type = 'Fee' AND c.line_item_usage_type LIKE '%CapacityBlock%' THEN 'Usage-Based'
        WHEN c.line_item_line_item_type IN ('Fee', 'SavingsPlanUpfrontFee') THEN 'One-Time'
        WHEN c.line_item_line_item_type IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation') THEN 'Usage-Based'
    END AS charge_frequency,
    CASE
        WHEN c.line_item_usage_type LIKE '%CapacityBlock%' THEN coalesce(c.capacity_reservation_capacity_reservation_arn, c.reservation_reservation_a_r_n)
        ELSE coalesce(c.savings_plan_savings_plan_a_r_n, c.reservation_reservation_a_r_n)
    END AS commitment_id,
    CASE
        WHEN c.line_item_line_item_type IN ('RIFee', 'SavingsPlanRecurringFee') THEN 'Unused'
        WHEN c.line_item_line_item_type IN ('DiscountedUsage', 'SavingsPlanCoveredUsage') THEN 'Used'
    END AS commitment_status,
    c.bill_invoice_id AS invoice_id,
    CASE WHEN c.pricing_unit = 'Hrs' THEN 'Hours' ELSE c.pricing_unit END AS consumed_unit,
    c.resource_tags AS tags,
    -- what kind of token a line charges for, in FOCUS's words; a cached input token is named before an input token
    CASE
        WHEN lower(c.line_item_usage_type) LIKE '%cache%read%token%' THEN '{"TokenDirection":"Input","TokenCacheAction":"Read"}'
        WHEN lower(c.line_item_usage_type) LIKE '%cache%write%token%' THEN '{"TokenDirection":"Input","TokenCacheAction":"Write"}'
        WHEN lower(c.line_item_usage_type) LIKE '%input%token%' THEN '{"TokenDirection":"Input","TokenCacheAction":"Uncached"}'
        WHEN lower(c.line_item_usage_type) LIKE '%output%token%' THEN '{"TokenDirection":"Output"}'
    END AS usage_scope,
    CAST(NULL AS VARCHAR) AS workload,
    CAST(NULL AS VARCHAR) AS pool
FROM landing.aws_cur2 AS c
-- split cost allocation's shares of containers repeat the cost of the instance that they run on
WHERE coalesce(c.line_item_operation, '') NOT IN ('EKSPod-EC2', 'ECSTask-EC2')

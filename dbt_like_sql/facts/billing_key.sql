-- One row per (distinct tuple of a bill line's text), named by its hash: facts carry the name, matching reads the tuple.
SELECT DISTINCT
    l.key_id, l.source_id, l.currency, l.provider, l.invoice_issuer, l.billing_account, l.sub_account, l.service, l.service_category, l.region,
    l.resource, l.sku, l.description, l.charge_category, l.charge_class, l.charge_frequency, l.commitment_id, l.commitment_status,
    l.invoice_id, l.consumed_unit, l.tags, l.usage_scope, l.workload, l.pool
FROM staging.billing_line AS l

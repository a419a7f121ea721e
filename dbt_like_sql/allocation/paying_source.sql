-- One row per (source of usage that some source's money pays for). The configured payer, else the provider's own cost report where it has one.
WITH bill AS (SELECT DISTINCT l.source_id FROM facts.billing_line AS l),

used AS (SELECT DISTINCT u.source_id FROM facts.usage_hourly AS u)

SELECT u.source_id, p.source_id AS paid_by, p.kind AS payer_kind, p.is_prepaid
FROM used AS u
INNER JOIN config.source AS s ON u.source_id = s.source_id
LEFT JOIN bill AS b ON u.source_id = b.source_id
INNER JOIN config.source AS p ON coalesce(s.billed_by, b.source_id) = p.source_id

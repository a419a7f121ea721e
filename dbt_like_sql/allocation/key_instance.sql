-- One row per (billing key whose SKU, description or resource names a known GPU instance). GPUs of one billed instance, the first pattern wins.
SELECT k.key_id, arg_min(i.gpus, i.instance_rank) AS gpus, arg_min(i.gpu, i.instance_rank) AS gpu
FROM facts.billing_key AS k
INNER JOIN config.instance AS i
    ON lower(coalesce(k.sku, '') || ' ' || coalesce(k.description, '') || ' ' || coalesce(k.service, '')) GLOB i.pattern
GROUP BY k.key_id

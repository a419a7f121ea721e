-- One row per (month, workload, provider, model, role): today's models at what was paid and every configured candidate at its price, for the decision.
-- Today's models are always eligible; a candidate is by its score on the workload's own evaluation.
SELECT
    a.workload_id,
    a.month,
    a.provider,
    a.model,
    a.role,
    a.token_cost,
    a.role = 'incumbent' OR coalesce(c.is_eligible, false) AS is_eligible,
    c.quality_score,
    coalesce(c.is_frontier, false) AS is_frontier,
    a.price_basis,
    a.tokens
FROM allocation.api_candidate_cost AS a
LEFT JOIN config.api_candidate AS c ON a.workload_id = c.workload_id AND a.provider = c.provider AND a.model = c.model

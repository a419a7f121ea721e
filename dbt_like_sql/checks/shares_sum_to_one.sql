-- Must return no rows: the work shares of a pool's month, and a rule's shares of a month, add up to 1.
SELECT 'pool' AS subject_kind, u.pool_id AS subject_id, u.month, sum(u.work_share) AS share
FROM marts.workload_utilisation_monthly AS u
GROUP BY u.pool_id, u.month
HAVING abs(sum(u.work_share) - 1) > 0.000000001
UNION ALL
SELECT 'rule', r.rule_id, r.month, CAST(sum(r.share) AS DOUBLE)
FROM allocation.rule_share AS r
GROUP BY r.rule_id, r.month
HAVING abs(CAST(sum(r.share) AS DOUBLE) - 1) > 0.000000001

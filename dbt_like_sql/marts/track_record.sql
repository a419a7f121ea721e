-- One row per (quarter) with decisions. How often the product was right: projected against realised saving of what was accepted and could be measured.
SELECT
    d.quarter,
    count(*) AS decisions,
    count(*) FILTER (WHERE d.decision = 'accept') AS accepted,
    count(*) FILTER (WHERE d.is_hit IS NOT NULL) AS measured,
    count(*) FILTER (WHERE d.is_hit) AS hits,
    CASE WHEN count(*) FILTER (WHERE d.is_hit IS NOT NULL) > 0
        THEN CAST(count(*) FILTER (WHERE d.is_hit) AS DOUBLE) / count(*) FILTER (WHERE d.is_hit IS NOT NULL) END AS hit_rate,
    sum(d.projected_saving_monthly) FILTER (WHERE d.is_hit IS NOT NULL) AS projected_saving_monthly,
    sum(d.realised_saving_monthly) FILTER (WHERE d.is_hit IS NOT NULL) AS realised_saving_monthly
FROM marts.decisions AS d
GROUP BY d.quarter

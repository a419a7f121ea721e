-- One row per (role, half-year). The standard rates in force; none where everyone is costed at their own rate (min_people 1).
SELECT r.role, r.role_group, r.annual_rate AS value, p.reporting_currency || ' per FTE and year' AS unit, r.source, r.valid_from, r.valid_to
FROM facts.people_rate AS r
CROSS JOIN config.parameters AS p

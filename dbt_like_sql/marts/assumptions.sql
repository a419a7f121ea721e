-- One row per (parameter): its value in force and the range it plausibly lies in.
SELECT a.name, a.low, a.base, a.high, a.unit, a.source, a.valid_from, a.is_overridden
FROM config.assumption AS a

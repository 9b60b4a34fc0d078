INSERT INTO usage_credit_plan (project, since, period, zone, included_nano, price)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (project, since) DO UPDATE SET
    set_at = now(), period = excluded.period, zone = excluded.zone, included_nano = excluded.included_nano,
    price = excluded.price

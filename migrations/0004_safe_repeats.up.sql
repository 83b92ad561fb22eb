-- What makes a statement safe to send twice: a function whose connection is lost does not know whether its last
-- statement happened, and sends it again.

alter table tasks
    -- Names the request, or the caller's intention, that made the row. A second insert with the same key finds it.
    -- Null in rows that other programs make.
    add column idempotency_key text,
    -- The last request that toggled the row. Seen again, it does not toggle back.
    add column last_request text;

create unique index idx_tasks_user_idempotency_key
    on tasks (user_id, idempotency_key);

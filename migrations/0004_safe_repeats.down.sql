drop index idx_tasks_user_idempotency_key;

alter table tasks
    drop column last_request,
    drop column idempotency_key;

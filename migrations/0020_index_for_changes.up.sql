-- no-transaction
-- The changes of one user since a transaction.
create index concurrently if not exists idx_tasks_user_changed
    on tasks (user_id, changed_in, id);

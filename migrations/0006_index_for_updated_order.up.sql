-- no-transaction
-- Lists by the time of the last change, in both directions.
create index concurrently if not exists idx_tasks_user_updated
    on tasks (user_id, updated_at desc, id desc);

-- no-transaction
-- Pending tasks. Where `completed` may be null, those rows are pending too, and an index on the column would miss them.
create index concurrently if not exists idx_tasks_user_pending_newest
    on tasks (user_id, created_at desc, id desc)
    where completed is not true;

-- no-transaction
-- Completed tasks. With the index of pending tasks each task is in one of the two, and in none that has both. Migration
-- 0016 gives it its name.
create index concurrently if not exists idx_tasks_user_done
    on tasks (user_id, created_at desc, id desc)
    where completed is true;

-- no-transaction
-- The latest date first, and tasks without one last: the index of 0002 has them first when it is read backwards.
create index concurrently if not exists idx_tasks_user_due_date_desc
    on tasks (user_id, due_date desc nulls last, id desc);

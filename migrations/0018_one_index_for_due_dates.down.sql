-- no-transaction
create index concurrently if not exists idx_tasks_user_due_date_desc
    on tasks (user_id, due_date desc nulls last, id desc);

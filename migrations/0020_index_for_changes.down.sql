-- no-transaction
drop index concurrently if exists idx_tasks_user_changed;

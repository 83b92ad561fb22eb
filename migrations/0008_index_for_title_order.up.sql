-- no-transaction
-- Lists by title, in both directions.
create index concurrently if not exists idx_tasks_user_title
    on tasks (user_id, lower(title), id);

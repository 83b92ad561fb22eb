-- no-transaction
-- See 0009.
create index concurrently if not exists idx_tasks_user_priority_desc
    on tasks (user_id, (case priority when 'low' then 1 when 'medium' then 2 when 'high' then 3 end) desc nulls last, id desc);

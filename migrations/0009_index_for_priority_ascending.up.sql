-- no-transaction
-- The rank of a priority, as the lists have it: none comes last in both directions, so each takes its own index.
create index concurrently if not exists idx_tasks_user_priority
    on tasks (user_id, (case priority when 'low' then 1 when 'medium' then 2 when 'high' then 3 end), id);

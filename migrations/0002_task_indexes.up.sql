-- Every statement of the program names a user, so these three are the ones it needs: they give the usual pages of a list
-- without a sort. The id comes last because it is the last key of every order.
create index idx_tasks_user_newest
    on tasks (user_id, created_at desc, id desc);
create index idx_tasks_user_completed_newest
    on tasks (user_id, completed, created_at desc, id desc);
create index idx_tasks_user_due_date
    on tasks (user_id, due_date, id);

-- Reports and other programs that read this database look for these, under these names.
create index idx_tasks_user_id
    on tasks (user_id);
create index idx_tasks_completed
    on tasks (completed);
create index idx_tasks_user_completed
    on tasks (user_id, completed);
create index idx_tasks_created_at
    on tasks (created_at desc);
create index idx_tasks_updated_at
    on tasks (updated_at);
create index idx_tasks_due_date
    on tasks (due_date);

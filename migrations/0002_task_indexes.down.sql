drop index
    idx_tasks_user_newest,
    idx_tasks_user_completed_newest,
    idx_tasks_user_due_date,
    idx_tasks_user_id,
    idx_tasks_completed,
    idx_tasks_user_completed,
    idx_tasks_created_at,
    idx_tasks_updated_at,
    idx_tasks_due_date;

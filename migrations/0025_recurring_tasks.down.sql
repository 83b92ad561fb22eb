drop trigger zy_tasks_make_successor on tasks;
drop function tasks_api.tasks_make_successor();

drop trigger zy_tasks_note_completion on tasks;
drop trigger zy_tasks_note_completed_insert on tasks;
drop function tasks_api.tasks_note_completion();

alter trigger zz_tasks_note_change on tasks rename to tasks_note_change;
alter function tasks_note_change() reset timezone;

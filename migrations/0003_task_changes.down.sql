drop trigger tasks_note_change on tasks;
drop function tasks_note_change();

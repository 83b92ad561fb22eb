alter table tasks
    drop column due_date_marker;

drop trigger zy_tasks_make_successor on tasks;
drop function tasks_api.tasks_make_successor();

drop trigger zy_tasks_note_completion on tasks;
drop trigger zy_tasks_note_completed_insert on tasks;
drop function tasks_api.tasks_note_completion();

drop function tasks_api.series_start(text, text, timestamp, timestamp);
drop function tasks_api.next_due(text, timestamp, text, timestamp, timestamp, boolean, timestamptz);
drop function tasks_api.next_due(text, timestamp, text, timestamptz, timestamp, boolean, timestamptz);
drop function tasks_api.next_utc_clock(text, timestamp, text, timestamp, boolean, boolean, timestamptz);
drop function tasks_api.wall_clock(timestamp, boolean, text);
drop function tasks_api.marker_for(timestamp, timestamp, timestamp);
drop function tasks_api.marker_for(timestamptz, timestamptz, timestamp);
drop function tasks_api.is_floating(timestamp, timestamp);
drop function tasks_api.is_floating(timestamptz, timestamp);
drop function tasks_api.utc_clock(timestamp);
drop function tasks_api.utc_clock(timestamptz);
drop function tasks_api.known_zone(text);
drop function tasks_api.next_in_series(text, timestamp, timestamp);
drop function tasks_api.rule_after(text);
drop function tasks_api.is_rule(text);

-- What the trigger of 0003 needs beside a table that another back end made.

-- Times without a zone mean UTC, whatever the zone of the session.
alter function tasks_note_change() set timezone = 'UTC';

-- Triggers fire in the order of their names. One that sets `updated_at` at every update must have done so before, or a
-- statement that changes nothing would move it.
alter trigger tasks_note_change on tasks rename to zz_tasks_note_change;

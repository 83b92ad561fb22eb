-- Keeps `updated_at` and `version`. In the database, because every program that writes a task must agree on them: they
-- are how a client learns that the task it read has changed since.

create function tasks_note_change() returns trigger
language plpgsql
-- Every name below is PostgreSQL's own, whatever the session's search path finds first.
set search_path = ''
as $$
begin
    -- What the statement says about these two is neither believed nor a change.
    new.updated_at := old.updated_at;
    new.version := old.version;

    if new is distinct from old then
        -- now() is when the transaction began. One that waited for another to write the same task began earlier, and a
        -- clock may be set back; a client that compares times must still see that the task has changed.
        new.updated_at := greatest(now(), old.updated_at + interval '1 microsecond');
        new.version := old.version + 1;
    end if;

    return new;
end
$$;

create trigger tasks_note_change
before update on tasks
for each row
-- An update that writes what is already there costs no call.
when (old is distinct from new)
execute function tasks_note_change();

-- As 0013 made it.
create or replace function tasks_api.tasks_note_change() returns trigger
language plpgsql
-- Every name below is PostgreSQL's own, whatever the session's search path finds first.
set search_path = ''
-- Times without a zone mean UTC, whatever the zone of the session.
set timezone = 'UTC'
as $$
begin
    -- What the statement says about these two is neither believed nor a change.
    new.version := old.version;
    new.updated_at := old.updated_at;

    -- `*<>` compares the bytes of the values, which values of every type have. Stored generated columns are null in
    -- `new`, because they are computed after this trigger, and so they must be in `old`. A domain can refuse null.
    if new *<> old and exists (
        select
        from pg_catalog.pg_attribute
        where attrelid = tg_relid
            and attgenerated = 's'
    ) then
        -- A row does not store a column that was added later, and jsonb_populate_record would read it as null. An
        -- assignment stores them all.
        old.version := old.version;
        old := jsonb_populate_record(old, (
            select jsonb_object_agg(attname, null)
            from pg_catalog.pg_attribute
            join pg_catalog.pg_type
                on pg_type.oid = atttypid
            where attrelid = tg_relid
                and attgenerated = 's'
                and typtype <> 'd'
        ));
    end if;

    if new *<> old then
        -- now() is when the transaction began. One that waited for another to write the same task began earlier, and a
        -- clock may be set back; a client that compares times must still see that the task has changed.
        new.updated_at := greatest(now(), old.updated_at + interval '1 microsecond');
        new.version := old.version + 1;
    end if;

    return new;
exception
    -- The other back end has dropped one of the two columns. Its own updates must not fail.
    when undefined_column then
        return new;
end
$$;

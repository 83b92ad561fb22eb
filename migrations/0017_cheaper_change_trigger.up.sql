-- The function of 0013 at a quarter of its cost. It looked for generated columns in the catalog at each change, and had
-- settings of its own, which are set and reset at each call.

create or replace function tasks_api.tasks_note_change() returns trigger
language plpgsql
-- Every name and operator below is PostgreSQL's own, whatever the session's search path finds first. That is why each says
-- so.
as $$
declare
    generated jsonb;
    has_zone boolean;
begin
    -- What the statement says about these two is neither believed nor a change.
    new.version := old.version;
    new.updated_at := old.updated_at;

    -- Compares the bytes of the values, which values of every type have.
    if new operator(pg_catalog.*=) old then
        return new;
    end if;

    -- Stored generated columns are null in `new`, because they are computed after this trigger, and so they must be in
    -- `old`. They do not matter where a column has changed that is none: almost every change is one of these.
    if pg_catalog.record_image_eq(
        row(new.title, new.description, new.completed, new.priority, new.due_date),
        row(old.title, old.description, old.completed, old.priority, old.due_date)
    ) then
        -- A domain can refuse null.
        select pg_catalog.jsonb_object_agg(attname, null)
        into generated
        from pg_catalog.pg_attribute
        join pg_catalog.pg_type
            on pg_type.oid operator(pg_catalog.=) atttypid
        where attrelid operator(pg_catalog.=) tg_relid
            and attgenerated operator(pg_catalog.=) 's'
            and typtype operator(pg_catalog.<>) 'd';

        if generated is not null then
            -- A row does not store a column that was added later, and jsonb_populate_record would read it as null. An
            -- assignment stores them all.
            old.version := old.version;
            old := pg_catalog.jsonb_populate_record(old, generated);
            if new operator(pg_catalog.*=) old then
                return new;
            end if;
        end if;
    end if;

    -- now() is when the transaction began. One that waited for another to write the same task began earlier, and a clock may
    -- be set back; a client that compares times must still see that the task has changed.
    if pg_catalog.pg_typeof(old.updated_at) operator(pg_catalog.=) 'timestamp'::pg_catalog.regtype then
        -- Times without a zone mean UTC, whatever the zone of the session.
        new.updated_at := greatest(
            pg_catalog.timezone('UTC', pg_catalog.now()),
            old.updated_at operator(pg_catalog.+) interval '1 microsecond'
        );
    else
        new.updated_at := greatest(
            pg_catalog.now(),
            old.updated_at operator(pg_catalog.+) interval '1 microsecond'
        );
    end if;
    new.version := old.version operator(pg_catalog.+) 1;

    return new;
exception
    -- The other back end has dropped one of the columns. Its own updates must not fail.
    when undefined_column then
        return new;
    -- A column has another type than when this session planned a comparison, and a plan is kept for the session. Dynamic
    -- statements are planned each time. That something has changed is known by then, but for generated columns.
    when datatype_mismatch then
        execute 'select pg_catalog.pg_typeof(($1).updated_at) operator(pg_catalog.<>) ''timestamp''::pg_catalog.regtype'
            into has_zone
            using old;
        execute case
            when has_zone
            then 'select greatest(pg_catalog.now(), ($1).updated_at operator(pg_catalog.+) interval ''1 microsecond'')'
            else 'select greatest(pg_catalog.timezone(''UTC'', pg_catalog.now()),
                ($1).updated_at operator(pg_catalog.+) interval ''1 microsecond'')'
            end
            into new.updated_at
            using old;
        new.version := old.version operator(pg_catalog.+) 1;
        return new;
end
$$;

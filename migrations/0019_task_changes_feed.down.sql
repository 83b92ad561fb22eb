drop trigger zz_tasks_note_insert on tasks;
drop function tasks_api.tasks_note_insert();

drop trigger zz_tasks_note_delete on tasks;
drop function tasks_api.tasks_note_delete();

drop trigger zz_tasks_note_truncate on tasks;
drop function tasks_api.tasks_note_truncate();

-- As 0017 made it.
create or replace function tasks_api.tasks_note_change() returns trigger
language plpgsql
security invoker
-- Every name and operator below is PostgreSQL's own, whatever the session's search path finds first. That is why each says
-- so.
as $$
declare
    has_all_columns boolean := true;
    is_replanned boolean := false;
    is_changed boolean := false;
    generated jsonb;
begin
    loop
        begin
            -- What the statement says about these two is neither believed nor a change.
            new.version := old.version;
            new.updated_at := old.updated_at;

            -- Compares the bytes of the values, which values of every type have.
            if new operator(pg_catalog.*=) old then
                return new;
            end if;

            -- Stored generated columns are null in `new`, because they are computed after this trigger, and so they must
            -- be in `old`. They matter only if none of the columns below has changed, which is rare.
            if has_all_columns then
                is_changed := pg_catalog.record_image_ne(
                    row(new.title, new.description, new.completed, new.priority, new.due_date),
                    row(old.title, old.description, old.completed, old.priority, old.due_date)
                );
            end if;

            if not is_changed then
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
                    -- A row does not store a column that was added later, and jsonb_populate_record would read it as null.
                    -- An assignment stores them all.
                    old.version := old.version;
                    old := pg_catalog.jsonb_populate_record(old, generated);
                    if new operator(pg_catalog.*=) old then
                        return new;
                    end if;
                end if;
            end if;

            -- now() is when the transaction began. One that waited for another to write the same task began earlier, and a
            -- clock may be set back; a client that compares times must still see that the task has changed.
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
            -- The other back end has dropped one of the columns. Its own updates must not fail. They are still noted unless
            -- it is one of the two.
            when undefined_column then
                if not has_all_columns then
                    return new;
                end if;
                has_all_columns := false;
            -- A column has another type than when this session planned the expressions above.
            when datatype_mismatch then
                if is_replanned then
                    raise;
                end if;
                is_replanned := true;
                discard plans;
        end;
    end loop;
end
$$;

grant execute on function tasks_api.tasks_note_change() to public;

drop table tasks_api.sync_epoch;
drop table tasks_api.task_tombstones;

alter table tasks
    drop column changed_in;

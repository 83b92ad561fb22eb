-- What tells a client which tasks have changed since it last asked: the transaction that made each task what it is, and a
-- record of each task that is gone. The triggers keep both, whichever program writes.
--
-- Whoever writes tasks needs no privilege on the new tables: the functions that write them run as their owner. So every name
-- and operator in these functions is PostgreSQL's own and says so, whatever the session's search path finds first.

-- Null in rows that nothing has changed since. Numbers are given in the order in which transactions begin to write, not in
-- the order in which they end, so a reader has to compare them with snapshots.
alter table tasks
    add column changed_in xid8;

-- Tasks that a user no longer has. Without a foreign key, because they outlive the user, and without a unique key, because
-- one transaction can delete the same id twice.
create table tasks_api.task_tombstones (
    -- Text until the block below gives it the type of `tasks.user_id`.
    user_id text not null,
    task_id text not null,
    deleted_in xid8 not null,
    deleted_at timestamptz not null default clock_timestamp()
);

do $$
declare
    id_type text;
begin
    select format_type(atttypid, atttypmod)
    into strict id_type
    from pg_attribute
    where attrelid = 'tasks'::regclass
        and attname = 'user_id'
        and not attisdropped;

    execute format(
        'alter table tasks_api.task_tombstones alter column user_id type %1$s using user_id::%1$s',
        id_type
    );
end
$$;

create index task_tombstones_user_id
    on tasks_api.task_tombstones (user_id, deleted_in, task_id);

-- Its one row names the period in which transaction numbers can be compared. A client that knows another one starts again.
create table tasks_api.sync_epoch (
    only_row boolean primary key default true check (only_row),
    epoch uuid not null default gen_random_uuid()
);

insert into tasks_api.sync_epoch
default values;

create function tasks_api.tasks_note_insert() returns trigger
language plpgsql
as $$
begin
    -- What the statement says about it is not believed: rows that come from a backup are new here.
    new.changed_in := pg_catalog.pg_current_xact_id();
    return new;
exception
    -- The other back end has dropped the column. Its own inserts must not fail.
    when undefined_column then
        return new;
end
$$;

create trigger zz_tasks_note_insert
before insert on tasks
for each row
execute function tasks_api.tasks_note_insert();

-- The function of 0017, which now also keeps `changed_in`, and notes that a user no longer has a task with this id.
create or replace function tasks_api.tasks_note_change() returns trigger
language plpgsql
security definer
as $$
declare
    has_all_columns boolean := true;
    has_changed_in boolean := true;
    is_replanned boolean := false;
    is_changed boolean := false;
    generated jsonb;
begin
    loop
        begin
            -- What the statement says about these three is neither believed nor a change.
            new.version := old.version;
            new.updated_at := old.updated_at;
            if has_changed_in then
                new.changed_in := old.changed_in;
            end if;

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

            if has_changed_in then
                new.changed_in := pg_catalog.pg_current_xact_id();
                if old.user_id is not null and pg_catalog.record_image_ne(
                    row(new.user_id, new.id),
                    row(old.user_id, old.id)
                ) then
                    begin
                        insert into tasks_api.task_tombstones (user_id, task_id, deleted_in)
                        values (old.user_id, old.id, pg_catalog.pg_current_xact_id());
                    exception
                        -- See the function for deletes.
                        when data_exception or datatype_mismatch then
                            update tasks_api.sync_epoch
                            set epoch = pg_catalog.gen_random_uuid();
                    end;
                end if;
            end if;

            return new;
        exception
            -- The other back end has dropped one of the columns. Its own updates must not fail. They are still noted unless
            -- it is one of the two that the trigger has always kept.
            when undefined_column then
                if has_all_columns then
                    has_all_columns := false;
                elsif has_changed_in then
                    has_changed_in := false;
                else
                    return new;
                end if;
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

create function tasks_api.tasks_note_delete() returns trigger
language plpgsql
security definer
as $$
begin
    insert into tasks_api.task_tombstones (user_id, task_id, deleted_in)
    select user_id, id, pg_catalog.pg_current_xact_id()
    from deleted
    where user_id is not null;
    return null;
exception
    -- The other back end has given a column another type, or dropped it. Its own deletes must not fail. What cannot be
    -- recorded makes every client start again.
    when data_exception or datatype_mismatch or undefined_column then
        update tasks_api.sync_epoch
        set epoch = pg_catalog.gen_random_uuid();
        return null;
end
$$;

create trigger zz_tasks_note_delete
after delete on tasks
referencing old table as deleted
for each statement
execute function tasks_api.tasks_note_delete();

-- A truncated table does not say which tasks it had.
create function tasks_api.tasks_note_truncate() returns trigger
language plpgsql
security definer
as $$
begin
    update tasks_api.sync_epoch
    set epoch = pg_catalog.gen_random_uuid();
    return null;
end
$$;

create trigger zz_tasks_note_truncate
after truncate on tasks
for each statement
execute function tasks_api.tasks_note_truncate();

-- Nobody else may put a trigger with them on a table of their own, and so write what they write.
revoke execute on function
    tasks_api.tasks_note_change(),
    tasks_api.tasks_note_delete(),
    tasks_api.tasks_note_truncate()
from public;

-- Whoever changes tasks reads what has changed.
do $$
declare
    role text;
begin
    for role in
        select distinct case grantee when 'PUBLIC' then 'public' else quote_ident(grantee) end
        from information_schema.role_table_grants
        where table_schema = (select nspname from pg_class join pg_namespace on pg_namespace.oid = relnamespace
                              where pg_class.oid = 'tasks'::regclass)
            and table_name = 'tasks'
            and privilege_type = 'UPDATE'
            and grantee <> current_user
    loop
        execute format('grant usage on schema tasks_api to %s', role);
        execute format('grant select on tasks_api.task_tombstones, tasks_api.sync_epoch to %s', role);
    end loop;
end
$$;

-- What only this project uses leaves the schema of `tasks`. The tools of the other back end (alembic, prisma,
-- drizzle-kit) compare that schema with their models, and would propose to drop it. The program creates the schema
-- `tasks_api` before this migration, because it keeps its own tables there too.

-- Replaces the function of 0003, which failed beside a column of a type without `=`: json, xml, point.
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

drop trigger if exists zz_tasks_note_change on tasks;
drop function if exists tasks_note_change();

-- Without a condition: one that compares whole rows has the same trouble with types, and does not exist for tables with
-- generated columns.
create trigger zz_tasks_note_change
before update on tasks
for each row
execute function tasks_api.tasks_note_change();

-- A check that an adoption has added to a column of the other back end refuses what that back end may write. The log of
-- the adoption names it, and also the columns that are the adoption's own.
do $$
declare
    check_name text;
begin
    if to_regclass('tasks_api.tasks_adoption') is null then
        return;
    end if;
    for check_name in
        select conname
        from pg_constraint
        join tasks_api.tasks_adoption
            on change = 'add the check ' || conname
        where conrelid = 'tasks'::regclass
            and contype = 'c'
            and not exists (
                select
                from pg_attribute
                join tasks_api.tasks_adoption as added
                    on added.change = 'add the column ' || attname
                where attrelid = conrelid
                    and attnum = any (conkey)
            )
    loop
        execute format('alter table tasks drop constraint %I', check_name);
        update tasks_api.tasks_adoption
        set undo = format('alter table tasks drop constraint if exists %I;', check_name)
        where change = 'add the check ' || check_name;
    end loop;
end
$$;

-- An entry of an index has 2704 bytes at most, so an index of titles refuses a long one. It stays where a title is short.
do $$
begin
    if exists (
        select
        from pg_attribute
        where attrelid = 'tasks'::regclass
            and attname = 'title'
            and atttypmod - 4 not between 1 and 500
    ) then
        drop index if exists idx_tasks_user_title;
    end if;
end
$$;

do $$
declare
    former_schema text;
begin
    if to_regclass('tasks_api.task_fences') is null then
        select relnamespace::regnamespace
        into former_schema
        from pg_class
        where oid = 'task_fences'::regclass;

        alter table task_fences set schema tasks_api;

        -- The program has left a view where an earlier release looks for the migrations. So functions of that release
        -- may be running, and look for this table.
        if exists (select from pg_class where oid = to_regclass('_sqlx_migrations') and relkind = 'v') then
            execute format('create view %s.task_fences as select attempt, made_at from tasks_api.task_fences', former_schema);
            execute format(
                'comment on view %s.task_fences is %L',
                former_schema,
                'For releases that do not know the schema tasks_api. Drop it when none of them runs any more.'
            );
        end if;
    end if;
end
$$;

-- Whoever changes tasks needs it.
do $$
declare
    role text;
    fences regclass;
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
        foreach fences in array array_remove(array['tasks_api.task_fences', to_regclass('task_fences')], null)
        loop
            execute format('grant select, insert, delete on %s to %s', fences, role);
        end loop;
    end loop;
end
$$;

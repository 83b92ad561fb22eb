-- The program moves its own tables back after this.

drop trigger zz_tasks_note_change on tasks;
drop function tasks_api.tasks_note_change();

-- As 0003 and 0005 made it.
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
alter function tasks_note_change() set timezone = 'UTC';

do $$
declare
    condition text := 'when (old is distinct from new)';
begin
    -- PostgreSQL refuses the condition where there are generated columns.
    if exists (select from pg_attribute where attrelid = 'tasks'::regclass and attgenerated <> '') then
        condition := '';
    end if;
    execute format(
        'create trigger zz_tasks_note_change before update on tasks for each row %s execute function tasks_note_change()',
        condition
    );
end
$$;

do $$
declare
    former_schema text;
begin
    select relnamespace::regnamespace
    into former_schema
    from pg_class
    where oid = coalesce(to_regclass('task_fences'), 'tasks'::regclass);

    execute format('drop view if exists %s.task_fences', former_schema);
    execute format('alter table tasks_api.task_fences set schema %s', former_schema);
end
$$;

-- The checks that were dropped, unless a row breaks one by now: then it is left out, as by an adoption.
do $$
declare
    check_name text;
    condition text;
    is_broken boolean;
begin
    if to_regclass('tasks_api.tasks_adoption') is null then
        return;
    end if;
    for check_name, condition in
        values
            ('ck_tasks_title_length', 'char_length(title) between 1 and 255'),
            ('ck_tasks_priority', 'priority in (''low'', ''medium'', ''high'')')
    loop
        continue when not exists (
            select
            from tasks_api.tasks_adoption
            where change = 'add the check ' || check_name
                and undo like '% if exists %'
        );
        execute format('select exists (select from tasks where not (%s))', condition) into is_broken;
        continue when is_broken;
        execute format('alter table tasks add constraint %I check (%s)', check_name, condition);
        update tasks_api.tasks_adoption
        set undo = format('alter table tasks drop constraint %I;', check_name)
        where change = 'add the check ' || check_name;
    end loop;
end
$$;

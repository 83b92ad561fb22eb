-- Lists by due date, the latest first, read the tasks with a due date backwards from idx_tasks_due_date, and then those
-- without one.

do $$
declare
    adopted_through bigint;
    is_adopted boolean := to_regclass('tasks_api.tasks_adoption') is not null;
    changes text[];
    unused_index text;
    is_ours boolean;
begin
    if is_adopted then
        select max(through), array_agg(change)
        into adopted_through, changes
        from tasks_api.tasks_adoption;
    end if;

    for unused_index in
        select relname
        from pg_index
        join pg_class
            on pg_class.oid = indexrelid
        where indrelid = 'tasks'::regclass
            and relname in ('idx_tasks_user_due_date_desc', 'idx_tasks_user_due_date_last')
            and split_part(pg_get_indexdef(indexrelid), ' USING btree ', 2) = '(user_id, due_date DESC NULLS LAST, id DESC)'
    loop
        -- See 0016. Migration 0007 has made it if there was no adoption since.
        is_ours := not is_adopted or adopted_through < 7 or 'add the index ' || unused_index = any (changes);
        if is_ours then
            execute format(
                'drop index %s.%I',
                (select relnamespace::regnamespace from pg_class where oid = 'tasks'::regclass),
                unused_index
            );
        end if;
    end loop;
end
$$;

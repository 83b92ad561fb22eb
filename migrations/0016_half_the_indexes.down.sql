-- Writes wait while this builds indexes.

do $$
declare
    adopted_through bigint;
    is_adopted boolean := to_regclass('tasks_api.tasks_adoption') is not null;
    changes text[];
    index_schema regnamespace := (select relnamespace from pg_class where oid = 'tasks'::regclass);
    index_name text;
    new_name text;
    definition text;
    migration bigint;
    was_ours boolean;
begin
    if is_adopted then
        select max(through), array_agg(change) filter (where undo = '-- Migration 0016 has dropped it.')
        into adopted_through, changes
        from tasks_api.tasks_adoption;
    end if;

    for index_name, new_name, definition in
        values
            ('idx_tasks_user_newest', 'idx_tasks_created_at', '(user_id, created_at DESC, id DESC)'),
            ('idx_tasks_user_due_date', 'idx_tasks_due_date', '(user_id, due_date, id)'),
            ('idx_tasks_user_updated', 'idx_tasks_updated_at', '(user_id, updated_at DESC, id DESC)'),
            ('idx_tasks_user_pending_newest', 'idx_tasks_completed',
                '(user_id, created_at DESC, id DESC) WHERE (completed IS NOT TRUE)'),
            ('idx_tasks_user_done', 'idx_tasks_user_completed',
                '(user_id, created_at DESC, id DESC) WHERE (completed IS TRUE)')
    loop
        -- It has kept its name, or is missing.
        continue when to_regclass(format('%s.%I', index_schema, index_name)) is not null or not exists (
            select
            from pg_index
            join pg_class
                on pg_class.oid = indexrelid
            where indrelid = 'tasks'::regclass
                and relname = new_name
                and split_part(pg_get_indexdef(indexrelid), ' USING btree ', 2) = definition
        );
        execute format('alter index %s.%I rename to %I', index_schema, new_name, index_name);
        if is_adopted then
            update tasks_api.tasks_adoption
            set undo = format('drop index concurrently if exists %I;', index_name)
            where change = 'add the index ' || index_name;
        end if;
    end loop;

    for index_name, definition, migration in
        values
            ('idx_tasks_completed', '(completed)', 2),
            ('idx_tasks_created_at', '(created_at desc)', 2),
            ('idx_tasks_due_date', '(due_date)', 2),
            ('idx_tasks_updated_at', '(updated_at)', 2),
            ('idx_tasks_user_completed', '(user_id, completed)', 2),
            ('idx_tasks_user_completed_newest', '(user_id, completed, created_at desc, id desc)', 2),
            ('idx_tasks_user_id', '(user_id)', 2),
            ('idx_tasks_user_title', '(user_id, lower(title), id)', 8),
            ('idx_tasks_user_priority',
                '(user_id, (case priority when ''low'' then 1 when ''medium'' then 2 when ''high'' then 3 end), id)', 9),
            ('idx_tasks_user_priority_desc',
                '(user_id, (case priority when ''low'' then 1 when ''medium'' then 2 when ''high'' then 3 end) desc nulls last, id desc)',
                10)
    loop
        was_ours := not is_adopted or migration > adopted_through or 'add the index ' || index_name = any (changes);
        continue when was_ours is not true;
        -- See 0013.
        continue when index_name = 'idx_tasks_user_title' and exists (
            select
            from pg_attribute
            where attrelid = 'tasks'::regclass
                and attname = 'title'
                and atttypmod - 4 not between 1 and 500
        );
        execute format('create index if not exists %I on tasks %s', index_name, definition);
        if is_adopted then
            update tasks_api.tasks_adoption
            set undo = format('drop index concurrently if exists %I;', index_name),
                undo_alone = true
            where change = 'add the index ' || index_name;
        end if;
    end loop;
end
$$;

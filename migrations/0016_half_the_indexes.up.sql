-- Every write maintains every index. So those go that serve no statement of the program or only lists by title and
-- priority, which sort what the user has. What stays leads with the user, and gets a name that other programs look for.
--
-- In a table of another back end, only indexes that this program has made are dropped or renamed. Where the other back end
-- has an index of the new name, ours keeps its name.

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
    is_ours boolean;
begin
    if is_adopted then
        select max(through), array_agg(change)
        into adopted_through, changes
        from tasks_api.tasks_adoption;
    end if;

    for index_name, new_name, definition, migration in
        values
            ('idx_tasks_completed', null, '(completed)', 2),
            ('idx_tasks_created_at', null, '(created_at DESC)', 2),
            ('idx_tasks_due_date', null, '(due_date)', 2),
            ('idx_tasks_updated_at', null, '(updated_at)', 2),
            ('idx_tasks_user_completed', null, '(user_id, completed)', 2),
            ('idx_tasks_user_completed_newest', null, '(user_id, completed, created_at DESC, id DESC)', 2),
            ('idx_tasks_user_id', null, '(user_id)', 2),
            ('idx_tasks_user_title', null, '(user_id, lower(%title%), id)', 8),
            ('idx_tasks_user_priority', null, '(user_id, (%priority%), id)', 9),
            ('idx_tasks_user_priority_desc', null, '(user_id, (%priority%) DESC NULLS LAST, id DESC)', 10),

            ('idx_tasks_user_newest', 'idx_tasks_created_at', '(user_id, created_at DESC, id DESC)', 2),
            ('idx_tasks_user_due_date', 'idx_tasks_due_date', '(user_id, due_date, id)', 2),
            ('idx_tasks_user_updated', 'idx_tasks_updated_at', '(user_id, updated_at DESC, id DESC)', 6),
            ('idx_tasks_user_pending_newest', 'idx_tasks_completed',
                '(user_id, created_at DESC, id DESC) WHERE (completed IS NOT TRUE)', 11),
            ('idx_tasks_user_done', 'idx_tasks_user_completed',
                '(user_id, created_at DESC, id DESC) WHERE (completed IS TRUE)', 15)
    loop
        is_ours := not is_adopted or migration > adopted_through or 'add the index ' || index_name = any (changes);
        continue when is_ours is not true or not exists (
            select
            from pg_index
            join pg_class
                on pg_class.oid = indexrelid
            where indrelid = 'tasks'::regclass
                and relname = index_name
                and split_part(pg_get_indexdef(indexrelid), ' USING btree ', 2) like definition
        );

        if new_name is null then
            execute format('drop index %s.%I', index_schema, index_name);
            -- The record stays, so that a revert of this migration knows that the index was there.
            if is_adopted then
                update tasks_api.tasks_adoption
                set undo = '-- Migration 0016 has dropped it.',
                    undo_alone = false
                where change = 'add the index ' || index_name;
            end if;
        elsif to_regclass(format('%s.%I', index_schema, new_name)) is null
            -- A revert of the adoption restores an index of this name.
            and ('drop the index ' || new_name = any (changes)) is not true
        then
            execute format('alter index %s.%I rename to %I', index_schema, index_name, new_name);
            if is_adopted then
                update tasks_api.tasks_adoption
                set undo = format('drop index concurrently if exists %I;', new_name)
                where change = 'add the index ' || index_name;
            end if;
        end if;
    end loop;
end
$$;

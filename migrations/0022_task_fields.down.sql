do $$
declare
    field text;
    function_name regprocedure;
begin
    for function_name in
        select oid
        from pg_proc
        where pronamespace = 'tasks_api'::regnamespace
            and proname in (
                'as_tags', 'as_label', 'as_instant', 'as_wall_clock', 'as_flag', 'as_due',
                'tags_for', 'label_for', 'zone_for', 'flag_for'
            )
    loop
        execute format('drop function %s', function_name);
    end loop;

    foreach field in array array[
        'tags', 'category', 'completed_at', 'recurrence', 'recurrence_start', 'time_zone', 'next_occurrence',
        'due_is_date', 'recurrence_of'
    ]
    loop
        if to_regclass('tasks_api.found_columns') is not null then
            continue when exists (select from tasks_api.found_columns where name = field);
        end if;
        execute format('alter table tasks drop column if exists %I', field);
    end loop;
end
$$;

drop table if exists tasks_api.found_columns;

drop trigger zx_tasks_set_extra on tasks;
drop function tasks_api.tasks_set_extra();
drop function tasks_api.as_extra(jsonb);
drop function tasks_api.as_extra(anyelement);

alter table tasks
    drop column extra_input;

do $$
begin
    if to_regclass('tasks_api.found_columns') is not null then
        if exists (select from tasks_api.found_columns where name = 'extra') then
            delete from tasks_api.found_columns where name = 'extra';
            return;
        end if;
    end if;
    alter table tasks drop column if exists extra;
end
$$;

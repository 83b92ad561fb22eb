-- The function of 0025.
create or replace function tasks_api.tasks_make_successor() returns trigger
language plpgsql
security definer
as $$
declare
    unreferenced text;
    columns text;
    expressions text;
begin
    if old.recurrence_start is null and new.recurrence_start is null then
        return null;
    end if;

    if new.next_occurrence is null then
        -- Rows of other tables, such as steps of the task, could be deleted with it.
        select pg_catalog.string_agg(
            pg_catalog.format(
                ' and not exists (select from %I.%I as referring where referring.%I operator(pg_catalog.=) successor.%I)',
                nspname, relname, own.attname, referenced.attname
            ),
            ''
        )
        into unreferenced
        from pg_catalog.pg_constraint
        join pg_catalog.pg_class
            on pg_class.oid operator(pg_catalog.=) conrelid
        join pg_catalog.pg_namespace
            on pg_namespace.oid operator(pg_catalog.=) relnamespace
        join pg_catalog.pg_attribute as own
            on own.attrelid operator(pg_catalog.=) conrelid
            and own.attnum operator(pg_catalog.=) conkey[1]
        join pg_catalog.pg_attribute as referenced
            on referenced.attrelid operator(pg_catalog.=) confrelid
            and referenced.attnum operator(pg_catalog.=) confkey[1]
        where contype operator(pg_catalog.=) 'f'
            and confrelid operator(pg_catalog.=) tg_relid;

        execute pg_catalog.format(
            'delete from %I.%I as successor
            where user_id operator(pg_catalog.=) $1
                and idempotency_key operator(pg_catalog.=) $2
                and version operator(pg_catalog.=) 1
                and completed is not true',
            tg_table_schema, tg_table_name
        ) operator(pg_catalog.||) coalesce(unreferenced, '')
        using old.user_id, pg_catalog.concat('next:', old.id);
        return null;
    end if;

    if new.completed is not true then
        return null;
    end if;

    -- Columns that are generated, or that the other back end has dropped, are left out.
    select
        pg_catalog.string_agg(pg_catalog.quote_ident(name), ', '),
        pg_catalog.string_agg(coalesce(expression, pg_catalog.format('($1).%I', name)), ', ')
    into columns, expressions
    from (
        values
            ('user_id', null),
            ('title', null),
            ('description', null),
            ('priority', null),
            ('tags', null),
            ('category', null),
            ('time_zone', null),
            ('due_is_date', null),
            ('recurrence_start', null),
            ('completed', 'false'),
            ('due_date', 'tasks_api.as_due(($1).next_occurrence, ($1).due_date)'),
            (
                'due_date_marker',
                'tasks_api.marker_for(
                    tasks_api.as_due(($1).next_occurrence, ($1).due_date), ($1).due_date, ($1).due_date_marker
                )'
            ),
            ('recurrence', 'tasks_api.rule_after(tasks_api.as_label(($1).recurrence))'),
            ('recurrence_of', '($1).id'),
            ('idempotency_key', '$2')
    ) as copied (name, expression)
    join pg_catalog.pg_attribute
        on attrelid operator(pg_catalog.=) tg_relid
        and attname operator(pg_catalog.=) name::pg_catalog.name
        and attgenerated operator(pg_catalog.=) '';

    execute pg_catalog.format(
        'insert into %I.%I (%s) select %s on conflict (user_id, idempotency_key) do nothing',
        tg_table_schema, tg_table_name, columns, expressions
    )
    using new, pg_catalog.concat('next:', new.id);
    return null;
exception
    when transaction_rollback or insufficient_resources or operator_intervention or lock_not_available then
        raise;
    -- The other back end may have rules that the successor violates, or rows that refer to it. Its own writes must not fail.
    when others then
        raise warning 'the successor of a task was not made or removed: %', sqlerrm;
        return null;
end
$$;

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

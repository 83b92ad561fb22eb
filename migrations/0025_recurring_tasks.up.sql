-- The time of completion, and the next task when a recurring one is completed. By triggers, so that it does not matter which
-- program completes a task, and how.

-- The triggers do not set their search path, because what they write can fire triggers of the other back end. So every name
-- and operator is PostgreSQL's own and says so.

-- Before a task is written: when it was completed, when its series began, and when its successor is due. A successor that is
-- noted here has been made. So completing a task again makes no second one, nor does it make one again that was deleted.
-- It runs with the privileges of its owner: a role that writes tasks may not be allowed to use the schema.
create function tasks_api.tasks_note_completion() returns trigger
language plpgsql
security definer
as $$
declare
    is_completing boolean;
    is_reopening boolean;
    has_completed_at boolean := true;
    is_replanned boolean := false;
    clock timestamp;
begin
    loop
        begin
            is_completing := new.completed is true and old.completed is not true;
            is_reopening := new.completed is not true and old.completed is true;

            -- Nested, because PostgreSQL looks for every name of a condition.
            if has_completed_at and (is_completing or is_reopening) then
                if not pg_catalog.pg_typeof(new.completed_at) operator(pg_catalog.=) any (
                    array['timestamp with time zone', 'timestamp']::pg_catalog.regtype[]
                ) then
                    null;
                elsif is_reopening then
                    -- The column may be the other back end's.
                    if not exists (
                        select
                        from pg_catalog.pg_attribute
                        where attrelid operator(pg_catalog.=) tg_relid
                            and attname operator(pg_catalog.=) 'completed_at'
                            and attnotnull
                    ) then
                        new.completed_at := null;
                    end if;
                -- The statement may say it.
                elsif tg_op operator(pg_catalog.=) 'INSERT' and new.completed_at is null
                    or tg_op operator(pg_catalog.=) 'UPDATE'
                    and pg_catalog.record_image_eq(row(new.completed_at), row(old.completed_at))
                then
                    if pg_catalog.pg_typeof(new.completed_at) operator(pg_catalog.=) 'timestamp'::pg_catalog.regtype then
                        new.completed_at := pg_catalog.timezone('UTC', pg_catalog.now());
                    else
                        new.completed_at := pg_catalog.now();
                    end if;
                end if;
            end if;

            -- Most updates of a recurring task change nothing of this.
            if tg_op operator(pg_catalog.=) 'UPDATE'
                and not is_completing
                and not is_reopening
                and pg_catalog.record_image_eq(
                    row(new.recurrence, new.due_date, new.due_date_marker, new.time_zone, new.next_occurrence),
                    row(old.recurrence, old.due_date, old.due_date_marker, old.time_zone, old.next_occurrence)
                )
                and new.recurrence_start is not null
            then
                return new;
            end if;

            if new.recurrence is null and old.recurrence is null and old.recurrence_start is null
                or pg_catalog.pg_typeof(new.recurrence_start) operator(pg_catalog.<>) 'timestamp'::pg_catalog.regtype
                or not pg_catalog.pg_typeof(new.next_occurrence) operator(pg_catalog.=) any (
                    array['timestamp with time zone', 'timestamp']::pg_catalog.regtype[]
                )
            then
                return new;
            end if;

            if not tasks_api.is_rule(tasks_api.as_label(new.recurrence)) then
                if old.recurrence_start is not null and new.completed is not true then
                    new.recurrence_start := null;
                    new.next_occurrence := null;
                end if;
                return new;
            end if;

            if new.completed is true and not (is_completing and tg_op operator(pg_catalog.=) 'UPDATE') then
                return new;
            end if;

            if new.due_date is null then
                clock := pg_catalog.date_trunc(
                    'day',
                    pg_catalog.timezone(
                        tasks_api.known_zone(tasks_api.as_label(new.time_zone)),
                        pg_catalog.now()
                    )
                );
                if pg_catalog.pg_typeof(new.due_date) operator(pg_catalog.=) 'timestamp'::pg_catalog.regtype then
                    new.due_date := clock;
                    new.due_date_marker := null;
                else
                    new.due_date := pg_catalog.timezone('UTC', clock);
                    new.due_date_marker := clock;
                end if;
                if pg_catalog.pg_typeof(new.due_is_date) operator(pg_catalog.=) 'boolean'::pg_catalog.regtype then
                    new.due_is_date := true;
                end if;
            end if;

            new.recurrence_start := tasks_api.series_start(
                tasks_api.as_label(new.recurrence),
                -- A copy brings the start of its series.
                case when tg_op operator(pg_catalog.=) 'INSERT'
                    then tasks_api.as_label(new.recurrence)
                    else tasks_api.as_label(old.recurrence)
                end,
                new.recurrence_start,
                tasks_api.wall_clock(
                    tasks_api.utc_clock(new.due_date),
                    tasks_api.is_floating(new.due_date, new.due_date_marker),
                    tasks_api.as_label(new.time_zone)
                )
            );

            if is_completing then
                new.next_occurrence := tasks_api.as_due(
                    tasks_api.next_due(
                        tasks_api.as_label(new.recurrence),
                        new.recurrence_start,
                        tasks_api.as_label(new.time_zone),
                        new.due_date,
                        new.due_date_marker,
                        tasks_api.as_flag(new.due_is_date),
                        pg_catalog.now()
                    ),
                    new.next_occurrence
                );
            else
                new.next_occurrence := null;
            end if;
            return new;
        exception
            when transaction_rollback or insufficient_resources or operator_intervention or lock_not_available then
                raise;
            -- A column has another type than when this session planned the expressions above.
            when datatype_mismatch then
                if is_replanned then
                    raise warning 'the recurrence of a task was not noted: %', sqlerrm;
                    return new;
                end if;
                is_replanned := true;
                discard plans;
            -- The other back end has dropped a column. The rest is still noted if it is this one.
            when undefined_column then
                if not has_completed_at then
                    raise warning 'the recurrence of a task was not noted: %', sqlerrm;
                    return new;
                end if;
                has_completed_at := false;
            -- Values can be out of range. The writes of the other back end must not fail.
            when others then
                raise warning 'the recurrence of a task was not noted: %', sqlerrm;
                return new;
        end;
    end loop;
end
$$;

create trigger zy_tasks_note_completed_insert
before insert on tasks
for each row
when (new.completed or new.recurrence is not null)
execute function tasks_api.tasks_note_completion();

create trigger zy_tasks_note_completion
before update on tasks
for each row
when (new.completed is distinct from old.completed or new.recurrence is not null or old.recurrence is not null)
execute function tasks_api.tasks_note_completion();

-- After a task is written: inserts its successor, or deletes the one that has not been changed. It runs with the privileges
-- of its owner: a role that updates tasks may not be allowed to insert them.
create function tasks_api.tasks_make_successor() returns trigger
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
            -- A later migration adds it.
            ('extra', null),
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

-- Nobody else may put a trigger with them on a table of their own, and so write what they write.
revoke execute on function
    tasks_api.tasks_note_completion(),
    tasks_api.tasks_make_successor()
from public;

create trigger zy_tasks_make_successor
after update on tasks
for each row
when ((old.next_occurrence is null) <> (new.next_occurrence is null))
execute function tasks_api.tasks_make_successor();

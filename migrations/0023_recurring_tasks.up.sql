-- The time of completion, and the next task when a recurring one is completed. By triggers, so that it does not matter which
-- program completes a task, and how.

-- Functions below set their search path where they call no code of others. The triggers do not, because what they write can
-- fire triggers of the other back end: there every name and operator is PostgreSQL's own and says so.

-- Whether tasks recur by this rule. Only the form that the functions store counts: the parts of RFC 5545 that are used here,
-- in this order. What else another back end keeps in a column of this name means nothing here.
create function tasks_api.is_rule(rule text) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog
as $$
    select coalesce(
        rule ~ (
            '^FREQ=((DAILY|YEARLY)(;INTERVAL=[1-9][0-9]{0,2})?'
            '|WEEKLY(;INTERVAL=[1-9][0-9]{0,2})?(;BYDAY=(MO|TU|WE|TH|FR|SA|SU)(,(MO|TU|WE|TH|FR|SA|SU))*)?'
            '|MONTHLY(;INTERVAL=[1-9][0-9]{0,2})?(;BYMONTHDAY=(-1|[1-9]|[12][0-9]|3[01])(,(-1|[1-9]|[12][0-9]|3[01]))*)?)'
            '(;COUNT=[1-9][0-9]{0,2})?(;UNTIL=[0-9]{8}(T[0-9]{6}Z?)?)?$'
        ),
        false
    )
$$;

-- The rule of the next occurrence. Null if this is the last one.
create function tasks_api.rule_after(rule text) returns text
language sql immutable parallel safe
set search_path = pg_catalog
as $$
    select case substring(rule from ';COUNT=([0-9]+)')::integer
        when 1 then null
        else coalesce(
            regexp_replace(rule, ';COUNT=[0-9]+', ';COUNT=' || (substring(rule from ';COUNT=([0-9]+)')::integer - 1)),
            rule
        )
    end
$$;

-- The first time of a series after `after`, all of them by the clock on the wall. The number of occurrences before it costs
-- nothing. Where RFC 5545 has no occurrence in a month that is too short, this differs:
-- * A monthly or yearly rule without BYMONTHDAY has one at the end of that month: after 31 January comes 28 February, then
--   31 March, because each is counted from the start. So a yearly task of 29 February is due on 28 February in other years.
-- * With BYMONTHDAY such a month is skipped, as in RFC 5545.
create function tasks_api.next_in_series(rule text, start timestamp, after timestamp) returns timestamp
language plpgsql immutable parallel safe
set search_path = pg_catalog
as $$
declare
    frequency text := substring(rule from '^FREQ=([A-Z]+)');
    step integer := coalesce(substring(rule from ';INTERVAL=([0-9]+)')::integer, 1);
    weekdays text[] := string_to_array(substring(rule from ';BYDAY=([A-Z,]+)'), ',');
    month_days integer[] := string_to_array(substring(rule from ';BYMONTHDAY=([-0-9,]+)'), ',')::integer[];
    first_day date := start::date;
    -- The next one is on this day or later.
    earliest date;
    monday date;
    months integer;
    day date;
begin
    if not tasks_api.is_rule(rule) or not isfinite(start) or not isfinite(after) then
        return null;
    end if;

    -- All occurrences have the time of day of the first.
    earliest := greatest(first_day, after::date + case when start::time > after::time then 0 else 1 end);

    if frequency = 'DAILY' then
        day := first_day + (earliest - first_day + step - 1) / step * step;

    elsif frequency = 'WEEKLY' then
        step := step * 7;
        -- Weeks begin on Monday.
        monday := first_day - extract(isodow from first_day)::integer + 1;
        select min(first + (greatest(earliest - first, 0) + step - 1) / step * step)
        into day
        from (
            select monday + array_position(array['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'], weekday) - 1 as first
            from unnest(weekdays) as weekday
            union all
            select first_day
            where weekdays is null
        ) as listed;

    else
        step := step * case frequency when 'YEARLY' then 12 else 1 end;
        months := (extract(year from earliest) - extract(year from first_day)) * 12
            + extract(month from earliest) - extract(month from first_day);
        months := (months + step - 1) / step * step;
        if month_days is null then
            day := first_day + make_interval(months => months);
            if day < earliest then
                day := first_day + make_interval(months => months + step);
            end if;
        else
            -- Of any month that has the day, one is among the next twelve that the rule names. If the rule names the same
            -- month each time, that is February, and these are twelve of its years.
            select min(candidate)
            into day
            from generate_series(0, 12) as number
            cross join lateral (
                select (date_trunc('month', first_day::timestamp) + make_interval(months => months + number * step))::date
            ) as named (first)
            cross join lateral (
                select (first + interval '1 month')::date - first
            ) as length (days)
            cross join unnest(month_days) as month_day
            cross join lateral (
                select first + case month_day when -1 then days else month_day end - 1
            ) as listed (candidate)
            where month_day <= days
                and candidate >= earliest;
        end if;
    end if;

    return day + start::time;
end
$$;

-- The time zone, or UTC if the server does not know it.
create function tasks_api.known_zone(zone text) returns text
language plpgsql stable parallel safe
set search_path = pg_catalog
as $$
begin
    perform timezone(zone, now());
    return coalesce(zone, 'UTC');
exception
    when invalid_parameter_value then
        return 'UTC';
end
$$;

-- A due date without its zone. See 0014: floating due dates are stored as if they were UTC.

create function tasks_api.utc_clock(due timestamptz) returns timestamp
language sql immutable parallel safe as
$$ select pg_catalog.timezone('UTC', $1) $$;

create function tasks_api.utc_clock(due timestamp) returns timestamp
language sql immutable parallel safe as
$$ select $1 $$;

-- Whether a due date is floating. Its type says so, and a marker that equals it the opposite. A difference of less than a
-- second is none: the column of another back end may have fewer decimals.

create function tasks_api.is_floating(due timestamptz, marker timestamp) returns boolean
language sql immutable parallel safe as
$$
    select coalesce(
        marker operator(pg_catalog.>) (pg_catalog.timezone('UTC', due) operator(pg_catalog.-) interval '1 second')
            and marker operator(pg_catalog.<) (pg_catalog.timezone('UTC', due) operator(pg_catalog.+) interval '1 second'),
        false
    )
$$;

create function tasks_api.is_floating(due timestamp, marker timestamp) returns boolean
language sql immutable parallel safe as
$$
    select coalesce(
        marker operator(pg_catalog.<=) (due operator(pg_catalog.-) interval '1 second')
            or marker operator(pg_catalog.>=) (due operator(pg_catalog.+) interval '1 second'),
        true
    )
$$;

-- The marker of a due date that replaces another one of the same kind.

create function tasks_api.marker_for(next timestamptz, due timestamptz, marker timestamp) returns timestamp
language sql immutable parallel safe as
$$ select case when tasks_api.is_floating(due, marker) then pg_catalog.timezone('UTC', next) end $$;

create function tasks_api.marker_for(next timestamp, due timestamp, marker timestamp) returns timestamp
language sql immutable parallel safe as
$$ select case when not tasks_api.is_floating(due, marker) then next end $$;

-- The clock on the wall when a task is due.
create function tasks_api.wall_clock(due timestamp, is_floating boolean, zone text) returns timestamp
language sql stable parallel safe
set search_path = pg_catalog
as $$
    select case
        when is_floating then due
        else timezone(tasks_api.known_zone(zone), timezone('UTC', due))
    end
$$;

-- The first occurrence after the due date that is not over at `moment`: a time that comes after it, or a day that has not
-- ended. `due` is as `utc_clock` has it, and so is the result. Null if there is none.
--
-- A time that the clock on the wall skips in spring is as much later, and the one that it shows twice in autumn is the
-- second: both as PostgreSQL has it.
create function tasks_api.next_utc_clock(
    rule text,
    start timestamp,
    zone text,
    due timestamp,
    is_floating boolean,
    is_date boolean,
    moment timestamptz
) returns timestamp
language plpgsql stable parallel safe
set search_path = pg_catalog
as $$
declare
    known_zone text := tasks_api.known_zone(zone);
    wall_clock timestamp := timezone(known_zone, moment);
    until text := substring(rule from ';UNTIL=([0-9TZ]+)');
    next timestamp;
begin
    due := tasks_api.wall_clock(due, is_floating, known_zone);
    if is_floating and due::time = '00:00' and coalesce(is_date, true) then
        next := tasks_api.next_in_series(rule, start, greatest(due, date_trunc('day', wall_clock) - interval '1 microsecond'));
    else
        -- When the clock on the wall is set back, a time before that of the moment can come after it.
        next := tasks_api.next_in_series(rule, start, greatest(due, wall_clock - interval '1 day'));
        if timezone(known_zone, next) <= moment then
            next := tasks_api.next_in_series(rule, start, next);
        end if;
    end if;

    if tasks_api.rule_after(rule) is null
        or length(until) = 8 and next::date > until::date
        or length(until) = 15 and next > until::timestamp
        or length(until) = 16 and timezone(known_zone, next) > until::timestamptz
    then
        return null;
    end if;
    return case when is_floating then next else timezone('UTC', timezone(known_zone, next)) end;
end
$$;

-- When the task is due next, in the type and of the kind of its due date.

create function tasks_api.next_due(
    rule text,
    start timestamp,
    zone text,
    due timestamptz,
    marker timestamp,
    is_date boolean,
    moment timestamptz
) returns timestamptz
language sql stable parallel safe
set search_path = pg_catalog
as $$
    select timezone('UTC', tasks_api.next_utc_clock(
        rule, start, zone, timezone('UTC', due), tasks_api.is_floating(due, marker), is_date, moment
    ))
$$;

create function tasks_api.next_due(
    rule text,
    start timestamp,
    zone text,
    due timestamp,
    marker timestamp,
    is_date boolean,
    moment timestamptz
) returns timestamp
language sql stable parallel safe
set search_path = pg_catalog
as $$
    select tasks_api.next_utc_clock(rule, start, zone, due, tasks_api.is_floating(due, marker), is_date, moment)
$$;

-- The start of a series, given the one so far and when the task is due. A due date that the series does not have begins
-- another one.
create function tasks_api.series_start(rule text, former_rule text, start timestamp, due timestamp) returns timestamp
language sql immutable parallel safe
set search_path = pg_catalog
as $$
    select case
        when regexp_replace(rule, ';(COUNT|UNTIL)=.*', '') = regexp_replace(former_rule, ';(COUNT|UNTIL)=.*', '')
            and tasks_api.next_in_series(rule, start, due - interval '1 microsecond') = due
        then start
        else due
    end
$$;

-- Before a task is written: when it was completed, when its series began, and when its successor is due. A successor that is
-- noted here has been made. So completing a task again makes no second one, nor does it make one again that was deleted.
-- It runs as its owner, because whoever writes tasks need not have the privilege to use the schema.
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

            if has_completed_at
                and (is_completing or is_reopening)
                and pg_catalog.pg_typeof(new.completed_at) operator(pg_catalog.=) any (
                    array['timestamp with time zone', 'timestamp']::pg_catalog.regtype[]
                )
            then
                if is_reopening then
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

-- After that: makes the successor, or removes the one that nobody has touched. It runs as its owner, because whoever
-- completes a task need not have the privilege to insert one.
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

-- Tags, a category, the time of completion and recurrence, and functions that read and write these columns whatever type
-- they have.

-- The back end of the table may have columns of these names. They stay as they are, and are noted, so that the revert keeps
-- them.
do $$
declare
    new_column record;
begin
    for new_column in
        select
            name,
            coalesce(
                (
                    select format_type(atttypid, atttypmod)
                    from pg_attribute
                    where attrelid = 'tasks'::regclass
                        and attname = same_type_as
                        and not attisdropped
                ),
                type
            ) as type,
            exists (
                select
                from pg_attribute
                where attrelid = 'tasks'::regclass
                    and attname = name
                    and not attisdropped
            ) as is_found
        from (values
            (1, 'tags', 'text[]', null),
            (2, 'category', 'text', null),
            (3, 'completed_at', 'timestamptz', null),
            -- A rule as RFC 5545 has it, in canonical form.
            (4, 'recurrence', 'text', null),
            -- The first occurrence by the clock on the wall in the time zone of the task.
            (5, 'recurrence_start', 'timestamp', null),
            -- Null is UTC.
            (6, 'time_zone', 'text', null),
            -- In a completed task: when its successor is due. Null means that there is none yet.
            (7, 'next_occurrence', 'timestamptz', 'due_date'),
            -- Null in rows that other programs make: then a floating due date at midnight is a date.
            (8, 'due_is_date', 'boolean', null),
            -- The previous occurrence. Without a foreign key: the task may be deleted.
            (9, 'recurrence_of', 'text', 'id')
        ) as expected (position, name, type, same_type_as)
        order by position
    loop
        if new_column.is_found then
            create table if not exists tasks_api.found_columns (name text primary key);
            insert into tasks_api.found_columns values (new_column.name);
        else
            execute format('alter table tasks add column %I %s', new_column.name, new_column.type);
        end if;
    end loop;
end
$$;

-- The functions' statements name these columns, and have to be valid where the back end of the table has given one a type
-- that does not fit. PostgreSQL chooses among functions of one name by the type of the column, when it parses the statement,
-- and replaces the call by the body. `as_...` reads a column: null if the type does not fit. `..._for` is what a statement
-- assigns to a column: the new value, or the old one if the type does not fit. A bare `anyelement` is every type that does
-- not fit.

-- Without nulls, which other programs may have written. An array of arrays has no tags.

create function tasks_api.as_tags(text[]) returns text[]
language sql immutable parallel safe as
$$ select case when pg_catalog.array_ndims($1) operator(pg_catalog.>) 1 then null else pg_catalog.array_remove($1, null) end $$;

create function tasks_api.as_tags(varchar[]) returns text[]
language sql immutable parallel safe as
$$ select tasks_api.as_tags($1::pg_catalog.text[]) $$;

create function tasks_api.as_tags(anyelement) returns text[]
language sql immutable parallel safe as
$$ select null::pg_catalog.text[] $$;

create function tasks_api.as_label(text) returns text
language sql immutable parallel safe as
$$ select $1 $$;

create function tasks_api.as_label(anyelement) returns text
language sql immutable parallel safe as
$$ select null::pg_catalog.text $$;

create function tasks_api.as_instant(timestamptz) returns timestamptz
language sql immutable parallel safe as
$$ select $1 $$;

-- Without a time zone it means UTC.
create function tasks_api.as_instant(timestamp) returns timestamptz
language sql immutable parallel safe as
$$ select pg_catalog.timezone('UTC', $1) $$;

-- Otherwise a date would become a time in the zone of the session.
create function tasks_api.as_instant(date) returns timestamptz
language sql immutable parallel safe as
$$ select null::pg_catalog.timestamptz $$;

create function tasks_api.as_instant(anyelement) returns timestamptz
language sql immutable parallel safe as
$$ select null::pg_catalog.timestamptz $$;

create function tasks_api.as_wall_clock(timestamp) returns timestamp
language sql immutable parallel safe as
$$ select $1 $$;

create function tasks_api.as_wall_clock(date) returns timestamp
language sql immutable parallel safe as
$$ select null::pg_catalog.timestamp $$;

create function tasks_api.as_wall_clock(anyelement) returns timestamp
language sql immutable parallel safe as
$$ select null::pg_catalog.timestamp $$;

create function tasks_api.as_flag(boolean) returns boolean
language sql immutable parallel safe as
$$ select $1 $$;

create function tasks_api.as_flag(anyelement) returns boolean
language sql immutable parallel safe as
$$ select null::pg_catalog.bool $$;

-- The first argument in the type of the second, which is that of `due_date`.

create function tasks_api.as_due(timestamptz, timestamptz) returns timestamptz
language sql immutable parallel safe as
$$ select $1 $$;

create function tasks_api.as_due(timestamp, timestamptz) returns timestamptz
language sql immutable parallel safe as
$$ select pg_catalog.timezone('UTC', $1) $$;

create function tasks_api.as_due(date, timestamptz) returns timestamptz
language sql immutable parallel safe as
$$ select null::pg_catalog.timestamptz $$;

create function tasks_api.as_due(anyelement, timestamptz) returns timestamptz
language sql immutable parallel safe as
$$ select null::pg_catalog.timestamptz $$;

create function tasks_api.as_due(timestamp, timestamp) returns timestamp
language sql immutable parallel safe as
$$ select $1 $$;

create function tasks_api.as_due(timestamptz, timestamp) returns timestamp
language sql immutable parallel safe as
$$ select pg_catalog.timezone('UTC', $1) $$;

create function tasks_api.as_due(date, timestamp) returns timestamp
language sql immutable parallel safe as
$$ select null::pg_catalog.timestamp $$;

create function tasks_api.as_due(anyelement, timestamp) returns timestamp
language sql immutable parallel safe as
$$ select null::pg_catalog.timestamp $$;

create function tasks_api.tags_for(text[], text[]) returns text[]
language sql immutable parallel safe as
$$ select $1 $$;

create function tasks_api.tags_for(text[], varchar[]) returns varchar[]
language sql immutable parallel safe as
$$ select $1::pg_catalog.varchar[] $$;

create function tasks_api.tags_for(text[], anyelement) returns anyelement
language sql immutable parallel safe as
$$ select $2 $$;

create function tasks_api.label_for(text, text) returns text
language sql immutable parallel safe as
$$ select $1 $$;

create function tasks_api.label_for(text, anyelement) returns anyelement
language sql immutable parallel safe as
$$ select $2 $$;

-- As `label_for`, and fails with 22023 if the server does not know the time zone.

create function tasks_api.zone_for(text, text) returns text
language sql immutable parallel safe as
$$ select case when pg_catalog.timezone($1, timestamptz 'epoch') is not null then $1 end $$;

create function tasks_api.zone_for(text, anyelement) returns anyelement
language sql immutable parallel safe as
$$ select $2 $$;

create function tasks_api.flag_for(boolean, boolean) returns boolean
language sql immutable parallel safe as
$$ select $1 $$;

create function tasks_api.flag_for(boolean, anyelement) returns anyelement
language sql immutable parallel safe as
$$ select $2 $$;

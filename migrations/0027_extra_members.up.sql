-- Members of tasks that the front end has of its own: those that are columns of the table, and those that are kept as JSON.

-- The back end of the table may have a column of this name. It stays as it is, and is noted, so that the revert keeps it.
do $$
begin
    if exists (
        select
        from pg_attribute
        where attrelid = 'tasks'::regclass
            and attname = 'extra'
            and not attisdropped
    ) then
        create table if not exists tasks_api.found_columns (name text primary key);
        insert into tasks_api.found_columns values ('extra');
    else
        alter table tasks add column extra jsonb;
    end if;
end
$$;

-- What a statement of the functions says about them: {"set": {column: value}, "other": {column: value}}. The trigger below
-- makes it null. It is not `extra` itself, which another back end may let its users write.
alter table tasks
    add column extra_input jsonb;

-- See 0022. Of another type than jsonb, `extra` has no members.

create function tasks_api.as_extra(jsonb) returns jsonb
language sql immutable parallel safe as
$$ select $1 $$;

create function tasks_api.as_extra(anyelement) returns jsonb
language sql immutable parallel safe as
$$ select null::pg_catalog.jsonb $$;

-- Before a task is written: moves the values to the columns of their names, and those without a column to `extra`. A value
-- of "other" counts if that of "set" is stored already. A value that cannot be stored is a violation of the constraint
-- `tasks_extra_value`, which names the column and its type. The message does not have the value, because it is logged.
create function tasks_api.tasks_set_extra() returns trigger
language plpgsql
-- Every name and operator below is PostgreSQL's own, whatever the session's search path finds first. That is why each says
-- so.
as $$
declare
    input constant jsonb := new.extra_input;
    stored jsonb;
    kept jsonb;
    keeps boolean;
    name text;
    value jsonb;
    written text;
    column_type text;
    is_stored boolean;
begin
    -- A row does not store a column that was added later, and jsonb_populate_record would read it as null. An assignment
    -- stores them all.
    new.extra_input := null;
    stored := pg_catalog.to_jsonb(new);

    kept := case when pg_catalog.jsonb_typeof(stored operator(pg_catalog.->) 'extra') operator(pg_catalog.<>) 'null'
        then stored operator(pg_catalog.->) 'extra'
        else '{}'
    end;
    keeps := pg_catalog.jsonb_typeof(kept) operator(pg_catalog.=) 'object' and exists (
        select
        from pg_catalog.pg_attribute
        where attrelid operator(pg_catalog.=) tg_relid
            and attname operator(pg_catalog.=) 'extra'
            and atttypid operator(pg_catalog.=) 'pg_catalog.jsonb'::pg_catalog.regtype
            and attgenerated operator(pg_catalog.=) ''
    );

    for name, value in
        select key, member.value
        from pg_catalog.jsonb_each(input operator(pg_catalog.->) 'set') as member
    loop
        if (input operator(pg_catalog.->) 'other') operator(pg_catalog.?) name
            and value operator(pg_catalog.=) coalesce(
                stored operator(pg_catalog.->) name,
                case when keeps then kept operator(pg_catalog.->) name end,
                'null'
            )
        then
            value := input operator(pg_catalog.->) 'other' operator(pg_catalog.->) name;
        end if;

        column_type := null;
        if not stored operator(pg_catalog.?) name then
            is_stored := true;
            if not keeps then
                -- It has no value that could be cleared.
                is_stored := pg_catalog.jsonb_typeof(value) operator(pg_catalog.=) 'null';
            elsif pg_catalog.jsonb_typeof(value) operator(pg_catalog.=) 'null' then
                kept := kept operator(pg_catalog.-) name;
            else
                kept := kept operator(pg_catalog.||) pg_catalog.jsonb_build_object(name, value);
            end if;
        else
            select
                pg_catalog.format_type(atttypid, atttypmod),
                attgenerated operator(pg_catalog.=) '' and not attname operator(pg_catalog.=) any (array[
                    -- These have rules of their own, and most are not for clients at all.
                    'id', 'user_id', 'title', 'description', 'completed', 'priority', 'due_date', 'due_date_marker',
                    'created_at', 'updated_at', 'version', 'idempotency_key', 'last_request', 'changed_in', 'tags',
                    'category', 'completed_at', 'recurrence', 'recurrence_start', 'time_zone', 'next_occurrence',
                    'due_is_date', 'recurrence_of', 'extra', 'extra_input'
                ]::pg_catalog.name[])
            into column_type, is_stored
            from pg_catalog.pg_attribute
            where attrelid operator(pg_catalog.=) tg_relid
                and attname operator(pg_catalog.=) name::pg_catalog.name;
            if is_stored then
                begin
                    new := pg_catalog.jsonb_populate_record(new, pg_catalog.jsonb_build_object(name, value));
                    -- Forms send numbers and booleans as texts. No other value becomes one of another type.
                    written := pg_catalog.jsonb_typeof(pg_catalog.to_jsonb(new) operator(pg_catalog.->) name);
                    is_stored := written operator(pg_catalog.=) pg_catalog.jsonb_typeof(value)
                        or pg_catalog.jsonb_typeof(value) operator(pg_catalog.=) 'string'
                        and written operator(pg_catalog.=) any (array['boolean', 'number']);
                exception
                    when data_exception or integrity_constraint_violation or datatype_mismatch then
                        is_stored := false;
                end;
            end if;
        end if;

        if not is_stored then
            raise exception 'the column % cannot hold a value', name
            using
                errcode = 'check_violation',
                table = tg_table_name,
                column = name,
                datatype = coalesce(column_type, ''),
                constraint = 'tasks_extra_value';
        end if;
    end loop;

    if keeps and (
        kept operator(pg_catalog.<>) '{}'
        or pg_catalog.jsonb_typeof(stored operator(pg_catalog.->) 'extra') operator(pg_catalog.<>) 'null'
    ) then
        new := pg_catalog.jsonb_populate_record(new, pg_catalog.jsonb_build_object('extra', kept));
    end if;
    return new;
end
$$;

-- Before the triggers that note completion and changes.
create trigger zx_tasks_set_extra
before insert or update on tasks
for each row
when (new.extra_input is not null)
execute function tasks_api.tasks_set_extra();

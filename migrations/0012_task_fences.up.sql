-- Writes that were given up. A function whose connection is lost sends its write again on another one; the first may
-- still be on its way, and must not land after what the user does next.

create table task_fences (
    -- The name that a write bears. One that is in here does nothing any more.
    attempt text primary key,
    made_at timestamptz not null default now()
);

-- Whoever changes tasks needs it.
do $$
declare
    role text;
begin
    for role in
        select distinct case grantee when 'PUBLIC' then 'public' else quote_ident(grantee) end
        from information_schema.role_table_grants
        where table_schema = (select nspname from pg_class join pg_namespace on pg_namespace.oid = relnamespace
                              where pg_class.oid = 'tasks'::regclass)
            and table_name = 'tasks'
            and privilege_type = 'UPDATE'
            and grantee <> current_user
    loop
        execute format('grant select, insert, delete on task_fences to %s', role);
    end loop;
end
$$;

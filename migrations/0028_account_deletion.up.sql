-- Who deletes an account deletes the answers to its requests too, also where no foreign key does.
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
        execute format('grant delete on tasks_api.idempotency_keys to %s', role);
    end loop;
end
$$;

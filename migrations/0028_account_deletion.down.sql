do $$
declare
    role text;
begin
    for role in
        select distinct case grantee when 'PUBLIC' then 'public' else quote_ident(grantee) end
        from information_schema.role_table_grants
        where table_schema = 'tasks_api'
            and table_name = 'idempotency_keys'
            and privilege_type = 'DELETE'
            and grantee <> (select rolname from pg_class join pg_roles on pg_roles.oid = relowner
                            where pg_class.oid = 'tasks_api.idempotency_keys'::regclass)
    loop
        execute format('revoke delete on tasks_api.idempotency_keys from %s', role);
    end loop;
end
$$;

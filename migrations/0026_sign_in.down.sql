drop function if exists tasks_api.live_user(text);

drop table if exists tasks_api.reset_codes;
drop table if exists tasks_api.token_versions;
drop table if exists tasks_api.revoked_tokens;
drop table if exists tasks_api.sign_in_buckets;

-- The index that `migrate up` makes on the table of users.
do $$
declare
    index_name regclass;
begin
    for index_name in
        select oid
        from pg_class
        where relname = 'tasks_api_users_email'
            and relkind = 'i'
    loop
        execute format('drop index %s', index_name);
    end loop;
end
$$;

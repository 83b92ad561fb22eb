do $$
declare
    index_schema regnamespace := (select relnamespace from pg_class where oid = 'tasks'::regclass);
begin
    if to_regclass(format('%s.idx_tasks_user_changed', index_schema)) is null and exists (
        select
        from pg_index
        join pg_class
            on pg_class.oid = indexrelid
        where indrelid = 'tasks'::regclass
            and relname = 'idx_tasks_user_id'
            and split_part(pg_get_indexdef(indexrelid), ' USING btree ', 2) = '(user_id, changed_in, id)'
    ) then
        execute format('alter index %s.idx_tasks_user_id rename to idx_tasks_user_changed', index_schema);
    end if;
end
$$;

drop table tasks_api.idempotency_keys;

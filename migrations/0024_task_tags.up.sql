-- Tags that have a color, or that no task has yet. The names of all others are in `tasks.tags` alone.

create table tasks_api.task_tags (
    -- Text until the block below gives it the type of `tasks.user_id`.
    user_id text not null,
    name text not null,
    color text,
    created_at timestamptz not null default now()
);

do $$
declare
    id_type text;
    reference text;
begin
    select format_type(atttypid, atttypmod)
    into strict id_type
    from pg_attribute
    where attrelid = 'tasks'::regclass
        and attname = 'user_id'
        and not attisdropped;

    execute format(
        'alter table tasks_api.task_tags alter column user_id type %1$s using user_id::%1$s',
        id_type
    );

    -- As that of `tasks.user_id`, or what may be done to a user now would fail. The tags go with their user.
    select format(
        'references %s (%I)%s on delete cascade%s',
        confrelid::regclass,
        key.attname,
        case confupdtype when 'c' then ' on update cascade' else '' end,
        case when condeferred then ' deferrable initially deferred' when condeferrable then ' deferrable' else '' end
    )
    into reference
    from pg_constraint
    join pg_attribute as own
        on own.attrelid = conrelid
        and own.attname = 'user_id'
    join pg_attribute as key
        on key.attrelid = confrelid
        and key.attnum = confkey[1]
    where conrelid = 'tasks'::regclass
        and contype = 'f'
        and conkey = array[own.attnum]
    order by confdeltype = 'c' desc, conname
    limit 1;

    if reference is not null then
        execute format(
            'alter table tasks_api.task_tags add constraint task_tags_user_id_fkey foreign key (user_id) %s',
            reference
        );
    end if;
end
$$;

create unique index task_tags_user_id_name
    on tasks_api.task_tags (user_id, lower(name));

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
        execute format('grant usage on schema tasks_api to %s', role);
        execute format('grant select, insert, update, delete on tasks_api.task_tags to %s', role);
    end loop;
end
$$;

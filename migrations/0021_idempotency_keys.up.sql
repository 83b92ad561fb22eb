-- What a request with an `Idempotency-Key` has done, so that its repeat gets the same answer.

create table tasks_api.idempotency_keys (
    -- Text until the block below gives it the type of `tasks.user_id`.
    user_id text not null,
    operation text not null,
    key text not null,
    -- Of the validated input. The same key with another input is an error of the client.
    fingerprint text not null,
    -- The request that did it.
    request text not null,
    -- The task that it made or changed.
    task_id text,
    answer jsonb not null,
    made_at timestamptz not null default now(),

    constraint idempotency_keys_pkey
        primary key (user_id, operation, key)
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
        'alter table tasks_api.idempotency_keys alter column user_id type %1$s using user_id::%1$s',
        id_type
    );

    -- As that of `tasks.user_id`, or what may be done to a user now would fail. The answers are about the user's tasks, and
    -- go with them.
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
            'alter table tasks_api.idempotency_keys add constraint idempotency_keys_user_id_fkey foreign key (user_id) %s',
            reference
        );
    end if;
end
$$;

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
        execute format('grant select, insert on tasks_api.idempotency_keys to %s', role);
    end loop;
end
$$;

-- The index of 0020 gets a name that other programs look for, unless an index of the other back end has that name or had it
-- before an adoption, whose revert restores it.
do $$
declare
    index_schema regnamespace := (select relnamespace from pg_class where oid = 'tasks'::regclass);
    is_taken boolean := to_regclass(format('%s.idx_tasks_user_id', index_schema)) is not null;
begin
    if not is_taken and to_regclass('tasks_api.tasks_adoption') is not null then
        select exists (select from tasks_api.tasks_adoption where change = 'drop the index idx_tasks_user_id')
        into is_taken;
    end if;
    if not is_taken and to_regclass(format('%s.idx_tasks_user_changed', index_schema)) is not null then
        execute format('alter index %s.idx_tasks_user_changed rename to idx_tasks_user_id', index_schema);
    end if;
end
$$;

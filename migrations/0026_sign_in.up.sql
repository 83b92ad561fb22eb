-- What sign-up and sign-in at this API need, where AUTH_MODE contains `password`. Elsewhere the tables stay empty.

-- How many attempts are left, by account and address. The keys are HMACs: no address and no e-mail address is stored.
create table tasks_api.sign_in_buckets (
    key bytea primary key,
    tokens double precision not null,
    taken_at timestamptz not null
);

-- The statements that write delete what is old, a few rows each.
create index sign_in_buckets_taken_at
    on tasks_api.sign_in_buckets (taken_at);

-- Tokens that were signed out, by their `jti`, until they expire.
create table tasks_api.revoked_tokens (
    token_id text primary key,
    expires_at timestamptz not null
);

create index revoked_tokens_expires_at
    on tasks_api.revoked_tokens (expires_at);

-- How often all tokens of a user were revoked. A token has the number at its time as `ver`; a user without a row has 0.
create table tasks_api.token_versions (
    user_id text primary key,
    version integer not null
);

-- Codes that stand for a forgotten password once.
create table tasks_api.reset_codes (
    user_id text primary key,
    code_hash bytea not null,
    expires_at timestamptz not null,
    is_used boolean not null default false
);

-- The user of a token, `<jti> <ver> <user id>`, in the type of `tasks.user_id`. Fails with TA401 if the token is revoked.
-- Statements call it instead of naming their user, so that a revoked token has no effect and costs no further round trip.
do $$
begin
    execute format(
        $statement$
create function tasks_api.live_user(token text) returns %s
language plpgsql stable
-- Every name below is PostgreSQL's own, whatever the session's search path finds first.
set search_path = ''
as $body$
declare
    -- Only the id can have spaces.
    parts text[] := regexp_match(token, '^([^ ]+) ([0-9]+) (.+)$');
begin
    if parts is null
        or exists (select from tasks_api.revoked_tokens where token_id = parts[1])
        or parts[2] <> coalesce((select version from tasks_api.token_versions where user_id = parts[3]), 0)::text
    then
        raise exception using errcode = 'TA401', message = 'the token is revoked';
    end if;
    return parts[3];
end
$body$
        $statement$,
        (
            select format_type(atttypid, null)
            from pg_attribute
            where attrelid = 'tasks'::regclass
                and attname = 'user_id'
                and not attisdropped
        )
    );
end
$$;

-- Whoever changes tasks needs them.
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
        execute format(
            'grant select, insert, update, delete on tasks_api.sign_in_buckets, tasks_api.revoked_tokens, '
            'tasks_api.token_versions, tasks_api.reset_codes to %s',
            role
        );
    end loop;
end
$$;

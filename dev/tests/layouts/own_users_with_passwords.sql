-- Plain SQL: the back end's own users, times with a zone, triggers that set updated_at at every update.
create table users (
    id uuid primary key default gen_random_uuid(),
    email varchar(255) unique not null,
    password_hash varchar(255) not null,
    created_at timestamp with time zone default now(),
    updated_at timestamp with time zone default now()
);

create index idx_users_email on users (email);
create index idx_users_created_at on users (created_at);

create table tasks (
    id serial primary key,
    user_id uuid not null,
    title varchar(255) not null,
    description text,
    completed boolean default false not null,
    created_at timestamp with time zone default now(),
    updated_at timestamp with time zone default now(),
    constraint fk_tasks_user_id foreign key (user_id) references users (id) on delete cascade
);

create index idx_tasks_user_id on tasks (user_id);
create index idx_tasks_completed on tasks (completed);
create index idx_tasks_user_completed on tasks (user_id, completed);
create index idx_tasks_created_at on tasks (created_at);
create index idx_tasks_updated_at on tasks (updated_at);

create function update_updated_at_column() returns trigger language plpgsql as $$
begin
    new.updated_at = now();
    return new;
end;
$$;

create trigger update_users_updated_at before update on users
    for each row execute function update_updated_at_column();
create trigger update_tasks_updated_at before update on tasks
    for each row execute function update_updated_at_column();

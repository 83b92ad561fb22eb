-- SQLModel's create_all: integer ids, uuid users, times without a zone, a foreign key that does not cascade.
create table users (
    id uuid primary key,
    email varchar not null unique,
    name varchar,
    created_at timestamp not null default now(),
    updated_at timestamp not null default now()
);

create table tasks (
    id serial not null,
    title varchar(200) not null,
    description text,
    completed boolean default false,
    due_date timestamp without time zone,
    created_at timestamp without time zone not null default now(),
    updated_at timestamp without time zone not null default now(),
    user_id uuid not null,
    primary key (id),
    constraint check_title_length check (char_length(title) >= 1 and char_length(title) <= 200),
    constraint check_description_length check (char_length(description) <= 1000),
    foreign key (user_id) references users (id)
);

create index ix_tasks_user_id_completed on tasks (user_id, completed);
create index ix_tasks_due_date on tasks (due_date);

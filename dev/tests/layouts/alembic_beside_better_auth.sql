-- Alembic: the defaults are in Python, most columns take null, and the foreign key that cascades came after another one.
create table "user" (
    id varchar(36) primary key,
    email varchar(255) unique not null,
    name varchar(255),
    email_verified boolean default false,
    image text,
    created_at timestamp default now(),
    updated_at timestamp default now()
);

create table session (
    id varchar(36) primary key,
    user_id varchar(36) references "user" (id),
    expires_at timestamp not null,
    created_at timestamp default now(),
    ip_address varchar(45),
    user_agent text
);

create index idx_session_user_id on session (user_id);
create index idx_session_expires on session (expires_at);

create table tasks (
    id serial not null,
    user_id varchar(36) not null,
    title varchar(200) not null,
    description text,
    completed boolean,
    created_at timestamp without time zone,
    updated_at timestamp without time zone,
    primary key (id),
    foreign key (user_id) references "user" (id)
);

create index idx_tasks_user_id on tasks (user_id);
create index idx_tasks_completed on tasks (completed);
create index idx_tasks_created_at on tasks (created_at desc);

alter table tasks
    add constraint fk_tasks_user foreign key (user_id) references "user" (id) on delete cascade;

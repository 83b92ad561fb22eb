-- SQLModel's create_all: text users of no length, a short description, one default on the server and none for the other.
create table users (
    id varchar not null primary key,
    email varchar not null unique,
    name varchar
);

create table tasks (
    id serial not null,
    user_id varchar not null,
    title varchar(200) not null,
    description varchar(1000),
    completed boolean not null,
    created_at timestamp without time zone default now(),
    updated_at timestamp without time zone,
    primary key (id),
    foreign key (user_id) references users (id)
);

create index ix_tasks_user_id on tasks (user_id);
create index idx_tasks_user_completed on tasks (user_id, completed);

-- Plain SQL: ids of text that the back end makes, priorities and due dates.
create table if not exists users (
    id varchar(255) primary key,
    email varchar(255) unique not null,
    name varchar(255) not null,
    created_at timestamp not null default current_timestamp,
    updated_at timestamp not null default current_timestamp
);

create table if not exists tasks (
    id varchar(255) primary key,
    user_id varchar(255) not null references users (id) on delete cascade,
    title varchar(200) not null,
    description text,
    completed boolean not null default false,
    priority varchar(20) check (priority in ('low', 'medium', 'high')),
    due_date timestamp,
    created_at timestamp not null default current_timestamp,
    updated_at timestamp not null default current_timestamp
);

create index idx_tasks_user_id on tasks (user_id);
create index idx_tasks_completed on tasks (completed);
create index idx_tasks_user_completed on tasks (user_id, completed);

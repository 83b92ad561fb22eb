drop table tasks_api.task_tags;

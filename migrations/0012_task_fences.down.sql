drop table task_fences;

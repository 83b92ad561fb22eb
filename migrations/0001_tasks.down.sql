-- Nobody may write a task between the question and the drop.
lock table tasks in access exclusive mode;

do $$
begin
    if exists (select from tasks) then
        raise exception 'the table tasks holds tasks, and this step would delete them: if that is meant, empty the table first';
    end if;
end
$$;

drop table tasks;

-- A due date that a client sends without an offset is a time on the user's clock, not an instant. `due_date` has either a
-- time zone or none, so it cannot tell the two apart. `due_date_marker` equals it if the due date is not of the column's
-- kind: floating in a column with a time zone, an instant in a column without. Null, or any other value, means that it is.
alter table tasks
    add column due_date_marker timestamp;

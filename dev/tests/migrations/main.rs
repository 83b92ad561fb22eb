//! The migrations against a real PostgreSQL, each test in a database of its own.

mod adoption;
mod bookkeeping;
mod change_feed;
mod change_trigger;
mod clean_up;
mod column_types;
mod drift;
mod fresh;
mod indexes;
mod interruptions;
mod kit;
mod new_epoch;
mod previous_release;
mod program;
mod proof;
mod recognition;
mod recognition_spelling;
mod recognition_types;
mod refusals;
mod restores;
mod time_zones;
mod tools;
mod user_table;
mod writers;

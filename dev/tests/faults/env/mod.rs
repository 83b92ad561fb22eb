//! What the fault tests share: a stack whose database is behind a proxy, and cases whose effect is known.

mod assertions;
mod database;
mod direct_function;
mod operation;
mod task_case;
mod test_env;

pub(crate) use database::{FaultDatabase, PASSWORD, Row};
pub(crate) use direct_function::{DirectFunction, SECRET};
pub(crate) use operation::{
    ALL_OPERATIONS, ONE_OF_EACH_FUNCTION, ONE_WRITE_OF_EACH_FUNCTION, OTHER_OPERATIONS, Operation, WRITES,
    functions_with_connection,
};
pub(crate) use task_case::TaskCase;
pub(crate) use test_env::TestEnv;

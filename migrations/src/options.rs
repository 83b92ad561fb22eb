//! What differs between databases.

/// The settings of a migration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The table that `tasks.user_id` references, as SQL names it (`neon_auth."user"`), or `none` for no foreign key.
    /// By default it is the table that an existing foreign key references, else `"user"`, else `users`.
    pub auth_user_table: Option<String>,

    /// `tasks` makes a new table `tasks` although another table seems to have the tasks. No other value is accepted.
    pub task_table: Option<String>,

    /// The comma list `TASK_PRIORITIES` of the functions: the words that the check on `priority` accepts.
    pub task_priorities: Option<String>,
}

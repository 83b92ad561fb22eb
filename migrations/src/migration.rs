//! The SQL files beside this crate's manifest, embedded at compile time.

use sqlx::migrate::{self, MigrationType, Migrator};

static FILES: Migrator = sqlx::migrate!("../migrations");

/// Names one migration: a pair of files, `0001_tasks.up.sql` and `0001_tasks.down.sql`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The number at the beginning of the file name.
    pub version: i64,
    /// The rest of the file name, with spaces for underscores.
    pub name: String,
}

impl From<&migrate::Migration> for Migration {
    fn from(file: &migrate::Migration) -> Self {
        Self { version: file.version, name: file.description.to_string() }
    }
}

/// The files that apply migrations, the oldest first.
pub(crate) fn up_files() -> impl DoubleEndedIterator<Item = &'static migrate::Migration> {
    files(MigrationType::ReversibleUp)
}

/// The file that reverts a migration. `None` when this release does not know the version.
pub(crate) fn down_file(version: i64) -> Option<&'static migrate::Migration> {
    files(MigrationType::ReversibleDown).find(|file| file.version == version)
}

/// The newest migration that this release knows.
pub(crate) fn latest_version() -> i64 {
    up_files().map(|file| file.version).max().unwrap_or_default()
}

fn files(direction: MigrationType) -> impl DoubleEndedIterator<Item = &'static migrate::Migration> {
    FILES.iter().filter(move |file| file.migration_type == direction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_can_be_reverted() {
        let versions = |direction| files(direction).map(|file| file.version).collect::<Vec<_>>();
        assert_eq!(versions(MigrationType::ReversibleUp), versions(MigrationType::ReversibleDown));
        assert!(versions(MigrationType::Simple).is_empty());
    }
}

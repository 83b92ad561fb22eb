//! The options of `dev serve` and `dev watch`.

/// What the command line asks for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Instead of `PORT`; 0 takes a free one.
    pub port: Option<u16>,
    /// Prints one JSON line instead of a text.
    pub json: bool,
    /// Stops at the end of standard input.
    pub until_stdin_closes: bool,
    /// The private PostgreSQL starts empty and its data go with it.
    pub ephemeral: bool,
    /// Runs the real Better Auth beside the API, and accepts its tokens.
    pub better_auth: bool,
}

/// Who runs the functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// This process, behind a gateway that behaves like the deployed one.
    Serve,
    /// `cargo lambda watch`, which builds them anew when their source changes.
    Watch {
        /// Cargo features to build with.
        features: Option<String>,
    },
}

//! The options of `dev serve` and `dev watch`.

/// What the command line sets.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Overrides `PORT`. 0 stands for a free port.
    pub port: Option<u16>,
    /// Print one line of JSON instead of text when ready.
    pub json: bool,
    /// Stop at the end of standard input.
    pub until_stdin_closes: bool,
    /// Start the private PostgreSQL without data, and remove its data at the end.
    pub ephemeral: bool,
    /// Run the real Better Auth too, and accept its tokens.
    pub better_auth: bool,
}

/// What runs the functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// This process, behind a gateway that behaves like API Gateway.
    Serve,
    /// `cargo lambda watch`, which rebuilds them when their source changes.
    Watch {
        /// Cargo features to build with.
        features: Option<String>,
    },
}

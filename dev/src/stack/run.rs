//! The local stack as a whole: started in order, and stopped in the opposite order.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::TcpListener;

use super::error::StackError;
use super::interrupt::Interrupt;
use super::options::{Mode, Options};
use super::ready::{Caller, Ready, until_ok};
use super::watch::{self, CargoLambda};
use crate::aws::gateway::{self, Gateway};
use crate::aws::instances::{InstanceConfig, Instances, beside_this_binary};
use crate::aws::runtime_api;
use crate::aws::template::Template;
use crate::environment::Environment;
use crate::process::LogOutput;
use crate::services::better_auth::BetterAuth;
use crate::services::database::{self, User, demo_users};
use crate::services::postgres::{Cluster, ClusterFolder, Postgres};
use crate::tokens;
use crate::workspace::root;

/// Where the API answers unless `PORT` says otherwise.
const DEFAULT_PORT: u64 = 9000;
/// How many instances a function may have unless `LAMBDA_CONCURRENCY` says otherwise.
const DEFAULT_CONCURRENCY: u64 = 10;
/// How long `/health/ready` may take to say yes: a database that sleeps needs some seconds.
const READY_TIMEOUT: Duration = Duration::from_secs(20);

/// Runs the local stack until it is told to stop. Whatever it returns, nothing of it runs any more.
///
/// # Errors
/// [`StackError`].
pub async fn run(mode: Mode, options: &Options) -> Result<(), StackError> {
    let interrupt = Interrupt::listen(options.until_stdin_closes)?;
    let environment = Environment::read(&std::env::current_dir()?)?;
    let port = environment.number("PORT", 0, u16::MAX.into())?.unwrap_or(DEFAULT_PORT);
    let port = options.port.unwrap_or(u16::try_from(port).unwrap_or_default());
    let concurrency = environment.number("LAMBDA_CONCURRENCY", 1, 1000)?.unwrap_or(DEFAULT_CONCURRENCY);
    let template = Template::read(root(), |name| environment.get(name))?;
    let url = environment.get("DATABASE_URL");
    if options.better_auth && url.is_some() {
        return Err(StackError::ForeignDatabase);
    }
    // What another stack may hold is taken before anything is started.
    let folder = match url {
        Some(_) => None,
        None if options.ephemeral => Some(ClusterFolder::temp_folder()?),
        None => Some(ClusterFolder::kept()?),
    };
    let listener = bind(port).await?;
    let port = listener.local_addr()?.port();

    let mut postgres = match folder {
        None => None,
        Some(folder) => tokio::select! {
            prepared = Cluster::at(folder) => Some(prepared?.start()?),
            () = interrupt.requested() => return Ok(()),
        },
    };
    let output = LogOutput::buffered();
    let mut parts = Parts { instances: None, cargo_lambda: None, better_auth: None };
    let stack = Stack { mode, options, environment, template, concurrency, listener, port, output };
    let outcome = tokio::select! {
        outcome = stack.run(url, postgres.as_mut(), &mut parts) => outcome,
        () = interrupt.requested() => Ok(()),
    };
    if let Some(cargo_lambda) = parts.cargo_lambda {
        cargo_lambda.stop().await;
    }
    if let Some(instances) = parts.instances {
        instances.stop().await;
    }
    if let Some(better_auth) = parts.better_auth {
        better_auth.stop().await;
    }
    if let Some(postgres) = postgres {
        postgres.stop().await;
    }
    outcome
}

struct Stack<'a> {
    mode: Mode,
    options: &'a Options,
    environment: Environment,
    template: Template,
    concurrency: u64,
    listener: TcpListener,
    port: u16,
    output: Arc<LogOutput>,
}

/// What must be stopped at the end.
struct Parts {
    instances: Option<Arc<Instances>>,
    cargo_lambda: Option<CargoLambda>,
    better_auth: Option<BetterAuth>,
}

impl Stack<'_> {
    /// Starts what is missing and then only returns with an error.
    async fn run(
        mut self,
        url: Option<String>,
        postgres: Option<&mut Postgres>,
        parts: &mut Parts,
    ) -> Result<(), StackError> {
        let secret = match self.environment.get("BETTER_AUTH_SECRET") {
            None if self.options.ephemeral => tokens::fresh_secret(),
            _ => tokens::secret(&self.environment)?,
        };
        let (database_url, ca_file, users) = match postgres {
            Some(postgres) => {
                postgres.wait_until_ready().await?;
                let url = postgres.url();
                if self.options.better_auth {
                    self.start_better_auth(&url, &secret, parts).await?;
                }
                let users = self.prepare(&url).await?;
                (url, Some(postgres.ca_file()), users)
            }
            None => {
                let url = url.unwrap_or_default();
                if database::lacks_tasks(&url, &self.environment).await {
                    return Err(StackError::NotMigrated);
                }
                (url, None, Vec::new())
            }
        };
        let ready = Ready {
            base_url: format!("http://127.0.0.1:{}", self.port),
            better_auth_url: parts.better_auth.as_ref().map(|better_auth| better_auth.url.clone()),
            database_url,
            ca_file,
            secret,
            users,
            pid: std::process::id(),
            functions_dir: beside_this_binary()?,
        };
        match self.mode.clone() {
            Mode::Serve => self.serve(ready, parts).await,
            Mode::Watch { features } => self.watch(ready, parts, features.as_deref()).await,
        }
    }

    /// Starts Better Auth, and settles that its tokens are accepted unless the settings say otherwise.
    async fn start_better_auth(
        &mut self,
        database_url: &str,
        secret: &str,
        parts: &mut Parts,
    ) -> Result<(), StackError> {
        let port = if self.options.port == Some(0) { 0 } else { self.port.saturating_add(1) };
        let started = BetterAuth::start(database_url, secret, port, &self.environment, &self.output).await?;
        self.environment.default_to("AUTH_MODE", "jwks,hs256,session");
        self.environment.default_to("BETTER_AUTH_URL", &started.url);
        parts.better_auth = Some(started);
        Ok(())
    }

    /// Makes a private database complete: the users first, to whom the tasks refer. Better Auth has its own.
    async fn prepare(&self, database_url: &str) -> Result<Vec<User>, StackError> {
        let users = if self.options.better_auth {
            Vec::new()
        } else {
            database::prepare(&database::connect(database_url).await?).await?;
            demo_users().into()
        };
        let options = migrations::Options { auth_user_table: self.environment.get("AUTH_USER_TABLE") };
        migrations::up(database_url, &options).await?;
        Ok(users)
    }

    async fn serve(self, ready: Ready, parts: &mut Parts) -> Result<(), StackError> {
        let instances = self.start_functions(&ready, parts).await?;
        let text = self.text(&ready);
        let gateway = Gateway {
            routes: self.template.routes,
            cors: self.template.cors,
            instances,
            port: self.port,
            output: Arc::clone(&self.output),
        };
        let service = gateway::router(Arc::new(gateway)).into_make_service_with_connect_info::<SocketAddr>();
        let served = axum::serve(self.listener, service).into_future();
        let said = async {
            let answer = until_ok(self.port, "/health/ready", READY_TIMEOUT).await;
            answer.map_err(|problem| problem.because(self.output.last_cause()))?;
            say(&text);
            self.output.flush();
            std::future::pending().await
        };
        tokio::select! {
            served = served => Ok(served?),
            said = said => said,
        }
    }

    async fn watch(self, ready: Ready, parts: &mut Parts, features: Option<&str>) -> Result<(), StackError> {
        watch::build(features).await?;
        // Wrong settings show here: cargo-lambda would wait for ever for a function that does not start.
        self.start_functions(&ready, parts).await?.stop().await;
        parts.instances = None;
        let program = crate::install::find_cargo_lambda().await?;
        let (text, variables) = (self.text(&ready), variables(&self.environment, &ready));
        // cargo-lambda wants the port itself.
        drop(self.listener);
        let cargo_lambda = CargoLambda::start(&program, self.port, features, variables)?;
        let cargo_lambda = parts.cargo_lambda.insert(cargo_lambda);
        tokio::select! {
            outcome = until_ok(self.port, "/health", watch::READY_TIMEOUT) => outcome?,
            () = cargo_lambda.ended() => return Err(StackError::WatchEnded),
        }
        until_ok(self.port, "/health/ready", READY_TIMEOUT).await?;
        say(&text);
        cargo_lambda.ended().await;
        Err(StackError::WatchEnded)
    }

    /// What is printed when the stack is ready.
    fn text(&self, ready: &Ready) -> String {
        if self.options.json {
            return ready.json();
        }
        let caller = match (&ready.better_auth_url, ready.users.first()) {
            (Some(url), _) => Caller::BetterAuth { url: url.clone() },
            _ if !tokens::are_accepted(&self.environment) => Caller::Elsewhere,
            (_, None) => Caller::Unknown,
            (_, Some(user)) => {
                let lifetime = tokens::DEFAULT_LIFETIME;
                let token = tokens::mint_for(&self.environment, &ready.secret, &user.id, lifetime);
                Caller::Demo { user: user.clone(), token }
            }
        };
        ready.text(&caller)
    }

    /// Starts the Runtime API and one instance of each function.
    async fn start_functions(&self, ready: &Ready, parts: &mut Parts) -> Result<Arc<Instances>, StackError> {
        let listener = bind(0).await?;
        let config = InstanceConfig {
            binaries: ready.functions_dir.clone(),
            variables: variables(&self.environment, ready),
            runtime_api: listener.local_addr()?.to_string(),
            concurrency: usize::try_from(self.concurrency).unwrap_or(usize::MAX),
        };
        let instances = Arc::new(Instances::new(&self.template.functions, config, Arc::clone(&self.output))?);
        parts.instances = Some(Arc::clone(&instances));
        let known = Arc::new(OnceLock::from(Arc::clone(&instances)));
        tokio::spawn(axum::serve(listener, runtime_api::router(known)).into_future());
        instances.start_one_each().await?;
        Ok(instances)
    }
}

/// What the functions get beyond the environment of this process.
fn variables(environment: &Environment, ready: &Ready) -> BTreeMap<String, String> {
    let mut variables = environment.added().clone();
    variables.insert("DATABASE_URL".to_owned(), ready.database_url.clone());
    // A made-up secret serves HS256 alone; for the sessions of a real front end it would be the wrong one.
    if tokens::are_accepted(environment) {
        variables.insert("BETTER_AUTH_SECRET".to_owned(), ready.secret.clone());
    }
    variables
}

async fn bind(port: u16) -> Result<TcpListener, StackError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => StackError::PortTaken(port),
        _ => error.into(),
    })
}

fn say(text: &str) {
    use std::io::Write;
    // Whoever has closed the pipe does not want to know.
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}");
    let _ = stdout.flush();
}

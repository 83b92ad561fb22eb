//! The local stack as a whole: started in order, and stopped in the opposite order.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::error::StackError;
use super::interrupt::Interrupt;
use super::options::{Mode, Options};
use super::ready::{Caller, Ready, wait_until_ok};
use super::watch::{self, CargoLambda};
use crate::aws::gateway::{self, Gateway};
use crate::aws::instance::{InstanceConfig, binaries_folder};
use crate::aws::pool::Instances;
use crate::aws::runtime_api::RuntimeApi;
use crate::aws::template::Template;
use crate::environment::Environment;
use crate::install::find_cargo_lambda;
use crate::process::LogOutput;
use crate::services::better_auth::BetterAuth;
use crate::services::database::{self, User, demo_users};
use crate::services::postgres::{Cluster, ClusterFolder, Postgres};
use crate::tokens;
use crate::workspace::root;

/// The port of the API if `PORT` is not set.
const DEFAULT_PORT: u64 = 9000;
/// The maximum number of instances of a function if `LAMBDA_CONCURRENCY` is not set.
const DEFAULT_CONCURRENCY: u64 = 10;
/// How long it may take until `/health/ready` returns 200. A suspended database needs some seconds.
const READY_TIMEOUT: Duration = Duration::from_secs(20);

/// The value of `AUTH_USER_TABLE` for users who sign up at the API.
const OWN_USER_TABLE: &str = "own";

/// Runs the local stack until it is interrupted. When this returns, no process of the stack is running.
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
    // The data folder and the port, which another stack may use, come before anything is started.
    let folder = match url {
        Some(_) => None,
        None if options.ephemeral => Some(ClusterFolder::temporary()?),
        None => Some(ClusterFolder::persistent()?),
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

/// The parts that must be stopped at the end.
struct Parts {
    instances: Option<Arc<Instances>>,
    cargo_lambda: Option<CargoLambda>,
    better_auth: Option<BetterAuth>,
}

impl Stack<'_> {
    /// Starts the parts. Returns only with an error.
    async fn run(
        mut self,
        url: Option<String>,
        postgres: Option<&mut Postgres>,
        parts: &mut Parts,
    ) -> Result<(), StackError> {
        let is_real = url.is_some() && !self.options.ephemeral;
        let secret = match tokens::given_secret(&self.environment) {
            // The front end of a database that exists signs with a secret of its own.
            None if is_real
                && self.environment.get("AUTH_MODE").is_some()
                && tokens::are_accepted(&self.environment) =>
            {
                return Err(StackError::NoSecret);
            }
            None if self.options.ephemeral => tokens::fresh_secret(),
            Some(secret) => secret,
            None => tokens::secret(&self.environment)?,
        };
        let (database_url, ca_file, users) = match postgres {
            Some(postgres) => {
                postgres.wait_until_ready().await?;
                let url = postgres.url();
                if self.options.better_auth {
                    self.start_better_auth(&url, &secret, parts).await?;
                }
                if tokens::has_mode(&self.environment, "password") && !self.options.better_auth {
                    self.environment.default_to("AUTH_USER_TABLE", OWN_USER_TABLE);
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
        let base_url = format!("http://127.0.0.1:{}", self.port);
        let has_docs = self.environment.get("DOCS").is_none_or(|setting| setting.trim() != "off");
        let ready = Ready {
            docs_url: has_docs.then(|| format!("{base_url}/docs")),
            base_url,
            better_auth_url: parts.better_auth.as_ref().map(|better_auth| better_auth.url.clone()),
            database_url,
            ca_file,
            secret,
            users,
            pid: std::process::id(),
            functions_dir: binaries_folder()?,
        };
        match self.mode.clone() {
            Mode::Serve => self.serve(ready, parts).await,
            Mode::Watch { features } => self.watch(ready, parts, features.as_deref()).await,
        }
    }

    /// Starts Better Auth, and makes the functions accept its tokens if no setting says otherwise.
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

    /// Fills a private database: users first, because the tasks refer to them. Better Auth has users of its own, and at
    /// the API they sign up.
    async fn prepare(&self, database_url: &str) -> Result<Vec<User>, StackError> {
        let auth_user_table = self.environment.get("AUTH_USER_TABLE");
        let users = if self.options.better_auth || auth_user_table.as_deref() == Some(OWN_USER_TABLE) {
            Vec::new()
        } else {
            database::create_demo_users(&database::connect(database_url).await?).await?;
            demo_users().into()
        };
        let options = migrations::Options {
            auth_user_table,
            task_table: self.environment.get("TASK_TABLE"),
            task_priorities: self.environment.get("TASK_PRIORITIES"),
            task_extra_fields: self.environment.get("TASK_EXTRA_FIELDS"),
            auth_mode: self.environment.get("AUTH_MODE"),
        };
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
        let ready = async {
            let result = wait_until_ok(self.port, "/health/ready", READY_TIMEOUT).await;
            result.map_err(|error| error.with_cause(self.output.last_cause()))?;
            print(&text);
            self.output.flush();
            std::future::pending().await
        };
        tokio::select! {
            served = served => Ok(served?),
            failed = ready => failed,
        }
    }

    async fn watch(self, ready: Ready, parts: &mut Parts, features: Option<&str>) -> Result<(), StackError> {
        watch::build(features).await?;
        // Finds wrong settings: cargo-lambda would wait forever for a function that does not start.
        self.start_functions(&ready, parts).await?.stop().await;
        parts.instances = None;
        let program = find_cargo_lambda().await?;
        let (text, variables) = (self.text(&ready), variables(&self.environment, &ready));
        // cargo-lambda listens on the port itself.
        drop(self.listener);
        let cargo_lambda = CargoLambda::start(&program, self.port, features, variables)?;
        let cargo_lambda = parts.cargo_lambda.insert(cargo_lambda);
        tokio::select! {
            outcome = wait_until_ok(self.port, "/health", watch::READY_TIMEOUT) => outcome?,
            () = cargo_lambda.wait() => return Err(StackError::WatchEnded),
        }
        wait_until_ok(self.port, "/health/ready", READY_TIMEOUT).await?;
        print(&text);
        cargo_lambda.wait().await;
        Err(StackError::WatchEnded)
    }

    /// The text that is printed when the stack is ready.
    fn text(&self, ready: &Ready) -> String {
        if self.options.json {
            return ready.json();
        }
        let caller = match (&ready.better_auth_url, ready.users.first()) {
            (Some(url), _) => Caller::BetterAuth { url: url.clone() },
            _ if tokens::has_mode(&self.environment, "password") => Caller::Own,
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
        let runtime_api = RuntimeApi::start().await?;
        let config = InstanceConfig {
            binaries: ready.functions_dir.clone(),
            variables: variables(&self.environment, ready),
            concurrency: usize::try_from(self.concurrency).unwrap_or(usize::MAX),
        };
        let instances =
            Arc::new(Instances::new(&self.template.functions, config, runtime_api, Arc::clone(&self.output))?);
        parts.instances = Some(Arc::clone(&instances));
        instances.start_one_each().await?;
        Ok(instances)
    }
}

/// The variables of the functions in addition to the environment of this process.
fn variables(environment: &Environment, ready: &Ready) -> BTreeMap<String, String> {
    let mut variables = environment.added().clone();
    variables.insert("DATABASE_URL".to_owned(), ready.database_url.clone());
    // A generated secret is of use for HS256 only. It would be wrong for the sessions of a real front end.
    if tokens::has_mode(environment, "password") {
        variables.insert("AUTH_TOKEN_SECRET".to_owned(), ready.secret.clone());
    }
    if tokens::are_accepted(environment) && environment.get("BETTER_AUTH_SECRET").is_none() {
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

fn print(text: &str) {
    use std::io::Write;
    // A closed pipe is not an error: the reader has what it needs.
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}");
    let _ = stdout.flush();
}

//! What lives as long as the process, and how it responds to an event.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use database_url::DatabaseUrl;
use lambda_http::Context;

use super::deadline::time_left;
use super::log;
use super::metrics::Metrics;
use crate::accounts::{AccountStore, StartAccountStatements};
use crate::auth::Authenticator;
use crate::config::{ApiConfig, Config, StartError};
use crate::db::{Database, TableCheck, cause_chain};
use crate::http::{ApiError, Event, Response, ResponseWriter};
use crate::scope::{ExtraMembers, SIGN_IN_TABLE_CHECK, StartStatement, TABLE_CHECK, table_problems, with_live_user};

/// The parts of a function.
pub(super) struct App {
    pub(super) authenticator: Authenticator,
    pub(super) database: Arc<Database>,
    pub(super) config: ApiConfig,
    pub(super) extra: ExtraMembers,
    /// `None`: no user signs in at this API.
    pub(super) accounts: Option<Arc<AccountStore>>,
    /// Whether problem documents have the member `message`.
    pub(super) problems_have_message: bool,
    metrics: Option<Metrics>,
}

impl App {
    /// # Errors
    /// `DATABASE_URL` or `JWKS_JSON` cannot be parsed.
    pub(super) fn new(config: Config) -> Result<Self, StartError> {
        let url = DatabaseUrl::parse(config.database_url.expose().trim())
            .map_err(|problem| StartError::invalid("DATABASE_URL", problem))?;
        if !url.ignored().is_empty() {
            tracing::warn!(parameters = ?url.ignored(), "DATABASE_URL has parameters that make no difference here");
        }
        let database = Arc::new(Database::new(&url));
        let Config { auth, api, user_table, .. } = &config;
        let accounts = auth.password.as_ref().map(|tokens| {
            Arc::new(AccountStore::new(Arc::clone(&database), tokens, &api.passwords, user_table.clone()))
        });
        Ok(Self {
            authenticator: Authenticator::new(config.auth, Arc::clone(&database))?,
            database,
            config: config.api,
            extra: ExtraMembers::new(config.api.json),
            accounts,
            problems_have_message: false,
            metrics: config.metrics_namespace.map(Metrics::new),
        })
    }

    /// Does what the first request could do as well, because Lambda gives the start more processor time: connects, prepares
    /// `statements`, fetches the public keys, and logs what the database lacks. What fails here is retried by the first request.
    pub(super) async fn warm_up(&self, statements: &[StartStatement]) {
        let are_revocable = self.authenticator.all_tokens_are_revocable();
        let statements = statements.iter().map(|statement| match self.extra.fill(statement.sql()) {
            sql if are_revocable => Cow::Owned(with_live_user(&sql)),
            sql => sql,
        });
        self.warm_up_with(statements.collect()).await;
    }

    /// [`App::warm_up`] for operations on accounts, whose statements depend on the table of users.
    ///
    /// # Errors
    /// The database has several tables of users, and the settings do not say which is meant.
    pub(super) async fn warm_up_accounts(&self, statements: StartAccountStatements) -> Result<(), StartError> {
        let statements = match &self.accounts {
            Some(accounts) if self.database.warm_up(&[]).await => accounts.warm_up(statements).await?,
            Some(_) => return Ok(()),
            None => Vec::new(),
        };
        self.warm_up_with(statements.into_iter().map(Cow::Owned).collect()).await;
        Ok(())
    }

    async fn warm_up_with(&self, statements: Vec<Cow<'_, str>>) {
        let session = self.authenticator.statement().map(Cow::Borrowed);
        let statements: Vec<Cow<'_, str>> = session.into_iter().chain(statements).collect();
        let with_database = async {
            if !self.database.warm_up(&statements).await {
                return;
            }
            let signs_tokens = self.authenticator.signs_tokens();
            let checks: &[TableCheck] = if signs_tokens { &[TABLE_CHECK, SIGN_IN_TABLE_CHECK] } else { &[TABLE_CHECK] };
            match self.authenticator.check_tables(checks).await {
                Ok(None) => {}
                Ok(Some(tables)) => table_problems(&tables, signs_tokens)
                    .iter()
                    .for_each(|problem| tracing::warn!(problem, "requests will fail, or miss rows")),
                Err(error) => tracing::warn!(cause = cause_chain(&error), "the tables could not be checked"),
            }
        };
        tokio::join!(self.authenticator.fetch_keys(), with_database);
    }

    /// Runs an operation within the deadline of the event. Every failure is a response.
    pub(super) async fn respond<O>(&self, event: Event, context: &Context, operation: &O) -> ApiGatewayV2httpResponse
    where
        O: AsyncFn(&Self, Event, String) -> Result<Response, ApiError>,
    {
        let mut writer = ResponseWriter::new(&event, &context.request_id, self.config.json);
        if self.problems_have_message {
            writer = writer.with_message();
        }
        let result = match time_left(context) {
            // `timeout` polls the operation before the timer, so a statement would still be sent.
            Duration::ZERO => Err(ApiError::DeadlineExceeded),
            left => tokio::time::timeout(left, operation(self, event, context.request_id.clone()))
                .await
                .unwrap_or(Err(ApiError::DeadlineExceeded)),
        };
        let outcome = result.and_then(|response| writer.respond(&response));
        let stats = self.database.take_stats();
        let outcome = match outcome {
            // It has reached the database, which may still do it: a repeat with the same key finds out.
            Err(ApiError::DeadlineExceeded) if stats.was_waiting => Err(ApiError::IdempotencyInProgress(None)),
            outcome => outcome,
        };
        if let Some(metrics) = &self.metrics {
            metrics.write(&stats, outcome.as_ref().err(), context);
        }
        if let Err(error) = outcome {
            log::failure(&error, &context.request_id);
            writer.fail(&error);
        }
        writer.finish()
    }
}

//! A tracking server of MLflow, over REST 2.0.

use crate::cli::{CliError, http};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::thread::sleep;
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body, RequestBuilder};

/// The variable with the token that calls bear, and those with a name and its password, which MLflow's own client prefers.
const TOKEN: &str = "MLFLOW_TRACKING_TOKEN";
const NAME: &str = "MLFLOW_TRACKING_USERNAME";
const PASSWORD: &str = "MLFLOW_TRACKING_PASSWORD";
/// Longest answer: a page of runs has megabytes.
const MAX_ANSWER: u64 = 64 << 20;
/// A call that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a call is made, if the server has no answer for the moment.
const MAX_TRIES: u32 = 4;
/// The pause before the second try; each later one is twice as long.
const PAUSE: Duration = Duration::from_millis(200);

/// A server.
pub(super) struct Server {
    agent: Agent,
    url: String,
    /// What lets the caller in, as the header `Authorization` has it.
    credential: Option<String>,
}

/// What a server has answered.
pub(super) enum Answer {
    /// What it was asked for.
    Found(Value),
    /// It has nothing of that name.
    NotFound,
}

/// Why a call has no answer.
enum Failure {
    /// Another try may have one.
    Passing(String),
    /// None will.
    Lasting(CliError),
}

impl Server {
    /// The server at `url`, with the password or the token of the environment.
    ///
    /// # Errors
    /// If the address is not valid.
    pub(super) fn at(url: &str) -> Result<Self, CliError> {
        let url = url.trim_end_matches('/');
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        if host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace)) {
            return Err(CliError::Usage(format!(
                "--uri {url}: give the address of a tracking server, such as http://127.0.0.1:5000"
            )));
        }
        let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let basic = |name, password| format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
        let credential = match (set(NAME), set(PASSWORD)) {
            (Some(name), Some(password)) => Some(basic(name, password)),
            _ => set(TOKEN).map(|token| format!("Bearer {token}")),
        };
        Ok(Self { agent: http::agent(PATIENCE), url: url.to_owned(), credential })
    }

    /// Its address.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Reads: `GET`, with a parameter.
    ///
    /// # Errors
    /// If the server is not reached, or refuses.
    pub(super) fn get(&self, call: &str, query: (&str, &str)) -> Result<Answer, CliError> {
        self.patiently(|| {
            let request = self.agent.get(self.path(call)).query(query.0, query.1);
            self.read(call, self.bearing(request).call())
        })
    }

    /// Writes something that may be written twice: `POST`.
    ///
    /// # Errors
    /// If the server is not reached, or refuses.
    pub(super) fn post(&self, call: &str, body: &Value) -> Result<Answer, CliError> {
        self.patiently(|| self.post_once(call, body))
    }

    /// Makes something, unless a try that seemed to fail has made it: `made` looks for it before each further one.
    ///
    /// # Errors
    /// If the server is not reached, or refuses.
    pub(super) fn make(
        &self,
        call: &str,
        body: &Value,
        made: impl Fn() -> Result<Option<Value>, CliError>,
    ) -> Result<Answer, CliError> {
        let mut is_first = true;
        self.patiently(|| {
            if !std::mem::replace(&mut is_first, false)
                && let Some(made) = made().map_err(Failure::Lasting)?
            {
                return Ok(Answer::Found(made));
            }
            self.post_once(call, body)
        })
    }

    fn post_once(&self, call: &str, body: &Value) -> Result<Answer, Failure> {
        let request = self.agent.post(self.path(call)).content_type("application/json");
        self.read(call, self.bearing(request).send(body.to_string()))
    }

    fn path(&self, call: &str) -> String {
        format!("{}/api/2.0/mlflow/{call}", self.url)
    }

    /// The request with what lets the caller in, if there is anything.
    fn bearing<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.credential {
            Some(credential) => request.header("Authorization", credential),
            None => request,
        }
    }

    /// Tries until there is an answer, or no further try is worth while.
    fn patiently(&self, mut attempt: impl FnMut() -> Result<Answer, Failure>) -> Result<Answer, CliError> {
        let mut tries = 1;
        loop {
            match attempt() {
                Ok(answer) => return Ok(answer),
                Err(Failure::Lasting(error)) => return Err(error),
                Err(Failure::Passing(why)) if tries == MAX_TRIES => {
                    let url = &self.url;
                    return Err(CliError::NotReached(format!("the MLflow server at {url} {why} ({tries} tries)")));
                }
                Err(Failure::Passing(_)) => sleep(PAUSE * 2_u32.pow(tries - 1)),
            }
            tries += 1;
        }
    }

    fn read(&self, call: &str, response: Result<Response<Body>, ureq::Error>) -> Result<Answer, Failure> {
        let mut response = response.map_err(|error| Failure::Passing(format!("is not reached: {error}")))?;
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
        let text = text.map_err(|error| Failure::Passing(format!("does not answer to its end: {error}")))?;
        let answer = serde_json::from_slice::<Value>(&text).ok().filter(Value::is_object);
        let says = |answer: &Value| crate::text::one_line(answer["message"].as_str().unwrap_or("without a reason"));
        let lasting = |why: String| Failure::Lasting(CliError::NotReached(format!("{}: {why}", self.url)));
        match (status, answer) {
            (200, Some(answer)) => Ok(Answer::Found(answer)),
            (404, Some(answer)) if answer["error_code"] == "RESOURCE_DOES_NOT_EXIST" => Ok(Answer::NotFound),
            (429 | 500..600, answer) => {
                let why = answer.map(|answer| format!(": {}", says(&answer))).unwrap_or_default();
                Err(Failure::Passing(format!("answers {call} with {status}{why}")))
            }
            (401 | 403, _) => {
                let remedy = format!("set {TOKEN} to a token of it, or {NAME} and {PASSWORD}");
                Err(lasting(format!("the MLflow server lets nobody in ({status}): {remedy}")))
            }
            (_, Some(answer)) if answer["error_code"].is_string() => {
                Err(lasting(format!("the MLflow server refuses {call} ({status}): {}", says(&answer))))
            }
            _ => {
                Err(lasting(format!("no MLflow server: it answers {call} with {status}; give the address of its page")))
            }
        }
    }
}

/// The runs of an experiment for which the filter holds, each with `info` and `data`.
///
/// # Errors
/// If the server is not reached, or refuses.
pub(super) fn search(server: &Server, experiment: &str, filter: &str) -> Result<Vec<Value>, CliError> {
    let mut runs = Vec::new();
    let mut page = String::new();
    loop {
        let body = json!({
            "experiment_ids": [experiment], "filter": filter, "max_results": 1000, "page_token": page,
        });
        let Answer::Found(mut answer) = server.post("runs/search", &body)? else { return Ok(runs) };
        if let Value::Array(found) = answer["runs"].take() {
            runs.extend(found);
        }
        match answer["next_page_token"].as_str() {
            Some(next) if !next.is_empty() && next != page => page = next.to_owned(),
            _ => return Ok(runs),
        }
    }
}

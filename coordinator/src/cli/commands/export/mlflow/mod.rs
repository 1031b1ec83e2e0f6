//! `coordinator export mlflow`: runs on a tracking server, a parent per candidate and a child per job.
//!
//! ```text
//!  a run that the server has, found by its tag:
//!    as it should be   left alone
//!    another content   a job's run is deleted and made anew, a candidate's gets its new numbers
//!    not there         made; the hash of its content comes last, so half a run is not taken for one
//! ```

mod server;

use super::exported;
use crate::analyst::Question;
use crate::cli::client::Source;
use crate::cli::json::JsonArgs;
use crate::cli::which::AnySweep;
use crate::cli::{CliError, ask};
use crate::interchange::mlflow::{self, CONTENT_TAG, Family, KEY_TAGS, Logged, Metric, Pair, SWEEP_TAG};
use crate::tables::export::Format;
use crate::text::plural;
use serde::Serialize;
use serde_json::{Value, json};
use server::{Answer, Server, search};
use std::collections::HashMap;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// Most metrics of a call.
const MAX_METRICS: usize = 1000;
/// Most parameters, and most tags, of a call.
const MAX_PAIRS: usize = 100;
/// The tag by which MLflow knows a child's parent.
const PARENT_TAG: &str = "mlflow.parentRunId";

/// Log a sweep to a tracking server of MLflow: a run per candidate and, below it, a run per job
///
/// Repeating it doubles nothing. MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD are sent, or MLFLOW_TRACKING_TOKEN, if they are set.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  coordinator export mlflow lesions --uri http://127.0.0.1:5000")]
pub(super) struct Args {
    #[command(flatten)]
    sweep: AnySweep,
    /// Address of the tracking server
    #[arg(long, value_name = "URL")]
    uri: String,
    /// The experiment, which is made if it is not there [default: the sweep's name]
    #[arg(long, value_name = "NAME")]
    experiment: Option<String>,
    #[command(flatten)]
    json: JsonArgs,
    #[command(flatten)]
    source: Source,
}

pub(super) async fn run(args: Args) -> Result<(), CliError> {
    let Args { sweep, uri, experiment, json, source } = args;
    let server = Server::at(&uri)?;
    let mut found = source.find().await?;
    let runs = ask::runs(&mut found, sweep.name()).await?;
    let question = Question { sweep: runs.sweep.clone(), format: Format::Json, ..Question::default() };
    let candidates = ask::table(&mut found, question).await?.text;
    let families = mlflow::families(&runs, &candidates).map_err(|error| CliError::NotReached(error.to_string()))?;
    let name = experiment.unwrap_or_else(|| runs.sweep.clone());
    let logging = tokio::task::spawn_blocking(move || log(&server, &name, &runs.sweep, &families));
    let page = logging.await.map_err(|error| CliError::Internal(error.to_string()))??;
    exported(json, "mlflow", &page)
}

/// Logs what the server has not; the address of the experiment.
fn log(server: &Server, name: &str, sweep: &str, families: &[Family]) -> Result<String, CliError> {
    let experiment = experiment(server, name)?;
    let known = search(server, &experiment, &format!("tags.`{SWEEP_TAG}` = '{sweep}'"))?;
    let known: HashMap<(usize, &str), Known<'_>> = known
        .iter()
        .filter_map(|run| {
            let known = Known::of(run)?;
            Some((known.key, known))
        })
        .collect();
    let mut logger = Logger { server, experiment: &experiment, made: 0, same: 0 };
    for Family { parent, children } in families {
        let parent = logger.parent(parent, known.get(&(1, &*parent.key.value)))?;
        for child in children {
            logger.child(&parent, child, known.get(&(0, &*child.key.value)))?;
        }
    }
    let Logger { made, same, .. } = logger;
    // for people: a reader that is gone needs no line
    let _ = writeln!(std::io::stderr(), "{} logged, {same} there already", plural(made, "run"));
    Ok(format!("{}/#/experiments/{experiment}", server.url()))
}

/// The id of the experiment of that name, which is made if it is not there.
fn experiment(server: &Server, name: &str) -> Result<String, CliError> {
    let find = || match server.get("experiments/get-by-name", ("experiment_name", name))? {
        Answer::Found(answer) => Ok(Some(answer["experiment"].clone())),
        Answer::NotFound => Ok(None),
    };
    if let Some(found) = find()? {
        return id(server, &found["experiment_id"]);
    }
    match server.make("experiments/create", &json!({"name": name}), find)? {
        Answer::Found(answer) => id(server, &answer["experiment_id"]),
        Answer::NotFound => Err(not_understood(server)),
    }
}

fn id(server: &Server, value: &Value) -> Result<String, CliError> {
    value.as_str().map(str::to_owned).ok_or_else(|| not_understood(server))
}

fn not_understood(server: &Server) -> CliError {
    CliError::NotReached(format!("{}: the answer is not that of an MLflow server", server.url()))
}

/// A run that the server has.
struct Known<'a> {
    /// Which of [`KEY_TAGS`] it has, and with which value.
    key: (usize, &'a str),
    id: &'a str,
    content: Option<&'a str>,
    parent: Option<&'a str>,
}

impl<'a> Known<'a> {
    fn of(run: &'a Value) -> Option<Self> {
        let tags = run["data"]["tags"].as_array()?;
        let tag = |name: &str| tags.iter().find(|tag| tag["key"] == name).and_then(|tag| tag["value"].as_str());
        let key = KEY_TAGS.iter().enumerate().find_map(|(place, name)| Some((place, tag(name)?)))?;
        Some(Self { key, id: run["info"]["run_id"].as_str()?, content: tag(CONTENT_TAG), parent: tag(PARENT_TAG) })
    }
}

/// Who logs.
struct Logger<'a> {
    server: &'a Server,
    experiment: &'a str,
    made: u64,
    same: u64,
}

impl Logger<'_> {
    /// Logs a candidate; the id of its run, which stays the same.
    fn parent(&mut self, logged: &Logged, known: Option<&Known<'_>>) -> Result<String, CliError> {
        let (id, content) = match known {
            Some(known) => (known.id.to_owned(), known.content),
            None => (self.create(logged, None)?, None),
        };
        if content == Some(&*logged.hash()) {
            self.same += 1;
        } else {
            // the numbers of an earlier export are older
            self.fill(&id, &logged.dated(now()), logged.hash())?;
        }
        Ok(id)
    }

    /// Logs a job.
    fn child(&mut self, parent: &str, logged: &Logged, known: Option<&Known<'_>>) -> Result<(), CliError> {
        match known {
            Some(known) if known.content == Some(&*logged.hash()) => {
                if known.parent != Some(parent) {
                    let tag = json!({"run_id": known.id, "key": PARENT_TAG, "value": parent});
                    self.write("runs/set-tag", &tag)?;
                }
                self.same += 1;
                return Ok(());
            }
            // metrics are only ever added
            Some(known) => drop(self.server.post("runs/delete", &json!({"run_id": known.id}))?),
            None => {}
        }
        let id = self.create(logged, Some(parent))?;
        self.fill(&id, logged, logged.hash())
    }

    /// Makes a run with nothing but what it is found by.
    fn create(&self, logged: &Logged, parent: Option<&str>) -> Result<String, CliError> {
        let Logged { name, key, tags, .. } = logged;
        let mut tags = tags.clone();
        tags.push(key.clone());
        tags.extend(parent.map(|parent| Pair::new(PARENT_TAG, parent)));
        let body = json!({
            "experiment_id": self.experiment, "run_name": name, "start_time": now().saturating_sub(logged.duration),
            "tags": tags.iter().take(MAX_PAIRS).collect::<Vec<_>>(),
        });
        let sweep = tags.iter().find(|tag| tag.key == SWEEP_TAG).map_or("", |tag| tag.value.as_str());
        let made = || {
            let found = search(self.server, self.experiment, &format!("tags.`{SWEEP_TAG}` = '{sweep}'"))?;
            let is_it = |run: &&Value| {
                Known::of(run).is_some_and(|known| KEY_TAGS[known.key.0] == key.key && known.key.1 == key.value)
            };
            Ok(found.iter().find(is_it).map(|run| json!({"run": run})))
        };
        match self.server.make("runs/create", &body, made)? {
            Answer::Found(answer) => id(self.server, &answer["run"]["info"]["run_id"]),
            Answer::NotFound => Err(not_understood(self.server)),
        }
    }

    /// Logs all of a run, the hash of its content last.
    fn fill(&mut self, id: &str, logged: &Logged, hash: String) -> Result<(), CliError> {
        for params in logged.params.chunks(MAX_PAIRS) {
            self.batch(id, "params", params)?;
        }
        for metrics in logged.metrics.chunks(MAX_METRICS) {
            self.batch::<Metric>(id, "metrics", metrics)?;
        }
        let ended = logged.status != "RUNNING";
        let mut update = json!({"run_id": id, "run_name": logged.name, "status": logged.status});
        if ended {
            update["end_time"] = now().into();
        }
        self.write("runs/update", &update)?;
        self.batch(id, "tags", &[Pair::new(CONTENT_TAG, hash)])?;
        self.made += 1;
        Ok(())
    }

    fn batch<T: Serialize>(&self, id: &str, kind: &str, some: &[T]) -> Result<(), CliError> {
        self.write("runs/log-batch", &json!({"run_id": id, kind: some}))
    }

    /// Writes something of a run that is there.
    fn write(&self, call: &str, body: &Value) -> Result<(), CliError> {
        match self.server.post(call, body)? {
            Answer::Found(_) => Ok(()),
            Answer::NotFound => {
                let run = body["run_id"].as_str().unwrap_or_default();
                Err(CliError::NotReached(format!(
                    "{}: the run {run} was deleted meanwhile; export again",
                    self.server.url()
                )))
            }
        }
    }
}

/// Milliseconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}

//! The traces of jobs, for OpenTelemetry: one per job, whose id is the trace's id.
//!
//! ```text
//!  job        ==========================================================   from the queue to the result, or to the last failure
//!    queue      ========                     =====                         until a worker took it
//!    attempt            =====================     ======================   with its worker and outcome
//!      load             ====                      ===                      until the training began
//!      train                =================        ===============       an event for each report of an epoch
//!      finish                                                       ====   until the result was on the disk
//! ```
//!
//! All times are the coordinator's, so no clock of a host matters. Spans leave in batches, from a thread of their own; the environment says
//! where to, as [OpenTelemetry's specification](https://opentelemetry.io/docs/specs/otel/protocol/exporter/) names its variables.

use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, Key, KeyValue, Value};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter as Otlp};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanExporter, SpanLinks, SpanProcessor,
};
use proto::ids::{Attempt, JobId};
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where traces go, the more specific first.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
const QUEUE: &str = "OTEL_BSP_MAX_QUEUE_SIZE";
/// Spans that wait to be sent, if the environment does not say; what comes beyond is dropped. A second of the fastest made-up jobs.
const QUEUED_SPANS: usize = 20_000;
/// Time that the last spans have to leave at the end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why traces cannot be sent as the environment asks.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// Another protocol than gRPC.
    #[error(
        "{variable} is `{value}`: traces are sent by gRPC only; set it to `grpc`, and the endpoint to the collector's gRPC port, often 4317"
    )]
    Protocol {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// An endpoint, a header or another setting that is none.
    #[error(
        "traces cannot be sent to `{endpoint}`: {source}; OTEL_EXPORTER_OTLP_ENDPOINT expects a URL such as http://collector:4317"
    )]
    Exporter {
        /// Where to.
        endpoint: String,
        /// What is wrong.
        source: ExporterBuildError,
    },
}

/// Sends traces. Ends with what it has, within seconds.
#[derive(Debug)]
pub struct Traces {
    spans: BatchSpanProcessor,
    scope: InstrumentationScope,
}

/// An attempt that has ended.
#[derive(Debug)]
pub struct EndedAttempt<'a> {
    /// The job.
    pub job: JobId,
    /// Its number.
    pub attempt: Attempt,
    /// What is known of it.
    pub told: &'a Told,
    /// When the job began to wait for it.
    pub queued: SystemTime,
    /// When a worker took it.
    pub granted: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// How it ended.
    pub outcome: &'static str,
    /// Which of several reasons; empty for outcomes that have one.
    pub kind: &'static str,
    /// Why it failed, for people.
    pub message: &'a str,
}

/// What is told of an attempt while it runs.
#[derive(Debug, Clone)]
pub struct Told {
    /// The sweep.
    pub sweep: String,
    /// The job, for people.
    pub job: String,
    /// The worker, for people.
    pub worker: String,
    /// When the training began, if it has.
    pub trained_since: Option<SystemTime>,
    /// The reports of epochs, in their order.
    pub epochs: Vec<Epoch>,
}

/// A report of an epoch.
#[derive(Debug, Clone, Copy)]
pub struct Epoch {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// When it ended.
    pub at: SystemTime,
    /// Its mean training loss, if it is finite.
    pub loss: Option<f64>,
}

impl Traces {
    /// Traces as the environment asks for them; `None` if it does not. To be called where tokio runs.
    ///
    /// # Errors
    /// If it asks for what cannot be.
    pub fn from_environment() -> Result<Option<Self>, TracesError> {
        Self::asked_for(|variable| std::env::var(variable).ok().filter(|value| !value.is_empty()))
    }

    fn asked_for(variable: impl Fn(&'static str) -> Option<String>) -> Result<Option<Self>, TracesError> {
        let is = |name, value| variable(name).is_some_and(|found| found.eq_ignore_ascii_case(value));
        let Some(endpoint) = ENDPOINTS.into_iter().find_map(&variable) else { return Ok(None) };
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        if let Some((name, value)) = PROTOCOLS.into_iter().find_map(|name| Some((name, variable(name)?)))
            && value != "grpc"
        {
            return Err(TracesError::Protocol { variable: name, value });
        }
        let to = Otlp::builder().with_tonic().build();
        let to = to.map_err(|source| TracesError::Exporter { endpoint: endpoint.clone(), source })?;
        let limits = BatchConfigBuilder::default();
        let limits = if variable(QUEUE).is_some() { limits } else { limits.with_max_queue_size(QUEUED_SPANS) };
        let exporter = Candid { to, endpoint, fails: AtomicBool::new(false) };
        let mut spans = BatchSpanProcessor::builder(exporter).with_batch_config(limits.build()).build();
        spans.set_resource(&service());
        let scope = InstrumentationScope::builder("splitsweep").with_version(env!("CARGO_PKG_VERSION")).build();
        Ok(Some(Self { spans, scope }))
    }

    /// Takes what is known of an attempt that has ended.
    pub fn attempt_ended(&self, of: &EndedAttempt<'_>) {
        let EndedAttempt { told, queued, granted, ended, .. } = *of;
        let number = of.attempt.0;
        // an attempt that went on after it was lost is told in two pieces, so its number alone does not tell them apart
        let piece = Some(granted);
        let (job, attempt) = (span_id(of.job, "job", None), span_id(of.job, "attempt", piece));
        let span = |name: &'static str, parent, from, to| self.span(of.job, name, piece, parent, [from, to]);
        let mut queue = span("queue", job, queued, granted);
        queue.attributes = vec![KeyValue::new("splitsweep.attempt", i64::from(number))];
        self.spans.on_end(queue);
        let trained_since = told.trained_since.unwrap_or(ended).clamp(granted, ended.max(granted));
        self.spans.on_end(span("load", attempt, granted, trained_since));
        let trained_until = told.epochs.last().map_or(trained_since, |epoch| epoch.at);
        if told.trained_since.is_some() {
            let mut train = span("train", attempt, trained_since, trained_until);
            train.events = events(&told.epochs);
            self.spans.on_end(train);
            self.spans.on_end(span("finish", attempt, trained_until, ended));
        }
        let mut whole = span("attempt", job, granted, ended);
        whole.attributes = vec![
            KeyValue::new("splitsweep.attempt", i64::from(number)),
            KeyValue::new("splitsweep.worker", told.worker.clone()),
            KeyValue::new("splitsweep.outcome", of.outcome),
        ];
        whole.attributes.extend((!of.kind.is_empty()).then(|| KeyValue::new("splitsweep.outcome.kind", of.kind)));
        whole.status = status(of);
        self.spans.on_end(whole);
    }

    /// Takes a job that has ended with this attempt, `queued` being when it first began to wait, `last` its last attempt.
    pub fn job_ended(&self, of: &EndedAttempt<'_>, queued: SystemTime, last: Attempt) {
        let mut job = self.span(of.job, "job", None, SpanId::INVALID, [queued, of.ended]);
        job.attributes = vec![
            KeyValue::new("splitsweep.sweep", of.told.sweep.clone()),
            KeyValue::new("splitsweep.job", of.told.job.clone()),
            KeyValue::new("splitsweep.attempts", i64::from(last.0)),
        ];
        job.status = status(of);
        self.spans.on_end(job);
    }

    /// Sends what is left, for a few seconds at most.
    pub fn finish(&self) {
        if let Err(error) = self.spans.shutdown_with_timeout(FAREWELL) {
            tracing::debug!(%error, "the last traces are not sent");
        }
    }

    fn span(
        &self,
        job: JobId,
        name: &'static str,
        piece: Option<SystemTime>,
        parent_span_id: SpanId,
        [start_time, end_time]: [SystemTime; 2],
    ) -> SpanData {
        let (trace, id) = (TraceId::from(job.0), span_id(job, name, piece));
        SpanData {
            span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::NONE),
            parent_span_id,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: Cow::Borrowed(name),
            start_time,
            end_time: end_time.max(start_time),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        }
    }
}

/// A span's id follows from what it is of, so that a restarted coordinator goes on in the same trace: the job, or a piece of its work that
/// began then.
fn span_id(job: JobId, name: &str, piece: Option<SystemTime>) -> SpanId {
    let began = piece.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let hash = blake3::hash(format!("{job} {name} {}", began.as_millis()).as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    SpanId::from_bytes(first)
}

fn events(epochs: &[Epoch]) -> SpanEvents {
    let mut events = SpanEvents::default();
    events.events = epochs
        .iter()
        .map(|Epoch { epoch, at, loss }| {
            let mut attributes = vec![KeyValue::new("splitsweep.epoch", i64::from(*epoch))];
            attributes.extend(loss.map(|loss| KeyValue::new("splitsweep.train_loss", loss)));
            Event::new("epoch", *at, attributes, 0)
        })
        .collect();
    events
}

fn status(of: &EndedAttempt<'_>) -> Status {
    match of.outcome {
        "succeeded" => Status::Ok,
        "failed" | "lost" => Status::error(if of.message.is_empty() { of.outcome } else { of.message }.to_owned()),
        // given back or recalled: nobody's mistake
        _ => Status::Unset,
    }
}

/// What sends the traces, as the environment names it.
fn service() -> Resource {
    let told = || Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let is_named = |name: &Value| !name.as_str().starts_with("unknown_service");
    match told().build().get(&Key::new("service.name")) {
        Some(name) if is_named(&name) => told().build(),
        _ => told().with_service_name("splitsweep").build(),
    }
}

/// An exporter that says in the log, once, that it cannot send, and that it can again.
#[derive(Debug)]
struct Candid {
    to: Otlp,
    endpoint: String,
    fails: AtomicBool,
}

impl SpanExporter for Candid {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.to.export(batch).await;
        match (&sent, self.fails.swap(sent.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => {
                tracing::warn!("traces do not reach {}, and are dropped until they do: {error}", self.endpoint);
            }
            (Ok(()), true) => tracing::info!("traces reach {} again", self.endpoint),
            _ => {}
        }
        sent
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.to.set_resource(resource);
    }
}

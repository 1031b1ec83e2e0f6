//! The traces of jobs, as a collector of OpenTelemetry gets them.

use crate::harness::{Coordinator, Lab, Peer, Process, Signal, free_port, simulated, until};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// The attribute with the number of an attempt.
const ATTEMPT: &str = "splitsweep.attempt";

/// What a collector has got.
#[derive(Clone, Default)]
struct Received {
    spans: Arc<Mutex<Vec<Span>>>,
    services: Arc<Mutex<Vec<String>>>,
}

#[tonic::async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for of_service in request.into_inner().resource_spans {
            let attributes = of_service.resource.unwrap_or_default().attributes;
            self.services.lock().unwrap().extend(attribute(&attributes, "service.name"));
            let spans = of_service.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
            self.spans.lock().unwrap().extend(spans);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// A collector on this machine.
struct Collector {
    received: Received,
    url: String,
    _runtime: Runtime,
}

impl Collector {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Received::default();
        let service = TraceServiceServer::new(received.clone());
        runtime.spawn(Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
        Self { received, url, _runtime: runtime }
    }

    /// The spans once so many jobs have ended.
    fn spans(&self, jobs: usize) -> Vec<Span> {
        until("the ends of all jobs", || {
            let spans = self.received.spans.lock().unwrap().clone();
            (spans.iter().filter(|span| span.name == "job").count() == jobs).then_some(spans)
        })
    }

    /// The same by job, each with its spans by name and attempt.
    fn traces(&self, jobs: usize) -> BTreeMap<String, BTreeMap<(String, String), Span>> {
        let spans = self.spans(jobs);
        let attempts: BTreeMap<_, _> =
            spans.iter().filter_map(|span| Some((&span.span_id, attribute(&span.attributes, ATTEMPT)?))).collect();
        let mut traces = BTreeMap::<_, BTreeMap<_, _>>::new();
        for span in &spans {
            let id: String = span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
            let attempt = attempts.get(&span.span_id).or_else(|| attempts.get(&span.parent_span_id));
            let key = (span.name.clone(), attempt.cloned().unwrap_or_default());
            assert_eq!(traces.entry(id).or_default().insert(key, span.clone()), None, "sent twice");
        }
        traces
    }
}

/// An attribute as text.
fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?.value?;
    Some(match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

/// A coordinator that serves and sends its traces there.
fn serve(lab: &Lab, endpoint: &str) -> Coordinator {
    let mut command = lab.command("coordinator", ["serve", "--listen", "127.0.0.1:0", "--lease", "3s"]);
    Coordinator::start(command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).env("OTEL_BSP_SCHEDULE_DELAY", "50"))
}

#[test]
fn a_trace_tells_of_a_job_from_the_queue_to_the_result() {
    let (lab, collector) = (Lab::new(), Collector::start());
    lab.write(&simulated(4, 5));
    let coordinator = serve(&lab, &collector.url);
    lab.submit(&coordinator.url, &["--simulated"]);
    let mut first = lab.worker(&coordinator.url, "first", &["--simulate", "3s"]);
    let interrupted = coordinator.running(&lab, "first");
    first.kill();
    let _second = lab.worker(&coordinator.url, "second", &["--simulate", "2s"]);
    let traces = collector.traces(4);
    assert_eq!(collector.received.services.lock().unwrap().first().map(String::as_str), Some("splitsweep"));
    let jobs: Vec<String> = lab.check_complete(4).into_iter().map(|row| row["job"].clone()).collect();
    assert!(jobs.iter().all(|job| traces.contains_key(job)) && traces.len() == 4, "a trace per job, under its id");
    for (id, spans) in &traces {
        let of = |name: &str, attempt: &str| spans.get(&(name.to_owned(), attempt.to_owned()));
        let job = of("job", "").unwrap();
        let last = if *id == interrupted { "2" } else { "1" };
        assert_eq!(attribute(&job.attributes, "splitsweep.sweep").as_deref(), Some("simulated"));
        assert_eq!(attribute(&job.attributes, "splitsweep.attempts").as_deref(), Some(last));
        assert!(job.parent_span_id.is_empty());
        let attempt = of("attempt", last).unwrap();
        assert_eq!(attribute(&attempt.attributes, "splitsweep.worker").as_deref(), Some("second"));
        assert_eq!(attribute(&attempt.attributes, "splitsweep.outcome").as_deref(), Some("succeeded"));
        assert_eq!(attempt.parent_span_id, job.span_id);
        assert_eq!(job.end_time_unix_nano, attempt.end_time_unix_nano);
        // the parts of an attempt follow each other without a gap
        let parts = ["load", "train", "finish"].map(|name| of(name, last).unwrap());
        let mut at = attempt.start_time_unix_nano;
        for part in parts {
            assert_eq!((part.start_time_unix_nano, &part.parent_span_id), (at, &attempt.span_id), "{}", part.name);
            at = part.end_time_unix_nano;
        }
        assert_eq!(at, attempt.end_time_unix_nano);
        // the last epoch may come with the result, which is no report of its own
        let epoch = |event: &Event| attribute(&event.attributes, "splitsweep.epoch").unwrap().parse::<u32>().unwrap();
        let epochs: Vec<u32> = parts[1].events.iter().map(epoch).collect();
        assert!(epochs.is_sorted() && epochs.iter().all(|epoch| (1..=5).contains(epoch)), "{epochs:?}");
        assert!(parts[1].events.iter().all(|event| event.name == "epoch"));
    }
    let spans = &traces[&interrupted];
    let lost = &spans[&("attempt".to_owned(), "1".to_owned())];
    assert_eq!(lost.status.as_ref().unwrap().code(), StatusCode::Error);
    assert_eq!(attribute(&lost.attributes, "splitsweep.worker").as_deref(), Some("first"));
    assert_eq!(attribute(&lost.attributes, "splitsweep.outcome.kind").as_deref(), Some("silent"));
    assert!(!spans[&("train".to_owned(), "1".to_owned())].events.is_empty(), "the epochs that were heard of");
    let [first, second] = ["1", "2"].map(|attempt| &spans[&("queue".to_owned(), attempt.to_owned())]);
    let job = &spans[&("job".to_owned(), String::new())];
    assert_eq!(first.start_time_unix_nano, job.start_time_unix_nano);
    assert_eq!(first.end_time_unix_nano, lost.start_time_unix_nano);
    assert_eq!(second.start_time_unix_nano, lost.end_time_unix_nano, "it waits again");
    assert_eq!(second.end_time_unix_nano, spans[&("attempt".to_owned(), "2".to_owned())].start_time_unix_nano);
}

/// The spans of the only job, whose worker is silent until its lease has ended, and hands its result in after what happens meanwhile.
fn late(meanwhile: impl AsyncFnOnce(&Coordinator)) -> Vec<Span> {
    let (lab, collector) = (Lab::new(), Collector::start());
    lab.write(&simulated(1, 1));
    let coordinator = serve(&lab, &collector.url);
    lab.submit(&coordinator.url, &["--simulated"]);
    Runtime::new().unwrap().block_on(async {
        let mut peer = Peer::new(&coordinator.url, 1, 1);
        peer.register().await.unwrap();
        peer.synchronize().await.unwrap();
        let lease = peer.held[0];
        until("the end of the lease", || (lab.history().lost().len() == 1).then_some(()));
        meanwhile(&coordinator).await;
        assert!(peer.report(&lease).await.unwrap());
    });
    let spans = collector.spans(1);
    let job = spans.iter().find(|span| span.name == "job").unwrap();
    assert_eq!(job.status.as_ref().unwrap().code(), StatusCode::Ok, "the first result counts");
    spans
}

/// The attempts among the spans in the order of their beginnings: number and outcome.
fn attempts(spans: &[Span]) -> Vec<[String; 2]> {
    let mut attempts: Vec<_> = spans.iter().filter(|span| span.name == "attempt").collect();
    attempts.sort_by_key(|span| span.start_time_unix_nano);
    let of = |span: &Span| [ATTEMPT, "splitsweep.outcome"].map(|key| attribute(&span.attributes, key).unwrap());
    attempts.into_iter().map(of).collect()
}

#[test]
fn an_attempt_that_goes_on_after_it_was_lost_is_told_in_two_pieces() {
    let spans = late(async |_| {});
    assert_eq!(attempts(&spans), [["1", "lost"], ["1", "succeeded"]]);
    let ids: BTreeSet<_> = spans.iter().map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), spans.len(), "every span has an id of its own");
    let queues = spans.iter().filter(|span| span.name == "queue");
    assert_eq!(queues.count(), 2, "it waited again until it was heard of");
}

#[test]
fn a_result_that_comes_late_ends_the_job_and_the_attempt_that_runs() {
    let spans = late(async |coordinator| {
        let mut second = Peer::new(&coordinator.url, 2, 1);
        second.register().await.unwrap();
        second.synchronize().await.unwrap();
        assert_eq!(second.held.len(), 1);
    });
    assert_eq!(attempts(&spans), [["1", "lost"], ["2", "recalled"]]);
    let job = spans.iter().find(|span| span.name == "job").unwrap();
    assert_eq!(attribute(&job.attributes, "splitsweep.attempts").as_deref(), Some("2"));
}

#[test]
fn a_cancellation_ends_the_attempt_that_runs() {
    let (lab, collector) = (Lab::new(), Collector::start());
    lab.write(&simulated(1, 200));
    let coordinator = serve(&lab, &collector.url);
    lab.submit(&coordinator.url, &["--simulated"]);
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "100s"]);
    coordinator.running(&lab, "w");
    lab.run(["cancel", "simulated"]).expect(0);
    assert_eq!(attempts(&collector.spans(1)), [["1", "recalled"]]);
}

#[test]
fn work_goes_on_without_the_collector() {
    let lab = Lab::new();
    lab.write(&simulated(4, 2));
    let mut coordinator = serve(&lab, &format!("http://127.0.0.1:{}", free_port()));
    lab.submit(&coordinator.url, &["--simulated"]);
    let _worker = lab.worker(&coordinator.url, "first", &["--simulate", "1ms"]);
    coordinator.ended(&lab);
    lab.check_complete(4);
    coordinator.process.says("traces do not reach http://127.0.0.1:");
    coordinator.process.signal(Signal::TERM);
    let stderr = coordinator.process.wait().expect(0).stderr;
    assert_eq!(stderr.matches("traces do not reach").count(), 1, "{stderr}");
}

#[test]
fn settings_that_cannot_be_are_told_at_the_start() {
    let lab = Lab::new();
    let told = |variable: &str, value: &str| {
        let mut command = lab.command("coordinator", ["serve", "--listen", "127.0.0.1:0"]);
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317").env(variable, value);
        Process::start(&mut command).wait().expect(2).stderr
    };
    let stderr = told("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    assert!(
        stderr.contains("OTEL_EXPORTER_OTLP_PROTOCOL is `http/protobuf`: traces are sent by gRPC only"),
        "{stderr}"
    );
    let stderr = told("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "no address");
    assert!(stderr.contains("traces cannot be sent to `no address`"), "{stderr}");
    assert!(!lab.store().exists(), "nothing is left behind");
}

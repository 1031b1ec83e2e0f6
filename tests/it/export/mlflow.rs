//! `export mlflow` against a server of its own: what is logged, what a second export does, and what refusals say.

use super::ended;
use crate::harness::{Ended, Lab};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a server knows, and what goes wrong with it next.
#[derive(Default)]
struct Server {
    experiment: Option<String>,
    runs: Vec<Run>,
    /// Calls since they were last looked at: the name and what came with it.
    calls: Vec<(String, Value)>,
    /// What the next calls are answered instead.
    refusals: VecDeque<(u16, &'static str)>,
    /// How many of the next runs are made without an answer that says so.
    swallowed: u32,
    /// The token that calls must bear.
    token: Option<&'static str>,
}

#[derive(Default)]
struct Run {
    is_deleted: bool,
    tags: Vec<Value>,
    metrics: Vec<Value>,
    params: Vec<Value>,
    status: Value,
}

/// A tracking server that speaks as much as an export needs; its address.
fn serve() -> (Arc<Mutex<Server>>, String) {
    let server = Arc::new(Mutex::new(Server::default()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shared = Arc::clone(&server);
    // it ends with the tests
    thread::spawn(move || {
        for stream in listener.incoming() {
            answer(&mut shared.lock().unwrap(), stream.unwrap());
        }
    });
    (server, url)
}

fn answer(server: &mut Server, stream: TcpStream) {
    let mut reader = BufReader::new(&stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() <= 2 {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let Some(request) = lines.first() else { return };
    let header = |name: &str| {
        let of = |line: &String| {
            line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        lines.iter().find_map(of)
    };
    let mut body = vec![0; header("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    let call = request.split(['/', '?', ' ']).collect::<Vec<_>>();
    let call = call.windows(3).find(|words| words[0] == "mlflow").map(|words| format!("{}/{}", words[1], words[2]));
    let bears = server.token.is_none_or(|token| header("authorization") == Some(format!("Bearer {token}")));
    let (status, text) = match (server.refusals.pop_front(), call) {
        (Some((status, text)), _) => (status, text.to_owned()),
        (None, _) if !bears => (401, "who are you?".to_owned()),
        (None, Some(call)) => {
            let (status, value) = server.call(&call, &body);
            server.calls.push((call, body));
            (status, value.to_string())
        }
        (None, None) => (404, "<html>not found</html>".to_owned()),
    };
    let mut stream = &stream;
    let length = text.len();
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}").unwrap();
}

impl Server {
    fn call(&mut self, call: &str, body: &Value) -> (u16, Value) {
        let place = || body["run_id"].as_str().unwrap().parse::<usize>().unwrap();
        let list = |name: &str| body[name].as_array().cloned().unwrap_or_default();
        match call {
            "experiments/get-by-name" if self.experiment.is_none() => {
                (404, json!({"error_code": "RESOURCE_DOES_NOT_EXIST"}))
            }
            "experiments/get-by-name" => (200, json!({"experiment": {"experiment_id": "7"}})),
            "experiments/create" => {
                self.experiment = body["name"].as_str().map(str::to_owned);
                (200, json!({"experiment_id": "7"}))
            }
            "runs/search" => {
                // a page has ten
                let from: usize = body["page_token"].as_str().unwrap().parse().unwrap_or(0);
                let living = self.runs.iter().enumerate().filter(|(_, run)| !run.is_deleted);
                let of = |(place, run): (usize, &Run)| json!({"info": {"run_id": place.to_string()}, "data": {"tags": run.tags}});
                let found: Vec<Value> = living.map(of).collect();
                let next = if from + 10 < found.len() { (from + 10).to_string() } else { String::new() };
                let page: Vec<_> = found.into_iter().skip(from).take(10).collect();
                (200, json!({"runs": page, "next_page_token": next}))
            }
            "runs/create" => {
                self.runs.push(Run { tags: list("tags"), ..Run::default() });
                if self.swallowed > 0 {
                    self.swallowed -= 1;
                    return (502, Value::Null);
                }
                (200, json!({"run": {"info": {"run_id": (self.runs.len() - 1).to_string()}}}))
            }
            "runs/log-batch" => {
                let [metrics, params, tags] = ["metrics", "params", "tags"].map(list);
                assert!(metrics.len() <= 1000 && params.len() <= 100 && tags.len() <= 100, "a batch is too long");
                let run = &mut self.runs[place()];
                run.metrics.extend(metrics);
                run.params.extend(params);
                run.tags.extend(tags);
                (200, json!({}))
            }
            "runs/update" => {
                self.runs[place()].status = body["status"].clone();
                (200, json!({}))
            }
            "runs/delete" => {
                self.runs[place()].is_deleted = true;
                (200, json!({}))
            }
            other => panic!("no such call: {other}"),
        }
    }

    fn living(&self) -> Vec<&Run> {
        self.runs.iter().filter(|run| !run.is_deleted).collect()
    }
}

impl Run {
    fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().rev().find(|tag| tag["key"] == name)?["value"].as_str()
    }
}

fn export(lab: &Lab, url: &str) -> Ended {
    lab.run(["export", "mlflow", "exported", "--uri", url])
}

#[test]
fn a_second_export_doubles_nothing_and_an_interrupted_one_is_completed() {
    let lab = ended();
    let (server, url) = serve();
    let first = export(&lab, &url).expect(0);
    assert_eq!(first.stdout, format!("{url}/#/experiments/7\n"));
    assert!(first.stderr.contains("24 runs logged, 0 there already"), "{}", first.stderr);
    let numbers =
        |server: &Server| server.living().iter().map(|run| (run.metrics.len(), run.params.len())).collect::<Vec<_>>();
    let before = {
        let mut server = server.lock().unwrap();
        assert_eq!(server.experiment.as_deref(), Some("exported"));
        let jobs: Vec<_> = server.living().into_iter().filter(|run| run.tag("splitsweep.job").is_some()).collect();
        assert_eq!(jobs.len(), 18);
        for (run, row) in jobs.iter().zip(lab.rows("jobs")) {
            assert_eq!((run.tag("splitsweep.job"), &run.status), (Some(&*row["job"]), &"FINISHED".into()));
            let parent = &server.runs[run.tag("mlflow.parentRunId").unwrap().parse::<usize>().unwrap()];
            assert_eq!(
                parent.tag("splitsweep.candidate"),
                Some(&*format!("architecture={}, loss={}, learning_rate=0.001", row["architecture"], row["loss"]))
            );
            let logged = run.metrics.iter().find(|metric| metric["key"] == "result/test_iou").unwrap();
            assert_eq!(logged["value"].as_f64(), row["test_iou"].parse().ok());
        }
        server.calls.clear();
        numbers(&server)
    };
    let second = export(&lab, &url).expect(0).stderr;
    assert!(second.contains("0 runs logged, 24 there already"), "{second}");
    {
        let mut server = server.lock().unwrap();
        assert!(server.calls.iter().all(|(call, _)| call == "runs/search" || call == "experiments/get-by-name"));
        // one that ended in the middle: a run without its hash
        let half = server.runs.iter_mut().rfind(|run| run.tag("splitsweep.job").is_some()).unwrap();
        half.tags.retain(|tag| tag["key"] != "splitsweep.content");
        half.metrics.truncate(3);
    }
    let third = export(&lab, &url).expect(0).stderr;
    assert!(third.contains("1 run logged, 23 there already"), "{third}");
    assert_eq!(numbers(&server.lock().unwrap()), before, "the half of a run is gone");
}

#[test]
fn a_server_that_stumbles_is_asked_again_and_gets_no_run_twice() {
    let lab = ended();
    let (server, url) = serve();
    {
        let mut server = server.lock().unwrap();
        server.refusals.extend([(503, "busy"), (503, "busy"), (500, "{\"message\": \"locked\"}")]);
        server.swallowed = 2;
    }
    export(&lab, &url).expect(0);
    assert_eq!(server.lock().unwrap().living().len(), 24);
    // for good
    server.lock().unwrap().refusals.extend([(503, "{\"message\": \"the database is locked\"}"); 4]);
    let refused = export(&lab, &url).expect(6).stderr;
    assert!(
        refused.contains("answers experiments/get-by-name with 503: the database is locked (4 tries)"),
        "{refused}"
    );
}

#[test]
fn refusals_say_what_to_do() {
    let lab = ended();
    let (server, url) = serve();
    let refused = lab.run(["export", "mlflow", "exported", "--uri", "127.0.0.1:5000"]).expect(2).stderr;
    assert!(refused.contains("give the address of a tracking server, such as http://127.0.0.1:5000"), "{refused}");
    let refused = lab.run(["export", "mlflow", "exported", "--uri", "http://127.0.0.1:1"]).expect(6).stderr;
    assert!(refused.contains("the MLflow server at http://127.0.0.1:1 is not reached"), "{refused}");
    server.lock().unwrap().refusals.push_back((404, "<html>no such page</html>"));
    let refused = export(&lab, &url).expect(6).stderr;
    assert!(refused.contains("no MLflow server: it answers experiments/get-by-name with 404"), "{refused}");
    server.lock().unwrap().refusals.push_back((400, r#"{"error_code": "INVALID", "message": "no such thing"}"#));
    let refused = export(&lab, &url).expect(6).stderr;
    assert!(refused.contains("the MLflow server refuses experiments/get-by-name (400): no such thing"), "{refused}");
    server.lock().unwrap().token = Some("open sesame");
    let refused = export(&lab, &url).expect(6).stderr;
    assert!(refused.contains("lets nobody in (401): set MLFLOW_TRACKING_TOKEN"), "{refused}");
    assert!(server.lock().unwrap().runs.is_empty(), "nothing was logged");
    let mut let_in = lab.command("coordinator", ["export", "mlflow", "exported", "--uri", &url]);
    let let_in = let_in.env("MLFLOW_TRACKING_TOKEN", "open sesame").output().unwrap();
    assert!(let_in.status.success(), "{}", String::from_utf8_lossy(&let_in.stderr));
}

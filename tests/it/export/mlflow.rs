//! `export mlflow` against a server of its own: what is logged, what a second export does, and what refusals say.

use super::ended;
use crate::harness::{Ended, Lab, Request};
use serde_json::{Value, json};
use std::collections::VecDeque;
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
    /// How many of the next runs somebody deletes once they are made.
    doomed: u32,
    /// What the header `Authorization` of calls must be.
    credential: Option<&'static str>,
}

#[derive(Default)]
struct Run {
    name: Value,
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
    let Some(request) = Request::read(&stream) else { return };
    let body = if request.body.is_empty() { Value::Null } else { serde_json::from_str(&request.body).unwrap() };
    let call = request.line.split(['/', '?', ' ']).collect::<Vec<_>>();
    let call = call.windows(3).find(|words| words[0] == "mlflow").map(|words| format!("{}/{}", words[1], words[2]));
    let bears = server.credential.is_none_or(|credential| request.header("authorization") == Some(credential));
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
    Request::answer(&stream, &format!("{status} X"), &text);
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
                let is_deleted = self.doomed > 0;
                self.doomed = self.doomed.saturating_sub(1);
                self.runs.push(Run {
                    name: body["run_name"].clone(),
                    tags: list("tags"),
                    is_deleted,
                    ..Run::default()
                });
                if self.swallowed > 0 {
                    self.swallowed -= 1;
                    return (502, Value::Null);
                }
                (200, json!({"run": {"info": {"run_id": (self.runs.len() - 1).to_string()}}}))
            }
            "runs/log-batch" | "runs/update" if self.runs[place()].is_deleted => {
                (404, json!({"error_code": "RESOURCE_DOES_NOT_EXIST"}))
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
                let run = &mut self.runs[place()];
                run.status = body["status"].clone();
                if let Some(name) = body.get("run_name") {
                    run.name = name.clone();
                }
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

    /// What MLflow shows of a metric: of all that were logged the one of the last step, of several the latest, of several the greatest.
    fn shown(&self, name: &str) -> Option<f64> {
        let logged = self.metrics.iter().filter(|metric| metric["key"] == name);
        let number = |metric: &Value, of: &str| metric[of].as_f64().unwrap();
        let order = |metric: &Value| ["step", "timestamp", "value"].map(|of| number(metric, of));
        let last = logged.max_by(|a, b| order(a).partial_cmp(&order(b)).unwrap())?;
        Some(number(last, "value"))
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

/// The candidates of the table, each with the run that the server has of it and shows.
fn check_candidates(lab: &Lab, server: &Server) -> usize {
    let table: Value = serde_json::from_str(&lab.table("candidates", "json")).unwrap();
    let rows = table["rows"].as_array().unwrap().iter().filter(|row| row["row"] == "candidate");
    let mut seen = 0;
    for row in rows {
        let [architecture, loss] = ["architecture", "loss"].map(|axis| row[axis].as_str().unwrap());
        let key = format!("architecture={architecture}, loss={loss}, learning_rate=0.001");
        let found = server.living().into_iter().find(|run| run.tag("splitsweep.candidate") == Some(&*key)).unwrap();
        let columns = row.as_object().unwrap().iter().filter(|(_, value)| value.is_number());
        for (column, value) in columns.filter(|(column, _)| *column != "learning_rate") {
            assert_eq!(found.shown(column), value.as_f64(), "{column} of {key}");
        }
        let name = found.name.as_str().unwrap();
        assert!(name.ends_with(loss), "{name}");
        seen += 1;
    }
    seen
}

#[test]
fn a_candidate_has_the_numbers_and_the_name_of_the_last_export() {
    let lab = ended();
    let (server, url) = serve();
    export(&lab, &url).expect(0);
    assert_eq!(check_candidates(&lab, &server.lock().unwrap()), 6);
    // beside fewer others a candidate's mean rank is smaller, from the same results
    let text = std::fs::read_to_string(lab.path("sweep.yaml")).unwrap();
    lab.write(&text.replace("[unet, unet2]", "[unet2]"));
    lab.run(["submit", "sweep.yaml", "--simulated", "--yes"]).expect(0);
    export(&lab, &url).expect(0);
    let server = server.lock().unwrap();
    assert_eq!(check_candidates(&lab, &server), 3);
    let names: Vec<_> = server.living().iter().filter_map(|run| run.name.as_str()).map(str::to_owned).collect();
    assert!(names.contains(&"bce".to_owned()) && !names.contains(&"unet2 bce".to_owned()), "{names:?}");
}

#[test]
fn a_run_that_somebody_deletes_meanwhile_is_not_taken_for_logged() {
    let lab = ended();
    let (server, url) = serve();
    server.lock().unwrap().doomed = 1;
    let refused = export(&lab, &url).expect(6).stderr;
    assert!(refused.contains("the run 0 was deleted meanwhile; export again"), "{refused}");
    assert!(export(&lab, &url).expect(0).stderr.contains("24 runs logged"));
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
    server.lock().unwrap().credential = Some("Bearer open sesame");
    let refused = export(&lab, &url).expect(6).stderr;
    assert!(refused.contains("lets nobody in (401): set MLFLOW_TRACKING_TOKEN"), "{refused}");
    assert!(server.lock().unwrap().runs.is_empty(), "nothing was logged");
    let command = || lab.command("coordinator", ["export", "mlflow", "exported", "--uri", &url]);
    let let_in = command().env("MLFLOW_TRACKING_TOKEN", "open sesame").output().unwrap();
    assert!(let_in.status.success(), "{}", String::from_utf8_lossy(&let_in.stderr));
    // of Ali and his password
    server.lock().unwrap().credential = Some("Basic YWxpOm9wZW4gc2VzYW1l");
    let named = [("MLFLOW_TRACKING_USERNAME", "ali"), ("MLFLOW_TRACKING_PASSWORD", "open sesame")];
    let let_in = command().envs(named).env("MLFLOW_TRACKING_TOKEN", "of somebody else").output().unwrap();
    assert!(let_in.status.success(), "{}", String::from_utf8_lossy(&let_in.stderr));
}

//! What people see of everyday life: who is silent, why a job failed, what a submission does, whom a command asks.

use crate::harness::{Coordinator, Lab, Peer, Process, Signal, children, kill, simulated, skipped, until};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use tokio::runtime::Runtime;

/// A coordinator with a sweep of so many jobs.
fn serve(lab: &Lab, jobs: u32, arguments: &[&str]) -> Coordinator {
    lab.write(&simulated(jobs, 100));
    let coordinator = lab.serve(arguments);
    lab.submit(&coordinator.url, &["--simulated"]);
    coordinator
}

fn worker(status: &Value, name: &str) -> Value {
    let workers = status["workers"].as_array().unwrap();
    workers.iter().find(|worker| worker["name"] == name).cloned().unwrap_or_default()
}

#[test]
fn a_worker_that_is_silent_is_said_to_be() {
    let lab = Lab::new();
    let mut coordinator = serve(&lab, 2, &["--lease", "3s"]);
    let mut first = lab.worker(&coordinator.url, "first", &["--simulate", "100s"]);
    coordinator.running(&lab, "first");
    assert_eq!(worker(&coordinator.status(&lab), "first")["silent"], false);
    // every line of the log names it in the same way
    let alias = worker(&coordinator.status(&lab), "first")["worker"].as_str().unwrap().to_owned();
    let named = format!("worker first ({alias})");
    let joined = coordinator.process.says(&format!("{named} has joined"));
    assert!(joined.contains("INFO") && joined.contains("1 slot"), "{joined}");
    first.kill();
    coordinator.process.says(&format!("{named} has been silent for 2s"));
    let status = coordinator.status(&lab);
    assert_eq!(worker(&status, "first")["silent"], true, "{status}");
    let seen = worker(&status, "first")["last_seen_ms"].as_u64().unwrap();
    assert!(seen + 2000 <= status["at_ms"].as_u64().unwrap(), "{status}");
    let text = lab.run(["status"]).expect(0).stdout;
    assert!(text.contains("first (silent for ") && text.contains(", last seen at "), "{text}");
    coordinator.process.says(&format!("is lost with {named}"));
}

#[test]
fn a_failed_job_keeps_what_its_trainer_said() {
    let lab = Lab::new();
    let mut coordinator = serve(&lab, 1, &["--lease", "1h"]);
    let mut worker = lab.worker(&coordinator.url, "gpu1", &["--simulate", "100s"]);
    let job = coordinator.running(&lab, "gpu1");
    kill(children(worker.id())[0], Signal::KILL);
    let failed = format!("job {} of simulated (", &job[..12]);
    let line = coordinator.process.says("has failed on worker gpu1");
    assert!(line.contains(&failed) && line.contains("attempt 1") && line.contains("signal 9"), "{line}");
    assert!(worker.says("a job has failed").contains(&job[..12]));
    for source in [&[][..], &["--coordinator", &coordinator.url]] {
        let log = lab.run([&["log", &job[..8]][..], source].concat()).expect(0).stdout;
        assert!(log.starts_with(&format!("job {job} of sweep simulated: ")), "{log}");
        let alias = |line: &str| log.split_once(line).map(|(_, rest)| rest[..12].to_owned());
        let (begins, failed) =
            (alias("attempt 1 begins on worker gpu1 ("), alias("attempt 1 has failed on worker gpu1 ("));
        assert!(begins.is_some() && begins == failed && log.contains("), crashed: the trainer died"), "{log}");
    }
    until("the last attempt", || {
        if let Some(trainer) = children(worker.id()).first() {
            kill(*trainer, Signal::KILL);
        }
        (coordinator.status(&lab)["sweeps"][0]["failed"] == 1).then_some(())
    });
    let problem = coordinator.status(&lab)["sweeps"][0]["problem"].clone();
    let problem = problem.as_str().unwrap();
    assert!(
        problem.starts_with(&format!("job {}, attempt 3 on worker gpu1: the trainer died", &job[..12])),
        "{problem}"
    );
    let watched = lab.run(["watch"]).expect(3);
    assert!(watched.stderr.contains(problem), "why, not only that: {}", watched.stderr);
    let failed = lab.run(["jobs", "--state", "failed", "--format", "csv"]).expect(0).stdout;
    let others = lab.run(["jobs", "--state", "succeeded", "--format", "csv"]).expect(0).stdout;
    assert_eq!((failed.lines().count(), others.lines().count()), (2, 1));

    assert_eq!(lab.run(["retry", "simulated"]).expect(0).stdout, "simulated: 1 job queued again\n");
    coordinator.running(&lab, "gpu1");
    assert_eq!(lab.run(["retry", "simulated"]).expect(0).stdout, "simulated: no job has failed or was cancelled\n");
}

#[test]
fn a_submission_says_where_it_goes_and_what_becomes_of_the_jobs() {
    let lab = Lab::new();
    lab.write(&simulated(3, 1));
    let submit = ["submit", "sweep.yaml", "--simulated"];
    let first = lab.run(submit).expect(0);
    assert_eq!(first.stdout, "simulated: 3 jobs: 3 new\n");
    assert!(
        first.stderr.contains("stored in the new store sweeps.db, which no coordinator serves"),
        "{}",
        first.stderr
    );
    lab.sweep(&["--local-workers", "1", "--simulate", "1ms"]).process.wait().expect(0);
    lab.write(&simulated(5, 1));
    let more = lab.run(submit).expect(0);
    assert_eq!(more.stdout, "simulated: 5 jobs: 2 new, 3 done already\n");
    lab.run(["cancel", "simulated"]).expect(0);
    let coordinator = lab.serve(&[]);
    let again = lab.run(submit).expect(0);
    assert_eq!(again.stdout, "simulated: 5 jobs: 3 done already, 2 tried again\n");
    assert!(again.stderr.contains(&format!("handed to the coordinator at {}", coordinator.url)), "{}", again.stderr);
    assert_eq!(lab.run(submit).expect(0).stdout, "simulated: 5 jobs: 3 done already, 2 waiting\n");

    lab.write(&simulated(3, 1).replace("width: 4", "width: 8"));
    let replaced = lab.run(submit).expect(0);
    assert!(
        replaced.stderr.contains("simulated has another grid: 3 results of it are no longer shown"),
        "{}",
        replaced.stderr
    );
    assert_eq!(replaced.stdout, "simulated: 3 jobs: 3 new\n");
}

/// `script` gives the command a terminal.
#[test]
fn a_grid_with_results_is_replaced_only_once_the_user_agrees() {
    let lab = Lab::new();
    lab.write(&simulated(3, 1));
    lab.sweep(&["--local-workers", "1", "--simulate", "1ms"]).process.wait().expect(0);
    lab.write(&simulated(3, 1).replace("width: 4", "width: 8"));
    let on_terminal = |answer: &str| {
        let own = lab.command("coordinator", ["submit", "sweep.yaml", "--simulated"]);
        let line = format!("{} submit sweep.yaml --simulated", own.get_program().display());
        let mut command = Command::new("script");
        command
            .args(["-qec", &line, "/dev/null"])
            .current_dir(lab.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        for (name, value) in own.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let mut child = command.spawn().unwrap();
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut said = String::new();
        let mut byte = [0];
        while !said.ends_with("[y/N] ") && stdout.read(&mut byte).unwrap() == 1 {
            said.push(byte[0].into());
        }
        stdin.write_all(answer.as_bytes()).unwrap();
        stdout.read_to_string(&mut said).unwrap();
        (child.wait().unwrap().code(), said)
    };
    let (code, said) = on_terminal("n\n");
    assert!(code == Some(2) && said.contains("nothing was changed"), "{said}");
    assert_eq!(lab.rows("jobs").iter().filter(|row| row["state"] == "succeeded").count(), 3);
    let (code, said) = on_terminal("y\n");
    assert!(code == Some(0) && said.contains("3 jobs: 3 new"), "{said}");
}

#[test]
fn commands_beside_a_coordinator_of_the_store_ask_it() {
    let lab = Lab::new();
    let coordinator = serve(&lab, 2, &[]);
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "100s"]);
    let job = coordinator.running(&lab, "w");
    let status: Value = serde_json::from_str(&lab.run(["status", "--json"]).expect(0).stdout).unwrap();
    let own = worker(&status, "w");
    assert_eq!((&own["connected"], &own["running"][0]["job"]), (&true.into(), &job.as_str().into()), "{status}");
    assert_eq!(lab.run(["cancel", "simulated"]).expect(0).stdout, "simulated: 2 jobs cancelled\n");
}

#[test]
fn a_sweep_for_its_own_workers_takes_another_port_where_the_usual_one_is_taken() {
    let lab = Lab::new();
    lab.write(&simulated(2, 4));
    // whoever has it, this test or somebody else: it is taken
    let _usual = TcpListener::bind("127.0.0.1:7070");
    let sweep = |arguments: &[&str]| {
        let command = [&["--sweep", "sweep.yaml", "--simulate", "100s"], arguments].concat();
        Process::start(&mut lab.command("coordinator", command))
    };
    for whom_others_look_for in [&[][..], &["--local-workers", "1", "--listen", "127.0.0.1:7070"]] {
        let refused = sweep(whom_others_look_for).wait().expect(2).stderr;
        assert!(refused.contains("127.0.0.1:7070") && refused.contains("--listen"), "{refused}");
    }
    assert!(!lab.store().exists(), "nothing is written");
    let mut own = sweep(&["--local-workers", "1"]);
    let line = own.says("listens on ");
    assert!(line.starts_with("127.0.0.1:7070 is taken: ") && own.stderr().starts_with(&line), "{}", own.stderr());
    own.says("1 running");
    // commands find it through the store
    lab.run(["cancel", "simulated"]).expect(0);
    own.wait().expect(3);
}

#[test]
fn a_coordinator_that_lets_nobody_in_leaves_the_store_to_be_read() {
    let lab = Lab::new();
    lab.write_token("token", "correct horse battery staple");
    lab.write(&simulated(2, 1));
    lab.run(["submit", "sweep.yaml", "--simulated"]).expect(0);
    let coordinator = lab.serve(&["--token-file", "token"]);
    let read = lab.run(["status"]).expect(0);
    assert!(read.stderr.contains(&coordinator.url) && read.stderr.contains("could not be asked"), "{}", read.stderr);
    assert!(read.stdout.contains("simulated: 0/2"), "{}", read.stdout);
    let mut asks = lab.command("coordinator", ["status", "--coordinator", &coordinator.url]);
    let output = asks.env("SPLITSWEEP_TOKEN_FILE", "token").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut worker = lab.command("worker", ["--coordinator", &coordinator.url, "--simulate", "1ms"]);
    let mut worker = Process::start(worker.env("SPLITSWEEP_TOKEN_FILE", "token"));
    worker.says("registered");
}

#[test]
fn an_interrupted_sweep_without_results_prints_no_table() {
    let lab = Lab::new();
    lab.write(&simulated(2, 100));
    let mut coordinator = lab.sweep(&["--local-workers", "1", "--simulate", "100s"]);
    coordinator.process.says("jobs done");
    coordinator.running(&lab, "local-1");
    coordinator.process.signal(Signal::INT);
    let ended = coordinator.process.wait().expect(5);
    assert_eq!(ended.stdout, "");
}

/// Whether SIGHUP is ignored here, and by every program that is started from here.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|signals| signals & 1 == 1)
}

/// A terminal that is gone sends SIGHUP.
#[test]
fn a_terminal_that_is_gone_drains_coordinator_and_workers() {
    if ignores_hangups() {
        return skipped("the tests run under nohup, and so do the programs that they start");
    }
    let lab = Lab::new();
    lab.write(&simulated(2, 100));
    let mut coordinator = lab.sweep(&["--local-workers", "1", "--simulate", "100s"]);
    coordinator.process.says("jobs done");
    coordinator.running(&lab, "local-1");
    coordinator.process.signal(Signal::HUP);
    coordinator.process.wait().expect(5);
    assert_eq!(lab.history().released().len(), 1, "what ran was given back");

    let coordinator = lab.serve(&[]);
    let mut worker = lab.worker(&coordinator.url, "w", &["--simulate", "100s"]);
    coordinator.running(&lab, "w");
    worker.signal(Signal::HUP);
    worker.wait().expect(0);
    assert_eq!(lab.history().released().len(), 2);

    let mut command = Command::new("nohup");
    let own = lab.command("worker", ["--coordinator", &coordinator.url, "--name", "n", "--simulate", "100s"]);
    command.arg(own.get_program()).args(own.get_args()).current_dir(lab.path(""));
    own.get_envs().for_each(|(name, value)| match value {
        Some(value) => drop(command.env(name, value)),
        None => drop(command.env_remove(name)),
    });
    let mut ignoring = Process::start(&mut command);
    coordinator.running(&lab, "n");
    ignoring.signal(Signal::HUP);
    ignoring.signal(Signal::TERM);
    let said = ignoring.wait().expect(0).stderr;
    assert_eq!(said.matches("draining").count(), 1, "{said}");
}

#[test]
fn a_worker_without_work_ends_after_its_time() {
    let lab = Lab::new();
    let coordinator = serve(&lab, 1, &[]);
    let arguments = ["--simulate", "2s", "--idle-timeout", "1h", "--idle-timeout", "1s"];
    let mut worker = lab.worker(&coordinator.url, "w", &arguments);
    let ended = worker.wait().expect(0);
    assert!(ended.stderr.contains("nothing to do for 1s (--idle-timeout)"), "{}", ended.stderr);
    assert_eq!(coordinator.status(&lab)["sweeps"][0]["succeeded"], 1, "two seconds of work are not idle");
    let nobody = "http://127.0.0.1:1";
    let ended = lab.worker(nobody, "w", &["--simulate", "1s", "--idle-timeout", "1s"]).wait().expect(0);
    assert!(ended.stderr.contains(&format!("the coordinator at {nobody} is not reached")), "{}", ended.stderr);
    assert!(ended.stderr.contains("refused"), "{}", ended.stderr);
}

#[test]
fn what_is_not_a_coordinator_is_called_so() {
    let lab = Lab::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.and_then(|mut stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        }
    });
    let ended = lab.run(["status", "--coordinator", &url]).expect(6);
    assert!(ended.stderr.contains(&format!("{url} is not a coordinator (it answers HTTP/1.1)")), "{}", ended.stderr);
    lab.worker(&url, "w", &["--simulate", "1s"]).says("is not a coordinator (it answers HTTP/1.1)");
}

#[test]
fn a_job_that_is_cancelled_and_wanted_again_starts_at_once() {
    let lab = Lab::new();
    // whoever waits for the next call of the worker waits for twenty minutes
    let coordinator = serve(&lab, 2, &["--lease", "1h"]);
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "100s"]);
    coordinator.running(&lab, "w");
    lab.run(["cancel", "simulated"]).expect(0);
    until("the end of its trainer", || {
        let status = coordinator.status(&lab);
        (worker(&status, "w")["running"] == serde_json::json!([])).then_some(())
    });
    lab.submit(&coordinator.url, &["--simulated"]);
    coordinator.running(&lab, "w");
}

#[test]
fn a_browser_is_told_what_it_has_found() {
    let lab = Lab::new();
    let coordinator = lab.serve(&[]);
    let mut stream = std::net::TcpStream::connect(coordinator.address()).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: head\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(
        answer.contains("coordinator of Splitsweep") && answer.contains("coordinator status --coordinator"),
        "{answer}"
    );
    // and workers speak with it all the same
    let runtime = Runtime::new().unwrap();
    let mut peer = runtime.block_on(async { Peer::new(&coordinator.url, 1, 1) });
    runtime.block_on(peer.register()).unwrap();
}

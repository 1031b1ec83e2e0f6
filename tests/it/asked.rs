//! SIGUSR1: the programs say how they stand, and go on.

use crate::harness::{Lab, Process, Signal, children, kill, simulated, tiny, until};

#[test]
fn programs_that_are_asked_say_how_they_stand_and_go_on() {
    let lab = Lab::new();
    lab.write(&simulated(2, 200));
    let mut coordinator = lab.serve(&[]);
    coordinator.process.signal(Signal::USR1);
    coordinator.process.says("no sweep was submitted");
    coordinator.process.says("0 of 0 slots busy");
    lab.submit(&coordinator.url, &["--simulated"]);
    let mut worker = lab.worker(&coordinator.url, "w", &["--simulate", "100s", "--slots", "1"]);
    let job = coordinator.running(&lab, "w");
    coordinator.process.signal(Signal::USR1);
    coordinator.process.says("simulated: 0/2 jobs done, 1 running, 0 failed");
    let line = coordinator.process.says("  w (");
    assert!(line.contains(" per epoch)") && line.contains(": epoch ") && line.contains(" of 200, "), "{line}");
    coordinator.process.says("1 of 1 slot busy");

    worker.signal(Signal::USR1);
    worker.says(&format!("w: connected to {} for ", coordinator.url));
    let line = worker.says("  slot 0, ");
    assert!(line.contains(&format!(": job {}, attempt 1: epoch ", &job[..12])), "{line}");
    assert!(line.contains(" of 200, ") && line.contains(", loss ") && line.ends_with(" left"), "{line}");
    worker.says("  idle slots: 0 of 1");

    // whoever asks all processes of that name ends no training
    let epoch = || coordinator.status(&lab)["workers"][0]["running"][0]["epoch"].as_u64();
    let before = epoch();
    children(worker.id()).into_iter().for_each(|trainer| kill(trainer, Signal::USR1));
    until("a later epoch", || (epoch()? > before? + 1).then_some(()));
    assert_eq!(coordinator.status(&lab)["workers"][0]["running"][0]["attempt"], 1);

    coordinator.process.kill();
    worker.says("is not reached");
    worker.signal(Signal::USR1);
    worker.says(&format!("w: the coordinator at {} is not reached (for ", coordinator.url));
}

#[test]
fn a_sweep_that_is_asked_says_how_it_stands_and_goes_on() {
    let lab = Lab::new();
    lab.write(&simulated(1, 4));
    let mut sweep = lab.sweep(&["--local-workers", "1", "--simulate", "4s"]).process;
    sweep.says("jobs done");
    sweep.signal(Signal::USR1);
    sweep.says(" busy");
    sweep.wait().expect(0);
}

#[test]
fn commands_that_are_asked_answer_or_go_on() {
    let lab = Lab::new();
    lab.write(&simulated(2, 200));
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let start = |name, command: &[&str]| Process::start(&mut lab.command(name, command));
    let mut page = start("coordinator", &["page", "sweeps.db", "--page", "127.0.0.1:0"]);
    page.says("live page: ");
    page.signal(Signal::USR1);
    page.says("simulated: 0/2 jobs done");
    page.says("0 of 0 slots busy");

    let mut watch = start("coordinator", &["watch"]);
    watch.says("0/2 jobs done");
    watch.signal(Signal::USR1);
    lab.run(["cancel", "simulated"]).expect(0);
    watch.wait().expect(3);

    std::fs::write(lab.path("job.yaml"), job(&tiny("bce", 1, 3))).unwrap();
    let mut training = start("worker", &["train", "--job", "job.yaml"]);
    training.says("epoch   1/3");
    training.signal(Signal::USR1);
    training.says("epoch   3/3");
    training.wait().expect(0);
}

/// The only job of a [`tiny`] sweep.
fn job(sweep: &str) -> String {
    let job = sweep.replace("sweep: tiny\n", "").replace("grid:\n  loss: [bce]\n", "architecture: unet\nloss: bce\n");
    job.replace("replicates: {split_seeds: 1}", "split_seed: 0")
}

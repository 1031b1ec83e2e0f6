//! The full screen, frame by frame, against files: `BLESS=1 cargo test -p coordinator --test screens` writes them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod golden;

use coordinator::screen::{Key, Look, News, Screen, Sheet, Wish};
use golden::assert_golden;
use proto::ids::{Attempt, JobId};
use proto::status::{RunningJob, Status, SweepState, SweepStatus, WorkerStatus};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const SIZES: [(u16, u16); 3] = [(80, 24), (200, 60), (40, 10)];
const LOOK: Look = Look { ascii: false, colours: true };
const ASCII: Look = Look { ascii: true, colours: false };
/// 14:02:11 UTC.
const NOW: u64 = 1_000_000_000_000 + 44_131_000;

const CANDIDATES: &str = r#"{"schema":"splitsweep.candidates/1","sweep":"lesions","metric":"iou","subset":"test",
"answer":"unet2 with dice leads, and nothing can be said yet of the difference to unet2 with bce: about 9 more splits would tell.","rows":[
{"architecture":"unet","loss":"bce","learning_rate":0.001,"n":4,"jobs":4,"failed":0,"mean":0.7012,"sd":0.02,"min":0.68,"max":0.73,"pool_low":0.6694,"pool_high":0.733,"new_low":0.64,"new_high":0.76,"adjusted_mean":0.7012,"against_best":"worse","row":"candidate","difference":-0.0631,"not_trained":0},
{"architecture":"unet","loss":"dice","learning_rate":0.001,"n":3,"jobs":4,"failed":1,"mean":0.4216,"sd":0.3,"min":0.097,"max":0.69,"pool_low":0.1,"pool_high":0.74,"adjusted_mean":0.43,"against_best":"undecided","row":"candidate","difference":-0.3427,"not_trained":1,"degenerate":1},
{"architecture":"unet2","loss":"bce","learning_rate":0.001,"n":2,"jobs":4,"failed":0,"mean":0.7581,"sd":0.01,"pool_low":0.7221,"pool_high":0.7905,"adjusted_mean":0.7581,"against_best":"undecided","row":"candidate","difference":-0.0062,"not_trained":0,"missing":2},
{"architecture":"unet2","loss":"dice","learning_rate":0.001,"n":4,"jobs":4,"failed":0,"mean":0.7643,"sd":0.011,"pool_low":0.7412,"pool_high":0.7874,"adjusted_mean":0.7643,"against_best":"leads","row":"candidate","difference":null,"not_trained":0},
{"architecture":"otsu","loss":null,"learning_rate":null,"n":4,"jobs":4,"failed":0,"mean":0.5312,"sd":0.05,"pool_low":0.45,"pool_high":0.61,"adjusted_mean":null,"against_best":null,"row":"baseline","difference":null}
]}"#;

const JOBS: &str = r#"{"schema":"splitsweep.jobs/1","sweep":"lesions","rows":[
{"job":"00000000000000000000000000000001","architecture":"unet","loss":"bce","learning_rate":0.001,"split_seed":0,"state":"succeeded","verdict":"trained","attempts":1,"test_iou":0.7051,"train_seconds":41.2,"worker":"gpu1","message":null},
{"job":"00000000000000000000000000000002","architecture":"unet","loss":"dice","learning_rate":0.001,"split_seed":0,"state":"succeeded","verdict":"degenerate","attempts":1,"test_iou":0.0971,"train_seconds":40.8,"worker":"gpu1","message":null},
{"job":"00000000000000000000000000000003","architecture":"unet","loss":"dice","learning_rate":0.001,"split_seed":1,"state":"failed","verdict":null,"attempts":3,"test_iou":null,"train_seconds":null,"worker":null,"message":"the trainer died: signal 9"},
{"job":"00000000000000000000000000000004","architecture":"unet2","loss":"bce","learning_rate":0.001,"split_seed":0,"state":"running","verdict":null,"attempts":1,"test_iou":null,"train_seconds":null,"worker":null,"message":null},
{"job":"00000000000000000000000000000005","architecture":"unet2","loss":"bce","learning_rate":0.001,"split_seed":1,"state":"queued","verdict":null,"attempts":0,"test_iou":null,"train_seconds":null,"worker":null,"message":null}
]}"#;

fn status() -> Status {
    let running = RunningJob {
        sweep: "lesions".to_owned(),
        job: JobId(4),
        attempt: Attempt(1),
        label: "unet2 bce split 0".to_owned(),
        epoch: 31,
        epochs: 40,
        loss: None,
        seconds: 372.0,
        measured_ms: None,
    };
    let worker = |alias: &str, name: &str| WorkerStatus {
        worker: alias.to_owned(),
        name: name.to_owned(),
        host: "node7.cluster".to_owned(),
        device: "cuda:0, cuda:1".to_owned(),
        slots: 2,
        connected: true,
        last_seen_ms: Some(NOW - 2000),
        ..WorkerStatus::default()
    };
    let busy = WorkerStatus { running: vec![running], ..worker("a", "gpu1") };
    let silent = WorkerStatus { silent: true, last_seen_ms: Some(NOW - 25_000), ..worker("b", "gpu2") };
    Status {
        sweeps: vec![SweepStatus {
            sweep: "lesions".to_owned(),
            state: SweepState::Running,
            jobs: 16,
            queued: 1,
            running: 1,
            succeeded: 13,
            failed: 1,
            epochs: 640,
            epochs_done: 551,
            problem: "job 000000000000, attempt 3 on worker gpu1: the trainer died: signal 9".to_owned(),
            ..SweepStatus::default()
        }],
        workers: vec![busy, silent],
        epochs_per_second: 0.5,
        at_ms: NOW,
    }
}

fn sheet(json: &str) -> Sheet {
    Sheet::read(json.as_bytes()).unwrap()
}

/// A screen that has heard of a sweep on its way.
fn running(look: Look) -> Screen {
    let mut screen = Screen::new("", "http://127.0.0.1:7070", look);
    let mut before = status();
    (before.sweeps[0].succeeded, before.sweeps[0].failed) = (12, 0);
    before.at_ms -= 90_000;
    before.workers.remove(0);
    before.workers[0].silent = false;
    before.sweeps[0].problem.clear();
    screen.hear(News::Status(before));
    screen.hear(News::Status(status()));
    screen.hear(News::Tables { candidates: sheet(CANDIDATES), jobs: sheet(JOBS), failed: Sheet::default() });
    screen
}

fn frame(screen: &mut Screen, (width, height): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let drawn = terminal.draw(|frame| screen.draw(frame)).unwrap();
    let rows = drawn.buffer.content.chunks(width.into());
    rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned() + "\n").collect()
}

/// The frame at every size.
fn assert_frames(name: &str, screen: &mut Screen) {
    for size @ (width, height) in SIZES {
        assert_golden(&format!("screens/{name}-{width}x{height}.txt"), &frame(screen, size));
    }
}

fn press(screen: &mut Screen, keys: &str) -> Wish {
    keys.chars().map(|key| screen.press(Key::Char(key))).last().unwrap()
}

#[test]
fn every_tab_is_drawn_at_every_size() {
    let mut screen = running(LOOK);
    for (key, name) in ["results", "cells", "jobs", "workers", "failures", "messages"].iter().enumerate() {
        press(&mut screen, &(key + 1).to_string());
        assert_frames(name, &mut screen);
    }
    press(&mut screen, "?");
    assert_frames("keys", &mut screen);
}

#[test]
fn what_is_not_known_yet_is_said() {
    let mut screen = Screen::new("", "sweeps.db", LOOK);
    assert_frames("nothing", &mut screen);
    screen.hear(News::Status(Status::default()));
    assert!(frame(&mut screen, (80, 24)).contains("no sweep yet"));
    screen.hear(News::Status(Status { workers: Vec::new(), at_ms: 0, ..status() }));
    assert!(frame(&mut screen, (80, 24)).contains("The tables are being made."));
    screen.hear(News::NoTables("the store is gone".to_owned()));
    assert!(frame(&mut screen, (80, 24)).contains("No tables: the store is gone"));
    press(&mut screen, "4");
    assert!(frame(&mut screen, (80, 24)).contains("No worker is known"));
}

#[test]
fn the_messages_begin_with_how_things_stand() {
    let mut screen = Screen::new("", "http://127.0.0.1:7070", LOOK);
    press(&mut screen, "6");
    screen.hear(News::Status(status()));
    let first = frame(&mut screen, (120, 30));
    for words in
        ["below: how things stood", "the trainer died: signal 9", "13/16 jobs done", "worker gpu2: silent for 25s"]
    {
        assert_eq!(first.matches(words).count(), if words.starts_with("13") { 2 } else { 1 }, "{words}: {first}");
    }
}

#[test]
fn a_terminal_without_unicode_gets_ascii() {
    let mut screen = running(ASCII);
    assert_frames("ascii", &mut screen);
    for size in SIZES {
        assert!(frame(&mut screen, size).is_ascii());
    }
}

#[test]
fn a_lost_connection_is_said_until_it_is_back() {
    let mut screen = running(LOOK);
    screen.hear(News::Lost { at_ms: NOW + 1000, why: "connection refused".to_owned() });
    screen.hear(News::Lost { at_ms: NOW + 9000, why: "connection refused".to_owned() });
    assert_frames("lost", &mut screen);
    screen.hear(News::Status(Status { at_ms: NOW + 10_000, ..status() }));
    assert!(!frame(&mut screen, (80, 24)).contains("not connected"));
    press(&mut screen, "6");
    let messages = frame(&mut screen, (80, 24));
    assert!(messages.contains("the connection is back") && messages.matches("is lost").count() == 1, "{messages}");
}

/// The rows of the list, under its titles.
fn rows(screen: &mut Screen) -> Vec<String> {
    let frame = frame(screen, (120, 30));
    let list = frame.lines().skip_while(|line| !line.contains(" 1 Results"));
    let rows = list.skip(2).take_while(|line| !line.is_empty());
    rows.map(str::to_owned).collect()
}

#[test]
fn rows_are_filtered_and_sorted() {
    let mut screen = running(LOOK);
    press(&mut screen, "/dice unet2");
    assert_eq!(rows(&mut screen).len(), 1);
    assert_eq!(screen.press(Key::Enter), Wish::Nothing);
    assert!(frame(&mut screen, (80, 24)).contains("only rows with: dice unet2"));
    screen.press(Key::Escape);
    assert_eq!(rows(&mut screen).len(), 5);
    let first = |screen: &mut Screen| rows(screen)[0].split("  ").next().unwrap().to_owned();
    assert_eq!(first(&mut screen), "unet2 \u{b7} dice", "the best");
    press(&mut screen, "s");
    assert_eq!(first(&mut screen), "Otsu", "by name");
    press(&mut screen, "r");
    assert_eq!(first(&mut screen), "unet2 \u{b7} dice", "by name, the last first");
    press(&mut screen, "sss");
    let scores: Vec<f64> = rows(&mut screen)
        .iter()
        .map(|row| {
            row.split_whitespace().find_map(|word| word.parse().ok().filter(|score: &f64| *score < 1.0)).unwrap()
        })
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    press(&mut screen, "3/no such words");
    assert!(frame(&mut screen, (80, 24)).contains("No row has these words."));
}

#[test]
fn the_chosen_row_is_opened_and_its_log_is_wanted() {
    let mut screen = running(LOOK);
    screen.press(Key::Down);
    assert_eq!(screen.press(Key::Enter), Wish::Nothing);
    assert_frames("candidate", &mut screen);
    screen.press(Key::Escape);
    press(&mut screen, "5");
    screen.press(Key::End);
    let failed = "00000000000000000000000000000003";
    assert_eq!(screen.press(Key::Enter), Wish::Log(failed.to_owned()));
    screen.hear(News::Log { job: "another".to_owned(), text: "not of this one".to_owned() });
    let text = (0..50).map(|line| format!("line {line}\n")).collect();
    screen.hear(News::Log { job: failed.to_owned(), text });
    let first = frame(&mut screen, (80, 24));
    assert!(first.contains("line 0") && !first.contains("not of this one"), "{first}");
    for _ in 0..50 {
        screen.press(Key::PageDown);
    }
    assert!(frame(&mut screen, (80, 24)).contains("line 49"));
    screen.press(Key::Up);
    assert!(!frame(&mut screen, (80, 24)).contains("line 49"), "it does not go on beyond the end");
    assert_eq!(press(&mut screen, "q"), Wish::Quit);
}

#[test]
fn the_details_turn_to_their_ends_and_the_list_stays() {
    let mut screen = running(LOOK);
    press(&mut screen, "3");
    screen.press(Key::Enter);
    let text = (0..50).map(|line| format!("line {line}\n")).collect();
    screen.hear(News::Log { job: "00000000000000000000000000000001".to_owned(), text });
    let is_shown = |screen: &mut Screen, line| frame(screen, (80, 24)).contains(line);
    screen.press(Key::End);
    assert!(is_shown(&mut screen, "line 49") && !is_shown(&mut screen, "line 0\n"));
    screen.press(Key::Home);
    assert!(is_shown(&mut screen, "line 0\n") && !is_shown(&mut screen, "line 49"));
    screen.press(Key::End);
    screen.press(Key::Escape);
    assert_eq!(screen.press(Key::Enter), Wish::Log("00000000000000000000000000000001".to_owned()));
    screen.press(Key::Escape);
    press(&mut screen, "?");
    screen.press(Key::End);
    assert!(frame(&mut screen, (40, 10)).contains("leave; the sweep goes on"), "the keys turn too");
}

#[test]
fn a_message_that_is_read_stays_while_others_come() {
    let mut screen = running(LOOK);
    let mut now = status();
    let mut hear = |screen: &mut Screen, count: u64| {
        for _ in 0..count {
            now.sweeps[0].succeeded += 1;
            screen.hear(News::Status(now.clone()));
        }
    };
    hear(&mut screen, 600);
    press(&mut screen, "6");
    screen.press(Key::Enter);
    let opened = frame(&mut screen, (80, 24));
    assert!(opened.contains("lesions: 613 of 16 jobs done"), "{opened}");
    hear(&mut screen, 100);
    let now = frame(&mut screen, (80, 24));
    assert!(now.contains("lesions: 613 of 16 jobs done"), "{now}");
}

#[test]
fn the_screen_says_where_the_news_come_from() {
    let mut screen = running(LOOK);
    screen.hear(News::Lost { at_ms: NOW, why: "the coordinator has ended".to_owned() });
    screen.hear(News::Moved { at_ms: NOW, source: "sweeps.db".to_owned() });
    press(&mut screen, "6");
    let moved = frame(&mut screen, (80, 24));
    assert!(moved.lines().next().unwrap().ends_with(" sweeps.db") && !moved.contains("not connected"), "{moved}");
    assert!(moved.contains("the news come from sweeps.db now"), "{moved}");
}

#[test]
fn a_row_stays_chosen_wherever_it_goes() {
    let mut screen = running(LOOK);
    for _ in 0..2 {
        screen.press(Key::Down);
    }
    press(&mut screen, "s");
    screen.press(Key::Enter);
    assert!(frame(&mut screen, (80, 24)).contains("unet \u{b7} bce\n"), "{}", frame(&mut screen, (80, 24)));
}

#[test]
fn any_size_can_be_drawn() {
    let mut screen = running(LOOK);
    for tab in '1'..='5' {
        screen.press(Key::Char(tab));
        for (width, height) in [(1, 1), (2, 5), (7, 3), (20, 6), (300, 5), (12, 80)] {
            frame(&mut screen, (width, height));
        }
    }
}

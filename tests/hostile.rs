//! Input made to exhaust whoever reads it: time stays linear and memory bounded, and what is secret
//! in it is removed all the same.

use crate::kit::{Bundle, Collect, Ended, KeyPair, end_watched, needs, profile};
use std::{
    fs::{self, File},
    io::{BufWriter, Read, Write},
    path::{Path, PathBuf},
};

const GIB: usize = 1 << 30;

/// Bytes of memory that no run here needs more than, whatever it reads.
const MEMORY: u64 = 200 << 20;

const SECRET: &str = "Correct-Horse-7-Battery";

/// Redacts `source`; says how that ended, what it took at its peak, and where it wrote to.
fn redact(collect: &Collect, profile: &Path, source: &str) -> (Ended, u64, PathBuf) {
    let (source, target) = (collect.path(source), collect.path("redacted"));
    let running = collect.start([
        "redact".as_ref(),
        "--profile".as_ref(),
        profile.as_os_str(),
        source.as_os_str(),
        "--output".as_ref(),
        target.as_os_str(),
    ]);
    let (ended, peak) = end_watched(running);
    (ended, peak, target)
}

/// One line of so many bytes, in which a secret stands here and there; returns how often.
fn write_line(path: &Path, len: usize) -> usize {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let filling = r#"{"level":"info","order":4711,"took":12,"by":"#.repeat(24_000);
    let (mut written, mut secrets) = (0, 0);
    while written < len {
        let part = format!("{filling}\"password\":\"{SECRET}-{secrets}\",");
        file.write_all(part.as_bytes()).unwrap();
        written += part.len();
        secrets += 1;
    }
    file.flush().unwrap();
    secrets
}

/// How often a text stands in a file, which is not read as a whole.
fn count_in(path: &Path, text: &str) -> usize {
    let (mut file, mut found) = (File::open(path).unwrap(), 0);
    let (mut held, mut block) = (Vec::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut block).unwrap();
        if read == 0 {
            return found;
        }
        held.extend_from_slice(&block[..read]);
        found += held.windows(text.len()).filter(|window| *window == text.as_bytes()).count();
        held.drain(..held.len().saturating_sub(text.len() - 1));
    }
}

#[test]
fn a_line_of_a_gigabyte_is_redacted_in_little_memory() {
    let collect = Collect::new();
    let secrets = write_line(&collect.path("one.json"), GIB);
    let profile = collect.write("shop.toml", "product = \"Shop\"\n");
    let (ended, peak, target) = redact(&collect, &profile, "one.json");
    ended.expect(0);
    assert!(peak < MEMORY, "{peak} bytes");
    let target = target.join("one.json");
    assert_eq!(count_in(&target, "[redacted:password]"), secrets);
    assert_eq!(count_in(&target, SECRET), 0);
}

fn compressed(part: &[u8], times: usize) -> Vec<u8> {
    let mut xz = xz2::write::XzEncoder::new(Vec::new(), 0);
    (0..times).for_each(|_| xz.write_all(part).unwrap());
    xz.finish().unwrap()
}

#[test]
fn bombs_in_a_folder_of_logs_cost_neither_memory_nor_the_other_logs() {
    needs!("age", "xz", "tar");
    let collect = Collect::new();
    let key = KeyPair::new();
    let bomb = compressed(&vec![b'0'; 1 << 20], 1024);
    // A bomb within a bomb: what it holds is a thousand times what it holds.
    let twice = compressed(&bomb, 64);
    collect.write("logs/app.log.1.xz", &bomb);
    collect.write("logs/app.log.2.xz.xz", twice);
    collect.write("logs/app.log", format!("started\npassword={SECRET}\n"));
    let body = format!(
        "[limits]\nmemory = \"128MB\"\n[collect.logs]\nuse = \"files\"\npaths = [\"{}/*\"]\n",
        collect.path("logs").display()
    );
    let profile = collect.write("shop.toml", profile(&key.recipient, &body));
    let (ended, peak) = end_watched(collect.start(collect.gathering(&profile)));
    ended.expect(3);
    assert!(peak < MEMORY, "{peak} bytes");
    let bundle = Bundle::open(&collect.bundle(), &key.file());
    let log = bundle.entries().into_iter().find(|entry| entry.ends_with("/app.log")).unwrap();
    assert!(bundle.text(&log).starts_with("started\npassword=[redacted:password]\n"));
    let cut = |name: &str| {
        let mut entries = bundle.manifest["entries"].as_array().unwrap().iter();
        entries.any(|entry| {
            entry["path"].as_str().unwrap().ends_with(name) && entry["truncated"].is_string()
        })
    };
    assert!(cut("/app.log.1") && cut("/app.log.2"), "{}", bundle.manifest);
}

#[test]
fn json_of_a_million_levels_is_redacted_by_text_rules_and_nothing_breaks() {
    let collect = Collect::new();
    let deep = format!(
        "{}{{\"password\":\"{SECRET}\",\"id\":7}}{}\n",
        "{\"a\":[".repeat(500_000),
        "]}".repeat(500_000)
    );
    collect.write("host/deep.json", deep);
    let profile = collect.write(
        "shop.toml",
        "product = \"Shop\"\n[redact.ids]\nuse = \"keys\"\njson = [\"$.a.id\"]\n",
    );
    let (ended, peak, target) = redact(&collect, &profile, "host");
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.stderr);
    assert!(peak < MEMORY, "{peak} bytes");
    let left = fs::read(target.join("deep.json")).unwrap_or_default();
    assert!(!left.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
}

use super::*;
use crate::host::{FileInfo, FileKind};
use std::io::{Cursor, Seek};

/// A file of these pieces of data, each at its offset, with holes between.
struct Pieces {
    len: u64,
    data: Vec<(u64, Vec<u8>)>,
    at: u64,
    claimed: u64,
}

impl Pieces {
    fn whole(text: impl Into<Vec<u8>>) -> Self {
        let text = text.into();
        let len = text.len() as u64;
        Self { len, data: vec![(0, text)], at: 0, claimed: len }
    }

    fn sparse(len: u64, data: Vec<(u64, Vec<u8>)>) -> Self {
        Self { len, data, at: 0, claimed: len }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let next = self.data.iter().find_map(|(start, bytes)| {
            let skipped = usize::try_from(self.at.checked_sub(*start)?).ok()?;
            bytes.get(skipped..).filter(|rest| !rest.is_empty())
        });
        assert!(next.is_some() || self.at >= self.len, "a hole was read");
        let count = Cursor::new(next.unwrap_or_default()).read(buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Pieces {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Start(at) => self.at = at,
            _ => return Err(io::ErrorKind::Unsupported.into()),
        }
        Ok(self.at)
    }
}

impl HostFile for Pieces {
    fn info(&self) -> io::Result<FileInfo> {
        Ok(FileInfo {
            kind: FileKind::Regular,
            len: self.claimed,
            modified: None,
            allocated: self.data.iter().map(|(_, bytes)| bytes.len() as u64).sum(),
            id: (0, 0),
            mode: 0o644,
            special: None,
            user: 0,
            group: 0,
            links: 1,
            changed: None,
            accessed: None,
        })
    }

    fn data(&mut self, from: u64) -> io::Result<Option<Range<u64>>> {
        let ranges = self.data.iter();
        let mut ranges = ranges.map(|(start, bytes)| *start..start + bytes.len() as u64);
        Ok(ranges.find(|range| range.end > from).map(|range| range.start.max(from)..range.end))
    }
}

fn take(mut file: Pieces, budget: u64) -> (String, Taken) {
    let plan = Plan::new(&mut file, None, budget, Binary::Drop).unwrap();
    let mut to = Vec::new();
    let taken = plan.carry_out(&mut file, &mut to).unwrap();
    assert!(to.len() as u64 <= budget, "{} of {budget}", to.len());
    (String::from_utf8(to).unwrap(), taken)
}

fn lines(count: usize) -> String {
    let lines: Vec<_> = (0..count).map(|n| format!("line {n:07} of the log\n")).collect();
    lines.concat()
}

#[test]
fn a_file_that_fits_is_taken_as_it_is() {
    let (text, taken) = take(Pieces::whole("one\ntwo"), 7);
    assert_eq!(text, "one\ntwo");
    assert!(taken.cut.is_none() && !taken.shrunk && taken.failed.is_none());
}

#[test]
fn of_a_file_that_does_not_fit_the_beginning_and_more_of_the_end_are_taken_in_whole_lines() {
    let all = lines(10_000);
    let (text, taken) = take(Pieces::whole(all.clone()), 40_000);
    let (head, tail) = text.split_once("[collect: ").unwrap();
    let (mark, tail) = tail.split_once("]\n").unwrap();
    assert!(head.ends_with('\n') && all.starts_with(head));
    assert!(tail.starts_with("line ") && all.ends_with(tail));
    assert!((9_000..=10_000).contains(&head.len()));
    assert!((29_000..=30_000).contains(&tail.len()));
    let left_out = all.len() - head.len() - tail.len();
    assert_eq!(mark, format!("{left_out} bytes left out here"));
    assert!(taken.cut.unwrap().contains(&left_out.to_string()));
}

#[test]
fn a_cut_never_falls_into_a_line_however_long_it_is() {
    let long = format!("first\npassword={}\nlast\n", "x".repeat(3 << 20));
    let (text, _) = take(Pieces::whole(long), 2 << 20);
    let left_out = (3 << 20) + "password=\nlast\n".len();
    // The end of so long a line is not searched for, so the last line is lost with it.
    assert_eq!(text, format!("first\n[collect: {left_out} bytes left out here]\n"));
}

#[test]
fn holes_are_skipped_and_stated_however_large() {
    const TEN_TERABYTES: u64 = 10 << 40;
    let (text, taken) = take(Pieces::sparse(TEN_TERABYTES, vec![]), 1000);
    assert_eq!(text, format!("[collect: hole of {TEN_TERABYTES} bytes]\n"));
    assert_eq!(taken.holes, TEN_TERABYTES);

    let data = vec![(4096, b"old".to_vec()), (1 << 40, b"new\n".to_vec())];
    let (text, _) = take(Pieces::sparse((1 << 40) + 4, data), 1000);
    let hole = (1_u64 << 40) - 4099;
    assert_eq!(
        text,
        format!("[collect: hole of 4096 bytes]\nold\n[collect: hole of {hole} bytes]\nnew\n")
    );
}

#[test]
fn a_sparse_file_that_does_not_fit_is_cut_by_what_it_holds() {
    let start = 1 << 30;
    let all = lines(10_000);
    let len = start + all.len() as u64;
    let file = Pieces::sparse(len, vec![(start, all.clone().into_bytes())]);
    let (text, _) = take(file, 40_000);
    assert!(text.starts_with("[collect: hole of 1073741824 bytes]\nline 0000000"));
    assert!(text.ends_with(&all[all.len() - 29_000..]));
}

#[test]
fn a_file_is_read_no_further_than_it_was_when_it_was_opened() {
    let mut file = Pieces::whole("old\nnew\n");
    file.claimed = 4;
    assert_eq!(take(file, 1000).0, "old\n");
}

#[test]
fn a_file_that_became_shorter_says_so() {
    let mut file = Pieces::whole("all there is\n");
    file.claimed = 13;
    let plan = Plan::new(&mut file, None, 1000, Binary::Drop).unwrap();
    file.data[0].1.truncate(4);
    file.len = 4;
    let mut to = Vec::new();
    assert!(plan.carry_out(&mut file, &mut to).unwrap().shrunk);
    assert_eq!(to, b"all ");
}

#[test]
fn a_file_without_a_length_is_read_to_its_end_or_in_whole_lines_up_to_the_size() {
    let made_up = |text: &str| {
        let mut file = Pieces::whole(text);
        file.claimed = 0;
        file
    };
    assert_eq!(take(made_up("a: 1\nb: 2\n"), 1000).0, "a: 1\nb: 2\n");
    let (text, taken) = take(made_up(&lines(1000)), 20_000);
    let (kept, mark) = text.split_at(text.find("[collect").unwrap());
    assert!(kept.ends_with('\n') && lines(1000).starts_with(kept) && kept.len() > 19_000);
    assert_eq!(mark, "[collect: the rest left out here]\n");
    assert!(taken.cut.is_some());
}

#[test]
fn half_of_a_binary_file_is_not_taken() {
    let mut compressed = b"\x1f\x8b".to_vec();
    compressed.extend(lines(10_000).into_bytes());
    let plan = Plan::new(&mut Pieces::whole(compressed), None, 40_000, Binary::Drop).unwrap();
    assert!(matches!(plan, Plan::Nothing(reason) if reason.contains("binary")));
}

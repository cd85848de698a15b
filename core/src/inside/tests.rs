use crate::{
    CollectError, Collector, FileSet, Output,
    bundle::Status,
    profile::Binary,
    redact::Rule,
    testkit::{Collected, FakeHost, Trial},
    units::Size,
};
use std::io::{Read, Write};

/// Made up; no rule but the one of these tests knows it.
const PLANTED: &str = "planted-0000-1111";

struct Files(FileSet);

impl Collector for Files {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        out.files(&self.0)
    }
}

/// Takes each file by its name, as most collectors do.
struct Named(&'static [&'static str]);

impl Collector for Named {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        self.0.iter().try_for_each(|path| out.file(path))
    }
}

fn trial() -> Trial {
    let rule = Rule::literal("planted", PLANTED.as_bytes()).expect("the rule is right");
    Trial::of(Files(FileSet::new(&["/var/log"], &[]).unwrap())).rules(vec![rule])
}

fn take(host: FakeHost) -> Collected {
    trial().on(host)
}

fn said(collected: &Collected, what: &str) -> bool {
    collected.notes().iter().any(|note| note.contains(what))
}

fn log() -> String {
    format!("first line\nkey={PLANTED} and more\nlast line\n")
}

fn redacted() -> &'static str {
    "first line\nkey=[redacted:planted] and more\nlast line\n"
}

fn long_log() -> String {
    let mut state = 1_u64;
    let lines = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{state:016x}\n")
    });
    lines.take(20_000).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = xz2::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    // As the program `zstd` does.
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mtime(1_767_000_000);
        builder.append_data(&mut header, path, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn rotated_logs_are_stored_decompressed_and_redacted() {
    let host = FakeHost::new()
        .bytes("/var/log/a.1.gz", gzip(log().as_bytes()))
        .bytes("/var/log/b.1.xz", xz(log().as_bytes()))
        .bytes("/var/log/c.1.zst", zstd(log().as_bytes()))
        .bytes("/var/log/d.1.bz2", bzip2(log().as_bytes()));
    let collected = take(host);
    assert_eq!(collected.status(), Status::Complete, "{:?}", collected.notes());
    for (entry, source, codec) in [
        ("/var/log/a.1", "/var/log/a.1.gz", "gzip"),
        ("/var/log/b.1", "/var/log/b.1.xz", "xz"),
        ("/var/log/c.1", "/var/log/c.1.zst", "zstd"),
        ("/var/log/d.1", "/var/log/d.1.bz2", "bzip2"),
    ] {
        assert_eq!(collected.text(entry), redacted());
        let record = collected.record(entry);
        assert_eq!((record.source.as_str(), &*record.decoded), (source, &[codec.to_owned()][..]));
        assert_eq!(record.redactions["planted"], 1);
    }
}

#[test]
fn what_is_compressed_is_known_by_its_bytes_whatever_its_name() {
    let host = FakeHost::new()
        .bytes("/var/log/packed", gzip(log().as_bytes()))
        .file("/var/log/plain.gz", &log());
    let collected = take(host);
    assert_eq!(collected.text("/var/log/packed"), redacted());
    assert_eq!(collected.text("/var/log/plain.gz"), redacted());
}

#[test]
fn a_collector_that_names_its_files_profits_too() {
    let host = FakeHost::new().bytes("/proc/config.gz", gzip(b"CONFIG_A=y\n"));
    let collected = Trial::of(Named(&["/proc/config.gz"])).on(host);
    assert_eq!(collected.text("/proc/config"), "CONFIG_A=y\n");
}

#[test]
fn a_name_that_is_taken_by_the_plain_file_gets_a_number() {
    let host = FakeHost::new()
        .file("/var/log/app.log", "plain\n")
        .bytes("/var/log/app.log.gz", gzip(b"packed\n"));
    let collected = take(host);
    assert_eq!(collected.text("/var/log/app.log"), "plain\n");
    assert_eq!(collected.text("/var/log/app.log~2"), "packed\n");
}

#[test]
fn members_that_were_written_one_after_the_other_are_all_read() {
    let double = |pack: fn(&[u8]) -> Vec<u8>| [pack(b"one\n"), pack(b"two\n")].concat();
    let host = FakeHost::new()
        .bytes("/var/log/a.gz", double(gzip))
        .bytes("/var/log/b.xz", double(xz))
        .bytes("/var/log/c.zst", double(zstd))
        .bytes("/var/log/d.bz2", double(bzip2));
    let collected = take(host);
    for entry in ["/var/log/a", "/var/log/b", "/var/log/c", "/var/log/d"] {
        assert_eq!(collected.text(entry), "one\ntwo\n");
    }
}

#[test]
fn nuls_behind_a_compressed_file_are_no_damage_and_anything_else_is() {
    let behind = |bytes: &[u8]| [&gzip(b"one\n"), bytes].concat();
    let host = FakeHost::new()
        .bytes("/var/log/padded.gz", behind(&vec![0; 100_000]))
        .bytes("/var/log/more.gz", behind(b"and then text\n"));
    let collected = take(host);
    assert_eq!(collected.text("/var/log/padded"), "one\n");
    assert_eq!(collected.record("/var/log/padded").truncated, None);
    assert_eq!(collected.text("/var/log/more"), "one\n");
    assert_ne!(collected.record("/var/log/more").truncated, None);
}

#[test]
fn of_a_stream_that_ends_too_early_whole_lines_are_kept_and_the_cut_is_said() {
    let log = long_log();
    for (name, packed) in [
        ("a.gz", gzip(log.as_bytes())),
        ("a.xz", xz(log.as_bytes())),
        ("a.zst", zstd(log.as_bytes())),
        ("a.bz2", bzip2(log.as_bytes())),
    ] {
        let half = packed[..packed.len() / 2].to_vec();
        let collected = take(FakeHost::new().bytes(format!("/var/log/{name}"), half));
        let kept = collected.text("/var/log/a");
        // bzip2 decodes by blocks of 100 kB, of which a half gives nothing.
        assert!(kept.len() > log.len() / 4, "{name}: {} of {}", kept.len(), log.len());
        assert!(log.starts_with(kept) && kept.ends_with('\n'), "{name}");
        let cut = collected.record("/var/log/a").truncated.as_deref().unwrap();
        assert!(cut.contains("ends too early"), "{name}: {cut}");
        assert_eq!(collected.status(), Status::Truncated);
    }
}

#[test]
fn damage_in_the_middle_costs_what_follows_it() {
    let log = long_log();
    for (name, mut packed) in [("a.gz", gzip(log.as_bytes())), ("a.zst", zstd(log.as_bytes()))] {
        let middle = packed.len() / 2;
        packed[middle..middle + 64].fill(0xff);
        let collected = take(FakeHost::new().bytes(format!("/var/log/{name}"), packed));
        // What a decoder gives just before it notices the damage may be damaged itself.
        let kept = collected.bytes("/var/log/a").iter().zip(log.bytes());
        let whole = kept.take_while(|(kept, was)| **kept == *was).count();
        assert!(whole > log.len() / 8, "{name}: {whole} of {}", log.len());
        assert_ne!(collected.record("/var/log/a").truncated, None, "{name}");
    }
}

#[test]
fn what_cannot_be_decompressed_at_all_is_left_out_and_named() {
    let host = FakeHost::new()
        .bytes("/var/log/broken.xz", b"\xfd7zXZ\0nothing of the kind\n")
        .file("/var/log/whole", "whole\n");
    let collected = take(host);
    assert_eq!(collected.paths(), ["test/var/log/whole"]);
    assert!(said(&collected, "/var/log/broken.xz: left out"), "{:?}", collected.notes());
    assert_eq!(collected.status(), Status::Partial);
}

#[test]
fn a_bomb_is_cut_and_said() {
    let kilobyte = [b"0".repeat(1023), b"\n".to_vec()].concat();
    let bomb = xz(&kilobyte.repeat(40 << 10));
    assert!(bomb.len() < 40 << 10, "it is no bomb");
    let collected = take(FakeHost::new().bytes("/var/log/bomb.xz", bomb.clone()));
    let size = collected.bytes("/var/log/bomb").len();
    assert!((16 << 20..30 << 20).contains(&size), "{size}");
    let cut = collected.record("/var/log/bomb").truncated.as_deref().unwrap();
    assert!(cut.contains("200 times"), "{cut}");

    // What several in an archive give counts together.
    let host =
        FakeHost::new().bytes("/var/log/bombs.tar", tar(&[("a.xz", &bomb), ("b.xz", &bomb)]));
    let collected = take(host);
    let sizes = collected.manifest().entries.iter().map(|entry| entry.size);
    assert!(sizes.sum::<u64>() < 40 << 20);
}

#[test]
fn what_is_decoded_counts_towards_the_size_of_the_step() {
    let host = FakeHost::new().bytes("/var/log/a.gz", gzip(long_log().as_bytes()));
    let trial = trial().options(|options| options.max_size = Some(Size(200_000)));
    let collected = trial.on(host);
    let size = collected.bytes("/var/log/a").len();
    assert!((190_000..=200_000).contains(&size), "{size}");
    assert_eq!(collected.status(), Status::Truncated);
}

#[test]
fn members_of_an_archive_become_entries_below_its_name() {
    let archive = tar(&[("etc/app.conf", log().as_bytes()), ("notes.txt", b"hello\n")]);
    let host = FakeHost::new()
        .bytes("/var/log/plain.tar", archive.clone())
        .bytes("/var/log/packed.tar.gz", gzip(&archive));
    let collected = take(host);
    assert_eq!(collected.status(), Status::Complete, "{:?}", collected.notes());
    for archive in ["plain.tar", "packed.tar.gz"] {
        let entry = format!("/var/log/{archive}/etc/app.conf");
        assert_eq!(collected.text(&entry), redacted());
        let record = collected.record(&entry);
        assert_eq!(record.source, format!("/var/log/{archive}: etc/app.conf"));
        assert_eq!(record.modified.unwrap().as_second(), 1_767_000_000);
        assert_eq!(collected.text(&format!("/var/log/{archive}/notes.txt")), "hello\n");
    }
    let record = collected.record("/var/log/packed.tar.gz/notes.txt");
    assert_eq!(record.decoded, ["gzip", "tar"]);
}

#[test]
fn what_lies_in_archives_in_archives_is_found_down_to_four_layers() {
    let inner = gzip(&tar(&[("app.log", log().as_bytes())]));
    let outer = tar(&[("inner.tar.gz", &inner), ("rotated.log.gz", &gzip(log().as_bytes()))]);
    let collected = take(FakeHost::new().bytes("/var/log/outer.tar", outer.clone()));
    assert_eq!(collected.text("/var/log/outer.tar/inner.tar.gz/app.log"), redacted());
    assert_eq!(collected.text("/var/log/outer.tar/rotated.log"), redacted());

    let deep = (0..5).fold(log().into_bytes(), |bytes, _| gzip(&bytes));
    let trial = trial().options(|options| options.binary = Binary::Keep);
    let collected = trial.on(FakeHost::new().bytes("/var/log/deep", deep));
    assert!(collected.paths().is_empty());
    assert!(said(&collected, "4 compressions or archives"), "{:?}", collected.notes());
}

#[test]
fn names_in_an_archive_cannot_leave_its_folder() {
    let mut archive = tar(&[("xx/xx/evil", b"text\n")]);
    archive[..5].copy_from_slice(b"../..");
    let sum: u32 = archive[..512].iter().enumerate().fold(0, |sum, (at, &byte)| {
        sum + u32::from(if (148..156).contains(&at) { b' ' } else { byte })
    });
    archive[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let collected = take(FakeHost::new().bytes("/var/log/a.tar", archive));
    assert_eq!(collected.paths(), ["test/var/log/a.tar/evil"]);
}

#[test]
fn links_and_devices_in_an_archive_are_named_and_not_stored() {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, path) in [
        (tar::EntryType::Symlink, "current"),
        (tar::EntryType::Char, "null"),
        (tar::EntryType::Directory, "folder/"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        if kind == tar::EntryType::Symlink {
            header.set_link_name(format!("/{PLANTED}")).unwrap();
        }
        builder.append_data(&mut header, path, std::io::empty()).unwrap();
    }
    let collected = take(FakeHost::new().bytes("/var/log/a.tar", builder.into_inner().unwrap()));
    assert!(collected.paths().is_empty());
    let notes = collected.notes().join("\n");
    assert!(notes.contains("current` is a link to `/[redacted:planted]`"), "{notes}");
    assert!(notes.contains("null` is a device"), "{notes}");
    assert!(!notes.contains("folder"), "{notes}");
}

#[test]
fn an_archive_that_ends_too_early_keeps_its_first_members() {
    let archive = tar(&[("first", b"first\n"), ("second", long_log().as_bytes()), ("third", b"3")]);
    let packed = gzip(&archive);
    let half = packed[..packed.len() / 2].to_vec();
    let collected = take(FakeHost::new().bytes("/var/log/a.tar.gz", half));
    assert_eq!(collected.text("/var/log/a.tar.gz/first"), "first\n");
    assert_ne!(collected.record("/var/log/a.tar.gz/second").truncated, None);
    assert!(said(&collected, "the rest of it left out"), "{:?}", collected.notes());
}

#[test]
fn binary_data_in_a_carrier_follows_the_policy() {
    let program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0".repeat(50);
    let host = || {
        FakeHost::new()
            .bytes("/var/log/core.gz", gzip(&program))
            .bytes("/var/log/a.tar", tar(&[("core", &program), ("log", b"log\n")]))
    };
    let collected = take(host());
    assert_eq!(collected.paths(), ["test/var/log/a.tar/log"]);
    assert!(said(&collected, "/var/log/core: left out"), "{:?}", collected.notes());

    let collected = trial().options(|options| options.binary = Binary::Keep).on(host());
    assert_eq!(collected.bytes("/var/log/core"), program);
    assert_eq!(collected.bytes("/var/log/a.tar/core"), program);
}

#[test]
fn binary_data_that_is_kept_is_unchanged_or_withheld() {
    let clean: Vec<u8> = (0..=255).cycle().take(5 << 20).collect();
    let with = |at: usize, len: usize| {
        let mut bytes = clean[..len].to_vec();
        bytes[at..at + PLANTED.len()].copy_from_slice(PLANTED.as_bytes());
        bytes
    };
    let host = FakeHost::new()
        .bytes("/var/log/clean", clean.clone())
        .bytes("/var/log/large", with(4 << 20, 5 << 20))
        .bytes("/var/log/small", with(300, 1000));
    let collected = trial().options(|options| options.binary = Binary::Keep).on(host);
    assert_eq!(collected.paths(), ["test/var/log/clean"]);
    assert!(collected.bytes("/var/log/clean") == clean);
    for name in ["small", "large"] {
        let note = format!("Withheld test/var/log/{name}: left out");
        assert!(said(&collected, &note), "{:?}", collected.notes());
    }
    assert!(said(&collected, "(`planted`)"), "{:?}", collected.notes());
}

#[test]
fn compressed_output_of_a_command_is_never_kept_unopened() {
    struct Dump;
    impl Collector for Dump {
        fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
            let command = crate::host::CommandLine::new(["dump"]);
            out.command("dump", &command)
        }
    }
    let host = FakeHost::new().command("dump", bzip2(log().as_bytes()));
    let trial = Trial::of(Dump).options(|options| options.binary = Binary::Keep);
    let collected = trial.on(host);
    assert!(collected.paths().is_empty());
    assert!(said(&collected, "compressed data"), "{:?}", collected.notes());
}

#[test]
fn utf_16_is_stored_as_utf_8() {
    let host = FakeHost::new()
        .bytes("/var/log/marked.log", utf_16(&format!("\u{feff}{}", log())))
        .bytes("/var/log/bare.log", utf_16(&log()))
        .bytes("/var/log/packed.log.gz", gzip(&utf_16(&log())))
        .bytes(
            "/var/log/half.log",
            [utf_16("all is well\n"), vec![0, 0xd8], utf_16("ok\n")].concat(),
        );
    let collected = take(host);
    for entry in ["marked.log", "bare.log", "packed.log"] {
        assert_eq!(collected.text(&format!("/var/log/{entry}")), redacted());
    }
    assert_eq!(collected.record("/var/log/packed.log").decoded, ["gzip", "UTF-16LE"]);
    assert_eq!(collected.text("/var/log/half.log"), "all is well\n\u{fffd}ok\n");
    assert!(said(&collected, "half.log`: 1 sequence"), "{:?}", collected.notes());
    assert_eq!(collected.status(), Status::Complete);
}

#[test]
fn other_encodings_pass_unharmed() {
    for text in [
        format!("one\r\nkey={PLANTED}\r\ntwo\r\n").into_bytes(),
        format!("Stra\u{df}e\nkey={PLANTED}\n").chars().map(|char| char as u8).collect(),
        format!("HOME=/root\0KEY={PLANTED}\0PATH=/bin\0").into_bytes(),
        format!("\x1b[1;31merror\x1b[0m key={PLANTED} \x1b[32mok\x1b[0m\n").into_bytes(),
        [b"broken \xff\xc3 utf-8 ".as_slice(), PLANTED.as_bytes(), b"\xf0\x9f\n"].concat(),
    ] {
        let collected = take(FakeHost::new().bytes("/var/log/a", text.clone()));
        let at = memchr::memmem::find(&text, PLANTED.as_bytes()).unwrap();
        let expected = [&text[..at], b"[redacted:planted]", &text[at + PLANTED.len()..]].concat();
        assert_eq!(collected.bytes("/var/log/a"), expected, "{}", text.escape_ascii());
        assert!(collected.record("/var/log/a").decoded.is_empty());
    }
}

#[test]
fn a_large_document_on_one_line_goes_through_in_time() {
    let item = format!(r#"{{"id":"0123456789","key":"{PLANTED}","text":"some more of it"}},"#);
    let count = (20 << 20) / item.len();
    let document = format!("[{}{{}}]", item.repeat(count));
    let begun = std::time::Instant::now();
    let collected = take(FakeHost::new().file("/var/log/large.json", &document));
    let took = begun.elapsed();
    let expected = document.replace(PLANTED, "[redacted:planted]");
    assert!(collected.text("/var/log/large.json") == expected);
    assert_eq!(collected.record("/var/log/large.json").redactions["planted"], count as u64);
    // Some seconds unoptimised; what is not linear takes minutes.
    assert!(took.as_secs() < 60, "{took:?}");
}

#[test]
fn memory_for_decoding_is_bounded() {
    // A window of 1 GiB, as `zstd --long=30` makes it: refused, not allocated.
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(30).unwrap();
    encoder.write_all(log().as_bytes()).unwrap();
    let host = FakeHost::new().bytes("/var/log/a.zst", encoder.finish().unwrap());
    let collected = take(host);
    assert!(collected.paths().is_empty());
    assert!(said(&collected, "/var/log/a.zst: left out"), "{:?}", collected.notes());
}

#[test]
fn a_file_that_is_not_there_to_its_end_is_said_to_have_failed() {
    struct Broken<'b>(&'b [u8]);
    impl Read for Broken<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                Err(std::io::Error::other("the disk is broken"))
            } else {
                self.0.read(buffer)
            }
        }
    }
    struct Unfold(Vec<u8>);
    impl Collector for Unfold {
        fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
            out.unfold(&mut Broken(&self.0), "a.gz", "/a.gz", None, None)
        }
    }
    let packed = gzip(long_log().as_bytes());
    let collected = Trial::of(Unfold(packed[..packed.len() / 2].to_vec())).on(FakeHost::new());
    assert!(long_log().starts_with(collected.text("a")) && !collected.text("a").is_empty());
    assert!(said(&collected, "Failed /a.gz: the disk is broken"), "{:?}", collected.notes());
    let cut = collected.record("a").truncated.as_deref().unwrap();
    assert!(cut.contains("the disk is broken"), "{cut}");
}

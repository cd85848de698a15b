//! Tells binary data from text.

/// How much of a file is looked at.
const HEAD: usize = 8 << 10;

/// Whether a file that begins like this is binary: secrets cannot be found in it reliably.
///
/// That is what holds a NUL within its first 8 KiB, unless NULs only separate printable texts, as in
/// `/proc/PID/environ` and `cmdline`; and UTF-16, which begins with a byte order mark.
pub fn looks_binary(head: &[u8]) -> bool {
    let head = &head[..head.len().min(HEAD)];
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return true;
    }
    memchr::memchr(0, head).is_some() && !is_separated_text(head)
}

/// Whether NULs only separate or end texts. Padding is allowed at the end, where a program that
/// has rewritten its title leaves it; in the middle it is a sign of records of fixed size.
fn is_separated_text(head: &[u8]) -> bool {
    let used = head.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let texts: Vec<&[u8]> = head[..used].split(|&byte| byte == 0).collect();
    let count = |len| texts.iter().filter(|text| text.len() == len).count();
    // UTF-16 without a mark has a NUL after every ASCII character.
    let wide = texts.len() >= 4 && count(1) * 10 >= texts.len() * 9;
    let padded = count(0) * 10 > texts.len() * 2;
    used > 0 && !wide && !padded && texts.iter().all(|text| is_printable(text))
}

fn is_printable(text: &[u8]) -> bool {
    text.iter().all(|&byte| byte >= 0x20 && byte != 0x7f || b"\t\n\r\x1b".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_separated_by_nul_are_no_binary() {
        assert!(!looks_binary(b"HOME=/root\0PATH=/bin:/usr/bin\0"));
        assert!(!looks_binary(b"sh\0-c\0x\0"));
        assert!(!looks_binary(b"nginx: worker process\0\0\0\0\0\0"));
        assert!(!looks_binary("caf\u{e9}\n".as_bytes()));
        assert!(!looks_binary(b""));
    }

    #[test]
    fn programs_archives_and_utf_16_are_binary() {
        assert!(looks_binary(b"\x7fELF\x02\x01\x01\0\0\0"));
        assert!(looks_binary(b"\xff\xfea\0b\0c\0"));
        assert!(looks_binary(b"p\0a\0s\0s\0w\0o\0r\0d\0"));
        assert!(looks_binary(b"name\x00\x00\x00\x00\x00\x00\x00\x00rw-r--r--\x00root\x00"));
        assert!(looks_binary(b"\0\0\0\0"));
    }
}

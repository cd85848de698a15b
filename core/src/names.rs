//! Paths that are safe to write and never given twice.

use std::collections::BTreeSet;

/// `NAME_MAX` of Linux is 255 bytes; the rest is for a `~` and a number.
const LONGEST_NAME: usize = 255 - 8;

/// The paths that were given so far; folders end in `/`.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeSet<String>);

impl Names {
    /// The path itself, made harmless, or the first with numbers in it that no file has and that is
    /// in no folder which is a file.
    pub(crate) fn free(&mut self, path: &str) -> String {
        let parts = path.split('/').filter(|part| !matches!(*part, "" | "." | ".."));
        let clean: Vec<String> = parts
            .map(|part| shortened(&part.replace(|char: char| char.is_control(), "_")).to_owned())
            .collect();
        let (last, folders) =
            clean.split_last().map_or(("entry", &[][..]), |(last, folders)| (last, folders));
        let mut path = String::new();
        for folder in folders {
            let free =
                self.free_name(&format!("{path}{folder}"), |taken, free| !taken.contains(free));
            path = free + "/";
            self.0.insert(path.clone());
        }
        let free = self.free_name(&format!("{path}{last}"), |taken, free| {
            !taken.contains(free) && !taken.contains(&format!("{free}/"))
        });
        self.0.insert(free.clone());
        free
    }

    /// The name itself, or the first with a number behind it that is free.
    fn free_name(&self, name: &str, is_free: fn(&BTreeSet<String>, &str) -> bool) -> String {
        let mut free = name.to_owned();
        for number in 2.. {
            if is_free(&self.0, &free) {
                break;
            }
            free = format!("{name}~{number}");
        }
        free
    }
}

/// The beginning of a name that every file system takes, with room for what makes it unique. Bytes
/// that are no UTF-8, and redaction, can make a name longer than it was.
fn shortened(name: &str) -> &str {
    let end = (0..=LONGEST_NAME.min(name.len())).rev().find(|&end| name.is_char_boundary(end));
    &name[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_is_given_twice_leads_upwards_or_lies_in_a_file() {
        let mut names = Names::default();
        let given = ["a/b", "a/b", "a/b/c", "../../a", "", "/x\ny"].map(|path| names.free(path));
        assert_eq!(given, ["a/b", "a/b~2", "a/b~3/c", "a~2", "entry", "x_y"]);
    }
}

//! Patterns of absolute paths.

use glob::{MatchOptions, Pattern};
use std::path::{Component, Path, PathBuf};
use thiserror::Error;

const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Folders that are entered only where a pattern names them: what the kernel makes up in them has
/// no end, and reading some of it changes the host.
const MADE_UP: [&str; 3] = ["/dev", "/proc", "/sys"];

/// What is wrong with a pattern.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum PatternError {
    #[error("the path is empty")]
    Empty,
    #[error("`{0}` is not an absolute path")]
    Relative(String),
    #[error("`{0}` goes up by `..`")]
    Upward(String),
    #[error("`{0}` would read the whole host")]
    Everything(String),
    #[error("`{pattern}` is no pattern: {reason}")]
    Syntax { pattern: String, reason: &'static str },
}

impl PatternError {
    /// What to do about it.
    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::Empty | Self::Relative(_) => {
                "write the whole path, as in `/var/log/product/*.log`; `~` and variables are not \
                 replaced"
            }
            Self::Upward(_) => "write the path without `..`",
            Self::Everything(_) => "begin with the name of a folder, as in `/var/log/**/*.log`",
            Self::Syntax { .. } => {
                "`*` and `?` stand for characters of a name, `[a-z]` for one of a set, and `**`, \
                 alone between slashes, for any folders; write `[*]` for a star itself"
            }
        }
    }
}

/// One part of a pattern, between two slashes.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Exactly this name.
    Literal(String),
    /// Every name that matches.
    Name(Pattern),
    /// Any number of folders, `**`.
    Deep,
}

impl Part {
    fn parse(text: &str, whole: &str) -> Result<Self, PatternError> {
        if text == "**" {
            Ok(Self::Deep)
        } else if text.contains(['*', '?', '[']) {
            compile(text, whole).map(Self::Name)
        } else {
            Ok(Self::Literal(text.to_owned()))
        }
    }

    /// Whether it stands for this one name. `**` stands for folders, so for none.
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Literal(literal) => literal == name,
            Self::Name(pattern) => pattern.matches_with(name, OPTIONS),
            Self::Deep => false,
        }
    }
}

fn compile(text: &str, whole: &str) -> Result<Pattern, PatternError> {
    Pattern::new(text)
        .map_err(|error| PatternError::Syntax { pattern: whole.to_owned(), reason: error.msg })
}

/// A pattern of paths to take.
///
/// A pattern without wildcards that turns out to be a folder stands for everything below it; so it
/// always goes on with `**/*`, and may end before that.
#[derive(Clone, Debug)]
pub(super) struct PathPattern {
    text: String,
    parts: Vec<Part>,
    prefix: usize,
    /// No wildcard was written.
    plain: bool,
}

impl PathPattern {
    /// Reads a pattern.
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        let mut parts = parse_parts(text)?;
        let prefix = parts.iter().take_while(|part| matches!(part, Part::Literal(_))).count();
        let plain = prefix == parts.len();
        if matches!(parts.first(), None | Some(Part::Deep)) {
            return Err(PatternError::Everything(text.to_owned()));
        }
        if plain {
            parts.push(Part::Deep);
        }
        if matches!(parts.last(), Some(Part::Deep)) {
            parts.push(Part::Name(compile("*", text)?));
        }
        Ok(Self { text: text.to_owned(), parts, prefix, plain })
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// How many parts it has.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// A part.
    pub(super) fn part(&self, at: usize) -> &Part {
        &self.parts[at]
    }

    /// How many parts at its beginning are plain names.
    pub(super) fn prefix_len(&self) -> usize {
        self.prefix
    }

    /// The path up to the first wildcard.
    pub(super) fn prefix(&self) -> PathBuf {
        let mut path = PathBuf::from("/");
        for part in &self.parts[..self.prefix] {
            if let Part::Literal(name) = part {
                path.push(name);
            }
        }
        path
    }

    /// Whether a path that stands for the first `at` parts stands for the pattern.
    pub(super) fn ends_at(&self, at: usize) -> bool {
        at == self.parts.len() || (self.plain && at == self.prefix)
    }

    /// Whether the names of `below`, taken below the prefix, stand for the pattern.
    pub(super) fn matches_below_prefix(&self, below: &Path) -> bool {
        let names: Vec<_> = names(below).collect();
        if names.is_empty() {
            return self.plain;
        }
        matches(&self.parts[self.prefix..], &names)
    }
}

/// A pattern of what is left out: of paths, or, without a slash, of names in any folder. What is
/// below an excluded folder is excluded with it.
#[derive(Clone, Debug)]
pub(super) enum Exclusion {
    Name(Pattern),
    Path(Vec<Part>),
}

impl Exclusion {
    /// Reads a pattern.
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        if !text.is_empty() && !text.contains('/') && text != "**" {
            return compile(text, text).map(Self::Name);
        }
        parse_parts(text).map(Self::Path)
    }

    /// Whether the path itself is excluded, whatever holds for the folders above it.
    pub(super) fn matches(&self, path: &Path) -> bool {
        match self {
            Self::Name(pattern) => path
                .file_name()
                .is_some_and(|name| pattern.matches_with(&name.to_string_lossy(), OPTIONS)),
            Self::Path(parts) => matches(parts, &names(path).collect::<Vec<_>>()),
        }
    }
}

/// Whether a wildcard must not lead into this folder.
pub(super) fn is_made_up(path: &Path) -> bool {
    MADE_UP.iter().any(|folder| path == Path::new(folder))
}

fn parse_parts(text: &str) -> Result<Vec<Part>, PatternError> {
    if text.is_empty() {
        return Err(PatternError::Empty);
    }
    let Some(below_root) = text.strip_prefix('/') else {
        return Err(PatternError::Relative(text.to_owned()));
    };
    let mut parts: Vec<Part> = Vec::new();
    for part in below_root.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(PatternError::Upward(text.to_owned())),
            "**" if matches!(parts.last(), Some(Part::Deep)) => {}
            part => parts.push(Part::parse(part, text)?),
        }
    }
    Ok(parts)
}

fn names(path: &Path) -> impl Iterator<Item = String> + '_ {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    })
}

fn matches(parts: &[Part], names: &[String]) -> bool {
    match (parts, names) {
        ([], []) => true,
        // A `**` at the end stands for all that is below, not for the folder itself.
        ([Part::Deep], names) => !names.is_empty(),
        ([Part::Deep, rest @ ..], names) => {
            (0..=names.len()).any(|skipped| matches(rest, &names[skipped..]))
        }
        ([part, rest @ ..], [name, below @ ..]) => part.matches(name) && matches(rest, below),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excluded(pattern: &str, path: &str) -> bool {
        Exclusion::parse(pattern).unwrap().matches(Path::new(path))
    }

    #[test]
    fn wildcards_stand_for_names_and_double_stars_for_folders() {
        assert!(excluded("/var/log/*.log", "/var/log/a.log"));
        assert!(!excluded("/var/log/*.log", "/var/log/app/a.log"));
        assert!(excluded("/var/log/app-?.log", "/var/log/app-1.log"));
        assert!(excluded("/var/log/app[0-9].log", "/var/log/app7.log"));
        assert!(!excluded("/var/log/app[!0-9].log", "/var/log/app7.log"));
        assert!(excluded("/var/**/a.log", "/var/a.log"));
        assert!(excluded("/var/**/a.log", "/var/x/y/a.log"));
        assert!(excluded("/var/**/x/**/a.log", "/var/1/x/2/a.log"));
        assert!(excluded("/var/cache/**", "/var/cache/x/y"));
        assert!(!excluded("/var/cache/**", "/var/cache"));
    }

    #[test]
    fn an_exclusion_without_a_slash_is_of_names_in_any_folder() {
        assert!(excluded("*.gz", "/var/log/app/a.log.gz"));
        assert!(!excluded("*.gz", "/var/log/app/a.log"));
    }

    #[test]
    fn patterns_that_cannot_work_say_why() {
        let wrong = |text: &str| PathPattern::parse(text).unwrap_err();
        assert_eq!(wrong(""), PatternError::Empty);
        assert_eq!(wrong("logs/*.log"), PatternError::Relative("logs/*.log".into()));
        assert_eq!(wrong("/var/../etc"), PatternError::Upward("/var/../etc".into()));
        assert_eq!(wrong("/**/*.log"), PatternError::Everything("/**/*.log".into()));
        assert_eq!(wrong("/"), PatternError::Everything("/".into()));
        assert!(matches!(wrong("/var/[a/b"), PatternError::Syntax { .. }));
        assert!(matches!(wrong("/var/a**/b"), PatternError::Syntax { .. }));
    }

    #[test]
    fn the_prefix_ends_before_the_first_wildcard() {
        let prefix = |text: &str| PathPattern::parse(text).unwrap().prefix();
        assert_eq!(prefix("/var/log/app/**/*.log"), Path::new("/var/log/app"));
        assert_eq!(prefix("/var//log/./a.log"), Path::new("/var/log/a.log"));
        assert_eq!(prefix("/v?r/log"), Path::new("/"));
    }
}

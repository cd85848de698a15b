//! Lines of crontabs (`crontab(5)`, `anacrontab(5)`).

use serde::Serialize;

/// A job.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Job {
    /// The file that it is written in.
    pub(crate) source: String,
    /// The account that it runs under; its owner's where none is written.
    pub(crate) user: Option<String>,
    /// `*/5 * * * *`, `@daily`, `every 7 days`, or a time.
    pub(crate) schedule: String,
    pub(crate) command: String,
    /// When it last ran, where that is known.
    pub(crate) last: Option<String>,
}

/// The jobs of a crontab; in those of the system each has an account.
pub(crate) fn jobs(source: &str, text: &str, user: Option<&str>) -> Vec<Job> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let jobs = lines.filter_map(|line| {
        // A dash keeps cronie and SUSE's cron from logging the job.
        let line = line.strip_prefix('-').unwrap_or(line);
        let (schedule, rest) = cut(line, if line.starts_with('@') { 1 } else { 5 })?;
        let is_schedule =
            schedule.starts_with(|letter: char| "@*~".contains(letter) || letter.is_ascii_digit());
        let (user, command) = match user {
            Some(user) => (user.to_owned(), rest),
            None => cut(rest, 1)?,
        };
        is_schedule.then(|| Job {
            source: source.to_owned(),
            user: Some(user),
            schedule,
            command: command.to_owned(),
            last: None,
        })
    });
    jobs.collect()
}

/// The jobs of an anacrontab with their names, by which it keeps when they ran.
pub(crate) fn anacron_jobs(source: &str, text: &str) -> Vec<(String, Job)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let jobs = lines.filter_map(|line| {
        let (period, rest) = cut(line, 1)?;
        let (delay, rest) = cut(rest, 1)?;
        let (name, command) = cut(rest, 1)?;
        delay.parse::<u32>().ok()?;
        let period = match period.parse::<u32>() {
            Ok(days) => format!("every {days} days"),
            Err(_) if period.starts_with('@') => period,
            Err(_) => return None,
        };
        let schedule = format!("{period}, {delay} minutes after the start");
        let command = command.to_owned();
        let source = source.to_owned();
        Some((name, Job { source, schedule, command, user: Some("root".into()), last: None }))
    });
    jobs.collect()
}

/// The first words, a space apart, and the rest of the line.
fn cut(line: &str, words: usize) -> Option<(String, &str)> {
    let mut rest = line;
    let mut first = Vec::new();
    for _ in 0..words {
        let (word, after) = rest.trim_start().split_once([' ', '\t'])?;
        first.push(word);
        rest = after;
    }
    let rest = rest.trim_start();
    (!rest.is_empty()).then(|| (first.join(" "), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_told_from_comments_and_variables() {
        let text = "# m h dom mon dow\nSHELL=/bin/sh\nMAILTO = a b c d e f\n\n\
                    */5 *\t* * 1-5  root  test -x /x && /x --all\n@daily web /y\n0 0 * * *\n";
        let jobs = jobs("/etc/crontab", text, None);
        let [first, second] = &jobs[..] else { panic!("{jobs:?}") };
        assert_eq!(
            (first.schedule.as_str(), first.user.as_deref()),
            ("*/5 * * * 1-5", Some("root"))
        );
        assert_eq!(first.command, "test -x /x && /x --all");
        assert_eq!((second.schedule.as_str(), second.command.as_str()), ("@daily", "/y"));
        let own = super::jobs("/var/spool/cron/zoe", "-1 2 3 4 5 /z\n", Some("zoe"));
        assert_eq!((own[0].user.as_deref(), own[0].command.as_str()), (Some("zoe"), "/z"));
    }

    #[test]
    fn jobs_of_anacron_have_names() {
        let text = "SHELL=/bin/sh\n1\t5\tcron.daily\trun-parts /etc/cron.daily\n@monthly 15 m x\n";
        let jobs = anacron_jobs("/etc/anacrontab", text);
        assert_eq!(jobs[0].0, "cron.daily");
        assert_eq!(jobs[0].1.schedule, "every 1 days, 5 minutes after the start");
        assert_eq!((jobs.len(), jobs[1].1.command.as_str()), (2, "x"));
    }
}

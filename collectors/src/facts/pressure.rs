//! How long tasks had to wait for a resource: <https://docs.kernel.org/accounting/psi.html>.

use serde::Serialize;

/// What waited, and how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Pressure {
    /// At least one task waited.
    pub(crate) some: Option<Stall>,
    /// All tasks that had something to do waited.
    pub(crate) full: Option<Stall>,
}

/// Shares of the time in percent, over the last 10, 60 and 300 seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Stall {
    pub(crate) avg10: f64,
    pub(crate) avg60: f64,
    pub(crate) avg300: f64,
    /// Since the start, in seconds.
    pub(crate) total: f64,
}

impl Pressure {
    /// What a file of pressure says; nothing if it makes no sense.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let line = |kind: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(' '));
            lines.find(|(word, _)| *word == kind).and_then(|(_, rest)| Stall::parse(rest))
        };
        let pressure = Self { some: line("some"), full: line("full") };
        (pressure != Self::default()).then_some(pressure)
    }
}

impl Stall {
    fn parse(text: &str) -> Option<Self> {
        let field = |wanted: &str| {
            let mut fields = text.split_whitespace().filter_map(|field| field.split_once('='));
            let (_, value) = fields.find(|(name, _)| *name == wanted)?;
            value.parse::<f64>().ok().filter(|value| value.is_finite())
        };
        Some(Self {
            avg10: field("avg10")?,
            avg60: field("avg60")?,
            avg300: field("avg300")?,
            total: field("total")? / 1e6,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lines_are_read_and_nonsense_is_not() {
        let text = "some avg10=1.50 avg60=2.00 avg300=0.25 total=2500000\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
        let pressure = Pressure::parse(text).unwrap();
        let some = Stall { avg10: 1.5, avg60: 2.0, avg300: 0.25, total: 2.5 };
        assert_eq!(pressure.some, Some(some));
        assert_eq!(pressure.full, Some(Stall::default()));
        assert_eq!(Pressure::parse("some avg10=x\nfull"), None);
        assert_eq!(Pressure::parse(""), None);
        assert_eq!(Pressure::parse("full avg10=nan avg60=0 avg300=0 total=0"), None);
    }
}

//! Lines of columns that stand below each other, without waiting for the last line.

use super::list::Row;
use crate::{
    desk::{
        args::Column,
        voice::{self, Voice},
    },
    text,
};
use jiff::tz::TimeZone;

/// So many lines say how wide the columns are; later ones may widen them.
const SAMPLE: usize = 500;

/// Which columns go first where there is no room for all.
const MISSED_LEAST: [Column; 5] =
    [Column::Host, Column::Size, Column::Product, Column::Ticket, Column::Date];

/// The length of an id, as it is shown.
const ID: usize = 8;

/// Between two columns.
const GAP: &str = "  ";

/// A table on standard output, or the same as JSON.
pub(super) struct Table<'t> {
    voice: &'t Voice,
    columns: Vec<Column>,
    zone: TimeZone,
    widths: Vec<usize>,
    /// Lines that wait for the widths.
    waiting: Vec<Vec<String>>,
    /// The widths are known, and the first line is written.
    begun: bool,
    /// Whether a report is shown by its id, because there is no room for its name.
    short: bool,
    rows: u64,
    /// Whether there may be reports that were not asked for.
    filtered: bool,
}

impl<'t> Table<'t> {
    pub(super) fn new(
        voice: &'t Voice,
        columns: &'t [Column],
        zone: TimeZone,
        filtered: bool,
    ) -> Self {
        Self {
            voice,
            columns: columns.to_vec(),
            zone,
            widths: Vec::new(),
            waiting: Vec::new(),
            begun: false,
            short: false,
            rows: 0,
            filtered,
        }
    }

    /// Adds a line. Says whether anybody still reads.
    pub(super) fn add(&mut self, row: &Row) -> bool {
        self.rows += 1;
        if self.voice.json {
            return self.voice.object(row);
        }
        let cells: Vec<_> = self.columns.iter().map(|column| self.cell(*column, row)).collect();
        if self.begun {
            return self.write(&cells);
        }
        self.waiting.push(cells);
        self.waiting.len() < SAMPLE || self.begin()
    }

    /// Writes what still waits, and says if there was nothing at all.
    pub(super) fn finish(&mut self) {
        if self.rows == 0 {
            let none = "there are no reports";
            let such = " with this `--product`, `--since` and `--until`";
            self.voice.say(&format!("{none}{}", if self.filtered { such } else { "" }));
        } else if !self.begun && !self.voice.json {
            self.begin();
        }
    }

    fn begin(&mut self) -> bool {
        self.begun = true;
        let mut waiting = std::mem::take(&mut self.waiting);
        self.fit(&mut waiting, voice::width());
        let titles: Vec<_> = self.columns.iter().map(|column| self.title(*column)).collect();
        let style = self.voice.styles.output;
        self.voice.line(&style.bold(&self.line(&titles)))
            && waiting.iter().all(|cells| self.write(cells))
    }

    fn write(&mut self, cells: &[String]) -> bool {
        let cells = if self.short { self.shortened(cells) } else { cells.to_vec() };
        self.widen(&cells);
        self.voice.line(&self.line(&cells))
    }

    /// Finds widths with which the lines fit: with ids for names if need be, then without the columns
    /// that are missed least, so that the id can always be read.
    fn fit(&mut self, waiting: &mut [Vec<String>], width: Option<usize>) {
        self.widen_all(waiting);
        let Some(width) = width.filter(|width| self.needed() > *width) else { return };
        self.short = true;
        for cells in &mut *waiting {
            *cells = self.shortened(cells);
        }
        self.widen_all(waiting);
        let mut left_out = Vec::new();
        for column in MISSED_LEAST {
            let is_it = |shown: &Column| *shown == column;
            if self.needed() <= width || !self.columns.contains(&Column::Name) {
                break;
            }
            let Some(place) = self.columns.iter().position(is_it) else { continue };
            self.columns.remove(place);
            self.widths.remove(place);
            for cells in &mut *waiting {
                cells.remove(place);
            }
            left_out.push(title(column));
        }
        if !left_out.is_empty() {
            let left_out = left_out.join(", ");
            self.voice.say(&format!("no room for {left_out}: `--columns` says what to show"));
        }
    }

    /// How wide the lines are; what is no report has a key of any length, and is cut.
    fn needed(&self) -> usize {
        let widths = self.columns.iter().zip(&self.widths).map(|(column, width)| match column {
            Column::Name if self.short => (*width).min(ID),
            _ => *width,
        });
        widths.map(|width| width + GAP.len()).sum::<usize>().saturating_sub(GAP.len())
    }

    fn widen_all(&mut self, lines: &[Vec<String>]) {
        self.widths = self.columns.iter().map(|column| title(*column).len()).collect();
        for cells in lines {
            self.widen(cells);
        }
    }

    fn widen(&mut self, cells: &[String]) {
        for (width, cell) in self.widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
    }

    fn line(&self, cells: &[String]) -> String {
        let mut line = String::new();
        for ((column, width), cell) in self.columns.iter().zip(&self.widths).zip(cells) {
            let gap = " ".repeat(width - cell.chars().count().min(*width));
            if *column == Column::Size {
                line += &gap;
                line += cell;
            } else {
                line += cell;
                line += &gap;
            }
            line += GAP;
        }
        let line = line.trim_end();
        match voice::width() {
            Some(width) if line.chars().count() > width => {
                line.chars().take(width - 1).chain(['…']).collect()
            }
            _ => line.to_owned(),
        }
    }

    fn title(&self, column: Column) -> String {
        if self.short && column == Column::Name { "ID" } else { title(column) }.to_owned()
    }

    fn cell(&self, column: Column, row: &Row) -> String {
        match column {
            Column::Date => row.date.map_or_else(String::new, |at| text::moment(at, &self.zone)),
            Column::Product => row.product.clone().unwrap_or_else(|| "?".to_owned()),
            Column::Host => text::one_line(row.host.as_deref().unwrap_or_default()),
            Column::Size => text::size(row.size),
            Column::Ticket => row.ticket.shown(),
            // What is no report has its key as a name: that is what deletes it.
            Column::Name if row.report => row.name.clone(),
            Column::Name => text::one_line(&row.key),
        }
    }

    /// With the id in the place of a report's name.
    fn shortened(&self, cells: &[String]) -> Vec<String> {
        let shorten = |(column, cell): (&Column, &String)| match column {
            Column::Name => short(cell),
            _ => cell.clone(),
        };
        self.columns.iter().zip(cells).map(shorten).collect()
    }
}

/// The id in a name; what is no name of a report stays.
fn short(name: &str) -> String {
    let stem = name.split(".tar.").next().unwrap_or(name);
    match stem.rsplit_once('-') {
        Some((_, id)) if !name.contains('/') && stem.len() < name.len() => {
            id.chars().take(ID).collect()
        }
        _ => name.to_owned(),
    }
}

fn title(column: Column) -> &'static str {
    match column {
        Column::Date => "DATE",
        Column::Product => "PRODUCT",
        Column::Host => "HOST",
        Column::Size => "SIZE",
        Column::Ticket => "TICKET",
        Column::Name => "NAME",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{args::Color, desk::args::Common};
    use clap::ValueEnum;

    #[test]
    fn the_id_can_be_read_however_narrow_the_terminal_is() {
        let common = Common { config: None, json: false, quiet: true, color: Color::Never };
        let voice = Voice::new(&common);
        let report = [
            "2026-11-23 10:42",
            "shop",
            "host-22lywkb4",
            "300.0 MB",
            "4711 open",
            "shop-20261123T104205Z-k7m2p9qa4x.tar.xz.age",
        ];
        let stray = ["2026-11-23 10:42", "?", "", "1 B", "", "reports/shop/some/junk/of/someone"];
        for (width, id) in [(200, report[5]), (70, "k7m2p9qa"), (40, "k7m2p9qa"), (20, "k7m2p9qa")]
        {
            let mut table = Table::new(&voice, Column::value_variants(), TimeZone::UTC, false);
            let mut lines = [report, stray].map(|line| line.map(str::to_owned).to_vec());
            table.fit(&mut lines, Some(width));
            assert_eq!(lines[0].last().unwrap(), id, "{width}");
            assert!(table.needed() <= width, "{width}: {:?}", table.columns);
            assert_eq!(lines[0].len(), table.columns.len(), "{width}");
        }
    }

    #[test]
    fn where_a_name_has_no_room_the_id_stands_that_the_other_commands_take() {
        assert_eq!(short("shop-20261123T104205Z-k7m2p9qa4x.tar.xz.age"), "k7m2p9qa");
        assert_eq!(short("reports/shop-1/junk-file.tar.age"), "reports/shop-1/junk-file.tar.age");
    }
}

//! One list of facts twice: as JSON for programs, and as a table for people.

use super::table::Table;
use collect_core::{CollectError, Output};
use serde::Serialize;
use serde_json::Value;

/// Writes `rows` as `NAME.json`, an array of objects with all that is known, and as `NAME.txt`, a
/// table of these columns. A column is a key of the object, or several with dots between them:
/// `memory.resident`.
///
/// Lists stand in the table with commas between their values, as far as these are plain.
pub(crate) fn write<const N: usize>(
    out: &mut Output<'_>,
    name: &str,
    columns: [&str; N],
    rows: &[impl Serialize],
) -> Result<(), CollectError> {
    out.json(&format!("{name}.json"), &rows)?;
    out.text(&format!("{name}.txt"), &table(columns, rows)?)
}

/// Only the table, where it has fewer rows than the JSON.
pub(crate) fn table<const N: usize>(
    columns: [&str; N],
    rows: &[impl Serialize],
) -> Result<String, CollectError> {
    let mut table = Table::new(columns.map(|column| column.to_uppercase().replace('.', "-")));
    for row in rows {
        let row = serde_json::to_value(row);
        let row = row.map_err(|error| CollectError::Failed(error.to_string()))?;
        table.row(columns.map(|column| cell(at(&row, column))));
    }
    Ok(table.to_string())
}

/// The same if there is a row; nothing otherwise.
pub(crate) fn write_any<const N: usize>(
    out: &mut Output<'_>,
    name: &str,
    columns: [&str; N],
    rows: &[impl Serialize],
) -> Result<(), CollectError> {
    if rows.is_empty() { Ok(()) } else { write(out, name, columns, rows) }
}

fn at<'v>(row: &'v Value, column: &str) -> &'v Value {
    column.split('.').fold(row, |value, key| &value[key])
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null | Value::Object(_) => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(","),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        Collector,
        testkit::{FakeHost, Trial},
    };
    use serde_json::json;

    struct Two;

    impl Collector for Two {
        fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
            let rows = [
                json!({ "name": "sda", "size": 4096, "io": { "reads": 7 }, "mounts": ["/", "/srv"] }),
                json!({ "name": "sdb", "size": null, "removable": true }),
            ];
            write(out, "disks", ["name", "size", "io.reads", "mounts"], &rows)
        }
    }

    #[test]
    fn the_table_has_the_columns_and_the_json_has_everything() {
        let collected = Trial::of(Two).on(FakeHost::new());
        assert_eq!(
            collected.text("disks.txt"),
            "NAME  SIZE  IO-READS  MOUNTS\n\
             sda   4096         7  /,/srv\n\
             sdb      -         -  -\n"
        );
        let json: Value = serde_json::from_str(collected.text("disks.json")).unwrap();
        assert_eq!(json[1]["removable"], true);
    }
}

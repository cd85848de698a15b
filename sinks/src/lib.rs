//! Where `collect` delivers bundles, and the only HTTP client of the project.
//!
//! One file in `src/plugins/` makes a sink, one in `src/tickets/` a ticket system. This crate never prints, and what it says about a
//! failure never holds a credential.

mod api;
pub mod aws;
pub mod http;
pub mod patrol;
mod retry;
pub mod s3;
#[cfg(test)]
mod testing;

mod plugins {
    automod::dir!("src/plugins");
}

mod tickets {
    automod::dir!("src/tickets");
}

#[cfg(test)]
mod tests {
    use collect_core::plugin::Plugins;
    use std::{fs, path::Path};

    #[test]
    fn every_file_of_a_plugin_registers_a_plugin_of_that_name() {
        let plugins = Plugins::linked();
        assert_eq!(plugins.sinks.names().collect::<Vec<_>>(), files("src/plugins"));
        assert_eq!(plugins.tickets.names().collect::<Vec<_>>(), files("src/tickets"));
    }

    #[test]
    fn every_page_begins_with_a_sentence_and_has_an_example_that_is_a_good_profile() {
        let wrong = collect_core::testkit::wrong_pages(&Plugins::linked());
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }

    #[test]
    fn a_profile_can_tell_sinks_and_ticket_systems_apart() {
        let plugins = Plugins::linked();
        assert_eq!(plugins.tickets.names().find(|name| plugins.sinks.get(name).is_some()), None);
    }

    /// The names that the files of a folder stand for.
    fn files(folder: &str) -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .map(|path| path.file_stem().unwrap().to_str().unwrap().replace('_', "-"))
            .collect();
        files.sort();
        files
    }

    #[test]
    fn every_option_of_a_sink_is_described() {
        let plugins = Plugins::linked();
        let mut generator = schemars::SchemaGenerator::default();
        let sinks = plugins.sinks.iter().map(|sink| (sink.name, sink.schema(&mut generator)));
        let mut described: Vec<_> = sinks.collect();
        let tickets = plugins.tickets.iter();
        described.extend(tickets.map(|system| (system.name, system.schema(&mut generator))));
        for (name, schema) in described {
            assert!(schema.get("description").is_some(), "`{name}` has no description");
            let options = schema.get("properties").and_then(|options| options.as_object());
            for (option, described) in options.into_iter().flatten() {
                let described = described.get("description").is_some();
                assert!(described, "`{option}` of `{name}` has no description");
            }
        }
    }
}

//! Where `collect` delivers bundles, and the only HTTP client of the project.
//!
//! One file in `src/plugins/` makes a sink. This crate never prints, and what it says about a
//! failure never holds a credential.

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

#[cfg(test)]
mod tests {
    use collect_core::plugin::Plugins;
    use std::{fs, path::Path};

    #[test]
    fn every_file_of_a_sink_registers_a_sink_of_that_name() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plugins");
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .map(|path| path.file_stem().unwrap().to_str().unwrap().replace('_', "-"))
            .collect();
        files.sort();
        let plugins = Plugins::linked();
        assert_eq!(plugins.sinks.names().collect::<Vec<_>>(), files);
    }

    #[test]
    fn every_option_of_a_sink_is_described() {
        let plugins = Plugins::linked();
        for plugin in plugins.sinks.iter() {
            let schema = plugin.schema(&mut schemars::SchemaGenerator::default());
            assert!(schema.get("description").is_some(), "`{}` has no description", plugin.name);
            let options = schema.get("properties").and_then(|options| options.as_object());
            for (option, described) in options.into_iter().flatten() {
                let described = described.get("description").is_some();
                assert!(described, "`{option}` of `{}` has no description", plugin.name);
            }
        }
    }
}

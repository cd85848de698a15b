//! What a plugin is, and the registry of those linked into this binary.

use schemars::{Schema, SchemaGenerator};
use std::collections::BTreeMap;
use toml::de::ValueDeserializer;

/// A plugin of one kind: `Plugin<dyn Collector>`, `Plugin<dyn Sink>`, and so on.
///
/// Made only by [`register!`](crate::register), in a static, before `main`.
pub struct Plugin<T: ?Sized + 'static> {
    /// The name a profile uses, as in `use = "journald"`.
    pub name: &'static str,
    build: BuildFn<T>,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

/// Called with the path of every option that the plugin does not know.
pub type Unknown<'a> = &'a mut dyn FnMut(serde_ignored::Path<'_>);

type BuildFn<T> = fn(ValueDeserializer<'_>, Unknown<'_>) -> Result<Box<T>, toml::de::Error>;

impl<T: ?Sized> Plugin<T> {
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        build: BuildFn<T>,
        schema: fn(&mut SchemaGenerator) -> Schema,
    ) -> Self {
        Self { name, build, schema }
    }

    /// Builds the plugin from its options, naming those that it does not know to `unknown`.
    pub fn build(
        &self,
        options: ValueDeserializer<'_>,
        unknown: Unknown<'_>,
    ) -> Result<Box<T>, toml::de::Error> {
        (self.build)(options, unknown)
    }

    /// The JSON Schema of the plugin's options: also where its reference page comes from.
    pub fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.schema)(generator)
    }
}

/// The plugins of one kind, by name.
///
/// `inventory` visits plugins in no particular order, so they are sorted here, once.
pub struct Registry<T: ?Sized + 'static>(BTreeMap<&'static str, &'static Plugin<T>>);

impl<T: ?Sized> Registry<T> {
    /// Collects `plugins`.
    ///
    /// # Panics
    ///
    /// Panics if two plugins share a name, which only a change to the source can cause.
    pub fn new(plugins: impl IntoIterator<Item = &'static Plugin<T>>) -> Self {
        let mut by_name = BTreeMap::new();
        for plugin in plugins {
            let previous = by_name.insert(plugin.name, plugin);
            assert!(previous.is_none(), "two plugins are named `{}`", plugin.name);
        }
        Self(by_name)
    }

    /// The plugin of that name.
    pub fn get(&self, name: &str) -> Option<&'static Plugin<T>> {
        self.0.get(name).copied()
    }

    /// Every plugin, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = &'static Plugin<T>> + '_ {
        self.0.values().copied()
    }

    /// Every name, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.keys().copied()
    }
}

/// Every plugin linked into this binary, by kind.
pub struct Plugins {
    /// What gathers.
    pub collectors: Registry<dyn crate::Collector>,
    /// What removes secrets and personal data.
    pub redactors: Registry<dyn crate::Redactor>,
    /// What delivers.
    pub sinks: Registry<dyn crate::Sink>,
    /// What delivers into tickets.
    pub tickets: Registry<dyn crate::TicketSystem>,
}

impl Plugins {
    /// Takes all that are linked.
    ///
    /// A crate that no source names is not linked: the binary must name each plugin crate, as in
    /// `use collect_collectors as _;`.
    pub fn linked() -> Self {
        Self {
            collectors: Registry::new(inventory::iter::<Plugin<dyn crate::Collector>>),
            redactors: Registry::new(inventory::iter::<Plugin<dyn crate::Redactor>>),
            sinks: Registry::new(inventory::iter::<Plugin<dyn crate::Sink>>),
            tickets: Registry::new(inventory::iter::<Plugin<dyn crate::TicketSystem>>),
        }
    }
}

inventory::collect!(Plugin<dyn crate::Collector>);
inventory::collect!(Plugin<dyn crate::Redactor>);
inventory::collect!(Plugin<dyn crate::Sink>);
inventory::collect!(Plugin<dyn crate::TicketSystem>);

/// Registers a type as a plugin: `register!("journald" => Journald as Collector);`.
///
/// The type's fields are its options, its doc comments are its reference page, and its `Default` is
/// its defaults.
#[macro_export]
macro_rules! register {
    ($name:literal => $type:ty as $kind:ident) => {
        $crate::__inventory::submit! {
            $crate::Plugin::<dyn $crate::$kind>::new(
                $name,
                |options, unknown| {
                    $crate::__serde_ignored::deserialize::<_, _, $type>(options, unknown)
                        .map(|plugin| ::std::boxed::Box::new(plugin) as _)
                },
                |generator| generator.root_schema_for::<$type>(),
            )
        }
    };
}

//! What the plugins that describe the host share: reading, decoding and laying out its facts.

pub(crate) mod boots;
pub(crate) mod cgroups;
pub(crate) mod command_lines;
pub(crate) mod counters;
pub(crate) mod devices;
pub(crate) mod firewall;
pub(crate) mod kernel_files;
pub(crate) mod kernel_log;
pub(crate) mod listing;
pub(crate) mod mounts;
pub(crate) mod oom;
pub(crate) mod pressure;
pub(crate) mod processors;
pub(crate) mod refusals;
pub(crate) mod settings;
pub(crate) mod settings_files;
pub(crate) mod sockets;
pub(crate) mod table;
pub(crate) mod utmp;
pub(crate) mod zones;

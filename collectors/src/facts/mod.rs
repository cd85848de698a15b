//! What the plugins that describe the host share: reading, decoding and laying out its facts.

pub(crate) mod certificates;
pub(crate) mod command_lines;
pub(crate) mod containers;
pub(crate) mod devices;
pub(crate) mod firewall;
pub(crate) mod http;
pub(crate) mod interfaces;
pub(crate) mod kernel_files;
pub(crate) mod kernel_log;
pub(crate) mod kubernetes;
pub(crate) mod listing;
pub(crate) mod mounts;
pub(crate) mod namespaces;
pub(crate) mod netlink;
pub(crate) mod packages;
pub(crate) mod paths;
pub(crate) mod reach;
pub(crate) mod routes;
pub(crate) mod settings;
pub(crate) mod sockets;
pub(crate) mod stanzas;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod tls;

//! What the plugins that describe the host share: reading, decoding and laying out its facts.

pub(crate) mod block;
pub(crate) mod command_lines;
pub(crate) mod firewall;
pub(crate) mod hardware_ids;
pub(crate) mod kernel_files;
pub(crate) mod kernel_log;
pub(crate) mod limits;
pub(crate) mod listing;
pub(crate) mod mounts;
pub(crate) mod present;
pub(crate) mod programs;
pub(crate) mod raid;
pub(crate) mod rights;
pub(crate) mod settings;
pub(crate) mod smart;
pub(crate) mod smbios;
pub(crate) mod sockets;
pub(crate) mod table;

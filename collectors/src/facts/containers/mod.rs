//! What an engine of containers says: Docker, Podman, by the interface of Docker
//! (<https://docs.docker.com/reference/api/engine/>), which both speak.

pub(crate) mod containerd;
pub(crate) mod engine;
pub(crate) mod listening;
pub(crate) mod logs;
pub(crate) mod report;
pub(crate) mod rows;
pub(crate) mod values;

//! What plugin tests need: a made-up host, a look at what was collected from it, and a made-up
//! sealed bundle.

mod faulty;
mod host;
mod registry;
mod sealed;
mod trial;

pub use faulty::Faulty;
pub use host::{FakeHost, Release};
pub use registry::{example, wrong_pages};
pub use sealed::sealed;
pub use trial::{Collected, Trial};

//! Arrays of disks that the kernel runs itself.

use super::kernel_files::{children, link_name, name, number, value};
use collect_core::host::Host;
use serde::Serialize;

/// An array of `md(4)`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Array {
    device: String,
    level: String,
    state: Option<String>,
    disks: Option<u64>,
    /// How many disks are missing.
    degraded: Option<u64>,
    /// What it is busy with: `idle`, `resync`, `recover`, `check`.
    action: Option<String>,
    /// Sectors done and in all.
    progress: Option<String>,
    /// KiB per second.
    speed: Option<u64>,
    mismatches: Option<u64>,
    metadata: Option<String>,
    chunk: Option<u64>,
    members: Vec<String>,
    about_members: Vec<Member>,
}

/// A disk of an array.
#[derive(Serialize)]
pub(crate) struct Member {
    device: String,
    state: Option<String>,
    slot: Option<String>,
    /// Read errors that were corrected.
    errors: Option<u64>,
}

/// <https://docs.kernel.org/admin-guide/md.html>
pub(crate) fn arrays(host: &dyn Host) -> Vec<Array> {
    let arrays = children(host, "/sys/block").into_iter().filter_map(|device| {
        let about = |about: &str| device.join("md").join(about);
        let level = value(host, about("level"))?;
        let mut members = Vec::new();
        for member in children(host, device.join("md")) {
            if name(&member).starts_with("dev-") {
                members.push(Member {
                    device: link_name(host, member.join("block"))
                        .unwrap_or_else(|| name(&member).split_off("dev-".len())),
                    state: value(host, member.join("state")),
                    slot: value(host, member.join("slot")),
                    errors: number(host, member.join("errors")),
                });
            }
        }
        let member = |member: &Member| match member.state.as_deref() {
            Some("in_sync") | None => member.device.clone(),
            Some(state) => format!("{}({})", member.device, state.replace(',', " ")),
        };
        Some(Array {
            device: name(&device),
            level,
            state: value(host, about("array_state")),
            disks: number(host, about("raid_disks")),
            degraded: number(host, about("degraded")),
            action: value(host, about("sync_action")),
            progress: value(host, about("sync_completed")).filter(|progress| progress != "none"),
            speed: number(host, about("sync_speed")),
            mismatches: number(host, about("mismatch_cnt")),
            metadata: value(host, about("metadata_version")),
            chunk: number(host, about("chunk_size")),
            members: members.iter().map(member).collect(),
            about_members: members,
        })
    });
    arrays.collect()
}

//! The profile that a new product begins with.

use crate::bundle::slug;
use std::path::Path;

/// A profile to begin with, for the product that `name` names: what `collect new` writes.
///
/// It passes the check as it is. `name` may be a path; its last part is the product then.
pub fn template(name: &str) -> String {
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name);
    let product: String =
        stem.chars().filter(|c| !c.is_control() && !"\"\\".contains(*c)).collect();
    let product = if product.trim().is_empty() { "product" } else { product.trim() };
    TEMPLATE.replace("PRODUCT", product).replace("SLUG", &slug(product))
}

const TEMPLATE: &str = r#"# What `collect --profile` gathers for PRODUCT. `collect check` says whether all of it is right,
# `collect plugins` lists all there is, and `collect plugins files` explains one of them.
# With `collect schema > profile.schema.json` and a first line `#:schema ./profile.schema.json`,
# editors complete and check what is written here.

product = "PRODUCT"
description = "Problem reports of PRODUCT"
extends = ["linux"]                     # system, kernel, hardware, network, storage, logs

[report]                                # what the user is asked
contact = "optional"                    # or "required", "none"
intro = "Thanks for helping us fix this."
questions = [{ id = "steps", ask = "What were you doing when it happened?" }]

[collect.product-logs]                  # the id is the folder in the bundle
use = "files"
paths = ["/var/log/SLUG/**/*.log*"]
since = "24h"
max-size = "200MB"                      # the newest are kept
priority = 10                           # goes first when there is little time or space

[collect.product-journal]
use = "journald"
units = ["SLUG.service"]
since = "24h"
max-size = "50MB"
priority = 10

# To leave out something of what this profile extends:
# [collect.network]
# enabled = false

# Passwords, tokens and keys are found and removed without any configuration. What only your product
# knows to be a secret, say here:
# [redact.session]
# use = "pattern"
# pattern = 'session-[0-9a-f]{32}'

[encrypt]
# Who may open the bundles. `age-keygen` makes a pair of keys: the public one belongs here,
# the private one nowhere near this file. SSH keys work too.
recipients = []

# Where bundles go; needs recipients.
# [deliver.bucket]
# use = "s3"
# bucket = "SLUG-bug-reports"
# region = "eu-central-1"
# upload-token = { file = "upload.token" }
"#;

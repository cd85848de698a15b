//! The module in `terraform/`, applied for real to an emulator of AWS, once for all tests.

use super::{
    DESK_TOKEN, REFERER, UPLOAD_TOKEN,
    aws::Emulator,
    find,
    policy::{ACCOUNT, BUCKET},
    skip,
};
use serde_json::Value;
use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
};

/// The tokens that were given out before those of the kit, and are valid still.
pub(crate) const OLDER_TOKENS: [&str; 2] =
    ["made-up-upload-token-of-last-month", "made-up-desk-token-of-last-month"];
/// The parameter with the settings of the ticket function, which is not there at first.
pub(crate) const TICKET_SETTINGS: &str = "/collect/ticket";
/// The services that the emulator stands in for.
const SERVICES: [&str; 10] =
    ["cloudformation", "cloudwatch", "events", "iam", "lambda", "logs", "s3", "sns", "sqs", "sts"];

/// Where nobody listens.
const NOBODY: &str = "http://127.0.0.1:1";

/// Whether Terraform or the emulator is missing; says so.
pub(crate) fn no_terraform() -> bool {
    let missing = if find("terraform").is_none() {
        "terraform is not installed"
    } else if plugins().is_none() {
        "COLLECT_TERRAFORM_PLUGINS names no folder with the aws provider (`tests/run` finds one)"
    } else if find("ministack").is_none() {
        "ministack is not installed (`tests/run` installs it)"
    } else {
        return false;
    };
    skip(missing);
    true
}

/// The folder with the provider, in the form of a mirror.
fn plugins() -> Option<PathBuf> {
    let folder = PathBuf::from(env::var_os("COLLECT_TERRAFORM_PLUGINS")?);
    // Below the name of the registry.
    let mut registries = fs::read_dir(&folder).ok()?.flatten();
    let holds = registries.any(|registry| registry.path().join("hashicorp/aws").is_dir());
    holds.then_some(folder)
}

/// A folder with a root module in it.
pub(crate) struct Root {
    folder: PathBuf,
}

impl Root {
    /// The folder of the module under test.
    pub(crate) fn module() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform").canonicalize().unwrap()
    }

    /// Writes a root module for which nobody stands in for AWS: an address that nobody listens on.
    pub(crate) fn without_aws(name: &str, body: &str) -> Self {
        Self::at(NOBODY, name, body)
    }

    /// Writes a root module of the provider, with what is at `endpoint` for AWS, and `body`.
    fn at(endpoint: &str, name: &str, body: &str) -> Self {
        let folder = folder(name);
        fs::create_dir_all(&folder).unwrap();
        let endpoints = SERVICES.iter().fold(String::new(), |mut lines, service| {
            _ = writeln!(lines, "    {service} = \"{endpoint}\"");
            lines
        });
        // A busy host may take its time; where nobody is there, nothing is to be waited for.
        let retries = if endpoint == NOBODY { 1 } else { 25 };
        let provider = format!(
            r#"terraform {{
  required_providers {{
    aws = {{ source = "hashicorp/aws" }}
  }}
}}

provider "aws" {{
  region                      = "eu-central-1"
  access_key                  = "made-up"
  secret_key                  = "made-up"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  max_retries                 = {retries}

  assume_role {{
    role_arn     = "arn:aws:iam::{ACCOUNT}:role/teams/deploy"
    session_name = "tests"
  }}

  endpoints {{
{endpoints}  }}
}}
"#
        );
        fs::write(folder.join("provider.tf"), provider).unwrap();
        fs::write(folder.join("main.tf"), body).unwrap();
        let mirror = plugins().unwrap();
        let settings = format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = {:?}\n  }}\n}}\n",
            mirror.display().to_string()
        );
        fs::write(folder.join("terraform.rc"), settings).unwrap();
        let root = Self { folder };
        root.run(&["init", "-input=false"]);
        root
    }

    /// Runs Terraform, which has to succeed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "terraform {arguments:?}: {text}\n{errors}");
        text
    }

    /// Runs Terraform.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        let mut terraform = Command::new("timeout");
        terraform.args(["--signal=INT", "--kill-after=20", "400", "terraform"]).args(arguments);
        // Not what the host has set for real accounts.
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("AWS_") || name.starts_with("TF_") {
                terraform.env_remove(name);
            }
        }
        terraform
            .current_dir(&self.folder)
            .env("TF_CLI_CONFIG_FILE", "terraform.rc")
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_CLI_ARGS", "-no-color")
            .env("CHECKPOINT_DISABLE", "1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .output()
            .unwrap()
    }

    /// What a further `plan` would do, and what it has found.
    fn plan(&self) -> Value {
        self.run(&["plan", "-input=false", "-out=second.plan"]);
        serde_json::from_str(&self.run(&["show", "-json", "second.plan"])).unwrap()
    }
}

/// The module after `terraform apply`.
pub(crate) struct Applied {
    pub(crate) emulator: Emulator,
    pub(crate) root: Root,
    /// The second plan, in Terraform's JSON.
    pub(crate) second_plan: Value,
    /// The bucket's policy as it was applied; later guard may have edited it.
    pub(crate) policy: String,
    /// Whether the zips hold the real functions, by their names.
    pub(crate) functions: Vec<(&'static str, bool)>,
}

impl Applied {
    /// The one that all tests share.
    pub(crate) fn shared() -> &'static Self {
        // Where it fails once, it is not tried again for each test.
        static APPLIED: LazyLock<Applied> = LazyLock::new(Applied::new);
        &APPLIED
    }

    fn new() -> Self {
        forget_earlier_runs();
        let emulator = Emulator::start(&folder("emulator"), ACCOUNT);
        let functions = ["ticket", "guard", "upload"].map(|name| (name, zip(name))).to_vec();
        let root = Root::at(&emulator.endpoint, "root", &modules());
        root.run(&["apply", "-input=false", "-auto-approve"]);
        let second_plan = root.plan();
        let policy = emulator.ask(&[], &format!("/{BUCKET}?policy"));
        Self { emulator, root, second_plan, policy, functions }
    }

    /// An attribute of a resource, as read back by the second plan.
    pub(crate) fn attribute(&self, address: &str, name: &str) -> Value {
        find_resource(&self.second_plan["prior_state"]["values"]["root_module"], address)
            .unwrap_or_else(|| panic!("no resource {address}"))["values"][name]
            .clone()
    }

    /// An attribute that holds JSON.
    pub(crate) fn json(&self, address: &str, name: &str) -> Value {
        serde_json::from_str(self.attribute(address, name).as_str().unwrap()).unwrap()
    }

    /// An output.
    pub(crate) fn output(&self, name: &str) -> Value {
        self.second_plan["prior_state"]["values"]["outputs"][name]["value"].clone()
    }
}

fn find_resource<'a>(module: &'a Value, address: &str) -> Option<&'a Value> {
    let list = |name: &str| module[name].as_array().into_iter().flatten();
    list("resources")
        .find(|resource| resource["address"] == address)
        .or_else(|| list("child_modules").find_map(|child| find_resource(child, address)))
}

/// Both ways to use the module: with all there is, and with as little as possible.
fn modules() -> String {
    let module = Root::module();
    let [older_upload, older_desk] = OLDER_TOKENS;
    let zip = |name: &str| folder("zips").join(format!("{name}.zip"));
    format!(
        r#"module "all" {{
  source = {module:?}

  bucket             = "{BUCKET}"
  referer            = "{REFERER}"
  upload_tokens      = ["{UPLOAD_TOKEN}", "{older_upload}"]
  desk_tokens        = ["{DESK_TOKEN}", "{older_desk}"]
  administrator_arns = ["arn:aws:iam::{ACCOUNT}:role/operations"]
  blocked_addresses  = ["127.0.0.9"]
  allowed_addresses  = ["192.0.2.0/24"]
  alert_emails       = ["operations@example.com"]
  ticket_zip         = {:?}
  ticket_secret_arn  = "arn:aws:ssm:eu-central-1:{ACCOUNT}:parameter{TICKET_SETTINGS}"
  guard_zip          = {:?}
  upload_zip         = {:?}
  upload_url         = true
}}

module "least" {{
  source = {module:?}

  bucket  = "least-reports"
  referer = "{REFERER}"
}}

output "all" {{
  value     = module.all
  sensitive = true
}}

output "least" {{
  value     = module.least
  sensitive = true
}}
"#,
        zip("ticket"),
        zip("guard"),
        zip("upload"),
    )
}

/// Makes the zip of a function, and says whether it is the real one.
///
/// That is the program of `lambda/` beside `collect`, which `tests/run` builds. Without it, it is a
/// program that fails, so that there is something to apply.
fn zip(name: &str) -> bool {
    let folder = folder("zips");
    fs::create_dir_all(&folder).unwrap();
    let program =
        Path::new(env!("CARGO_BIN_EXE_collect")).with_file_name(format!("collect-lambda-{name}"));
    let real = program.is_file();
    let bootstrap = if real {
        program
    } else {
        let failing = folder.join(name);
        fs::write(&failing, "#!/bin/sh\nexit 1\n").unwrap();
        failing
    };
    let script = "import sys, zipfile\n\
        entry = zipfile.ZipInfo('bootstrap')\n\
        entry.external_attr = 0o755 << 16\n\
        with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as zip, open(sys.argv[2], 'rb') as program:\n    \
            zip.writestr(entry, program.read(), compresslevel=1)\n";
    let made = Command::new("python3")
        .args(["-c", script])
        .arg(folder.join(format!("{name}.zip")))
        .arg(&bootstrap)
        .status();
    assert!(made.unwrap().success());
    real
}

/// Where this run keeps something.
fn folder(name: &str) -> PathBuf {
    let run = format!("terraform-{}", std::process::id());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(run).join(name)
}

/// Removes what earlier runs have left: nothing is removed at the end, since the emulator lives until
/// the very end.
fn forget_earlier_runs() {
    for entry in fs::read_dir(env!("CARGO_TARGET_TMPDIR")).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(run) = name.strip_prefix("terraform-")
            && !Path::new("/proc").join(run).exists()
        {
            _ = fs::remove_dir_all(entry.path());
        }
    }
}

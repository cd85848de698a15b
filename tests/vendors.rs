//! The command that shows what the table of vendors lacks, on a made-up set of rules.

use crate::kit::{Collect, needs};
use std::{path::Path, process::Command};

const RULES: &str = r"
[[rules]]
id = 'github-token'
regex = '''ghp_[0-9a-zA-Z]{36}'''
keywords = ['ghp_']
[[rules]]
id = 'made-up-token'
regex = '''\b(madeup_v1_[a-z0-9]{32})\b'''
keywords = ['madeup_v1_']
[[rules]]
id = 'made-up-key'
regex = '''(?i)(?:madeupcorp)[\s=:]{1,5}([a-f0-9]{32})\b'''
keywords = ['madeupcorp']
[[rules]]
id = 'generic'
regex = '''(?:token|secret)=(\S+)'''
keywords = ['token', 'secret']
";

#[test]
fn a_rule_that_the_table_of_vendors_lacks_is_shown_with_a_row_to_start_from() {
    needs!("python3");
    let collect = Collect::new();
    let rules = collect.write("rules.toml", RULES);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let ended =
        Command::new("python3").arg(root.join("tools/vendors")).arg(rules).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let shown = String::from_utf8(ended.stdout).unwrap();
    let rows: Vec<_> =
        shown.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(
        rows,
        [
            "made-up-token\tprefix\tmadeup_v1_\t[a-z0-9]{32}\tgitleaks",
            "made-up-key\tnear\tmadeupcorp\t[a-f0-9]{32}\tgitleaks"
        ]
    );
}

use super::*;
use jiff::Timestamp;
use proptest::prelude::*;

/// As the module writes it, with white space and numbers that must stay as they are.
const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    { "Sid": "DenyPlainHttp", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
      "Resource": ["arn:aws:s3:::reports", "arn:aws:s3:::reports/*"],
      "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
    { "Sid": "DenyUnknownToken", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
      "Resource": ["arn:aws:s3:::reports", "arn:aws:s3:::reports/*"],
      "Condition": { "StringNotEquals": { "aws:UserAgent": ["made-up-1", "made-up-2"] },
        "ArnNotLike": { "aws:PrincipalArn": ["arn:aws:iam::123456789012:role/deploy"] } } },
    { "Sid": "AllowUpload", "Effect": "Allow", "Principal": "*", "Action": "s3:PutObject",
      "Resource": "arn:aws:s3:::reports/reports/*", "Condition": {"NumericLessThan":{"x": 1.50e1}} }
  ]
}"#;

fn block(net: &str, level: u32) -> Block {
    let net: Net = net.parse().unwrap();
    Block {
        net,
        level,
        from: Timestamp::UNIX_EPOCH,
        until: Timestamp::MAX,
        rules: BTreeSet::new(),
        weight: 1000,
        within: (net.network() != net).then(|| net.network()),
    }
}

fn statements_of(policy: &str) -> Vec<Value> {
    let policy: Value = serde_json::from_str(policy).unwrap();
    policy["Statement"].as_array().unwrap().clone()
}

#[test]
fn blocks_are_put_replaced_and_removed_and_all_else_keeps_its_bytes() {
    let first = with_blocks(POLICY, &[block("192.0.2.7/32", 1)]).unwrap().policy.unwrap();
    let statements = statements_of(&first);
    assert_eq!(
        statements[3],
        json!({
            "Sid": "DenyGuarded", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": ["arn:aws:s3:::reports", "arn:aws:s3:::reports/*"],
            "Condition": {
                "IpAddress": { "aws:SourceIp": ["192.0.2.7/32"] },
                "ArnNotLike": { "aws:PrincipalArn": ["arn:aws:iam::123456789012:role/deploy"] },
            },
        })
    );
    for statement in POLICY.split("\n    {").skip(1) {
        let statement = statement.trim_end_matches([',', '\n', ' ', ']', '}']);
        assert!(first.contains(statement), "{statement}");
    }
    let blocks = [block("198.51.100.0/24", 1), block("192.0.2.9/32", 1)];
    let second = with_blocks(&first, &blocks).unwrap().policy.unwrap();
    assert_eq!(statements_of(&second).len(), 4);
    let addresses = &statements_of(&second)[3]["Condition"]["IpAddress"]["aws:SourceIp"];
    assert_eq!(*addresses, json!(["192.0.2.9/32", "198.51.100.0/24"]));
    assert_eq!(with_blocks(&second, &blocks).unwrap().policy, None, "nothing changed");
    let third = with_blocks(&second, &[]).unwrap().policy.unwrap();
    assert_eq!(statements_of(&third), statements_of(POLICY));
    assert_eq!(with_blocks(&third, &[]).unwrap().policy, None);
}

#[test]
fn a_policy_that_is_not_understood_is_an_error() {
    let block = [block("192.0.2.7/32", 1)];
    for (policy, why) in [
        ("", "cannot be read"),
        ("{}", "cannot be read"),
        (&POLICY[..POLICY.len() - 1], "cannot be read"),
        (&POLICY.replace("\"Version\"", "\"Versoin\""), "cannot be read"),
        (&POLICY.replace("DenyUnknownToken", "Other"), "it has no statement `DenyUnknownToken`"),
        (&POLICY.replace("aws:PrincipalArn", "aws:userid"), "exempts no role"),
        (&POLICY.replace("ArnNotLike", "ArnLike"), "has `ArnLike` for `aws:PrincipalArn`"),
        (&POLICY.replace("AllowUpload", "DenyUnknownToken"), "two statements"),
        (&POLICY.replace("AllowUpload", "DenyGuarded"), "does not deny addresses"),
        (&POLICY.replace("\"Version\"", "\"Version\": \"1\", \"Version\""), "duplicate field"),
    ] {
        let error = with_blocks(policy, &block).unwrap_err().to_string();
        assert!(error.contains(why), "{policy}: {error}");
    }
}

#[test]
fn roles_are_exempt_in_whatever_way_the_module_writes_it() {
    let policy = POLICY.replace("},\n        \"ArnNotLike\": {", ",");
    let written = with_blocks(&policy, &[block("192.0.2.7/32", 1)]).unwrap().policy.unwrap();
    let condition = &statements_of(&written)[3]["Condition"]["StringNotEquals"];
    assert_eq!(
        *condition,
        json!({ "aws:PrincipalArn": ["arn:aws:iam::123456789012:role/deploy"] })
    );
}

#[test]
fn what_a_function_signs_is_denied_to_the_address_that_sends_it() {
    let exempt = |arns: &[&str]| {
        let mut policy: Value = serde_json::from_str(POLICY).unwrap();
        let statements = policy["Statement"].as_array_mut().unwrap();
        statements[1]["Condition"]["ArnNotLike"]["aws:PrincipalArn"] = json!(arns);
        statements.push(json!({
            "Sid": "DenyOverwrite", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::reports/*",
            "Condition": { "Null": { "s3:if-none-match": "true" },
                "StringNotLike": { "aws:PrincipalArn": "arn:aws:iam::123456789012:role/upload" } },
        }));
        let change = with_blocks(&policy.to_string(), &[block("192.0.2.7/32", 1)]).unwrap();
        let statements = statements_of(&change.policy.unwrap());
        statements[4]["Condition"]["ArnNotLike"]["aws:PrincipalArn"].clone()
    };
    let (deploy, upload) =
        ("arn:aws:iam::123456789012:role/deploy", "arn:aws:iam::123456789012:role/upload");
    assert_eq!(exempt(&[deploy, upload]), json!([deploy]));
    assert_eq!(exempt(&[upload]), json!([upload]), "never a statement that denies everybody");
}

#[test]
fn the_tokens_are_those_that_the_policy_lets_in() {
    let allow = r#"{ "Sid": "AllowManageObjects", "Effect": "Allow", "Condition": { "StringEquals":
        { "aws:UserAgent": ["made-up-3", "made-up-4"], "aws:Referer": "https://x" } } },
        { "Sid": "AllowUpload","#;
    let upload = r#""Condition": { "StringEquals": { "aws:useragent": "made-up-1",
        "aws:Referer": ["https://x"] } }"#;
    let policy = POLICY
        .replace("{ \"Sid\": \"AllowUpload\",", allow)
        .replace("\"Condition\": {\"NumericLessThan\":{\"x\": 1.50e1}}", upload);
    let tokens = tokens(&policy).unwrap();
    let named: Vec<_> = tokens.all().map(ToString::to_string).collect();
    assert_eq!(named, ["upload token 1 of 1", "desk token 1 of 2", "desk token 2 of 2"]);
    assert!(tokens.is_referer(b"https://x") && tokens.find(b"made-up-4") == Some(2));
    assert!(super::tokens(&POLICY.replace("AllowUpload", "Other")).is_err());
}

#[test]
fn a_policy_never_grows_over_its_limit() {
    // Addresses far apart: those who did least are left out.
    let apart: Vec<Block> = (0..2000u32)
        .map(|n| block(&format!("10.{}.{}.1/32", n / 250, n % 250), 1 + n % 3))
        .collect();
    let change = with_blocks(POLICY, &apart).unwrap();
    assert!(change.policy.unwrap().len() <= MOST_BYTES);
    assert_eq!(change.denied.len() + change.dropped.len(), 2000);
    let level = |net: &Net| apart.iter().find(|block| block.net == *net).unwrap().level;
    let least = change.denied.iter().map(level).min().unwrap();
    assert!(change.dropped.iter().all(|net| level(net) <= least));
    assert!(change.denied.len() > 900, "{}", change.denied.len());

    // Addresses side by side: their network stands in for them, and nobody is left out.
    let beside: Vec<Block> =
        (0..2000u32).map(|n| block(&format!("10.0.{}.{}/32", n / 100, n % 100), 1)).collect();
    let change = with_blocks(POLICY, &beside).unwrap();
    assert!(change.policy.unwrap().len() <= MOST_BYTES);
    assert_eq!((change.dropped, change.merged.is_empty()), (vec![], false));

    // Nobody is merged into a network that holds who is never blocked.
    let alone: Vec<Block> =
        beside.into_iter().map(|block| Block { within: None, ..block }).collect();
    assert_eq!(with_blocks(POLICY, &alone).unwrap().merged, []);
}

#[test]
fn a_policy_without_room_is_left_alone() {
    let full = POLICY.replace("made-up-1", &"x".repeat(MOST_BYTES));
    assert!(matches!(with_blocks(&full, &[block("192.0.2.7/32", 1)]), Err(PolicyError::Full(_))));
    assert_eq!(with_blocks(&full, &[]).unwrap().policy, None);
}

proptest! {
    #[test]
    fn whatever_is_blocked_the_other_statements_stay_and_the_same_is_not_written_twice(
        hosts in proptest::collection::vec((any::<u32>(), 1..5u32), 0..1500)
    ) {
        let blocks: Vec<Block> = hosts.iter().map(|(bits, level)| {
            block(&format!("{}/32", std::net::Ipv4Addr::from_bits(bits % 65536)), *level)
        }).collect();
        let change = with_blocks(POLICY, &blocks).unwrap();
        let policy = change.policy.unwrap_or_else(|| POLICY.to_owned());
        prop_assert!(policy.len() <= MOST_BYTES);
        let others: Vec<Value> =
            statements_of(&policy).into_iter().filter(|statement| statement["Sid"] != SID).collect();
        prop_assert_eq!(others, statements_of(POLICY));
        prop_assert_eq!(with_blocks(&policy, &blocks).unwrap().policy, None);
        let held = |net: Net| change.denied.iter().any(|denied| denied.holds(net));
        prop_assert!(blocks.iter().all(|block| held(block.net) || change.dropped.iter().any(|net| net.holds(block.net))));
    }
}

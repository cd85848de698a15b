# new log -> guard function, which also runs by the clock, so that blocks expire.

module "guard" {
  source = "./function"
  count  = var.guard_zip == null ? 0 : 1

  name            = "${var.bucket}-guard"
  description     = "Reads access logs and blocks abusers."
  zip             = var.guard_zip
  architecture    = var.architecture
  timeout         = 300
  memory          = 512
  log_days        = var.log_days
  alert_topic_arn = local.alert_topic_arn
  tags            = local.tags

  # Tokens and Referer are not among them: guard reads the policy anyway.
  environment = merge(var.alert_webhook == null ? {} : { COLLECT_ALERT_WEBHOOK = var.alert_webhook }, {
    COLLECT_BUCKET            = aws_s3_bucket.reports.id
    COLLECT_LOG_BUCKET        = aws_s3_bucket.logs.id
    COLLECT_LOG_PREFIX        = local.log_prefix
    COLLECT_ALERT_TOPIC       = local.alert_topic_arn
    COLLECT_ALLOWED_ADDRESSES = join(" ", var.allowed_addresses)
    COLLECT_EXEMPT            = join(" ", local.administrators)
  })

  statements = [
    {
      Sid      = "ListLogs"
      Effect   = "Allow"
      Action   = "s3:ListBucket"
      Resource = aws_s3_bucket.logs.arn
    },
    {
      Sid    = "ReadLogs"
      Effect = "Allow"
      Action = "s3:GetObject"
      Resource = [
        "${aws_s3_bucket.logs.arn}/${local.log_prefix}*",
        "${aws_s3_bucket.logs.arn}/${local.guard_prefix}*",
      ]
    },
    {
      Sid      = "KeepState"
      Effect   = "Allow"
      Action   = "s3:PutObject"
      Resource = "${aws_s3_bucket.logs.arn}/${local.guard_prefix}state.json"
    },
    {
      Sid      = "EditPolicy"
      Effect   = "Allow"
      Action   = ["s3:GetBucketPolicy", "s3:PutBucketPolicy"]
      Resource = aws_s3_bucket.reports.arn
    },
    {
      Sid      = "Alert"
      Effect   = "Allow"
      Action   = "sns:Publish"
      Resource = local.alert_topic_arn
    },
  ]
}

# What does not fit into a function's settings, of which there are 4 KB, or must not be seen there. The
# logs beside it hold tokens too; only guard and who is exempt may read them.
resource "aws_s3_object" "guard_rules" {
  count        = var.guard_zip == null ? 0 : 1
  bucket       = aws_s3_bucket.logs.id
  key          = "${local.guard_prefix}rules.toml"
  content      = var.guard_rules
  content_type = "application/toml"
  tags         = local.tags

  depends_on = [aws_s3_bucket_policy.logs]
}

resource "aws_s3_object" "guard_ticket" {
  count        = var.guard_zip == null || nonsensitive(var.guard_ticket == null) ? 0 : 1
  bucket       = aws_s3_bucket.logs.id
  key          = "${local.guard_prefix}ticket.toml"
  content      = var.guard_ticket
  content_type = "application/toml"
  tags         = local.tags

  depends_on = [aws_s3_bucket_policy.logs]
}

resource "aws_s3_object" "guard_retired" {
  count        = var.guard_zip == null ? 0 : 1
  bucket       = aws_s3_bucket.logs.id
  key          = "${local.guard_prefix}retired.json"
  content      = jsonencode([for token in var.retired_tokens : sha256(token)])
  content_type = "application/json"
  tags         = local.tags

  depends_on = [aws_s3_bucket_policy.logs]
}

resource "aws_lambda_permission" "guard_logs" {
  count          = var.guard_zip == null ? 0 : 1
  statement_id   = "logs"
  action         = "lambda:InvokeFunction"
  function_name  = module.guard[0].name
  principal      = "s3.amazonaws.com"
  source_arn     = aws_s3_bucket.logs.arn
  source_account = local.account
}

resource "aws_cloudwatch_event_rule" "guard" {
  count               = var.guard_zip == null ? 0 : 1
  name                = "${var.bucket}-guard"
  description         = "Runs guard by the clock."
  schedule_expression = var.guard_schedule
  tags                = local.tags
}

resource "aws_cloudwatch_event_target" "guard" {
  count = var.guard_zip == null ? 0 : 1
  rule  = aws_cloudwatch_event_rule.guard[0].name
  arn   = module.guard[0].arn
}

resource "aws_lambda_permission" "guard_schedule" {
  count         = var.guard_zip == null ? 0 : 1
  statement_id  = "schedule"
  action        = "lambda:InvokeFunction"
  function_name = module.guard[0].name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.guard[0].arn
}

# report -> queue -> ticket function; what fails again and again waits in the dead-letter queue.

resource "aws_sqs_queue" "ticket_dead" {
  count                     = var.ticket_zip == null ? 0 : 1
  name                      = "${var.bucket}-ticket-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = local.tags
}

resource "aws_sqs_queue" "ticket" {
  count                     = var.ticket_zip == null ? 0 : 1
  name                      = "${var.bucket}-ticket"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = local.tags

  # Six times what the function may take is what AWS advises, so that no message is seen twice while
  # a batch is retried.
  visibility_timeout_seconds = 6 * var.ticket_timeout

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.ticket_dead[0].arn
    # Two and a half hours of a ticket system that is down, and never fewer than five times.
    maxReceiveCount = max(5, ceil(9000 / (6 * var.ticket_timeout)))
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "ticket_dead" {
  count     = var.ticket_zip == null ? 0 : 1
  queue_url = aws_sqs_queue.ticket_dead[0].id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.ticket[0].arn]
  })
}

resource "aws_sqs_queue_policy" "ticket" {
  count     = var.ticket_zip == null ? 0 : 1
  queue_url = aws_sqs_queue.ticket[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AllowReportBucket"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.ticket[0].arn
      Condition = {
        ArnEquals    = { "aws:SourceArn" = aws_s3_bucket.reports.arn }
        StringEquals = { "aws:SourceAccount" = local.account }
      }
    }]
  })
}

module "ticket" {
  source = "./function"
  count  = var.ticket_zip == null ? 0 : 1

  name            = "${var.bucket}-ticket"
  description     = "Opens a ticket for each report."
  zip             = var.ticket_zip
  architecture    = var.architecture
  timeout         = var.ticket_timeout
  memory          = 256
  log_days        = var.log_days
  alert_topic_arn = local.alert_topic_arn
  tags            = local.tags

  environment = merge(
    var.ticket_environment,
    {
      COLLECT_BUCKET  = aws_s3_bucket.reports.id
      COLLECT_TIMEOUT = tostring(var.ticket_timeout)
    },
    var.ticket_secret_arn == null ? {} : { COLLECT_SECRET_ARN = var.ticket_secret_arn },
  )

  statements = concat(
    [
      {
        Sid      = "ReadReports"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = "${aws_s3_bucket.reports.arn}/reports/*"
      },
      # Without it, a key that is not there would look like one that is refused.
      {
        Sid       = "SeeWhatIsMissing"
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = aws_s3_bucket.reports.arn
        Condition = { StringLike = { "s3:prefix" = "reports/*" } }
      },
      {
        Sid      = "WriteNote"
        Effect   = "Allow"
        Action   = "s3:PutObject"
        Resource = "${aws_s3_bucket.reports.arn}/reports/*.ticket.json"
      },
      {
        Sid      = "TagReports"
        Effect   = "Allow"
        Action   = ["s3:GetObjectTagging", "s3:PutObjectTagging"]
        Resource = "${aws_s3_bucket.reports.arn}/reports/*.age"
      },
      {
        Sid      = "TakeFromQueue"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        Resource = aws_sqs_queue.ticket[0].arn
      },
    ],
    var.ticket_secret_arn == null ? [] : [
      {
        Sid      = "ReadSecret"
        Effect   = "Allow"
        Action   = strcontains(var.ticket_secret_arn, ":ssm:") ? "ssm:GetParameter" : "secretsmanager:GetSecretValue"
        Resource = var.ticket_secret_arn
      },
    ],
  )
}

resource "aws_lambda_event_source_mapping" "ticket" {
  count                   = var.ticket_zip == null ? 0 : 1
  event_source_arn        = aws_sqs_queue.ticket[0].arn
  function_name           = module.ticket[0].arn
  batch_size              = 5
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = local.tags

  # So that a flood of reports does not become a flood of calls to the ticket system.
  scaling_config {
    maximum_concurrency = 2
  }
}

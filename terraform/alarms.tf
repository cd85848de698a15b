resource "aws_sns_topic" "alerts" {
  count = var.alert_topic_arn == null ? 1 : 0
  name  = "${var.bucket}-alerts"
  tags  = local.tags
}

resource "aws_sns_topic_subscription" "alerts" {
  for_each  = toset(var.alert_emails)
  topic_arn = local.alert_topic_arn
  protocol  = "email"
  endpoint  = each.value
}

locals {
  alert_topic_arn = var.alert_topic_arn == null ? aws_sns_topic.alerts[0].arn : var.alert_topic_arn
}

resource "aws_cloudwatch_metric_alarm" "ticket_dead" {
  count               = var.ticket_zip == null ? 0 : 1
  alarm_name          = "${var.bucket}-ticket-dead"
  alarm_description   = "Reports wait in the dead-letter queue: they have no ticket. Once the cause is gone, `collect-desk tickets replay` puts them back."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.ticket_dead[0].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alert_topic_arn]
  ok_actions          = [local.alert_topic_arn]
  tags                = local.tags
}

# Long before they get there: a run that gives reports back to the queue does not count as failed.
resource "aws_cloudwatch_metric_alarm" "ticket_late" {
  count               = var.ticket_zip == null ? 0 : 1
  alarm_name          = "${var.bucket}-ticket-late"
  alarm_description   = "A report has waited for an hour for its ticket: the ticket system is down, or refuses. The log of the ticket function says why."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.ticket[0].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 3600
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alert_topic_arn]
  ok_actions          = [local.alert_topic_arn]
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "refused" {
  count               = var.request_alarms ? 1 : 0
  alarm_name          = "${var.bucket}-refused"
  alarm_description   = "Unusually many requests to the report bucket are refused: a token that ended, or somebody who guesses."
  namespace           = "AWS/S3"
  metric_name         = "4xxErrors"
  dimensions          = { BucketName = aws_s3_bucket.reports.id, FilterId = aws_s3_bucket_metric.reports[0].name }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = var.refused_per_hour
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alert_topic_arn]
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "failed" {
  count               = var.request_alarms ? 1 : 0
  alarm_name          = "${var.bucket}-failed"
  alarm_description   = "S3 fails on requests to the report bucket."
  namespace           = "AWS/S3"
  metric_name         = "5xxErrors"
  dimensions          = { BucketName = aws_s3_bucket.reports.id, FilterId = aws_s3_bucket_metric.reports[0].name }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 10
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alert_topic_arn]
  tags                = local.tags
}

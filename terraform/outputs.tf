output "profile_section" {
  description = "The section of a profile that delivers to the bucket. Holds the upload token."
  sensitive   = true
  value       = <<-TOML
    [deliver.bucket]
    use = "s3"
    bucket = "${aws_s3_bucket.reports.id}"
    region = "${local.region}"
    upload-token = "${local.upload_tokens[0]}"
    referer = "${var.referer}"
  TOML
}

output "profile_section_by_url" {
  description = "The same without a token, by the upload function, where there is one."
  value = var.upload_url ? trimspace(<<-TOML
    [deliver.bucket]
    use = "s3"
    upload-url = "${aws_lambda_function_url.upload[0].function_url}"
  TOML
  ) : null
}

output "desk_config" {
  description = "The desk.toml of collect-desk. Holds the desk token."
  sensitive   = true
  value       = <<-TOML
    [bucket]
    bucket = "${aws_s3_bucket.reports.id}"
    region = "${local.region}"
    referer = "${var.referer}"
    desk-token = "${local.desk_tokens[0]}"
    log-bucket = "${aws_s3_bucket.logs.id}"
    %{~if var.ticket_zip != null~}

    [tickets]
    queue = "${aws_sqs_queue.ticket[0].url}"
    dead-letter-queue = "${aws_sqs_queue.ticket_dead[0].url}"
    %{~endif~}

  TOML
}

output "upload_tokens" {
  description = "All upload tokens that are valid; the first is given out."
  sensitive   = true
  value       = local.upload_tokens
}

output "desk_tokens" {
  description = "All desk tokens that are valid; the first is given out."
  sensitive   = true
  value       = local.desk_tokens
}

output "upload_url" {
  description = "Address that hands out presigned forms, where there is one."
  value       = one(aws_lambda_function_url.upload[*].function_url)
}

output "bucket" {
  description = "Name of the bucket for reports."
  value       = aws_s3_bucket.reports.id
}

output "bucket_arn" {
  description = "ARN of the bucket for reports."
  value       = aws_s3_bucket.reports.arn
}

output "log_bucket" {
  description = "Name of the bucket for access logs."
  value       = aws_s3_bucket.logs.id
}

output "log_bucket_arn" {
  description = "ARN of the bucket for access logs."
  value       = aws_s3_bucket.logs.arn
}

output "exempt_arns" {
  description = "Whom the bucket's policy does not keep out, as patterns of aws:PrincipalArn."
  value       = local.exempt
}

output "role_arns" {
  description = "Roles of the functions, by function."
  value = merge(
    { for arn in module.ticket[*].role_arn : "ticket" => arn },
    { for arn in module.guard[*].role_arn : "guard" => arn },
    { for arn in module.upload[*].role_arn : "upload" => arn },
  )
}

output "function_names" {
  description = "Names of the functions, by function."
  value = merge(
    { for name in module.ticket[*].name : "ticket" => name },
    { for name in module.guard[*].name : "guard" => name },
    { for name in module.upload[*].name : "upload" => name },
  )
}

output "queue_urls" {
  description = "Addresses of the queue of reports and of its dead-letter queue, where there is a ticket function."
  value = {
    ticket      = one(aws_sqs_queue.ticket[*].url)
    ticket_dead = one(aws_sqs_queue.ticket_dead[*].url)
  }
}

output "alert_topic_arn" {
  description = "Topic that alarms and guard write to."
  value       = local.alert_topic_arn
}

# The bucket that reports are put into.

resource "aws_s3_bucket" "reports" {
  bucket        = var.bucket
  force_destroy = var.force_destroy
  tags          = local.tags
}

resource "aws_s3_bucket_versioning" "reports" {
  bucket = aws_s3_bucket.reports.id

  versioning_configuration {
    status = "Enabled"
  }
}

# Not with a key of KMS: whoever comes with a token has no identity that could be allowed to use it.
resource "aws_s3_bucket_server_side_encryption_configuration" "reports" {
  bucket = aws_s3_bucket.reports.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "reports" {
  bucket = aws_s3_bucket.reports.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

# A policy that lets in by User-Agent and Referer counts as public; these two would make it void.
resource "aws_s3_bucket_public_access_block" "reports" {
  bucket                  = aws_s3_bucket.reports.id
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = false
  restrict_public_buckets = false
}

resource "aws_s3_bucket_lifecycle_configuration" "reports" {
  bucket = aws_s3_bucket.reports.id

  rule {
    id     = "reports"
    status = "Enabled"

    filter {
      prefix = "reports/"
    }

    expiration {
      days = var.report_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  # A rule that expires objects by age cannot also remove the marks that deletions leave behind.
  rule {
    id     = "debris"
    status = "Enabled"

    filter {
      prefix = ""
    }

    expiration {
      expired_object_delete_marker = true
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  depends_on = [aws_s3_bucket_versioning.reports]
}

# By date, so that guard finds the newest without listing all.
resource "aws_s3_bucket_logging" "reports" {
  bucket        = aws_s3_bucket.reports.id
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = local.log_prefix

  target_object_key_format {
    partitioned_prefix {
      partition_date_source = "DeliveryTime"
    }
  }

  depends_on = [aws_s3_bucket_policy.logs]
}

resource "aws_s3_bucket_notification" "reports" {
  count  = var.ticket_zip == null ? 0 : 1
  bucket = aws_s3_bucket.reports.id

  # Only sealed bundles: what the ticket function writes beside them must not start it again.
  queue {
    id            = "reports"
    queue_arn     = aws_sqs_queue.ticket[0].arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "reports/"
    filter_suffix = ".age"
  }

  depends_on = [aws_sqs_queue_policy.ticket]
}

resource "aws_s3_bucket_metric" "reports" {
  count  = var.request_alarms ? 1 : 0
  bucket = aws_s3_bucket.reports.id
  name   = "all"
}

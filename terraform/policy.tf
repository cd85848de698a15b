# Who may do what with the report bucket. Each statement denies one thing, to everyone: what is
# allowed in the end needs no statement to be missing elsewhere.

locals {
  everything = [aws_s3_bucket.reports.arn, "${aws_s3_bucket.reports.arn}/*"]
  reports    = "${aws_s3_bucket.reports.arn}/reports/*"
  bundles    = "${aws_s3_bucket.reports.arn}/reports/*.age"

  # The ticket function keeps its note beside a report up to date, and a presigned form has no place
  # for `If-None-Match`; what they may write at all is said by their roles.
  overwriters = concat(module.ticket[*].role_arn, module.upload[*].role_arn)

  policy = {
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "DenyPlainHttp"
          Effect    = "Deny"
          Principal = "*"
          Action    = "s3:*"
          Resource  = local.everything
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
        {
          Sid       = "DenyUnknownToken"
          Effect    = "Deny"
          Principal = "*"
          Action    = "s3:*"
          Resource  = local.everything
          Condition = {
            StringNotEquals = { "aws:UserAgent" = concat(local.upload_tokens, local.desk_tokens) }
            StringNotLike   = { "aws:PrincipalArn" = local.exempt }
          }
        },
        {
          Sid       = "DenyWrongReferer"
          Effect    = "Deny"
          Principal = "*"
          Action    = "s3:*"
          Resource  = local.everything
          Condition = {
            StringNotEquals = { "aws:Referer" = var.referer }
            StringNotLike   = { "aws:PrincipalArn" = local.exempt }
          }
        },
        {
          Sid       = "DenyUploadTokenAllButPut"
          Effect    = "Deny"
          Principal = "*"
          NotAction = "s3:PutObject"
          Resource  = local.everything
          Condition = { StringEquals = { "aws:UserAgent" = local.upload_tokens } }
        },
        {
          Sid         = "DenyUploadTokenElsewhere"
          Effect      = "Deny"
          Principal   = "*"
          Action      = "s3:*"
          NotResource = local.bundles
          Condition   = { StringEquals = { "aws:UserAgent" = local.upload_tokens } }
        },
        {
          Sid       = "DenyDeskTokenAllButManage"
          Effect    = "Deny"
          Principal = "*"
          NotAction = ["s3:GetObject", "s3:DeleteObject", "s3:ListBucket"]
          Resource  = local.everything
          Condition = { StringEquals = { "aws:UserAgent" = local.desk_tokens } }
        },
        {
          Sid         = "DenyDeskTokenElsewhere"
          Effect      = "Deny"
          Principal   = "*"
          Action      = "s3:*"
          NotResource = [aws_s3_bucket.reports.arn, local.reports]
          Condition   = { StringEquals = { "aws:UserAgent" = local.desk_tokens } }
        },
      ],
      length(var.blocked_addresses) == 0 ? [] : [
        {
          Sid       = "DenyBlockedAddresses"
          Effect    = "Deny"
          Principal = "*"
          Action    = "s3:*"
          Resource  = local.everything
          Condition = {
            IpAddress     = { "aws:SourceIp" = var.blocked_addresses }
            StringNotLike = { "aws:PrincipalArn" = local.administrators }
          }
        },
      ],
      [
        {
          Sid       = "DenyOverwrite"
          Effect    = "Deny"
          Principal = "*"
          Action    = "s3:PutObject"
          Resource  = "${aws_s3_bucket.reports.arn}/*"
          Condition = merge(
            { Null = { "s3:if-none-match" = "true" } },
            length(local.overwriters) == 0 ? {} : { StringNotLike = { "aws:PrincipalArn" = local.overwriters } },
          )
        },
        {
          Sid       = "AllowUpload"
          Effect    = "Allow"
          Principal = "*"
          Action    = "s3:PutObject"
          Resource  = local.bundles
          Condition = {
            StringEquals = { "aws:UserAgent" = local.upload_tokens, "aws:Referer" = var.referer }
            Bool         = { "aws:SecureTransport" = "true" }
          }
        },
        {
          Sid       = "AllowManageObjects"
          Effect    = "Allow"
          Principal = "*"
          Action    = ["s3:GetObject", "s3:DeleteObject"]
          Resource  = local.reports
          Condition = {
            StringEquals = { "aws:UserAgent" = local.desk_tokens, "aws:Referer" = var.referer }
            Bool         = { "aws:SecureTransport" = "true" }
          }
        },
        {
          Sid       = "AllowManageList"
          Effect    = "Allow"
          Principal = "*"
          Action    = "s3:ListBucket"
          Resource  = aws_s3_bucket.reports.arn
          Condition = {
            StringEquals = { "aws:UserAgent" = local.desk_tokens, "aws:Referer" = var.referer }
            Bool         = { "aws:SecureTransport" = "true" }
          }
        },
      ],
    )
  }
}

resource "aws_s3_bucket_policy" "reports" {
  bucket = aws_s3_bucket.reports.id
  policy = jsonencode(local.policy)

  lifecycle {
    precondition {
      condition     = length(jsonencode(local.policy)) <= 14336
      error_message = "The bucket's policy would have more than 14 KB of the 20 that S3 takes, and guard needs room: fewer tokens, blocked_addresses or administrator_arns."
    }
  }

  # Refused as long as public policies are blocked. The roles are named in it, so their own policies
  # come first: the functions can work as soon as it holds.
  depends_on = [
    aws_s3_bucket_public_access_block.reports,
    aws_s3_bucket_ownership_controls.reports,
  ]
}

# The way in without a token: an address that hands out presigned forms for one key each.

module "upload" {
  source = "./function"
  count  = var.upload_url ? 1 : 0

  name            = "${var.bucket}-upload"
  description     = "Hands out presigned forms for reports."
  zip             = var.upload_zip
  architecture    = var.architecture
  timeout         = 10
  memory          = 128
  concurrency     = var.upload_concurrency
  log_days        = var.log_days
  alert_topic_arn = local.alert_topic_arn
  tags            = local.tags

  environment = {
    COLLECT_BUCKET                = aws_s3_bucket.reports.id
    COLLECT_UPLOAD_PRODUCTS       = join(" ", var.upload_products)
    COLLECT_UPLOAD_MAX_BYTES      = tostring(var.upload_max_bytes)
    COLLECT_UPLOAD_EXPIRY_SECONDS = tostring(var.upload_expiry_seconds)
    COLLECT_UPLOAD_PER_ADDRESS    = tostring(var.upload_per_address)
  }

  # What it signs can do no more than it may itself.
  statements = [
    {
      Sid      = "SignUploads"
      Effect   = "Allow"
      Action   = "s3:PutObject"
      Resource = "${aws_s3_bucket.reports.arn}/reports/*.age"
    },
  ]
}

resource "aws_lambda_function_url" "upload" {
  count              = var.upload_url ? 1 : 0
  function_name      = module.upload[0].name
  authorization_type = "NONE"
}

resource "aws_lambda_permission" "upload_url" {
  count                  = var.upload_url ? 1 : 0
  statement_id           = "url"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = module.upload[0].name
  function_url_auth_type = "NONE"
  principal              = "*"
}

# Addresses that were made since October 2025 need a second permission, limited to calls by way of the
# address (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html). Version 5 of the provider
# cannot say that limit, and without it every account could call the function past its address.
resource "aws_cloudformation_stack" "upload_url" {
  count = var.upload_url ? 1 : 0
  name  = "${var.bucket}-upload-url"
  tags  = local.tags

  template_body = jsonencode({
    AWSTemplateFormatVersion = "2010-09-09"
    Description              = "Lets anyone call the upload function by way of its address only."
    Resources = {
      Permission = {
        Type = "AWS::Lambda::Permission"
        Properties = {
          Action                = "lambda:InvokeFunction"
          FunctionName          = module.upload[0].arn
          InvokedViaFunctionUrl = true
          Principal             = "*"
        }
      }
    }
  })
}

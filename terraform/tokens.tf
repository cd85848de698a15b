# Tokens that nobody gave are made here, once: `uuid()` is new in every run, and all but the first is
# ignored. Each holds 122 random bits. No other provider is needed for it.

resource "terraform_data" "upload_token" {
  count = nonsensitive(var.upload_tokens == null) ? 1 : 0
  input = "upload-${replace(uuid(), "-", "")}"

  lifecycle {
    ignore_changes = [input]
  }
}

resource "terraform_data" "desk_token" {
  count = nonsensitive(var.desk_tokens == null) ? 1 : 0
  input = "desk-${replace(uuid(), "-", "")}"

  lifecycle {
    ignore_changes = [input]
  }
}

locals {
  upload_tokens = sensitive(var.upload_tokens != null ? var.upload_tokens : terraform_data.upload_token[*].output)
  desk_tokens   = sensitive(var.desk_tokens != null ? var.desk_tokens : terraform_data.desk_token[*].output)
}

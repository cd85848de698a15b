# A root module to copy: change the names, then `terraform init` and `terraform apply`.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.80"
    }
  }

  # The state holds the tokens: keep it where only those may read who may know them.
  # backend "s3" {
  #   bucket       = "example-terraform-state"
  #   key          = "reports"
  #   region       = "eu-central-1"
  #   encrypt      = true
  #   use_lockfile = true
  # }
}

provider "aws" {
  region = "eu-central-1"
}

module "reports" {
  source = "../"

  bucket  = "komand-bug-reports"
  referer = "https://komand.example/report"

  # Everyone who will ever apply this module, and who runs `collect-desk` with keys.
  administrator_arns = var.administrator_arns

  # Left out, a token of each kind is made.
  upload_tokens  = var.upload_tokens
  desk_tokens    = var.desk_tokens
  retired_tokens = var.retired_tokens

  guard_zip = var.guard_zip
  # Both or neither: the function finds the settings of the ticket system in that secret.
  ticket_zip        = var.ticket_zip
  ticket_secret_arn = var.ticket_secret_arn

  alert_emails = var.alert_emails
}

variable "administrator_arns" {
  type    = list(string)
  default = []
}

variable "upload_tokens" {
  type      = list(string)
  default   = null
  sensitive = true
}

variable "desk_tokens" {
  type      = list(string)
  default   = null
  sensitive = true
}

variable "retired_tokens" {
  type      = list(string)
  default   = []
  sensitive = true
}

variable "guard_zip" {
  type    = string
  default = null
}

variable "ticket_zip" {
  type    = string
  default = null
}

variable "ticket_secret_arn" {
  type    = string
  default = null
}

variable "alert_emails" {
  type    = list(string)
  default = []
}

output "profile_section" {
  value     = module.reports.profile_section
  sensitive = true
}

output "desk_config" {
  value     = module.reports.desk_config
  sensitive = true
}

output "exempt_arns" {
  value = module.reports.exempt_arns
}

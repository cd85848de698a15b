variable "bucket" {
  description = "Name of the bucket for reports. What else the module makes has this name with an ending."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,53}[a-z0-9]$", var.bucket))
    error_message = "bucket has to be 3 to 55 lower-case letters, digits and hyphens, with a letter or digit at both ends. S3 refuses `_`; a dot would break the certificate of the bucket's address."
  }

  validation {
    condition     = !can(regex("^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|--x-s3|--table-s3)$", var.bucket))
    error_message = "bucket has a beginning or an ending that S3 keeps for itself."
  }
}

variable "log_bucket" {
  description = "Name of the bucket for access logs; without it, that of the report bucket with `-logs`."
  type        = string
  default     = null

  validation {
    condition     = var.log_bucket == null || can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.log_bucket))
    error_message = "log_bucket has to be 3 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends."
  }

  validation {
    condition     = var.log_bucket == null || var.log_bucket != var.bucket
    error_message = "log_bucket has to be another bucket than the one for reports, or each log would be logged."
  }
}

variable "referer" {
  description = "What clients send as `Referer`: an https address, compared character by character."
  type        = string

  validation {
    condition     = can(regex("^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/%=&?-]*)?$", var.referer)) && length(var.referer) <= 256
    error_message = "referer has to be an https address of at most 256 characters, such as https://shop.example.com/report, of letters, digits and ._~/%=&?-."
  }
}

variable "upload_tokens" {
  description = "Tokens that may create reports, as the User-Agent of the client. The first is the one that the outputs give out; the others are valid still. Without any, one is made."
  type        = list(string)
  default     = null
  sensitive   = true

  validation {
    condition     = var.upload_tokens == null || try(length(var.upload_tokens) >= 1 && length(var.upload_tokens) <= 5, false)
    error_message = "upload_tokens has to have 1 to 5 tokens, or to be left out for one to be made."
  }

  validation {
    condition     = alltrue([for token in coalesce(var.upload_tokens, []) : can(regex("^[A-Za-z0-9._~-]{24,128}$", token))])
    error_message = "Each of upload_tokens has to be 24 to 128 letters, digits and ._~-, without spaces."
  }

  validation {
    condition     = length(distinct(coalesce(var.upload_tokens, []))) == length(coalesce(var.upload_tokens, []))
    error_message = "upload_tokens has a token twice."
  }
}

variable "desk_tokens" {
  description = "Tokens that may list, read and delete reports. As upload_tokens."
  type        = list(string)
  default     = null
  sensitive   = true

  validation {
    condition     = var.desk_tokens == null || try(length(var.desk_tokens) >= 1 && length(var.desk_tokens) <= 5, false)
    error_message = "desk_tokens has to have 1 to 5 tokens, or to be left out for one to be made."
  }

  validation {
    condition     = alltrue([for token in coalesce(var.desk_tokens, []) : can(regex("^[A-Za-z0-9._~-]{24,128}$", token))])
    error_message = "Each of desk_tokens has to be 24 to 128 letters, digits and ._~-, without spaces."
  }

  validation {
    condition     = length(distinct(coalesce(var.desk_tokens, []))) == length(coalesce(var.desk_tokens, []))
    error_message = "desk_tokens has a token twice."
  }

  validation {
    condition     = length(setintersection(coalesce(var.upload_tokens, []), coalesce(var.desk_tokens, []))) == 0
    error_message = "A token is in upload_tokens and in desk_tokens: whoever has the product could then read every report."
  }
}

variable "retired_tokens" {
  description = "Tokens that are no longer valid, so that guard can say who still sends them."
  type        = list(string)
  default     = []
  sensitive   = true

  validation {
    condition     = length(setintersection(var.retired_tokens, concat(coalesce(var.upload_tokens, []), coalesce(var.desk_tokens, [])))) == 0
    error_message = "A token of retired_tokens is still in upload_tokens or desk_tokens."
  }

  validation {
    condition     = length(var.retired_tokens) <= 10 && alltrue([for token in var.retired_tokens : can(regex("^[A-Za-z0-9._~-]{24,128}$", token))])
    error_message = "retired_tokens has to have at most 10 tokens, each of 24 to 128 letters, digits and ._~-, without spaces."
  }
}

variable "exempt_caller" {
  description = "Whether whoever applies this module is exempt from the bucket's policy. Only to be switched off where administrator_arns names them."
  type        = bool
  default     = true

  validation {
    condition     = var.exempt_caller || length(var.administrator_arns) > 0
    error_message = "exempt_caller may only be false where administrator_arns names somebody: the policy would lock everyone out, and only the account's root user could remove it."
  }
}

variable "administrator_arns" {
  description = "Roles and users that the bucket's policy does not keep out, besides the caller: those that apply this module, and those that run collect-desk with keys."
  type        = list(string)
  default     = []

  validation {
    condition = alltrue([
      for arn in var.administrator_arns :
      can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(root|(role|user)/[A-Za-z0-9+=,.@_/-]+)$", arn)) ||
      can(regex("^arn:aws[a-z-]*:sts::[0-9]{12}:assumed-role/[A-Za-z0-9+=,.@_-]+/[A-Za-z0-9+=,.@_-]+$", arn))
    ])
    error_message = "Each of administrator_arns has to be the whole ARN of a role or a user, such as arn:aws:iam::111122223333:role/deploy, without wildcards."
  }

  validation {
    condition     = length(var.administrator_arns) <= 20
    error_message = "administrator_arns has to have at most 20 ARNs: a bucket's policy has 20 KB."
  }
}

variable "blocked_addresses" {
  description = "Addresses and networks that get nothing but refusals. Those that guard blocks are not listed here."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for network in var.blocked_addresses : can(cidrhost(strcontains(network, "/") ? network : "${network}/${strcontains(network, ":") ? 128 : 32}", 0))])
    error_message = "Each of blocked_addresses has to be an address or a network, such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32."
  }

  validation {
    condition     = alltrue([for network in var.blocked_addresses : try(tonumber(split("/", network)[1]) >= (strcontains(network, ":") ? 24 : 8), true)])
    error_message = "A network of blocked_addresses is larger than a /8 (of IPv6: a /24): that is not one abuser."
  }

  validation {
    condition     = length(var.blocked_addresses) <= 100
    error_message = "blocked_addresses has to have at most 100 entries: a bucket's policy has 20 KB, and guard needs room."
  }
}

variable "allowed_addresses" {
  description = "Addresses and networks that guard never blocks, such as those of the desk."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for network in var.allowed_addresses : can(cidrhost(strcontains(network, "/") ? network : "${network}/${strcontains(network, ":") ? 128 : 32}", 0))])
    error_message = "Each of allowed_addresses has to be an address or a network, such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32."
  }

  validation {
    condition     = length(var.allowed_addresses) <= 50
    error_message = "allowed_addresses has to have at most 50 entries: a function's settings have 4 KB."
  }

  validation {
    condition     = length(setintersection(var.allowed_addresses, var.blocked_addresses)) == 0
    error_message = "An address is in allowed_addresses and in blocked_addresses."
  }
}

variable "report_days" {
  description = "Days after which a report is deleted."
  type        = number
  default     = 30

  validation {
    condition     = var.report_days >= 1 && var.report_days <= 3650 && floor(var.report_days) == var.report_days
    error_message = "report_days has to be a whole number from 1 to 3650."
  }
}

variable "log_days" {
  description = "Days after which access logs and the functions' own logs are deleted."
  type        = number
  default     = 90

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_days)
    error_message = "log_days has to be a number of days that CloudWatch has: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "force_destroy" {
  description = "Whether `terraform destroy` deletes buckets that are not empty, reports included."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of everything that can have tags, besides the provider's default_tags."
  type        = map(string)
  default     = {}
}

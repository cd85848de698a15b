variable "ticket_zip" {
  description = "Path of the zip of the ticket function, which opens a ticket for each report. Without it there is none."
  type        = string
  default     = null

  validation {
    condition     = var.ticket_zip == null || try(fileexists(var.ticket_zip), false)
    error_message = "ticket_zip is not there: build the function first, or leave the variable out."
  }
}

variable "ticket_environment" {
  description = "Settings of the ticket function, which anyone who may look at functions can read: no passwords."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.ticket_environment) : can(regex("^[A-Z][A-Z0-9_]*$", name)) && !startswith(name, "AWS_") && !startswith(name, "COLLECT_")])
    error_message = "Each name in ticket_environment has to be upper-case letters, digits and `_`, and must not begin with AWS_ or COLLECT_, which others set."
  }
}

variable "ticket_secret_arn" {
  description = "ARN of a secret of Secrets Manager, or of a parameter of the Parameter Store, with the settings of the ticket function in TOML: [ticket] with the options of a ticket system as in [deliver.ID] of a profile, [product.NAME] with those that are different for a product, and identity, the age identity that opens envelopes."
  type        = string
  default     = null

  validation {
    condition     = var.ticket_secret_arn == null || can(regex("^arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:|ssm:[a-z0-9-]+:[0-9]{12}:parameter/)[^*?]+$", var.ticket_secret_arn))
    error_message = "ticket_secret_arn has to be the whole ARN of a secret (arn:aws:secretsmanager:…:secret:…) or a parameter (arn:aws:ssm:…:parameter/…)."
  }
}

variable "ticket_timeout" {
  description = "Seconds that the ticket function may take for a batch of reports."
  type        = number
  default     = 300

  validation {
    condition     = var.ticket_timeout >= 10 && var.ticket_timeout <= 900
    error_message = "ticket_timeout has to be from 10 to 900 seconds."
  }
}

variable "guard_zip" {
  description = "Path of the zip of the guard function, which reads access logs and blocks abusers. Without it there is none."
  type        = string
  default     = null

  validation {
    condition     = var.guard_zip == null || try(fileexists(var.guard_zip), false)
    error_message = "guard_zip is not there: build the function first, or leave the variable out."
  }
}

variable "guard_rules" {
  description = "Rules of guard, in TOML; without them, its own."
  type        = string
  default     = ""

  validation {
    condition     = length(var.guard_rules) <= 65536
    error_message = "guard_rules has to have at most 64 KB."
  }
}

variable "guard_schedule" {
  description = "When guard runs besides on each new log, so that blocks expire."
  type        = string
  default     = "rate(15 minutes)"

  validation {
    condition     = can(regex("^(rate\\([1-9][0-9]* (minute|minutes|hour|hours|day|days)\\)|cron\\(.+\\))$", var.guard_schedule))
    error_message = "guard_schedule has to be as EventBridge writes it: rate(15 minutes) or cron(0 * * * ? *)."
  }
}

variable "upload_zip" {
  description = "Path of the zip of the upload function, which hands out presigned forms. Needed with upload_url."
  type        = string
  default     = null

  validation {
    condition     = var.upload_zip == null || try(fileexists(var.upload_zip), false)
    error_message = "upload_zip is not there: build the function first, or leave the variable out."
  }
}

variable "upload_url" {
  description = "Whether there is an address that hands out presigned forms, so that the product holds no token."
  type        = bool
  default     = false

  validation {
    condition     = !var.upload_url || var.upload_zip != null
    error_message = "upload_url needs upload_zip, the function behind the address."
  }
}

variable "upload_products" {
  description = "Products that the upload function hands out forms for, as they stand in keys; all, where it is empty."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for product in var.upload_products : can(regex("^[a-z0-9][a-z0-9._-]{0,63}$", product))])
    error_message = "Each of upload_products has to be 1 to 64 lower-case letters, digits and ._-."
  }
}

variable "upload_max_bytes" {
  description = "Size of the largest report that a presigned form lets in."
  type        = number
  default     = 524288000

  validation {
    condition     = var.upload_max_bytes >= 1024 && var.upload_max_bytes <= 5368709120 && floor(var.upload_max_bytes) == var.upload_max_bytes
    error_message = "upload_max_bytes has to be from 1024 to 5368709120 bytes (5 GiB, the most that S3 takes at once)."
  }
}

variable "upload_expiry_seconds" {
  description = "Seconds for which a presigned form is valid."
  type        = number
  default     = 900

  validation {
    condition     = var.upload_expiry_seconds >= 30 && var.upload_expiry_seconds <= 3600
    error_message = "upload_expiry_seconds has to be from 30 to 3600."
  }
}

variable "upload_per_address" {
  description = "Forms that one address gets in an hour."
  type        = number
  default     = 20

  validation {
    condition     = var.upload_per_address >= 1 && var.upload_per_address <= 10000
    error_message = "upload_per_address has to be from 1 to 10000."
  }
}

variable "upload_concurrency" {
  description = "How many instances of the upload function may run, which bounds what a flood costs. Each counts for itself how often an address asks. -1 leaves it to the account, whose limit may be too low to set some aside."
  type        = number
  default     = 1

  validation {
    condition     = var.upload_concurrency == -1 || (var.upload_concurrency >= 1 && var.upload_concurrency <= 100)
    error_message = "upload_concurrency has to be from 1 to 100, or -1."
  }
}

variable "architecture" {
  description = "Architecture that the functions were built for."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture has to be x86_64 or arm64."
  }
}

variable "alert_topic_arn" {
  description = "Topic of SNS that alarms and guard write to; without it one is made."
  type        = string
  default     = null

  validation {
    condition     = var.alert_topic_arn == null || can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.alert_topic_arn))
    error_message = "alert_topic_arn has to be the ARN of a topic, such as arn:aws:sns:eu-central-1:111122223333:alerts."
  }
}

variable "alert_emails" {
  description = "Addresses that are told of alarms; each has to confirm once. Only for the topic that the module makes."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@\\s]+@[^@\\s]+[.][^@\\s]+$", address))])
    error_message = "Each of alert_emails has to be an e-mail address."
  }

  validation {
    condition     = length(var.alert_emails) == 0 || var.alert_topic_arn == null
    error_message = "alert_emails only goes with the topic that the module makes: subscribe them to alert_topic_arn, or leave that out."
  }
}

variable "request_alarms" {
  description = "Whether refused and failed requests raise alarms. S3 charges for the metrics behind them."
  type        = bool
  default     = false
}

variable "refused_per_hour" {
  description = "Refused requests (4xx) an hour from which request_alarms raises an alarm."
  type        = number
  default     = 500

  validation {
    condition     = var.refused_per_hour >= 1
    error_message = "refused_per_hour has to be at least 1."
  }
}

variable "alert_webhook" {
  description = "Address that guard posts what it found to, as JSON, besides the topic. Often a secret itself."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.alert_webhook == null || can(regex("^https://[^\\s/]+(/\\S*)?$", var.alert_webhook))
    error_message = "alert_webhook has to be an https address, such as https://hooks.example.com/abc."
  }
}

variable "guard_ticket" {
  description = "Options of a ticket system that guard tells as well, in TOML as below [deliver.ID] of a profile: one ticket a day, with a comment for all that comes after. Null for none."
  type        = string
  default     = null
  sensitive   = true
}

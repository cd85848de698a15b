locals {
  partition = data.aws_partition.current.partition
  account   = data.aws_caller_identity.current.account_id
  region    = data.aws_region.current.name

  log_bucket = coalesce(var.log_bucket, "${var.bucket}-logs")
  # Where the log delivery service writes, and where guard keeps what it knows.
  log_prefix   = "access/"
  guard_prefix = "guard/"

  tags = merge({ "collect" = var.bucket }, var.tags)

  # What `aws:PrincipalArn` may be for those who are exempt. For someone who has assumed a role it is
  # the ARN of the role, in which there may be a path that the ARN of the session does not have. Names
  # of roles are unique in an account, whatever their path, so the second pattern fits no other role.
  administrators = sort(distinct(flatten([
    for arn in concat(var.exempt_caller ? [data.aws_caller_identity.current.arn] : [], var.administrator_arns) :
    can(regex(":assumed-role/", arn)) ? [
      format("arn:%s:iam::%s:role/%s", split(":", arn)[1], split(":", arn)[4], split("/", arn)[1]),
      format("arn:%s:iam::%s:role/*/%s", split(":", arn)[1], split(":", arn)[4], split("/", arn)[1]),
    ] : [arn]
  ])))

  functions = concat(module.ticket[*].role_arn, module.guard[*].role_arn, module.upload[*].role_arn)
  exempt    = concat(local.administrators, local.functions)
}

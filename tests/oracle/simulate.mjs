// Says what AWS would answer to requests, by its documented rules.
//
//     node simulate.mjs FOLDER-WITH-NODE_MODULES <questions.json
//
// The question: {"policies": {NAME: POLICY}, "requests": [{"policy": NAME, "account": ID,
// "principal": ARN or null, "identity": POLICY or null, "action", "resource", "context"}]}.
// The answer: for each request "Allowed", "ExplicitlyDenied" or "ImplicitlyDenied".

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(process.argv[2] + '/')
const { anonymousPrincipal, runSimulation } = require('@cloud-copilot/iam-simulate')

const { policies, requests } = JSON.parse(readFileSync(0, 'utf8'))
const answers = []
for (const request of requests) {
  const simulation = {
    request: {
      principal: request.principal ?? anonymousPrincipal,
      action: request.action,
      resource: { resource: request.resource, accountId: request.account },
      contextVariables: request.context
    },
    identityPolicies: request.identity ? [{ name: 'identity', policy: request.identity }] : [],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: policies[request.policy]
  }
  const answer = await runSimulation(simulation, {})
  if (answer.resultType === 'error') {
    throw new Error(`${JSON.stringify(request)}: ${JSON.stringify(answer.errors)}`)
  }
  const ignored = answer.result?.ignoredContextKeys ?? []
  if (ignored.length > 0) {
    throw new Error(`${JSON.stringify(request)}: no such context: ${ignored}`)
  }
  answers.push(answer.overallResult)
}
console.log(JSON.stringify(answers))

// SPDX-License-Identifier: Apache-2.0

package seaworthy

// JudgeWebhook is the name of the webhook of an agent that may refuse what is written.
const JudgeWebhook = "judge.seaworthy.dev"

// SignaturesNote is the annotation of a ValidatingWebhookConfiguration in which an agent
// says what comes of an image that is not signed as its policies ask: a mode, or
// [SignaturesDeniedInPart]. Policies are files of the agent, of which the cluster's objects
// tell nothing else.
const SignaturesNote = "seaworthy.dev/signatures"

// The modes that mean that images are refused.
const (
	SignaturesDenied       = "deny"
	SignaturesDeniedInPart = "deny in some namespaces"
)

// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// ownWebhook judges the webhook of an agent of this product that verifies signatures, as
// it says of itself; about is false for any other.
func ownWebhook(o *snapshot.Object) (about bool, items []seaworthy.Item) {
	c, ok := o.View().(*admissionv1.ValidatingWebhookConfiguration)
	if !ok || c.Annotations[seaworthy.SignaturesNote] == "" {
		return false, nil
	}
	bad := func(path, message string) (bool, []seaworthy.Item) {
		return true, []seaworthy.Item{{Key: path, Path: path, Message: message}}
	}
	i := slices.IndexFunc(c.Webhooks, func(w admissionv1.ValidatingWebhook) bool { return w.Name == seaworthy.JudgeWebhook })
	switch mode := c.Annotations[seaworthy.SignaturesNote]; {
	case i < 0:
		return bad("webhooks", "the webhook that would verify signatures is not there")
	case mode == seaworthy.SignaturesDeniedInPart:
		return bad("metadata.annotations", "the webhook refuses images without a valid signature in some namespaces only")
	case mode != seaworthy.SignaturesDenied:
		return bad("metadata.annotations", "the webhook does not refuse: images without a valid signature are admitted")
	case c.Webhooks[i].FailurePolicy != nil && *c.Webhooks[i].FailurePolicy == admissionv1.Ignore:
		return bad("webhooks", ignored)
	}
	return true, nil
}

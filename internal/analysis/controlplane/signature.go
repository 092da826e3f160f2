// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const signatureCheck = "image-signature-unverified"

// verifier is a kind of object that makes a cluster verify image signatures.
type verifier struct {
	group, kind string
	// verifies tells whether the object is about signatures, and why it does not refuse
	// what is unsigned, if so.
	verifies func(o *snapshot.Object) (about bool, weak string)
}

var verifiers = []verifier{
	{"kyverno.io", "ClusterPolicy", kyverno},
	{"kyverno.io", "Policy", kyverno},
	{"policies.kyverno.io", "ImageValidatingPolicy", kyvernoImages},
	{"policies.kyverno.io", "NamespacedImageValidatingPolicy", kyvernoImages},
	{"policy.sigstore.dev", "ClusterImagePolicy", sigstore},
	{"portieris.cloud.ibm.com", "ClusterImagePolicy", always},
	{"portieris.cloud.ibm.com", "ImagePolicy", always},
	{"config.openshift.io", "ClusterImagePolicy", always},
	{"config.openshift.io", "ImagePolicy", always},
	{"constraints.gatekeeper.sh", "RatifyVerification", gatekeeper},
	{"policies.kubewarden.io", "ClusterAdmissionPolicy", kubewarden},
	{"policies.kubewarden.io", "AdmissionPolicy", kubewarden},
}

// webhooks names admission webhooks that verify signatures by configuration of their
// own (true), or by policies that would have to be listed (false).
var webhooks = map[string]bool{"connaisseur": true, "kyverno": false, "policy.sigstore.dev": false, "portieris": false}

// signatures asks whether anything refuses images without a valid signature. Policies
// are judged wherever they are found. Files that hold none say nothing about the
// cluster that they go to; a live cluster that has none fails.
func signatures(p *analysis.Pass) {
	found := 0
	for _, v := range verifiers {
		for _, o := range p.Snapshot.Kind(v.kind) {
			if o.Group() != v.group {
				continue
			}
			about, weak := v.verifies(o)
			switch {
			case !about:
				continue
			case weak == "":
				p.Report.Judge(signatureCheck, o)
			default:
				p.Report.Judge(signatureCheck, o, seaworthy.Item{Key: "spec", Path: "spec", Message: weak})
			}
			found++
		}
	}
	hooked, unlisted := verifyingWebhook(p)
	switch {
	case found > 0 || hooked:
	case !p.Snapshot.Cluster():
		if len(p.Snapshot.Workloads()) > 0 {
			p.Report.NotEvaluated(signatureCheck, "the files hold no policy that verifies signatures; whether the cluster has one, only the cluster can tell")
		}
	case unlisted != "":
		p.Report.NotEvaluated(signatureCheck, unlisted)
	case strings.EqualFold(p.Snapshot.Source.Provider, "GKE"):
		p.Report.NotEvaluated(signatureCheck, "nothing in the cluster verifies signatures, and whether Binary Authorization does, the API server does not tell")
	default:
		p.Report.Judge(signatureCheck, theCluster(p.Snapshot), seaworthy.Item{
			Key: "admission", Message: "no admission webhook or policy of the cluster verifies image signatures",
		})
	}
}

// verifyingWebhook looks at the admission webhooks: a verifier that needs no policy
// objects is judged as passing, an agent of this product by what it says of itself; why it
// cannot be told is given else.
func verifyingWebhook(p *analysis.Pass) (found bool, unlisted string) {
	for _, kind := range []string{"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"} {
		if why := p.Snapshot.Unlisted[kind]; why != "" {
			unlisted = "admission webhooks could not be listed (" + why + ")"
		}
		for _, o := range p.Snapshot.Kind(kind) {
			if about, items := ownWebhook(o); about {
				found = true
				p.Report.Judge(signatureCheck, o, items...)
				continue
			}
			for name, alone := range webhooks {
				switch {
				case !strings.Contains(o.Name, name):
				case alone:
					found = true
					p.Report.Judge(signatureCheck, o, ignoresFailure(o)...)
				default:
					unlisted = name + " runs, but none of its policies on signatures was listed"
				}
			}
		}
	}
	return found, unlisted
}

// ignoresFailure reports webhooks that let everything pass while they do not answer.
func ignoresFailure(o *snapshot.Object) []seaworthy.Item {
	var policies []*admissionv1.FailurePolicyType
	switch c := o.View().(type) {
	case *admissionv1.ValidatingWebhookConfiguration:
		for i := range c.Webhooks {
			policies = append(policies, c.Webhooks[i].FailurePolicy)
		}
	case *admissionv1.MutatingWebhookConfiguration:
		for i := range c.Webhooks {
			policies = append(policies, c.Webhooks[i].FailurePolicy)
		}
	}
	for _, f := range policies {
		if f != nil && *f == admissionv1.Ignore {
			return []seaworthy.Item{{Key: "webhooks", Path: "webhooks", Message: ignored}}
		}
	}
	return nil
}

const ignored = "the webhook that verifies signatures is ignored when it does not answer"

func always(*snapshot.Object) (bool, string) { return true, "" }

// kyverno reads policies with verifyImages rules. They refuse where the policy or, from
// 1.13 on, each rule says Enforce.
func kyverno(o *snapshot.Object) (bool, string) {
	spec, _ := o.Content()["spec"].(map[string]any)
	rules, _ := spec["rules"].([]any)
	whole, _ := spec["validationFailureAction"].(string)
	about, weak := false, ""
	for _, r := range rules {
		rule, _ := r.(map[string]any)
		images, _ := rule["verifyImages"].([]any)
		for _, i := range images {
			about = true
			image, _ := i.(map[string]any)
			action, _ := image["failureAction"].(string)
			if action == "" {
				action = whole
			}
			if !strings.EqualFold(action, "Enforce") {
				weak = "the policy only audits: images without a valid signature are admitted"
			}
		}
	}
	return about, weak
}

// kyvernoImages reads Kyverno's policies for images alone.
func kyvernoImages(o *snapshot.Object) (bool, string) {
	spec, _ := o.Content()["spec"].(map[string]any)
	actions, set := spec["validationActions"].([]any)
	for _, a := range actions {
		if a == "Deny" {
			return true, ""
		}
	}
	if !set { // Deny is the default
		return true, ""
	}
	return true, "the policy does not deny: images without a valid signature are admitted"
}

// sigstore reads the policy-controller's policies.
func sigstore(o *snapshot.Object) (bool, string) {
	spec, _ := o.Content()["spec"].(map[string]any)
	if spec["mode"] == "warn" {
		return true, "the policy only warns: images without a valid signature are admitted"
	}
	return true, ""
}

// gatekeeper reads constraints on Ratify's verdicts.
func gatekeeper(o *snapshot.Object) (bool, string) {
	spec, _ := o.Content()["spec"].(map[string]any)
	if action, _ := spec["enforcementAction"].(string); action != "" && action != "deny" {
		return true, "the constraint does not deny: images without a valid signature are admitted"
	}
	return true, ""
}

// kubewarden reads policies whose module verifies signatures.
func kubewarden(o *snapshot.Object) (bool, string) {
	spec, _ := o.Content()["spec"].(map[string]any)
	module, _ := spec["module"].(string)
	if !strings.Contains(module, "verify-image-signatures") {
		return false, ""
	}
	if spec["mode"] == "monitor" {
		return true, "the policy only monitors: images without a valid signature are admitted"
	}
	return true, ""
}

// SPDX-License-Identifier: Apache-2.0

package seaworthy

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Object names a Kubernetes object.
type Object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// Group is the API group of the object, empty for the core group.
func (o Object) Group() string {
	if i := strings.LastIndexByte(o.APIVersion, '/'); i >= 0 {
		return o.APIVersion[:i]
	}
	return ""
}

// String names the object as people do: namespace/Kind/name, or Kind/name.
func (o Object) String() string {
	if o.Namespace == "" {
		return o.Kind + "/" + o.Name
	}
	return o.Namespace + "/" + o.Kind + "/" + o.Name
}

// Item is one offending item of an object that a check judged. Key tells the items of
// one object and check apart and must survive reordering: it names containers, ports
// and rules by what they are called or what they say, never by an index. A check that
// judges the object as a whole leaves it empty.
type Item struct {
	Key       string // for example "spec.containers[app].image"
	Path      string // JSON path with indices, "spec.containers[0].image"; may be empty
	Container string // the container's name, where there is one
	Message   string // one sentence without a period
	// Severity is that of the item where it has one of its own; empty: that of the check.
	Severity Severity
}

// Finding is a check failing on one item of one object.
type Finding struct {
	Check        string   `json:"check"`
	Severity     Severity `json:"severity"`
	Category     string   `json:"category"`
	Message      string   `json:"message"`
	Object       Object   `json:"object"`
	Container    string   `json:"container,omitempty"`
	Path         string   `json:"path,omitempty"`
	File         string   `json:"file,omitempty"`
	Line         int      `json:"line,omitempty"`
	Origin       string   `json:"origin,omitempty"` // the chart or kustomization that rendered the object
	Controls     []string `json:"controls"`
	Requirements []string `json:"requirements"`
	Remediation  string   `json:"remediation"`
	Fingerprint  string   `json:"fingerprint"`
	// New is false when the baseline holds the finding.
	New bool `json:"new"`
	// WaiverRequested is the reason that an annotation of the object gives; it counts
	// only where the configuration says so.
	WaiverRequested string         `json:"waiverRequested,omitempty"`
	Waiver          *AppliedWaiver `json:"waiver"`
}

// Fingerprint is the identity of a finding over time: a digest of source, check, group
// and kind, namespace, name and the item's key. It holds no index, UID or line, so it
// survives reordering, redeployment and moves between files.
func Fingerprint(source, check string, o Object, key string) string {
	h := sha256.New()
	for _, s := range []string{"seaworthy.dev/fingerprint/v1", source, check, o.Group(), o.Kind, o.Namespace, o.Name, key} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

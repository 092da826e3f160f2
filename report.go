// SPDX-License-Identifier: Apache-2.0

package seaworthy

import "time"

// ReportVersion names the JSON contract of a report. Fields are only added within v1.
const ReportVersion = "seaworthy.dev/report/v1"

// Header is the part of a report that is known before anything was judged.
type Header struct {
	APIVersion string    `json:"apiVersion"`
	Tool       Tool      `json:"tool"`
	Source     Source    `json:"source"`
	Catalogue  Catalogue `json:"catalogue"`
}

// Tool is the program that wrote the report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// The kinds of source. Files show design; a live cluster shows operation.
const (
	SourceFiles   = "files"
	SourceCluster = "cluster"
)

// Source says what was looked at, as whom, and what could not be seen.
type Source struct {
	Kind              string    `json:"kind"`
	Name              string    `json:"name"`
	ClusterUID        string    `json:"clusterUID,omitempty"`
	Provider          string    `json:"provider,omitempty"` // self-managed, EKS, GKE, AKS, OpenShift, …; empty: not known
	KubernetesVersion string    `json:"kubernetesVersion,omitempty"`
	Identity          string    `json:"identity,omitempty"`
	Started           time.Time `json:"started"`
	// Asked lists paths, or resources of the cluster.
	Asked []string `json:"asked"`
	// Namespaces limits a cluster's scan; empty: all.
	Namespaces []string `json:"namespaces,omitempty"`
}

// Catalogue is what decided the verdicts.
type Catalogue struct {
	Version          string `json:"version"`
	Digest           string `json:"digest"`
	ParametersDigest string `json:"parametersDigest"`
	Checks           int    `json:"checks"`
	// Policies are the files of the user's own checks.
	Policies []string `json:"policies"`
}

// Status is what came of a check. Only StatusPassed is a pass.
type Status string

// The statuses of a check in one report.
const (
	StatusPassed        Status = "passed"         // every object in scope passed, and there was one
	StatusFailed        Status = "failed"         // at least one object failed, waived or not
	StatusNotApplicable Status = "not-applicable" // no object in scope
	StatusNotEvaluated  Status = "not-evaluated"  // the data it needs is not there
	StatusProvider      Status = "provider"       // the managed provider's responsibility
	StatusError         Status = "error"          // it could not be judged
)

// Reasons of a status.
const (
	ReasonErrors   = "it could not be judged; see the errors"
	ReasonNoObject = "no object in scope"
)

// CheckResult is what came of one check. InScope is N; Waived counts objects whose
// every finding is waived, they are part of Failed. ByNamespace divides these counts; what
// belongs to no namespace is the remainder. It is nil where they are not divided.
type CheckResult struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Severity Severity `json:"severity"`
	Category string   `json:"category"`
	Status   Status   `json:"status"`
	Reason   string   `json:"reason,omitempty"`
	InScope  int      `json:"inScope"`
	Passed   int      `json:"passed"`
	Failed   int      `json:"failed"`
	Waived   int      `json:"waived"`
	Errors   int      `json:"errors"`
	Findings int      `json:"findings"`
	Controls []string `json:"controls"`
	Custom   bool     `json:"custom,omitempty"`
	// Lacking says why, besides what failed or ended in an error, something was not evaluated.
	Lacking     string                    `json:"lacking,omitempty"`
	ByNamespace map[string]NamespaceTally `json:"byNamespace,omitzero"`
}

// Problem is something that could not be read or understood, or was left out. What it
// names was not judged, so it is never a pass.
type Problem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Check   string `json:"check,omitempty"`
	Object  string `json:"object,omitempty"`
	Message string `json:"message"`
}

// Pass is a check and an object that it found nothing wrong with.
type Pass struct {
	Check  string `json:"check"`
	Object Object `json:"object"`
	File   string `json:"file,omitempty"`
}

// SeenObject is an object that was seen, whether anything was found about it or not. A
// report may list them all under "objects", after the findings: then what it does not
// list is not there any more.
type SeenObject struct {
	Object
	Workload bool              `json:"workload,omitempty"`
	File     string            `json:"file,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Excerpt  string            `json:"excerpt,omitempty"` // YAML, without anything secret
}

// WaiverNotice tells of a waiver that did nothing or has run out.
type WaiverNotice struct {
	Waiver  Waiver `json:"waiver"`
	Message string `json:"message"` // "expired on …; 3 findings count again", "matches no finding"
}

// Trailer is the part of a report that is known once everything was judged.
type Trailer struct {
	Finished time.Time     `json:"finished"`
	Checks   []CheckResult `json:"checks"`
	Errors   []Problem     `json:"errors"`
	// Skipped are inputs left out on purpose (ignored folders, files that hold no
	// Kubernetes object, --skip-unreadable), each with its reason.
	Skipped []Problem           `json:"skipped"`
	Waivers []WaiverNotice      `json:"waivers"`
	Covered []FrameworkCoverage `json:"coverage,omitempty"`
	Summary Summary             `json:"summary"`
}

// Summary counts a report.
type Summary struct {
	Files     int `json:"files"`
	Objects   int `json:"objects"`
	Workloads int `json:"workloads"`
	// Owned objects of a cluster (a Deployment's Pods) are judged through their owner.
	Owned    int              `json:"owned"`
	Findings int              `json:"findings"` // open: neither waived nor in the baseline
	Waived   int              `json:"waived"`
	Baseline int              `json:"baseline"` // known from the baseline
	Errors   int              `json:"errors"`
	BySev    map[Severity]int `json:"bySeverity"` // of the open findings
	ByStatus map[Status]int   `json:"byStatus"`   // of the checks
	FailOn   Severity         `json:"failOn,omitempty"`
	Failing  int              `json:"failing"` // open findings at or above FailOn
	Exit     int              `json:"exit"`
}

// Report is a whole report in memory; its JSON form is the contract that a streamed
// report also keeps.
type Report struct {
	Header
	Findings []Finding `json:"findings"`
	Passes   []Pass    `json:"passed,omitempty"`
	// Objects are there only in reports for a server.
	Objects []SeenObject `json:"objects,omitempty"`
	Trailer
}

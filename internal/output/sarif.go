// SPDX-License-Identifier: Apache-2.0

package output

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// sarif writes SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/) as code
// scanning reads it: checks are its rules, findings its results, waivers its
// suppressions. Results go out as they come; what could not be read follows as
// notifications of the invocation, which is then not successful.
type sarif struct {
	*jsonWriter
	o       Options
	header  seaworthy.Header
	rules   map[string]int
	results int
}

func newSARIF(w io.Writer, o Options) Handler {
	return &sarif{jsonWriter: newJSONWriter(w), o: o, rules: map[string]int{}}
}

type (
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifRule struct {
		ID               string          `json:"id"`
		Name             string          `json:"name"`
		ShortDescription sarifText       `json:"shortDescription"`
		FullDescription  *sarifText      `json:"fullDescription,omitempty"`
		Help             *sarifText      `json:"help,omitempty"`
		Default          sarifDefault    `json:"defaultConfiguration"`
		Properties       sarifRuleFields `json:"properties"`
	}
	sarifDefault struct {
		Level string `json:"level"`
	}
	sarifRuleFields struct {
		Tags             []string `json:"tags"`
		Precision        string   `json:"precision"`
		ProblemSeverity  string   `json:"problem.severity"`
		SecuritySeverity string   `json:"security-severity"`
		Category         string   `json:"category"`
		Controls         []string `json:"controls"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    *int               `json:"ruleIndex,omitempty"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Baseline     string             `json:"baselineState,omitempty"`
		Properties   sarifResultFields  `json:"properties"`
	}
	sarifResultFields struct {
		Severity     seaworthy.Severity `json:"severity"`
		Object       seaworthy.Object   `json:"object"`
		Container    string             `json:"container,omitempty"`
		Path         string             `json:"path,omitempty"`
		Origin       string             `json:"origin,omitempty"`
		Controls     []string           `json:"controls"`
		Requirements []string           `json:"requirements"`
		Requested    string             `json:"waiverRequested,omitempty"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"name"`
		Full string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
	sarifNotification struct {
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
		Rule      *sarifRuleRef   `json:"associatedRule,omitempty"`
	}
	sarifRuleRef struct {
		ID    string `json:"id"`
		Index *int   `json:"index,omitempty"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		ExitCode      int                 `json:"exitCode"`
		Start         string              `json:"startTimeUtc,omitempty"`
		End           string              `json:"endTimeUtc,omitempty"`
		Notifications []sarifNotification `json:"toolExecutionNotifications"`
		Configuration []sarifNotification `json:"toolConfigurationNotifications"`
	}
	sarifRunFields struct {
		Source    seaworthy.Source    `json:"source"`
		Catalogue seaworthy.Catalogue `json:"catalogue"`
		Summary   seaworthy.Summary   `json:"summary"`
	}
)

const sarifRoot = "%SRCROOT%"

// Start implements [Handler].
func (s *sarif) Start(h *seaworthy.Header, checks []seaworthy.Check) error {
	s.header = *h
	s.text("{\n  \"$schema\": \"https://json.schemastore.org/sarif-2.1.0.json\",\n  \"version\": \"2.1.0\",\n")
	s.text("  \"runs\": [{\n  \"tool\": {\"driver\": {\"name\": \"Seaworthy\", \"version\": ")
	s.bytes(s.encode(h.Tool.Version))
	s.text(", \"informationUri\": \"https://github.com/seaworthy-dev/seaworthy\", \"rules\": [")
	for i, c := range checks {
		s.rules[c.ID] = i
		s.element(i, s.encode(ruleOf(c)))
	}
	s.endList(len(checks))
	s.text("}},\n  \"columnKind\": \"unicodeCodePoints\",\n  \"originalUriBaseIds\": {\"" + sarifRoot + "\": {\"description\": {\"text\": \"The folder that the scan ran in.\"}}},\n")
	s.text("  \"results\": [")
	return s.err
}

// ruleOf describes a check as a SARIF rule.
func ruleOf(c seaworthy.Check) sarifRule {
	r := sarifRule{
		ID: c.ID, Name: pascal(c.ID), ShortDescription: sarifText{Text: sarifSentence(clean(c.Title))},
		Default: sarifDefault{sarifLevels[c.Severity]},
		Properties: sarifRuleFields{
			Tags: []string{"kubernetes"}, Precision: "very-high",
			ProblemSeverity: problemSeverities[c.Severity], SecuritySeverity: securitySeverities[c.Severity],
			Category: c.Category, Controls: list(c.Controls),
		},
	}
	switch c.Category {
	case "Reliability", "Efficiency", "Governance":
	default: // code scanning shows a security severity for rules of this tag only
		r.Properties.Tags = append(r.Properties.Tags, "security")
	}
	if tag := slug(c.Category); tag != "" && !slices.Contains(r.Properties.Tags, tag) {
		r.Properties.Tags = append(r.Properties.Tags, tag)
	}
	if c.Rationale != "" {
		r.FullDescription = &sarifText{Text: clean(c.Rationale)}
	}
	if c.Remediation != "" {
		r.Help = &sarifText{Text: clean(c.Remediation), Markdown: helpMarkdown(c)}
	}
	return r
}

// helpMarkdown is what code scanning shows beside a finding.
func helpMarkdown(c seaworthy.Check) string {
	var b strings.Builder
	if c.Rationale != "" {
		b.WriteString(mdText(c.Rationale) + "\n\n")
	}
	b.WriteString("**Fix:** " + mdText(c.Remediation) + "\n")
	if c.Snippet != "" {
		b.WriteString("\n" + mdBlock("yaml", c.Snippet))
	}
	if len(c.Controls) > 0 {
		b.WriteString("\nSupports: " + mdText(strings.Join(c.Controls, ", ")) + "\n")
	}
	return b.String()
}

// Finding implements [Handler].
func (s *sarif) Finding(f *seaworthy.Finding) error {
	r := sarifResult{
		RuleID: f.Check, Level: sarifLevels[f.Severity], Message: sarifText{Text: sarifSentence(who(f) + ": " + clean(f.Message))},
		Locations: []sarifLocation{{
			Physical: s.physical(located(f, s.o.Root), f.Line),
			Logical:  []sarifLogical{{Name: f.Object.Name, Full: f.Object.String(), Kind: "object"}},
		}},
		Fingerprints: map[string]string{"seaworthy/v1": f.Fingerprint},
		Properties: sarifResultFields{
			Severity: f.Severity, Object: f.Object, Container: f.Container, Path: f.Path, Origin: f.Origin,
			Controls: list(f.Controls), Requirements: list(f.Requirements), Requested: f.WaiverRequested,
		},
	}
	if i, ok := s.rules[f.Check]; ok {
		r.RuleIndex = &i
	}
	if w := f.Waiver; w != nil {
		kind := "external"
		if w.By == "annotation" {
			kind = "inSource"
		}
		r.Suppressions = []sarifSuppression{{kind, "accepted", clean(waiverOf(w))}}
	}
	if s.o.Baseline {
		r.Baseline = "unchanged"
		if f.New {
			r.Baseline = "new"
		}
	}
	s.element(s.results, s.encode(r))
	s.results++
	return s.err
}

func (s *sarif) physical(file string, line int) *sarifPhysical {
	p := &sarifPhysical{Artifact: sarifArtifact{URI: uri(file), Base: sarifRoot}}
	if strings.HasPrefix(file, "/") {
		p.Artifact.Base = ""
	}
	if line > 0 {
		p.Region = &sarifRegion{line}
	}
	return p
}

// Pass implements [Handler]. Code scanning has no use for passes.
func (s *sarif) Pass(*seaworthy.Pass) error { return nil }

// End implements [Handler].
func (s *sarif) End(t *seaworthy.Trailer) error {
	s.endList(s.results)
	inv := sarifInvocation{
		Successful: len(t.Errors) == 0, ExitCode: t.Summary.Exit, Start: utc(s.header.Source.Started), End: utc(t.Finished),
		Notifications: []sarifNotification{}, Configuration: []sarifNotification{},
	}
	for _, p := range t.Errors {
		inv.Notifications = append(inv.Notifications, s.notification("error", p))
	}
	for _, p := range t.Skipped {
		inv.Notifications = append(inv.Notifications, s.notification("note", p))
	}
	for _, c := range t.Checks {
		if c.Status != seaworthy.StatusPassed && c.Status != seaworthy.StatusFailed {
			text := "Check " + c.ID + ": " + statusWords[c.Status]
			if c.Reason != "" {
				text += ", " + c.Reason
			}
			inv.Configuration = append(inv.Configuration, s.notification("note", seaworthy.Problem{Check: c.ID, Message: text}))
		}
	}
	s.text(",\n  \"invocations\": [")
	s.element(0, s.encode(inv))
	s.text("],\n  \"properties\": ")
	source, catalogue, sum := s.header.Source, s.header.Catalogue, t.Summary
	source.Asked, catalogue.Policies = list(source.Asked), list(catalogue.Policies)
	sum.BySev, sum.ByStatus = table(sum.BySev), table(sum.ByStatus)
	s.bytes(s.encode(sarifRunFields{source, catalogue, sum}))
	s.text("\n  }]\n}\n")
	return s.flush()
}

func (s *sarif) notification(level string, p seaworthy.Problem) sarifNotification {
	n := sarifNotification{Level: level, Message: sarifText{Text: sarifSentence(clean(p.Message))}}
	if p.File != "" {
		n.Locations = []sarifLocation{{Physical: s.physical(relative(p.File, s.o.Root), p.Line)}}
	}
	if p.Check != "" {
		n.Rule = &sarifRuleRef{ID: p.Check}
		if i, ok := s.rules[p.Check]; ok {
			n.Rule.Index = &i
		}
	}
	return n
}

func utc(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// sarifSentence ends a message as SARIF asks for (3.11.3), and never leaves it empty.
func sarifSentence(s string) string {
	if s == "" {
		s = "No message"
	}
	if strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// pascal writes a kebab-case id as SARIF wants a rule's name.
func pascal(id string) string {
	var b strings.Builder
	for _, word := range strings.Split(id, "-") {
		head, tail := cut(clean(word), 1)
		b.WriteString(strings.ToUpper(head) + tail)
	}
	return b.String()
}

func slug(s string) string { return strings.ReplaceAll(strings.ToLower(s), " ", "-") }

var (
	sarifLevels = map[seaworthy.Severity]string{
		seaworthy.Critical: "error", seaworthy.High: "error", seaworthy.Medium: "warning",
		seaworthy.Low: "note", seaworthy.Info: "note",
	}
	problemSeverities = map[seaworthy.Severity]string{
		seaworthy.Critical: "error", seaworthy.High: "error", seaworthy.Medium: "warning",
		seaworthy.Low: "recommendation", seaworthy.Info: "recommendation",
	}
	// securitySeverities fall into the bands of code scanning: critical from 9.0, high
	// from 7.0, medium from 4.0.
	// https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
	securitySeverities = map[seaworthy.Severity]string{
		seaworthy.Critical: "9.5", seaworthy.High: "8.0", seaworthy.Medium: "5.5",
		seaworthy.Low: "3.0", seaworthy.Info: "1.0",
	}
)

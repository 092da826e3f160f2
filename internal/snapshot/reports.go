// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"strings"
)

// The groups of custom resources in which other tools say what they found.
const (
	TrivyGroup        = "aquasecurity.github.io"
	PolicyReportGroup = "wgpolicyk8s.io"
	OpenReportsGroup  = "openreports.io"
)

// maxReported bounds a text of another tool's report.
const maxReported = 400

// SlimReport drops, in place, what no analyzer reads of another tool's report: most of it
// are links, descriptions and what passed. Other objects are left as they are. It may be
// called more than once.
func SlimReport(m map[string]any) {
	version, _ := m["apiVersion"].(string)
	group, _, _ := strings.Cut(version, "/")
	switch group {
	case PolicyReportGroup, OpenReportsGroup:
		delete(m, "summary")
		slimList(m, "results", policyResults())
	case TrivyGroup:
		report, ok := m["report"].(map[string]any)
		if !ok {
			return
		}
		for field := range report {
			if !trivyFields[field] {
				delete(report, field)
			}
		}
		slimList(report, "vulnerabilities", func(v map[string]any) bool {
			only(v, "vulnerabilityID", "resource", "installedVersion", "fixedVersion", "severity")
			return v["severity"] == "CRITICAL" || v["severity"] == "HIGH"
		})
		slimList(report, "secrets", func(v map[string]any) bool {
			only(v, "ruleID", "title", "severity", "target") // what matched is part of the secret
			return true
		})
		slimList(report, "checks", func(v map[string]any) bool {
			only(v, "checkID", "title", "severity", "messages", "success")
			if list, ok := v["messages"].([]any); ok && len(list) > 1 {
				v["messages"] = list[:1:1]
			}
			return v["success"] != true
		})
	}
}

var trivyFields = map[string]bool{
	"updateTimestamp": true, "registry": true, "artifact": true, "vulnerabilities": true, "secrets": true, "checks": true,
}

// policyResults keeps what failed. Of what passed it keeps one result for each source and
// object, the oldest: that tells how old the verdict is.
func policyResults() func(map[string]any) bool {
	passed := map[string]map[string]any{}
	return func(v map[string]any) bool {
		if v["result"] == "skip" {
			return false
		}
		only(v, "source", "policy", "rule", "severity", "result", "timestamp", "message", "resources")
		if v["result"] != "pass" {
			return true
		}
		only(v, "source", "result", "timestamp", "resources")
		key := fmt.Sprint(v["source"], v["resources"])
		first := passed[key]
		if first == nil {
			passed[key] = v
			return true
		}
		if seconds(v["timestamp"]) < seconds(first["timestamp"]) {
			first["timestamp"] = v["timestamp"]
		}
		return false
	}
}

// seconds reads a timestamp of a report: {seconds, nanos}.
func seconds(v any) int64 {
	m, _ := v.(map[string]any)
	switch s := m["seconds"].(type) {
	case int64:
		return s
	case float64:
		return int64(s)
	}
	return 0
}

func slimList(m map[string]any, field string, keep func(map[string]any) bool) {
	list, ok := m[field].([]any)
	if !ok {
		return
	}
	out := list[:0:0]
	for _, e := range list {
		v, ok := e.(map[string]any)
		if !ok || keep(v) { // what is malformed is for the analyzer to tell of
			out = append(out, e)
		}
	}
	m[field] = out
}

// only keeps some fields of a mapping, long texts cut.
func only(m map[string]any, fields ...string) {
	for name, v := range m {
		kept := false
		for _, f := range fields {
			kept = kept || f == name
		}
		if !kept {
			delete(m, name)
		} else if s, ok := v.(string); ok && len(s) > maxReported {
			m[name] = strings.ToValidUTF8(s[:maxReported], "") + "…"
		}
	}
}

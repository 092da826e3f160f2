// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// navGroup is a part of the navigation.
type navGroup struct {
	Title string
	Items []navItem
}

type navItem struct {
	Text, Href, Icon string
	Current          bool
	// Only for those who may do this.
	action seaworthy.Action
	also   []string // other addresses at which the item is where one is
}

var navGroups = []navGroup{
	{"", []navItem{{Text: "Overview", Href: "/", Icon: "overview", action: seaworthy.ReadProgramme}}},
	{"Guardrails", []navItem{
		{Text: "Findings", Href: "/findings", Icon: "findings", action: seaworthy.ReadFindings},
		{Text: "Workloads", Href: "/workloads", Icon: "workload", action: seaworthy.ReadFindings},
		{Text: "Checks", Href: "/checks", Icon: "check", action: seaworthy.ReadFindings},
		{Text: "Clusters & repositories", Href: "/sources", Icon: "source", action: seaworthy.ReadFindings},
		{Text: "Waivers", Href: "/waivers", Icon: "waiver", action: seaworthy.ReadFindings},
	}},
	{"Changes", []navItem{
		{Text: "Timeline", Href: "/changes", Icon: "timeline", action: seaworthy.ReadFindings},
		{Text: "Deployments", Href: "/deployments", Icon: "deploy", action: seaworthy.ReadFindings},
		{Text: "Change rules", Href: "/change-rules", Icon: "rules", action: seaworthy.ManageSources},
		{Text: "Actors", Href: "/actors", Icon: "account", action: seaworthy.Administer},
	}},
	{"Compliance", []navItem{
		{Text: "Requirements", Href: "/requirements", Icon: "requirement", action: seaworthy.ReadProgramme},
		{Text: "Controls", Href: "/controls", Icon: "control", action: seaworthy.ReadProgramme, also: []string{"/occurrences"}},
		{Text: "Evidence", Href: "/evidence", Icon: "evidence", action: seaworthy.ReadProgramme},
		{Text: "Due", Href: "/due", Icon: "calendar", action: seaworthy.ReadProgramme},
		{Text: "Frozen lists", Href: "/lists", Icon: "list", action: seaworthy.ReadProgramme},
		{Text: "Packages", Href: "/packages", Icon: "download", action: seaworthy.ReadProgramme},
		{Text: "Program & scope", Href: "/programs", Icon: "program", action: seaworthy.ReadProgramme},
	}},
	{"Log & settings", []navItem{
		{Text: "Log", Href: "/log", Icon: "log", action: seaworthy.ReadLog},
		{Text: "People & teams", Href: "/people", Icon: "people", action: seaworthy.Administer},
		{Text: "Tokens", Href: "/tokens", Icon: "token", action: seaworthy.OwnAccount},
		{Text: "Ownership", Href: "/ownership", Icon: "owner", action: seaworthy.ManageSources},
		{Text: "Notifications", Href: "/notifications", Icon: "bell", action: seaworthy.Administer},
		{Text: "Single sign-on", Href: "/sign-on", Icon: "signon", action: seaworthy.Administer},
		{Text: "Retention", Href: "/retention", Icon: "retention", action: seaworthy.Administer},
	}},
}

// navigation is what a principal may go to, seen from a path.
func navigation(who seaworthy.Principal, path string) []navGroup {
	var out []navGroup
	for _, g := range navGroups {
		seen := navGroup{Title: g.Title}
		for _, it := range g.Items {
			if !who.Can(it.action) {
				continue
			}
			it.Current = path == it.Href || it.Href != "/" && strings.HasPrefix(path, it.Href+"/") ||
				slices.ContainsFunc(it.also, func(p string) bool { return strings.HasPrefix(path, p+"/") })
			seen.Items = append(seen.Items, it)
		}
		if len(seen.Items) > 0 {
			out = append(out, seen)
		}
	}
	return out
}

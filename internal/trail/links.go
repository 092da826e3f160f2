// SPDX-License-Identifier: Apache-2.0

package trail

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Links say where people find what deployments name: addresses in which {ticket}, {commit}
// and {repository} stand for what is named. Empty: it is shown as text.
type Links struct {
	Ticket string `json:"ticket,omitempty" doc:"Such as https://tickets.example.com/browse/{ticket}."`
	Commit string `json:"commit,omitempty" doc:"Such as https://git.example.com/{repository}/commit/{commit}."`
}

// linksKey is the setting that holds them.
const linksKey = "links"

// LinksOf reads how things are linked.
func LinksOf(ctx context.Context, s *store.Store) (Links, error) {
	value, err := s.Setting(ctx, linksKey)
	return parseLinks(value, err)
}

// ChangeableLinks gives what is set, inside the write that is to set it.
func ChangeableLinks(tx *store.Tx) (Links, error) {
	value, err := tx.ChangeableSetting(linksKey)
	return parseLinks(value, err)
}

func parseLinks(value string, err error) (Links, error) {
	var l Links
	if err != nil || value == "" {
		return l, err
	}
	if err := json.Unmarshal([]byte(value), &l); err != nil {
		return l, fmt.Errorf("read how tickets and commits are linked: %w", err)
	}
	return l, nil
}

// SetLinks says how things are linked.
func SetLinks(ctx context.Context, s *store.Store, who seaworthy.Principal, l Links) error {
	if !who.Can(seaworthy.ManageSources) {
		return seaworthy.Forbidden("%s may not say where tickets and commits are", who.Name)
	}
	l.Ticket, l.Commit = strings.TrimSpace(l.Ticket), strings.TrimSpace(l.Commit)
	for _, p := range [...]struct{ what, pattern, place string }{{"tickets", l.Ticket, "{ticket}"}, {"commits", l.Commit, "{commit}"}} {
		switch {
		case p.pattern == "":
		case !strings.Contains(p.pattern, p.place):
			return seaworthy.Invalid("the address of %s needs %s where each is named", p.what, p.place)
		case WebAddress(fill(p.pattern, func(string) string { return "x" })) == "" || strings.ContainsAny(hostOf(p.pattern), "{}"):
			return seaworthy.Invalid("the address of %s begins with https:// or http:// and a host", p.what)
		}
	}
	value, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return s.Write(ctx, who.Actor, func(tx *store.Tx) error { return tx.SetSetting(linksKey, string(value)) })
}

// fill puts values into the places of a pattern.
func fill(pattern string, escape func(string) string, values ...string) string {
	for i := 0; i+1 < len(values); i += 2 {
		pattern = strings.ReplaceAll(pattern, values[i], escape(values[i+1]))
	}
	return strings.NewReplacer("{ticket}", "x", "{commit}", "x", "{repository}", "x").Replace(pattern)
}

func hostOf(pattern string) string {
	_, rest, _ := strings.Cut(pattern, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// WebAddress gives a text back if it is the address of a page, and nothing else: what a
// pipeline names may be anything.
func WebAddress(text string) string {
	to, err := url.Parse(strings.TrimSpace(text))
	if err != nil || to.Scheme != "https" && to.Scheme != "http" || to.Hostname() == "" || to.User != nil {
		return ""
	}
	return to.String()
}

// ToTicket is where a ticket is; empty: that is not known.
func (l Links) ToTicket(ticket string) string {
	if to := WebAddress(ticket); to != "" || l.Ticket == "" || ticket == "" {
		return to
	}
	return WebAddress(fill(l.Ticket, url.PathEscape, "{ticket}", ticket))
}

// ToCommit is where a commit of a repository is; empty: that is not known.
func (l Links) ToCommit(repository, commit string) string {
	switch {
	case WebAddress(commit) != "":
		return WebAddress(commit)
	case l.Commit == "" || commit == "" || repository == "" && strings.Contains(l.Commit, "{repository}"):
		return ""
	}
	return WebAddress(fill(l.Commit, segments, "{commit}", commit, "{repository}", repository))
}

// segments escapes what has slashes of its own.
func segments(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
)

// ownershipPage is what pages/ownership.html needs.
type ownershipPage struct {
	page
	Rules   []ruleRow
	Teams   []choice
	Sources []choice
}

type ruleRow struct {
	seaworthy.OwnershipRule
	TeamName string
}

func (u *UI) ownership(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := ownershipPage{page: u.page(r, "Ownership")}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	rules, err := u.Store.OwnershipRules(ctx)
	if err != nil {
		return err
	}
	for _, one := range rules {
		p.Rules = append(p.Rules, ruleRow{one, names.team(one.Team)})
	}
	p.Teams = teamChoices(names, p.Was("team", ""))
	for _, s := range sortedSources(names) {
		if s.Kind == seaworthy.KindRepository {
			p.Sources = append(p.Sources, choice{Value: s.ID, Text: s.Name, Chosen: s.ID == p.Was("repository", "")})
		}
	}
	return u.render(w, r, "ownership", p)
}

func (u *UI) putRule(w http.ResponseWriter, r *http.Request) error {
	f := r.PostForm
	_, err := u.Triage.PutRule(r.Context(), visitOf(r).who, seaworthy.OwnershipRule{
		Source: strings.TrimSpace(f.Get("source")), Namespace: strings.TrimSpace(f.Get("namespace")),
		Label: strings.TrimSpace(f.Get("label")), Path: strings.TrimSpace(f.Get("path")), Team: f.Get("team"),
	})
	if err != nil {
		return err
	}
	return u.done(w, r, "/ownership", "saved")
}

func (u *UI) dropRule(w http.ResponseWriter, r *http.Request) error {
	if err := u.Triage.DropRule(r.Context(), visitOf(r).who, r.PathValue("id")); err != nil {
		return err
	}
	return u.done(w, r, "/ownership", "removed")
}

// moveRule puts a rule one place up.
func (u *UI) moveRule(w http.ResponseWriter, r *http.Request) error {
	rules, err := u.Store.OwnershipRules(r.Context())
	if err != nil {
		return err
	}
	ids := make([]string, len(rules))
	for i, one := range rules {
		if ids[i] = one.ID; one.ID == r.PathValue("id") && i > 0 {
			ids[i], ids[i-1] = ids[i-1], ids[i]
		}
	}
	if err := u.Triage.OrderRules(r.Context(), visitOf(r).who, ids); err != nil {
		return err
	}
	return u.done(w, r, "/ownership", "saved")
}

func (u *UI) importOwners(w http.ResponseWriter, r *http.Request) error {
	got, err := u.Triage.ImportCodeowners(r.Context(), visitOf(r).who, r.PostFormValue("repository"), r.PostFormValue("text"))
	if err != nil {
		return err
	}
	if len(got.Problems) > 0 {
		return seaworthy.Invalid("%s taken; line %d: %s", count(len(got.Rules), "rule"), got.Problems[0].Line, got.Problems[0].Reason)
	}
	return u.done(w, r, "/ownership", "saved")
}

// retentionPage is what pages/retention.html needs.
type retentionPage struct {
	page
	Rows     []retentionRow
	SLA      []slaRow
	Versions []entryRow
}

type retentionRow struct{ Field, Title, Hint, Days string }

type slaRow struct {
	Severity seaworthy.Severity
	Days     string
}

func (u *UI) retention(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := retentionPage{page: u.page(r, "Retention & due dates")}
	v, err := u.Audit.Retention(ctx)
	if err != nil {
		return err
	}
	for _, row := range []struct {
		field, title, hint string
		days               int
	}{
		{"raw", "Raw reports", "Their bytes. What they counted stays, and their evidence becomes a tombstone.", v.RawReports},
		{"events", "Steps of fixed findings", "How each ended stays.", v.FindingEvents},
		{"evidence", "Evidence that people brought", "Digest, times and a tombstone stay.", v.Evidence},
		{"sessions", "Sessions", "From when they were last used.", v.Sessions},
	} {
		p.Rows = append(p.Rows, retentionRow{row.field, row.title, row.hint, p.Was(row.field, strconv.Itoa(row.days))})
	}
	sla, err := u.Triage.SLA(ctx)
	if err != nil {
		return err
	}
	for _, s := range seaworthy.Severities {
		days := ""
		if d, ok := sla[s]; ok {
			days = strconv.Itoa(int(d / (24 * time.Hour)))
		}
		p.SLA = append(p.SLA, slaRow{s, p.Was("sla-"+string(s), days)})
	}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	if p.Versions, err = u.history(ctx, p.page, names, "setting", "retention"); err != nil {
		return err
	}
	return u.render(w, r, "retention", p)
}

func (u *UI) setRetention(w http.ResponseWriter, r *http.Request) error {
	var v audit.Retention
	for name, to := range map[string]*int{"raw": &v.RawReports, "events": &v.FindingEvents, "evidence": &v.Evidence, "sessions": &v.Sessions} {
		n, err := strconv.Atoi(strings.TrimSpace(r.PostFormValue(name)))
		if err != nil {
			return seaworthy.Invalid("Days are whole numbers; 0 keeps everything.")
		}
		*to = n
	}
	if err := u.Audit.SetRetention(r.Context(), visitOf(r).who, v); err != nil {
		return err
	}
	return u.done(w, r, "/retention", "saved")
}

func (u *UI) setSLA(w http.ResponseWriter, r *http.Request) error {
	sla := seaworthy.SLA{}
	for _, s := range seaworthy.Severities {
		text := strings.TrimSpace(r.PostFormValue("sla-" + string(s)))
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return seaworthy.Invalid("Days are whole numbers; an empty field means no due date.")
		}
		sla[s] = time.Duration(n) * 24 * time.Hour
	}
	if err := u.Triage.SetSLA(r.Context(), visitOf(r).who, sla); err != nil {
		return err
	}
	return u.done(w, r, "/retention", "saved")
}

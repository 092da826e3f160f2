// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/examples"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
)

// decided is what people decided, as examples/history/decisions.yaml tells it.
type decided struct {
	Waivers     []waiver     `yaml:"waivers"`
	Dues        []said       `yaml:"dues"`
	Comments    []said       `yaml:"comments"`
	Views       []view       `yaml:"views"`
	Populations []population `yaml:"populations"`
}

// waiver is a waiver that somebody asks for, and what becomes of it.
type waiver struct {
	Ago          int    `yaml:"ago"`
	By           string `yaml:"by"`
	Approver     string `yaml:"approver"` // empty: nobody has decided yet
	Decided      int    `yaml:"decided"`  // days after it was asked for
	Reject       string `yaml:"reject"`
	Revoke       int    `yaml:"revoke"` // days after it was approved
	For          int    `yaml:"for"`
	Renew        int    `yaml:"renew"`
	RenewFor     int    `yaml:"renewFor"`
	Check        string `yaml:"check"`
	Kind         string `yaml:"kind"`
	Namespace    string `yaml:"namespace"`
	Name         string `yaml:"name"`
	Container    string `yaml:"container"`
	Reason       string `yaml:"reason"`
	Compensating string `yaml:"compensating"`
}

// said is what somebody says of the open findings of a check.
type said struct {
	Ago    int    `yaml:"ago"`
	By     string `yaml:"by"`
	Check  string `yaml:"check"`
	Name   string `yaml:"name"`
	Text   string `yaml:"text"`
	Days   int    `yaml:"days"`
	Reason string `yaml:"reason"`
}

type view struct {
	By    string `yaml:"by"`
	Page  string `yaml:"page"`
	Name  string `yaml:"name"`
	Query string `yaml:"query"`
}

type population struct {
	Ago  int    `yaml:"ago"`
	By   string `yaml:"by"`
	Name string `yaml:"name"`
	List string `yaml:"list"`
	Seed string `yaml:"seed"`
	Size int    `yaml:"size"`
	Rows string `yaml:"rows"`
}

func readDecisions() (*decided, error) {
	data, err := fs.ReadFile(examples.History(), "decisions.yaml")
	if err != nil {
		return nil, fmt.Errorf("read the decisions of the example: %w", err)
	}
	d := &decided{}
	if err := yaml.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("read the decisions of the example: %w", err)
	}
	return d, nil
}

// called gives somebody of the company by the first name.
func (s *story) called(name string) seaworthy.Principal {
	for _, p := range people() {
		if first, _, _ := strings.Cut(p.email, "."); first == name {
			return s.as(p.email)
		}
	}
	return seaworthy.Principal{}
}

// decisions are what people do about findings.
func (s *story) decisions() {
	d := s.decided
	s.on(days-1, 15*time.Hour, "say who owns what", s.ownership)
	for _, w := range d.Waivers {
		s.on(w.Ago, 14*time.Hour, "ask for a waiver of "+w.Check, func(ctx context.Context) error { return s.ask(ctx, w) })
	}
	for _, v := range d.Dues {
		s.on(v.Ago, 15*time.Hour, "move due dates", func(ctx context.Context) error { return s.moveDue(ctx, v) })
	}
	for _, v := range d.Comments {
		s.on(v.Ago, 16*time.Hour, "comment", func(ctx context.Context) error { return s.comment(ctx, v) })
	}
	for _, v := range d.Views {
		s.on(days-12, 16*time.Hour, "keep a view", func(ctx context.Context) error {
			_, err := s.triage.SaveView(ctx, s.called(v.By), seaworthy.SavedView{Page: v.Page, Name: v.Name, Query: v.Query})
			return err
		})
	}
	for _, v := range d.Populations {
		s.on(v.Ago, 13*time.Hour, "freeze "+v.Name, func(ctx context.Context) error { return s.freeze(ctx, v) })
	}
	for ago := days - 6; ago > 0; ago -= 7 {
		s.on(ago, 9*time.Hour+45*time.Minute, "hand out findings", s.handOut)
	}
}

// ownership says which team owns what: by label, then by namespace.
func (s *story) ownership(ctx context.Context) error {
	if err := s.triage.SetSLA(ctx, s.as(leonie), seaworthy.DefaultSLA()); err != nil {
		return err
	}
	rules := []seaworthy.OwnershipRule{
		{Label: "harbourlane.example/team"},
		{Namespace: "platform", Team: s.teams[teamPlatform]},
		{Namespace: "monitoring", Team: s.teams[teamPlatform]},
		{Namespace: "warehouse", Team: s.teams[teamOperations]},
		{Namespace: "payments", Team: s.teams[teamPayments]},
		{Namespace: "marketing", Team: s.teams[teamStorefront]},
		{Namespace: "shop", Team: s.teams[teamStorefront]},
	}
	for _, r := range rules {
		if _, err := s.triage.PutRule(ctx, s.as(ines), r); err != nil {
			return err
		}
	}
	return nil
}

// date is the day some days after now.
func (s *story) date(after int) seaworthy.Date {
	return seaworthy.Date{Time: s.clock.Now().Truncate(day).AddDate(0, 0, after)}
}

// ask asks for a waiver, and has somebody decide it later.
func (s *story) ask(ctx context.Context, w waiver) error {
	asked, err := s.triage.RequestWaiver(ctx, s.called(w.By), "", seaworthy.Waiver{
		Check: w.Check, Kind: w.Kind, Namespace: w.Namespace, Name: w.Name, Container: w.Container,
		Reason: w.Reason, CompensatingControl: w.Compensating, Expires: s.date(w.For), Owner: s.called(w.By).UserID,
	})
	if err != nil || w.Approver == "" {
		return err
	}
	now := s.clock.Now()
	s.later(w.Decided, now, "decide a waiver", func(ctx context.Context) error { return s.decide(ctx, w, asked.ID) })
	if w.Renew > 0 {
		s.later(w.For-w.Renew, now, "renew a waiver", func(ctx context.Context) error { return s.renew(ctx, w, asked.ID) })
	}
	return nil
}

func (s *story) decide(ctx context.Context, w waiver, id string) error {
	who := s.called(w.Approver)
	if w.Reject != "" {
		_, err := s.triage.Reject(ctx, who, []string{id}, w.Reject)
		return err
	}
	if _, err := s.triage.Approve(ctx, who, []string{id}, triage.Decision{Note: "Agreed in the weekly meeting."}); err != nil {
		return err
	}
	if w.Revoke > 0 {
		s.later(w.Revoke, s.clock.Now(), "revoke a waiver", func(ctx context.Context) error {
			_, err := s.triage.Revoke(ctx, who, []string{id}, "No longer needed: the setting was found.")
			return err
		})
	}
	return nil
}

// renew asks to go on with a waiver and approves that a day later.
func (s *story) renew(ctx context.Context, w waiver, id string) error {
	again, err := s.triage.Renew(ctx, s.called(w.By), id, triage.Terms{
		Reason: w.Reason, CompensatingControl: w.Compensating, Expires: s.date(w.RenewFor),
	})
	if err != nil {
		return err
	}
	s.later(1, s.clock.Now(), "approve a renewal", func(ctx context.Context) error {
		_, err := s.triage.Approve(ctx, s.called(w.Approver), []string{again.ID}, triage.Decision{Note: "Still so, looked at together."})
		return err
	})
	return nil
}

// open finds the open findings of a check, of objects of a name.
func (s *story) open(ctx context.Context, check, name string) ([]seaworthy.TrackedFinding, error) {
	p, err := s.Store.Findings(ctx, store.FindingFilter{
		Status: []seaworthy.FindingStatus{seaworthy.FindingOpen, seaworthy.FindingWaived}, Checks: []string{check}, Limit: 200,
	})
	return slices.DeleteFunc(settled(p.Items), func(f seaworthy.TrackedFinding) bool {
		ok, err := path.Match(cmp.Or(name, "*"), f.Object.Name)
		return err != nil || !ok
	}), err
}

// settled puts findings of the same severity in an order that no chance decides: ids
// follow from those of sources, which differ from one filling to the next.
func settled(list []seaworthy.TrackedFinding) []seaworthy.TrackedFinding {
	slices.SortStableFunc(list, func(a, b seaworthy.TrackedFinding) int {
		return cmp.Or(cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return list
}

func ids(list []seaworthy.TrackedFinding) []string {
	var out []string
	for _, f := range list {
		out = append(out, f.ID)
	}
	return out
}

func (s *story) moveDue(ctx context.Context, v said) error {
	list, err := s.open(ctx, v.Check, v.Name)
	if err != nil || len(list) == 0 {
		return err
	}
	_, err = s.triage.SetDue(ctx, s.called(v.By), ids(list), s.date(v.Days).Time, v.Reason)
	return err
}

func (s *story) comment(ctx context.Context, v said) error {
	list, err := s.open(ctx, v.Check, v.Name)
	if err != nil || len(list) == 0 {
		return err
	}
	_, err = s.triage.Comment(ctx, s.called(v.By), seaworthy.OnFinding, list[0].ID, v.Text)
	return err
}

// workers are who takes the findings of a team.
var workers = map[string]string{teamPlatform: maren, teamPayments: yusuf, teamStorefront: hana, teamFulfilment: hana, teamOperations: piet}

// handOut gives the worst new findings of each team to somebody, with a ticket.
func (s *story) handOut(ctx context.Context) error {
	const most = 8
	for _, team := range teams {
		p, err := s.Store.Findings(ctx, store.FindingFilter{
			Status: []seaworthy.FindingStatus{seaworthy.FindingOpen}, Teams: []string{s.teams[team]}, Assignees: []string{"-"}, Limit: 1000,
			Severities: []seaworthy.Severity{"critical", "high", "medium"},
		})
		if err != nil || len(p.Items) == 0 {
			if err != nil {
				return err
			}
			continue
		}
		who, worst := s.as(workers[team]), settled(p.Items)[:min(most, len(p.Items))]
		if _, err := s.triage.Assign(ctx, who, ids(worst), who.UserID); err != nil {
			return err
		}
		if _, err := s.triage.Link(ctx, who, ids(worst[:1]), fmt.Sprintf("https://tickets.harbourlane.example/HL-%d", 2000+len(s.handed))); err != nil {
			return err
		}
		s.handed = append(s.handed, worst[0].ID)
	}
	return nil
}

// freeze freezes a list and samples it.
func (s *story) freeze(ctx context.Context, v population) error {
	who := s.called(v.By)
	p, err := s.audit.Freeze(ctx, who, audit.FreezeRequest{Name: v.Name, Program: s.program.ID, List: v.List})
	if err != nil {
		return err
	}
	if v.Seed != "" {
		_, err = s.audit.SampleBySeed(ctx, who, p.ID, v.Seed, v.Size)
	} else if rows, failed := audit.ParseRows(v.Rows); failed != nil || len(rows) > 0 {
		if failed != nil {
			return failed
		}
		_, err = s.audit.SampleByList(ctx, who, p.ID, rows)
	}
	return err
}

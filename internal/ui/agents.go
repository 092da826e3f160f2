// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// watching is what a cluster's page says of its agents.
type watching struct {
	Agents     []agentRow
	Places     []placeRow // as the leader tells
	Told       time.Time  // when it did
	Unlisted   []reasonRow
	Excess     []string
	Lacking    []string       // of any replica
	Enrolments []enrolmentRow // that can still be used
	Wanted     bool           // a whole report is asked for
	// Of the enrolment just made, shown once.
	Secret, Command string
}

// Lacks and Exceeds say how much the agent may too little and too much.
func (w watching) Lacks() string { return "It does not list " + count(len(w.Unlisted), "kind") }

// Exceeds is the other one.
func (w watching) Exceeds() string {
	return "It has " + count(len(w.Excess), "right") + " more than it needs"
}

// agentRow is an agent with its instances.
type agentRow struct {
	seaworthy.Agent
	State     string
	By        string // who let it in
	Instances []instanceRow
}

type instanceRow struct {
	store.AgentInstance
	State   string
	Waiting int // messages
}

type placeRow struct {
	Name string
	Mark string
	seaworthy.Place
}

type reasonRow struct{ What, Why string }

type enrolmentRow struct {
	seaworthy.Enrolment
	By string
}

// The places in the order in which people look at them, and what each shows.
var placeNames = [...][2]string{
	{seaworthy.SeenByWebhook, "Admission webhook: who asks for what"},
	{seaworthy.SeenByAudit, "Audit events: who did what, also what was denied"},
	{seaworthy.SeenByWatch, "Watch: what persisted"},
}

// recent is for how long after its last sign of life an instance is shown.
const recent = 24 * time.Hour

func (u *UI) watching(ctx context.Context, p page, names names, source string) (watching, error) {
	var w watching
	list, err := u.Store.Agents(ctx, store.AgentFilter{Source: source, Limit: 20})
	if err != nil {
		return w, err
	}
	beats, err := u.Store.AgentInstances(ctx, source) // the latest first
	if err != nil {
		return w, err
	}
	live, err := u.Store.LiveSource(ctx, source)
	if err != nil {
		return w, err
	}
	w.Wanted = !live.WantedAt.IsZero()
	for _, b := range beats {
		if heard(b.ReceivedAt, p.Now) == "alive" {
			w.Lacking = append(w.Lacking, b.Beat.Lacking...)
		}
	}
	slices.Sort(w.Lacking)
	w.Lacking = slices.Compact(w.Lacking)
	for _, a := range list.Items {
		w.Agents = append(w.Agents, agentRowOf(a, beats, names, p.Now))
	}
	if i := slices.IndexFunc(beats, func(b store.AgentInstance) bool { return b.Beat.Leader }); i >= 0 {
		w.lead(beats[i], p.Now)
	} else if len(beats) > 0 {
		w.lead(beats[0], p.Now)
	}
	if !p.Can("manage sources") {
		return w, nil
	}
	enrolments, err := u.Store.Enrolments(ctx, source)
	for _, e := range enrolments {
		if e.UsedAt.IsZero() && p.Now.Before(e.ExpiresAt) {
			w.Enrolments = append(w.Enrolments, enrolmentRow{e, names.actor(e.CreatedBy)})
		}
	}
	return w, err
}

func agentRowOf(a seaworthy.Agent, beats []store.AgentInstance, names names, now time.Time) agentRow {
	row := agentRow{Agent: a, State: "unheard", By: names.actor(a.EnrolledBy)}
	for _, b := range beats {
		if b.AgentID != a.ID {
			continue
		}
		if row.State == "unheard" {
			row.State = heard(b.ReceivedAt, now)
		}
		if now.Sub(b.ReceivedAt) > recent && len(row.Instances) > 0 {
			continue
		}
		i := instanceRow{AgentInstance: b, State: heard(b.ReceivedAt, now)}
		for _, n := range b.Beat.Waiting {
			i.Waiting += n
		}
		row.Instances = append(row.Instances, i)
	}
	if !a.RevokedAt.IsZero() {
		row.State = "revoked"
	}
	return row
}

// heard is whether a sign of life is recent enough.
func heard(at, now time.Time) string {
	if now.Sub(at) > seaworthy.HeartbeatSilence {
		return "silent"
	}
	return "alive"
}

// lead takes what the leader says. What it said long ago is not how it is now.
func (w *watching) lead(b store.AgentInstance, now time.Time) {
	w.Told = b.ReceivedAt
	for _, name := range placeNames {
		place, said := b.Beat.Places[name[0]]
		if !said {
			place = seaworthy.Place{State: seaworthy.PlaceNotObserved, Reason: "the agent does not tell of it"}
		}
		mark := place.State
		if heard(b.ReceivedAt, now) == "silent" {
			mark = "silent"
		}
		w.Places = append(w.Places, placeRow{name[1], mark, place})
	}
	for _, what := range slices.Sorted(maps.Keys(b.Beat.Unlisted)) {
		w.Unlisted = append(w.Unlisted, reasonRow{what, b.Beat.Unlisted[what]})
	}
	w.Excess = slices.Sorted(slices.Values(b.Beat.Excess))
}

// enrolAgent lets an agent of a cluster make its key known, and shows the token once.
func (u *UI) enrolAgent(w http.ResponseWriter, r *http.Request) error {
	_, token, err := u.Auth.CreateEnrolment(r.Context(), visitOf(r).who, r.PathValue("id"))
	if err != nil {
		return err
	}
	return u.renderSource(w, r, token)
}

func (u *UI) dropEnrolment(w http.ResponseWriter, r *http.Request) error {
	source := r.PathValue("id")
	if err := u.Auth.DropEnrolment(r.Context(), visitOf(r).who, source, r.PathValue("enrolment")); err != nil {
		return err
	}
	return u.done(w, r, "/sources/"+source, "withdrawn")
}

func (u *UI) revokeAgent(w http.ResponseWriter, r *http.Request) error {
	agent, err := u.Auth.RevokeAgent(r.Context(), visitOf(r).who, r.PathValue("id"))
	if err != nil {
		return err
	}
	return u.done(w, r, "/sources/"+agent.SourceID, "revoked")
}

// agentCommand installs an agent that enrols with a token.
func agentCommand(server, token string) string {
	return "kubectl create namespace seaworthy --dry-run=client -o yaml | kubectl apply -f -\n" +
		"kubectl -n seaworthy create secret generic seaworthy-enrolment --from-literal=token=" + token + "\n" +
		"helm install seaworthy-agent oci://ghcr.io/seaworthy-dev/charts/seaworthy-agent --namespace seaworthy \\\n" +
		"  --set server.url=" + server + " --set enrolment.secretName=seaworthy-enrolment"
}

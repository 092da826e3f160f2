// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// destinationPage is what pages/destination.html needs.
type destinationPage struct {
	page
	New         bool
	Destination destinationRow
	ToText      string
	Secret      string // one that was made, shown once
	Rules       []link // that send there
	Latest      []deliveryRow
	Versions    []entryRow
}

// newDestination is the form of a kind of destination.
func (u *UI) newDestination(w http.ResponseWriter, r *http.Request) error {
	kind := cmp.Or(r.URL.Query().Get("kind"), r.PostFormValue("kind"), seaworthy.DestinationWebhook)
	if !slices.Contains(outbox.Kinds, kind) {
		return seaworthy.NotFound("there is no kind of destination %q", kind)
	}
	p := destinationPage{page: u.page(r, "New destination", link{"Notifications", "/notifications"}), New: true}
	p.Destination = rowOfDestination(seaworthy.Destination{Kind: kind}, store.DestinationState{})
	return u.render(w, r, "destination", p)
}

// formOfDestination reads the form of a destination.
func formOfDestination(r *http.Request, id, kind string) (d seaworthy.Destination, secret string) {
	f := r.PostForm
	return seaworthy.Destination{
		ID: id, Kind: kind, Name: f.Get("name"), URL: f.Get("url"), Channel: f.Get("channel"), To: entries(f.Get("to")),
		People: f.Get("people") == "yes", Disabled: f.Get("disabled") == "yes",
	}, f.Get("secret")
}

// entries are those of a field that holds one in each line, or several divided by
// commas.
func entries(text string) []string {
	var out []string
	for _, s := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' }) {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (u *UI) makeDestination(w http.ResponseWriter, r *http.Request) error {
	d, secret := formOfDestination(r, "", r.PostFormValue("kind"))
	d, shown, err := u.Notices.PutDestination(r.Context(), visitOf(r).who, d, secret)
	if err != nil {
		return err
	}
	if shown == "" {
		return u.done(w, r, "/notifications/destinations/"+d.ID, "destination")
	}
	visitOf(r).flash = flashes["destination"]
	return u.showDestination(w, r, d, shown)
}

func (u *UI) destination(w http.ResponseWriter, r *http.Request) error {
	d, err := u.Store.Destination(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return u.showDestination(w, r, d, "")
}

func (u *UI) showDestination(w http.ResponseWriter, r *http.Request, d seaworthy.Destination, secret string) error {
	ctx := r.Context()
	p := destinationPage{page: u.page(r, d.Name, link{"Notifications", "/notifications"}), Secret: secret, ToText: strings.Join(d.To, "\n")}
	n, err := u.names(ctx)
	if err != nil {
		return err
	}
	states, err := u.Store.DestinationStates(ctx)
	if err != nil {
		return err
	}
	p.Destination = rowOfDestination(d, states[d.ID])
	rules, err := u.Store.NoticeRules(ctx)
	if err != nil {
		return err
	}
	for _, rule := range rules {
		if slices.Contains(rule.Destinations, d.ID) {
			p.Rules = append(p.Rules, link{rule.Name, p.To("/notifications/rules/", rule.ID)})
		}
	}
	latest, err := u.Store.Deliveries(ctx, store.DeliveryFilter{Destination: d.ID, Limit: 5})
	if err != nil {
		return err
	}
	p.Latest = deliveryRows(p.page, latest.Items, map[string]string{d.ID: d.Name})
	if p.Versions, err = u.history(ctx, p.page, n, "destination", d.ID); err != nil {
		return err
	}
	return u.render(w, r, "destination", p)
}

func (u *UI) changeDestination(w http.ResponseWriter, r *http.Request) error {
	present, err := u.Store.Destination(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	d, secret := formOfDestination(r, present.ID, present.Kind)
	if _, _, err := u.Notices.PutDestination(r.Context(), visitOf(r).who, d, secret); err != nil {
		return err
	}
	return u.done(w, r, "/notifications/destinations/"+d.ID, "saved")
}

func (u *UI) testDestination(w http.ResponseWriter, r *http.Request) error {
	d, err := u.Notices.Test(r.Context(), visitOf(r).who, r.PathValue("id"))
	if err != nil {
		return err
	}
	if d.State == seaworthy.DeliveryDelivered {
		return u.done(w, r, "/notifications/destinations/"+d.DestinationID, "arrived")
	}
	return u.done(w, r, "/notifications/deliveries/"+d.ID, "")
}

func (u *UI) dropDestination(w http.ResponseWriter, r *http.Request) error {
	if err := u.Notices.DropDestination(r.Context(), visitOf(r).who, r.PathValue("id")); err != nil {
		return err
	}
	return u.done(w, r, "/notifications", "removed")
}

// noticeRulePage is what pages/notice-rule.html needs.
type noticeRulePage struct {
	page
	New          bool
	Rule         seaworthy.NoticeRule
	Urgent, Rest []choice // kinds of notices
	Destinations []choice
	Sources      []choice
	Teams        []choice
	Severities   []choice
	Digests      []choice
	Namespaces   string
	QuietFrom    string
	QuietTo      string
	Zone         string
	Versions     []entryRow
}

func (u *UI) noticeRule(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	id := r.PathValue("id")
	p := noticeRulePage{page: u.page(r, "New rule", link{"Notifications", "/notifications"}), New: id == "new"}
	n, err := u.names(ctx)
	if err != nil {
		return err
	}
	if !p.New {
		if p.Rule, err = u.Store.NoticeRule(ctx, id); err != nil {
			return err
		}
		p.Title = p.Rule.Name
		if p.Versions, err = u.history(ctx, p.page, n, "notice-rule", id); err != nil {
			return err
		}
	}
	all, err := u.Store.Destinations(ctx)
	if err != nil {
		return err
	}
	p.fill(n, all)
	return u.render(w, r, "notice-rule", p)
}

// had tells whether a list of a form held a value: as it was sent, or else as it is kept.
func (p *noticeRulePage) had(field, value string, kept []string) bool {
	if p.form != nil {
		return slices.Contains(p.form[field], value)
	}
	return slices.Contains(kept, value)
}

// fill makes the choices of the form.
func (p *noticeRulePage) fill(n names, all []seaworthy.Destination) {
	kinds := make([]string, len(p.Rule.Kinds))
	for i, k := range p.Rule.Kinds {
		kinds[i] = string(k)
	}
	for _, k := range seaworthy.NoticeKinds {
		c := choice{Value: string(k), Text: noticeKinds[k], Chosen: p.had("kinds", string(k), kinds)}
		switch {
		case k == seaworthy.NoticeDestinations:
		case k.Urgent():
			p.Urgent = append(p.Urgent, c)
		default:
			p.Rest = append(p.Rest, c)
		}
	}
	for _, d := range all {
		if d.RemovedAt.IsZero() {
			p.Destinations = append(p.Destinations, choice{Value: d.ID, Text: d.Name, Hint: destinationKinds[d.Kind], Chosen: p.had("destinations", d.ID, p.Rule.Destinations)})
		}
	}
	for _, s := range sortedSources(n) {
		p.Sources = append(p.Sources, choice{Value: s.ID, Text: s.Name, Chosen: p.had("sources", s.ID, p.Rule.Sources)})
	}
	p.Teams = teamChoices(n, "")
	for i := range p.Teams {
		p.Teams[i].Chosen = p.had("teams", p.Teams[i].Value, p.Rule.Teams)
	}
	p.Severities = []choice{{Text: "Any"}}
	for _, s := range seaworthy.Severities[:len(seaworthy.Severities)-1] {
		p.Severities = append(p.Severities, choice{Value: string(s), Text: meanings[string(s)].word + " and above", Chosen: p.Was("severity", string(p.Rule.Severity)) == string(s)})
	}
	for _, d := range []choice{{Text: "At once"}, {Value: seaworthy.DigestDaily, Text: "Once a day, at 8:00"}, {Value: seaworthy.DigestWeekly, Text: "Once a week, on Monday at 8:00"}} {
		d.Chosen = p.Was("digest", p.Rule.Digest) == d.Value
		p.Digests = append(p.Digests, d)
	}
	p.Namespaces = p.Was("namespaces", strings.Join(p.Rule.Namespaces, "\n"))
	from, to := "", ""
	if p.Rule.QuietFrom != p.Rule.QuietTo {
		from, to = clock(p.Rule.QuietFrom), clock(p.Rule.QuietTo)
	}
	p.QuietFrom, p.QuietTo, p.Zone = p.Was("from", from), p.Was("to", to), p.Was("zone", p.Rule.Zone)
}

func (u *UI) putNoticeRule(w http.ResponseWriter, r *http.Request) error {
	rule, err := formOfRule(r.PostForm)
	if err != nil {
		return err
	}
	if id := r.PathValue("id"); id != "new" {
		rule.ID = id
	}
	if _, err := u.Notices.PutRule(r.Context(), visitOf(r).who, rule); err != nil {
		return err
	}
	return u.done(w, r, "/notifications", "saved")
}

// formOfRule reads the form of a rule.
func formOfRule(f url.Values) (seaworthy.NoticeRule, error) {
	r := seaworthy.NoticeRule{
		Name: f.Get("name"), Severity: seaworthy.Severity(f.Get("severity")), Sources: f["sources"], Teams: f["teams"], Namespaces: entries(f.Get("namespaces")),
		Destinations: f["destinations"], Digest: f.Get("digest"), Zone: strings.TrimSpace(f.Get("zone")),
	}
	for _, k := range f["kinds"] {
		r.Kinds = append(r.Kinds, seaworthy.NoticeKind(k))
	}
	if _, err := seaworthy.ParseSeverity(string(r.Severity)); r.Severity != "" && err != nil {
		return r, seaworthy.Invalid("%v", err)
	}
	for field, to := range map[string]*int{"from": &r.QuietFrom, "to": &r.QuietTo} {
		text := strings.TrimSpace(f.Get(field))
		if text == "" {
			continue
		}
		at, err := time.Parse("15:04", text)
		if err != nil {
			return r, seaworthy.Invalid("quiet hours are times of the day such as 22:00")
		}
		*to = at.Hour()*60 + at.Minute()
	}
	if (f.Get("from") == "") != (f.Get("to") == "") {
		return r, seaworthy.Invalid("quiet hours have a beginning and an end")
	}
	return r, nil
}

func (u *UI) dropNoticeRule(w http.ResponseWriter, r *http.Request) error {
	if err := u.Notices.DropRule(r.Context(), visitOf(r).who, r.PathValue("id")); err != nil {
		return err
	}
	return u.done(w, r, "/notifications", "removed")
}

// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// noticeRoutes lists the addresses about notices.
func (u *UI) noticeRoutes() {
	const base = "/notifications"
	u.get(base, seaworthy.Administer, u.notifications)
	u.get(base+"/new", seaworthy.Administer, u.newDestination)
	u.post(base+"/new", seaworthy.Administer, u.makeDestination, u.newDestination)
	u.get(base+"/destinations/{id}", seaworthy.Administer, u.destination)
	u.post(base+"/destinations/{id}", seaworthy.Administer, u.changeDestination, u.destination)
	u.post(base+"/destinations/{id}/test", seaworthy.Administer, u.testDestination, nil)
	u.post(base+"/destinations/{id}/remove", seaworthy.Administer, u.dropDestination, u.destination)
	u.get(base+"/rules/{id}", seaworthy.Administer, u.noticeRule)
	u.post(base+"/rules/{id}", seaworthy.Administer, u.putNoticeRule, u.noticeRule)
	u.post(base+"/rules/{id}/remove", seaworthy.Administer, u.dropNoticeRule, u.noticeRule)
	u.get(base+"/deliveries", seaworthy.Administer, u.deliveries)
	u.get(base+"/deliveries/{id}", seaworthy.Administer, u.delivery)
	u.post(base+"/deliveries/{id}/again", seaworthy.Administer, u.deliverAgain, u.delivery)
}

// destinationKinds are what people call the kinds of destination.
var destinationKinds = map[string]string{
	seaworthy.DestinationSlackWebhook: "Slack, incoming webhook", seaworthy.DestinationSlack: "Slack, bot", seaworthy.DestinationTeams: "Microsoft Teams",
	seaworthy.DestinationEmail: "E-mail", seaworthy.DestinationWebhook: "Webhook",
}

// noticeKinds are what people call the kinds of notice.
var noticeKinds = map[seaworthy.NoticeKind]string{
	seaworthy.NoticeOutOfBand: "Change that nobody approved", seaworthy.NoticeReverted: "Change made and undone", seaworthy.NoticeSession: "Session in production (exec, attach, port-forward)",
	seaworthy.NoticeOwnConfig: "Configuration of the trail or of notices", seaworthy.NoticeBypassed: "Change past admission", seaworthy.NoticeWidened: "Access widened", seaworthy.NoticeSecretRead: "Secret read",
	seaworthy.NoticeGap: "Gap: something is not observed", seaworthy.NoticeGapEnded: "Gap ended", seaworthy.NoticeLog: "Integrity of the log",
	seaworthy.NoticeUndelivered: "Notices do not arrive", seaworthy.NoticeFinding: "Finding opened", seaworthy.NoticeOverdue: "Finding overdue",
	seaworthy.NoticeWaiverAsked: "Waiver asked for", seaworthy.NoticeWaiverEnds: "Waiver ends soon", seaworthy.NoticeDue: "Control due",
	seaworthy.NoticeMissed: "Control not performed in time", seaworthy.NoticeMention: "Mention in a comment",
	seaworthy.NoticeCheckpoint: "Signed head of the log, weekly", seaworthy.NoticeDestinations: "Test",
}

// destinationRow is a destination in a list.
type destinationRow struct {
	seaworthy.Destination
	KindTitle, Place, Mark string
	Status                 store.DestinationState
	Ruled                  bool // a rule sends there
}

func rowOfDestination(d seaworthy.Destination, s store.DestinationState) destinationRow {
	row := destinationRow{Destination: d, KindTitle: destinationKinds[d.Kind], Status: s, Mark: "active"}
	switch d.Kind {
	case seaworthy.DestinationWebhook:
		row.Place = d.URL
	case seaworthy.DestinationSlack:
		row.Place = d.Channel
	case seaworthy.DestinationEmail:
		row.Place = strings.Join(d.To, ", ")
		if d.People {
			row.Place = p0(row.Place, "whom a notice is for")
		}
	}
	switch {
	case d.Disabled:
		row.Mark = "disabled"
	case !s.FailingSince.IsZero():
		row.Mark = "unreached"
	}
	return row
}

// noticeRuleRow is a rule in a list.
type noticeRuleRow struct {
	seaworthy.NoticeRule
	What, Where, To, When string
}

// notificationsPage is what pages/notifications.html needs.
type notificationsPage struct {
	page
	Destinations []destinationRow
	Rules        []noticeRuleRow
	Latest       []deliveryRow
	Kinds        []choice
	Mails        bool
	Unreached    []string // destinations that take nothing
	AllUnreached bool
}

func (u *UI) notifications(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := notificationsPage{page: u.page(r, "Notifications"), Mails: u.Notices.Mails()}
	n, err := u.names(ctx)
	if err != nil {
		return err
	}
	rules, err := u.Store.NoticeRules(ctx)
	if err != nil {
		return err
	}
	all, places, err := u.destinationRows(ctx, rules)
	if err != nil {
		return err
	}
	p.Destinations, p.AllUnreached = all, len(all) > 0
	for _, d := range all {
		if d.Mark == "unreached" {
			p.Unreached = append(p.Unreached, d.Name)
		} else {
			p.AllUnreached = false
		}
	}
	for _, rule := range rules {
		p.Rules = append(p.Rules, rowOfRule(rule, n, places))
	}
	for _, k := range outbox.Kinds {
		if k != seaworthy.DestinationEmail || p.Mails {
			p.Kinds = append(p.Kinds, choice{Value: k, Text: destinationKinds[k]})
		}
	}
	latest, err := u.Store.Deliveries(ctx, store.DeliveryFilter{Limit: 5})
	if err != nil {
		return err
	}
	p.Latest = deliveryRows(p.page, latest.Items, places)
	return u.render(w, r, "notifications", p)
}

// destinationRows lists the destinations that there are, and names all that there were.
func (u *UI) destinationRows(ctx context.Context, rules []seaworthy.NoticeRule) (rows []destinationRow, names map[string]string, err error) {
	all, err := u.Store.Destinations(ctx)
	if err != nil {
		return nil, nil, err
	}
	states, err := u.Store.DestinationStates(ctx)
	if err != nil {
		return nil, nil, err
	}
	names = map[string]string{}
	for _, d := range all {
		if names[d.ID] = d.Name; !d.RemovedAt.IsZero() {
			names[d.ID] = d.Name + " (removed)"
			continue
		}
		row := rowOfDestination(d, states[d.ID])
		row.Ruled = slices.ContainsFunc(rules, func(r seaworthy.NoticeRule) bool { return slices.Contains(r.Destinations, d.ID) })
		rows = append(rows, row)
	}
	return rows, names, nil
}

func rowOfRule(r seaworthy.NoticeRule, n names, places map[string]string) noticeRuleRow {
	row := noticeRuleRow{NoticeRule: r, What: "everything", When: "at once"}
	var kinds []string
	for _, k := range r.Kinds {
		kinds = append(kinds, noticeKinds[k])
	}
	if len(kinds) > 3 {
		kinds = append(kinds[:3:3], fmt.Sprintf("%d more", len(kinds)-3))
	}
	if len(kinds) > 0 {
		row.What = strings.Join(kinds, "; ")
	}
	if r.Severity != "" {
		row.What += "; findings of severity " + string(r.Severity) + " and above"
	}
	var where []string
	for _, id := range r.Sources {
		where = append(where, n.source(id))
	}
	for _, id := range r.Teams {
		where = append(where, n.team(id))
	}
	row.Where = strings.Join(append(where, r.Namespaces...), ", ")
	var to []string
	for _, id := range r.Destinations {
		to = append(to, p0(places[id], id))
	}
	row.To = strings.Join(to, ", ")
	switch {
	case r.Digest != "":
		row.When = r.Digest + " digest"
	case r.QuietFrom != r.QuietTo:
		row.When = "quiet from " + clock(r.QuietFrom) + " to " + clock(r.QuietTo)
	}
	if r.Zone != "" && row.When != "at once" {
		row.When += ", " + r.Zone
	}
	return row
}

// clock writes a minute of the day.
func clock(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

// deliveryRow is a delivery in a list.
type deliveryRow struct {
	seaworthy.Delivery
	Place, Href string
}

func deliveryRows(p page, list []seaworthy.Delivery, places map[string]string) []deliveryRow {
	var out []deliveryRow
	for _, d := range list {
		out = append(out, deliveryRow{d, p0(places[d.DestinationID], d.DestinationID), p.To("/notifications/deliveries/", d.ID)})
	}
	return out
}

// deliveriesPage is what pages/deliveries.html needs.
type deliveriesPage struct {
	page
	Rows   []deliveryRow
	States []facetItem
	Place  *choice // of one destination only
	Next   string
}

func (u *UI) deliveries(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := deliveriesPage{page: u.page(r, "Deliveries", link{"Notifications", "/notifications"})}
	_, places, err := u.destinationRows(ctx, nil)
	if err != nil {
		return err
	}
	for _, s := range []string{seaworthy.DeliveryPending, seaworthy.DeliveryDelivered, seaworthy.DeliveryFailed} {
		it := toggled(p.Q, "state", s, meanings[s].word, 0)
		p.States = append(p.States, it)
	}
	if id := p.Q.Get("destination"); id != "" {
		p.Place = &choice{Value: p.Q.With("destination", ""), Text: p0(places[id], id)}
	}
	list, err := u.Store.Deliveries(ctx, store.DeliveryFilter{Destination: p.Q.Get("destination"), State: p.Q.Get("state"), Cursor: p.Q.Get("after"), Limit: 50})
	if err != nil {
		return err
	}
	p.Rows = deliveryRows(p.page, list.Items, places)
	if list.Next != "" {
		p.Next = p.Q.After(list.Next)
	}
	return u.render(w, r, "deliveries", p)
}

// deliveryPage is what pages/delivery.html needs.
type deliveryPage struct {
	page
	Delivery deliveryRow
	Notices  []noticeRow
	Missing  int // notices that are not kept any more
	Versions []entryRow
}

type noticeRow struct {
	seaworthy.Notice
	KindTitle, Href string
}

func (u *UI) delivery(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	d, err := u.Store.Delivery(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	n, err := u.names(ctx)
	if err != nil {
		return err
	}
	_, places, err := u.destinationRows(ctx, nil)
	if err != nil {
		return err
	}
	p := deliveryPage{page: u.page(r, "Delivery", link{"Notifications", "/notifications"}, link{"Deliveries", "/notifications/deliveries"})}
	p.Delivery = deliveryRows(p.page, []seaworthy.Delivery{d}, places)[0]
	list, err := u.Store.NoticesOf(ctx, d.NoticeIDs)
	if err != nil {
		return err
	}
	p.Missing = len(d.NoticeIDs) - len(list)
	for _, v := range list {
		row := noticeRow{Notice: v, KindTitle: noticeKinds[v.Kind]}
		if v.Path != "" {
			row.Href = adding(v.Path, p.keep)
		}
		p.Notices = append(p.Notices, row)
	}
	if p.Versions, err = u.history(ctx, p.page, n, "delivery", d.ID); err != nil {
		return err
	}
	return u.render(w, r, "delivery", p)
}

func (u *UI) deliverAgain(w http.ResponseWriter, r *http.Request) error {
	if err := u.Notices.Again(r.Context(), visitOf(r).who, r.PathValue("id")); err != nil {
		return err
	}
	return u.done(w, r, "/notifications/deliveries", "again")
}

// Lasted is how long it took to arrive.
func (r deliveryRow) Lasted() time.Duration { return r.DeliveredAt.Sub(r.CreatedAt) }

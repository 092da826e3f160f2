// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func (a *API) noticeRoutes() {
	const destinations, rules, deliveries = "/api/v1/destinations", "/api/v1/notice-rules", "/api/v1/deliveries"
	route(a, operation{
		method: http.MethodGet, path: destinations, action: seaworthy.Administer, id: "list-destinations", tag: "Notices",
		summary: "Where notices go, and how each place does",
	}, a.destinations)
	route(a, operation{
		method: http.MethodPost, path: destinations, action: seaworthy.Administer, id: "create-destination", tag: "Notices",
		summary: "Have notices go somewhere", status: http.StatusCreated,
		doc: "The secret is the address of an incoming webhook (Slack, Teams), the token of a bot, or the key that signs (webhooks; made and shown once when " +
			"absent). It is kept sealed and never given again. With the first destination comes a rule that sends it what is urgent.",
	}, a.createDestination)
	route(a, operation{
		method: http.MethodGet, path: destinations + "/{id}", action: seaworthy.Administer, id: "get-destination", tag: "Notices", summary: "A destination",
	}, a.destination)
	route(a, operation{
		method: http.MethodPut, path: destinations + "/{id}", action: seaworthy.Administer, id: "change-destination", tag: "Notices",
		summary: "Change a destination", doc: "Without a secret, the one that is there stays. Where notices went until now is told of the change.",
	}, a.changeDestination)
	route(a, operation{
		method: http.MethodDelete, path: destinations + "/{id}", action: seaworthy.Administer, id: "drop-destination", tag: "Notices",
		summary: "Remove a destination", status: http.StatusNoContent, doc: "It is told of that. A rule that sends nowhere else has to go first.",
	}, func(ctx context.Context, in *ByID) (*struct{}, error) {
		return nil, a.Notices.DropDestination(ctx, who(ctx), in.ID)
	})
	route(a, operation{
		method: http.MethodPost, path: destinations + "/{id}/test", action: seaworthy.Administer, id: "test-destination", tag: "Notices",
		summary: "Send a test notice and tell what came of it", doc: "The answer is the delivery, also of one that failed: its state says which.",
	}, a.testDestination)
	route(a, operation{
		method: http.MethodGet, path: rules, action: seaworthy.Administer, id: "list-notice-rules", tag: "Notices", summary: "Which notices go where",
	}, a.noticeRules)
	route(a, operation{
		method: http.MethodPost, path: rules, action: seaworthy.Administer, id: "create-notice-rule", tag: "Notices",
		summary: "Add a rule", status: http.StatusCreated, doc: "Neither a digest nor quiet hours hold back what is urgent.",
	}, a.createNoticeRule)
	route(a, operation{
		method: http.MethodGet, path: rules + "/{id}", action: seaworthy.Administer, id: "get-notice-rule", tag: "Notices", summary: "A rule",
	}, a.noticeRule)
	route(a, operation{
		method: http.MethodPut, path: rules + "/{id}", action: seaworthy.Administer, id: "change-notice-rule", tag: "Notices", summary: "Change a rule",
	}, a.changeNoticeRule)
	route(a, operation{
		method: http.MethodDelete, path: rules + "/{id}", action: seaworthy.Administer, id: "drop-notice-rule", tag: "Notices",
		summary: "Remove a rule", status: http.StatusNoContent, doc: "The places that it sent to are told of that.",
	}, func(ctx context.Context, in *ByID) (*struct{}, error) {
		return nil, a.Notices.DropRule(ctx, who(ctx), in.ID)
	})
	route(a, operation{
		method: http.MethodGet, path: deliveries, action: seaworthy.Administer, id: "list-deliveries", tag: "Notices",
		summary: "Messages and what came of each, newest first",
	}, a.deliveries)
	route(a, operation{
		method: http.MethodGet, path: deliveries + "/{id}", action: seaworthy.Administer, id: "get-delivery", tag: "Notices",
		summary: "A message with its notices", doc: "Notices are kept for 400 days, deliveries for good.",
	}, a.delivery)
	route(a, operation{
		method: http.MethodPost, path: deliveries + "/{id}/again", action: seaworthy.Administer, id: "deliver-again", tag: "Notices",
		summary: "Send the notices of a message that failed once more", status: http.StatusNoContent,
	}, func(ctx context.Context, in *ByID) (*struct{}, error) {
		return nil, a.Notices.Again(ctx, who(ctx), in.ID)
	})
}

// destinationView is a destination and how it does.
type destinationView struct {
	seaworthy.Destination
	State store.DestinationState `json:"state"`
}

func (a *API) destinations(ctx context.Context, _ *struct{}) (*list[destinationView], error) {
	all, err := a.Store.Destinations(ctx)
	if err != nil {
		return nil, err
	}
	states, err := a.Store.DestinationStates(ctx)
	if err != nil {
		return nil, err
	}
	out := []destinationView{}
	for _, d := range all {
		if d.RemovedAt.IsZero() {
			out = append(out, destinationView{d, states[d.ID]})
		}
	}
	return whole(ctx, out), nil
}

func (a *API) destination(ctx context.Context, in *ByID) (*one[seaworthy.Destination], error) {
	d, err := a.Store.Destination(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return record(d)
}

// DestinationBody is what people say of a destination.
type DestinationBody struct {
	Name     string   `json:"name" minLength:"1" maxLength:"100"`
	URL      string   `json:"url,omitempty" maxLength:"2000" doc:"Of a webhook."`
	Channel  string   `json:"channel,omitempty" maxLength:"200" doc:"Of a bot of Slack."`
	To       []string `json:"to,omitempty" maxItems:"50" doc:"Addresses of e-mail."`
	People   bool     `json:"people,omitempty" doc:"E-mail goes to those whom a notice is for, where it is for somebody."`
	Disabled bool     `json:"disabled,omitempty"`
	Secret   string   `json:"secret,omitempty" maxLength:"4000"`
}

func (b DestinationBody) destination(id, kind string) seaworthy.Destination {
	return seaworthy.Destination{ID: id, Kind: kind, Name: b.Name, URL: b.URL, Channel: b.Channel, To: b.To, People: b.People, Disabled: b.Disabled}
}

// newDestination is a destination that was made.
type newDestination struct {
	seaworthy.Destination
	Secret string `json:"secret,omitempty" doc:"The key that signs, where it was made here. It is shown this once."`
}

func (a *API) createDestination(ctx context.Context, in *struct {
	Body struct {
		DestinationBody
		Kind string `json:"kind" enum:"slack-webhook,slack,teams,webhook,email"`
	}
}) (*made[newDestination], error) {
	d, secret, err := a.Notices.PutDestination(ctx, who(ctx), in.Body.destination("", in.Body.Kind), in.Body.Secret)
	if err != nil {
		return nil, err
	}
	return created("/api/v1/destinations/"+d.ID, newDestination{d, secret})
}

func (a *API) changeDestination(ctx context.Context, in *struct {
	ByID
	Edit
	Body DestinationBody
}) (*one[seaworthy.Destination], error) {
	present, err := a.Store.Destination(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	ctx = in.guard(ctx, func(tx *store.Tx) (any, error) { return tx.Destination(in.ID) })
	d, _, err := a.Notices.PutDestination(ctx, who(ctx), in.Body.destination(in.ID, present.Kind), in.Body.Secret)
	if err != nil {
		return nil, err
	}
	return record(d)
}

func (a *API) testDestination(ctx context.Context, in *ByID) (*one[seaworthy.Delivery], error) {
	d, err := a.Notices.Test(ctx, who(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return record(d)
}

// NoticeRuleBody is what people say of a rule; an empty list means any.
type NoticeRuleBody struct {
	Name         string                 `json:"name" minLength:"1" maxLength:"100"`
	Kinds        []seaworthy.NoticeKind `json:"kinds,omitempty" maxItems:"50"`
	Severity     seaworthy.Severity     `json:"severity,omitempty" enum:"critical,high,medium,low,info" doc:"At least this, for notices that have one."`
	Sources      []string               `json:"sources,omitempty" maxItems:"1000" doc:"Ids."`
	Namespaces   []string               `json:"namespaces,omitempty" maxItems:"200" doc:"Names or patterns such as shop-*."`
	Teams        []string               `json:"teams,omitempty" maxItems:"200" doc:"Ids."`
	Destinations []string               `json:"destinations" nullable:"false" maxItems:"50" doc:"Ids."`
	Digest       string                 `json:"digest,omitempty" enum:"daily,weekly" doc:"At 8 in the morning, weekly on Monday; at once when absent."`
	QuietFrom    int                    `json:"quietFrom,omitempty" minimum:"0" maximum:"1439" doc:"Minute of the day from which on nothing goes out that can wait."`
	QuietTo      int                    `json:"quietTo,omitempty" minimum:"0" maximum:"1439" doc:"When that ends; the same as quietFrom: never quiet."`
	Zone         string                 `json:"zone,omitempty" maxLength:"100" doc:"Time zone, such as Europe/Berlin; UTC when absent."`
}

func (b NoticeRuleBody) rule(id string) seaworthy.NoticeRule {
	return seaworthy.NoticeRule{
		ID: id, Name: b.Name, Kinds: b.Kinds, Severity: b.Severity, Sources: b.Sources, Namespaces: b.Namespaces, Teams: b.Teams,
		Destinations: b.Destinations, Digest: b.Digest, QuietFrom: b.QuietFrom, QuietTo: b.QuietTo, Zone: b.Zone,
	}
}

func (a *API) noticeRules(ctx context.Context, _ *struct{}) (*list[seaworthy.NoticeRule], error) {
	all, err := a.Store.NoticeRules(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Destinations = notNil(all[i].Destinations)
	}
	return whole(ctx, all), nil
}

func (a *API) noticeRule(ctx context.Context, in *ByID) (*one[seaworthy.NoticeRule], error) {
	r, err := a.Store.NoticeRule(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return record(r)
}

func (a *API) createNoticeRule(ctx context.Context, in *struct{ Body NoticeRuleBody }) (*made[seaworthy.NoticeRule], error) {
	r, err := a.Notices.PutRule(ctx, who(ctx), in.Body.rule(""))
	if err != nil {
		return nil, err
	}
	return created("/api/v1/notice-rules/"+r.ID, r)
}

func (a *API) changeNoticeRule(ctx context.Context, in *struct {
	ByID
	Edit
	Body NoticeRuleBody
}) (*one[seaworthy.NoticeRule], error) {
	ctx = in.guard(ctx, func(tx *store.Tx) (any, error) { return tx.NoticeRule(in.ID) })
	r, err := a.Notices.PutRule(ctx, who(ctx), in.Body.rule(in.ID))
	if err != nil {
		return nil, err
	}
	return record(r)
}

func (a *API) deliveries(ctx context.Context, in *struct {
	Paging
	Destination string `query:"destination" maxLength:"200"`
	State       string `query:"state" enum:"pending,delivered,failed"`
}) (*list[seaworthy.Delivery], error) {
	page, err := a.Store.Deliveries(ctx, store.DeliveryFilter{Destination: in.Destination, State: in.State, Cursor: in.Cursor, Limit: in.size()})
	if err != nil {
		return nil, err
	}
	return pageOf(ctx, page.Items, page.Next), nil
}

// deliveryView is a delivery with what it told.
type deliveryView struct {
	seaworthy.Delivery
	Notices []seaworthy.Notice `json:"notices" nullable:"false"`
}

func (a *API) delivery(ctx context.Context, in *ByID) (*one[deliveryView], error) {
	d, err := a.Store.Delivery(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	notices, err := a.Store.NoticesOf(ctx, d.NoticeIDs)
	if err != nil {
		return nil, err
	}
	return record(deliveryView{d, notNil(notices)})
}

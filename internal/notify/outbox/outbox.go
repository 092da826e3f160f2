// SPDX-License-Identifier: Apache-2.0

// Package outbox is notices in the server: they are written in the transaction of what
// people are to be told of, then planned by rules, then delivered, each step as often as
// it takes.
//
// What it keeps true: nothing that a rule wants told is lost between what happened and a
// destination that takes it, whenever a server stops; what came of each message is on
// record in the log; a destination that takes nothing is told of elsewhere; and whoever
// changes where notices go cannot keep those destinations from being told.
package outbox

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Config is what the outbox stands on.
type Config struct {
	Store *store.Store
	Log   *slog.Logger
	// Seal and Unseal keep secrets at rest; the purpose is authenticated with them.
	Seal   func(purpose string, plain []byte) []byte
	Unseal func(purpose string, sealed []byte) ([]byte, error)
	// Client goes to addresses that people set; see internal/outgoing.
	Client *http.Client
	// Insecure lets webhooks have http:// addresses, inside of a network that is trusted.
	Insecure bool
	// Mail is how e-mail is sent, without receivers; without a Host there is none.
	Mail notify.Email
	// SlackAPI is the address of Slack's Web API; empty: [notify.SlackAPI].
	SlackAPI string
	// BaseURL is where browsers reach the server.
	BaseURL string
}

// Outbox plans and delivers. It is safe for concurrent use; several on one database do the
// work once if a job of internal/jobs runs [Outbox.Work].
type Outbox struct{ Config }

// New makes an outbox.
func New(c Config) *Outbox {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Outbox{c}
}

// Mails tells whether e-mail can be sent.
func (o *Outbox) Mails() bool { return o.Mail.Host != "" }

// Waiting tells whether there is work now. It only reads.
func (o *Outbox) Waiting(ctx context.Context) (bool, error) { return o.Store.NoticesWait(ctx) }

// Work plans what was written and delivers what is due.
func (o *Outbox) Work(ctx context.Context) error {
	if err := o.plan(ctx); err != nil {
		return err
	}
	return o.deliver(ctx)
}

// Hasten has whatever waits for another try be tried at once. Until when it waits was told by
// the clock of then: where that was set back since, it would wait for as long again.
func (o *Outbox) Hasten(ctx context.Context) error {
	return o.Store.Write(ctx, "system", func(tx *store.Tx) error {
		all, err := tx.Destinations()
		if err != nil {
			return err
		}
		for i := range all {
			if err := hasten(tx, all[i].ID); err != nil {
				return err
			}
		}
		return nil
	})
}

func hasten(tx *store.Tx, destination string) error {
	v, err := tx.DestinationState(destination)
	if err != nil {
		return err
	}
	was := v
	if v.NextAt.After(tx.At) {
		v.NextAt = tx.At
	}
	if v.FailingSince.After(tx.At) {
		told, err := tx.ToldOf([]string{failingKey(destination, v.FailingSince)})
		if err != nil {
			return err
		}
		if len(told) == 0 { // else it would be told twice
			v.FailingSince = tx.At
		}
	}
	if v != was {
		err = tx.PutDestinationState(v)
	}
	return errors.Join(err, tx.HastenDeliveries(destination))
}

// planned is how many notices one transaction plans.
const planned = 500

// plan looks up for each notice of the outbox whom to tell.
func (o *Outbox) plan(ctx context.Context) error {
	for {
		n := 0
		err := o.Store.Write(ctx, "system", func(tx *store.Tx) error {
			list, err := tx.UnplannedNotices(planned)
			if n = len(list); err != nil || n == 0 {
				return err
			}
			return plan(tx, list, o.Mails())
		})
		if err != nil || n < planned {
			return err
		}
	}
}

func plan(tx *store.Tx, list []store.OutgoingNotice, mails bool) error {
	rules, err := tx.NoticeRules()
	if err != nil {
		return err
	}
	all, err := tx.Destinations()
	if err != nil {
		return err
	}
	destinations := map[string]*seaworthy.Destination{}
	for i := range all {
		destinations[all[i].ID] = &all[i]
	}
	var queue []store.QueuedNotice
	ids := make([]string, len(list))
	for i := range list {
		n := &list[i]
		ids[i] = n.ID
		for _, id := range n.Direct {
			if destinations[id] != nil {
				queue = append(queue, store.QueuedNotice{DestinationID: id, NoticeID: n.ID})
			}
		}
		for _, p := range notify.Plan(&n.Notice, rules, tx.At) {
			d := destinations[p.Destination]
			if d == nil || !d.Active() || d.ID == n.Apart || slices.Contains(n.Direct, d.ID) || d.Kind == seaworthy.DestinationEmail && (!mails || !reaches(d, &n.Notice)) {
				continue
			}
			q := store.QueuedNotice{DestinationID: d.ID, NoticeID: n.ID, RuleID: p.Rule, Batch: p.Digest}
			if p.At.After(tx.At) {
				q.DueAt = p.At
			}
			queue = append(queue, q)
		}
	}
	return tx.QueueNotices(queue, ids)
}

// reaches tells whether there is anybody to write to.
func reaches(d *seaworthy.Destination, n *seaworthy.Notice) bool {
	return len(d.To) > 0 || d.People && len(n.People) > 0
}

// keep is how long notices are kept. What they tell of and what came of them stays.
const keep = 400 * 24 * time.Hour

// Sweep removes what is only of use for some time: old notices, and the secrets of
// destinations that were removed and have nothing to be told any more.
func (o *Outbox) Sweep(ctx context.Context) error {
	return o.Store.Write(ctx, "system", func(tx *store.Tx) error {
		all, err := tx.Destinations()
		if err != nil {
			return err
		}
		for _, d := range all {
			if d.RemovedAt.IsZero() || tx.At.Sub(d.RemovedAt) < notify.GiveUp {
				continue
			}
			if err := tx.DropDestinationSecret(d.ID); err != nil {
				return err
			}
		}
		return tx.SweepNotices(tx.At.Add(-keep))
	})
}

// purpose binds a sealed secret to its destination.
func purpose(destination string) string { return "destination:" + destination }

// named quotes a list of names for a sentence.
func named(list []string) string {
	if len(list) > 5 {
		list = append(slices.Clone(list[:5]), "…")
	}
	return strings.Join(list, ", ")
}

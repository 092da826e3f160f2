// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/mail"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
	"github.com/seaworthy-dev/seaworthy/internal/outgoing"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Kinds are the kinds of destination in the order in which people choose from them.
var Kinds = []string{
	seaworthy.DestinationSlackWebhook, seaworthy.DestinationSlack, seaworthy.DestinationTeams, seaworthy.DestinationEmail, seaworthy.DestinationWebhook,
}

// PutDestination makes a destination, or changes the one of its id. An empty secret keeps
// the one that is there; for a new webhook one is made, which is given back and never
// shown again. Where the first destination is made and there are no rules, one sends it
// what is urgent. Where a destination was is told of what became of it.
func (o *Outbox) PutDestination(ctx context.Context, who seaworthy.Principal, d seaworthy.Destination, secret string) (_ seaworthy.Destination, shown string, err error) {
	if err := may(who); err != nil {
		return d, "", err
	}
	tidyDestination(&d)
	secret = strings.TrimSpace(secret)
	if d.ID == "" && d.Kind == seaworthy.DestinationWebhook && secret == "" {
		secret = newWebhookSecret()
		shown = secret
	}
	if err := o.validate(&d, secret); err != nil {
		return d, "", err
	}
	err = o.Store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		if d.ID == "" {
			return o.create(tx, who, &d, secret)
		}
		return o.change(tx, who, &d, secret)
	})
	return d, shown, err
}

func may(who seaworthy.Principal) error {
	if !who.Can(seaworthy.Administer) {
		return seaworthy.Forbidden("%s may not say where notices go", who.Name)
	}
	return nil
}

// newWebhookSecret is 32 bytes of chance, as Standard Webhooks writes them.
func newWebhookSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return "whsec_" + base64.StdEncoding.EncodeToString(b[:])
}

// tidyDestination takes away what a destination of the kind has no use for.
func tidyDestination(d *seaworthy.Destination) {
	d.Name, d.URL, d.Channel = strings.TrimSpace(d.Name), strings.TrimSpace(d.URL), strings.TrimSpace(d.Channel)
	if d.Kind != seaworthy.DestinationWebhook {
		d.URL = ""
	}
	if d.Kind != seaworthy.DestinationSlack {
		d.Channel = ""
	}
	if d.Kind != seaworthy.DestinationEmail {
		d.To, d.People = nil, false
	}
}

// mostReceivers bounds the receivers of e-mail.
const mostReceivers = 50

// validate says what is wrong with a destination. It never repeats a secret.
func (o *Outbox) validate(d *seaworthy.Destination, secret string) error {
	switch {
	case d.Name == "":
		return seaworthy.Invalid("a destination needs a name")
	case !slices.Contains(Kinds, d.Kind):
		return seaworthy.Invalid("there is no kind of destination %q", d.Kind)
	}
	switch d.Kind {
	case seaworthy.DestinationSlackWebhook, seaworthy.DestinationTeams:
		if secret != "" && outgoing.CheckURL(secret, false) != nil {
			return seaworthy.Invalid("the address of the incoming webhook must begin with https:// and name a host")
		}
	case seaworthy.DestinationSlack:
		if d.Channel == "" {
			return seaworthy.Invalid("a bot of Slack needs a channel: its id, such as C0123456789, or #name")
		}
		if strings.ContainsAny(secret, " \r\n\t") {
			return seaworthy.Invalid("the token of a bot holds no spaces")
		}
	case seaworthy.DestinationWebhook:
		if err := outgoing.CheckURL(d.URL, o.Insecure); err != nil {
			return seaworthy.Invalid("%v", err)
		}
		if secret != "" {
			if _, err := notify.WebhookKey(secret); err != nil {
				return seaworthy.Invalid("%v", err)
			}
		}
	case seaworthy.DestinationEmail:
		return o.validateEmail(d, secret)
	}
	if d.ID == "" && secret == "" {
		return seaworthy.Invalid("%s needs its secret: the address of an incoming webhook, or the token of a bot", d.Name)
	}
	return nil
}

func (o *Outbox) validateEmail(d *seaworthy.Destination, secret string) error {
	switch {
	case !o.Mails():
		return seaworthy.Invalid("this server cannot send e-mail: its operator sets that up with --smtp-host")
	case secret != "":
		return seaworthy.Invalid("e-mail has no secret of its own: the server's operator sets the password")
	case len(d.To) == 0 && !d.People:
		return seaworthy.Invalid("e-mail needs receivers")
	case len(d.To) > mostReceivers:
		return seaworthy.Invalid("e-mail goes to %d receivers at most; use a list", mostReceivers)
	}
	for i, to := range d.To {
		a, err := mail.ParseAddress(strings.TrimSpace(to))
		if err != nil || strings.ContainsAny(to, "\r\n") {
			return seaworthy.Invalid("%q is no address of e-mail", to)
		}
		d.To[i] = a.Address
	}
	return nil
}

func (o *Outbox) create(tx *store.Tx, who seaworthy.Principal, d *seaworthy.Destination, secret string) error {
	d.ID, d.CreatedAt = tx.NewID(), tx.At
	d.RemovedAt = seaworthy.Destination{}.RemovedAt
	others, err := tx.Destinations()
	if err != nil {
		return err
	}
	if err := unique(others, d); err != nil {
		return err
	}
	if err := o.put(tx, d, secret); err != nil {
		return err
	}
	rules, err := tx.NoticeRules()
	if err != nil {
		return err
	}
	if len(rules) == 0 {
		r := Urgent(d.ID)
		r.ID, r.CreatedAt = tx.NewID(), tx.At
		if err := tx.PutNoticeRule(&r); err != nil {
			return err
		}
	}
	return tellConfiguration(tx, who.Name+" made the destination "+d.Name, active(others))
}

// Urgent is the rule that a server begins with: everything that is never held back.
func Urgent(destination string) seaworthy.NoticeRule {
	r := seaworthy.NoticeRule{Name: "Urgent", Destinations: []string{destination}}
	for _, k := range seaworthy.NoticeKinds {
		if k.Urgent() && k != seaworthy.NoticeDestinations || k == seaworthy.NoticeGapEnded {
			r.Kinds = append(r.Kinds, k)
		}
	}
	return r
}

func unique(others []seaworthy.Destination, d *seaworthy.Destination) error {
	for _, o := range others {
		if o.Name == d.Name && o.ID != d.ID && o.RemovedAt.IsZero() {
			return seaworthy.Conflict("there is a destination %s already", d.Name)
		}
	}
	return nil
}

// active gives the ids of the destinations that notices go to.
func active(list []seaworthy.Destination) []string {
	var out []string
	for _, d := range list {
		if d.Active() {
			out = append(out, d.ID)
		}
	}
	return out
}

func (o *Outbox) put(tx *store.Tx, d *seaworthy.Destination, secret string) error {
	if secret != "" {
		if err := tx.PutDestinationSecret(d.ID, o.Seal(purpose(d.ID), []byte(secret))); err != nil {
			return err
		}
	}
	// Whatever was wrong with it may be right now: it is tried at once.
	if err := fresh(tx, d.ID); err != nil {
		return err
	}
	return tx.PutDestination(d)
}

func (o *Outbox) change(tx *store.Tx, who seaworthy.Principal, d *seaworthy.Destination, secret string) error {
	was, err := tx.Destination(d.ID)
	switch {
	case err != nil:
		return err
	case !was.RemovedAt.IsZero():
		return seaworthy.NotFound("there is no destination %s any more", was.Name)
	case was.Kind != d.Kind:
		return seaworthy.Invalid("%s is of kind %s; make another destination", was.Name, was.Kind)
	}
	d.CreatedAt, d.RemovedAt = was.CreatedAt, was.RemovedAt
	others, err := tx.Destinations()
	if err != nil {
		return err
	}
	if err := unique(others, d); err != nil {
		return err
	}
	told := active(others)
	what := who.Name + " changed the destination " + was.Name
	if d.Disabled && !was.Disabled {
		what = who.Name + " switched off the destination " + was.Name
	}
	if was.Active() && moved(&was, d, secret) { // those who were told until now are told of this
		left, err := o.leave(tx, was)
		if err != nil {
			return err
		}
		told = append(told, left)
	}
	if err := o.put(tx, d, secret); err != nil {
		return err
	}
	return tellConfiguration(tx, what, told)
}

// moved tells whether notices go to somebody else than before.
func moved(was, is *seaworthy.Destination, secret string) bool {
	return secret != "" || was.URL != is.URL || was.Channel != is.Channel || !slices.Equal(was.To, is.To) || was.People != is.People
}

// leave keeps what a destination was as one that was removed.
func (o *Outbox) leave(tx *store.Tx, was seaworthy.Destination) (string, error) {
	sealed, err := tx.DestinationSecret(was.ID)
	if err != nil {
		return "", err
	}
	before := was.ID
	was.ID, was.RemovedAt = tx.NewID(), tx.At
	if sealed != nil {
		plain, err := o.Unseal(purpose(before), sealed)
		if err != nil { // sealed with another key: nothing can be sent there
			return before, nil
		}
		if err := tx.PutDestinationSecret(was.ID, o.Seal(purpose(was.ID), plain)); err != nil {
			return "", err
		}
	}
	return was.ID, tx.PutDestination(&was)
}

// DropDestination removes a destination. It is told of that; what waits for it goes out
// first, and its secret is forgotten some days later.
func (o *Outbox) DropDestination(ctx context.Context, who seaworthy.Principal, id string) error {
	if err := may(who); err != nil {
		return err
	}
	return o.Store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		d, err := tx.Destination(id)
		if err == nil && !d.RemovedAt.IsZero() {
			err = seaworthy.NotFound("there is no destination %s any more", d.Name)
		}
		if err != nil {
			return err
		}
		rules, err := tx.NoticeRules()
		if err != nil {
			return err
		}
		for _, r := range rules {
			if slices.Contains(r.Destinations, id) && len(r.Destinations) == 1 {
				return seaworthy.Conflict("the rule %s sends to %s only; change or remove the rule first", r.Name, d.Name)
			}
		}
		for _, r := range rules {
			if i := slices.Index(r.Destinations, id); i >= 0 {
				r.Destinations = slices.Delete(r.Destinations, i, i+1)
				if err := tx.PutNoticeRule(&r); err != nil {
					return err
				}
			}
		}
		others, err := tx.Destinations()
		if err != nil {
			return err
		}
		d.RemovedAt = tx.At
		if err := tx.PutDestination(&d); err != nil {
			return err
		}
		if err := tx.HastenNotices(id); err != nil {
			return err
		}
		return tellConfiguration(tx, who.Name+" removed the destination "+d.Name, append(active(others), id))
	})
}

// tellConfiguration tells destinations that somebody changed where notices go, whatever
// rules say.
func tellConfiguration(tx *store.Tx, title string, to []string) error {
	slices.Sort(to)
	if to = slices.Compact(to); len(to) == 0 {
		return nil
	}
	n := store.OutgoingNotice{Direct: to, Notice: seaworthy.Notice{
		Kind: seaworthy.NoticeOwnConfig, At: tx.At, Title: title, Path: "/notifications", Thread: "notifications",
	}}
	detail(&n.Notice, "When", moment(tx.At))
	return tx.AddNotices([]store.OutgoingNotice{n})
}

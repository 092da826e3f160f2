// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
)

// sender makes who sends to a destination.
func (o *Outbox) sender(ctx context.Context, to *seaworthy.Destination, notices []seaworthy.Notice) (notify.Sender, error) {
	if to.Kind == seaworthy.DestinationEmail {
		return o.mailer(ctx, to, notices)
	}
	secret, err := o.secret(ctx, to.ID)
	if err != nil {
		return nil, err
	}
	if secret == "" {
		return refusing{errors.New("the destination has no secret any more; set it anew")}, nil
	}
	switch to.Kind {
	case seaworthy.DestinationSlackWebhook:
		return notify.SlackWebhook{Client: o.Client, URL: secret}, nil
	case seaworthy.DestinationSlack:
		return notify.Slack{Client: o.Client, API: o.SlackAPI, Token: secret, Channel: to.Channel}, nil
	case seaworthy.DestinationTeams:
		return notify.Teams{Client: o.Client, URL: secret}, nil
	case seaworthy.DestinationWebhook:
		return notify.Webhook{Client: o.Client, URL: to.URL, Secret: secret, Now: o.Store.Now}, nil
	}
	return refusing{fmt.Errorf("this server knows no destination of kind %q", to.Kind)}, nil
}

// refusing is the sender of a destination to which nothing can be sent.
type refusing struct{ err error }

func (r refusing) Send(context.Context, *notify.Message) (string, error) {
	return "", notify.Refusal{Err: r.err}
}

// secret opens the secret of a destination; empty for none, or for one that was sealed
// with another key.
func (o *Outbox) secret(ctx context.Context, id string) (string, error) {
	sealed, err := o.Store.DestinationSecret(ctx, id)
	if err != nil || sealed == nil {
		return "", err
	}
	plain, err := o.Unseal(purpose(id), sealed)
	if err != nil {
		o.Log.Error("the secret of a destination cannot be opened", "destination", id, "error", err)
		return "", nil
	}
	return string(plain), nil
}

// mailer sends to those whom the notices are for, where the destination says so, and else
// to its receivers.
func (o *Outbox) mailer(ctx context.Context, to *seaworthy.Destination, notices []seaworthy.Notice) (notify.Sender, error) {
	if !o.Mails() {
		return refusing{errors.New("this server is not set up to send e-mail; see --smtp-host")}, nil
	}
	e := o.Mail
	e.To = slices.Clone(to.To)
	if to.People && len(notices) > 0 && len(notices[0].People) > 0 {
		people, err := o.addresses(ctx, notices[0].People)
		if err != nil {
			return nil, err
		}
		if len(people) > 0 {
			e.To = people
		}
	}
	if len(e.To) == 0 {
		return refusing{errors.New("there is nobody to write to")}, nil
	}
	return e, nil
}

// addresses gives the addresses of users who can sign in.
func (o *Outbox) addresses(ctx context.Context, ids []string) ([]string, error) {
	var out []string
	for _, id := range ids {
		u, err := o.Store.User(ctx, id)
		var known *seaworthy.Error
		switch {
		case errors.As(err, &known) && known.Kind == seaworthy.KindNotFound:
		case err != nil:
			return nil, err
		case !u.Disabled && (u.Expires.IsZero() || u.Expires.After(o.Store.Now())):
			out = append(out, u.Email)
		}
	}
	return out, nil
}

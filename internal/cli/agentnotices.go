// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/agent"
	"github.com/seaworthy-dev/seaworthy/internal/config"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
	"github.com/seaworthy-dev/seaworthy/internal/outgoing"
)

// ownNotices makes what the agent tells people with. Secrets come from files.
func ownNotices(n config.Notices) (agent.Notices, error) {
	out := agent.Notices{Senders: map[string]notify.Sender{}}
	var o outgoing.Config
	for _, text := range n.Allow {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return out, seaworthy.Invalid("agent.notices.allow: %v", err)
		}
		o.Allow = append(o.Allow, prefix)
	}
	client := o.Client()
	for _, d := range n.Destinations {
		s, err := sender(d, client, o)
		if err != nil {
			return out, seaworthy.Invalid("agent.notices.destinations: %s: %v", d.Name, err)
		}
		out.Senders[d.Name] = s
	}
	for _, r := range n.Rules {
		rule := seaworthy.NoticeRule{ID: r.Name, Name: r.Name, Namespaces: r.Namespaces, Destinations: r.Destinations}
		for _, k := range r.Kinds {
			rule.Kinds = append(rule.Kinds, seaworthy.NoticeKind(k))
		}
		if err := notify.Validate(&rule); err != nil {
			return out, err
		}
		out.Rules = append(out.Rules, rule)
	}
	return out, nil
}

// sender makes who sends to a destination.
func sender(d config.NoticeDestination, client *http.Client, o outgoing.Config) (notify.Sender, error) {
	url := d.URL
	if d.URLFile != "" {
		var err error
		if url, err = secretFile("urlFile", d.URLFile); err != nil {
			return nil, err
		}
	}
	if d.Kind != seaworthy.DestinationSlack && d.Kind != seaworthy.DestinationEmail {
		if err := outgoing.CheckURL(url, len(o.Allow) > 0); err != nil {
			return nil, err
		}
	}
	secret := ""
	if d.SecretFile != "" || d.Kind == seaworthy.DestinationSlack || d.Kind == seaworthy.DestinationWebhook {
		var err error
		if secret, err = secretFile("secretFile", d.SecretFile); err != nil {
			return nil, err
		}
	}
	switch d.Kind {
	case seaworthy.DestinationSlackWebhook:
		return notify.SlackWebhook{Client: client, URL: url}, nil
	case seaworthy.DestinationTeams:
		return notify.Teams{Client: client, URL: url}, nil
	case seaworthy.DestinationSlack:
		if d.Channel == "" {
			return nil, seaworthy.Invalid("a bot needs a channel")
		}
		return notify.Slack{Client: client, Token: secret, Channel: d.Channel}, nil
	case seaworthy.DestinationWebhook:
		if _, err := notify.WebhookKey(secret); err != nil {
			return nil, err
		}
		return notify.Webhook{Client: client, URL: url, Secret: secret, Now: time.Now}, nil
	}
	return mailer(d, secret, o)
}

func mailer(d config.NoticeDestination, password string, o outgoing.Config) (notify.Sender, error) {
	host, port, err := net.SplitHostPort(d.Server)
	if err != nil {
		host, port = d.Server, ""
	}
	n, err := strconv.Atoi(cmp.Or(port, "587"))
	switch {
	case err != nil || host == "":
		return nil, seaworthy.Invalid("the mail server %q is not host:port", d.Server)
	case d.From == "" || len(d.To) == 0:
		return nil, seaworthy.Invalid("a mail needs a sender and receivers")
	}
	return notify.Email{
		Host: host, Port: n, Username: d.Username, Password: password, From: d.From, To: d.To, Implicit: n == 465, Dial: o.Dialer().DialContext,
	}, nil
}

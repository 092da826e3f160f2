// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"html/template"
	"net"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/seaworthy-dev/seaworthy"
)

// Email sends by SMTP.
type Email struct {
	Host     string
	Port     int // 0: 587
	Username string
	Password string
	From     string
	To       []string
	// Implicit TLS (port 465) instead of STARTTLS. Plain sends without either, for a relay
	// on the same machine.
	Implicit, Plain bool
	// TLS and Dial, when given, replace what is usual.
	TLS  *tls.Config
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Send sends one message to all its receivers, as text and as HTML.
func (s Email) Send(ctx context.Context, m *Message) (string, error) {
	msg, err := s.message(m)
	if err != nil {
		return "", Refusal{err}
	}
	client, err := mail.NewClient(s.Host, s.options()...)
	if err != nil {
		return "", Refusal{fmt.Errorf("set up e-mail: %w", err)}
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		var sent *mail.SendError
		if errors.As(err, &sent) && !sent.IsTemp() && sent.Reason != mail.ErrConnCheck {
			return "", Refusal{fmt.Errorf("send e-mail: %w", err)}
		}
		return "", fmt.Errorf("send e-mail: %w", err)
	}
	return msg.GetMessageID(), nil
}

func (s Email) options() []mail.Option {
	out := []mail.Option{mail.WithTimeout(30 * time.Second)}
	port := s.Port
	switch {
	case s.Plain:
		out = append(out, mail.WithTLSPolicy(mail.NoTLS))
	case s.Implicit:
		out = append(out, mail.WithSSL())
	default:
		out = append(out, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if port == 0 {
		port = 587
	}
	out = append(out, mail.WithPort(port))
	if s.TLS != nil {
		out = append(out, mail.WithTLSConfig(s.TLS))
	}
	if s.Dial != nil {
		out = append(out, mail.WithDialContextFunc(s.Dial))
	}
	if s.Username != "" {
		out = append(out, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.Username), mail.WithPassword(s.Password))
	}
	return out
}

func (s Email) message(m *Message) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := msg.From(s.From); err != nil {
		return nil, fmt.Errorf("the sender's address: %w", err)
	}
	if err := msg.To(s.To...); err != nil {
		return nil, fmt.Errorf("the receivers' addresses: %w", err)
	}
	msg.Subject(shortened(oneLine(m.Heading()), 200))
	msg.SetDateWithValue(m.At)
	msg.SetMessageIDWithValue(m.ID + "@seaworthy") // the same at each attempt
	msg.SetGenHeader(mail.HeaderPrecedence, "bulk")
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(mail.TypeTextPlain, plainText(m))
	if err := msg.AddAlternativeHTMLTemplate(htmlMessage, htmlData(m)); err != nil {
		return nil, fmt.Errorf("write the message: %w", err)
	}
	return msg, nil
}

type htmlNotice struct {
	Title, Link string
	Details     []seaworthy.NoticeDetail
}

type htmlContent struct {
	Heading, Footer string
	Notices         []htmlNotice
}

func htmlData(m *Message) htmlContent {
	out := htmlContent{Heading: m.Heading(), Footer: footer(m)}
	for i := range m.Notices {
		n := &m.Notices[i]
		out.Notices = append(out.Notices, htmlNotice{oneLine(n.Title), m.link(n), n.Details})
	}
	return out
}

// htmlMessage has its styles inline: programs that show mail drop others. It loads nothing.
var htmlMessage = template.Must(template.New("mail").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Heading}}</title></head>
<body style="margin:0;padding:24px;background:#f4f6f8;font:15px/1.5 system-ui,sans-serif;color:#17212b">
<div style="max-width:600px;margin:0 auto">
{{range .Notices}}<div style="background:#ffffff;border:1px solid #d9e0e6;border-radius:8px;padding:16px 20px;margin:0 0 12px">
<p style="margin:0 0 8px;font-weight:600">{{.Title}}</p>
{{if .Details}}<table style="border-collapse:collapse;font-size:14px">{{range .Details}}
<tr><th style="text-align:left;font-weight:400;color:#51606f;padding:2px 16px 2px 0;vertical-align:top">{{.Name}}</th><td style="padding:2px 0">{{.Value}}</td></tr>{{end}}
</table>{{end}}
{{if .Link}}<p style="margin:12px 0 0"><a href="{{.Link}}" style="color:#0b5cad">Open in Seaworthy</a></p>{{end}}
</div>{{end}}
<p style="color:#51606f;font-size:13px">{{.Footer}}</p>
</div></body></html>
`))

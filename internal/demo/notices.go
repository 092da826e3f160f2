// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
)

// The receivers of the example's notices. Nothing is sent to anybody: whoever they are, a
// transport of its own answers for them.
const (
	pagerURL = "https://alerts.harbourlane.example/seaworthy"
	slackURL = "https://hooks.slack.example/services/made-up"
	booksURL = "https://tickets.harbourlane.example/hooks/seaworthy"
)

// The tracker took nothing for a night.
const (
	trackerAway   = 19
	trackerAwayAt = 3 * time.Hour
	trackerGone   = 9 * time.Hour
)

// receivers answer what the receivers of the example would.
type receivers struct{ away func() bool }

// RoundTrip answers without going anywhere.
func (r receivers) RoundTrip(q *http.Request) (*http.Response, error) {
	answer, body := http.StatusOK, "ok" // as Slack says it
	switch {
	case !strings.HasSuffix(q.URL.Hostname(), ".example"):
		return nil, errors.New("the example sends nothing to anybody")
	case q.URL.Hostname() == "tickets.harbourlane.example" && r.away != nil && r.away():
		answer, body = http.StatusServiceUnavailable, "down for maintenance"
	}
	return &http.Response{
		StatusCode: answer, Status: http.StatusText(answer), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: q,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

// Receivers is the client by which the example's notices go: nowhere.
func Receivers() *http.Client { return &http.Client{Transport: receivers{}} }

// notices says whom to tell of what.
func (s *story) notices() {
	s.outbox = outbox.New(outbox.Config{
		Store: s.Store, Seal: s.Auth.Seal, Unseal: s.Auth.Unseal, BaseURL: "http://localhost:8080",
		Client: &http.Client{Transport: receivers{func() bool {
			from := s.start.Add((days-trackerAway)*day + trackerAwayAt)
			now := s.clock.Now()
			return now.After(from) && now.Before(from.Add(trackerGone))
		}}},
	})
	s.on(days-3, 10*time.Hour, "say where notices go", func(ctx context.Context) error {
		made := map[string]string{}
		for _, d := range []struct{ name, kind, url, secret string }{
			{"On call", seaworthy.DestinationWebhook, pagerURL, ""},
			{"#production", seaworthy.DestinationSlackWebhook, "", slackURL},
			{"Tracker", seaworthy.DestinationWebhook, booksURL, ""},
		} {
			at, _, err := s.outbox.PutDestination(ctx, s.as(tomasz), seaworthy.Destination{Name: d.name, Kind: d.kind, URL: d.url}, d.secret)
			if err != nil {
				return err
			}
			made[d.name] = at.ID
		}
		for _, r := range []seaworthy.NoticeRule{
			{Name: "Production, for everybody to see", Destinations: []string{made["#production"]}, Kinds: []seaworthy.NoticeKind{
				seaworthy.NoticeOutOfBand, seaworthy.NoticeReverted, seaworthy.NoticeSession, seaworthy.NoticeWidened, seaworthy.NoticeSecretRead, seaworthy.NoticeGap, seaworthy.NoticeGapEnded,
			}},
			{Name: "What people have to decide", Destinations: []string{made["Tracker"]}, Digest: seaworthy.DigestDaily, Zone: "Europe/Copenhagen", Kinds: []seaworthy.NoticeKind{
				seaworthy.NoticeWaiverAsked, seaworthy.NoticeWaiverEnds, seaworthy.NoticeMissed, seaworthy.NoticeGap,
			}},
		} {
			if _, err := s.outbox.PutRule(ctx, s.as(tomasz), r); err != nil {
				return err
			}
		}
		return nil
	})
	for ago := days - 4; ago >= 0; ago -= 7 {
		s.on(ago, 7*time.Hour, "remind", s.outbox.Remind)
	}
}

// deliver delivers what is due.
func (s *story) deliver(ctx context.Context) error {
	if waiting, err := s.outbox.Waiting(ctx); err != nil || !waiting {
		return err
	}
	return s.outbox.Work(ctx)
}

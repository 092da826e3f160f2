// SPDX-License-Identifier: Apache-2.0

package outbox_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// everything has a rule send all that there is to a receiver's path.
func (w *world) everything(path string) {
	w.Helper()
	d := w.hook("all", path)
	_, err := w.outbox.PutRule(w.Context(), owner, seaworthy.NoticeRule{Name: "all", Destinations: []string{d.ID}})
	w.must(err)
	w.work()
	w.receiver.take(path)
}

func (w *world) remind() {
	w.Helper()
	w.must(w.outbox.Remind(w.Context()))
	w.work()
}

func finding(i int, at time.Time, severity seaworthy.Severity) seaworthy.TrackedFinding {
	o := seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: fmt.Sprintf("app-%d", i)}
	print := fmt.Sprintf("%032x", i)
	return seaworthy.TrackedFinding{
		ID: store.FindingID("s1", print), SourceID: "s1", ObjectID: store.ObjectID("s1", o), Fingerprint: print, Check: "privileged-container", Severity: severity,
		Category: "Security", Object: o, Message: "m", Status: seaworthy.FindingOpen, FirstSeenAt: at, OpenedAt: at, DueAt: at.Add(48 * time.Hour), RunID: "r1",
	}
}

// Findings are told by source, team and severity, when they open and when they become
// overdue, each once.
func TestFindingsAreToldTogether(t *testing.T) {
	each(t, func(w *world) {
		w.everything("/a")
		w.remind() // from here on, overdue findings count
		w.write(func(tx *store.Tx) error {
			var list []store.FindingChange
			for i := range 2500 { // three chunks of events
				severity := seaworthy.Severity("high")
				if i == 7 {
					severity = "critical"
				}
				list = append(list, store.FindingChange{After: finding(i, tx.At, severity), Kind: seaworthy.EventOpened, RunID: "r1"})
			}
			return tx.ChangeFindings(list)
		})
		w.work()
		want := "1 finding of severity critical opened in prod-eu; 2499 findings of severity high opened in prod-eu"
		list := w.notices(w.receiver.take("/a"))
		if got := titles(list); got != want && got != strings.Join([]string{want[strings.Index(want, ";")+2:], want[:strings.Index(want, ";")]}, "; ") {
			t.Errorf("told %s, want %s", got, want)
		}
		for _, n := range list {
			if len(n.Details) > 6 {
				t.Errorf("a notice has %d details", len(n.Details))
			}
		}
		w.pass(47 * time.Hour)
		w.remind()
		if list := w.notices(w.receiver.take("/a")); strings.Contains(titles(list), "overdue") {
			t.Errorf("too early: %s", titles(list))
		}
		w.pass(2 * time.Hour)
		w.remind()
		if got := titles(w.notices(w.receiver.take("/a"))); !strings.Contains(got, "2499 findings of severity high became overdue in prod-eu") {
			t.Errorf("overdue: %s", got)
		}
		w.remind()
		if got := titles(w.notices(w.receiver.take("/a"))); got != "" {
			t.Errorf("told again: %s", got)
		}
		for _, d := range []time.Duration{-90 * time.Minute, time.Hour, time.Hour} { // the clock is set back
			w.pass(d)
			w.remind()
		}
		if got := titles(w.notices(w.receiver.take("/a"))); got != "" {
			t.Errorf("told again of the time that came twice: %s", got)
		}
	})
}

// A waiver that ends, a control that is due or was missed, and the head of the log of the
// week are told once each.
func TestWhatTheClockBringsIsToldOnce(t *testing.T) {
	each(t, func(w *world) {
		w.everything("/a")
		w.write(func(tx *store.Tx) error {
			v := seaworthy.TrackedWaiver{ID: "w1", SourceID: "s1", State: seaworthy.WaiverApproved, RequestedBy: "user:x", RequestedAt: tx.At, From: "person"}
			v.Check, v.Reason, v.Expires = "privileged-container", "r", seaworthy.Date{Time: tx.At.AddDate(0, 0, 10).Truncate(24 * time.Hour)}
			if err := tx.PutWaiver(&v); err != nil {
				return err
			}
			c := seaworthy.TrackedControl{Control: seaworthy.Control{ID: "access-review", Title: "Access is reviewed"}, Active: true, OwnerUser: "u1"}
			c.Sources = []string{"people"}
			if err := tx.PutControl(&c); err != nil {
				return err
			}
			o := seaworthy.Occurrence{ControlID: c.ID, Version: 1, From: tx.At.AddDate(0, -1, 0), DueAt: tx.At.AddDate(0, 0, 5), State: seaworthy.Expected}
			return tx.PutOccurrence(&o, o.DueAt)
		})
		private, _, err := note.GenerateKey(nil, "seaworthy.example.com/test")
		w.must(err)
		signer, err := note.NewSigner(private)
		w.must(err)
		head, err := w.store.Checkpoint(t.Context(), signer)
		w.must(err)
		w.remind()
		w.remind()
		list := w.notices(w.receiver.take("/a"))
		kinds := map[seaworthy.NoticeKind]int{}
		for _, n := range list {
			kinds[n.Kind]++
			if n.Kind == seaworthy.NoticeCheckpoint {
				var said string
				for _, d := range n.Details {
					said += d.Value + "\n"
				}
				if !strings.HasPrefix(strings.ReplaceAll(head.Note, "\n\n", "\n"), said) {
					t.Errorf("the head of the log is told as\n%s, want\n%s", said, head.Note)
				}
			}
		}
		for _, k := range []seaworthy.NoticeKind{seaworthy.NoticeWaiverEnds, seaworthy.NoticeDue, seaworthy.NoticeCheckpoint} {
			if kinds[k] != 1 {
				t.Errorf("%s is told %d times, want once (%s)", k, kinds[k], titles(list))
			}
		}
		w.write(func(tx *store.Tx) error {
			all, err := tx.OccurrencesWithin("access-review", began.AddDate(-1, 0, 0), began.AddDate(1, 0, 0))
			if err != nil {
				return err
			}
			all[0].State, all[0].Reason = seaworthy.Missed, "nothing came in"
			return tx.PutOccurrence(&all[0], all[0].DueAt)
		})
		w.write(func(tx *store.Tx) error {
			return tx.KeepSelfCheck(store.SelfCheck{ID: tx.NewID(), StartedAt: tx.At, FinishedAt: tx.At, Problems: []string{"team x is missing"}})
		})
		w.pass(7 * 24 * time.Hour)
		w.remind()
		got := titles(w.notices(w.receiver.take("/a")))
		for _, want := range []string{"Not performed in time: Access is reviewed", "The self-check found 1 record altered", "The log held"} {
			if strings.Count(got, want) != 1 {
				t.Errorf("told %s, want %s once", got, want)
			}
		}
	})
}

// letters is a real SMTP server.
type letters struct {
	mu   sync.Mutex
	to   []string
	text []string
	port int
}

type letter struct{ box *letters }

func (b *letters) NewSession(*smtp.Conn) (smtp.Session, error) { return letter{b}, nil }
func (letter) Mail(string, *smtp.MailOptions) error            { return nil }
func (letter) Reset()                                          {}
func (letter) Logout() error                                   { return nil }
func (l letter) Rcpt(to string, _ *smtp.RcptOptions) error {
	l.box.mu.Lock()
	defer l.box.mu.Unlock()
	l.box.to = append(l.box.to, to)
	return nil
}

func (l letter) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	l.box.mu.Lock()
	defer l.box.mu.Unlock()
	l.box.text = append(l.box.text, string(data))
	return err
}

func openLetters(t *testing.T) *letters {
	box := &letters{}
	server := smtp.NewServer(box)
	server.Domain = "localhost"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	box.port = l.Addr().(*net.TCPAddr).Port
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return box
}

// Who is mentioned gets e-mail; what is for nobody goes to the receivers of the
// destination.
func TestMentionsGoToThosePeople(t *testing.T) {
	each(t, func(w *world) {
		box := openLetters(t)
		if _, _, err := w.outbox.PutDestination(t.Context(), owner, seaworthy.Destination{Name: "m", Kind: seaworthy.DestinationEmail, To: []string{"x@example.com"}}, ""); err == nil {
			t.Fatal("e-mail is taken although the server cannot send any")
		}
		w.config.Mail = notify.Email{Host: "127.0.0.1", Port: box.port, From: "seaworthy@example.com", Plain: true}
		w.outbox = outbox.New(w.config)
		d, _, err := w.outbox.PutDestination(t.Context(), owner, seaworthy.Destination{Name: "mail", Kind: seaworthy.DestinationEmail, To: []string{"team@example.com"}, People: true}, "")
		w.must(err)
		_, err = w.outbox.PutRule(t.Context(), owner, seaworthy.NoticeRule{Name: "all", Destinations: []string{d.ID}})
		w.must(err)
		w.work()
		box.mu.Lock()
		box.to, box.text = nil, nil
		box.mu.Unlock()
		w.write(func(tx *store.Tx) error {
			for i, name := range []string{"ann", "bob"} {
				u := seaworthy.User{ID: fmt.Sprintf("u%d", i), Email: name + "@example.com", Name: name, Role: seaworthy.Engineer, Teams: []string{}, CreatedAt: tx.At}
				if err := tx.PutUser(&u); err != nil {
					return err
				}
			}
			return tx.AddComment(&seaworthy.Comment{SubjectKind: seaworthy.OnFinding, Subject: "f1", Text: "a s3cr3t", Mentions: []string{"u1"}})
		})
		w.work()
		w.changed("c1")
		w.work()
		box.mu.Lock()
		defer box.mu.Unlock()
		if got := strings.Join(box.to, " "); got != "bob@example.com team@example.com" {
			t.Errorf("letters went to %s", got)
		}
		if all := strings.Join(box.text, "\n"); strings.Contains(all, "s3cr3t") || !strings.Contains(all, "mentioned bob") {
			t.Errorf("the letters:\n%s", all)
		}
	})
}

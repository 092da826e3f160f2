// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pace

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seaworthy-dev/seaworthy/test/processor"
	"github.com/seaworthy-dev/seaworthy/test/reviews"
)

// loading is set for the process that makes the load.
const loading = "SEAWORTHY_PACE_LOAD"

// order is what that process is asked for.
type order struct {
	Door  string // URL of the webhook
	CA    []byte
	Audit string // URL for audit events; empty: none are sent
	Token string

	First   int     // number of the first write; each has its own objects
	Most    int     // how many; 0: as many as there is time for
	Seconds float64 // at most; 0: until all are made
	Rate    float64 // a second; 0: as many as go
	Workers int

	Kubeconfig string // where it is given, the writes go to the API server
}

// outcome is what came of it.
type outcome struct {
	Took     []time.Duration // of each review, from when it was asked or, where the load could not keep up, was to be
	Asked    time.Duration   // until every review was answered
	Told     time.Duration   // until the last audit events were on their way
	All      time.Duration   // until everything was answered
	CPU      time.Duration   // of the process that made the load
	Failed   int
	Why      string
	Versions []string // of objects of the API server, one for each write
}

// load makes the load, in the process of it.
func load() int {
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	l := &loader{order: o}
	began, cpu := time.Now(), processor.Used()
	l.began = began
	var err error
	if o.Kubeconfig != "" {
		err = l.writes()
	} else {
		err = l.replay()
	}
	l.out.All, l.out.CPU = time.Since(began), processor.Used()-cpu
	if err = errors.Join(err, json.NewEncoder(os.Stdout).Encode(&l.out)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	return 0
}

// make asks a process of its own for load.
func (w *world) load(o order) (out outcome) {
	w.t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		w.t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stdin, cmd.Stderr = append(os.Environ(), loading+"=1"), bytes.NewReader(text), &said
	raw, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		w.t.Fatalf("make load: %v\n%s", err, said.String())
	}
	if out.Failed > 0 {
		w.t.Errorf("%d requests failed, such as: %s", out.Failed, out.Why)
	}
	return out
}

type loader struct {
	order
	began time.Time
	next  atomic.Int64
	mu    sync.Mutex
	out   outcome
}

// turn gives the number of the next write and when it is due; false: it is over.
func (l *loader) turn() (n int, due time.Time, ok bool) {
	i := int(l.next.Add(1)) - 1
	due = time.Now()
	if l.Rate > 0 {
		due = l.began.Add(time.Duration(float64(i) / l.Rate * float64(time.Second)))
	}
	over := l.Most > 0 && i >= l.Most || l.Seconds > 0 && max(due.Sub(l.began), time.Since(l.began)).Seconds() >= l.Seconds
	return l.First + i, due, !over
}

// begin waits until a write is due and gives the moment from which its time counts. Who
// comes too late, since those before took so long, has waited from when it was due; that
// a timer rings late, or that a request takes time to make, is the load's own affair.
func (l *loader) begin(due time.Time) time.Time {
	wait := time.Until(due)
	if l.Rate > 0 && wait < 0 {
		return due
	}
	time.Sleep(wait)
	return time.Now()
}

func (l *loader) fails(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out.Failed++
	l.out.Why = err.Error()
}

// What stands in the templates for what is another thing in each write.
const (
	mark   = "77777777"
	moment = "2001-02-03T04:05:06.000000Z"
)

// templates are the writes of the mix in both forms.
func templates() (asked, told [][]byte) {
	for _, w := range reviews.Mix(mark) {
		asked = append(asked, w.Review("review-"+mark))
		told = append(told, w.Event("audit-"+mark, "review-"+mark, moment, "9"+mark))
	}
	return asked, told
}

func numbered(template []byte, n int, at time.Time) []byte {
	out := bytes.ReplaceAll(template, []byte(mark), fmt.Appendf(nil, "%08d", n))
	return bytes.ReplaceAll(out, []byte(moment), []byte(at.UTC().Format("2006-01-02T15:04:05.000000Z")))
}

// replay asks the door what an API server would ask, and sends its audit events.
func (l *loader) replay() error {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(l.CA) {
		return errors.New("the webhook's configuration names no authority")
	}
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, // as API servers come
		MaxIdleConnsPerHost: l.Workers,
	}}
	asked, told := templates()
	events := make(chan []byte, 100_000)
	var telling sync.WaitGroup
	if l.Audit != "" {
		telling.Go(func() { l.tell(client, events) })
	}
	var asking sync.WaitGroup
	for range max(l.Workers, 1) {
		asking.Go(func() {
			var took []time.Duration
			for {
				n, due, ok := l.turn()
				if !ok {
					break
				}
				question := numbered(asked[n%len(asked)], n, due)
				at := l.begin(due)
				if err := l.ask(client, question); err != nil {
					l.fails(err)
				}
				took = append(took, time.Since(at))
				if l.Audit != "" {
					events <- numbered(told[n%len(told)], n, at)
				}
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.out.Took = append(l.out.Took, took...)
		})
	}
	asking.Wait()
	l.out.Asked = time.Since(l.began)
	close(events)
	telling.Wait()
	return nil
}

func (l *loader) ask(c *http.Client, body []byte) error {
	resp, err := c.Post(l.Door, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !bytes.Contains(text, []byte(`"allowed":true`)) {
		return fmt.Errorf("the webhook answers %s %.300s %v", resp.Status, text, err)
	}
	return nil
}

// gathered is how many audit events an API server sends at once, at most, and how long it
// waits for them.
const (
	gathered = 400
	waits    = time.Second
)

// tell sends audit events as an API server's webhook does: at most ten times a second, and
// without waiting for the answer to those before.
func (l *loader) tell(c *http.Client, events <-chan []byte) {
	var sending sync.WaitGroup
	defer sending.Wait()
	throttle := time.NewTicker(time.Second / 10)
	defer throttle.Stop()
	for open := true; open; {
		var batch [][]byte
		for over := time.After(waits); len(batch) < gathered && open; {
			var e []byte
			select {
			case e, open = <-events:
				if open {
					batch = append(batch, e)
				}
				continue
			case <-over:
			}
			break
		}
		if len(batch) == 0 {
			continue
		}
		body := slices.Concat([]byte(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[`), bytes.Join(batch, []byte(",")), []byte("]}"))
		<-throttle.C
		sending.Go(func() {
			if err := l.event(c, body); err != nil {
				l.fails(err)
			}
		})
	}
	l.out.Told = time.Since(l.began)
}

func (l *loader) event(c *http.Client, body []byte) error {
	r, err := http.NewRequest(http.MethodPost, l.Audit, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+l.Token)
	resp, err := c.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		return fmt.Errorf("audit events: %s %.300s", resp.Status, text)
	}
	return nil
}

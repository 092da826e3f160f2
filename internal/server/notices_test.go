// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
	"github.com/seaworthy-dev/seaworthy/internal/outgoing"
	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// told counts how often each page was told of.
type told struct {
	mu    sync.Mutex
	pages map[string]int
}

func (r *told) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	data, _ := io.ReadAll(req.Body)
	var body struct{ Data []seaworthy.Notice }
	_ = json.Unmarshal(data, &body)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range body.Data {
		r.pages[n.Path]++
	}
}

func (r *told) of(prefix string) (pages, times int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for page, n := range r.pages {
		if strings.HasPrefix(page, prefix) {
			pages, times = pages+1, times+n
		}
	}
	return pages, times
}

// Two servers on one database tell of each change once, and when one of them stops, the
// other goes on.
func TestTwoServersTellOnce(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, sc store.Config) {
		receiver := &told{pages: map[string]int{}}
		hook := httptest.NewServer(receiver)
		defer hook.Close()
		data := t.TempDir()
		c := server.Config{Data: data, Database: sc.Database, Outgoing: outgoing.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
		servers := []*running{run(t, c)}
		if sc.Database != "" { // SQLite belongs to one
			c.BaseURL = servers[0].url
			servers = append(servers, run(t, c))
		}
		first := servers[0]
		o := outbox.New(outbox.Config{Store: first.Store(), Seal: first.Auth().Seal, Unseal: first.Auth().Unseal, Insecure: true})
		owner := seaworthy.Principal{Actor: "user:o", UserID: "o", Name: "O", Role: seaworthy.Owner}
		if _, _, err := o.PutDestination(t.Context(), owner, seaworthy.Destination{Name: "hook", Kind: seaworthy.DestinationWebhook, URL: hook.URL}, ""); err != nil {
			t.Fatal(err)
		}
		n := 0
		put := func(s *running, many int) {
			t.Helper()
			for range many {
				n++
				if err := s.Store().Write(t.Context(), "system", func(tx *store.Tx) error {
					v := seaworthy.Change{ID: tx.NewID(), SourceID: "s", Verb: seaworthy.VerbUpdate, At: tx.At, Outcome: seaworthy.OutcomePersisted, Match: seaworthy.MatchOutOfBand, Sightings: []seaworthy.Sighting{}}
					return tx.PutChange(&v)
				}); err != nil {
					t.Fatal(err)
				}
			}
		}
		wait := func() {
			t.Helper()
			for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
				if pages, _ := receiver.of("/changes/"); pages == n {
					return
				}
			}
			pages, times := receiver.of("/changes/")
			t.Fatalf("of %d changes %d were told, %d times", n, pages, times)
		}
		for _, s := range servers {
			put(s, 30)
		}
		wait()
		if err := servers[0].stop(); err != nil {
			t.Fatal(err)
		}
		if len(servers) == 1 { // started again, it goes on
			servers = append(servers, run(t, c))
		}
		put(servers[1], 10)
		wait()
		if pages, times := receiver.of("/changes/"); pages != times {
			t.Errorf("%d changes were told %d times", pages, times)
		}
		if err := servers[1].stop(); err != nil {
			t.Fatal(err)
		}
	})
}

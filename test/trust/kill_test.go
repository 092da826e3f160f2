// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trust

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// kills is how often the server is killed on each database: SEAWORTHY_KILLS in the soak.
func kills(t *testing.T) int {
	if n, err := strconv.Atoi(os.Getenv("SEAWORTHY_KILLS")); err == nil {
		return n
	}
	if testing.Short() {
		return 2
	}
	return 20
}

func runsOf(t testing.TB, s *server.Server) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for cursor := ""; ; {
		page, err := s.Store().Runs(context.Background(), store.RunFilter{Cursor: cursor, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Items {
			out[r.Digest] = append(out[r.Digest], r.ID)
		}
		if cursor = page.Next; cursor == "" {
			return out
		}
	}
}

// accepted is what the server said that it took: the run of each report.
type accepted struct {
	mu   sync.Mutex
	runs map[string]string
}

// reporting sends one report after another until the context ends. A report that was not
// taken for sure is sent again, as every client of ours does.
func (p *process) reporting(ctx context.Context, cluster string, a *accepted) {
	began := time.Now().Add(-24 * time.Hour)
	for n := 0; ctx.Err() == nil; n++ {
		body := report(p.t, cluster, began.Add(time.Duration(n)*time.Second), 3+n%7, n%5)
		sum := sha256.Sum256(body)
		digest := hex.EncodeToString(sum[:])
		for {
			run, status, said := p.send(cluster, body)
			if status == http.StatusOK || status == http.StatusCreated {
				a.mu.Lock()
				if before, ok := a.runs[digest]; ok && before != run {
					p.t.Errorf("report %d was taken as run %s, and as %s", n, before, run)
				}
				a.runs[digest] = run
				a.mu.Unlock()
				break
			}
			if status != 0 && status != http.StatusServiceUnavailable {
				p.t.Errorf("report %d is answered with %d: %s", n, status, said)
				return
			}
			if ctx.Err() != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func TestKilledAtAnyMoment(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		p := newProcess(t, c.Database)
		p.start()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a := &accepted{runs: map[string]string{}}
		var g sync.WaitGroup
		for n := range 3 {
			g.Go(func() { p.reporting(ctx, fmt.Sprint("cluster-", n), a) })
		}
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 0))
		var slowest time.Duration
		for range kills(t) {
			time.Sleep(time.Duration(random.IntN(600)) * time.Millisecond)
			p.kill()
			slowest = max(slowest, p.start())
		}
		const enough = 10 // however few are taken between two kills on a machine that is slow
		for give := time.Now().Add(patience); a.count() < enough && time.Now().Before(give); {
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(500 * time.Millisecond)
		cancel()
		g.Wait()
		if err := p.Stop(); err != nil {
			t.Errorf("the server does not stop when asked to: %v\n%s", err, p.Printed())
		}
		kept := p.check()
		t.Logf("seed %d: %d reports were taken, %d are there; the slowest start took %s", seed, len(a.runs), len(kept), slowest)
		if len(a.runs) < enough {
			t.Errorf("only %d reports were taken", len(a.runs))
		}
		for digest, run := range a.runs {
			if got := kept[digest]; len(got) != 1 || got[0] != run {
				t.Errorf("the report %s was taken as run %s; there are the runs %v", digest, run, got)
			}
		}
		if more := len(kept) - len(a.runs); more > 3 { // one on its way in each loop, at the end
			t.Errorf("%d reports are there that nobody was told of", more)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trust

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// beside is a second server on the database, the keys and the blobs of the first.
func (p *process) beside() *process {
	p.t.Helper()
	o := serverProcess(p.t, p.t.TempDir(), p.database, p.token)
	for _, key := range []string{"log.key", "secret.key"} {
		o.args = append(o.args, "--"+key[:len(key)-4]+"-key", filepath.Join(p.data, key))
	}
	if err := os.Symlink(filepath.Join(p.data, "blobs"), filepath.Join(o.data, "blobs")); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(o.kill)
	return o
}

// call sends JSON or bytes and gives the status and the answer.
func (p *process) call(method, path string, body []byte, header ...string) (int, []byte) {
	p.t.Helper()
	r, err := http.NewRequest(method, "http://"+p.address+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	_, _ = b.ReadFrom(resp.Body)
	return resp.StatusCode, b.Bytes()
}

// inPieces sends a report in small pieces, each to the other server, and has it taken.
func inPieces(t *testing.T, servers []*process, cluster string, body []byte) {
	t.Helper()
	status, said := servers[0].call(http.MethodPost, "/api/v1/uploads", fmt.Appendf(nil, `{"source": %q}`, cluster))
	var u struct{ ID string }
	if err := json.Unmarshal(said, &u); err != nil || status != http.StatusCreated {
		t.Fatalf("an upload is begun with %d: %s", status, said)
	}
	at := "/api/v1/uploads/" + u.ID
	for n, from := 0, 0; from < len(body); n++ {
		to := min(from+1000, len(body))
		p := servers[(n+1)%len(servers)]
		if status, said := p.call(http.MethodPatch, at, body[from:to], "Upload-Offset", strconv.Itoa(from), "Content-Type", "application/octet-stream"); status != http.StatusOK {
			t.Fatalf("piece %d is answered with %d: %s", n, status, said)
		}
		from = to
	}
	if status, said := servers[1].call(http.MethodPost, at+"/complete", nil); status != http.StatusCreated {
		t.Errorf("the upload is completed with %d: %s", status, said)
	}
	for _, p := range servers {
		if status, said := p.call(http.MethodGet, at, nil); status != http.StatusNotFound {
			t.Errorf("the upload is there still: %d %s", status, said)
		}
	}
}

// Two servers on one database take reports at once, of the same source and of others. Each
// report is one run, whoever took it; pieces may go to either; the log has one history.
func TestTwoServersOnOneDatabase(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		if c.Database == "" {
			return // a folder of SQLite belongs to one server
		}
		first := newProcess(t, c.Database)
		second := first.beside()
		servers := []*process{first, second}
		first.start()
		second.start()
		rounds := 12
		if testing.Short() {
			rounds = 4
		}
		began := time.Now().Add(-24 * time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		a := &accepted{runs: map[string]string{}}
		var others sync.WaitGroup
		others.Go(func() { first.reporting(ctx, "one", a) })
		others.Go(func() { second.reporting(ctx, "two", a) })
		for n := range rounds {
			body := report(t, "shared", began.Add(time.Duration(n)*time.Second), 3+n%5, n%3)
			var runs, statuses [2]string
			var g sync.WaitGroup
			for i, p := range servers {
				g.Go(func() {
					run, status, said := p.send("shared", body)
					if runs[i], statuses[i] = run, strconv.Itoa(status); status != http.StatusCreated && status != http.StatusOK {
						t.Errorf("report %d is answered with %d: %s", n, status, said)
					}
				})
			}
			g.Wait()
			if runs[0] != runs[1] || statuses[0]+statuses[1] == "201201" {
				t.Errorf("report %d is taken as %v with %v, want one run", n, runs, statuses)
			}
		}
		inPieces(t, servers, "pieces", report(t, "pieces", began, 20, 0))
		cancel()
		others.Wait()
		for _, p := range servers {
			if err := p.Stop(); err != nil {
				t.Errorf("a server does not stop when asked to: %v\n%s", err, p.Printed())
			}
		}
		kept := first.check()
		if want := rounds + len(a.runs) + 1; len(kept) != want {
			t.Errorf("%d reports are there, want %d", len(kept), want)
		}
		for digest, ids := range kept {
			if len(ids) != 1 {
				t.Errorf("the report %s is the runs %v", digest, ids)
			}
		}
		first.heads()
	})
}

// heads checks that the signed heads of the log grew one after another.
func (p *process) heads() {
	p.t.Helper()
	s, err := server.Open(p.t.Context(), server.Config{Data: p.data, Database: p.database, BaseURL: "http://" + p.address})
	if err != nil {
		p.t.Fatal(err)
	}
	defer s.Close()
	list, err := s.Store().Checkpoints(p.t.Context(), 1000) // newest first
	if err != nil || len(list) == 0 {
		p.t.Fatalf("%d heads are signed, %v", len(list), err)
	}
	for i := 1; i < len(list); i++ {
		if list[i].Size >= list[i-1].Size || list[i].At.After(list[i-1].At) {
			p.t.Errorf("the head of %d entries, signed at %s, comes before that of %d, signed at %s", list[i].Size, list[i].At, list[i-1].Size, list[i-1].At)
		}
	}
}

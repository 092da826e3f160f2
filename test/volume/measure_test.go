// SPDX-License-Identifier: Apache-2.0

//go:build unix

package volume

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/test/processor"
)

// browser is somebody who is signed in.
type browser struct {
	t      *testing.T
	site   *site
	url    string
	client *http.Client
}

// answer is what came back.
type answer struct {
	code int
	kind string
	body []byte
	took time.Duration
}

// measure asks for every page and every list, and prints how long they took. Before each
// request something is written to the log, so that none finds what is kept while the log
// stays as it is.
func (s *site) measure(t *testing.T) {
	s.t = t
	served := httptest.NewServer(s.server)
	defer served.Close()
	began := time.Now()
	s.must(s.server.Store().ReadCounters(t.Context())) // as 'seaworthy serve' does when it starts
	t.Logf("counters read in %s", time.Since(began).Round(time.Millisecond))
	debug.FreeOSMemory()
	t.Logf("at rest: %d MiB", resident(t))
	b := &browser{t: t, site: s, url: served.URL}
	b.signIn()
	all := b.addresses()
	s.passing = time.Now() // from now on time passes
	rows := make([]row, 0, len(all))
	for _, a := range all {
		if only := os.Getenv(only); only == "" || strings.Contains(a.path, only) {
			rows = append(rows, b.ask(a))
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return int(b.p95 - a.p95) })
	var out strings.Builder
	slow := 0
	for _, r := range rows {
		fmt.Fprintf(&out, "%8.1f %8.1f %8.1f %8.1f %8d  %s\n", ms(r.p50), ms(r.p95), ms(r.most), ms(r.cpu), r.bytes, r.path)
		if r.p95 > 100*time.Millisecond {
			slow++
		}
	}
	t.Logf("%d addresses, %d with a p95 above 100 ms; after: %d MiB\n%8s %8s %8s %8s %8s\n%s", len(rows), slow, resident(t), "p50", "p95", "max", "CPU", "bytes", out.String())
}

// addresses are those of all pages and lists. What an earlier run found is kept beside the
// database for one that asks for some of them only.
func (b *browser) addresses() []address {
	b.t.Helper()
	var all []address
	kept := filepath.Join(b.site.config.Data, "addresses")
	if data, err := os.ReadFile(kept); err == nil && os.Getenv(only) != "" {
		for line := range strings.Lines(string(data)) {
			route, path, _ := strings.Cut(strings.TrimSpace(line), " ")
			all = append(all, address{route, path})
		}
		return all
	}
	began := time.Now()
	all = append(b.pages(), b.lists()...)
	b.t.Logf("%d addresses found in %s", len(all), time.Since(began).Round(time.Second))
	var lines strings.Builder
	for _, a := range all {
		lines.WriteString(a.route + " " + a.path + "\n")
	}
	b.site.must(os.WriteFile(kept, []byte(lines.String()), 0o600))
	return all
}

// row is a line of the table.
type row struct {
	address
	p50, p95, most time.Duration
	cpu            time.Duration // of this process for one request, the browser's included
	bytes          int
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// ask asks for an address again and again.
func (b *browser) ask(a address) row {
	b.t.Helper()
	r := row{address: a}
	var took []time.Duration
	before := processor.Used()
	for range number(ofRequests, 30) {
		b.site.write(func(tx *store.Tx) error {
			return tx.Action("measure", a.path, nil)
		})
		got := b.get(a.path)
		took = append(took, got.took)
		r.bytes = len(got.body)
		if got.code != http.StatusOK {
			b.t.Errorf("%s: status %d: %.300q", a.path, got.code, got.body)
			break
		}
	}
	r.cpu = (processor.Used() - before) / time.Duration(len(took))
	slices.Sort(took)
	r.p50, r.p95, r.most = took[len(took)/2], took[len(took)*95/100], took[len(took)-1]
	return r
}

func (b *browser) get(path string) answer {
	b.t.Helper()
	began := time.Now()
	res, err := b.client.Get(b.url + path)
	b.site.must(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	b.site.must(err)
	return answer{res.StatusCode, res.Header.Get("Content-Type"), body, time.Since(began)}
}

func (b *browser) signIn() {
	b.t.Helper()
	jar, err := cookiejar.New(nil)
	b.site.must(err)
	b.client = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := b.client.PostForm(b.url+"/sign-in", url.Values{"email": {email}, "password": {password}})
	b.site.must(err)
	b.site.must(res.Body.Close())
	if got := b.get("/"); got.code != http.StatusOK {
		b.t.Fatalf("the overview answers %d after signing in (%d)", got.code, res.StatusCode)
	}
}

// resident is how much memory the process holds, in MiB.
func resident(t *testing.T) int {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Logf("memory is measured on Linux: %v", err)
		return 0
	}
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	kb, _ := strconv.Atoi(strings.Fields(rest)[0])
	return kb / 1024
}

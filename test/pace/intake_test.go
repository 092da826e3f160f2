// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pace

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// seconds is for how long changes are made.
func seconds(t *testing.T) float64 {
	text := os.Getenv("SEAWORTHY_SECONDS")
	if text == "" {
		return 60
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestIntake tells the agent of a thousand changes a second, each by a review at the door
// and by an audit event, and expects each at the server once.
func TestIntake(t *testing.T) {
	w := enter(t, true)
	w.watch()
	o := w.door()
	address, err := url.Parse(o.Door)
	if err != nil {
		t.Fatal(err)
	}
	o.Audit, o.Token = address.Scheme+"://"+address.Host+"/audit", w.auditToken
	o.Rate, o.Workers = 1000, 200 // as many as an API server has writes on their way
	o.Most = int(o.Rate * seconds(t))
	o = w.numbered(o)
	s := w.shares()
	out := w.load(o)
	n := float64(len(out.Took))
	t.Logf("%.0f changes in %.1f s, %.0f a second, each told twice; a review: %s", n, out.Asked.Seconds(), n/out.Asked.Seconds(), quantiles(out.Took))
	t.Logf("the last audit events went %.1f s after the last review was answered, and were answered for %.1f s after it",
		(out.Told - out.Asked).Seconds(), (out.All - out.Asked).Seconds())
	t.Logf("CPU for each: agent %.2f ms, what asks and tells %.2f ms; %s", s.of("agent").Seconds()*1000/n, out.CPU.Seconds()*1000/n, s)
	w.caughtUp(n, s)
	w.once(o.First, len(out.Took))
}

// caughtUp waits until the server has everything.
func (w *world) caughtUp(n float64, s *shares) {
	w.t.Helper()
	began := time.Now()
	w.drained()
	w.t.Logf("the server had everything %.1f s later; it took %.2f ms of CPU for each change, and %.0f a second from first to last",
		time.Since(began).Seconds(), s.of("server").Seconds()*1000/n, n/time.Since(s.at).Seconds())
	w.t.Logf("agent: %s; server: %s", memoryOf(w.t, w.agent.PID()), memoryOf(w.t, w.server.PID()))
}

// once expects every change of a replay to be on record once.
func (w *world) once(first, n int) {
	w.t.Helper()
	times, sightings := make([]int, n), map[string]int{}
	for _, c := range w.record() {
		_, digits, _ := strings.Cut(c.Object.Name, "-")
		i, err := strconv.Atoi(digits)
		if len(digits) != len(mark) || err != nil || i < first || i >= first+n {
			continue
		}
		times[i-first]++
		var by []string
		for _, s := range c.Sightings {
			by = append(by, s.By)
		}
		sightings[strings.Join(slices.Sorted(slices.Values(by)), " and ")]++
	}
	tally := map[int]int{}
	for i, k := range times {
		if tally[k]++; k != 1 && tally[k] < 10 {
			w.t.Errorf("change %d is on record %d times", first+i, k)
		}
	}
	w.t.Logf("%d of %d changes are on record once; seen by %v", tally[1], n, sightings)
	if tally[1] != n {
		w.t.Errorf("%d of %d changes are on record once", tally[1], n)
	}
}

// record gives everything on record, once everything is stopped.
func (w *world) record() (out []seaworthy.Change) {
	w.t.Helper()
	if err := w.agent.Stop(); err != nil {
		w.t.Errorf("the agent ended with %v", err)
	}
	if err := w.server.Stop(); err != nil {
		w.t.Errorf("the server ended with %v", err)
	}
	if info, err := os.Stat(filepath.Join(w.server.Data, "seaworthy.db")); err == nil {
		w.t.Logf("the server's database is %.0f MB", float64(info.Size())/1e6)
	}
	s, err := store.Open(w.t.Context(), store.Config{Dir: w.server.Data})
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	for cursor := ""; ; {
		page, err := s.Changes(w.t.Context(), store.ChangeFilter{Source: w.source.ID, Cursor: cursor, Limit: 1000})
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, page.Items...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	gaps, err := s.GapsBetween(w.t.Context(), time.Time{}, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, g := range gaps {
		w.t.Logf("on record is a gap of the kind %s, %s to %s: %s", g.Kind, g.From, g.To, g.Reason)
	}
	return out
}

// TestWrites writes to the API server as fast as it goes, with the agent as its webhook, at
// its watch and at its audit log, and expects every version on record once.
func TestWrites(t *testing.T) {
	w := enter(t, true)
	w.watch()
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: shop}}
	if _, err := w.client.CoreV1().Namespaces().Create(t.Context(), space, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	o := order{Kubeconfig: w.admin(), Seconds: seconds(t), Workers: 16}
	s := w.shares()
	out := w.load(o)
	n := float64(len(out.Versions))
	t.Logf("%.0f writes in %.1f s, %.0f a second, each seen by webhook, watch and audit log; a write: %s", n, out.All.Seconds(), n/out.All.Seconds(), quantiles(out.Took))
	t.Logf("CPU for each: agent %.2f ms, kube-apiserver %.2f ms, who writes %.2f ms; %s", s.of("agent").Seconds()*1000/n, s.of("kube-apiserver").Seconds()*1000/n, out.CPU.Seconds()*1000/n, s)
	time.Sleep(3 * time.Second) // the log is read every second
	w.caughtUp(n, s)
	times, sightings := map[string]int{}, map[int]int{}
	for _, c := range w.record() {
		if c.Object.Namespace == shop && c.Outcome == seaworthy.OutcomePersisted {
			times[c.Object.ResourceVersion]++
			sightings[len(c.Sightings)]++
		}
	}
	missing, twice := 0, 0
	for _, v := range out.Versions {
		switch times[v] {
		case 0:
			missing++
		case 1:
		default:
			twice++
		}
	}
	t.Logf("%d versions made, %d on record; by number of places that saw them: %v", len(out.Versions), len(times), sightings)
	if missing+twice > 0 || len(times) != len(out.Versions) {
		t.Errorf("%d versions are missing, %d are there more than once, %d on record were made by nobody: %v", missing, twice, len(times)-len(out.Versions)+missing, slices.Sorted(maps.Keys(times))[:min(3, len(times))])
	}
}

// admin is a kubeconfig of somebody who is not the agent.
func (w *world) admin() string {
	w.t.Helper()
	c, err := w.kube.User("jane", "system:masters")
	if err != nil {
		w.t.Fatal(err)
	}
	k := clientcmdapi.NewConfig()
	k.Clusters["test"] = &clientcmdapi.Cluster{Server: c.Host, CertificateAuthorityData: c.CAData}
	k.AuthInfos["jane"] = &clientcmdapi.AuthInfo{ClientCertificateData: c.CertData, ClientKeyData: c.KeyData}
	k.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "jane"}
	k.CurrentContext = "test"
	file := filepath.Join(w.dir, "jane")
	if err := clientcmd.WriteToFile(*k, file); err != nil {
		w.t.Fatal(err)
	}
	return file
}

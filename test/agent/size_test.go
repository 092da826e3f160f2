// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// TestFullSize has the agent in a cluster with controllers, a scheduler and simulated nodes,
// of as many pods as SEAWORTHY_PODS says, which `make soak` sets, or of a few. What people do
// is on record one by one, and what the cluster does of it by itself makes nobody explain
// anything.
func TestFullSize(t *testing.T) {
	t.Parallel()
	const sets = 20
	pods := 3 * sets
	if text := os.Getenv("SEAWORTHY_PODS"); text != "" {
		var err error
		if pods, err = strconv.Atoi(text); err != nil || pods < 2*sets {
			t.Fatalf("SEAWORTHY_PODS is %q, not a number from %d on", text, 2*sets)
		}
	}
	w := enter(t, func(w *world) { w.nodes = pods/500 + 2 })
	r := w.agent("one")
	w.ready(r)
	jane := w.admin()
	for i := range sets {
		jane.must(http.MethodPost, deployments, deployment(fmt.Sprint("web-", i), pods/sets))
	}
	w.until("all pods run", time.Duration(pods)*60*time.Millisecond+time.Minute, func() error {
		for i := range sets {
			status, _ := jane.must(http.MethodGet, fmt.Sprint(deployments, "/web-", i), nil)["status"].(object)
			if status["readyReplicas"] != float64(pods/sets) {
				return fmt.Errorf("web-%d: %v", i, status)
			}
		}
		return nil
	})
	jane.must(http.MethodPatch, deployments+"/web-0", scaled(1))
	jane.must(http.MethodPatch, deployments+"/web-0", scaled(pods/sets))
	w.until("what was done is on record", 5*time.Minute, func() error {
		if list := w.of("Deployment", "shop", "web-0"); len(list) != 3 || !slices.Contains(list[2].Flags, seaworthy.FlagReverted) || len(list[2].Sightings) < 3 {
			return fmt.Errorf("%s", told1(list))
		}
		return nil
	})
	w.until("everything has arrived", 5*time.Minute, func() error {
		text, err := get("http://" + r.health + "/metrics")
		if err != nil {
			return err
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "seaworthy_agent_messages_waiting{") && !strings.HasSuffix(line, " 0\n") {
				return fmt.Errorf("%s", line)
			}
		}
		return nil
	})
	list, err := w.tryChanges(url.Values{"source": {w.source.ID}, "namespace": {"shop"}, "match": {string(seaworthy.MatchOutOfBand)}})
	if err != nil {
		t.Fatal(err)
	}
	if others := slices.DeleteFunc(list, func(c seaworthy.Change) bool { return c.Actor.Username == "jane" || c.Actor.Username == "installer" }); len(others) > 0 {
		t.Errorf("%d changes of the cluster's own wait for an explanation, such as:\n%s", len(others), told1(others[:min(len(others), 20)]))
	}
	t.Logf("%d pods; the agent's memory: %s", pods, memoryOf(r.PID()))
	w.intact()
}

// memoryOf tells the most that a process has held.
func memoryOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "VmHWM:") {
			return strings.Join(strings.Fields(line)[1:], " ")
		}
	}
	return "unknown"
}

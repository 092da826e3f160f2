// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pace

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// door gives what an API server knows of the webhook.
func (w *world) door() order {
	w.t.Helper()
	c, err := w.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(w.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(c.Webhooks) == 0 || c.Webhooks[0].ClientConfig.URL == nil {
		w.t.Fatal("the webhook's configuration names no address")
	}
	return order{Door: *c.Webhooks[0].ClientConfig.URL, CA: c.Webhooks[0].ClientConfig.CABundle}
}

// TestAdmission asks the agent what an API server asks, over TLS and with all checks on.
// Whatever it is asked is on its disk before it answers, and goes to the server meanwhile.
func TestAdmission(t *testing.T) {
	w := enter(t, false)
	w.watch()
	o := w.door()
	o.Most, o.Workers = 1000, 1
	w.load(w.numbered(o)) // what is compiled at first use is
	step := func(what string, o order) {
		s := w.shares()
		out := w.load(w.numbered(o))
		t.Logf("%s: %s", what, quantiles(out.Took))
		n := float64(len(out.Took))
		t.Logf("%s: %.0f reviews a second; CPU for each: agent %.2f ms, what asks %.2f ms; %s", what, n/out.All.Seconds(),
			s.of("agent").Seconds()*1000/n, out.CPU.Seconds()*1000/n, s)
		t.Logf("%s: the agent's CPU alone is good for %.0f reviews a second on two cores", what, 2*n/s.of("agent").Seconds())
	}
	o.Most, o.Workers = 3000, 1
	step("one after the other", o)
	o.Most, o.Rate, o.Workers = 6000, 200, 16
	step("200 a second", o)
	o.Most, o.Rate, o.Seconds, o.Workers = 0, 0, 20, 8
	step("as many as go", o)
	t.Logf("memory of the agent: %s", memoryOf(t, w.agent.PID()))
	began := time.Now()
	w.drained()
	t.Logf("the server had everything %.1f s later", time.Since(began).Seconds())
}

// numbered gives an order numbers of writes that no other one has.
func (w *world) numbered(o order) order {
	const most = 1_000_000 // of one order
	o.First = w.orders * most
	w.orders++
	return o
}

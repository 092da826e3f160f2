// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seaworthy-dev/seaworthy"
)

// metrics are what Prometheus is told. What a label may be is a closed list each.
type metrics struct {
	registry      *prometheus.Registry
	observed      *prometheus.CounterVec
	reviews       *prometheus.CounterVec
	reviewSeconds prometheus.Histogram
	auditEvents   prometheus.Counter
	reports       prometheus.Counter
	notices       *prometheus.CounterVec
}

func newMetrics(a *Agent) *metrics {
	m := &metrics{
		registry:      prometheus.NewRegistry(),
		observed:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "seaworthy_agent_observations_total", Help: "Writes and privileged requests that were seen, by the place that saw them."}, []string{"place"}),
		reviews:       prometheus.NewCounterVec(prometheus.CounterOpts{Name: "seaworthy_agent_admission_reviews_total", Help: "Requests that the webhook was asked about, by what it answered: allowed, warned, refused, failed."}, []string{"verdict"}),
		reviewSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "seaworthy_agent_admission_review_seconds", Help: "How long the webhook took to answer.", Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}}),
		auditEvents:   prometheus.NewCounter(prometheus.CounterOpts{Name: "seaworthy_agent_audit_events_total", Help: "Audit events that were read."}),
		reports:       prometheus.NewCounter(prometheus.CounterOpts{Name: "seaworthy_agent_reports_total", Help: "Whole reports that were written."}),
		notices:       prometheus.NewCounterVec(prometheus.CounterOpts{Name: "seaworthy_agent_notice_attempts_total", Help: "Attempts to send notices of the agent's own, by what came of them: delivered, failed."}, []string{"outcome"}),
	}
	m.registry.MustRegister(m.observed, m.reviews, m.reviewSeconds, m.auditEvents, m.reports, m.notices, moment{a},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// moment is how it stands when Prometheus asks.
type moment struct{ a *Agent }

var (
	descLeader   = prometheus.NewDesc("seaworthy_agent_leader", "1 where this replica leads.", nil, nil)
	descPlace    = prometheus.NewDesc("seaworthy_agent_place_works", "1 where the place from which changes are seen works; without a value it is not observed.", []string{"place"}, nil)
	descProved   = prometheus.NewDesc("seaworthy_agent_place_proved_timestamp_seconds", "When it was last proven that the place sees everything.", []string{"place"}, nil)
	descWaiting  = prometheus.NewDesc("seaworthy_agent_messages_waiting", "Messages that the server has not taken, by stream.", []string{"stream"}, nil)
	descAnswered = prometheus.NewDesc("seaworthy_agent_server_answered_timestamp_seconds", "When the server last answered.", nil, nil)
	descFull     = prometheus.NewDesc("seaworthy_agent_spool_full", "1 where the disk takes nothing more: what is seen is lost, and a gap.", nil, nil)
	descObjects  = prometheus.NewDesc("seaworthy_agent_objects", "Objects that the leader watches.", nil, nil)
	descFindings = prometheus.NewDesc("seaworthy_agent_findings", "Findings of the leader.", nil, nil)
	descExcess   = prometheus.NewDesc("seaworthy_agent_rights_excess", "Rights that the agent has and does not need.", nil, nil)
	descLacking  = prometheus.NewDesc("seaworthy_agent_rights_lacking", "Rights that the agent needs and does not have.", nil, nil)
	descNotices  = prometheus.NewDesc("seaworthy_agent_notices_waiting", "Notices of the agent's own that no destination has taken yet.", nil, nil)
)

// Describe is prometheus.Collector.
func (m moment) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descLeader, descPlace, descProved, descWaiting, descAnswered, descFull, descObjects, descFindings, descExcess, descLacking, descNotices} {
		c <- d
	}
}

// Collect is prometheus.Collector.
func (m moment) Collect(c chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	a := m.a
	h := a.state()
	gauge(descLeader, flag(h.Leader))
	for name, p := range h.Places {
		if p.State == seaworthy.PlaceNotObserved {
			continue
		}
		gauge(descPlace, flag(p.State == seaworthy.PlaceWorks), name)
		gauge(descProved, seconds(a.places.proved(name)), name)
	}
	if link := a.uplink.Load(); link != nil {
		l := link.Link()
		for stream, n := range l.Waiting {
			gauge(descWaiting, float64(n), stream)
		}
		gauge(descAnswered, seconds(l.Answered))
		gauge(descFull, flag(l.Full))
	}
	if h.Leader {
		gauge(descObjects, float64(h.Objects))
		gauge(descFindings, float64(h.Findings))
	}
	if a.rightsKnown() {
		gauge(descExcess, float64(len(h.Excess)))
		gauge(descLacking, float64(len(h.Lacking)))
	}
	gauge(descNotices, float64(h.Notices))
}

func flag(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// health answers kubelets and Prometheus: whether the process lives, whether it can answer
// the API server, and its metrics.
func (a *Agent) health() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := a.ready(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{}))
	return mux
}

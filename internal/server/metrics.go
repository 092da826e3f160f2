// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// metrics is what Prometheus is told, in a registry of its own.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(s *store.Store, log *slog.Logger, stamps bool) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "seaworthy_http_requests_total", Help: "Requests by route and status.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "seaworthy_http_request_seconds", Help: "Time to answer, by route.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}, []string{"method", "route"}),
	}
	m.registry.MustRegister(m.requests, m.seconds, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &state{s, log, stamps})
	return m
}

// count counts a request. Routes and methods are few, whatever is asked for: what no
// route answers counts as one.
func (m *metrics) count(method, route string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(method, route).Observe(took.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// state collects what the database knows, when it is asked for.
type state struct {
	store  *store.Store
	log    *slog.Logger
	stamps bool // timestamps are asked for
}

// What state tells of.
var (
	descEntries    = prometheus.NewDesc("seaworthy_log_entries", "Entries of the log.", nil, nil)
	descCheckpoint = prometheus.NewDesc("seaworthy_log_checkpoint_timestamp_seconds", "When the newest checkpoint was signed.", nil, nil)
	descStamped    = prometheus.NewDesc("seaworthy_log_stamped_timestamp_seconds", "When the newest checkpoint with a timestamp of an authority was signed.", nil, nil)
	descSelfCheck  = prometheus.NewDesc("seaworthy_self_check_problems", "What the latest self-check found altered, missing or added.", nil, nil)
	descSelfCheckT = prometheus.NewDesc("seaworthy_self_check_timestamp_seconds", "When the latest self-check ended.", nil, nil)
	descFailures   = prometheus.NewDesc("seaworthy_job_failures", "How often a job failed in a row.", []string{"job"}, nil)
	descRan        = prometheus.NewDesc("seaworthy_job_timestamp_seconds", "When a job ran last.", []string{"job"}, nil)
	descUp         = prometheus.NewDesc("seaworthy_database_up", "Whether the database answers.", nil, nil)
)

// Describe tells what there may be.
func (c *state) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descEntries, descCheckpoint, descStamped, descSelfCheck, descSelfCheckT, descFailures, descRan, descUp} {
		out <- d
	}
}

// Collect reads the present values. A database that does not answer is a value too.
func (c *state) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	size, _, err := c.store.LogHead(ctx)
	if err != nil {
		c.log.Warn("metrics cannot be read", "error", err)
		gauge(descUp, 0)
		return
	}
	gauge(descUp, 1)
	gauge(descEntries, float64(size))
	if p, err := c.store.LastCheckpoint(ctx); err == nil {
		gauge(descCheckpoint, float64(p.At.Unix()))
	}
	if p, err := c.store.LastStamped(ctx); err == nil {
		gauge(descStamped, float64(p.At.Unix()))
	}
	if checks, err := c.store.SelfChecks(ctx, 1); err == nil && len(checks) == 1 {
		gauge(descSelfCheck, float64(len(checks[0].Problems)))
		gauge(descSelfCheckT, float64(checks[0].FinishedAt.Unix()))
	}
	list, _ := c.store.Jobs(ctx) // what answered a moment ago and does not now shows next time
	for _, j := range list {
		if j.Name == store.TimestampJob && !c.stamps {
			continue // what it left from when there was an authority must not alarm anybody
		}
		gauge(descFailures, float64(j.Failures), j.Name)
		if !j.RanAt.IsZero() {
			gauge(descRan, float64(j.RanAt.Unix()), j.Name)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

// Package agent watches one cluster from inside: it keeps the findings current, sees who
// changes what, stands in front of what is written, and tells the server and, by itself,
// people.
//
// Each replica answers the webhook and takes audit events; one of them leads: it watches,
// judges, keeps the webhook's configuration in place and says where something may have
// gone unseen. What a replica saw is on its disk before the request that it saw is let
// through. Nothing here reads a Secret but the two that the agent keeps and, to tell who
// touches them, those that it works with, unless it was told to list all.
package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/live"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/uplink"
)

// Config says which cluster is watched, for whom, and with what.
type Config struct {
	Cluster *kube.Cluster
	// Source is what the cluster says of itself, Problems what it did not say.
	Source   seaworthy.Source
	Problems []seaworthy.Problem
	// Name is that of the agent's own objects, in Namespace; Replica is this one's.
	Name, Namespace, Replica, Version string
	// Secrets are listed too; for the agent's knowledge of its own rights. Where they are not,
	// OwnSecrets of its namespace are followed by name, and those that it keeps.
	Secrets    bool
	OwnSecrets []string

	// Server is the address of the server, HTTP how it is asked; Enrolment gives the token
	// that works once, when it is needed.
	Server    string
	HTTP      *http.Client
	Enrolment func() (string, error)
	// Spool is a folder of this replica alone, of which each stream may fill Limit bytes; 0:
	// as a spool has it.
	Spool string
	Limit int64

	// Listener takes what the API server asks and tells, over TLS; Health takes the questions
	// of kubelets and of Prometheus.
	Listener, Health net.Listener
	// URL is where the API server reaches Listener; empty: by the Service of the agent's name.
	URL string

	// Scan says by what the cluster is judged.
	Scan *scan.Config
	// Admission says what comes of what fails; nil: there is no webhook.
	Admission *admission.Config
	// Files, when given, hold the certificate instead of one that the agent makes.
	Files CertificateFiles
	// AuditToken is what the API server's audit webhook has to show; empty: none is taken.
	// AuditLog is a file that is followed.
	AuditToken, AuditLog string

	// OpenReports has the findings written into the cluster too, as Reports of openreports.io;
	// OpenReportsEvery is how often; 0: as usual.
	OpenReports      bool
	OpenReportsEvery time.Duration

	Notices Notices
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
	// Elapsed is a clock that nobody sets; nil: the machine's.
	Elapsed func() time.Duration
	// CanaryEvery is how often it is proven that the webhook is asked; 0: [CanaryEvery].
	CanaryEvery time.Duration
}

// CertificateFiles are a certificate that something else keeps fresh.
type CertificateFiles struct{ Certificate, Key, Authority string }

// Agent is one replica.
type Agent struct {
	cfg     Config
	log     *slog.Logger
	now     func() time.Time
	started time.Time
	elapsed func() time.Duration
	audited atomic.Int64 // when audit events last came to this replica, by elapsed; 0: never
	seen    atomic.Uint64

	places   *places
	canaries canaries
	unread   unread
	metrics  *metrics
	teller   *teller
	uplink   atomic.Pointer[uplink.Uplink] // nil until the agent is enrolled
	door     atomic.Pointer[admission.Door]
	live     atomic.Pointer[live.Live] // nil: this replica does not lead
	cert     *admission.Certificate
	reports  *openReports // nil: none are kept

	kick    chan struct{} // look at the webhook's configuration now
	prove   chan struct{} // prove now that the webhook is asked
	report  chan struct{} // a whole report is wanted
	restart chan struct{} // what live goes by became different

	mu       sync.Mutex
	server   seaworthy.AgentConfiguration
	pairs    admission.Pairs
	path     string // of the webhook, which only its configuration tells
	hook     hookState
	lacking  []string
	excess   []string
	checked  bool // what the agent is allowed was asked for
	leading  bool
	watching time.Time // since when, without a break
	stuck    string    // why this replica cannot work yet
	found    map[string]namespaceFound
}

// New makes an agent. Nothing is asked yet.
func New(c Config) (*Agent, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Elapsed == nil {
		began := time.Now()
		c.Elapsed = func() time.Duration { return time.Since(began) }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.CanaryEvery == 0 {
		c.CanaryEvery = CanaryEvery
	}
	if c.Scan.Now == nil {
		with := *c.Scan
		with.Now, c.Scan = c.Now, &with
	}
	a := &Agent{
		cfg: c, log: c.Log, now: c.Now, elapsed: c.Elapsed, started: c.Now().UTC(), found: map[string]namespaceFound{},
		kick: make(chan struct{}, 1), prove: make(chan struct{}, 1), report: make(chan struct{}, 1), restart: make(chan struct{}, 1),
		stuck: "it starts",
	}
	a.cert = admission.SelfMade(c.Now)
	if f := c.Files; f.Certificate != "" {
		var err error
		if a.cert, err = admission.FromFiles(f.Certificate, f.Key, c.Now); err != nil {
			return nil, err
		}
	}
	var err error
	if a.places, err = openPlaces(filepath.Join(c.Spool, "places.json"), moments{c.Now, c.Elapsed}, a.gap); err != nil {
		return nil, err
	}
	if !a.cfg.admits() {
		a.places.notObserved(seaworthy.SeenByWebhook, "the webhook is switched off")
	}
	if !a.audits() {
		a.places.notObserved(seaworthy.SeenByAudit, "no audit events are set up to come here")
	}
	a.places.notObserved(seaworthy.SeenByWatch, otherWatches)
	if a.teller, err = newTeller(a); err != nil {
		return nil, err
	}
	if c.OpenReports {
		a.reports = newOpenReports(a)
	}
	a.metrics = newMetrics(a)
	return a, nil
}

const otherWatches = "another replica watches"

func (c *Config) admits() bool { return c.Admission != nil }

// Run works until the context ends.
func (a *Agent) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if a.cfg.Health != nil {
		g.Go(func() error { return serve(ctx, a.cfg.Health, a.health(), nil) })
	}
	g.Go(func() error { return a.work(ctx) })
	err := g.Wait()
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

// work enrols the agent and then does everything that it is for.
func (a *Agent) work(ctx context.Context) error {
	who, err := a.identify(ctx)
	if err != nil {
		return err
	}
	link, err := a.connect(who)
	if err != nil {
		return err
	}
	defer func() {
		a.farewell(ctx, link)
		if err := link.Close(); err != nil {
			a.log.Error("the spool cannot be closed", "error", err)
		}
	}()
	if err := a.firstConfiguration(ctx, who, link); err != nil {
		return err
	}
	a.uplink.Store(link)
	a.teller.since(who.Agent.EnrolledAt)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.converse(ctx, link) })
	g.Go(func() error { return a.teller.run(ctx) })
	g.Go(func() error { return a.follow(ctx) })
	g.Go(func() error { return a.watchAudit(ctx) })
	if a.cfg.admits() || a.cfg.AuditToken != "" {
		if err := a.prepareDoor(ctx); err != nil {
			return err
		}
		config := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: a.cert.Get}
		g.Go(func() error { return serve(ctx, a.cfg.Listener, a.asked(), config) })
		g.Go(func() error { return a.keepCertificates(ctx) })
	}
	if a.cfg.admits() {
		g.Go(func() error { return a.canary(ctx) })
	}
	g.Go(func() error { return a.checkRights(ctx) })
	g.Go(func() error { return a.elect(ctx) })
	a.stick("")
	a.log.Info("agent works", "cluster", a.configuration().Source.Name, "instance", link.Instance())
	return g.Wait()
}

// farewellTakes is how long an agent that ends waits for the server.
const farewellTakes = 8 * time.Second

// farewell sends what waits and says that this replica ends in good order: one that is not
// heard to end may have seen what nobody will tell.
func (a *Agent) farewell(ctx context.Context, link *uplink.Uplink) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellTakes)
	defer cancel()
	if err := link.End(ctx); err != nil {
		a.log.Warn("the server was not told that this replica ends", "error", err)
	}
}

// connect opens the way to the server.
func (a *Agent) connect(who *identity) (*uplink.Uplink, error) {
	c, err := client.New(client.Config{
		URL: a.cfg.Server, Key: client.NewAgentKey(who.Agent.ID, who.Key), HTTP: a.cfg.HTTP, Agent: "seaworthy-agent/" + a.cfg.Version, Tries: 1,
	})
	if err != nil {
		return nil, err
	}
	return uplink.Open(uplink.Config{
		Client: c, Agent: who.Agent, Key: who.Key, Dir: filepath.Join(a.cfg.Spool, "messages"), Limit: a.cfg.Limit,
		State: a.state, Configured: a.configured, Wanted: func() { ring(a.report) }, Log: a.log, Now: a.now,
	})
}

// converse speaks with the server. A server that knows the agent no more is asked again: the
// webhook goes on, and what was seen waits on disk for whoever enrols it anew.
func (a *Agent) converse(ctx context.Context, link *uplink.Uplink) error {
	for {
		err := link.Run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a.log.Error("the server takes nothing from this agent", "error", err)
		if !sleep(ctx, time.Minute) {
			return ctx.Err()
		}
	}
}

// Observed counts what the webhook, audit events and watching have shown.
func (a *Agent) Observed() uint64 { return a.seen.Load() }

// observe puts observations on disk and tells people of those that are remarkable.
func (a *Agent) observe(list ...changes.Observation) {
	a.seen.Add(uint64(len(list)))
	for i := range list {
		a.owned(&list[i])
	}
	if link := a.uplink.Load(); link != nil {
		link.Observe(list...)
	}
	for _, o := range list {
		a.metrics.observed.WithLabelValues(o.By).Inc()
		a.places.latest(o.By, o.At)
		a.teller.see(&o)
	}
}

// gap puts an interval on record in which something may have gone unseen.
func (a *Agent) gap(g seaworthy.AgentGap) {
	if link := a.uplink.Load(); link != nil {
		link.Gap(g)
	}
	a.teller.gap(g)
}

// configuration is what the server last said.
func (a *Agent) configuration() seaworthy.AgentConfiguration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.server
}

// stick notes why this replica cannot work yet; empty: it works.
func (a *Agent) stick(why string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stuck != why && why != "" {
		a.log.Warn("the agent cannot work yet", "reason", why)
	}
	a.stuck = why
}

// serve answers on a listener until the context ends.
func serve(ctx context.Context, l net.Listener, h http.Handler, config *tls.Config) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, TLSConfig: config, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if s.Shutdown(ctx) != nil { // somebody does not end
			_ = s.Close()
		}
	})
	var err error
	if config != nil {
		err = s.ServeTLS(l, "", "")
	} else {
		err = s.Serve(l)
	}
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return ctx.Err()
	}
	return fmt.Errorf("serve %s: %w", l.Addr(), err)
}

// hookURL is where the API server reaches the webhook, when it is not by a Service.
func (c *Config) hookURL(path string) (string, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return "", seaworthy.Invalid("the webhook's address %q must be like https://10.0.0.7:8443", c.URL)
	}
	return u.JoinPath(path).String(), nil
}

// ring tells a loop that there is something to do.
func ring(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

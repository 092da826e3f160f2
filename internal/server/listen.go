// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/footprint"
	"github.com/seaworthy-dev/seaworthy/internal/jobs"
)

// The limits of a connection. Bodies have their own: see deadlines.
const (
	headerTime   = 5 * time.Second
	idleTime     = 2 * time.Minute
	headerBytes  = 64 << 10
	shutdownTime = 10 * time.Second
)

// Listen takes an address. It is separate from [Server.Run] so that a taken port is found
// before anything is opened.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, seaworthy.Invalid("another program listens on %s; choose another address with --listen", address)
	case errors.Is(err, syscall.EACCES):
		return nil, seaworthy.Invalid("this user may not listen on %s; choose a port above 1023 with --listen", address)
	case err != nil:
		return nil, seaworthy.Invalid("listen on %q: %v", address, err)
	}
	return l, nil
}

// Run serves on the listener and does the periodic work until the context ends; then it
// lets requests finish for some seconds.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	main := s.httpServer(s.handler)
	if s.config.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(s.config.TLSCert, s.config.TLSKey)
		if err != nil {
			return errors.Join(seaworthy.Invalid("read the certificate: %v", err), l.Close())
		}
		main.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}
	}
	asked := ctx
	g, ctx := errgroup.WithContext(ctx)
	serve(ctx, g, main, l, s.config.TLSCert != "")
	if s.config.MetricsListen != "" {
		ml, err := Listen(ctx, s.config.MetricsListen)
		if err != nil {
			return errors.Join(err, l.Close())
		}
		serve(ctx, g, s.httpServer(s.metrics.handler()), ml, false)
	}
	g.Go(func() error { return jobs.New(s.store, s.log, s.jobs()).Run(ctx) })
	g.Go(func() error {
		s.askProvider(ctx)
		return nil
	})
	g.Go(func() error {
		s.readCounters(ctx)
		return nil
	})
	s.log.Info("serving", "address", l.Addr().String(), "url", s.config.BaseURL, "database", s.store.Engine(), "blobs", s.vault.String(), "version", s.config.Version)
	if err := s.welcome(ctx); err != nil {
		s.log.Error("the set-up link could not be made", "error", err)
	}
	if err := footprint.Shrink(); err != nil { // what only the start needed, or the example's history, is given back
		s.log.Debug("pages of the program's file stay mapped", "error", err)
	}
	err := g.Wait()
	if errors.Is(err, http.ErrServerClosed) || asked.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // it was asked to stop
	}
	s.log.Info("stopped")
	return err
}

// countersAge is after what time the counters of findings are read anew.
const countersAge = 24 * time.Hour

// readCounters has the counters of findings in memory before anybody asks, and reads them
// anew every day.
func (s *Server) readCounters(ctx context.Context) {
	again := time.NewTicker(countersAge)
	defer again.Stop()
	for {
		if err := s.store.ReadCounters(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("the counters of findings were not read; the next list reads them", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// askProvider asks the provider of single sign-on early, so that a wrong address shows in
// the log and not first to people.
func (s *Server) askProvider(ctx context.Context) {
	if s.signOn == nil {
		return
	}
	if err := s.signOn.Check(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("nobody can use single sign-on yet", "issuer", s.config.SignOn.Issuer, "error", err)
	}
}

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: headerBytes,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // what strangers send is no warning
	}
}

// serve runs one HTTP server until the context ends.
func serve(ctx context.Context, g *errgroup.Group, srv *http.Server, l net.Listener, secure bool) {
	g.Go(func() error {
		if secure {
			return srv.ServeTLS(l, "", "")
		}
		return srv.Serve(l)
	})
	g.Go(func() error {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		if err := srv.Shutdown(end); err != nil {
			return srv.Close() // who did not finish is cut off
		}
		return nil
	})
}

// welcome tells where to go, and at the first start the link that makes the first owner.
func (s *Server) welcome(ctx context.Context) error {
	link, err := s.auth.SetupLink(ctx)
	if err != nil {
		return err
	}
	if link == "" {
		_, err = fmt.Fprintf(s.config.Out, "Seaworthy is at %s\n", s.config.BaseURL)
		return err
	}
	_, err = fmt.Fprintf(s.config.Out, "Seaworthy is at %s\n\nNobody has an account yet. Make the first owner here, within a day:\n\n  %s\n\n", s.config.BaseURL, link)
	return err
}

// SPDX-License-Identifier: Apache-2.0

// Package server is Seaworthy as a service: the pages, the API and the log on one
// listener, and the periodic work beside them. It opens what these stand on, wires it
// together, and ends it in order.
//
// Nothing is decided here. What the server needs to keep between starts is in the
// database, in the storage of blobs, and in two keys: the one that signs the log and the
// one that seals secrets.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/auth/oidc"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
	"github.com/seaworthy-dev/seaworthy/internal/outgoing"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/timestamp"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// Config says how a server runs. Only Data is needed.
type Config struct {
	// Data is the folder that holds what is not elsewhere: database, blobs, keys.
	Data string
	// Listen is an address such as 127.0.0.1:8080.
	Listen string
	// MetricsListen is where metrics are served to anybody; empty: only on Listen, with a
	// token.
	MetricsListen string
	// Database is a postgres:// URL; empty: SQLite in Data.
	Database string
	// Storage is an s3:// address of blobs; empty: a folder in Data.
	Storage string
	// BaseURL is where browsers reach the server; empty: http://Listen.
	BaseURL string
	// LogKey and SecretKey are files with the keys; empty: in Data, made when absent.
	LogKey, SecretKey string
	// TLSCert and TLSKey are files in PEM; empty: plain HTTP.
	TLSCert, TLSKey string
	// TrustedProxies are believed when they tell who asks.
	TrustedProxies []netip.Prefix
	// Witnesses are the public keys of those who may cosign the log.
	Witnesses []string
	// PrivateLog serves the log's tiles only to who may read the log.
	PrivateLog          bool
	RequireSecondFactor bool
	// SessionLifetime is how long people stay signed in at most; zero: 7 days.
	SessionLifetime time.Duration
	// SignOn is single sign-on; without an Issuer there is none.
	SignOn oidc.Config
	// SignOnOnly leaves passwords to owners and auditors.
	SignOnOnly bool
	// Outgoing says where addresses may be that people set.
	Outgoing outgoing.Config
	// Receivers is the client by which notices go; nil: one that keeps to Outgoing.
	Receivers *http.Client
	// Mail is how notices go by e-mail; without a Host they do not.
	Mail notify.Email
	// Timestamps is the authority that sees the log; without a URL there is none.
	Timestamps timestamp.Config

	// The catalogue that the server starts with.
	Checks     []seaworthy.Check
	Controls   []seaworthy.Control
	Frameworks []seaworthy.Framework

	Version string
	Log     *slog.Logger
	// Out is told where to go first.
	Out io.Writer
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Wait is how long to wait for a database that does not answer at the start.
	Wait time.Duration
	// Example says on every page that the data is made up.
	Example bool
}

// Server is an open server. Run serves, Close ends it.
type Server struct {
	config  Config
	log     *slog.Logger
	store   *store.Store
	vault   *vault.Vault
	auth    *auth.Auth
	signer  note.Signer
	key     note.Verifier
	public  string               // the log's public key, as note.NewVerifier reads it
	signOn  *oidc.Provider       // nil: there is none
	stamps  *timestamp.Authority // nil: there is none
	metrics *metrics
	handler http.Handler
	// patience is how long a client may take to begin, or to take in what it is sent.
	patience time.Duration
	closers  []io.Closer
	parts    parts
}

// Open opens everything that the server stands on. It changes nothing when something is
// amiss, but for the data folder and the keys, which it makes.
func Open(ctx context.Context, c Config) (_ *Server, err error) {
	c = c.defaults()
	s := &Server{config: c, log: c.Log, patience: usualPatience}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := writable(c.Data); err != nil {
		return nil, err
	}
	if c.Database == "" {
		if err := cutRestore(c.Data); err != nil {
			return nil, err
		}
	}
	if err := s.openStore(ctx); err != nil {
		return nil, err
	}
	if err := s.store.Restored(ctx); err != nil {
		return nil, err
	}
	// An example stays one, whatever command opens it.
	if example, err := s.store.Example(ctx); err != nil {
		return nil, err
	} else if example != "" {
		s.config.Example = true
	}
	if err := s.openVault(ctx); err != nil {
		return nil, err
	}
	if err := s.openKeys(ctx); err != nil {
		return nil, err
	}
	if err := s.openAuth(); err != nil {
		return nil, err
	}
	if err := s.openStamps(); err != nil {
		return nil, err
	}
	s.metrics = newMetrics(s.store, s.log, s.stamps != nil)
	if err := s.wire(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func (c Config) defaults() Config {
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:8080")
	if c.BaseURL == "" {
		scheme := "http://"
		if c.TLSCert != "" {
			scheme = "https://"
		}
		c.BaseURL = scheme + c.Listen
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Out == nil {
		c.Out = io.Discard
	}
	return c
}

// Store is the open database, for those who fill it before it is served.
func (s *Server) Store() *store.Store { return s.store }

// Vault keeps the blobs.
func (s *Server) Vault() *vault.Vault { return s.vault }

// Auth lets people and programs in.
func (s *Server) Auth() *auth.Auth { return s.auth }

// LogKey is the public key of the log, as 'seaworthy verify --key' takes it.
func (s *Server) LogKey() string { return s.public }

// ServeHTTP answers one request. It is safe for concurrent use.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close closes what was opened, last first.
func (s *Server) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i].Close())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// openAuth opens the ways in. The provider of single sign-on need not answer yet.
func (s *Server) openAuth() (err error) {
	c := s.config
	s.auth, err = auth.New(auth.Config{
		Store: s.store, Logger: s.log, BaseURL: c.BaseURL, KeyFile: s.secretKeyFile(), Lifetime: c.SessionLifetime,
		RequireSecondFactor: c.RequireSecondFactor, ExternalOnly: c.SignOnOnly, Address: addresses{c.TrustedProxies}.of,
	})
	if err == nil && c.SignOn.Issuer != "" {
		s.signOn, err = oidc.New(s.auth, c.SignOn)
	}
	return err
}

// openStore opens the database, and waits for one that does not answer yet: beside a
// server, databases often start too.
func (s *Server) openStore(ctx context.Context) error {
	give := time.Now().Add(s.config.Wait)
	for {
		st, err := store.Open(ctx, store.Config{Database: s.config.Database, Dir: s.config.Data, Now: s.config.Now, Told: outbox.Tell})
		if err == nil {
			s.store = st
			s.closers = append(s.closers, st)
			return nil
		}
		var told *seaworthy.Error
		if !errors.As(err, &told) || told.Kind != seaworthy.KindUnavailable || !time.Now().Before(give) {
			return err
		}
		s.log.Warn("the database does not answer yet", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// openVault opens the storage of blobs. What is on its way to a bucket rests in the data
// folder until its digest is known.
func (s *Server) openVault(ctx context.Context) error {
	folder, err := vault.OpenFolder(filepath.Join(s.config.Data, "blobs"))
	if err != nil {
		return unwritable(s.config.Data, err)
	}
	s.closers = append(s.closers, folder)
	if s.config.Storage == "" {
		s.vault = vault.New(folder, folder)
		return nil
	}
	bucket, err := vault.OpenBucket(ctx, s.config.Storage, nil)
	if err != nil {
		return err
	}
	s.vault = vault.New(bucket, folder)
	return nil
}

// writable makes the data folder and finds out whether something can be written there,
// before anything half-made says it less clearly.
func writable(dir string) error {
	if dir == "" {
		return seaworthy.Invalid("the data folder is not named; give it with --data")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return unwritable(dir, err)
	}
	f, err := os.CreateTemp(dir, ".writable-")
	if err != nil {
		return unwritable(dir, err)
	}
	_, err = f.Write(make([]byte, 4096)) // a full disk still makes empty files
	err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	if err != nil {
		return unwritable(dir, err)
	}
	return nil
}

func unwritable(dir string, err error) error {
	return &seaworthy.Error{
		Kind: seaworthy.KindUnavailable, Err: err,
		Message: fmt.Sprintf("the data folder %s cannot be written; free the disk, change its rights, or choose another with --data", dir),
	}
}

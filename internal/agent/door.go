// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
)

// The fields of the Secret with the certificate.
const (
	pairsField = "pairs"
	pathField  = "path"
)

// certificatesEvery is how often replicas look for another certificate.
const certificatesEvery = time.Minute

// prepareDoor makes what answers the API server: a guard, a certificate and a path that
// nobody can guess.
func (a *Agent) prepareDoor(ctx context.Context) error {
	g, err := a.guard()
	if err != nil {
		return err
	}
	a.door.Store(admission.NewDoor(g, admission.DoorConfig{Log: a.log, Now: a.now, Answer: a.answerCanary, Seen: func(r *admission.Request) {
		a.observe(r.Observation)
	}}))
	for {
		err := a.shareCertificates(ctx)
		if err == nil {
			return nil
		}
		a.stick(err.Error())
		if !sleep(ctx, 5*time.Second) {
			return ctx.Err()
		}
	}
}

// keepCertificates renews the certificate in time and takes what other replicas made.
func (a *Agent) keepCertificates(ctx context.Context) error {
	for sleep(ctx, certificatesEvery) {
		if err := a.shareCertificates(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("the webhook's certificate cannot be kept", "error", err)
		}
	}
	return ctx.Err()
}

// names are those under which the API server reaches the door.
func (a *Agent) names() []string {
	service := a.cfg.Name + "." + a.cfg.Namespace
	names := []string{service + ".svc", service + ".svc.cluster.local"}
	if u, err := url.Parse(a.cfg.URL); err == nil && u.Hostname() != "" {
		names = append([]string{u.Hostname()}, names...)
	}
	return names
}

// shareCertificates brings pairs and path into line with the Secret, which it completes.
func (a *Agent) shareCertificates(ctx context.Context) error {
	var pairs admission.Pairs
	var path string
	err := a.keepSecret(ctx, certificateSecret(a.cfg.Name), func(data map[string][]byte) (changed bool, err error) {
		pairs, path = nil, string(data[pathField])
		if len(path) < 16 {
			path, changed = strings.ToLower(rand.Text()), true
			data[pathField] = []byte(path)
		}
		if a.cfg.Files.Certificate != "" {
			return changed, nil
		}
		if text := data[pairsField]; len(text) > 0 && json.Unmarshal(text, &pairs) != nil {
			pairs = nil // unreadable: made anew
		}
		pairs, renewed, err := pairs.Renew(a.now(), a.names())
		if err != nil || !renewed {
			return changed, err
		}
		data[pairsField], err = json.Marshal(pairs)
		return true, err
	})
	if err != nil {
		return err
	}
	if a.cfg.Files.Certificate == "" {
		if pairs, err = a.readPairs(ctx); err != nil {
			return err
		}
		a.cert.Set(pairs)
	}
	a.mu.Lock()
	changed := a.path != path || !bytes.Equal(a.pairs.Authorities(), pairs.Authorities())
	a.path, a.pairs = path, pairs
	a.mu.Unlock()
	if changed {
		ring(a.kick)
	}
	return nil
}

// readPairs reads what the Secret holds after all.
func (a *Agent) readPairs(ctx context.Context) (pairs admission.Pairs, err error) {
	err = a.keepSecret(ctx, certificateSecret(a.cfg.Name), func(data map[string][]byte) (bool, error) {
		return false, json.Unmarshal(data[pairsField], &pairs)
	})
	if err != nil {
		return nil, fmt.Errorf("read the webhook's certificate: %w", err)
	}
	return pairs, nil
}

// authorities are those that the API server has to trust.
func (a *Agent) authorities() ([]byte, error) {
	if f := a.cfg.Files.Authority; f != "" {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("read who signed the webhook's certificate: %w", err)
		}
		return text, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pairs.Authorities(), nil
}

const (
	hookPath  = "/admission/"
	auditPath = "/audit"
)

// asked answers the API server: its questions at a path that only the webhook's
// configuration tells, its audit events at one for which it shows a token.
func (a *Agent) asked() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+hookPath+"{path}", func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		path := a.path
		a.mu.Unlock()
		if door := a.door.Load(); door != nil && path != "" && same(r.PathValue("path"), path) && a.cfg.admits() {
			started := a.now()
			door.ServeHTTP(w, r)
			a.metrics.reviewSeconds.Observe(a.now().Sub(started).Seconds())
			return
		}
		http.NotFound(w, r)
	})
	mux.HandleFunc("POST "+auditPath, a.takeAudit)
	return mux
}

// ready says why this replica cannot answer the API server; nil: it can.
func (a *Agent) ready(ctx context.Context) error {
	a.mu.Lock()
	stuck := a.stuck
	a.mu.Unlock()
	if stuck != "" {
		return errors.New(stuck)
	}
	if link := a.uplink.Load(); link == nil || link.Link().Full {
		return seaworthy.Invalid("the spool takes nothing more")
	}
	if door := a.door.Load(); door != nil && a.cfg.admits() {
		if _, err := a.cert.Get(nil); err != nil {
			return err
		}
		return door.Ready(ctx)
	}
	return nil
}

// Address is where the door listens.
func (a *Agent) Address() net.Addr { return a.cfg.Listener.Addr() }

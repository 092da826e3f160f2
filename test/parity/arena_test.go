// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"context"
	"maps"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// An arena is a server with everything that the objects need, and what it said of them.
type arena struct {
	checks  []checks.Source
	server  *server
	rules   *enforced
	replies []*reply
}

// A reply is what the server said of one object.
type reply struct {
	subject *subject
	refused string // why it does not accept the object
	strict  string // what strict decoding complains of
	// returned is the object as the server would have stored it.
	returned map[string]any
	// denied holds the messages of the checks that fail, without params and with those of
	// the case.
	denied, deniedWithParams map[string]string
}

// asked is the one arena of all tests: filling it takes most of their time.
var asked struct {
	once sync.Once
	*arena
}

// ask sends every object to the server, once for all tests.
func ask(t *testing.T) *arena {
	t.Helper()
	config := cluster.Start(t).Config
	asked.once.Do(func() {
		sources, err := checks.List()
		if err != nil {
			t.Fatal(err)
		}
		subjects := gather(t, sources)
		if testing.Short() {
			subjects = sample(subjects)
		}
		a := &arena{checks: sources, server: newServer(t, config)}
		prepare(t, a.server, subjects)
		a.rules = enforce(t, config, sources, subjects)
		a.server.checks = a.rules.checks
		a.replies = a.sendAll(t.Context(), subjects)
		asked.arena = a
	})
	if asked.arena == nil {
		t.Skip("SKIPPED: the first test could not ask the server")
	}
	return asked.arena
}

// sendAll sends the subjects a few at a time.
func (a *arena) sendAll(ctx context.Context, subjects []*subject) []*reply {
	replies := make([]*reply, len(subjects))
	next := make(chan int)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for i := range next {
				replies[i] = a.send(ctx, subjects[i])
			}
		})
	}
	for i := range subjects {
		next <- i
	}
	close(next)
	workers.Wait()
	return replies
}

func (a *arena) send(ctx context.Context, s *subject) *reply {
	r := &reply{subject: s}
	c := call{
		verb: "POST", path: place(s.object.Resource, s.object.EffectiveNamespace()), body: s.object.Written,
		dryRun: true, validation: "Strict", groups: a.rules.parts,
	}
	if s.object.ReplacedAPI != "" { // judged, and so sent, as the version that took its place
		c.body = s.object.Canonical
	}
	var err error
	r.returned, r.denied, err = a.server.apply(ctx, c)
	if err != nil && strings.Contains(err.Error(), "strict decoding error") {
		r.strict = err.Error()
		c.validation = "Ignore"
		r.returned, r.denied, err = a.server.apply(ctx, c)
	}
	if apierrors.IsAlreadyExists(err) && r.rename() {
		c.body = r.subject.object.Written
		r.returned, r.denied, err = a.server.apply(ctx, c)
	}
	if err == nil && s.params != nil {
		c.groups = []string{a.rules.params[paramsKey(s.check, s.params)]}
		_, r.deniedWithParams, err = a.server.apply(ctx, c)
	}
	if err != nil {
		r.refused = reason(err)
	}
	return r
}

// rename gives the subject another name, where the server has one of that name. That of
// a definition is not free.
func (r *reply) rename() bool {
	if r.subject.object.Kind == "CustomResourceDefinition" {
		return false
	}
	written := maps.Clone(r.subject.object.Written)
	meta := maps.Clone(written["metadata"].(map[string]any))
	name, _ := meta["name"].(string)
	meta["name"] = name + "-again"
	written["metadata"] = meta
	o, err := r.subject.dec.Decode(written, snapshot.Origin{Line: r.subject.object.Source.Line})
	if err != nil {
		return false
	}
	s := *r.subject
	s.object, r.subject = o, &s
	return true
}

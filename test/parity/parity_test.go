// SPDX-License-Identifier: Apache-2.0

// Package parity holds the verdicts offline to those of a real kube-apiserver.
//
// Every check about a single object is applied to the server in its exported form, with
// a binding that warns, and every object of the corpus and of the checks' own cases is
// created there as a dry-run. What the server warns of must be what the engine says of
// the manifest, word for word, and again what it says of the object that the server made
// of it (for a Pod the two differ: the server gives it a ServiceAccount and tolerations).
//
// A server tells one policy's failure among several only in warnings, of which it sends
// 4096 characters at most; it cuts single ones to 256 before. So each policy gets a match
// condition on the groups of the user who asks, and where the warnings may be too many
// the object is sent again on behalf of fewer policies at a time.
package parity

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
	"github.com/seaworthy-dev/seaworthy/internal/checktest"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
	"github.com/seaworthy-dev/seaworthy/test/kubeapiserver"
)

var cluster kubeapiserver.Shared

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

// TestVerdictsEqualTheServer compares every pair of a check and an object to which it
// applies.
func TestVerdictsEqualTheServer(t *testing.T) {
	a := ask(t)
	all, withParams := a.engine(), map[string]offline{}
	c := &comparison{t: t, denials: map[string]int{}, passes: map[string]int{}}
	var refused []string
	for _, r := range a.replies {
		if r.refused != "" {
			refused = append(refused, fmt.Sprintf("%s: %s", r.subject, r.refused))
			continue
		}
		c.compare(r, asWritten, all.judge(request(r.subject.object)), r.denied)
		made, err := r.subject.dec.Decode(r.returned, snapshot.Origin{})
		if err != nil {
			t.Errorf("%s: what the server returned: %v", r.subject, err)
			continue
		}
		c.compare(r, asReturned, all.judge(request(made)), r.denied)
		if r.subject.params != nil {
			key := paramsKey(r.subject.check, r.subject.params)
			own, ok := withParams[key]
			if !ok {
				own = a.engineWith(r.subject)
				withParams[key] = own
			}
			c.compare(r, "with params", own.judge(request(r.subject.object)), r.deniedWithParams)
		}
	}
	slices.Sort(refused)
	t.Logf("not accepted by the server:\n%s", strings.Join(refused, "\n"))
	if !testing.Short() {
		for _, s := range a.checks {
			if c.denials[s.ID] == 0 || c.passes[s.ID] == 0 {
				t.Errorf("%s denied %d objects and passed %d: one of the verdicts was not compared", s.ID, c.denials[s.ID], c.passes[s.ID])
			}
		}
	}
	fmt.Printf("parity: %d pairs compared (%d denied), %d objects not accepted\n", c.pairs, c.denied, len(refused))
}

const asWritten, asReturned = "as written", "as returned"

// A comparison counts pairs and reports those that disagree.
type comparison struct {
	t               *testing.T
	pairs, denied   int
	denials, passes map[string]int // by check
	reported        int
}

// compare holds the verdicts on one object against the server's messages, by check.
func (c *comparison) compare(r *reply, how string, offline map[string]cel.Verdict, server map[string]string) {
	mutated := how == asWritten && r.subject.object.Kind == "Pod" // may be found fault with for more
	for id := range server {
		if _, applies := offline[id]; !applies {
			c.disagree(r, how, id, "does not apply", server[id])
		}
	}
	for id, v := range offline {
		text, denied := server[id]
		switch {
		case v.Err != nil:
			c.disagree(r, how, id, "error: "+v.Err.Error(), text)
		case denied != v.Denied, denied && !mutated && !saysTheSame(v.Messages, text):
			c.disagree(r, how, id, strings.Join(v.Messages, "; "), text)
		}
		if how == asReturned {
			continue // the same pair once more
		}
		c.pairs++
		if denied {
			c.denied++
			c.denials[id]++
		} else {
			c.passes[id]++
		}
	}
}

// saysTheSame compares messages, in which the items that come from a mapping are in any
// order and of which the server may have cut its own.
func saysTheSame(messages []string, server string) bool {
	if len(messages) != 1 {
		return false
	}
	cut, short := strings.CutSuffix(server, cutMark)
	ours, theirs := pieces(messages[0]), pieces(cut)
	if short {
		theirs = theirs[:len(theirs)-1] // the last one is not whole
		return !slices.ContainsFunc(theirs, func(s string) bool { return !slices.Contains(ours, s) })
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	return slices.Equal(ours, theirs)
}

// pieces are the heading of a message and its items.
func pieces(message string) []string {
	return strings.Split(strings.Replace(message, ": ", ", ", 1), ", ")
}

func (c *comparison) disagree(r *reply, how, id, offline, server string) {
	if c.reported++; c.reported > 200 {
		c.t.Fatal("too many disagreements to list")
	}
	c.t.Errorf("%s of %s %s\n offline: %s\n server:  %s", id, r.subject, how, offline, server)
}

// offline is the engine with its policies.
type offline struct {
	policies []cel.Policy
	eval     *cel.Evaluator
}

// engine judges by all checks, without params.
func (a *arena) engine() offline {
	return a.engineOf(func(p *admissionv1.ValidatingAdmissionPolicy) *admissionv1.ValidatingAdmissionPolicy { return p })
}

// engineOf judges by a form of all checks.
func (a *arena) engineOf(form func(*admissionv1.ValidatingAdmissionPolicy) *admissionv1.ValidatingAdmissionPolicy) offline {
	var policies []cel.Policy
	for _, s := range a.checks {
		policies = append(policies, cel.Policy{ID: s.ID, Spec: &form(s.Policy).Spec, Linear: true})
	}
	return offline{policies, cel.New(policies).Evaluator()}
}

// engineWith judges by the check of a case with the params of the case.
func (a *arena) engineWith(s *subject) offline {
	i := slices.IndexFunc(a.checks, func(c checks.Source) bool { return c.ID == s.check })
	policies := []cel.Policy{{ID: s.check, Spec: &a.checks[i].Policy.Spec, Params: checktest.Params(s.check, s.params), Linear: true}}
	return offline{policies, cel.New(policies).Evaluator()}
}

// judge gives what the engine says, by check, where the check applies.
func (e offline) judge(req *cel.Request) map[string]cel.Verdict {
	out := map[string]cel.Verdict{}
	e.eval.Judge(req, nil, func(i int, v cel.Verdict) { out[e.policies[i].ID] = v })
	return out
}

// request is the one that creates the object. A custom resource of a kind that no policy
// names is judged by some offline but by none in a server.
func request(o *snapshot.Object) *cel.Request {
	r := checktest.Request(o)
	r.PodTemplate = false
	return r
}

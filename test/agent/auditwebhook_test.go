// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// TestTheAuditWebhook has the API server send its audit events to the agent, over TLS and with
// a token: what only they show is on record, what a developer tries at the agent's own objects
// too, and the silence of the stream is a gap that is noticed in time.
func TestTheAuditWebhook(t *testing.T) {
	t.Parallel()
	w := enter(t, audited(auditSink))
	r := w.agent("one")
	w.ready(r)
	w.strangersAreRefused()
	jane := w.admin()
	jane.must(http.MethodPost, deployments, deployment("web", 2))
	jane.must(http.MethodPost, shopSecrets, called("v1", "Secret", "shop", "db", object{"stringData": object{"password": "hidden"}}))
	jane.must(http.MethodGet, shopSecrets+"/db", nil)
	w.developers()
	w.until("what was written and read is on record, seen from everywhere", time.Minute, func() error {
		if list := w.of("Deployment", "shop", "web"); len(list) != 1 || list[0].Actor.Username != "jane" || len(list[0].Sightings) != 3 {
			return fmt.Errorf("%s", told1(list))
		}
		return w.secretReads(1)
	})
	w.door.cut()
	began := time.Now()
	jane.must(http.MethodGet, shopSecrets+"/db", nil) // which nobody sees
	w.noticed(w.begun(store.GapAudit, began.Add(-time.Minute)))
	ended := time.Now()
	w.door.join()
	w.until("the gaps have ended", 2*time.Minute, func() error {
		return w.covered([]blind{{store.GapAudit, began, ended, "the door was cut"}, {store.GapWebhook, began, ended, "the door was cut"}})
	})
	jane.must(http.MethodGet, shopSecrets+"/db", nil)
	w.until("the stream goes on", time.Minute, func() error { return w.secretReads(2) })
	w.intact()
}

// TestTheAuditWebhookBesideTheLog has the agent follow the API server's log as well: nothing
// is on record twice, and what the webhook lost is not lost.
func TestTheAuditWebhookBesideTheLog(t *testing.T) {
	t.Parallel()
	w := enter(t, audited(auditBoth))
	r := w.agent("one")
	w.ready(r)
	jane := w.admin()
	jane.must(http.MethodPost, shopSecrets, called("v1", "Secret", "shop", "db", object{"stringData": object{"password": "hidden"}}))
	for range 5 {
		jane.must(http.MethodGet, shopSecrets+"/db", nil)
	}
	w.until("each read is on record once", time.Minute, func() error { return w.secretReads(5) })
	w.door.cut()
	jane.must(http.MethodGet, shopSecrets+"/db", nil)
	w.until("what the log tells is on record", time.Minute, func() error { return w.secretReads(6) })
	w.door.join()
	jane.must(http.MethodGet, shopSecrets+"/db", nil)
	w.ready(r)
	w.until("nothing is on record twice", time.Minute, func() error { return w.secretReads(7) })
	w.intact()
}

const shopSecrets = "/api/v1/namespaces/shop/secrets"

// secretReads holds how many reads of the Secret by jane are on record, each with one sighting.
func (w *world) secretReads(n int) error {
	list := slices.DeleteFunc(w.of("Secret", "shop", "db"), func(c seaworthy.Change) bool { return c.Verb != seaworthy.VerbRead })
	if len(list) != n || slices.ContainsFunc(list, func(c seaworthy.Change) bool {
		return c.Actor.Username != "jane" || c.Outcome != seaworthy.OutcomeConnected || sighted(&c) != seaworthy.SeenByAudit || !slices.Contains(c.Flags, seaworthy.FlagSecretRead)
	}) {
		return fmt.Errorf("%d reads are on record, of %d:\n%s", len(list), n, told1(list))
	}
	return nil
}

// strangersAreRefused holds that nobody without the token tells the agent anything.
func (w *world) strangersAreRefused() {
	w.t.Helper()
	authority, err := os.ReadFile(w.sink.authority)
	if err != nil {
		w.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	c := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	for token, want := range map[string]int{"": http.StatusNotFound, "Bearer not the token": http.StatusNotFound, sinkToken: http.StatusNotFound, "Bearer " + sinkToken: http.StatusOK} {
		r, err := http.NewRequest(http.MethodPost, "https://"+w.door.addr+"/audit", strings.NewReader(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[]}`))
		if err != nil {
			w.t.Fatal(err)
		}
		r.Header.Set("Authorization", token)
		resp, err := c.Do(r)
		if err != nil {
			w.t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			w.t.Errorf("with %q the agent answers %s", token, resp.Status)
		}
	}
	c.CloseIdleConnections()
}

// developers have somebody who may edit another namespace, and somebody who may view the whole
// cluster besides, try to read and change what the trail is made of: nothing is let through,
// and each attempt that the audit policy logs is on record.
func (w *world) developers() {
	w.t.Helper()
	jane := w.admin()
	bind := func(kind, in, called1, role, who string) {
		path := "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
		if in != "" {
			path = "/apis/rbac.authorization.k8s.io/v1/namespaces/" + in + "/rolebindings"
		}
		jane.made(path, called("rbac.authorization.k8s.io/v1", kind, in, called1, object{
			"subjects": []object{{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": who}},
			"roleRef":  object{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
		}))
	}
	// The roles edit and view are empty where no controller gathers them from these.
	const edit, view = "system:aggregate-to-edit", "system:aggregate-to-view"
	for _, who := range []string{"dave", "vera"} {
		bind("RoleBinding", "shop", who, edit, who)
		bind("RoleBinding", "shop", who+"-view", view, who)
	}
	bind("ClusterRoleBinding", "", "vera", view, "vera")
	dave, vera := w.user("dave"), w.user("vera")
	w.until("the developers have their rights", time.Minute, func() error {
		_, err := dave.try(http.MethodGet, deployments, nil)
		if _, also := vera.try(http.MethodGet, "/api/v1/namespaces/"+namespace+"/configmaps", nil); also != nil {
			return also
		}
		return err
	})
	const own = "/api/v1/namespaces/" + namespace
	secrets := []string{name + "-key", name + "-certificate", name + "-slack"}
	hidden := []string{hooks + "/" + name} // from vera too
	for _, s := range secrets {
		hidden = append(hidden, own+"/secrets/"+s)
	}
	shown := []string{workloads + "/" + name, own + "/configmaps/" + name + "-canary", "/apis/coordination.k8s.io/v1/namespaces/" + namespace + "/leases/" + name}
	for _, path := range slices.Concat(hidden, shown) {
		for _, who := range []*user{dave, vera} {
			who.forbidden(http.MethodPatch, path, object{"metadata": object{"labels": object{"mine": "now"}}})
			who.forbidden(http.MethodDelete, path, nil)
			if who == dave || slices.Contains(hidden, path) {
				who.forbidden(http.MethodGet, path, nil)
			}
		}
	}
	asJane := w.userAs("jane", "dave")
	asJane.forbidden(http.MethodGet, "/api", nil)
	for range 3 {
		asJane.forbidden(http.MethodGet, deployments, nil)
		dave.forbidden(http.MethodGet, "/api/v1/pods", nil)
	}
	asJane.forbidden(http.MethodPatch, workloads+"/"+name, object{"metadata": object{"labels": object{"mine": "now"}}})
	asCan := object{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": object{"resourceAttributes": object{"verb": "get", "resource": "secrets"}}}
	w.userAs("system:serviceaccount:"+namespace+":"+name, "dave").forbidden(http.MethodPost, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", asCan)
	w.until("the attempts are on record", time.Minute, func() error {
		if err := errors.Join(
			w.denied("ValidatingWebhookConfiguration", "", name, "dave", seaworthy.VerbRead), w.denied("Deployment", namespace, name, "dave", seaworthy.VerbRead),
			w.denied("ConfigMap", namespace, name+"-canary", "dave", seaworthy.VerbRead), w.denied("Pod", "", "*", "dave", seaworthy.VerbRead),
			w.denied("User", "", "*", "dave", seaworthy.VerbImpersonate), w.denied("ServiceAccount", "", "*", "dave", seaworthy.VerbImpersonate),
		); err != nil {
			return err
		}
		for _, list := range [][]seaworthy.Change{w.of("User", "", "*"), w.of("Pod", "", "*")} {
			if len(list) != 1 {
				return fmt.Errorf("one attempt is on record %d times:\n%s", len(list), told1(list))
			}
		}
		for _, who := range []string{"dave", "vera"} {
			for _, verb := range []string{seaworthy.VerbUpdate, seaworthy.VerbDelete} {
				if err := errors.Join(w.denied("ValidatingWebhookConfiguration", "", name, who, verb), w.denied("Deployment", namespace, name, who, verb),
					w.denied("ConfigMap", namespace, name+"-canary", who, verb)); err != nil {
					return err
				}
			}
			for _, s := range secrets {
				for _, verb := range []string{seaworthy.VerbRead, seaworthy.VerbUpdate, seaworthy.VerbDelete} {
					if err := w.denied("Secret", namespace, s, who, verb); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

// denied looks for one attempt that is on record.
func (w *world) denied(kind, in, name, who, verb string) error {
	list := w.of(kind, in, name)
	if !slices.ContainsFunc(list, func(c seaworthy.Change) bool {
		return c.Verb == verb && c.Actor.Username == who && c.Outcome == seaworthy.OutcomeDenied
	}) {
		return fmt.Errorf("no %s of %s %s by %s that was denied:\n%s", verb, kind, name, who, told1(list))
	}
	return nil
}

// forbidden makes a request that the user has no right to.
func (u *user) forbidden(verb, path string, body any) {
	u.t.Helper()
	if _, err := u.try(verb, path, body); !apierrors.IsForbidden(err) {
		u.t.Errorf("%s %s: %v", verb, path, err)
	}
}

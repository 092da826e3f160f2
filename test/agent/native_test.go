// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/test/program"
)

const shopPods = "/api/v1/namespaces/shop/pods"

// TestNativePoliciesFollowTheServer exports native policies with the waivers of the server
// and leaves them to the agent: what is approved at the server the policies let in from then
// on, and say so in the audit log; what is revoked they refuse again. The agent has the
// rights for that, and no others.
func TestNativePoliciesFollowTheServer(t *testing.T) {
	w := enter(t)
	jane, meg := w.admin(), w.approver()
	jane.must(http.MethodPost, "/api/v1/namespaces/shop/serviceaccounts", called("v1", "ServiceAccount", "shop", "default", nil))
	early := w.waive(meg, "early")
	w.exportPolicies(jane)
	w.until("the policy refuses what nobody waived", time.Minute, func() error { return w.natively(jane, "plain", true) })
	w.until("it knows what was waived before it was exported", time.Minute, func() error { return w.natively(jane, "early", false) })

	w.ready(w.agent("one"))
	late := w.waive(meg, "late")
	w.until("the policy lets in what was waived since", 2*time.Minute, func() error { return w.natively(jane, "late", false) })
	if err := errors.Join(w.natively(jane, "plain", true), w.natively(jane, "early", false)); err != nil {
		t.Error(err)
	}
	w.until("the audit log says why", time.Minute, func() error {
		const want = "spec.containers[app].securityContext.privileged (waived)"
		if got := w.annotated("late", "seaworthy-privileged-container/offending"); got != want {
			return fmt.Errorf("the log says %q, want %q", got, want)
		}
		return nil
	})
	for pod, id := range map[string]string{"early": early, "late": late} {
		w.server.Ask(http.MethodPost, "/api/v1/waivers/"+id+"/revoke", object{"note": "the motor is replaced"}, nil)
		w.until("the policy refuses what is waived no more: "+pod, 2*time.Minute, func() error { return w.natively(jane, pod, true) })
	}

	var page struct {
		Items []struct{ Instances []seaworthy.Heartbeat }
	}
	w.until("the server hears of the agent", time.Minute, func() error {
		err := w.server.Try(http.MethodGet, "/api/v1/agents", nil, &page)
		if err == nil && (len(page.Items) != 1 || len(page.Items[0].Instances) != 1) {
			err = fmt.Errorf("%+v", page)
		}
		return err
	})
	if h := page.Items[0].Instances[0]; len(h.Lacking)+len(h.Excess) > 0 {
		t.Errorf("it lacks %q and is allowed %q beside", h.Lacking, h.Excess)
	}
	if said := w.said(); strings.Contains(said, "the agent lacks rights") || strings.Contains(said, "allowed what it does not need") || !strings.Contains(said, "waivers of native policies written") {
		t.Errorf("of its rights:\n%s", said)
	}
	w.intact()
}

// approver is the server as somebody sees it who approves what its owner asks for.
func (w *world) approver() *program.Server {
	w.t.Helper()
	var people struct{ Items []seaworthy.User }
	w.server.Ask(http.MethodGet, "/api/v1/users", nil, &people)
	_ = w.server.Stop()
	ctx := context.WithoutCancel(w.t.Context())
	s, err := server.Open(ctx, server.Config{Data: w.server.Data, BaseURL: w.server.URL()})
	if err != nil {
		w.t.Fatal(err)
	}
	as := func(u seaworthy.User) seaworthy.Principal {
		return seaworthy.Principal{Actor: "user:" + u.ID, UserID: u.ID, Name: u.Name, Role: u.Role}
	}
	meg, _, err := s.Auth().CreateUser(ctx, as(people.Items[0]), auth.NewUser{Email: "meg@example.com", Name: "Meg", Role: seaworthy.ComplianceManager})
	if err != nil {
		w.t.Fatal(err)
	}
	_, token, err := s.Auth().CreateToken(ctx, as(meg), auth.NewToken{Name: "test", Role: seaworthy.ComplianceManager})
	if err = errors.Join(err, s.Close()); err != nil {
		w.t.Fatal(err)
	}
	w.server.Run()
	return &program.Server{Process: w.server.Process, Data: w.server.Data, Address: w.server.Address, Token: token}
}

// waive has a waiver for a Pod of the shop asked for and approved.
func (w *world) waive(meg *program.Server, pod string) (id string) {
	w.t.Helper()
	var asked struct{ ID string }
	w.server.Ask(http.MethodPost, "/api/v1/waivers", object{
		"source": w.source.ID, "check": "privileged-container", "kind": "Pod", "namespace": "shop", "name": pod,
		"reason": "until the motor is replaced", "expires": time.Now().AddDate(0, 0, 3).UTC().Format(time.DateOnly),
	}, &asked)
	meg.Ask(http.MethodPost, "/api/v1/waivers/"+asked.ID+"/approve", object{}, nil)
	return asked.ID
}

// exportPolicies applies what the program writes for the cluster, with the server's waivers.
func (w *world) exportPolicies(u *user) {
	w.t.Helper()
	token := filepath.Join(w.dir, "export-token")
	w.write(token, w.server.Token)
	var out bytes.Buffer
	cmd := w.server.Command("checks", "export", "privileged-container", "--action", "Deny", "--server", w.server.URL(), "--token-file", token,
		"--cluster", w.source.Name, "--namespace", namespace, "--agent", name)
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		w.t.Fatalf("checks export: %v\n%s", err, w.said())
	}
	const registration, rbac = "/apis/admissionregistration.k8s.io/v1/", "/apis/rbac.authorization.k8s.io/v1/namespaces/" + namespace + "/"
	for _, doc := range strings.Split(out.String(), "---\n")[1:] {
		var o object
		if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
			w.t.Fatal(err)
		}
		path := map[any]string{
			"Namespace": "/api/v1/namespaces", "ConfigMap": "/api/v1/namespaces/" + namespace + "/configmaps", "Role": rbac + "roles", "RoleBinding": rbac + "rolebindings",
			"ValidatingAdmissionPolicy": registration + "validatingadmissionpolicies", "ValidatingAdmissionPolicyBinding": registration + "validatingadmissionpolicybindings",
		}[o["kind"]]
		u.made(path, o)
	}
}

// natively asks whether the policy refuses a privileged Pod of the shop, and says if it is
// otherwise.
func (w *world) natively(u *user, pod string, refuses bool) error {
	_, err := u.try(http.MethodPost, shopPods+"?dryRun=All", called("v1", "Pod", "shop", pod, object{"spec": object{"containers": []any{
		object{"name": "app", "image": "nginx:1.29.3", "securityContext": object{"privileged": true}},
	}}}))
	if refused := err != nil && strings.Contains(err.Error(), "ValidatingAdmissionPolicy 'seaworthy-privileged-container'"); refused != refuses || err != nil && !refused {
		return fmt.Errorf("%s is refused: %t (%v), want %t", pod, refused, err, refuses)
	}
	return nil
}

// annotated is the newest annotation of a Pod that was let in, in the audit log.
func (w *world) annotated(pod, annotation string) (found string) {
	text, err := os.ReadFile(w.auditLog)
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var e struct {
			Verb           string
			ObjectRef      struct{ Resource, Name string }
			ResponseStatus struct{ Code int }
			Annotations    map[string]string
		}
		if json.Unmarshal([]byte(line), &e) != nil {
			continue // it is being written
		}
		if e.Verb == "create" && e.ObjectRef.Resource == "pods" && e.ObjectRef.Name == pod && e.ResponseStatus.Code == http.StatusCreated {
			found = e.Annotations[annotation]
		}
	}
	return found
}

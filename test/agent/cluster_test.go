// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/agent"
	"github.com/seaworthy-dev/seaworthy/test/program"
)

type object = map[string]any

const (
	namespace = "seaworthy"
	name      = "seaworthy-agent"
	workloads = "/apis/apps/v1/namespaces/" + namespace + "/deployments"
	hooks     = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
)

// user speaks to the API server as somebody.
type user struct {
	t    *testing.T
	rest rest.Interface
}

func (w *world) user(username string, groups ...string) *user {
	w.t.Helper()
	return w.userAs("", username, groups...)
}

// userAs speaks to the API server as somebody who acts as somebody else, if that is named.
func (w *world) userAs(other, username string, groups ...string) *user {
	w.t.Helper()
	config, err := w.kube.User(username, groups...)
	if err != nil {
		w.t.Fatal(err)
	}
	config.Impersonate.UserName = other
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	config.UserAgent = "kubectl/v1.36.3 (test)"
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		w.t.Fatal(err)
	}
	return &user{w.t, client}
}

// admin may do everything, and is not the agent.
func (w *world) admin() *user { return w.user("jane", "system:masters") }

// try makes a request.
func (u *user) try(verb, path string, body any) (object, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.t.Context()), time.Minute)
	defer cancel()
	r := u.rest.Verb(cmp.Or(verb, http.MethodPost))
	if verb == http.MethodPatch {
		r = u.rest.Patch(types.MergePatchType)
	}
	if r = r.RequestURI(path); body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = r.Body(raw)
		if verb != http.MethodPatch {
			r = r.SetHeader("Content-Type", "application/json")
		}
	}
	answer := r.Do(ctx)
	raw, err := answer.Raw()
	if err != nil {
		return nil, cmp.Or(answer.Error(), err)
	}
	var out object
	return out, json.Unmarshal(raw, &out)
}

// must makes a request that has to succeed.
func (u *user) must(verb, path string, body any) object {
	u.t.Helper()
	out, err := u.try(verb, path, body)
	if err != nil {
		u.t.Fatalf("%s %s: %v", verb, path, err)
	}
	return out
}

// made makes an object that may be there.
func (u *user) made(path string, body any) {
	u.t.Helper()
	if _, err := u.try(http.MethodPost, path, body); err != nil && !apierrors.IsAlreadyExists(err) {
		u.t.Fatalf("make %s: %v", path, err)
	}
}

func called(apiVersion, kind, in, called string, rest object) object {
	meta := object{"name": called}
	if in != "" {
		meta["namespace"] = in
	}
	out := object{"apiVersion": apiVersion, "kind": kind, "metadata": meta}
	for k, v := range rest {
		out[k] = v
	}
	return out
}

// install makes what the chart makes for an agent of a name: the namespace, the rights, and
// the objects of the agent's own, empty.
func (w *world) install(name string) {
	w.t.Helper()
	u, core, rbac := w.user("installer", "system:masters"), "/api/v1/namespaces/", "/apis/rbac.authorization.k8s.io/v1/"
	for _, n := range []string{namespace, "shop"} {
		u.made("/api/v1/namespaces", called("v1", "Namespace", "", n, nil))
	}
	for _, secret := range []string{name + "-key", name + "-certificate"} {
		u.made(core+namespace+"/secrets", called("v1", "Secret", namespace, secret, nil))
	}
	u.made(core+namespace+"/secrets", called("v1", "Secret", namespace, credentialsOf(name), object{"stringData": object{"url": w.receiver.URL + slackPath}}))
	u.made(core+namespace+"/configmaps", called("v1", "ConfigMap", namespace, name+"-canary", nil))
	u.made("/apis/coordination.k8s.io/v1/namespaces/"+namespace+"/leases", called("coordination.k8s.io/v1", "Lease", namespace, name, nil))
	u.made(hooks, called("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", name, object{"webhooks": []any{}}))
	needs := agent.Needs(agent.RightsOptions{Name: name, Secrets: w.secrets, Own: []string{credentialsOf(name)}, Admission: true})
	subjects := []rbacv1.Subject{{APIGroup: "rbac.authorization.k8s.io", Kind: "User", Name: accountOf(name)}}
	u.made(rbac+"clusterroles", called("rbac.authorization.k8s.io/v1", "ClusterRole", "", name, object{"rules": needs.Cluster}))
	u.made(rbac+"clusterrolebindings", called("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", name, object{
		"subjects": subjects, "roleRef": rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: name},
	}))
	u.made(rbac+"namespaces/"+namespace+"/roles", called("rbac.authorization.k8s.io/v1", "Role", namespace, name, object{"rules": needs.Namespace}))
	u.made(rbac+"namespaces/"+namespace+"/rolebindings", called("rbac.authorization.k8s.io/v1", "RoleBinding", namespace, name, object{
		"subjects": subjects, "roleRef": rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "Role", Name: name},
	}))
	labels := object{"app.kubernetes.io/name": name}
	u.made(workloads, called("apps/v1", "Deployment", namespace, name, object{"spec": object{
		"replicas": 1, "selector": object{"matchLabels": labels}, "template": object{
			"metadata": object{"labels": labels}, "spec": object{"containers": []any{object{"name": "agent", "image": "registry.example.com/seaworthy:1"}}},
		},
	}}))
}

// credentialsOf names the Secret with what the agent of a name needs to tell people.
func credentialsOf(name string) string { return name + "-slack" }

func accountOf(name string) string { return "system:serviceaccount:" + namespace + ":" + name }

// kubeconfig is how the agent of a name comes to the API server.
func (w *world) kubeconfig(name string) string {
	w.t.Helper()
	c, err := w.kube.User(accountOf(name), "system:serviceaccounts", "system:serviceaccounts:"+namespace)
	if err != nil {
		w.t.Fatal(err)
	}
	k := clientcmdapi.NewConfig()
	k.Clusters["test"] = &clientcmdapi.Cluster{Server: "https://" + w.toAPI.addr, CertificateAuthorityData: c.CAData}
	k.AuthInfos["agent"] = &clientcmdapi.AuthInfo{ClientCertificateData: c.CertData, ClientKeyData: c.KeyData}
	k.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "agent"}
	k.CurrentContext = "test"
	file := filepath.Join(w.t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*k, file); err != nil {
		w.t.Fatal(err)
	}
	return file
}

// settings are those of the agent of a name, whose files are in a folder.
func (w *world) settings(name, dir string) object {
	admission, audit := object{"mode": "audit"}, object{}
	if w.audit == auditLog || w.audit == auditBoth {
		audit["log"] = w.auditLog
	}
	if w.audit == auditSink || w.audit == auditBoth {
		audit["tokenFile"] = w.sink.token
		admission["certificate"], admission["key"], admission["authority"] = w.sink.certificate, w.sink.key, w.sink.authority
	}
	secret, slack := filepath.Join(dir, "secret"), filepath.Join(dir, "slack")
	w.write(secret, signingKey)
	w.write(slack, w.receiver.URL+slackPath) // as the Secret has it
	return object{
		"cluster": object{"secrets": w.secrets},
		"agent": object{"admission": admission, "audit": audit, "secrets": []string{credentialsOf(name)}, "notices": object{
			"allow": []string{"127.0.0.0/8"},
			"destinations": []object{
				{"name": "people", "kind": "webhook", "url": w.receiver.URL, "secretFile": secret},
				{"name": "slack", "kind": "slack-webhook", "urlFile": slack},
			},
			"rules": []object{{"name": "all", "destinations": []string{"people", "slack"}}},
		}},
	}
}

// agent starts a replica with a folder of its own, and enrols it where it is the first.
func (w *world) agent(replicaName string) *replica {
	w.t.Helper()
	return w.agentOf(name, replicaName, w.source.ID, len(w.agents) == 0, w.door)
}

// agentOf starts a replica of the agent of a name, which the API server reaches by a wire.
func (w *world) agentOf(name, replicaName, source string, enrol bool, door *wire) *replica {
	w.t.Helper()
	dir := w.t.TempDir()
	config, err := json.Marshal(w.settings(name, dir))
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(filepath.Join(dir, "seaworthy.yaml"), string(config))
	token := filepath.Join(dir, "token")
	if enrol {
		var made struct{ Token string }
		w.server.Ask(http.MethodPost, "/api/v1/sources/"+source+"/enrolments", nil, &made)
		w.write(token, made.Token)
	}
	r := &replica{health: program.FreeAddress(w.t), hook: program.FreeAddress(w.t)}
	door.also(r.hook)
	r.Process = program.New(w.t,
		"agent", "--config", filepath.Join(dir, "seaworthy.yaml"), "--name", name, "--server", w.server.URL(), "--enrolment-file", token,
		"--spool", filepath.Join(dir, "spool"), "--replica", replicaName, "--kubeconfig", w.kubeconfig(name), "--listen", r.hook,
		"--metrics-listen", r.health, "--webhook-url", "https://"+door.addr, "--log-level", "debug",
	)
	w.agents = append(w.agents, r)
	w.mayWork(name)
	r.Start()
	return r
}

// mayWork waits until the API server knows of the rights of the agent of a name: to one that
// starts before it everything is forbidden.
func (w *world) mayWork(name string) {
	w.t.Helper()
	u := w.user(accountOf(name))
	w.until("the rights of "+name+" count", time.Minute, func() error {
		_, err := u.try(http.MethodGet, hooks+"/"+name, nil)
		_, also := u.try(http.MethodGet, "/api/v1/namespaces/"+namespace+"/secrets/"+name+"-key", nil)
		return errors.Join(err, also)
	})
}

func (w *world) write(file, text string) {
	w.t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// ready waits until a replica answers and the API server asks it.
func (w *world) ready(r *replica) {
	w.t.Helper()
	w.until("the agent is ready and the webhook asked", 2*time.Minute, func() error {
		if _, err := get("http://" + r.health + "/readyz"); err != nil {
			return err
		}
		text, err := get("http://" + r.health + "/metrics")
		if err != nil {
			return err
		}
		for _, line := range []string{`seaworthy_agent_place_works{place="webhook"} 1`, `seaworthy_agent_place_works{place="watch"} 1`} {
			if !strings.Contains(text, line) {
				return fmt.Errorf("the metrics do not say %s", line)
			}
		}
		if !reported.MatchString(text) {
			return errors.New("no whole report was written")
		}
		return nil
	})
}

// reported is what the metrics say once a whole report was written; there may be more.
var reported = regexp.MustCompile(`(?m)^seaworthy_agent_reports_total [1-9]`)

// heard waits until the server knows that the cluster is watched: of an agent that ends before
// it says so nobody knows what it saw.
func (w *world) heard() {
	w.t.Helper()
	w.until("the server hears that the cluster is watched", time.Minute, func() error {
		var page struct {
			Items []struct{ Instances []seaworthy.Heartbeat }
		}
		if err := w.server.Try(http.MethodGet, "/api/v1/agents", nil, &page); err != nil {
			return err
		}
		for _, a := range page.Items {
			for _, i := range a.Instances {
				if !i.Watching.IsZero() {
					return nil
				}
			}
		}
		return errNotYet
	})
}

func get(url string) (string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		return b.String(), fmt.Errorf("%s: %s %s %v", url, resp.Status, b.String(), err)
	}
	return b.String(), nil
}

// deployment is a workload of the shop.
func deployment(name string, replicas int) object {
	labels := object{"app": name}
	return called("apps/v1", "Deployment", "shop", name, object{"spec": object{
		"replicas": replicas, "selector": object{"matchLabels": labels}, "template": object{
			"metadata": object{"labels": labels}, "spec": object{"containers": []any{object{"name": "app", "image": "nginx:1.29.3"}}},
		},
	}})
}

const deployments = "/apis/apps/v1/namespaces/shop/deployments"

func scaled(n int) object { return object{"spec": object{"replicas": n}} }

// sighted lists who saw a change.
func sighted(c *seaworthy.Change) string {
	var by []string
	for _, s := range c.Sightings {
		by = append(by, s.By)
	}
	return strings.Join(by, " ")
}

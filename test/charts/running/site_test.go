// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package running installs the agent's chart with Helm into a real kube-apiserver and then
// does what a kubelet does: it runs the program with the arguments, the files and the
// ServiceAccount's token that the chart gives its pods, against a real server.
package running

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
	"github.com/seaworthy-dev/seaworthy/test/charts"
	"github.com/seaworthy-dev/seaworthy/test/kubeapiserver"
	"github.com/seaworthy-dev/seaworthy/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// The release is called otherwise than the chart, and lives elsewhere than it suggests.
const (
	namespace = "watchers"
	release   = "harbour"
	account   = "system:serviceaccount:" + namespace + ":" + release
)

// site is a cluster with the chart in it, and a server.
type site struct {
	*testing.T
	kube     *kubeapiserver.Server
	admin    *kubernetes.Clientset
	auditLog string
	service  *service // what the Service of the chart would be

	server *program.Server
	api    *client.Client
	source seaworthy.DeclaredSource

	pods []*pod
}

// newSite starts a cluster and a server and installs the chart.
func newSite(t *testing.T, set ...string) *site {
	t.Helper()
	helm := charts.Helm.Need(t)
	s := &site{T: t, service: newService(t)}
	dir := t.TempDir()
	s.auditLog = filepath.Join(dir, "audit.log")
	s.kube = kubeapiserver.Start(t,
		"--audit-policy-file="+s.auditPolicy(dir), "--audit-log-path="+s.auditLog,
		"--audit-webhook-config-file="+s.auditWebhook(dir), "--audit-webhook-batch-max-wait=1s", "--audit-webhook-initial-backoff=1s")
	var err error
	if s.admin, err = kubernetes.NewForConfig(s.kube.Config); err != nil {
		t.Fatal(err)
	}
	s.serve(filepath.Join(dir, "server"))
	s.prepare()
	s.install(helm, set...)
	return s
}

// auditPolicy is the recommended one, with everything that the agent asks beside.
func (s *site) auditPolicy(dir string) string {
	s.Helper()
	text, err := os.ReadFile("../../../deploy/audit-policy.yaml")
	if err != nil {
		s.Fatal(err)
	}
	var policy map[string]any
	if err := yaml.Unmarshal(text, &policy); err != nil {
		s.Fatal(err)
	}
	policy["rules"] = append([]any{map[string]any{"level": "Metadata", "users": []any{account}}}, policy["rules"].([]any)...)
	if text, err = yaml.Marshal(policy); err != nil {
		s.Fatal(err)
	}
	return s.write(filepath.Join(dir, "policy.yaml"), string(text))
}

const auditToken = "an audit token that nobody guesses"

// auditWebhook has the API server send audit events to the Service.
func (s *site) auditWebhook(dir string) string {
	s.Helper()
	return s.write(filepath.Join(dir, "audit.kubeconfig"), fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- {name: agent, cluster: {server: "https://%s/audit", insecure-skip-tls-verify: true}}
users:
- {name: agent, user: {token: %q}}
contexts:
- {name: agent, context: {cluster: agent, user: agent}}
current-context: agent
`, s.service.address(), auditToken))
}

func (s *site) write(file, text string) string {
	s.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		s.Fatal(err)
	}
	return file
}

// serve starts the server and declares the cluster.
func (s *site) serve(data string) {
	s.Helper()
	s.server = program.NewServer(s, data)
	s.server.Run()
	var err error
	if s.api, err = client.New(client.Config{URL: s.server.URL(), Token: s.server.Token}); err != nil {
		s.Fatal(err)
	}
	s.source = s.server.Cluster("production")
}

// prepare makes what is there before a chart is installed: the namespace, what the cluster
// itself puts into it, and the Secrets that values name.
func (s *site) prepare() {
	s.Helper()
	ctx, made := s.Context(), metav1.CreateOptions{}
	for _, n := range []string{namespace, "shop"} {
		meta := metav1.ObjectMeta{Name: n}
		if n == namespace {
			meta.Labels = map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}
		}
		if _, err := s.admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: meta}, made); err != nil {
			s.Fatal(err)
		}
	}
	root := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kube-root-ca.crt"}, Data: map[string]string{"ca.crt": string(s.kube.Config.CAData)}}
	if _, err := s.admin.CoreV1().ConfigMaps(namespace).Create(ctx, root, made); err != nil {
		s.Fatal(err)
	}
	var enrolment struct{ Token string }
	s.server.Ask(http.MethodPost, "/api/v1/sources/"+s.source.ID+"/enrolments", nil, &enrolment)
	for name, token := range map[string]string{"seaworthy-enrolment": enrolment.Token, "seaworthy-audit": auditToken} {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: map[string]string{"token": token}}
		if _, err := s.admin.CoreV1().Secrets(namespace).Create(ctx, secret, made); err != nil {
			s.Fatal(err)
		}
	}
}

func (s *site) install(helm string, set ...string) {
	s.Helper()
	home := s.TempDir()
	args := []string{
		"install", release, "../../../deploy/charts/seaworthy-agent", "--namespace", namespace, "--kubeconfig", s.kube.Kubeconfig,
		"--set", "fullnameOverride=" + release, "--set", "server.url=" + s.server.URL(), "--set", "enrolment.secretName=seaworthy-enrolment",
		"--set", "audit.tokenSecretName=seaworthy-audit", "--set", "logLevel=debug", "--set", "logFormat=text",
	}
	for _, v := range set {
		args = append(args, "--set", v)
	}
	cmd := exec.CommandContext(s.Context(), helm, args...)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (s *site) deployment() *appsv1.Deployment {
	s.Helper()
	d, err := s.admin.AppsV1().Deployments(namespace).Get(s.Context(), release, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return d
}

// user is somebody else than who set everything up.
func (s *site) user(name string, groups ...string) *kubernetes.Clientset {
	s.Helper()
	config, err := s.kube.User(name, groups...)
	if err != nil {
		s.Fatal(err)
	}
	config.UserAgent = "kubectl/v1.36.3 (test)"
	c, err := kubernetes.NewForConfig(rest.CopyConfig(config))
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// changes goes through the changes of a kind in a namespace.
func (s *site) changes(kind, in string, f func(*seaworthy.Change) error) error {
	q := url.Values{"limit": {"200"}, "kind": {kind}}
	if in != "" {
		q.Set("namespace", in)
	}
	for {
		var page struct {
			Items []seaworthy.Change
			Next  string
		}
		if err := s.api.Get(s.Context(), "/api/v1/changes", q, &page); err != nil {
			return err
		}
		for i := range page.Items {
			if err := f(&page.Items[i]); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		q.Set("cursor", page.Next)
	}
}

// of gives the changes of one object, the oldest first.
func (s *site) of(kind, in, name string) (out []seaworthy.Change) {
	err := s.changes(kind, in, func(c *seaworthy.Change) error {
		if c.Object.Name == name && c.Object.Namespace == in {
			out = append(out, *c)
		}
		return nil
	})
	if err != nil {
		s.Error(err)
	}
	slices.SortStableFunc(out, func(a, b seaworthy.Change) int { return a.At.Compare(b.At) })
	return out
}

func (s *site) gaps() []seaworthy.Gap {
	var page struct{ Items []seaworthy.Gap }
	if err := s.api.Get(s.Context(), "/api/v1/gaps", url.Values{"limit": {"200"}}, &page); err != nil {
		s.Error(err)
	}
	return page.Items
}

// beats gives what the agent's instances last said, by replica.
func (s *site) beats() map[string]seaworthy.Heartbeat {
	var page struct {
		Items []struct{ Instances []seaworthy.Heartbeat }
	}
	if err := s.api.Get(s.Context(), "/api/v1/agents", nil, &page); err != nil {
		s.Error(err)
	}
	out := map[string]seaworthy.Heartbeat{}
	for _, a := range page.Items {
		for _, b := range a.Instances {
			out[b.Replica] = b
		}
	}
	return out
}

// until waits for something to hold; the machine may be busy with other tests.
func (s *site) until(what string, f func() error) {
	s.Helper()
	const most = 4 * time.Minute
	var err error
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	for _, p := range s.pods {
		s.Logf("%s printed:\n%s", p.name, p.Printed())
	}
	s.Fatalf("%s: not within %s: %v\nserver:\n%s", what, most, err, s.server.Printed())
}

// nothingForbidden holds what the agents say, and what the API server has on record of
// them, against their rights.
func (s *site) nothingForbidden() {
	s.Helper()
	for _, p := range s.pods {
		for line := range strings.Lines(p.Printed()) {
			if lower := strings.ToLower(line); strings.Contains(lower, "forbidden") || strings.Contains(lower, "denied") || strings.Contains(lower, "level=error") {
				s.Errorf("%s says: %s", p.name, line)
			}
		}
	}
	text, err := os.ReadFile(s.auditLog)
	if err != nil {
		s.Fatal(err)
	}
	asked := 0
	for line := range strings.Lines(string(text)) {
		var e struct {
			Verb, RequestURI string
			User             struct{ Username string }
			ResponseStatus   struct {
				Code    int
				Message string
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.User.Username != account {
			continue
		}
		asked++
		if c := e.ResponseStatus.Code; c == http.StatusForbidden || c == http.StatusUnauthorized {
			s.Errorf("the API server answers %d to %s %s: %s", c, e.Verb, e.RequestURI, e.ResponseStatus.Message)
		}
	}
	if asked < 50 {
		s.Errorf("the API server has only %d requests of the agent on record", asked)
	}
}

// intact stops everything and holds the log against everything on record.
func (s *site) intact() {
	s.Helper()
	for _, p := range s.pods {
		_ = p.Stop()
	}
	s.server.Intact()
}

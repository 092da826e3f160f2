// SPDX-License-Identifier: Apache-2.0

// Package admission asks a real kube-apiserver with the webhook in front of it: what is
// refused, warned of and put on record, by every way in which objects change.
package admission

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/test/kubeapiserver"
)

var (
	cluster kubeapiserver.Shared
	// auditLog is where the API server keeps what it was asked, with the annotations of
	// webhooks and policies.
	auditLog string
)

const auditPolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: [admin, jane]
- level: None
`

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "admission-")
	if err != nil {
		panic(err)
	}
	policy := filepath.Join(dir, "policy.yaml")
	auditLog = filepath.Join(dir, "audit.log")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		panic(err)
	}
	cluster.Flags = []string{"--audit-policy-file=" + policy, "--audit-log-path=" + auditLog, "--audit-log-mode=blocking"}
	code := cluster.Run(m)
	os.RemoveAll(dir)
	os.Exit(code)
}

type object = map[string]any

// patience is how long something may take that the API server takes up after a while, on a
// machine where much else runs.
const patience = 3 * time.Minute

// world is the API server with the webhook.
type world struct {
	t      *testing.T
	config *rest.Config
	rest   rest.Interface
	client kubernetes.Interface
	door   *admission.Door
	cert   *admission.Certificate
	pairs  admission.Pairs
	url    string
	server *http.Server
	// handshakes counts the certificates that were handed out.
	handshakes atomic.Int64
	path       atomic.Value // of the webhook, as it was last asked
	// serving is what shows certificates, shown the one that it showed last.
	serving atomic.Pointer[admission.Certificate]
	shown   atomic.Pointer[tls.Certificate]

	prepared map[string]bool // what objects refer to, and is there
	made     []string        // the policies and bindings that were applied last
	tries    int             // calls whose audit event is looked for

	mu      sync.Mutex
	reviews []*reviewed          // what the API server asked
	seen    []*admission.Request // what the trail was told
	down    bool                 // the webhook answers nothing
}

// reviewed is a request with the decision of the guard that stood there.
type reviewed struct {
	*admission.Review
	*admission.Decision
}

var built struct {
	once sync.Once
	*world
}

// enter gives the one world of all tests, with a guard for this one.
func enter(t *testing.T, cfg admission.Config, s scan.Selection) *world {
	t.Helper()
	config := cluster.Start(t).Config
	built.once.Do(func() { built.world = build(t, config) })
	if built.world == nil {
		t.Skip("SKIPPED: the first test could not set the webhook up")
	}
	w := built.world
	w.t = t
	w.door.Swap(w.guard(cfg, s))
	w.mu.Lock()
	w.reviews, w.seen, w.down = nil, nil, false
	w.mu.Unlock()
	return w
}

// guard makes one that looks things up in the API server.
func (w *world) guard(cfg admission.Config, s scan.Selection) *admission.Guard {
	w.t.Helper()
	var err error
	if cfg.Catalogue, err = scan.NewCatalogue(w.t.Context(), s); err != nil {
		w.t.Fatal(err)
	}
	cfg.Target, cfg.Namespace, cfg.FailurePolicy = "1.36", "seaworthy", admissionregistration.Fail
	cfg.Key = []byte("the key of the tests")
	cfg.Source = seaworthy.Source{Kind: seaworthy.SourceCluster, Name: "test"}
	cfg.LookupNamespace = func(ctx context.Context, name string) (map[string]any, error) {
		return w.get(ctx, "/api/v1/namespaces/"+name)
	}
	g, err := admission.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

// build serves the webhook on the loopback address and tells the API server of it.
func build(t *testing.T, config *rest.Config) *world {
	w := &world{t: t, config: config, cert: admission.SelfMade(nil), prepared: map[string]bool{}}
	w.rest = restClient(t, config)
	var err error
	if w.client, err = kubernetes.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	w.door = admission.NewDoor(w.guard(admission.Config{}, scan.Selection{}), admission.DoorConfig{Seen: func(r *admission.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen = append(w.seen, r)
	}})
	if w.pairs, _, err = w.pairs.Renew(time.Now(), []string{"127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	w.cert.Set(w.pairs)
	w.serving.Store(w.cert)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.server = &http.Server{
		Handler: http.HandlerFunc(w.serve), ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			w.handshakes.Add(1)
			c, err := w.serving.Load().Get(h)
			w.shown.Store(c)
			return c, err
		}},
	}
	go w.server.ServeTLS(listener, "", "") // ends with the process
	w.url = "https://" + listener.Addr().String() + "/"
	for _, ns := range []string{"shop", "seaworthy"} {
		w.namespace(ns)
	}
	w.install(w.door.Guard())
	w.keepParams()
	return w
}

func restClient(t *testing.T, config *rest.Config) rest.Interface {
	t.Helper()
	c := rest.CopyConfig(config)
	c.WarningHandlerWithContext = hearing{}
	c.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// serve notes what is asked and lets the door answer.
func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	w.path.Store(r.URL.Path)
	body, err := io.ReadAll(r.Body)
	w.mu.Lock()
	down := w.down
	w.mu.Unlock()
	review, readErr := admission.ReadReview(bytes.Clone(body)) // it writes over it
	if err := cmp.Or(err, readErr); err != nil || down {
		http.Error(rw, fmt.Sprint("not now: ", err), http.StatusServiceUnavailable)
		return
	}
	d := w.door.Guard().Review(r.Context(), review)
	w.mu.Lock()
	w.reviews = append(w.reviews, &reviewed{review, d})
	w.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	w.door.ServeHTTP(rw, r)
}

// install applies the configuration of a guard and waits until the API server asks.
func (w *world) install(g *admission.Guard) {
	w.t.Helper()
	const slow = 30 // seconds: what comes of a machine where much else runs is not what is tried here
	c := g.Configuration(admission.Reach{Trail: true, Timeout: slow, Client: admissionregistration.WebhookClientConfig{URL: &w.url, CABundle: w.pairs.Authorities()}})
	hooks := w.client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	if _, err := hooks.Create(w.t.Context(), c, metav1.CreateOptions{}); err != nil {
		w.t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		asked := w.asked(func() {
			w.do(call{path: "/api/v1/namespaces/shop/configmaps", dryRun: true, body: object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "probe"}}})
		})
		if len(asked) > 0 {
			return
		}
		if time.Now().After(end) {
			w.t.Fatal("the API server does not ask the webhook")
		}
	}
}

// asked gives what the API server asked the webhook meanwhile.
func (w *world) asked(f func()) []*reviewed {
	w.mu.Lock()
	n := len(w.reviews)
	w.mu.Unlock()
	f()
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*reviewed{}, w.reviews[n:]...)
}

// told gives what the trail was told meanwhile.
func (w *world) told(f func()) []*admission.Request {
	w.mu.Lock()
	n := len(w.seen)
	w.mu.Unlock()
	f()
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*admission.Request{}, w.seen[n:]...)
}

func (w *world) namespace(name string) {
	w.t.Helper()
	for path, o := range map[string]object{
		"/api/v1/namespaces": {"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": name}},
	} {
		if _, _, err := w.do(call{path: path, body: o}); err != nil && !apierrors.IsAlreadyExists(err) {
			w.t.Fatal(err)
		}
	}
	account := object{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": object{"name": "default"}}
	if _, _, err := w.do(call{path: "/api/v1/namespaces/" + name + "/serviceaccounts", body: account}); err != nil && !apierrors.IsAlreadyExists(err) {
		w.t.Fatal(err)
	}
}

// A call is a request to the API server.
type call struct {
	verb   string // POST
	path   string
	body   object
	dryRun bool
	id     string // of the audit event
	as     string // another user, who may do everything
	patch  types.PatchType
	params map[string]string
}

// do makes a call and gives the answer with its warnings.
func (w *world) do(c call) (object, []string, error) {
	heard := &warnings{}
	ctx, cancel := context.WithTimeout(context.WithValue(context.WithoutCancel(w.t.Context()), warningsKey{}, heard), time.Minute)
	defer cancel()
	r := w.rest.Verb(cmp.Or(c.verb, "POST")).AbsPath(c.path)
	if c.patch != "" {
		r = w.rest.Patch(c.patch).AbsPath(c.path)
	}
	if c.body != nil {
		raw, err := json.Marshal(c.body)
		if err != nil {
			return nil, nil, err
		}
		r = r.SetHeader("Content-Type", cmp.Or(string(c.patch), "application/json")).Body(raw)
	}
	if c.dryRun {
		r = r.Param("dryRun", "All")
	}
	if c.id != "" {
		r = r.SetHeader("Audit-Id", c.id)
	}
	if c.as != "" {
		r = r.SetHeader("Impersonate-User", c.as).SetHeader("Impersonate-Group", "system:masters")
	}
	for k, v := range c.params {
		r = r.Param(k, v)
	}
	answer := r.Do(ctx)
	raw, err := answer.Raw()
	if err != nil {
		return nil, heard.texts, cmp.Or(answer.Error(), err)
	}
	var out object
	if err := kjson.Unmarshal(raw, &out); err != nil {
		return nil, heard.texts, err
	}
	return out, heard.texts, nil
}

func (w *world) get(ctx context.Context, path string) (object, error) {
	raw, err := w.rest.Get().AbsPath(path).Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	var out object
	return out, kjson.Unmarshal(raw, &out)
}

// must makes a call that has to succeed.
func (w *world) must(c call) object {
	w.t.Helper()
	out, _, err := w.do(c)
	if err != nil {
		w.t.Fatalf("%s %s: %v", cmp.Or(c.verb, "POST"), c.path, err)
	}
	return out
}

// hearing hands the warnings of a response to whoever asked, by the context.
type hearing struct{}

type warnings struct{ texts []string }

type warningsKey struct{}

// HandleWarningHeaderWithContext is called by the client for every warning.
func (hearing) HandleWarningHeaderWithContext(ctx context.Context, _ int, _, text string) {
	if w, ok := ctx.Value(warningsKey{}).(*warnings); ok {
		w.texts = append(w.texts, text)
	}
}

// annotations reads the audit log: the annotations of each request, by its id.
func annotations(t *testing.T) map[string]map[string]string {
	t.Helper()
	raw, err := os.ReadFile(auditLog)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]string{}
	for line := range strings.Lines(string(raw)) {
		var e struct {
			AuditID     string
			Annotations map[string]string
		}
		if !strings.HasSuffix(line, "\n") {
			break // it is being written
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		out[e.AuditID] = e.Annotations
	}
	return out
}

// annotationsOf waits for the annotations of a request: the log is written after the
// answer.
func annotationsOf(t *testing.T, id string) map[string]string {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if found, ok := annotations(t)[id]; ok {
			return found
		}
	}
	t.Fatalf("the audit log knows nothing of %s", id)
	return nil
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pace

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/test/kubeapiserver"
	"github.com/seaworthy-dev/seaworthy/test/program"
)

type object = map[string]any

// shipped builds the program as it is shipped, unless SEAWORTHY_PROGRAM names one.
var shipped = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("SEAWORTHY_PROGRAM"); given != "" {
		return given, nil
	}
	dir, err := os.MkdirTemp("", "seaworthy-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "seaworthy")
	out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", file, "../../cmd/seaworthy").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return file, nil
})

// The names that the chart gives in the namespace that it is installed to.
const (
	namespace = "seaworthy"
	name      = "seaworthy-agent"
	account   = "system:serviceaccount:" + namespace + ":" + name
)

// world is a cluster with a server; enter starts both, watch the agent.
type world struct {
	t      *testing.T
	dir    string
	binary string

	kube     *kubeapiserver.Server
	client   *kubernetes.Clientset // of an administrator
	auditLog string

	server *program.Server
	source seaworthy.DeclaredSource

	agent        *program.Process
	health, hook string // addresses of the agent
	auditToken   string

	orders int // of load
}

// enter starts a cluster, with an audit log where audited, and a server on SQLite.
func enter(t *testing.T, audited bool) *world {
	t.Helper()
	asked(t)
	binary, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: t.TempDir(), binary: binary}
	var flags []string
	if audited {
		policy, err := filepath.Abs("../../deploy/audit-policy.yaml")
		if err != nil {
			t.Fatal(err)
		}
		w.auditLog = filepath.Join(w.dir, "audit.log")
		flags = []string{"--audit-policy-file=" + policy, "--audit-log-path=" + w.auditLog}
	}
	w.kube = kubeapiserver.Start(t, flags...)
	config := rest.CopyConfig(w.kube.Config)
	config.ContentType = runtime.ContentTypeProtobuf
	if w.client, err = kubernetes.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	w.serve()
	return w
}

// serve starts the server and declares the cluster.
func (w *world) serve() {
	w.t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "seaworthy-") // it has a disk of its own too
	if err != nil {
		dir = w.dir
	} else {
		w.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	}
	w.server = program.NewServer(w.t, filepath.Join(dir, "server"))
	w.server.Binary, w.server.Change = w.binary, elsewhere
	w.server.Run()
	w.source = w.server.Cluster("production")
}

// elsewhere has a process take what the others leave: in earnest it is on another machine.
func elsewhere(cmd *exec.Cmd) {
	for _, leave := range [][]string{{"chrt", "--idle", "0"}, {"nice", "-n", "19"}} {
		if by, err := exec.LookPath(leave[0]); err == nil {
			cmd.Args = slices.Concat(leave, []string{cmd.Path}, cmd.Args[1:])
			cmd.Path = by
			return
		}
	}
}

// settings give the two checks parameters without which they judge nothing. The rest is the
// chart's.
const settings = `
settings:
  checks:
    image-registry-not-allowed: {parameters: {registries: "registry.example.com,ghcr.io/shop"}}
    required-labels: {parameters: {labels: "app.kubernetes.io/name,team"}}
`

// install makes what the chart makes, and gives what it has the agent run with.
func (w *world) install() (settingsText string, env []string) {
	w.t.Helper()
	values := filepath.Join(w.dir, "values.yaml")
	w.write(values, settings)
	out, err := exec.Command(w.binary, "agent", "manifests", "--server", w.server.URL(), "--values", values).Output()
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := dynamic.NewForConfig(w.kube.Config)
	if err != nil {
		w.t.Fatal(err)
	}
	docs := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(out), 4096)
	for {
		o := &unstructured.Unstructured{}
		if err := docs.Decode(&o.Object); errors.Is(err, io.EOF) {
			return settingsText, env
		} else if err != nil {
			w.t.Fatal(err)
		}
		if len(o.Object) == 0 {
			continue
		}
		resource, _ := meta.UnsafeGuessKindToResource(o.GroupVersionKind())
		into := dynamic.ResourceInterface(c.Resource(resource))
		if o.GetNamespace() != "" {
			into = c.Resource(resource).Namespace(o.GetNamespace())
		}
		if _, err := into.Create(w.t.Context(), o, metav1.CreateOptions{}); err != nil {
			w.t.Fatalf("install the agent: %s %s: %v", o.GetKind(), o.GetName(), err)
		}
		switch o.GetKind() {
		case "ConfigMap", "Secret":
			for _, field := range []string{"data", "stringData"} {
				text, _, _ := unstructured.NestedString(o.Object, field, "seaworthy.yaml")
				if plain, err := base64.StdEncoding.DecodeString(text); err == nil {
					text = string(plain)
				}
				settingsText += text
			}
		case "Deployment":
			var d appsv1.Deployment
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &d); err != nil {
				w.t.Fatal(err)
			}
			for _, e := range d.Spec.Template.Spec.Containers[0].Env {
				if strings.HasPrefix(e.Name, "GO") {
					env = append(env, e.Name+"="+e.Value)
				}
			}
		}
	}
}

// watch installs the agent and starts it with the rights and the settings of its chart, and
// where the cluster is audited with its log and a door for audit events.
func (w *world) watch() {
	w.t.Helper()
	text, env := w.install()
	file := func(name, text string) string {
		name = filepath.Join(w.dir, name)
		w.write(name, text)
		return name
	}
	var made struct{ Token string }
	w.server.Ask(http.MethodPost, "/api/v1/sources/"+w.source.ID+"/enrolments", nil, &made)
	audit := ""
	if w.auditLog != "" {
		w.auditToken = "a token of audit events"
		audit = fmt.Sprintf("  audit: {tokenFile: %q, log: %q}\n", file("audit-token", w.auditToken), w.auditLog)
	}
	before, after, found := strings.Cut(text, "agent:\n")
	if !found {
		w.t.Fatalf("the chart's settings have no block agent:\n%s", text)
	}
	w.health, w.hook = program.FreeAddress(w.t), program.FreeAddress(w.t)
	w.agent = program.New(w.t,
		"agent", "--config", file("seaworthy.yaml", before+"agent:\n"+audit+after), "--server", w.server.URL(),
		"--enrolment-file", file("token", made.Token), "--spool", filepath.Join(w.dir, "spool"), "--replica", "one", "--kubeconfig", w.kubeconfig(),
		"--listen", w.hook, "--metrics-listen", w.health, "--webhook-url", "https://"+w.hook,
	)
	w.agent.Binary, w.agent.Env = w.binary, append(env, strings.Fields(os.Getenv("SEAWORTHY_AGENT_ENV"))...)
	w.begin()
}

// begin starts the agent and waits until its report is at the server and the API server
// asks it.
func (w *world) begin() {
	w.t.Helper()
	w.agent.Start()
	w.t.Cleanup(func() {
		if said := w.agent.Printed(); w.t.Failed() {
			w.t.Logf("the agent said:\n%s\nthe server said:\n%s", said[max(0, len(said)-20_000):], w.server.Printed())
		}
	})
	w.until("the webhook is asked and a report is at the server", 10*time.Minute, func() error {
		text, err := w.metrics()
		if err != nil {
			return err
		}
		for _, line := range []string{
			`seaworthy_agent_place_works{place="webhook"} 1`, `seaworthy_agent_place_works{place="watch"} 1`, "seaworthy_agent_reports_total 1",
			`seaworthy_agent_messages_waiting{stream="findings"} 0`,
		} {
			if !strings.Contains(text, line+"\n") {
				return fmt.Errorf("the metrics do not say %s", line)
			}
		}
		return nil
	})
}

func (w *world) metrics() (string, error) {
	resp, err := http.Get("http://" + w.health + "/metrics")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

// drained waits until the server has taken everything that the agent told.
func (w *world) drained() {
	w.t.Helper()
	w.until("the server has everything", 20*time.Minute, func() error {
		text, err := w.metrics()
		if err == nil && !strings.Contains(text, `seaworthy_agent_messages_waiting{stream="changes"} 0`+"\n") {
			err = errors.New("something waits")
		}
		return err
	})
}

// kubeconfig is how the agent comes to the API server: as its ServiceAccount.
func (w *world) kubeconfig() string {
	w.t.Helper()
	c, err := w.kube.User(account, "system:serviceaccounts", "system:serviceaccounts:"+namespace)
	if err != nil {
		w.t.Fatal(err)
	}
	k := clientcmdapi.NewConfig()
	k.Clusters["test"] = &clientcmdapi.Cluster{Server: c.Host, CertificateAuthorityData: c.CAData}
	k.AuthInfos["agent"] = &clientcmdapi.AuthInfo{ClientCertificateData: c.CertData, ClientKeyData: c.KeyData}
	k.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "agent"}
	k.CurrentContext = "test"
	file := filepath.Join(w.dir, "kubeconfig")
	if err := clientcmd.WriteToFile(*k, file); err != nil {
		w.t.Fatal(err)
	}
	return file
}

func (w *world) write(file, text string) {
	w.t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// until waits for something to hold.
func (w *world) until(what string, most time.Duration, f func() error) {
	w.t.Helper()
	var err error
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	w.t.Fatalf("%s: not within %s: %v", what, most, err)
}

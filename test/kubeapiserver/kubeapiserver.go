// SPDX-License-Identifier: Apache-2.0

// Package kubeapiserver runs a real kube-apiserver for tests, with etcd behind it.
//
// Both listen on the loopback address only, on ports that were free, with certificates
// made for the occasion, and everything they write goes into a temporary folder.
// Authorisation is Node and RBAC; admission is what kube-apiserver turns on by itself,
// which includes ValidatingAdmissionPolicy and Pod Security, plus NodeRestriction.
// Nothing else runs: no controller makes the default ServiceAccount of a namespace or
// the Pods of a Deployment. StartCluster adds these.
//
// The binaries come from the cache that `make -C test/controlplane` fills. A test
// without them is skipped, unless SEAWORTHY_REQUIRE_CONTROLPLANE is set: then it fails.
package kubeapiserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/seaworthy-dev/seaworthy/test/kubeapiserver/binaries"
	"github.com/seaworthy-dev/seaworthy/test/ports"
)

// serviceIP is the first address of serviceRange, which is the API server's own.
var serviceIP = net.IPv4(10, 96, 0, 1)

const serviceRange = "10.96.0.0/16"

// Server is a running API server. It is safe for concurrent use.
type Server struct {
	// Config is how an administrator (group system:masters) reaches it, without a limit
	// of requests per second.
	Config *rest.Config
	// Kubeconfig is a file that says the same.
	Kubeconfig string
	// Dir holds the server's files: logs (etcd.log, kube-apiserver.log), keys, data.
	Dir string

	bin        string
	ca         *authority
	processes  []*process
	api        *process
	startAgain func() error // the API server alone
	store      string       // address of etcd
}

// Available returns the folder of the binaries, or the reason why there are none.
func Available() (dir, reason string) { return available(binaries.Server(), "") }

func available(names []string, target string) (dir, reason string) {
	pins, err := binaries.Find()
	if err != nil {
		return "", err.Error()
	}
	if dir, err = pins.Dir(); err != nil {
		return "", err.Error()
	}
	if missing := binaries.Missing(dir, names); len(missing) > 0 {
		return "", fmt.Sprintf("%s holds no %s: run `make -C test/controlplane%s`", dir, strings.Join(missing, ", "), target)
	}
	return dir, ""
}

// Start runs a server until the test ends. Further flags of kube-apiserver may be given
// and win over those it has by default.
func Start(t testing.TB, flags ...string) *Server {
	t.Helper()
	dir, reason := Available()
	needs(t, reason)
	s, err := boot(dir, t.TempDir(), flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

func needs(t testing.TB, reason string) {
	t.Helper()
	switch {
	case testing.Short():
		t.Skip("SKIPPED in a short run: nothing was tried against a real kube-apiserver")
	case reason == "":
	case os.Getenv("SEAWORTHY_REQUIRE_CONTROLPLANE") != "":
		t.Fatalf("SEAWORTHY_REQUIRE_CONTROLPLANE is set, but %s", reason)
	default:
		t.Skipf("SKIPPED, nothing was tried against a real kube-apiserver: %s", reason)
	}
}

// Shared is one server for all tests of a package, started when the first one asks:
//
//	var cluster kubeapiserver.Shared
//
//	func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }
//
//	func TestX(t *testing.T) { s := cluster.Start(t); … }
type Shared struct {
	// Flags are further flags of kube-apiserver.
	Flags []string

	once   sync.Once
	dir    string
	server *Server
	err    error
}

// Start returns the server.
func (c *Shared) Start(t testing.TB) *Server {
	t.Helper()
	bin, reason := Available()
	needs(t, reason)
	c.once.Do(func() {
		if c.dir, c.err = os.MkdirTemp("", "kubeapiserver-"); c.err == nil {
			c.server, c.err = boot(bin, c.dir, c.Flags)
		}
	})
	if c.err != nil {
		t.Fatal(c.err)
	}
	return c.server
}

// Run runs the tests, stops the server if one was started, and returns the exit code.
func (c *Shared) Run(m *testing.M) int {
	defer func() {
		if c.server != nil {
			c.server.stop()
		}
		if c.dir != "" {
			os.RemoveAll(c.dir)
		}
	}()
	return m.Run()
}

// User returns how another user with these groups reaches the server.
func (s *Server) User(name string, groups ...string) (*rest.Config, error) {
	p, err := s.ca.client(name, groups...)
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host:            s.Config.Host,
		QPS:             -1,
		TLSClientConfig: rest.TLSClientConfig{CAData: s.ca.pem, CertData: p.cert, KeyData: p.key},
	}, nil
}

// boot starts a server whose files are in dir. Between finding a port free and binding
// it another program may take it, so it tries a few times.
func boot(bin, dir string, flags []string) (*Server, error) {
	for attempt := 1; ; attempt++ {
		s, err := try(bin, filepath.Join(dir, fmt.Sprint(attempt)), flags)
		if err == nil {
			return s, nil
		}
		taken := false
		for _, p := range s.processes {
			taken = taken || p.portTaken()
		}
		s.stop()
		if !taken || attempt == 3 {
			return nil, err
		}
	}
}

// try starts a server once. The Server it returns is never nil: what did start has to
// be stopped.
func try(bin, dir string, flags []string) (*Server, error) {
	s := &Server{Dir: dir, bin: bin}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return s, fmt.Errorf("make a folder for the server: %w", err)
	}
	free, err := ports.Free(3)
	if err != nil {
		return s, err
	}
	host := "https://127.0.0.1:" + free[2]
	if err := s.writeKeys(host); err != nil {
		return s, err
	}
	store := "http://127.0.0.1:" + free[0]
	s.store = store
	if err := s.startEtcd(store, "http://127.0.0.1:"+free[1]); err != nil {
		return s, err
	}
	s.startAgain = func() error { return s.startAPI(store, free[2], flags) }
	return s, s.startAgain()
}

// Stop ends the API server alone; StartAgain brings it back over the same data.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.api.stop()
	s.processes = slices.DeleteFunc(s.processes, func(p *process) bool { return p == s.api })
}

// StartAgain starts an API server that was stopped.
func (s *Server) StartAgain(t testing.TB) {
	t.Helper()
	if err := s.startAgain(); err != nil {
		t.Fatal(err)
	}
}

// Compact has etcd forget how everything came to be what it is now: whoever watches from a
// version before has to list again. An API server that runs may still remember some of it.
func (s *Server) Compact(t testing.TB) {
	t.Helper()
	var now struct{ Header struct{ Revision string } }
	s.etcd(t, "/v3/kv/range", map[string]any{"key": "AA==", "limit": 1}, &now)
	s.etcd(t, "/v3/kv/compaction", map[string]any{"revision": now.Header.Revision, "physical": true}, nil)
}

// etcd asks etcd something by its JSON gateway.
func (s *Server) etcd(t testing.TB, path string, body, into any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(s.store+path, "application/json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err = io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("ask etcd %s: %s %s %v", path, resp.Status, text, err)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("ask etcd %s: %s: %v", path, text, err)
	}
}

// writeKeys makes all certificates and the administrator's way in.
func (s *Server) writeKeys(host string) (err error) {
	if s.ca, err = newAuthority(); err != nil {
		return err
	}
	serving, err := s.ca.server("kube-apiserver")
	if err != nil {
		return err
	}
	if err := serving.write(s.Dir, "kube-apiserver"); err != nil {
		return err
	}
	// The key alone of this pair signs the tokens of service accounts.
	tokens, err := s.ca.client("service-accounts")
	if err != nil {
		return err
	}
	if err := tokens.write(s.Dir, "service-accounts"); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "ca.crt"), s.ca.pem, 0o600); err != nil {
		return fmt.Errorf("write the authority's certificate: %w", err)
	}
	s.Config = &rest.Config{Host: host}
	if s.Config, err = s.User("admin", "system:masters"); err != nil {
		return err
	}
	s.Kubeconfig, err = s.kubeconfig("admin", s.Config)
	return err
}

// kubeconfig writes a file of that name for a program that comes as c says.
func (s *Server) kubeconfig(name string, c *rest.Config) (string, error) {
	k := clientcmdapi.NewConfig()
	k.Clusters["test"] = &clientcmdapi.Cluster{Server: c.Host, CertificateAuthorityData: c.CAData}
	k.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: c.CertData, ClientKeyData: c.KeyData}
	k.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: name}
	k.CurrentContext = "test"
	file := filepath.Join(s.Dir, name+".kubeconfig")
	if err := clientcmd.WriteToFile(*k, file); err != nil {
		return "", fmt.Errorf("write the kubeconfig of %s: %w", name, err)
	}
	return file, nil
}

func (s *Server) startEtcd(client, peer string) error {
	p, err := s.launch("etcd",
		"--name=test", "--data-dir="+filepath.Join(s.Dir, "etcd"),
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer,
		"--initial-cluster=test="+peer,
		"--unsafe-no-fsync", // nobody keeps this data
		"--log-level=warn")
	if err != nil {
		return err
	}
	c := http.Client{Timeout: 2 * time.Second}
	return p.await(patience, func() error {
		resp, err := c.Get(client + "/health")
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("/health answers %s", resp.Status)
		}
		return nil
	})
}

func (s *Server) startAPI(store, port string, flags []string) error {
	file := func(name string) string { return filepath.Join(s.Dir, name) }
	p, err := s.launch("kube-apiserver", append([]string{
		"--etcd-servers=" + store,
		"--bind-address=127.0.0.1", "--secure-port=" + port,
		"--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", // no Service endpoint may be loopback
		"--tls-cert-file=" + file("kube-apiserver.crt"), "--tls-private-key-file=" + file("kube-apiserver.key"),
		"--client-ca-file=" + file("ca.crt"),
		"--service-account-key-file=" + file("service-accounts.key"),
		"--service-account-signing-key-file=" + file("service-accounts.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-cluster-ip-range=" + serviceRange,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true", // as every real cluster has it; off, the server refuses what checks judge
		"--profiling=false",
	}, flags...)...)
	if err != nil {
		return err
	}
	s.api = p
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	return p.await(patience, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		// It makes its own namespaces beside being ready, and without them refuses what is put there.
		for _, path := range []string{"/readyz", "/api/v1/namespaces/default", "/api/v1/namespaces/kube-system"} {
			if err := client.RESTClient().Get().AbsPath(path).Do(ctx).Error(); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Server) launch(name string, args ...string) (*process, error) {
	p, err := launch(filepath.Join(s.bin, name), s.Dir, args...)
	if err == nil {
		s.processes = append(s.processes, p)
	}
	return p, err
}

// stop ends the processes, the last started first.
func (s *Server) stop() {
	for i := len(s.processes) - 1; i >= 0; i-- {
		s.processes[i].stop()
	}
	s.processes = nil
}

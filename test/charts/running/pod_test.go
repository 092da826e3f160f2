// SPDX-License-Identifier: Apache-2.0

//go:build unix

package running

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/seaworthy-dev/seaworthy/test/program"
)

// pod is one pod of the chart's Deployment, run as a process.
type pod struct {
	*program.Process
	name           string
	webhook, probe string // where it listens
}

// pod runs the n-th pod of the Deployment: it is made of the template, its volumes become
// folders, and it comes with a token of its ServiceAccount that is bound to it.
func (s *site) pod(n int) *pod {
	s.Helper()
	template := s.deployment().Spec.Template
	object := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", release, n), Labels: template.Labels}, Spec: template.Spec}
	object, err := s.admin.CoreV1().Pods(namespace).Create(s.Context(), object, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
	p := &pod{name: object.Name, webhook: program.FreeAddress(s), probe: program.FreeAddress(s)}
	c := object.Spec.Containers[0]
	volumes := map[string]string{}
	for _, v := range object.Spec.Volumes {
		volumes[v.Name] = s.volume(object, &v)
	}
	var swap []string // paths of the pod, and where they are here
	api := ""
	for _, m := range c.VolumeMounts {
		swap = append(swap, m.MountPath, volumes[m.Name])
		if m.MountPath == "/var/run/secrets/kubernetes.io/serviceaccount" {
			api = volumes[m.Name]
		}
	}
	here := strings.NewReplacer(swap...)
	var args []string
	for _, a := range c.Args {
		args = append(args, here.Replace(a))
	}
	// The settings name files too.
	settings := filepath.Join(volumes["settings"], "seaworthy.yaml")
	s.write(settings, here.Replace(s.settings()))
	p.Process = program.New(s, append(args,
		"--kubeconfig="+s.kubeconfig(api), "--listen="+p.webhook, "--metrics-listen="+p.probe, "--webhook-url=https://"+s.service.address())...)
	for _, e := range c.Env {
		p.Env = append(p.Env, e.Name+"="+environment(object, &e))
	}
	s.pods = append(s.pods, p)
	s.service.add(p)
	p.Start()
	return p
}

func (s *site) settings() string {
	s.Helper()
	m, err := s.admin.CoreV1().Secrets(namespace).Get(s.Context(), release+"-settings", metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return string(m.Data["seaworthy.yaml"])
}

func environment(object *corev1.Pod, e *corev1.EnvVar) string {
	if e.ValueFrom == nil {
		return e.Value
	}
	switch e.ValueFrom.FieldRef.FieldPath {
	case "metadata.name":
		return object.Name
	case "metadata.namespace":
		return object.Namespace
	}
	return ""
}

// volume makes a folder of a volume.
func (s *site) volume(object *corev1.Pod, v *corev1.Volume) string {
	s.Helper()
	dir := s.TempDir()
	switch {
	case v.ConfigMap != nil:
		m, err := s.admin.CoreV1().ConfigMaps(namespace).Get(s.Context(), v.ConfigMap.Name, metav1.GetOptions{})
		if err != nil {
			s.Fatal(err)
		}
		for name, text := range m.Data {
			s.write(filepath.Join(dir, name), text)
		}
	case v.Secret != nil:
		secret, err := s.admin.CoreV1().Secrets(namespace).Get(s.Context(), v.Secret.SecretName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) && v.Secret.Optional != nil && *v.Secret.Optional {
			return dir
		}
		if err != nil {
			s.Fatal(err)
		}
		for name, text := range secret.Data {
			s.write(filepath.Join(dir, name), string(text))
		}
	case v.Projected != nil:
		for _, source := range v.Projected.Sources {
			s.project(object, dir, &source)
		}
	case v.EmptyDir == nil:
		s.Fatalf("volume %s is of a kind that this test does not know", v.Name)
	}
	return dir
}

func (s *site) project(object *corev1.Pod, dir string, source *corev1.VolumeProjection) {
	s.Helper()
	switch {
	case source.ServiceAccountToken != nil:
		request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			ExpirationSeconds: source.ServiceAccountToken.ExpirationSeconds,
			BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: object.Name, UID: object.UID},
		}}
		request, err := s.admin.CoreV1().ServiceAccounts(namespace).CreateToken(s.Context(), object.Spec.ServiceAccountName, request, metav1.CreateOptions{})
		if err != nil {
			s.Fatal(err)
		}
		s.write(filepath.Join(dir, source.ServiceAccountToken.Path), request.Status.Token)
	case source.ConfigMap != nil:
		m, err := s.admin.CoreV1().ConfigMaps(namespace).Get(s.Context(), source.ConfigMap.Name, metav1.GetOptions{})
		if err != nil {
			s.Fatal(err)
		}
		for _, item := range source.ConfigMap.Items {
			s.write(filepath.Join(dir, item.Path), m.Data[item.Key])
		}
	case source.DownwardAPI != nil:
		for _, item := range source.DownwardAPI.Items {
			s.write(filepath.Join(dir, item.Path), environment(object, &corev1.EnvVar{ValueFrom: &corev1.EnvVarSource{FieldRef: item.FieldRef}}))
		}
	}
}

// kubeconfig says what a program in a pod knows of the API server: its address, who signed
// its certificate, and the file with the token.
func (s *site) kubeconfig(api string) string {
	s.Helper()
	k := clientcmdapi.NewConfig()
	k.Clusters["in"] = &clientcmdapi.Cluster{Server: s.kube.Config.Host, CertificateAuthority: filepath.Join(api, "ca.crt")}
	k.AuthInfos["account"] = &clientcmdapi.AuthInfo{TokenFile: filepath.Join(api, "token")}
	k.Contexts["in"] = &clientcmdapi.Context{Cluster: "in", AuthInfo: "account"}
	k.CurrentContext = "in"
	file := filepath.Join(api, "kubeconfig")
	if err := clientcmd.WriteToFile(*k, file); err != nil {
		s.Fatal(err)
	}
	return file
}

// working waits until a pod is ready and both the webhook and audit events reach it or
// another one; a leader also watches and has sent a whole report.
func (s *site) working(p *pod, leader bool) {
	s.Helper()
	want := []string{`seaworthy_agent_place_works{place="webhook"} 1`, `seaworthy_agent_place_works{place="audit"} 1`, "seaworthy_agent_leader 0"}
	if leader {
		want = append(want[:2], "seaworthy_agent_leader 1", `seaworthy_agent_place_works{place="watch"} 1`)
	}
	s.until(p.name+" works", func() error {
		if _, err := get("http://" + p.probe + "/readyz"); err != nil {
			return err
		}
		text, err := get("http://" + p.probe + "/metrics")
		if err != nil {
			return err
		}
		for _, line := range want {
			if !says(text, line) {
				return fmt.Errorf("the metrics do not say %s", line)
			}
		}
		if leader && !reported.MatchString(text) {
			return errors.New("no whole report was written")
		}
		return nil
	})
}

// says tells whether metrics hold a line, and not only a description that begins like it.
func says(metrics, line string) bool { return strings.Contains("\n"+metrics, "\n"+line+"\n") }

// reported is what the metrics say once a whole report was written; there may be more.
var reported = regexp.MustCompile(`(?m)^seaworthy_agent_reports_total [1-9]`)

func get(url string) (string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s %s %v", url, resp.Status, text, err)
	}
	return string(text), nil
}

// service does what the Service of the chart does where nothing else does: one address,
// behind which connections go to a pod that is there, each to another one than before.
type service struct {
	listener net.Listener
	mu       sync.Mutex
	pods     []*pod
	next     int
}

func newService(t *testing.T) *service {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &service{listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go v.pass(c)
		}
	}()
	return v
}

func (v *service) address() string { return v.listener.Addr().String() }

func (v *service) add(p *pod) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pods = append(v.pods, p)
}

func (v *service) pass(c net.Conn) {
	defer c.Close()
	v.mu.Lock()
	pods := v.pods
	v.next++
	first := v.next
	v.mu.Unlock()
	for i := range pods {
		to, err := net.Dial("tcp", pods[(first+i)%len(pods)].webhook)
		if err != nil {
			continue
		}
		defer to.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(to, c)
			_ = to.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(c, to)
		_ = c.Close()
		<-done
		return
	}
}

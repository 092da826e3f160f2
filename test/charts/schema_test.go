// SPDX-License-Identifier: Apache-2.0

package charts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/manifest"
)

// Values that are wrong are refused, and what is said names them.
func TestWrongValuesAreRefused(t *testing.T) {
	server, agent := "testdata/seaworthy/sqlite.yaml", "testdata/seaworthy-agent/least.yaml"
	for _, c := range []struct{ values, set, want string }{
		{server, "replica=2", "additional properties 'replica' not allowed"},
		{server, "replicas=0", "at '/replicas': minimum: got 0, want 1"},
		{server, "replicas=2", "several replicas need PostgreSQL"},
		{server, "replicas=2,database.secretName=x", "set keys.secretName"},
		{server, "replicas=2,database.secretName=x,keys.secretName=k", "set s3.url"},
		{server, "persistence.enabled=false", "the server would forget"},
		{server, "persistence.size=big", "at '/persistence/size'"},
		{server, "persistence.accessModes={ReadOnlyMany}", "at '/persistence/accessModes/0'"},
		{server, "baseURL=seaworthy.example.com", "at '/baseURL'"},
		{server, "baseURL=", "set baseURL"},
		{server, "image.digest=sha256:12", "at '/image/digest'"},
		{server, "image.pullPolicy=Sometimes", "at '/image/pullPolicy'"},
		{server, "sessionLifetime=a week", "at '/sessionLifetime'"},
		{server, "logLevel=loud", "at '/logLevel'"},
		{server, "ingress.enabled=true", "ingress.enabled needs ingress.host"},
		{server, "ingress.enabled=true,ingress.host=seaworthy.example.com", "needs ingress.tlsSecretName"},
		{server, "ingress.host=*.example.com", "at '/ingress/host'"},
		{server, "signOn.issuer=https://login.example.com", "signOn.issuer needs signOn.clientId"},
		{server, "signOn.roles.ops=5", "at '/signOn/roles/ops'"},
		{server, "s3.url=https://bucket", "at '/s3/url'"},
		{server, "openshift=maybe", "at '/openshift'"},
		{agent, "server.url=", "set server.url"},
		{agent, "server.url=seaworthy", "at '/server/url'"},
		{agent, "enrolment.secretName=", "set enrolment.secretName"},
		{agent, "enrolment.token=abc", "at '/enrolment': additional properties 'token' not allowed"},
		{agent, "replicas=9", "at '/replicas': maximum: got 9, want 5"},
		{agent, "admission.mode=block", "at '/admission/mode'"},
		{agent, "admission.failurePolicy=fail", "at '/admission/failurePolicy'"},
		{agent, "admission.certManager.enabled=true", "admission.certManager needs issuerName"},
		{agent, "settings.agent.admission.failurePolicy=Fail", "set admission.* of the chart"},
		{agent, "settings.agent.secrets={slack}", "settings.agent.secrets is what the chart mounts"},
		{agent, "settings.cluster.secrets=true", "set secrets.enabled of the chart"},
		{agent, "spool.size=lots", "at '/spool/size'"},
		{agent, "secrets.enabled=yes", "at '/secrets/enabled'"},
	} {
		t.Run(c.set, func(t *testing.T) {
			chart := filepath.Base(filepath.Dir(c.values))
			_, err := manifest.Template(os.DirFS(filepath.Join(folder, chart)), options(chart, c.values, c.set))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.set, err, c.want)
			}
		})
	}
}

// Each chart keeps all else out of its namespace, so it wants one of its own.
func TestNamespaceIsItsOwn(t *testing.T) {
	for _, values := range []string{"testdata/seaworthy/sqlite.yaml", "testdata/seaworthy-agent/least.yaml"} {
		chart := filepath.Base(filepath.Dir(values))
		o := options(chart, values)
		o.Namespace = "kube-system"
		if _, err := manifest.Template(os.DirFS(filepath.Join(folder, chart)), o); err == nil || !strings.Contains(err.Error(), "choose a namespace such as seaworthy") {
			t.Errorf("%s in kube-system: %v", chart, err)
		}
		o.Set = []string{"networkPolicy.defaultDeny=false"}
		if _, err := manifest.Template(os.DirFS(filepath.Join(folder, chart)), o); err != nil {
			t.Errorf("%s without a policy for all: %v", chart, err)
		}
	}
}

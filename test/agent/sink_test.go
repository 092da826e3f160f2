// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/seaworthy-dev/seaworthy/internal/admission"
)

// sink are the files by which the API server knows the agent to which it sends audit events,
// and the agent the API server.
type sink struct{ token, certificate, key, authority string }

const sinkToken = "a token of the API server alone"

// auditFlags are those of an API server whose audit events go where the world says.
func (w *world) auditFlags() []string {
	w.t.Helper()
	if w.audit == auditOff {
		return nil
	}
	policy, err := filepath.Abs("../../deploy/audit-policy.yaml")
	if err != nil {
		w.t.Fatal(err)
	}
	flags := []string{"--audit-policy-file=" + policy, "--audit-log-path=" + w.auditLog}
	if w.audit == auditSink || w.audit == auditBoth {
		flags = append(flags, "--audit-webhook-config-file="+w.sinkConfig(),
			"--audit-webhook-batch-max-wait=1s", "--audit-webhook-initial-backoff=1s")
	}
	return flags
}

// sinkConfig writes the file with which the API server comes to the agent, over TLS and with
// a token, and the files of the agent.
func (w *world) sinkConfig() string {
	w.t.Helper()
	pairs, _, err := admission.Pairs(nil).Renew(time.Now(), []string{"127.0.0.1"})
	if err != nil {
		w.t.Fatal(err)
	}
	file := func(name string, text []byte) string {
		path := filepath.Join(w.dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			w.t.Fatal(err)
		}
		return path
	}
	w.sink = sink{
		token: file("audit-token", []byte(sinkToken+"\n")), certificate: file("door.crt", pairs[0].Cert), key: file("door.key", pairs[0].Key),
		authority: file("door-ca.crt", pairs.Authorities()),
	}
	k := clientcmdapi.NewConfig()
	k.Clusters["seaworthy"] = &clientcmdapi.Cluster{Server: "https://" + w.door.addr + "/audit", CertificateAuthority: w.sink.authority}
	k.AuthInfos["cluster"] = &clientcmdapi.AuthInfo{TokenFile: w.sink.token}
	k.Contexts["seaworthy"] = &clientcmdapi.Context{Cluster: "seaworthy", AuthInfo: "cluster"}
	k.CurrentContext = "seaworthy"
	config := filepath.Join(w.dir, "audit-webhook.yaml")
	if err := clientcmd.WriteToFile(*k, config); err != nil {
		w.t.Fatal(err)
	}
	return config
}

// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const encryptionCheck = "secrets-not-encrypted-at-rest"

// encryption judges EncryptionConfiguration files, and API servers that name none.
func encryption(p *analysis.Pass, apiServers func() []process) {
	configs := 0
	for _, kind := range []string{"EncryptionConfiguration", "EncryptionConfig"} {
		for _, o := range p.Snapshot.Kind(kind) {
			if o.Group() == "apiserver.config.k8s.io" || kind == "EncryptionConfig" && o.Group() == "" {
				configs++
				p.Report.Judge(encryptionCheck, o, secretsProvider(o)...)
			}
		}
	}
	const flag = "encryption-provider-config"
	servers := apiServers()
	for i := range servers {
		server := &servers[i]
		if v := isSet(flag)(server); len(v.problems) > 0 {
			p.Report.Judge(encryptionCheck, server.object, server.items(v)...)
			continue
		}
		if configs == 0 {
			p.Report.NotEvaluated(encryptionCheck, fmt.Sprintf("%s reads its providers from %s, which was not given",
				server.object, server.flags[flag].value))
		}
	}
	if configs == 0 && len(servers) == 0 {
		absent(p, encryptionCheck, apiServer)
	}
}

// secretsProvider finds what writes Secrets: the first provider of the first entry that
// is about them.
func secretsProvider(o *snapshot.Object) []seaworthy.Item {
	entries, _ := o.Content()["resources"].([]any)
	for i, e := range entries {
		entry, _ := e.(map[string]any)
		resources, _ := entry["resources"].([]any)
		if !slices.ContainsFunc(resources, aboutSecrets) {
			continue
		}
		providers, _ := entry["providers"].([]any)
		path := fmt.Sprintf("resources[%d].providers", i)
		if len(providers) == 0 {
			return []seaworthy.Item{{Key: "resources[secrets].providers", Path: path, Message: "no provider encrypts Secrets"}}
		}
		first, _ := providers[0].(map[string]any)
		if _, plain := first["identity"]; plain {
			return []seaworthy.Item{{
				Key: "resources[secrets].providers", Path: path + "[0]",
				Message: "the first provider for Secrets is identity, so that they are written in clear text",
			}}
		}
		return nil
	}
	return []seaworthy.Item{{Key: "resources", Path: "resources", Message: "no entry is about Secrets, so that they are written in clear text"}}
}

// aboutSecrets tells whether a resource pattern holds the Secrets of the core group.
func aboutSecrets(r any) bool { return r == "secrets" || r == "*." || r == "*.*" }

// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// ClusterRole is the least that a scan of a whole cluster needs, as YAML, with its
// ServiceAccount and binding: exactly what this package lists, gets and creates. Secrets
// are a role of their own, to be bound only where --secrets is used.
func ClusterRole() []byte {
	var b bytes.Buffer
	b.WriteString(roleHead)
	for _, g := range builtin {
		rule(&b, g.group, g.resources, "list")
	}
	b.WriteString("# Custom resources that checks read, where they are installed.\n")
	for _, g := range slices.Sorted(slices.Values(customGroups)) {
		rule(&b, g, []string{"*"}, "list")
	}
	b.WriteString("# What other tools report, where they are installed. Take these away and it is not read.\n")
	for _, g := range reported {
		rule(&b, g.group, g.resources, "list")
	}
	b.WriteString("# The UID of kube-system identifies the cluster.\n")
	b.WriteString("- apiGroups: [\"\"]\n  resources: [namespaces]\n  resourceNames: [kube-system]\n  verbs: [get]\n")
	b.WriteString("# Who the scan runs as; every user may ask that unless it was taken away.\n")
	rule(&b, "authentication.k8s.io", []string{"selfsubjectreviews"}, "create")
	b.WriteString("# What the API server serves.\n")
	b.WriteString("- nonResourceURLs: [/api, /api/*, /apis, /apis/*, /version]\n  verbs: [get]\n")
	b.WriteString(roleTail)
	return b.Bytes()
}

func rule(b *bytes.Buffer, group string, resources []string, verb string) {
	if group == "" {
		group = `""`
	}
	fmt.Fprintf(b, "- apiGroups: [%s]\n", group)
	if strings.Join(resources, "") == "*" {
		b.WriteString("  resources: ['*']\n")
	} else {
		b.WriteString("  resources:\n")
		for _, r := range resources {
			fmt.Fprintf(b, "  - %s\n", r)
		}
	}
	fmt.Fprintf(b, "  verbs: [%s]\n", verb)
}

const roleHead = `# What a scan of a whole cluster may read. Made from what internal/kube lists; a test
# keeps the two equal. Apply it and scan with the token of the ServiceAccount.
apiVersion: v1
kind: Namespace
metadata:
  name: seaworthy
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: seaworthy-scan
  namespace: seaworthy
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: seaworthy-scan
rules:
`

const roleTail = `---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: seaworthy-scan
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: seaworthy-scan
subjects:
- kind: ServiceAccount
  name: seaworthy-scan
  namespace: seaworthy
---
# Only for --secrets, and bound to nobody here: whoever may list Secrets may read their
# values. The scan keeps the names of their keys only.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: seaworthy-scan-secrets
rules:
- apiGroups: [""]
  resources: [secrets]
  verbs: [list]
`

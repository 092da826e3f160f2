// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"slices"

	"github.com/seaworthy-dev/seaworthy"
)

// table lists the checks on flags.
var table = slices.Concat(apiServerTable, apiServerTLSTable, componentTable, etcdTable)

var (
	hardening      = []string{"control-plane-hardening"}
	authentication = []string{"cluster-authentication", "control-plane-hardening"}
	transit        = []string{"encryption-in-transit", "control-plane-hardening"}
	admission      = []string{"admission-control", "control-plane-hardening"}
	auditing       = []string{"api-audit-logging", "control-plane-hardening"}
)

var apiServerTable = []entry{
	{
		id: "cis-api-anonymous-auth", title: "API server accepts anonymous requests", severity: seaworthy.High, component: apiServer,
		rationale: "Requests without credentials are served as system:anonymous. One careless binding to that user or to " +
			"system:unauthenticated opens the cluster to anyone who reaches the port.",
		remediation: "Set --anonymous-auth=false, or allow it for health endpoints only in the file of --authentication-config.",
		snippet:     "    - --anonymous-auth=false\n", controls: authentication,
		expect: unless("authentication-config", isFalse("anonymous-auth", true)),
	},
	{
		id: "cis-api-token-auth-file", title: "API server uses a static token file", severity: seaworthy.High, component: apiServer,
		rationale: "Static tokens lie in clear text on the node, never expire, and cannot be revoked without a restart of the " +
			"API server.",
		remediation: "Remove --token-auth-file and authenticate people through OpenID Connect.",
		snippet:     "    # no --token-auth-file\n    - --authentication-config=/etc/kubernetes/authentication.yaml\n", controls: authentication,
		expect: isUnset("token-auth-file"),
	},
	{
		id: "cis-api-authz-always-allow", title: "API server authorisation mode AlwaysAllow", severity: seaworthy.Critical, component: apiServer,
		rationale: "With AlwaysAllow every authenticated request is granted, so that any token is an administrator's. It is " +
			"also what kube-apiserver does when no mode is given.",
		remediation: "Set --authorization-mode=Node,RBAC.",
		snippet:     "    - --authorization-mode=Node,RBAC\n", controls: []string{"privileged-access", "control-plane-hardening"},
		expect: authorizes("AlwaysAllow", false),
	},
	{
		id: "cis-api-authz-rbac", title: "API server lacks the RBAC authoriser", severity: seaworthy.Critical, component: apiServer,
		rationale:   "Without the RBAC authoriser, roles and bindings mean nothing, and rights cannot be granted one by one.",
		remediation: "Add RBAC to --authorization-mode.",
		snippet:     "    - --authorization-mode=Node,RBAC\n", controls: []string{"least-privilege-access", "control-plane-hardening"},
		expect: authorizes("RBAC", true),
	},
	{
		id: "cis-api-authz-node", title: "API server lacks the Node authoriser", severity: seaworthy.Medium, component: apiServer,
		rationale: "The Node authoriser lets a kubelet read only what its own pods need. Without it, one captured node reads " +
			"the Secrets of all.",
		remediation: "Add Node to --authorization-mode.",
		snippet:     "    - --authorization-mode=Node,RBAC\n", controls: []string{"least-privilege-access", "control-plane-hardening"},
		expect: authorizes("Node", true),
	},
	{
		id: "cis-api-always-admit", title: "AlwaysAdmit admission plugin is on", severity: seaworthy.High, component: apiServer,
		rationale:   "AlwaysAdmit admits every request, and the policies behind it are never asked.",
		remediation: "Take AlwaysAdmit out of --enable-admission-plugins.",
		snippet:     "    - --enable-admission-plugins=NodeRestriction\n", controls: admission,
		expect: refuses("AlwaysAdmit"),
	},
	{
		id: "cis-api-node-restriction", title: "NodeRestriction admission plugin is off", severity: seaworthy.High, component: apiServer,
		rationale: "NodeRestriction keeps a kubelet to its own Node and the pods on it. Without it, one captured node can " +
			"relabel others and draw workloads to itself.",
		remediation: "Add NodeRestriction to --enable-admission-plugins.",
		snippet:     "    - --enable-admission-plugins=NodeRestriction\n", controls: admission,
		expect: admits("NodeRestriction", false),
	},
	{
		id: "cis-api-namespace-lifecycle", title: "NamespaceLifecycle admission plugin is off", severity: seaworthy.Medium, component: apiServer,
		rationale:   "NamespaceLifecycle protects the system namespaces from deletion and keeps objects out of those that end.",
		remediation: "Take NamespaceLifecycle out of --disable-admission-plugins.",
		snippet:     "    # no --disable-admission-plugins=NamespaceLifecycle\n", controls: admission,
		expect: admits("NamespaceLifecycle", true),
	},
	{
		id: "cis-api-serviceaccount-plugin", title: "ServiceAccount admission plugin is off", severity: seaworthy.Medium, component: apiServer,
		rationale: "The plugin gives every pod a service account and refuses accounts that do not exist. Without it, pods run " +
			"without an identity that can be limited.",
		remediation: "Take ServiceAccount out of --disable-admission-plugins.",
		snippet:     "    # no --disable-admission-plugins=ServiceAccount\n", controls: []string{"service-identity", "control-plane-hardening"},
		expect: admits("ServiceAccount", true),
	},
	{
		id: "cis-api-serviceaccount-lookup", title: "Service account tokens are not looked up", severity: seaworthy.Medium, component: apiServer,
		rationale:   "Without the look-up, the token of a deleted service account goes on working.",
		remediation: "Remove --service-account-lookup=false; the look-up is on by default.",
		snippet:     "    - --service-account-lookup=true\n", controls: []string{"service-identity", "control-plane-hardening"},
		expect: looksUp,
	},
	{
		id: "cis-api-serviceaccount-key", title: "No dedicated service account key file", severity: seaworthy.Medium, component: apiServer,
		rationale: "Without a key of their own, service account tokens are verified by the API server's TLS key, and neither " +
			"key can be replaced without the other.",
		remediation: "Set --service-account-key-file to a public key that is used for nothing else.",
		snippet:     "    - --service-account-key-file=/etc/kubernetes/pki/sa.pub\n", controls: []string{"service-identity", "control-plane-hardening"},
		expect: isKeyFile("service-account-key-file"),
	},
	{
		id: "cis-api-profiling", title: "API server profiling is on", severity: seaworthy.Low, component: apiServer,
		rationale:   "Profiles tell the inner workings of the server to whoever may read them, and taking one costs CPU time.",
		remediation: "Set --profiling=false.",
		snippet:     "    - --profiling=false\n", controls: hardening,
		expect: isFalse("profiling", true),
	},
	{
		id: "cis-api-audit-log-path", title: "API server writes no audit log", severity: seaworthy.High, component: apiServer,
		rationale:   "Without an audit log nobody can tell who changed or read what, neither in an investigation nor in an audit.",
		remediation: "Set --audit-log-path and --audit-policy-file.",
		snippet:     "    - --audit-log-path=/var/log/kubernetes/audit.log\n    - --audit-policy-file=/etc/kubernetes/audit-policy.yaml\n", controls: auditing,
		expect: isSet("audit-log-path"),
	},
	{
		id: "cis-api-audit-log-maxage", title: "Audit log retention below 30 days", severity: seaworthy.Medium, component: apiServer,
		rationale:   "Intrusions are found weeks after they began. An audit log that was dropped by then answers nothing.",
		remediation: "Set --audit-log-maxage=30 or more, and ship the log to a store.",
		snippet:     "    - --audit-log-maxage=30\n", controls: auditing,
		expect: atLeast("audit-log-maxage", 30),
	},
	{
		id: "cis-api-audit-log-maxbackup", title: "Fewer than 10 audit log backups", severity: seaworthy.Low, component: apiServer,
		rationale:   "When few old files are kept, a burst of requests pushes the interesting ones out of the log.",
		remediation: "Set --audit-log-maxbackup=10 or more.",
		snippet:     "    - --audit-log-maxbackup=10\n", controls: auditing,
		expect: atLeast("audit-log-maxbackup", 10),
	},
	{
		id: "cis-api-audit-log-maxsize", title: "Audit log file size is not bounded", severity: seaworthy.Low, component: apiServer,
		rationale:   "Files that rotate too early are dropped too early; the benchmark asks for 100 MB each.",
		remediation: "Set --audit-log-maxsize=100 or more.",
		snippet:     "    - --audit-log-maxsize=100\n", controls: auditing,
		expect: atLeast("audit-log-maxsize", 100),
	},
}

var apiServerTLSTable = []entry{
	{
		id: "cis-api-client-ca", title: "API server has no client CA", severity: seaworthy.High, component: apiServer,
		rationale:   "Without a certificate authority for clients, neither nodes nor components can authenticate by certificate.",
		remediation: "Set --client-ca-file.",
		snippet:     "    - --client-ca-file=/etc/kubernetes/pki/ca.crt\n", controls: authentication,
		expect: isSet("client-ca-file"),
	},
	{
		id: "cis-api-tls-cert", title: "API server has no TLS certificate", severity: seaworthy.High, component: apiServer,
		rationale: "Without a certificate that clients can verify, the server makes one up for itself, and clients learn to " +
			"skip the verification.",
		remediation: "Set --tls-cert-file and --tls-private-key-file.",
		snippet:     "    - --tls-cert-file=/etc/kubernetes/pki/apiserver.crt\n    - --tls-private-key-file=/etc/kubernetes/pki/apiserver.key\n", controls: transit,
		expect: isSet("tls-cert-file", "tls-private-key-file"),
	},
	{
		id: "cis-api-strong-ciphers", title: "API server allows weak TLS ciphers", severity: seaworthy.Medium, component: apiServer,
		rationale:   "Suites without authenticated encryption have a history of attacks that recover what was sent.",
		remediation: "Set --tls-cipher-suites to suites with GCM or ChaCha20-Poly1305, or --tls-min-version=VersionTLS13.",
		snippet: "    - --tls-cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256," +
			"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\n", controls: transit,
		expect: strongCiphers,
	},
	{
		id: "cis-api-kubelet-ca", title: "API server does not verify kubelet certificates", severity: seaworthy.Medium, component: apiServer,
		rationale: "Logs, exec and port-forward go from the API server to the kubelet. Unverified, someone between them reads " +
			"and changes what passes.",
		remediation: "Set --kubelet-certificate-authority.",
		snippet:     "    - --kubelet-certificate-authority=/etc/kubernetes/pki/ca.crt\n", controls: transit,
		expect: isSet("kubelet-certificate-authority"),
	},
	{
		id: "cis-api-kubelet-client-cert", title: "API server has no client certificate for kubelets", severity: seaworthy.Medium, component: apiServer,
		rationale:   "A kubelet that cannot tell the API server from others must serve everyone or no one.",
		remediation: "Set --kubelet-client-certificate and --kubelet-client-key.",
		snippet:     "    - --kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.crt\n    - --kubelet-client-key=/etc/kubernetes/pki/apiserver-kubelet-client.key\n", controls: transit,
		expect: isSet("kubelet-client-certificate", "kubelet-client-key"),
	},
	{
		id: "cis-api-etcd-ca", title: "API server does not verify etcd", severity: seaworthy.High, component: apiServer,
		rationale:   "etcd holds every Secret. An API server that does not verify it can be led to write them elsewhere.",
		remediation: "Set --etcd-cafile.",
		snippet:     "    - --etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt\n", controls: transit,
		expect: isSet("etcd-cafile"),
	},
	{
		id: "cis-api-etcd-cert", title: "API server to etcd without client certificate", severity: seaworthy.High, component: apiServer,
		rationale:   "Without client certificates etcd has to trust whoever reaches its port, and whoever writes etcd owns the cluster.",
		remediation: "Set --etcd-certfile and --etcd-keyfile.",
		snippet:     "    - --etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt\n    - --etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key\n", controls: transit,
		expect: isSet("etcd-certfile", "etcd-keyfile"),
	},
	{
		id: "cis-api-encryption-provider", title: "No encryption provider configuration", severity: seaworthy.High, component: apiServer,
		rationale:   "Without it Secrets lie in etcd, its snapshots and its backups in clear text.",
		remediation: "Set --encryption-provider-config to a file whose first provider for secrets is kms, secretbox or aesgcm.",
		snippet:     "    - --encryption-provider-config=/etc/kubernetes/encryption.yaml\n", controls: []string{"encryption-at-rest", "control-plane-hardening"},
		expect: isSet("encryption-provider-config"),
	},
}

// SPDX-License-Identifier: Apache-2.0

package controlplane

import "github.com/seaworthy-dev/seaworthy"

var componentTable = []entry{
	{
		id: "cis-cm-bind-address", title: "Controller manager listens beyond loopback", severity: seaworthy.Medium, component: controllerManager,
		rationale:   "Its port serves metrics and health to whoever reaches the node; nobody but the node needs it.",
		remediation: "Set --bind-address=127.0.0.1.",
		snippet:     "    - --bind-address=127.0.0.1\n", controls: []string{"network-boundary", "control-plane-hardening"},
		expect: onLoopback("bind-address"),
	},
	{
		id: "cis-cm-profiling", title: "Controller manager profiling is on", severity: seaworthy.Low, component: controllerManager,
		rationale:   "Profiles tell the inner workings of the process to whoever may read them.",
		remediation: "Set --profiling=false.",
		snippet:     "    - --profiling=false\n", controls: hardening,
		expect: isFalse("profiling", true),
	},
	{
		id: "cis-cm-root-ca", title: "Controller manager has no root CA", severity: seaworthy.Medium, component: controllerManager,
		rationale: "Pods verify the API server by the certificate authority that the controller manager hands out. Without " +
			"it, the one of its own kubeconfig is given to every namespace, whatever that holds.",
		remediation: "Set --root-ca-file to the certificate authority of the API server.",
		snippet:     "    - --root-ca-file=/etc/kubernetes/pki/ca.crt\n", controls: transit,
		expect: isKeyFile("root-ca-file"),
	},
	{
		id: "cis-cm-rotate-kubelet-cert", title: "Kubelet server certificate rotation is off (controller manager)", severity: seaworthy.Medium, component: controllerManager,
		rationale:   "Certificates that are not rotated expire one day, or are replaced by hand and then by self-signed ones.",
		remediation: "Take RotateKubeletServerCertificate=false out of --feature-gates.",
		snippet:     "    # no --feature-gates=RotateKubeletServerCertificate=false\n", controls: transit,
		expect: gate("RotateKubeletServerCertificate"),
	},
	{
		id: "cis-cm-sa-credentials", title: "Controllers share one credential", severity: seaworthy.Medium, component: controllerManager,
		rationale: "With one credential for all, each controller holds the sum of all their rights, and the audit log cannot " +
			"tell them apart.",
		remediation: "Set --use-service-account-credentials=true.",
		snippet:     "    - --use-service-account-credentials=true\n", controls: []string{"least-privilege-access", "control-plane-hardening"},
		expect: isTrue("use-service-account-credentials", false),
	},
	{
		id: "cis-cm-sa-key", title: "Controller manager has no service account key", severity: seaworthy.Medium, component: controllerManager,
		rationale:   "A key of their own lets service account tokens be signed, and that key be replaced, apart from any other.",
		remediation: "Set --service-account-private-key-file.",
		snippet:     "    - --service-account-private-key-file=/etc/kubernetes/pki/sa.key\n", controls: []string{"service-identity", "control-plane-hardening"},
		expect: isKeyFile("service-account-private-key-file"),
	},
	{
		id: "cis-sched-bind-address", title: "Scheduler listens beyond loopback", severity: seaworthy.Medium, component: scheduler,
		rationale:   "Its port serves metrics and health to whoever reaches the node; nobody but the node needs it.",
		remediation: "Set --bind-address=127.0.0.1.",
		snippet:     "    - --bind-address=127.0.0.1\n", controls: []string{"network-boundary", "control-plane-hardening"},
		expect: onLoopback("bind-address"),
	},
	{
		id: "cis-sched-profiling", title: "Scheduler profiling is on", severity: seaworthy.Low, component: scheduler,
		rationale:   "Profiles tell the inner workings of the process to whoever may read them.",
		remediation: "Set --profiling=false, or enableProfiling: false in the file of --config.",
		snippet:     "    - --profiling=false\n", controls: hardening,
		expect: unless("config", isFalse("profiling", true)),
	},
}

var etcdTable = []entry{
	{
		id: "cis-etcd-tls", title: "etcd client traffic is not TLS", severity: seaworthy.High, component: etcd,
		rationale:   "Every Secret of the cluster goes over this connection.",
		remediation: "Set --cert-file and --key-file.",
		snippet:     "    - --cert-file=/etc/kubernetes/pki/etcd/server.crt\n    - --key-file=/etc/kubernetes/pki/etcd/server.key\n", controls: transit,
		expect: isSet("cert-file", "key-file"),
	},
	{
		id: "cis-etcd-client-auth", title: "etcd does not require client certificates", severity: seaworthy.High, component: etcd,
		rationale:   "Whoever reaches an etcd that asks for no certificate reads and writes the whole cluster, past every role.",
		remediation: "Set --client-cert-auth=true and --trusted-ca-file.",
		snippet:     "    - --client-cert-auth=true\n    - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt\n", controls: authentication,
		expect: isTrue("client-cert-auth", false),
	},
	{
		id: "cis-etcd-auto-tls", title: "etcd uses self-signed certificates", severity: seaworthy.Medium, component: etcd,
		rationale:   "Certificates that etcd makes up for itself cannot be verified by anyone.",
		remediation: "Remove --auto-tls, and set --cert-file and --key-file.",
		snippet:     "    - --auto-tls=false\n", controls: transit,
		expect: isFalse("auto-tls", false),
	},
	{
		id: "cis-etcd-peer-tls", title: "etcd peer traffic is not TLS", severity: seaworthy.High, component: etcd,
		rationale:   "Members copy everything that they store to each other over this connection.",
		remediation: "Set --peer-cert-file and --peer-key-file.",
		snippet:     "    - --peer-cert-file=/etc/kubernetes/pki/etcd/peer.crt\n    - --peer-key-file=/etc/kubernetes/pki/etcd/peer.key\n", controls: transit,
		expect: isSet("peer-cert-file", "peer-key-file"),
	},
	{
		id: "cis-etcd-peer-client-auth", title: "etcd peers are not authenticated", severity: seaworthy.High, component: etcd,
		rationale:   "Where peers are not authenticated, anyone on the network can join as a member and receive all data.",
		remediation: "Set --peer-client-cert-auth=true and --peer-trusted-ca-file.",
		snippet:     "    - --peer-client-cert-auth=true\n    - --peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt\n", controls: authentication,
		expect: isTrue("peer-client-cert-auth", false),
	},
	{
		id: "cis-etcd-peer-auto-tls", title: "etcd peers use self-signed certificates", severity: seaworthy.Medium, component: etcd,
		rationale:   "Certificates that members make up for themselves do not tell one member from an intruder.",
		remediation: "Remove --peer-auto-tls, and set --peer-cert-file and --peer-key-file.",
		snippet:     "    - --peer-auto-tls=false\n", controls: transit,
		expect: isFalse("peer-auto-tls", false),
	},
}

// SPDX-License-Identifier: Apache-2.0

package fix

import "slices"

// Remedy is what can be written for the findings of a check.
type Remedy struct {
	Check string
	// Change says what is written, Caution what may stop working.
	Change, Caution string
	// Safe says when the remedy is applied without its check being named; empty if never.
	Safe string

	// field is how the path of a finding must end, value what is written there.
	field string
	value any
	// add appends value to the list instead.
	add bool
	// edit gives another change than value at the finding's path.
	edit func(*site) (edit, error)
	// replaces allows an explicit value to be changed though the check is not named.
	replaces bool
	// safe gives the reason against applying it unnamed, never one that always holds.
	safe, never func(*site) error
}

const always = "always, where the field is left out"

// remedies lists every remedy. They are applied in this order, so that a later one sees
// what an earlier one wrote.
var remedies = []Remedy{
	{
		Check: "deprecated-api", Change: "apiVersion: the successor with the same fields",
		Caution: "a cluster so old that it does not serve the successor refuses the object",
		Safe:    "where the successor has the same fields and meaning",
		field:   "apiVersion", edit: successor, replaces: true, safe: alwaysSafe,
	},
	{
		// A user id above 0 is not root already; the field makes the kubelet hold to it.
		Check: "run-as-root-allowed", Change: "securityContext.runAsNonRoot: true",
		Caution: "an image that starts as root does not start any more",
		Safe:    "where runAsUser is set to another user than root",
		field:   "securityContext.runAsNonRoot", value: true, safe: otherUser, never: rootUser,
	},
	{
		Check: "privileged-container", Change: "securityContext.privileged: false",
		Caution: "programs that use devices or mounts of the node stop working",
		field:   "securityContext.privileged", value: false,
	},
	{
		// Without the field a setuid program still gains rights. What relies on that asks for
		// capabilities as a rule, so those are left alone.
		Check: "privilege-escalation-allowed", Change: "securityContext.allowPrivilegeEscalation: false",
		Caution: "sudo, setuid programs and programs with file capabilities lose their rights",
		Safe:    "where the field is left out and no capability is added",
		field:   "securityContext.allowPrivilegeEscalation", value: false, safe: addsNothing, never: escalates,
	},
	{
		// The runtime's profile is what Docker has applied by default for a decade: common
		// programs pass it. It is set for the pod, so containers with a profile keep theirs.
		Check: "seccomp-profile-missing", Change: "the pod's securityContext.seccompProfile.type: RuntimeDefault",
		Caution: "programs that trace, mount or load eBPF may be refused a system call",
		Safe:    always,
		field:   "securityContext.seccompProfile", edit: podSeccomp, safe: alwaysSafe,
	},
	{
		Check: "capabilities-not-dropped", Change: "securityContext.capabilities.drop: [ALL]",
		Caution: "a root process can no longer change owners, bind low ports or switch users",
		Safe:    "where the process is not root and cannot gain rights, so it has none to lose",
		field:   "securityContext.capabilities.drop", value: "ALL", add: true, safe: powerless,
	},
	{
		Check: "capabilities-restricted-profile", Change: "securityContext.capabilities.drop: [ALL]",
		Caution: "a root process can no longer change owners, bind low ports or switch users",
		Safe:    "where the process is not root and cannot gain rights, so it has none to lose",
		field:   "securityContext.capabilities.drop", value: "ALL", add: true, safe: powerless,
	},
	{
		Check: "capability-net-raw", Change: "securityContext.capabilities.drop: [NET_RAW]",
		Caution: "ping and programs that make their own packets may stop working",
		Safe:    "where the process is not root and cannot gain rights, so it has none to lose",
		field:   "securityContext.capabilities.drop", value: "NET_RAW", add: true, edit: dropNetRaw, safe: powerless,
	},
	{
		Check: "writable-root-filesystem", Change: "securityContext.readOnlyRootFilesystem: true",
		Caution: "programs that write outside of their volumes fail; give them emptyDir volumes",
		field:   "securityContext.readOnlyRootFilesystem", value: true,
	},
	{
		Check: "service-account-token-automount", Change: "the pod's automountServiceAccountToken: false",
		Caution: "programs that talk to the Kubernetes API lose their identity",
		field:   "automountServiceAccountToken", value: false,
	},
	{
		Check: "default-service-account-token", Change: "automountServiceAccountToken: false",
		Caution: "pods of the default account that talk to the Kubernetes API lose their identity",
		field:   "automountServiceAccountToken", value: false,
	},
	{
		Check: "image-pull-policy", Change: "imagePullPolicy: Always",
		Caution: "pods do not start while the registry is out of reach, also from images loaded by hand",
		field:   "imagePullPolicy", value: "Always",
	},
	{
		Check: "host-network", Change: "hostNetwork: false",
		Caution: "the pod gets an address of its own; whoever reached it at the node's does not any more",
		field:   "hostNetwork", value: false,
	},
	{
		Check: "host-pid", Change: "hostPID: false",
		Caution: "programs that look at processes of the node see none", field: "hostPID", value: false,
	},
	{
		Check: "host-ipc", Change: "hostIPC: false",
		Caution: "shared memory with processes of the node is gone", field: "hostIPC", value: false,
	},
	{
		Check: "proc-mount-unmasked", Change: "securityContext.procMount: Default",
		Caution: "programs that build or run containers in the container stop working",
		field:   "securityContext.procMount", value: "Default",
	},
	{
		Check: "seccomp-unconfined", Change: "securityContext.seccompProfile.type: RuntimeDefault",
		Caution: "programs that trace, mount or load eBPF may be refused a system call",
		field:   "securityContext.seccompProfile.type", value: "RuntimeDefault",
	},
	{
		Check: "writable-host-path", Change: "readOnly: true on the mount",
		Caution: "programs that write to the node's directory fail", field: "readOnly", value: true,
	},
	{
		Check: "rolling-update-missing", Change: "spec.strategy.type: RollingUpdate",
		Caution: "two versions run at once for a while; a volume of one node, or a lock, may forbid that",
		field:   "spec.strategy.type", value: "RollingUpdate",
	},
	{
		Check: "namespace-psa-missing", Change: "label pod-security.kubernetes.io/enforce: baseline",
		Caution: "new pods that break the baseline profile are refused; running ones stay",
		field:   `metadata.labels["pod-security.kubernetes.io/enforce"]`, value: "baseline",
	},
}

// Remedies lists what can be fixed, in the order in which it is.
func Remedies() []Remedy { return slices.Clone(remedies) }

// For gives the remedy of a check.
func For(check string) (Remedy, bool) {
	if i := rank(check); i >= 0 {
		return remedies[i], true
	}
	return Remedy{}, false
}

// rank is the place of a check's remedy in the list, or -1.
func rank(check string) int {
	return slices.IndexFunc(remedies, func(r Remedy) bool { return r.Check == check })
}

// SPDX-License-Identifier: Apache-2.0

package podsecurity

import (
	"fmt"
	"math/rand/v2"
)

type object = map[string]any

// generator makes pods as manifests write them: with zero values, unknown values and
// settings that contradict each other, since those are where readings differ. Each field
// that a profile looks at is good often enough for a whole pod to be good.
type generator struct{ *rand.Rand }

func (g generator) chance(p float64) bool { return g.Float64() < p }

func pick[T any](g generator, of ...T) T { return of[g.IntN(len(of))] }

// some sets a field with probability p.
func (g generator) some(o object, field string, p float64, value func() any) {
	if g.chance(p) {
		o[field] = value()
	}
}

// list makes up to n elements.
func (g generator) list(n int, element func(i int) any) []any {
	out := []any{}
	for i := range g.IntN(n + 1) {
		out = append(out, element(i))
	}
	return out
}

// pod makes metadata and spec of a pod or a pod template.
func (g generator) pod() (metadata, spec object) {
	metadata = object{"labels": object{"app": "generated"}}
	g.some(metadata, "annotations", .2, func() any {
		return object{
			"container.apparmor.security.beta.kubernetes.io/" + pick(g, "a0", "i0", "gone"): pick(g, "", "unconfined", "runtime/default", "localhost/own", "localhost", "Runtime/Default"),
			"container.seccomp.security.alpha.kubernetes.io/a0":                             pick(g, "unconfined", "runtime/default"),
		}
	})
	spec = object{"containers": append([]any{g.container("a0")}, g.list(1, func(int) any { return g.container("a1") })...)}
	g.some(spec, "initContainers", .3, func() any {
		return g.list(2, func(i int) any {
			c := g.container(fmt.Sprint("i", i))
			g.some(c, "restartPolicy", .3, func() any { return "Always" }) // a sidecar
			return c
		})
	})
	g.some(spec, "ephemeralContainers", .2, func() any {
		return g.list(2, func(i int) any { return g.container(fmt.Sprint("e", i)) })
	})
	g.some(spec, "securityContext", .85, func() any { return g.podSecurity() })
	for _, field := range []string{"hostNetwork", "hostPID", "hostIPC"} {
		g.some(spec, field, .2, func() any { return pick(g, true, false) })
	}
	g.some(spec, "hostUsers", .3, func() any { return pick(g, true, false) })
	g.some(spec, "os", .3, func() any { return object{"name": pick(g, "windows", "windows", "linux", "")} })
	g.some(spec, "volumes", .6, func() any { return g.list(3, func(i int) any { return g.volume(fmt.Sprint("v", i)) }) })
	return metadata, spec
}

func (g generator) volume(name string) object {
	v := object{"name": name}
	if g.chance(.8) { // else the server makes it an emptyDir
		v[pick(g, "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
			"configMap", "secret", "emptyDir", "image", "hostPath", "hostPath", "hostPath", "nfs", "rbd", "gitRepo", "azureFile")] = object{}
	}
	return v
}

func (g generator) container(name string) object {
	c := object{"name": name, "image": "registry.example/app:1"}
	g.some(c, "securityContext", .92, func() any { return g.containerSecurity() })
	g.some(c, "ports", .4, func() any {
		return g.list(2, func(int) any {
			p := object{"containerPort": int64(8080)}
			g.some(p, "hostPort", .4, func() any { return pick(g, int64(0), int64(8080)) })
			return p
		})
	})
	for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		g.some(c, probe, .2, func() any { return g.handler() })
	}
	g.some(c, "lifecycle", .2, func() any {
		l := object{}
		g.some(l, "postStart", .5, func() any { return g.handler() })
		g.some(l, "preStop", .5, func() any { return g.handler() })
		return l
	})
	return c
}

// handler is that of a probe or a hook.
func (g generator) handler() object {
	kind := pick(g, "exec", "httpGet", "tcpSocket", "")
	switch kind {
	case "":
		return object{}
	case "exec":
		return object{kind: object{"command": []any{"true"}}}
	}
	action := object{"port": pick[any](g, int64(80), "http")}
	g.some(action, "host", .4, func() any { return pick(g, "", "127.0.0.1", "other.example") })
	return object{kind: action}
}

func (g generator) podSecurity() object {
	o := g.security()
	g.some(o, "sysctls", .5, func() any {
		return g.list(3, func(int) any {
			return object{"value": "1", "name": pick(g, "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
				"net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_keepalive_time",
				"net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
				"net/ipv4/tcp_syncookies", "kernel.msgmax", "net.core.somaxconn", "")}
		})
	})
	return o
}

func (g generator) containerSecurity() object {
	o := g.security()
	g.some(o, "privileged", .3, func() any { return pick(g, true, false, false) })
	g.some(o, "allowPrivilegeEscalation", .85, func() any { return pick(g, false, false, false, false, true) })
	g.some(o, "procMount", .3, func() any { return pick(g, "Default", "Default", "Unmasked", "", "unmasked") })
	capability := func(int) any {
		return pick(g, "ALL", "all", "NET_BIND_SERVICE", "NET_BIND_SERVICE", "CHOWN", "CAP_CHOWN", "NET_RAW", "KILL", "SYS_ADMIN", "SYS_CHROOT", "")
	}
	g.some(o, "capabilities", .85, func() any {
		c := object{}
		g.some(c, "add", .4, func() any { return g.list(2, capability) })
		g.some(c, "drop", .9, func() any { return append(g.list(1, capability), pick(g, "ALL", "ALL", "ALL", "NET_RAW")) })
		return c
	})
	return o
}

// security is what the security contexts of pods and of containers have in common.
func (g generator) security() object {
	o := object{}
	g.some(o, "runAsNonRoot", .6, func() any { return pick(g, true, true, true, true, false) })
	g.some(o, "runAsUser", .3, func() any { return pick(g, int64(0), int64(1), int64(1000)) })
	g.some(o, "seLinuxOptions", .3, func() any {
		s := object{}
		g.some(s, "type", .6, func() any {
			return pick(g, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t", "spc_t", "CONTAINER_T")
		})
		g.some(s, "user", .2, func() any { return pick(g, "", "user_u") })
		g.some(s, "role", .2, func() any { return pick(g, "", "role_r") })
		g.some(s, "level", .2, func() any { return "s0:c1,c2" })
		return s
	})
	g.some(o, "seccompProfile", .7, func() any {
		p := object{"type": pick(g, "RuntimeDefault", "RuntimeDefault", "RuntimeDefault", "Localhost", "Unconfined", "", "runtimeDefault")}
		g.some(p, "localhostProfile", .2, func() any { return "profiles/own.json" })
		return p
	})
	g.some(o, "appArmorProfile", .4, func() any {
		return object{"type": pick(g, "RuntimeDefault", "RuntimeDefault", "Localhost", "Unconfined", "", "unconfined")}
	})
	g.some(o, "windowsOptions", .3, func() any {
		w := object{}
		g.some(w, "hostProcess", .5, func() any { return pick(g, true, false, false) })
		g.some(w, "runAsUserName", .3, func() any { return "ContainerAdministrator" })
		return w
	})
	return o
}

// An envelope puts a pod template into a kind.
type envelope struct {
	kind string
	wrap func(metadata, spec object) object
}

// envelopes are all kinds that hold pods.
var envelopes = []envelope{
	{"Pod", func(metadata, spec object) object {
		metadata["name"] = "generated"
		return object{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
	}},
	{"PodTemplate", func(metadata, spec object) object {
		return object{"apiVersion": "v1", "kind": "PodTemplate", "metadata": object{"name": "generated"}, "template": object{"metadata": metadata, "spec": spec}}
	}},
	{"ReplicationController", controller("v1", "ReplicationController")},
	{"Deployment", controller("apps/v1", "Deployment")},
	{"StatefulSet", controller("apps/v1", "StatefulSet")},
	{"DaemonSet", controller("apps/v1", "DaemonSet")},
	{"ReplicaSet", controller("apps/v1", "ReplicaSet")},
	{"Rollout", controller("argoproj.io/v1alpha1", "Rollout")}, // a custom resource: nobody fills in defaults
	{"Job", controller("batch/v1", "Job")},
	{"CronJob", func(metadata, spec object) object {
		job := controller("batch/v1", "Job")(metadata, spec)
		return object{"apiVersion": "batch/v1", "kind": "CronJob", "metadata": object{"name": "generated"}, "spec": object{
			"schedule": "0 3 * * *", "jobTemplate": object{"spec": job["spec"]},
		}}
	}},
}

func controller(apiVersion, kind string) func(metadata, spec object) object {
	return func(metadata, spec object) object {
		return object{"apiVersion": apiVersion, "kind": kind, "metadata": object{"name": "generated"}, "spec": object{
			"template": object{"metadata": metadata, "spec": spec},
		}}
	}
}

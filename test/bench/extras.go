// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"fmt"
)

func (g *generator) service(name, team string) string {
	kind := "ClusterIP"
	if g.chance(6) {
		kind = g.pick([]string{"NodePort", "LoadBalancer"})
	}
	return fmt.Sprintf("apiVersion: v1\nkind: Service\n%sspec:\n  type: %s\n  selector:\n    app.kubernetes.io/name: %s\n  ports:\n  - name: http\n    port: 80\n    targetPort: http\n",
		meta(name, team, g), kind, name)
}

func (g *generator) serviceAccount(name, team string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ServiceAccount\n%sautomountServiceAccountToken: %t\n", meta(name, team, g), g.chance(40))
}

// configMap has up to some kilobytes of text, as files of settings do.
func (g *generator) configMap(name, team string) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "apiVersion: v1\nkind: ConfigMap\n%sdata:\n  settings.conf: |\n", meta(name, team, g))
	for range g.rnd.IntN(200) {
		fmt.Fprintf(&b, "    %s.%s.%s = %d\n", g.pick(tiers), g.pick(nouns), g.pick(roles), g.rnd.IntN(100000))
	}
	fmt.Fprintf(&b, "  level: info\n")
	return b.String()
}

func (g *generator) role(name, team string) string {
	return fmt.Sprintf("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n%srules:\n- apiGroups: [\"\"]\n  resources: [%s]\n  verbs: [get, list, watch]\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\n%sroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: %s}\nsubjects:\n- {kind: ServiceAccount, name: %s, namespace: %s}\n",
		meta(name, team, g), g.pick([]string{"configmaps", "pods", "secrets"}), meta(name, team, nil), name, name, team)
}

func (g *generator) ingress(name, team string) string {
	tls := ""
	if g.chance(70) {
		tls = fmt.Sprintf("  tls:\n  - hosts: [%s.example.com]\n    secretName: %s-tls\n", name, name)
	}
	return fmt.Sprintf("apiVersion: networking.k8s.io/v1\nkind: Ingress\n%sspec:\n%s  rules:\n  - host: %s.example.com\n    http:\n      paths:\n      - path: /\n        pathType: Prefix\n        backend:\n          service:\n            name: %s\n            port: {name: http}\n",
		meta(name, team, g), tls, name, name)
}

func hpa(name, team string) string {
	return fmt.Sprintf("apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\n%sspec:\n  minReplicas: 2\n  maxReplicas: 9\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: %s}\n", meta(name, team, nil), name)
}

func pdb(name, team string) string {
	return fmt.Sprintf("apiVersion: policy/v1\nkind: PodDisruptionBudget\n%sspec:\n  maxUnavailable: 1\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: %s\n", meta(name, team, nil), name)
}

func networkPolicy(name, team string) string {
	return fmt.Sprintf("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n%sspec:\n  podSelector:\n    matchLabels:\n      app.kubernetes.io/name: %s\n  policyTypes: [Ingress]\n  ingress:\n  - from:\n    - podSelector: {}\n", meta(name, team, nil), name)
}

func externalSecret(name, team string) string {
	return fmt.Sprintf("apiVersion: external-secrets.io/v1\nkind: ExternalSecret\n%sspec:\n  refreshInterval: 1h\n  secretStoreRef: {kind: ClusterSecretStore, name: vault}\n  target: {name: %s}\n  dataFrom:\n  - extract: {key: %s/%s}\n", meta(name, team, nil), name, team, name)
}

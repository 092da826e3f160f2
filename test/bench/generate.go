// SPDX-License-Identifier: Apache-2.0

// Package bench makes large inputs for benchmarks: believable companies of any size, no
// two workloads alike.
package bench

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// Generate writes the manifests of n workloads below dir, a file for each object, and
// gives the number of files and bytes. The same seed makes the same files. Beside a
// workload stands what it refers to, a Service where it serves, and now and then RBAC, an
// Ingress, an HPA, a budget and a network policy, as in real repositories.
func Generate(dir string, n int, seed uint64) (files, size int, err error) {
	g := &generator{rnd: rand.New(rand.NewPCG(seed, 0)), dir: dir}
	for i := range n {
		if err := g.workload(i); err != nil {
			return g.files, g.size, err
		}
	}
	return g.files, g.size, nil
}

type generator struct {
	rnd         *rand.Rand
	dir         string
	files, size int

	// Of the workload being written: its name, and what it refers to.
	name                    string
	secret, config, account bool
}

var (
	nouns       = strings.Fields("cart order invoice stock price search login user audit mail image report ledger refund coupon feed basket parcel route quote claim ticket badge asset meter")
	roles       = strings.Fields("api worker web cache sync gateway store index cron proxy")
	tiers       = strings.Fields("frontend backend data edge batch")
	controllers = strings.Fields("Deployment Deployment Deployment Deployment Deployment StatefulSet DaemonSet CronJob Job")
	hosts       = strings.Fields("registry.example.com ghcr.example.net quay.example.org docker.io eu.images.example")
)

func (g *generator) pick(from []string) string { return from[g.rnd.IntN(len(from))] }

// chance is true in p of 100 cases.
func (g *generator) chance(p int) bool { return g.rnd.IntN(100) < p }

func (g *generator) write(name, kind, text string) error {
	folder := filepath.Join(g.dir, name[:strings.IndexByte(name, '/')])
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	g.files++
	g.size += len(text)
	return os.WriteFile(filepath.Join(g.dir, name+"-"+kind+".yaml"), []byte(text), 0o644)
}

func (g *generator) workload(i int) error {
	name := fmt.Sprintf("%s-%s-%d", g.pick(nouns), g.pick(roles), i)
	team := fmt.Sprintf("team-%d", g.rnd.IntN(60))
	at := team + "/" + name
	g.name, g.secret, g.config, g.account = name, false, false, false
	kind := g.pick(controllers)
	main := g.controller(kind, name, team)
	serves := 0
	if kind == "Deployment" || kind == "StatefulSet" {
		serves = 100
	}
	// Now and then what a workload refers to is not there.
	here := func(refers bool) int {
		if refers {
			return 98
		}
		return 0
	}
	for _, extra := range []struct {
		percent int
		kind    string
		text    func(name, team string) string
	}{
		{serves, "service", g.service}, {here(g.account), "serviceaccount", g.serviceAccount}, {here(g.config), "configmap", g.configMap},
		{here(g.secret), "externalsecret", externalSecret},
		{6, "hpa", hpa}, {5, "pdb", pdb}, {3, "networkpolicy", networkPolicy}, {3, "role", g.role}, {1, "ingress", g.ingress},
	} {
		if !g.chance(extra.percent) {
			continue
		}
		if g.chance(50) { // many repositories keep what belongs together in one file
			main += "---\n" + extra.text(name, team)
			continue
		}
		if err := g.write(at, extra.kind, extra.text(name, team)); err != nil {
			return err
		}
	}
	return g.write(at, strings.ToLower(kind), main)
}

func meta(name, team string, g *generator) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "metadata:\n  name: %s\n  namespace: %s\n  labels:\n    app.kubernetes.io/name: %s\n", name, team, name)
	if g != nil && g.chance(60) {
		fmt.Fprintf(&b, "    app.kubernetes.io/part-of: %s\n    tier: %s\n    team: %s\n", g.pick(nouns), g.pick(tiers), team)
	}
	if g != nil && g.chance(40) {
		fmt.Fprintf(&b, "  annotations:\n    example.com/owner: %s@example.com\n    example.com/revision: \"%d\"\n", team, g.rnd.IntN(900))
	}
	return b.String()
}

func (g *generator) controller(kind, name, team string) string {
	var b bytes.Buffer
	group := "apps/v1"
	if kind == "Job" || kind == "CronJob" {
		group = "batch/v1"
	}
	fmt.Fprintf(&b, "# %s runs for %s.\napiVersion: %s\nkind: %s\n%sspec:\n", name, team, group, kind, meta(name, team, g))
	indent := "  "
	switch kind {
	case "CronJob":
		fmt.Fprintf(&b, "  schedule: \"%d %d * * *\"\n  jobTemplate:\n    spec:\n      backoffLimit: %d\n", g.rnd.IntN(60), g.rnd.IntN(24), g.rnd.IntN(6))
		indent = "      "
	case "Job":
		fmt.Fprintf(&b, "  backoffLimit: %d\n", g.rnd.IntN(6))
	default:
		if kind != "DaemonSet" && g.chance(80) {
			fmt.Fprintf(&b, "  replicas: %d\n", 1+g.rnd.IntN(6))
		}
		if kind == "StatefulSet" {
			fmt.Fprintf(&b, "  serviceName: %s\n", name)
		}
		fmt.Fprintf(&b, "  selector:\n    matchLabels:\n      app.kubernetes.io/name: %s\n", name)
	}
	g.template(&b, indent, kind, name, team)
	return b.String()
}

func (g *generator) template(b *bytes.Buffer, in, kind, name, team string) {
	p := func(format string, args ...any) { fmt.Fprintf(b, in+format+"\n", args...) }
	p("template:")
	p("  metadata:")
	p("    labels:")
	p("      app.kubernetes.io/name: %s", name)
	p("      team: %s", team)
	if g.chance(30) {
		p("    annotations:")
		p("      prometheus.io/scrape: \"true\"")
		p("      prometheus.io/port: \"%d\"", 9000+g.rnd.IntN(200))
	}
	p("  spec:")
	if kind == "Job" || kind == "CronJob" {
		p("    restartPolicy: OnFailure")
	}
	if g.chance(60) {
		g.account = true
		p("    serviceAccountName: %s", name)
	}
	if g.chance(30) {
		p("    automountServiceAccountToken: false")
	}
	if g.chance(5) {
		p("    hostNetwork: true")
	}
	if g.chance(45) {
		p("    securityContext:")
		p("      runAsNonRoot: %t", g.chance(80))
		if g.chance(50) {
			p("      runAsUser: %d", 100+g.rnd.IntN(20000))
		}
		if g.chance(50) {
			p("      seccompProfile:")
			p("        type: RuntimeDefault")
		}
	}
	volumes := g.rnd.IntN(4)
	if volumes > 0 {
		p("    volumes:")
		for v := range volumes {
			p("    - name: vol-%d", v)
			switch {
			case g.chance(40):
				g.config = true
				p("      configMap:")
				p("        name: %s", name)
			case g.chance(10):
				p("      hostPath:")
				p("        path: /var/lib/%s", name)
			default:
				p("      emptyDir: {}")
			}
		}
	}
	if g.chance(15) {
		p("    initContainers:")
		g.container(p, "init", volumes)
	}
	p("    containers:")
	g.container(p, "app", volumes)
	for c := range g.rnd.IntN(4) {
		g.container(p, fmt.Sprintf("sidecar-%d", c), volumes)
	}
}

func (g *generator) container(p func(string, ...any), name string, volumes int) {
	image := fmt.Sprintf("%s/%s/%s", g.pick(hosts), g.pick(nouns), g.pick(roles))
	switch {
	case g.chance(10):
	case g.chance(10):
		image += ":latest"
	case g.chance(20):
		image += fmt.Sprintf("@sha256:%064x", g.rnd.Uint64())
	default:
		image += fmt.Sprintf(":%d.%d.%d", g.rnd.IntN(9), g.rnd.IntN(30), g.rnd.IntN(99))
	}
	p("    - name: %s", name)
	p("      image: %s", image)
	if g.chance(30) {
		p("      imagePullPolicy: %s", g.pick([]string{"Always", "IfNotPresent"}))
	}
	if g.chance(50) {
		p("      args: [\"--listen=:%d\", \"--level=info\", \"--shard=%d\"]", 8000+g.rnd.IntN(99), g.rnd.IntN(9))
	}
	p("      ports:")
	p("      - name: http")
	p("        containerPort: %d", 8000+g.rnd.IntN(999))
	if n := g.rnd.IntN(20); n > 0 {
		p("      env:")
		for e := range n {
			p("      - name: %s_%s_%d", strings.ToUpper(g.pick(nouns)), strings.ToUpper(g.pick(roles)), e)
			if g.chance(20) {
				g.secret = true
				p("        valueFrom:")
				p("          secretKeyRef:")
				p("            name: %s", g.name)
				p("            key: %s", g.pick(roles))
			} else {
				p("        value: \"%s-%d\"", g.pick(tiers), g.rnd.IntN(100000))
			}
		}
	}
	if g.chance(75) {
		p("      resources:")
		p("        requests:")
		p("          cpu: %dm", 10*(1+g.rnd.IntN(90)))
		p("          memory: %dMi", 32*(1+g.rnd.IntN(60)))
		if g.chance(70) {
			p("        limits:")
			p("          memory: %dMi", 64*(1+g.rnd.IntN(60)))
		}
	}
	for _, probe := range []string{"livenessProbe", "readinessProbe"} {
		if name != "init" && g.chance(65) {
			p("      %s:", probe)
			p("        httpGet:")
			p("          path: /healthz")
			p("          port: http")
			p("        periodSeconds: %d", 5+g.rnd.IntN(30))
		}
	}
	if g.chance(55) {
		p("      securityContext:")
		p("        allowPrivilegeEscalation: %t", g.chance(10))
		p("        readOnlyRootFilesystem: %t", g.chance(70))
		if g.chance(3) {
			p("        privileged: true")
		}
		if g.chance(60) {
			p("        capabilities:")
			p("          drop: [ALL]")
		}
	}
	if volumes > 0 {
		p("      volumeMounts:")
		for v := range volumes {
			p("      - name: vol-%d", v)
			p("        mountPath: /mnt/%d", v)
		}
	}
}

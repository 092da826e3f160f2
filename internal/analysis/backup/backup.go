// SPDX-License-Identifier: Apache-2.0

// Package backup tells which volumes and databases no backup schedule covers, and which
// schedules do nothing.
//
// A schedule is whatever makes backups or snapshots by the clock: Velero, Kasten, K8up,
// Stash, KubeStash, VolSync, Longhorn, Stork, Gemini, the snapshot scheduler, the
// backups of database operators, and CronJobs that are called backups. That a schedule
// exists says nothing of whether its backups can be restored. Backups made outside the
// cluster cannot be seen; so manifests are judged only where they hold a schedule.
package backup

import (
	"context"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const (
	missing   = "backup-missing"
	suspended = "backup-schedule-suspended"
)

// Analyzer judges volumes, databases and schedules.
var Analyzer = &analysis.Analyzer{
	Name: "backup",
	Doc:  "Data that no backup schedule covers, and schedules that are switched off.",
	Checks: []seaworthy.Check{
		{
			ID: missing, Title: "Namespace/PVC is not covered by a backup schedule",
			Severity: seaworthy.Medium, Category: "Data protection", Scope: seaworthy.ScopeCross,
			Rationale: "Data that nobody copies is lost with its disk, with a mistaken deletion or with ransomware. " +
				"A volume outside every schedule is usually noticed on the day that it is needed.",
			Remediation: "Add a backup schedule that includes the volume's namespace, or extend an existing one; test that its backups can be restored.",
			Snippet: `apiVersion: velero.io/v1
kind: Schedule
metadata:
  name: daily
  namespace: velero
spec:
  schedule: "0 3 * * *"
  template:
    includedNamespaces: ["shop"]
    ttl: 720h
`,
			Controls: []string{"backup"},
			Params: []seaworthy.Param{
				{Name: "max-interval", Doc: "The longest time that may pass between two backups of a schedule, such as 24h; empty: any"},
				{
					Name: "presets", Default: defaultPresets,
					Doc: "Values of the label dataprotection that stand for a backup which is not in the input, comma separated, * stands for any text",
				},
			},
		},
		{
			ID: suspended, Title: "Backup schedule is suspended",
			Severity: seaworthy.High, Category: "Data protection", Scope: seaworthy.ScopeEngine,
			Rationale: "A schedule that was paused, often for a maintenance long over, looks like a backup in every list and makes none. " +
				"The data that it covers is unprotected from the day of the pause on.",
			Remediation: "Resume the schedule, or delete it where another one covers its data.",
			Snippet:     "spec:\n  paused: false\n",
			Controls:    []string{"backup"},
		},
	},
	Run: run,
}

func run(ctx context.Context, p *analysis.Pass) error {
	j := &judge{Pass: p, books: read(p.Snapshot, func(o *snapshot.Object, err error) { p.Report.Error(missing, o, err) })}
	if v := p.Params(missing)["max-interval"]; v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			p.Report.Error(missing, nil, fmt.Errorf("read parameter max-interval: %w", err))
			return nil
		}
		j.most = d
	}
	j.presets = presets(p.Params(missing)["presets"])
	j.schedules()
	if err := ctx.Err(); err != nil {
		return err
	}
	kinds := []string{"PersistentVolumeClaim", "StatefulSet", "CronJob"}
	for _, r := range readers {
		kinds = append(kinds, r.kind)
	}
	for _, kind := range kinds {
		if reason := p.Snapshot.Unlisted[kind]; reason != "" {
			p.Report.NotEvaluated(missing, kind+" objects could not be listed: "+reason)
			return nil
		}
	}
	j.databases()
	j.workloads()
	j.claims()
	if j.unseen {
		p.Report.NotEvaluated(missing, "the files hold volumes and no backup schedule; a cluster scan shows it")
	}
	return nil
}

type judge struct {
	*analysis.Pass
	books   *books
	most    time.Duration // between two backups; 0: any
	presets []string
	unseen  bool // volumes were left out because no schedule can be seen
}

// schedules judges the schedules themselves: that they run, and under backup-missing
// those that back nothing up or, where an interval is set, those that run.
func (j *judge) schedules() {
	for _, s := range j.books.schedules {
		var off []seaworthy.Item
		if s.off != "" {
			off = append(off, seaworthy.Item{Key: s.off, Path: s.off, Message: fmt.Sprintf("%s %s makes no backups: %s switches it off", s.object.Kind, s.object.Name, s.off)})
		}
		j.Report.Judge(suspended, s.object, off...)
		switch {
		case s.useless != "":
			j.Report.Judge(missing, s.object, seaworthy.Item{Key: s.uselessPath, Path: s.uselessPath, Message: s.useless})
		case j.most > 0 && s.off == "" && len(s.when) > 0:
			j.interval(s)
		}
	}
}

// interval judges how often a schedule runs.
func (j *judge) interval(s *schedule) {
	gap, err := longestGap(s.when)
	switch {
	case err != nil:
		j.Report.Error(missing, s.object, fmt.Errorf("read %s: %w", s.whenPath, err))
	case gap <= j.most:
		j.Report.Judge(missing, s.object)
	default:
		j.Report.Judge(missing, s.object, seaworthy.Item{
			Key: s.whenPath, Path: s.whenPath,
			Message: fmt.Sprintf("up to %s pass between two backups, more than %s", gap, j.most),
		})
	}
}

// applies tells whether volumes are judged: always in a cluster, in files only where a
// schedule can be seen.
func (j *judge) applies() bool {
	if j.Snapshot.Cluster() || len(j.books.schedules) > 0 {
		return true
	}
	j.unseen = true
	return false
}

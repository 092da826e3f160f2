// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// schedule makes backups by the clock.
type schedule struct {
	object   *snapshot.Object
	when     []string // cron expressions or @words; empty: not known
	whenPath string
	off      string // the field that switches it off, or empty
	// useless says why it backs nothing up although it runs, or nothing.
	useless, uselessPath string
	// namespace is the only one whose volumes it may back up; empty: any.
	namespace string
	// covers tells whether it backs a volume up. It is nil where a database is named.
	covers func(*volume) bool
	// database names the custom resource whose data it backs up: kind/namespace/name.
	database string
}

// works tells whether the schedule makes backups at all.
func (s *schedule) works() bool { return s.off == "" && s.useless == "" }

// volume is one claim, or what a claim will be.
type volume struct {
	namespace, name string
	labels          map[string]string
	annotations     map[string]string
	class           string // the storage class; empty: the default one
	// users are the workloads that mount it.
	users []*snapshot.Workload
}

// usedBy tells whether a workload mounts the volume.
func (v *volume) usedBy(kind, name string) bool {
	for _, w := range v.users {
		if w.Kind == kind && w.Name == name {
			return true
		}
	}
	return false
}

// books are the schedules of a snapshot.
type books struct {
	schedules []*schedule
	volumes   map[string][]*schedule // those that back volumes up, by namespace
	names     map[string]bool        // of schedules, policies and presets
	databases map[string]bool        // covered, kind/namespace/name
}

// readers read the schedules of each tool.
var readers = []struct {
	group, kind string
	read        func(*snapshot.Snapshot, *snapshot.Object) (*schedule, error)
}{
	{"velero.io", "Schedule", velero},
	{"config.kio.kasten.io", "Policy", kasten},
	{"k8up.io", "Schedule", k8up},
	{"backup.appuio.ch", "Schedule", k8up},
	{"stash.appscode.com", "BackupConfiguration", stash},
	{"core.kubestash.com", "BackupConfiguration", stash},
	{"volsync.backube", "ReplicationSource", volsync},
	{"snapscheduler.backube", "SnapshotSchedule", snapscheduler},
	{"gemini.fairwinds.com", "SnapshotGroup", gemini},
	{"longhorn.io", "RecurringJob", longhorn},
	{"stork.libopenstorage.org", "ApplicationBackupSchedule", stork},
	{"stork.libopenstorage.org", "VolumeSnapshotSchedule", stork},
	{"postgresql.cnpg.io", "ScheduledBackup", cloudNativePG},
	{"k8s.mariadb.com", "Backup", mariadb},
	{"k8s.mariadb.com", "PhysicalBackup", mariadb},
}

// read gathers the schedules of a snapshot.
func read(s *snapshot.Snapshot, unreadable func(*snapshot.Object, error)) *books {
	b := &books{volumes: map[string][]*schedule{}, names: map[string]bool{}, databases: map[string]bool{}}
	for _, r := range readers {
		for _, o := range s.Custom(r.group, r.kind) {
			sched, err := r.read(s, o)
			if err != nil {
				unreadable(o, err)
				continue
			}
			if sched != nil {
				sched.object = o
				b.add(sched)
			}
		}
	}
	for _, o := range s.Custom("config.kio.kasten.io", "PolicyPreset") {
		b.names[o.Name] = true
	}
	for o, cron := range snapshot.All[*batchv1.CronJob](s, "CronJob") {
		if sched := cronJob(o, cron); sched != nil {
			b.add(sched)
		}
	}
	return b
}

func (b *books) add(s *schedule) {
	b.schedules = append(b.schedules, s)
	b.names[s.object.Name] = true
	if s.database != "" && s.works() {
		b.databases[s.database] = true
	}
	if s.covers != nil && s.works() {
		b.volumes[s.namespace] = append(b.volumes[s.namespace], s)
	}
}

// covered tells whether a schedule that works backs the volume up.
func (b *books) covered(v *volume) bool {
	covers := func(s *schedule) bool { return s.covers(v) }
	return slices.ContainsFunc(b.volumes[v.namespace], covers) || slices.ContainsFunc(b.volumes[""], covers)
}

// cronJob takes a CronJob for a backup by its name. It covers the claims that it mounts
// and the workloads that its name names.
func cronJob(o *snapshot.Object, cron *batchv1.CronJob) *schedule {
	if !strings.Contains(strings.ToLower(o.Name), "backup") {
		return nil
	}
	s := &schedule{object: o, when: []string{cron.Spec.Schedule}, whenPath: "spec.schedule"}
	if cron.Spec.Suspend != nil && *cron.Spec.Suspend {
		s.off = "spec.suspend"
	}
	mounted := map[string]bool{}
	for _, v := range cron.Spec.JobTemplate.Spec.Template.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			mounted[v.PersistentVolumeClaim.ClaimName] = true
		}
	}
	s.namespace = o.EffectiveNamespace()
	s.covers = func(v *volume) bool {
		for _, w := range v.users {
			if strings.Contains(o.Name, w.Name) && w.Name != o.Name {
				return true
			}
		}
		return mounted[v.name]
	}
	return s
}

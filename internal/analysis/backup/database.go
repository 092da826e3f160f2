// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"fmt"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// databaseID names a database as schedules do.
func databaseID(kind, namespace, name string) string { return kind + "/" + namespace + "/" + name }

// cloudNativePG reads a ScheduledBackup.
func cloudNativePG(_ *snapshot.Snapshot, o *snapshot.Object) (*schedule, error) {
	r, err := snapshot.As[struct {
		Spec struct {
			Schedule string `json:"schedule"`
			Suspend  bool   `json:"suspend"`
			Cluster  struct {
				Name string `json:"name"`
			} `json:"cluster"`
		} `json:"spec"`
	}](o)
	if err != nil {
		return nil, err
	}
	s := newSchedule(r.Spec.Schedule, "spec.schedule")
	s.database = databaseID("Cluster", o.EffectiveNamespace(), r.Spec.Cluster.Name)
	if r.Spec.Suspend {
		s.off = "spec.suspend"
	}
	return s, nil
}

// mariadb reads a Backup of the MariaDB operator; without a schedule it runs once.
func mariadb(_ *snapshot.Snapshot, o *snapshot.Object) (*schedule, error) {
	r, err := snapshot.As[struct {
		Spec struct {
			Schedule *struct {
				Cron    string `json:"cron"`
				Suspend bool   `json:"suspend"`
			} `json:"schedule"`
			MariaDBRef struct {
				Name      string `json:"name"`
				Namespace string `json:"namespace"`
			} `json:"mariaDbRef"`
		} `json:"spec"`
	}](o)
	if err != nil || r.Spec.Schedule == nil {
		return nil, err
	}
	ns := r.Spec.MariaDBRef.Namespace
	if ns == "" {
		ns = o.EffectiveNamespace()
	}
	s := newSchedule(r.Spec.Schedule.Cron, "spec.schedule.cron")
	s.database = databaseID("MariaDB", ns, r.Spec.MariaDBRef.Name)
	if r.Spec.Schedule.Suspend {
		s.off = "spec.schedule.suspend"
	}
	return s, nil
}

// databaseKinds are the custom resources that are databases, with the label that their
// claims bear, and whether they say themselves when they are backed up.
var databaseKinds = []struct {
	group, kind, label string
	scheduled          func(*databaseSpec) bool
	path               string
}{
	{"postgresql.cnpg.io", "Cluster", "cnpg.io/cluster", nil, ""},
	{"k8s.mariadb.com", "MariaDB", "app.kubernetes.io/instance", nil, ""},
	{"postgres-operator.crunchydata.com", "PostgresCluster", "postgres-operator.crunchydata.com/cluster", pgBackRest, "spec.backups"},
	{"pgv2.percona.com", "PerconaPGCluster", "postgres-operator.crunchydata.com/cluster", pgBackRest, "spec.backups"},
	{"pxc.percona.com", "PerconaXtraDBCluster", "app.kubernetes.io/instance", percona, "spec.backup.schedule"},
	{"psmdb.percona.com", "PerconaServerMongoDB", "app.kubernetes.io/instance", perconaMongo, "spec.backup.tasks"},
	{"mysql.oracle.com", "InnoDBCluster", "mysql.oracle.com/cluster", innoDB, "spec.backupSchedules"},
}

// databaseSpec holds the places where database operators keep schedules.
type databaseSpec struct {
	Backups struct {
		PgBackRest struct {
			Repos []struct {
				Schedules map[string]string `json:"schedules"`
			} `json:"repos"`
		} `json:"pgbackrest"`
	} `json:"backups"`
	Backup struct {
		Enabled  *bool `json:"enabled"`
		Schedule []any `json:"schedule"`
		Tasks    []struct {
			Enabled bool `json:"enabled"`
		} `json:"tasks"`
	} `json:"backup"`
	BackupSchedules []struct {
		Enabled *bool `json:"enabled"`
	} `json:"backupSchedules"`
}

func pgBackRest(s *databaseSpec) bool {
	for _, r := range s.Backups.PgBackRest.Repos {
		if len(r.Schedules) > 0 {
			return true
		}
	}
	return false
}

func percona(s *databaseSpec) bool { return len(s.Backup.Schedule) > 0 }

func perconaMongo(s *databaseSpec) bool {
	for _, task := range s.Backup.Tasks {
		if task.Enabled {
			return s.Backup.Enabled == nil || *s.Backup.Enabled
		}
	}
	return false
}

func innoDB(s *databaseSpec) bool {
	for _, b := range s.BackupSchedules {
		if b.Enabled == nil || *b.Enabled {
			return true
		}
	}
	return false
}

// databases judges the databases that operators run. Their schedule belongs beside
// them, so they are judged in files too; a backup of their volumes also counts.
func (j *judge) databases() {
	for _, k := range databaseKinds {
		for _, o := range j.Snapshot.Custom(k.group, k.kind) {
			r, err := snapshot.As[struct {
				Spec databaseSpec `json:"spec"`
			}](o)
			if err != nil {
				j.Report.Error(missing, o, err)
				continue
			}
			ns := o.EffectiveNamespace()
			covered := j.books.databases[databaseID(k.kind, ns, o.Name)] || k.scheduled != nil && k.scheduled(&r.Spec) ||
				j.books.covered(&volume{namespace: ns, labels: map[string]string{k.label: o.Name}})
			var items []seaworthy.Item
			if !covered {
				items = append(items, seaworthy.Item{Key: k.path, Path: k.path, Message: fmt.Sprintf("no schedule backs the database %s up", o.Name)})
			}
			j.Report.Judge(missing, o, items...)
		}
	}
}

// ofDatabase tells whether a claim belongs to a database that is judged itself.
func (j *judge) ofDatabase(namespace string, labels map[string]string) bool {
	for _, k := range databaseKinds {
		if name := labels[k.label]; name != "" && j.Snapshot.Lookup(k.group, k.kind, namespace, name) != nil {
			return true
		}
	}
	return false
}

// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// velero reads a Schedule of Velero, see https://velero.io/docs/main/api-types/schedule/.
func velero(_ *snapshot.Snapshot, o *snapshot.Object) (*schedule, error) {
	r, err := snapshot.As[struct {
		Spec struct {
			Schedule string `json:"schedule"`
			Paused   bool   `json:"paused"`
			Template struct {
				IncludedNamespaces       []string               `json:"includedNamespaces"`
				ExcludedNamespaces       []string               `json:"excludedNamespaces"`
				IncludedResources        []string               `json:"includedResources"`
				ExcludedResources        []string               `json:"excludedResources"`
				LabelSelector            *metav1.LabelSelector  `json:"labelSelector"`
				OrLabelSelectors         []metav1.LabelSelector `json:"orLabelSelectors"`
				SnapshotVolumes          *bool                  `json:"snapshotVolumes"`
				DefaultVolumesToFsBackup *bool                  `json:"defaultVolumesToFsBackup"`
				DefaultVolumesToRestic   *bool                  `json:"defaultVolumesToRestic"`
			} `json:"template"`
		} `json:"spec"`
	}](o)
	if err != nil {
		return nil, err
	}
	s, t := newSchedule(r.Spec.Schedule, "spec.schedule"), r.Spec.Template
	if r.Spec.Paused {
		s.off = "spec.paused"
	}
	var selectors []labels.Selector
	for _, ls := range append(t.OrLabelSelectors, deref(t.LabelSelector)...) {
		sel, err := metav1.LabelSelectorAsSelector(&ls)
		if err != nil {
			return nil, err
		}
		selectors = append(selectors, sel)
	}
	isTrue := func(b *bool) bool { return b != nil && *b }
	if t.SnapshotVolumes != nil && !*t.SnapshotVolumes && !isTrue(t.DefaultVolumesToFsBackup) && !isTrue(t.DefaultVolumesToRestic) {
		s.covers = func(*volume) bool { return false } // the objects only
		return s, nil
	}
	s.covers = func(v *volume) bool {
		return v.labels["velero.io/exclude-from-backup"] != "true" &&
			globbed(t.IncludedNamespaces, v.namespace, true) && !globbed(t.ExcludedNamespaces, v.namespace, false) &&
			claimsIncluded(t.IncludedResources, true) && !claimsIncluded(t.ExcludedResources, false) &&
			(len(selectors) == 0 || slices.ContainsFunc(selectors, v.matches))
	}
	return s, nil
}

func newSchedule(when, path string) *schedule {
	s := &schedule{whenPath: path}
	if when != "" {
		s.when = []string{when}
	}
	return s
}

func deref(s *metav1.LabelSelector) []metav1.LabelSelector {
	if s == nil {
		return nil
	}
	return []metav1.LabelSelector{*s}
}

// globbed tells whether a list of names and patterns holds a name; empty gives ifEmpty.
func globbed(list []string, name string, ifEmpty bool) bool {
	for _, pattern := range list {
		if ok, err := path.Match(pattern, name); err == nil && ok || pattern == "*" {
			return true
		}
	}
	return len(list) == 0 && ifEmpty
}

func claimsIncluded(resources []string, ifEmpty bool) bool {
	for _, r := range resources {
		switch strings.TrimSuffix(strings.ToLower(r), "s") {
		case "*", "persistentvolumeclaim", "pvc":
			return true
		}
	}
	return len(resources) == 0 && ifEmpty
}

// matches tells whether the labels of the claim, or of pods that mount it, match.
func (v *volume) matches(sel labels.Selector) bool {
	if sel.Matches(labels.Set(v.labels)) {
		return true
	}
	for _, w := range v.users {
		if sel.Matches(labels.Set(w.PodMeta.Labels)) {
			return true
		}
	}
	return false
}

// k8up backs up every claim of its namespace that does not opt out.
func k8up(_ *snapshot.Snapshot, o *snapshot.Object) (*schedule, error) {
	r, err := snapshot.As[struct {
		Spec struct {
			Backup *struct {
				Schedule string `json:"schedule"`
			} `json:"backup"`
		} `json:"spec"`
	}](o)
	if err != nil {
		return nil, err
	}
	if r.Spec.Backup == nil || r.Spec.Backup.Schedule == "" {
		return nil, nil // it prunes or checks
	}
	s := newSchedule(r.Spec.Backup.Schedule, "spec.backup.schedule")
	s.namespace = o.EffectiveNamespace()
	if strings.HasSuffix(r.Spec.Backup.Schedule, "-random") {
		s.when = []string{strings.TrimSuffix(r.Spec.Backup.Schedule, "-random")}
	}
	s.covers = func(v *volume) bool {
		return v.annotations["k8up.io/backup"] != "false" && v.annotations["k8up.syn.tools/backup"] != "false"
	}
	return s, nil
}

// stash reads the configurations of Stash and of KubeStash, which name their target in
// different places.
func stash(_ *snapshot.Snapshot, o *snapshot.Object) (*schedule, error) {
	type target struct {
		Kind      string `json:"kind"`
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
		Ref       struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"ref"`
	}
	r, err := snapshot.As[struct {
		Spec struct {
			Schedule string `json:"schedule"`
			Paused   bool   `json:"paused"`
			Target   target `json:"target"`
			Sessions []struct {
				Scheduler struct {
					Schedule string `json:"schedule"`
				} `json:"scheduler"`
			} `json:"sessions"`
		} `json:"spec"`
	}](o)
	if err != nil {
		return nil, err
	}
	s := newSchedule(r.Spec.Schedule, "spec.schedule")
	for _, session := range r.Spec.Sessions {
		s.when, s.whenPath = append(s.when, session.Scheduler.Schedule), "spec.sessions"
	}
	if r.Spec.Paused {
		s.off = "spec.paused"
	}
	t := r.Spec.Target
	if s.namespace = o.EffectiveNamespace(); t.Namespace != "" {
		s.namespace = t.Namespace
	}
	kind, name := t.Kind+t.Ref.Kind, t.Name+t.Ref.Name
	s.covers = func(v *volume) bool {
		return kind == "PersistentVolumeClaim" && v.name == name || v.usedBy(kind, name)
	}
	return s, nil
}

func volsync(_ *snapshot.Snapshot, o *snapshot.Object) (*schedule, error) {
	r, err := snapshot.As[struct {
		Spec struct {
			SourcePVC string `json:"sourcePVC"`
			Paused    bool   `json:"paused"`
			Trigger   struct {
				Schedule string `json:"schedule"`
				Manual   string `json:"manual"`
			} `json:"trigger"`
		} `json:"spec"`
	}](o)
	if err != nil {
		return nil, err
	}
	if r.Spec.Trigger.Manual != "" && r.Spec.Trigger.Schedule == "" {
		return nil, nil // not by the clock
	}
	s := newSchedule(r.Spec.Trigger.Schedule, "spec.trigger.schedule")
	s.namespace = o.EffectiveNamespace()
	if r.Spec.Paused {
		s.off = "spec.paused"
	}
	s.covers = func(v *volume) bool { return v.name == r.Spec.SourcePVC }
	return s, nil
}

func snapscheduler(_ *snapshot.Snapshot, o *snapshot.Object) (*schedule, error) {
	r, err := snapshot.As[struct {
		Spec struct {
			Schedule      string               `json:"schedule"`
			Disabled      bool                 `json:"disabled"`
			ClaimSelector metav1.LabelSelector `json:"claimSelector"`
		} `json:"spec"`
	}](o)
	if err != nil {
		return nil, err
	}
	sel, err := metav1.LabelSelectorAsSelector(&r.Spec.ClaimSelector)
	if err != nil {
		return nil, err
	}
	s := newSchedule(r.Spec.Schedule, "spec.schedule")
	s.namespace = o.EffectiveNamespace()
	if r.Spec.Disabled {
		s.off = "spec.disabled"
	}
	s.covers = func(v *volume) bool { return sel.Matches(labels.Set(v.labels)) }
	return s, nil
}

func gemini(_ *snapshot.Snapshot, o *snapshot.Object) (*schedule, error) {
	r, err := snapshot.As[struct {
		Spec struct {
			PersistentVolumeClaim struct {
				ClaimName string `json:"claimName"`
			} `json:"persistentVolumeClaim"`
			Schedule []any `json:"schedule"`
		} `json:"spec"`
	}](o)
	if err != nil || len(r.Spec.Schedule) == 0 {
		return nil, err
	}
	s, name := &schedule{namespace: o.EffectiveNamespace()}, r.Spec.PersistentVolumeClaim.ClaimName
	if name == "" {
		name = o.Name
	}
	s.covers = func(v *volume) bool { return v.name == name }
	return s, nil
}

// longhornVolumes are the labels by which a claim asks for recurring jobs.
const (
	longhornGroup = "recurring-job-group.longhorn.io/"
	longhornJob   = "recurring-job.longhorn.io/"
)

// longhorn reads a RecurringJob, see https://longhorn.io/docs. Volumes that ask for
// nothing run the jobs of the group default. Snapshots stay on the same disks.
func longhorn(s *snapshot.Snapshot, o *snapshot.Object) (*schedule, error) {
	r, err := snapshot.As[struct {
		Spec struct {
			Cron   string   `json:"cron"`
			Task   string   `json:"task"`
			Groups []string `json:"groups"`
		} `json:"spec"`
	}](o)
	if err != nil || !strings.HasPrefix(r.Spec.Task, "backup") {
		return nil, err
	}
	wanted := map[string]bool{longhornJob + o.Name: true}
	for _, g := range r.Spec.Groups {
		wanted[longhornGroup+g] = true
	}
	sched := newSchedule(r.Spec.Cron, "spec.cron")
	sched.covers = func(v *volume) bool {
		class := storageClass(s, v.class)
		if class == nil || class.Provisioner != "driver.longhorn.io" {
			return false
		}
		asks := false
		for key := range v.labels {
			if strings.HasPrefix(key, longhornGroup) || strings.HasPrefix(key, longhornJob) && key != longhornJob+"source" {
				asks = true
				if wanted[key] {
					return true
				}
			}
		}
		var selected []struct {
			Name    string `json:"name"`
			IsGroup bool   `json:"isGroup"`
		}
		if text := class.Parameters["recurringJobSelector"]; text != "" && json.Unmarshal([]byte(text), &selected) == nil {
			for _, e := range selected {
				asks = true
				if e.IsGroup && wanted[longhornGroup+e.Name] || !e.IsGroup && e.Name == o.Name {
					return true
				}
			}
		}
		return !asks && wanted[longhornGroup+"default"]
	}
	return sched, nil
}

// storageClass finds a class by name, or the default one.
func storageClass(s *snapshot.Snapshot, name string) *storagev1.StorageClass {
	for o, class := range snapshot.All[*storagev1.StorageClass](s, "StorageClass") {
		if o.Name == name || name == "" && class.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" {
			return class
		}
	}
	return nil
}

func stork(_ *snapshot.Snapshot, o *snapshot.Object) (*schedule, error) {
	r, err := snapshot.As[struct {
		Spec struct {
			Suspend  bool `json:"suspend"`
			Template struct {
				Spec struct {
					Namespaces                []string `json:"namespaces"`
					PersistentVolumeClaimName string   `json:"persistentVolumeClaimName"`
				} `json:"spec"`
			} `json:"template"`
		} `json:"spec"`
	}](o)
	if err != nil {
		return nil, err
	}
	s, ns, t := &schedule{}, o.EffectiveNamespace(), r.Spec.Template.Spec
	if r.Spec.Suspend {
		s.off = "spec.suspend"
	}
	s.covers = func(v *volume) bool {
		return slices.Contains(t.Namespaces, v.namespace) || v.namespace == ns && v.name == t.PersistentVolumeClaimName
	}
	return s, nil
}

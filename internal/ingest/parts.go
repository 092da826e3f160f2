// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// finding takes in one finding.
func (r *reader) finding(raw []byte) error {
	f, err := r.parse(raw)
	if err != nil {
		return err
	}
	if err := r.checkFinding(f); err != nil {
		return err
	}
	at, err := r.spool.add(f.Fingerprint, f.Check, string(f.Severity), f.Category, f.Object.APIVersion, f.Object.Kind,
		f.Object.Namespace, f.Object.Name, f.Container, f.Path, strconv.Itoa(f.Line), f.File, f.Origin, f.Message, f.WaiverRequested)
	if err != nil {
		return err
	}
	r.findings = append(r.findings, indexed{keyOf(store.FindingID(r.source, f.Fingerprint)), key(store.Content(f)), at})
	return r.see(f.Object, f.File)
}

func (r *reader) parse(raw []byte) (*seaworthy.TrackedFinding, error) {
	f := &seaworthy.TrackedFinding{}
	waived := ""
	err := members(raw, func(name, v []byte) (err error) {
		switch string(name) {
		case "check":
			f.Check, err = r.names.of(v)
		case "severity":
			var s string
			s, err = r.names.of(v)
			f.Severity = seaworthy.Severity(s)
		case "category":
			f.Category, err = r.names.of(v)
		case "message":
			f.Message, err = r.names.of(v)
		case "object":
			f.Object, err = r.parseObject(v)
		case "container":
			f.Container, err = r.names.of(v)
		case "path":
			f.Path, err = r.names.of(v)
		case "file":
			f.File, err = r.names.of(v)
		case "line":
			f.Line, err = number(v)
		case "origin":
			f.Origin, err = r.names.of(v)
		case "fingerprint":
			f.Fingerprint, err = text(v)
		case "waiverRequested":
			f.WaiverRequested, err = text(v)
		case "waiver":
			waived, err = appliedWaiver(v)
		}
		return err
	})
	// A waiver that the scan honoured is a request here: only what was approved counts.
	if f.WaiverRequested == "" {
		f.WaiverRequested = waived
	}
	return f, err
}

func appliedWaiver(v []byte) (reason string, err error) {
	if string(v) == "null" {
		return "", nil
	}
	var w seaworthy.AppliedWaiver
	err = decode(v, &w)
	return w.Reason, err
}

func (r *reader) parseObject(raw []byte) (o seaworthy.Object, err error) {
	err = members(raw, func(name, v []byte) (err error) {
		switch string(name) {
		case "apiVersion":
			o.APIVersion, err = r.names.of(v)
		case "kind":
			o.Kind, err = r.names.of(v)
		case "namespace":
			o.Namespace, err = r.names.of(v)
		case "name":
			o.Name, err = r.names.of(v)
		}
		return err
	})
	if err != nil {
		return o, err
	}
	for _, l := range [...]struct{ what, text string }{
		{"the API version", o.APIVersion}, {"the kind", o.Kind}, {"the namespace", o.Namespace}, {"the name", o.Name},
	} {
		if err := longest(l.what, l.text, maxName); err != nil {
			return o, err
		}
	}
	if o.Kind == "" {
		return o, seaworthy.Invalid("the report names an object without a kind (%s)", o.Name)
	}
	return o, nil
}

func (r *reader) checkFinding(f *seaworthy.TrackedFinding) error {
	switch {
	case f.Fingerprint == "":
		return seaworthy.Invalid("finding %d of the report has no fingerprint", len(r.findings)+1)
	case len(f.Fingerprint) > 128:
		return seaworthy.Invalid("finding %d of the report has a fingerprint of %d bytes", len(r.findings)+1, len(f.Fingerprint))
	case !isCheckID(f.Check):
		return seaworthy.Invalid("finding %d of the report is of a check called %.60q", len(r.findings)+1, f.Check)
	case !slices.Contains(seaworthy.Severities, f.Severity):
		return seaworthy.Invalid("finding %d of the report has the severity %.60q", len(r.findings)+1, f.Severity)
	case f.Object.Kind == "":
		return seaworthy.Invalid("finding %d of the report names no object", len(r.findings)+1)
	}
	return nil
}

// see notes that an object is there.
func (r *reader) see(o seaworthy.Object, file string) error {
	id := keyOf(store.ObjectID(r.source, o))
	if _, ok := r.objects[id]; ok {
		return nil
	}
	return r.keepObject(id, seaworthy.SeenObject{Object: o, File: file}, false)
}

func (r *reader) keepObject(id key, o seaworthy.SeenObject, own bool) error {
	if len(r.objects) >= r.limits.Objects {
		return seaworthy.Invalid("the report names more than %d objects", r.limits.Objects)
	}
	workload, labels := "", ""
	if o.Workload || slices.Contains(workloads, o.Kind) {
		workload = "workload"
	}
	if len(o.Labels) > 0 {
		data, err := json.Marshal(o.Labels)
		if err != nil {
			return err
		}
		labels = string(data)
	}
	at, err := r.spool.add(o.APIVersion, o.Kind, o.Namespace, o.Name, workload, o.File, o.Excerpt, labels)
	r.objects[id] = seen{at, own}
	return err
}

// workloads are the kinds that run containers, beside those of custom resources.
var workloads = []string{
	"Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob", "PodTemplate",
	"Rollout", "CloneSet", "DeploymentConfig",
}

// pass notes the object of a pass.
func (r *reader) pass(raw []byte) error {
	return members(raw, func(name, v []byte) error {
		if string(name) != "object" {
			return nil
		}
		o, err := r.parseObject(v)
		if err != nil {
			return err
		}
		return r.see(o, "")
	})
}

// object takes in an object of the list of all.
func (r *reader) object(raw []byte) error {
	o, err := r.parseObject(raw)
	if err != nil {
		return err
	}
	var whole seaworthy.SeenObject
	if err := decode(raw, &whole); err != nil {
		return err
	}
	whole.Object = o
	return r.keepObject(keyOf(store.ObjectID(r.source, o)), whole, true)
}

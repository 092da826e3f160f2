// SPDX-License-Identifier: Apache-2.0

// Package storage tells which volumes are made without encryption at rest.
//
// What can be known differs by provisioner: some take a parameter, some clouds encrypt
// every disk, and of many neither the StorageClass nor the volume tells anything. These
// are left unjudged, with their names.
package storage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const unencrypted = "unencrypted-pv"

// Analyzer judges StorageClasses, and the volumes that were made without one.
var Analyzer = &analysis.Analyzer{
	Name: "storage",
	Doc:  "Volumes that are not encrypted at rest.",
	Checks: []seaworthy.Check{{
		ID: unencrypted, Title: "PersistentVolume storage is not encrypted",
		Severity: seaworthy.Medium, Category: "Data protection", Scope: seaworthy.ScopeCross,
		Rationale: "Whoever gets hold of an unencrypted disk, its snapshot or a discarded drive reads the data on it. " +
			"No permission in the cluster protects against that.",
		Remediation: "Set the provisioner's encryption parameter in the StorageClass and move existing volumes to it.",
		Snippet: `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: encrypted
provisioner: ebs.csi.aws.com
parameters:
  encrypted: "true"
`,
		Controls: []string{"encryption-at-rest"},
	}},
	Run: run,
}

func run(_ context.Context, p *analysis.Pass) error {
	for _, kind := range []string{"StorageClass", "PersistentVolume"} {
		if reason := p.Snapshot.Unlisted[kind]; reason != "" {
			p.Report.NotEvaluated(unencrypted, kind+" objects could not be listed: "+reason)
			return nil
		}
	}
	var unknown []string
	note := func(provisioner string) {
		if !slices.Contains(unknown, provisioner) {
			unknown = append(unknown, provisioner)
		}
	}
	classes := map[string]bool{}
	for o, class := range snapshot.All[*storagev1.StorageClass](p.Snapshot, "StorageClass") {
		classes[o.Name] = true
		encrypts, ok := find(class.Provisioner)
		switch {
		case !ok:
			note(class.Provisioner)
		case encrypts.always || encrypts.set(class.Parameters):
			p.Report.Judge(unencrypted, o)
		default:
			p.Report.Judge(unencrypted, o, encrypts.item(class.Parameters))
		}
	}
	for o, pv := range snapshot.All[*corev1.PersistentVolume](p.Snapshot, "PersistentVolume") {
		if classes[pv.Spec.StorageClassName] {
			continue // judged through its class
		}
		driver := source(&pv.Spec)
		if encrypts, ok := find(driver); ok && encrypts.always {
			p.Report.Judge(unencrypted, o)
		} else {
			note(driver)
		}
	}
	if len(unknown) > 0 {
		if len(unknown) > 5 {
			unknown = append(unknown[:5], "…")
		}
		p.Report.NotEvaluated(unencrypted, "objects do not show whether these encrypt: "+strings.Join(unknown, ", "))
	}
	return nil
}

// source names what provides a volume: its driver, or the driver that took the place of
// a source in the tree.
func source(spec *corev1.PersistentVolumeSpec) string {
	switch {
	case spec.CSI != nil:
		return spec.CSI.Driver
	case spec.AWSElasticBlockStore != nil:
		return "ebs.csi.aws.com"
	case spec.GCEPersistentDisk != nil:
		return "pd.csi.storage.gke.io"
	case spec.AzureDisk != nil:
		return "disk.csi.azure.com"
	case spec.AzureFile != nil:
		return "file.csi.azure.com"
	case spec.HostPath != nil:
		return "hostPath"
	case spec.Local != nil:
		return "local"
	case spec.NFS != nil:
		return "nfs"
	}
	return "other volume sources"
}

// encryption is how a provisioner encrypts.
type encryption struct {
	// always: every volume is encrypted by whoever runs the storage.
	always bool
	// parameters are those any of which switches encryption on, as name or name=value.
	parameters []string
	// unless is said where the parameter is absent.
	unless string
}

func (e encryption) set(parameters map[string]string) bool {
	return slices.ContainsFunc(e.parameters, func(p string) bool {
		name, want, exact := strings.Cut(p, "=")
		for key, got := range parameters {
			if strings.EqualFold(key, name) && got != "" && (!exact || strings.EqualFold(got, want)) {
				return true
			}
		}
		return false
	})
}

func (e encryption) item(parameters map[string]string) seaworthy.Item {
	name, want, _ := strings.Cut(e.parameters[0], "=")
	path := `parameters["` + name + `"]`
	message := fmt.Sprintf("the class makes unencrypted volumes: the parameter %s is not set", name)
	if got, ok := parameters[name]; ok {
		message = fmt.Sprintf("the class makes unencrypted volumes: the parameter %s is %q, not %q", name, got, want)
	} else if e.unless != "" {
		message += " (" + e.unless + ")"
	}
	return seaworthy.Item{Key: "parameters." + name, Path: path, Message: message}
}

// provisioners are those whose encryption is documented. The clouds in the first group
// encrypt every disk and offer no way around it.
var provisioners = map[string]encryption{
	"pd.csi.storage.gke.io":           {always: true}, // cloud.google.com/docs/security/encryption/default-encryption
	"filestore.csi.storage.gke.io":    {always: true},
	"gcsfuse.csi.storage.gke.io":      {always: true},
	"disk.csi.azure.com":              {always: true}, // learn.microsoft.com/azure/virtual-machines/disk-encryption
	"file.csi.azure.com":              {always: true}, // learn.microsoft.com/azure/storage/common/storage-service-encryption
	"blob.csi.azure.com":              {always: true},
	"fsx.csi.aws.com":                 {always: true}, // docs.aws.amazon.com/fsx, encryption at rest
	"fsx.openzfs.csi.aws.com":         {always: true},
	"s3.csi.aws.com":                  {always: true}, // docs.aws.amazon.com/AmazonS3, default encryption
	"dobs.csi.digitalocean.com":       {always: true}, // docs.digitalocean.com/products/volumes
	"blockvolume.csi.oraclecloud.com": {always: true}, // docs.oracle.com, block volume encryption
	"fss.csi.oraclecloud.com":         {always: true},
	"vpc.block.csi.ibm.io":            {always: true}, // cloud.ibm.com/docs/vpc, provider-managed encryption
	"ebs.csi.aws.com":                 {parameters: []string{"encrypted=true"}, unless: "an account may still encrypt by default"},
	"ebs.csi.eks.amazonaws.com":       {parameters: []string{"encrypted=true"}, unless: "an account may still encrypt by default"},
	"diskplugin.csi.alibabacloud.com": {parameters: []string{"encrypted=true", "kmsKeyId"}},
	"csi.scaleway.com":                {parameters: []string{"encrypted=true"}},
	"linodebs.csi.linode.com":         {parameters: []string{"linodebs.csi.linode.com/luks-encrypted=true", "linodebs.csi.linode.com/encrypted=true"}},
	"csi.hetzner.cloud":               {parameters: []string{"csi.storage.k8s.io/node-publish-secret-name"}},
	"rbd.csi.ceph.com":                {parameters: []string{"encrypted=true"}, unless: "the disks of the Ceph cluster may still be encrypted"},
	"cephfs.csi.ceph.com":             {parameters: []string{"encrypted=true"}, unless: "the disks of the Ceph cluster may still be encrypted"},
	"driver.longhorn.io":              {parameters: []string{"encrypted=true"}},
	"pxd.portworx.com":                {parameters: []string{"secure=true"}},
	"kubernetes.io/portworx-volume":   {parameters: []string{"secure=true"}},
	"csi.storageos.com":               {parameters: []string{"storageos.com/encryption=true"}},
	"linstor.csi.linbit.com":          {parameters: []string{"linstor.csi.linbit.com/encryption=true", "encryption=true"}},
	"kubernetes.io/aws-ebs":           {parameters: []string{"encrypted=true"}, unless: "an account may still encrypt by default"},
	"kubernetes.io/gce-pd":            {always: true},
	"kubernetes.io/azure-disk":        {always: true},
	"kubernetes.io/azure-file":        {always: true},
}

// find looks a provisioner up. Rook and OpenShift put the cluster's namespace before the
// name of Ceph's drivers.
func find(provisioner string) (encryption, bool) {
	if e, ok := provisioners[provisioner]; ok {
		return e, true
	}
	for _, ceph := range []string{"rbd.csi.ceph.com", "cephfs.csi.ceph.com"} {
		if strings.HasSuffix(provisioner, "."+ceph) {
			return provisioners[ceph], true
		}
	}
	return encryption{}, false
}

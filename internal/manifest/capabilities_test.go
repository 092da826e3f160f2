// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
)

func TestServedAPIs(t *testing.T) {
	for _, c := range []struct {
		version, api string
		served       bool
	}{
		{"1.36", "v1", true}, {"1.36", "v1/Pod", true}, {"1.36", "apps/v1/Deployment", true}, {"1.36", "policy/v1", true},
		{"1.36", "policy/v1/PodDisruptionBudget", true}, {"1.36", "policy/v1beta1", false}, {"1.36", "policy/v1beta1/PodSecurityPolicy", false},
		{"1.36", "extensions/v1beta1/Ingress", false}, {"1.36", "networking.k8s.io/v1/Ingress", true}, {"1.36", "autoscaling/v2beta2", false},
		{"1.36", "rbac.authorization.k8s.io/v1/ClusterRole", true}, {"1.36", "apiextensions.k8s.io/v1/CustomResourceDefinition", true},
		{"1.36", "authorization.k8s.io/v1/SubjectAccessReview", true}, {"1.36", "storage.k8s.io/v1alpha1", false}, {"1.36", "monitoring.coreos.com/v1", false},
		{"1.24", "policy/v1beta1/PodSecurityPolicy", true}, {"1.25", "policy/v1beta1/PodSecurityPolicy", false}, {"1.24", "batch/v1beta1/CronJob", true},
		{"1.20", "batch/v1/CronJob", false}, {"1.21", "batch/v1/CronJob", true}, {"1.21", "extensions/v1beta1/Ingress", true}, {"v1.22.3-gke.1", "extensions/v1beta1/Ingress", false},
	} {
		v, err := common.ParseKubeVersion(c.version)
		if err != nil {
			t.Fatal(err)
		}
		if got := servedAPIs(*v).Has(c.api); got != c.served {
			t.Errorf("%s serves %s: %v, want %v", c.version, c.api, got, c.served)
		}
	}
}

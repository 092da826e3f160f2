// SPDX-License-Identifier: Apache-2.0

package kubeapiserver_test

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seaworthy-dev/seaworthy/test/kubeapiserver"
)

// A Deployment and a Job are carried out as a cluster does it, down to Pods on nodes.
func TestClusterRollsOut(t *testing.T) {
	s := kubeapiserver.StartCluster(t, 3)
	c := client(t, s.Config)
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec:       pod("web").Spec,
	}
	replicas := int32(4)
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: template.Labels},
			Template: template,
		},
	}
	if _, err := c.AppsV1().Deployments("default").Create(t.Context(), deployment, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "once"}, Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: template.Spec}}}
	job.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	if _, err := c.BatchV1().Jobs("default").Create(t.Context(), job, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	err := eventually(func() error {
		d, err := c.AppsV1().Deployments("default").Get(t.Context(), "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		j, err := c.BatchV1().Jobs("default").Get(t.Context(), "once", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if d.Status.AvailableReplicas != replicas || j.Status.Succeeded != 1 {
			return fmt.Errorf("%d of %d replicas are available, %d of 1 jobs have succeeded", d.Status.AvailableReplicas, replicas, j.Status.Succeeded)
		}
		return nil
	}, func(err error) bool { return err == nil })
	if err != nil {
		t.Error(err)
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pace

import (
	"context"
	"fmt"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// shop is the namespace of what is written.
const shop = "shop"

// writes writes to the API server: Deployments, each made and changed twice.
func (l *loader) writes() error {
	config, err := clientcmd.BuildConfigFromFlags("", l.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for range l.Workers {
		all.Go(func() {
			for {
				n, _, ok := l.turn()
				if !ok {
					return
				}
				l.write(c, fmt.Sprintf("web-%08d", n))
			}
		})
	}
	all.Wait()
	return nil
}

// write makes one and changes it twice.
func (l *loader) write(c *kubernetes.Clientset, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	note := func(d *appsv1.Deployment, began time.Time, err error) {
		if err != nil {
			l.fails(err)
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.out.Versions, l.out.Took = append(l.out.Versions, d.ResourceVersion), append(l.out.Took, time.Since(began))
	}
	in := c.AppsV1().Deployments(shop)
	began := time.Now()
	d, err := in.Create(ctx, deployment(name, shop, 2), metav1.CreateOptions{})
	note(d, began, err)
	for _, patch := range []string{
		`{"spec":{"replicas":3}}`, `{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"registry.example.com/shop/web:2"}]}}}}`,
	} {
		began := time.Now()
		d, err := in.Patch(ctx, name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
		note(d, began, err)
	}
}

// deployment is a workload at which little is amiss.
func deployment(name, namespace string, replicas int32) *appsv1.Deployment {
	yes, no, labels := true, false, map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{"app": name, "team": "payments", "app.kubernetes.io/name": name}},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec(name, &yes, &no)},
		},
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pace

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
)

// town makes a cluster like those of people: for each application a Deployment with its
// ReplicaSets and running Pods, a Service, a ConfigMap, a ServiceAccount with a Role and its
// binding; twenty applications in each namespace.
type town struct {
	c    *kubernetes.Clientset
	apps int // that there are
	made atomic.Int64
	pods atomic.Int64
}

const appsInNamespace = 20

// build makes more applications, of so many pods each, and tells how long that took.
func (n *town) build(ctx context.Context, apps, pods int) (took time.Duration, err error) {
	began := time.Now()
	work := make(chan int)
	var all sync.WaitGroup
	var first atomic.Pointer[error]
	for range 24 {
		all.Go(func() {
			for i := range work {
				if first.Load() != nil {
					continue
				}
				if err := n.app(ctx, i, pods); err != nil {
					first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	for i := n.apps; i < n.apps+apps && err == nil; i++ {
		if i%appsInNamespace == 0 {
			space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: spaceOf(i)}}
			_, err = n.c.CoreV1().Namespaces().Create(ctx, space, metav1.CreateOptions{})
			n.made.Add(1)
		}
		work <- i
	}
	close(work)
	all.Wait()
	n.apps += apps
	if failed := first.Load(); failed != nil {
		err = *failed
	}
	return time.Since(began), err
}

func spaceOf(app int) string { return fmt.Sprintf("team-%d", app/appsInNamespace) }

func (n *town) app(ctx context.Context, i, pods int) error {
	space, app, o := spaceOf(i), fmt.Sprintf("app-%d", i), metav1.CreateOptions{}
	core, rbac := n.c.CoreV1(), n.c.RbacV1()
	meta := func() metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: app, Namespace: space, Labels: map[string]string{"app": app, "app.kubernetes.io/managed-by": "Helm", "team": "payments"}}
	}
	_, err := core.ServiceAccounts(space).Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta()}, o)
	if err == nil {
		_, err = core.ConfigMaps(space).Create(ctx, &corev1.ConfigMap{ObjectMeta: meta(), Data: map[string]string{"config.yaml": strings.Repeat("key-"+app+": some value\n", 20)}}, o)
	}
	if err == nil {
		_, err = core.Services(space).Create(ctx, &corev1.Service{ObjectMeta: meta(), Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": app}, ClusterIP: "None", Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}},
		}}, o)
	}
	if err == nil {
		_, err = rbac.Roles(space).Create(ctx, &rbacv1.Role{ObjectMeta: meta(), Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list", "watch"}}}}, o)
	}
	if err == nil {
		_, err = rbac.RoleBindings(space).Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: meta(), RoleRef: rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "Role", Name: app},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: app, Namespace: space}},
		}, o)
	}
	if err != nil {
		return fmt.Errorf("make %s: %w", app, err)
	}
	n.made.Add(5)
	return n.workload(ctx, space, app, int32(pods))
}

// workload makes the Deployment of an application, as it is after one roll-out.
func (n *town) workload(ctx context.Context, space, app string, pods int32) error {
	yes, no, o := true, false, metav1.CreateOptions{}
	d := deployment(app, space, pods)
	d.Spec.Template.Spec.ServiceAccountName = app
	d, err := n.c.AppsV1().Deployments(space).Create(ctx, d, o)
	if err != nil {
		return fmt.Errorf("make %s: %w", app, err)
	}
	own := func(kind, name string, of metav1.ObjectMeta, by metav1.ObjectMeta) metav1.ObjectMeta {
		of.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, UID: by.UID, Controller: &yes, BlockOwnerDeletion: &yes}}
		return of
	}
	var current *appsv1.ReplicaSet
	for i, hash := range []string{"5c7b9d8f4", "6f8d9c7b5"} {
		labels, replicas := map[string]string{"app": app, "pod-template-hash": hash}, pods*int32(i)
		template := *d.Spec.Template.DeepCopy()
		template.Labels = labels
		current, err = n.c.AppsV1().ReplicaSets(space).Create(ctx, &appsv1.ReplicaSet{
			ObjectMeta: own("Deployment", app, metav1.ObjectMeta{Name: app + "-" + hash, Namespace: space, Labels: labels}, d.ObjectMeta),
			Spec:       appsv1.ReplicaSetSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template},
		}, o)
		if err != nil {
			return fmt.Errorf("make %s: %w", app, err)
		}
	}
	n.made.Add(3)
	for p := range pods {
		pod := &corev1.Pod{
			ObjectMeta: own("ReplicaSet", current.Name, metav1.ObjectMeta{Name: fmt.Sprintf("%s-%05d", current.Name, p), Namespace: space, Labels: current.Spec.Selector.MatchLabels}, current.ObjectMeta),
			Spec:       podSpec(app, &yes, &no),
		}
		pod.Spec.ServiceAccountName, pod.Spec.NodeName = app, fmt.Sprintf("node-%d", p%50)
		if err := n.pod(ctx, pod); err != nil {
			return fmt.Errorf("make %s: %w", pod.Name, err)
		}
	}
	return nil
}

// pod makes one that runs.
func (n *town) pod(ctx context.Context, pod *corev1.Pod) error {
	in, now := n.c.CoreV1().Pods(pod.Namespace), metav1.Now()
	made, err := in.Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	made.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, HostIP: "10.1.0.7", PodIP: "10.2.3.4", PodIPs: []corev1.PodIP{{IP: "10.2.3.4"}}, StartTime: &now, QOSClass: corev1.PodQOSBurstable,
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", Ready: true, Started: new(true), Image: pod.Spec.Containers[0].Image, ContainerID: "containerd://" + strings.Repeat("7f", 32),
			ImageID: "registry.example.com/payments@sha256:" + strings.Repeat("3d", 32), State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		}},
	}
	for _, c := range []corev1.PodConditionType{corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.PodReady, corev1.ContainersReady, corev1.PodScheduled} {
		made.Status.Conditions = append(made.Status.Conditions, corev1.PodCondition{Type: c, Status: corev1.ConditionTrue, LastTransitionTime: now})
	}
	_, err = in.UpdateStatus(ctx, made, metav1.UpdateOptions{})
	n.made.Add(1)
	n.pods.Add(1)
	return err
}

func podSpec(app string, yes, no *bool) corev1.PodSpec {
	var env []corev1.EnvVar
	for k := range 8 {
		env = append(env, corev1.EnvVar{Name: fmt.Sprintf("SETTING_%d", k), Value: fmt.Sprintf("value-%d-of-%s", k, app)})
	}
	probe := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}}}
	return corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: yes, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
		Containers: []corev1.Container{{
			Name: "app", Image: "registry.example.com/payments/" + app + ":1.4.1", ImagePullPolicy: corev1.PullIfNotPresent, Env: env,
			Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("128Mi")},
				Limits:   corev1.ResourceList{"memory": resource.MustParse("256Mi")},
			},
			LivenessProbe: probe, ReadinessProbe: probe,
			VolumeMounts:    []corev1.VolumeMount{{Name: "config", MountPath: "/etc/config"}},
			SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
		}},
		Volumes: []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: app}}}}},
	}
}

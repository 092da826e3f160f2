// SPDX-License-Identifier: Apache-2.0

package kubeapiserver

import (
	"context"
	_ "embed" // the stages
	"fmt"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/seaworthy-dev/seaworthy/test/kubeapiserver/binaries"
)

//go:embed stages.yaml
var stages []byte

// AvailableCluster is Available for StartCluster.
func AvailableCluster() (dir, reason string) {
	return available(append(binaries.Server(), binaries.Cluster()...), " cluster")
}

// StartCluster runs a server with controllers, a scheduler and simulated nodes until the
// test ends: what is applied is rolled out, though no container ever runs.
func StartCluster(t testing.TB, nodes int, flags ...string) *Server {
	t.Helper()
	dir, reason := AvailableCluster()
	needs(t, reason)
	s, err := boot(dir, t.TempDir(), flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	if err := s.control(t.Context(), nodes); err != nil {
		t.Fatal(err)
	}
	return s
}

// control starts what makes a cluster of an API server and waits until it works.
func (s *Server) control(ctx context.Context, nodes int) error {
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	for i := range nodes {
		if _, err := client.CoreV1().Nodes().Create(ctx, node(fmt.Sprintf("node-%d", i)), metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("make a node: %w", err)
		}
	}
	if _, err := s.startScheduler(); err != nil {
		return err
	}
	if err := s.startNodes(ctx, client, nodes); err != nil {
		return err
	}
	return s.startControllers(ctx, client)
}

// as gives a component its kubeconfig.
func (s *Server) as(user string, groups ...string) (string, error) {
	c, err := s.User(user, groups...)
	if err != nil {
		return "", err
	}
	return s.kubeconfig(user, c)
}

func (s *Server) startScheduler() (*process, error) {
	config, err := s.as("system:kube-scheduler")
	if err != nil {
		return nil, err
	}
	return s.launch("kube-scheduler", "--kubeconfig="+config, "--leader-elect=false",
		"--secure-port=0", // serves nothing
		"--kube-api-qps=500", "--kube-api-burst=1000")
}

// startNodes starts kwok and waits until it has made all nodes ready.
func (s *Server) startNodes(ctx context.Context, client kubernetes.Interface, nodes int) error {
	config, err := s.as("kwok", "system:masters")
	if err != nil {
		return err
	}
	file := filepath.Join(s.Dir, "stages.yaml")
	if err := os.WriteFile(file, stages, 0o600); err != nil {
		return fmt.Errorf("write the stages: %w", err)
	}
	p, err := s.launch("kwok", "--kubeconfig="+config, "--config="+file, "--manage-all-nodes=true",
		"--node-ip=127.0.0.1", "--cidr=10.128.0.0/16",
		"--node-lease-duration-seconds=40") // renewed, or the nodes count as lost
	if err != nil {
		return err
	}
	return p.await(patience, func() error {
		list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		ready := 0
		for _, n := range list.Items {
			for _, c := range n.Status.Conditions {
				if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
					ready++
				}
			}
		}
		if ready < nodes {
			return fmt.Errorf("%d of %d nodes are ready", ready, nodes)
		}
		return nil
	})
}

// startControllers waits until the first work of the controllers is seen.
func (s *Server) startControllers(ctx context.Context, client kubernetes.Interface) error {
	config, err := s.as("system:kube-controller-manager")
	if err != nil {
		return err
	}
	p, err := s.launch("kube-controller-manager", "--kubeconfig="+config, "--leader-elect=false",
		"--secure-port=0",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file="+filepath.Join(s.Dir, "service-accounts.key"),
		"--root-ca-file="+filepath.Join(s.Dir, "ca.crt"),
		"--kube-api-qps=500", "--kube-api-burst=1000")
	if err != nil {
		return err
	}
	return p.await(patience, func() error {
		if _, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{}); err != nil {
			return err
		}
		list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, n := range list.Items {
			if len(n.Spec.Taints) > 0 { // a new node keeps Pods away until a controller finds it ready
				return fmt.Errorf("%s is still tainted: %v", n.Name, n.Spec.Taints)
			}
		}
		return nil
	})
}

// node is a simulated machine with room for what a test may want.
func node(name string) *corev1.Node {
	room := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("64"),
		corev1.ResourceMemory:           resource.MustParse("256Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
		corev1.ResourcePods:             resource.MustParse("1000"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64",
		}},
		Status: corev1.NodeStatus{Capacity: room, Allocatable: room},
	}
}

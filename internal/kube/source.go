// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/seaworthy-dev/seaworthy"
)

// Source asks the cluster what it is and as whom it is read. An error means that it does
// not answer at all. What the rights do not show stays empty and is in the problems.
func (c *Cluster) Source(ctx context.Context) (seaworthy.Source, []seaworthy.Problem, error) {
	s := seaworthy.Source{Kind: seaworthy.SourceCluster, Name: c.name, Namespaces: c.namespaces}
	var problems []seaworthy.Problem
	missing := func(what string, err error) {
		problems = append(problems, seaworthy.Problem{Object: what, Message: c.reason(err)})
	}
	version, err := c.discovery.ServerVersion()
	if err != nil {
		return s, nil, told("ask "+c.name+" for its version", err)
	}
	s.KubernetesVersion = version.GitVersion

	var system corev1.Namespace
	err = c.rest.Get().AbsPath("/api/v1/namespaces/kube-system").Do(ctx).Into(&system)
	if err != nil {
		missing("namespace kube-system, whose UID identifies the cluster", err)
	}
	s.ClusterUID = string(system.UID)

	review := &authenticationv1.SelfSubjectReview{}
	err = c.rest.Post().AbsPath("/apis/authentication.k8s.io/v1/selfsubjectreviews").Body(review).Do(ctx).Into(review)
	if err == nil {
		s.Identity = review.Status.UserInfo.Username
	} else {
		missing("the identity used", err)
	}
	p := evidence{host: strings.ToLower(c.host), version: version.GitVersion}
	if groups, err := c.discovery.ServerGroups(); err == nil {
		for _, g := range groups.Groups {
			p.groups = append(p.groups, g.Name)
		}
	}
	var nodes corev1.NodeList
	if c.rest.Get().AbsPath("/api/v1/nodes").Param("limit", "20").Do(ctx).Into(&nodes) == nil {
		p.nodes = nodes.Items
	}
	s.Provider = p.provider()
	return s, problems, ctx.Err()
}

// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/config"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// live is a cluster that answers.
type live struct {
	cluster  *kube.Cluster
	source   seaworthy.Source
	problems []seaworthy.Problem
}

// openCluster opens the live cluster of the kubeconfig. Where no version is set, its own
// is the one to judge against.
func openCluster(ctx context.Context, cfg *config.Config) (*live, error) {
	cluster, err := kube.Open(kube.Options{
		Kubeconfig: cfg.Cluster.Kubeconfig, Context: cfg.Cluster.Context, Namespaces: cfg.Cluster.Namespaces,
		Secrets: cfg.Cluster.Secrets, UserAgent: "seaworthy/" + Version(),
	})
	if err != nil {
		return nil, err
	}
	source, problems, err := cluster.Source(ctx)
	if err != nil {
		return nil, err
	}
	source.Name = cmp.Or(cfg.Source, source.Name)
	source.Provider = cmp.Or(cfg.Provider, source.Provider)
	cfg.KubernetesVersion = cmp.Or(cfg.KubernetesVersion, source.KubernetesVersion)
	return &live{cluster, source, problems}, nil
}

func (l *live) input() *scan.Input {
	var unlisted map[string]string
	return &scan.Input{
		Source:   l.source,
		Unlisted: func() map[string]string { return unlisted },
		Batches: func(ctx context.Context, next func(scan.Batch) error) (scan.Yield, error) {
			result, err := l.cluster.Batches(ctx, snapshot.NewDecoder(), func(b kube.Batch) error {
				return next(func(_ context.Context, emit func(*snapshot.Object) error) (scan.Yield, error) {
					problems, err := b(emit)
					return scan.Yield{Errors: problems}, err
				})
			})
			if err != nil {
				return scan.Yield{}, err
			}
			unlisted = result.Unlisted
			return scan.Yield{Errors: slices.Concat(l.problems, result.Errors), Skipped: result.Skipped}, nil
		},
	}
}

// minor is "1.36" of "v1.36.3-gke.100".
func minor(version string) string {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 2 {
		return ""
	}
	return parts[0] + "." + strings.TrimRight(parts[1], "+")
}

// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// HasDeployment tells whether a deployment is on record.
func (t *Tx) HasDeployment(id string) (known bool, err error) {
	err = t.tx.QueryRowContext(t.ctx, `SELECT EXISTS (SELECT 1 FROM deployments WHERE id = $1)`, id).Scan(&known)
	return known, err
}

// DeploymentsDuring lists the deployments of a cluster that touch an interval.
func (s *Store) DeploymentsDuring(ctx context.Context, source string, from, to time.Time) ([]seaworthy.Deployment, error) {
	w := where{}
	w.add("source_id = ?", source)
	w.add("until_at >= ?", micros(from))
	w.add("from_at <= ?", micros(to))
	return deployments.list(ctx, s, s.read, w, "ORDER BY from_at, id LIMIT 1000")
}

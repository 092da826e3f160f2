// SPDX-License-Identifier: Apache-2.0

package store

// HasDeployment tells whether a deployment is on record.
func (t *Tx) HasDeployment(id string) (known bool, err error) {
	err = t.tx.QueryRowContext(t.ctx, `SELECT EXISTS (SELECT 1 FROM deployments WHERE id = $1)`, id).Scan(&known)
	return known, err
}

// SPDX-License-Identifier: Apache-2.0

package store

import "fmt"

// ClaimSetting writes and logs a setting unless there is one, and gives the one that
// counts: of several servers that start at once, the first one's.
func (t *Tx) ClaimSetting(key, value string) (string, error) {
	done, err := t.tx.ExecContext(t.ctx, `INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING`, key, value)
	if err != nil {
		return "", fmt.Errorf("set %s: %w", key, err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 1 {
		if err == nil {
			err = t.Log("setting", key, value)
		}
		return value, err
	}
	var kept string
	err = t.tx.QueryRowContext(t.ctx, `SELECT value FROM settings WHERE key = $1`, key).Scan(&kept)
	return kept, err
}

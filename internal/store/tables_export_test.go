// SPDX-License-Identifier: Apache-2.0

package store

import "context"

// FindingColumns are the columns of a finding, its place among events apart.
const FindingColumns = findingColumns

// Verified are the names of the tables that the self-check verifies record by record.
func Verified() []string {
	var out []string
	for _, t := range tables {
		out = append(out, t.tableName())
	}
	return out
}

// WithDocuments are the names of the tables of the schema that hold documents.
func WithDocuments(ctx context.Context, s *Store) ([]string, error) {
	query := `SELECT table_name FROM information_schema.columns WHERE column_name = 'document' AND table_schema = current_schema()`
	if s.Engine() == "SQLite" {
		query = `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = 'document' WHERE m.type = 'table'`
	}
	rows, err := s.read.QueryContext(ctx, query)
	return collect(s, rows, err, scanText)
}

// Rows counts the rows of a table.
func Rows(ctx context.Context, s *Store, table string) (n int, err error) {
	return n, s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+table).Scan(&n)
}

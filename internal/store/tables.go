// SPDX-License-Identifier: Apache-2.0

package store

// tables are all tables whose rows the log proves.
var tables = []table{
	teams,
}

// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// serverCPU gives a function that tells the CPU time, in seconds, of the processes of a
// PostgreSQL server on this machine; 0 where the system does not tell.
func serverCPU(tb testing.TB, database string) func() float64 {
	none := func() float64 { return 0 }
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return none
	}
	db, err := sql.Open("pgx", database)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	var backend int
	if err := db.QueryRowContext(tb.Context(), `SELECT pg_backend_pid()`).Scan(&backend); err != nil {
		tb.Fatal(err)
	}
	fields := statOf(strconv.Itoa(backend))
	if fields == nil {
		return none
	}
	postmaster := fields[1]
	return func() float64 {
		ticks := 0
		processes, _ := filepath.Glob("/proc/[0-9]*")
		for _, p := range processes {
			pid := filepath.Base(p)
			switch f := statOf(pid); {
			case f == nil:
			case f[1] == postmaster:
				ticks += number(f[11]) + number(f[12])
			case pid == postmaster: // and those of its children that ended
				ticks += number(f[11]) + number(f[12]) + number(f[13]) + number(f[14])
			}
		}
		return float64(ticks) / 100
	}
}

// statOf are the fields of a process behind its name: state, parent, …
func statOf(pid string) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%s/stat", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	if f := strings.Fields(rest); len(f) > 14 {
		return f
	}
	return nil
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

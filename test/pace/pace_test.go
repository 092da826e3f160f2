// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package pace measures the whole agent, as a process of the program that is shipped, with
// a real kube-apiserver, a real server and a process that makes the load: what a review
// takes, what memory holds, how many changes a second arrive without loss, how soon a
// finding is at the server, and what all of it takes at rest.
//
// It runs when it is asked for, with SEAWORTHY_BENCH: `make pace`. What is printed is for
// docs/benchmarks.md; a test fails when something is lost, never because it is slow.
package pace

import (
	"os"
	"testing"

	"github.com/seaworthy-dev/seaworthy/test/program"
)

func TestMain(m *testing.M) {
	if os.Getenv(loading) != "" {
		os.Exit(load())
	}
	program.Main(m)
}

// asked skips what nobody asked for.
func asked(t *testing.T) {
	t.Helper()
	if os.Getenv("SEAWORTHY_BENCH") == "" {
		t.Skip("NOTHING was measured: SEAWORTHY_BENCH is not set")
	}
}

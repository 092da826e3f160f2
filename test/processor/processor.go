// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package processor tells tests and benchmarks what they took of the processors: unlike the
// time of the day, that is the same where other work runs beside.
package processor

import (
	"fmt"
	"syscall"
	"time"
)

// Used is how long this process has kept processors busy, in the program and in the kernel.
func Used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil { // of oneself it is always told
		panic(fmt.Sprintf("ask what this process has used: %v", err))
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

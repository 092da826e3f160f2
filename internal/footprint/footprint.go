// SPDX-License-Identifier: Apache-2.0

// Package footprint keeps the memory of a program that rests small.
package footprint

import "runtime/debug"

// Shrink gives back to the system what a start or a heavy piece of work needed and nothing
// needs now: memory of its own that is free, and the pages of its own file. Either comes
// back when it is needed. An error tells that the second could not be done.
func Shrink() error {
	debug.FreeOSMemory()
	return unmapProgram()
}

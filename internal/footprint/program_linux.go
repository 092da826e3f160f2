// SPDX-License-Identifier: Apache-2.0

package footprint

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// unmapProgram gives back the pages of the program's own file that the start went through:
// tables, schemas and code that nothing needs again. They are the file's, stay in the cache
// of the system, and those that are needed are mapped again when they are.
func unmapProgram() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("find the program's file: %w", err)
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return fmt.Errorf("read what is mapped: %w", err)
	}
	defer maps.Close()
	parts, err := unchanged(maps, program)
	for _, p := range parts {
		if _, _, code := syscall.Syscall(syscall.SYS_MADVISE, p.begin, p.end-p.begin, syscall.MADV_DONTNEED); code != 0 {
			err = errors.Join(err, fmt.Errorf("give back what is mapped at %x: %w", p.begin, code))
		}
	}
	return err
}

// mapped is a part of memory that a file is mapped to.
type mapped struct{ begin, end uintptr }

// unchanged lists the parts of a file, as /proc/PID/smaps tells them, that cannot be written
// to and never were: a linker or a debugger may have changed what is only read since.
func unchanged(smaps io.Reader, file string) (out []mapped, err error) {
	var at mapped
	candidate, same := false, 0
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) == 3 && f[2] == "kB":
			if (f[0] == "Anonymous:" || f[0] == "Swap:") && f[1] == "0" {
				same++
			}
		case len(f) > 1 && strings.Contains(f[0], "-") && len(f[1]) == 4:
			_, err := fmt.Sscanf(f[0], "%x-%x", &at.begin, &at.end)
			candidate = err == nil && f[1][0] == 'r' && f[1][1] == '-' && len(f) > 5 && strings.Join(f[5:], " ") == file
			same = 0
		case len(f) > 0 && f[0] == "VmFlags:" && candidate && same == 2:
			out = append(out, at)
		}
	}
	return out, lines.Err()
}

// SPDX-License-Identifier: Apache-2.0

package analysis

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is major.minor of Kubernetes or of an add-on. The zero value is no version.
type Version struct{ Major, Minor int }

// ParseVersion reads "1.36", "v1.36.2" or "v1.33.5-eks-113cf36".
func ParseVersion(s string) (Version, error) {
	major, rest, _ := strings.Cut(strings.TrimPrefix(s, "v"), ".")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	m, err1 := strconv.Atoi(major)
	n, err2 := strconv.Atoi(rest[:end])
	if err1 != nil || err2 != nil || m < 0 {
		return Version{}, fmt.Errorf("version %q is not of the form 1.36", s)
	}
	return Version{m, n}, nil
}

// Before tells whether v is older than w.
func (v Version) Before(w Version) bool {
	return v.Major < w.Major || v.Major == w.Major && v.Minor < w.Minor
}

// String gives "1.36".
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

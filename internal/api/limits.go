// SPDX-License-Identifier: Apache-2.0

package api

import "cmp"

// Limits bound what may be sent.
type Limits struct {
	Report   int64 // bytes of a report, decompressed; 0: 2 GiB
	Ratio    int64 // how many times larger than sent it may be; 0: 100
	Evidence int64 // bytes of one piece of evidence; 0: 1 GiB
}

func (l Limits) orDefaults() Limits {
	return Limits{cmp.Or(l.Report, 2<<30), cmp.Or(l.Ratio, 100), cmp.Or(l.Evidence, 1<<30)}
}

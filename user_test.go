// SPDX-License-Identifier: Apache-2.0

package seaworthy_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy"
)

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		r, of seaworthy.Role
		want  bool
	}{
		{seaworthy.Owner, seaworthy.Owner, true}, {seaworthy.ComplianceManager, seaworthy.Owner, true},
		{seaworthy.Owner, seaworthy.ComplianceManager, false}, {seaworthy.Engineer, seaworthy.Viewer, false},
		{seaworthy.Viewer, seaworthy.Engineer, true}, {seaworthy.Auditor, seaworthy.Engineer, false},
		{seaworthy.Reporter, seaworthy.Engineer, true}, {seaworthy.Reporter, seaworthy.Viewer, false},
		{"", seaworthy.Owner, false}, {"god", seaworthy.Owner, false}, {seaworthy.Viewer, "god", false},
	} {
		if got := seaworthy.Within(c.r, c.of); got != c.want {
			t.Errorf("Within(%q, %q) = %v, want %v", c.r, c.of, got, c.want)
		}
	}
}

func TestPerson(t *testing.T) {
	for _, p := range []seaworthy.Principal{{Actor: "user:u", UserID: "u"}, {Actor: "token:t", Maker: "u"}} {
		if got := p.Person(); got != "u" {
			t.Errorf("Person of %s = %q, want u", p.Actor, got)
		}
	}
	if got := (seaworthy.Principal{Actor: "system"}).Person(); got != "" {
		t.Errorf("Person of system = %q, want nobody", got)
	}
}

// SPDX-License-Identifier: Apache-2.0

package changes_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// What names are cut to is short, valid, and of no two names the same.
func TestNamesAreCut(t *testing.T) {
	long := strings.Repeat("ä", 3000)
	bounded := func(name string) changes.Observation {
		owner := &seaworthy.Owned{Kind: "ReplicaSet", Name: name}
		o := changes.Observation{Actor: seaworthy.Actor{Username: name, Impersonator: name}}
		o.ID, o.Object.Name, o.Object.Namespace, o.Object.OwnedBy = name, name, name, owner
		changes.Bound(&o)
		if owner.Name != name {
			t.Error("the owner of another was cut")
		}
		return o
	}
	names := func(o changes.Observation) []string {
		return []string{o.ID, o.Object.Name, o.Object.Namespace, o.Object.OwnedBy.Name, o.Actor.Username, o.Actor.Impersonator}
	}
	one, two := names(bounded(long+"1")), names(bounded(long+"2"))
	for i := range one {
		if one[i] == two[i] || len(one[i]) > 1000 || !utf8.ValidString(one[i]) || !strings.HasPrefix(one[i], "äää") {
			t.Errorf("%d: names of %d bytes became %.40q and %.40q", i, len(long)+1, one[i], two[i])
		}
	}
	for i, got := range names(bounded("cart")) {
		if got != "cart" {
			t.Errorf("%d: cart became %q", i, got)
		}
	}
	if got := bounded("a\x00b").Object.Name; got != "a\ufffdb" {
		t.Errorf("what no database keeps became %q", got)
	}
}

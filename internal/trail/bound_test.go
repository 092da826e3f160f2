// SPDX-License-Identifier: Apache-2.0

package trail_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

// TestNamesOfAnyLength: what a client puts into the address of a request that is refused, or
// calls an image, keeps nothing else from being recorded.
func TestNamesOfAnyLength(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		var text strings.Builder
		for text.Len() < 9000 { // nothing that can be compressed
			text.WriteString(rand.Text())
		}
		long := text.String()
		spoiled := map[string]func(*changes.Observation){
			"its ID":      func(o *changes.Observation) { o.ID = long },
			"name":        func(o *changes.Observation) { o.Object.Name = long },
			"all names":   func(o *changes.Observation) { o.Object.Namespace, o.Object.Name, o.Object.Kind = long, long, long },
			"user":        func(o *changes.Observation) { o.Actor.Username = long },
			"NUL":         func(o *changes.Observation) { o.Object.Name, o.Actor.Username, o.ID = "a\x00b", "c\x00d", "e\x00f" },
			"image":       func(o *changes.Observation) { o.After = runs(long, "cart:1\x00") },
			"image by id": func(o *changes.Observation) { o.After = runs("cart@" + long) },
		}
		var list []changes.Observation
		for name, spoil := range spoiled {
			o := edit(s, 9, time.Minute, seaworthy.SeenByAudit, "mallory", "a", "b")
			o.ID, o.Object.UID, o.Object.Name, o.Outcome = name, "", name, seaworthy.OutcomeDenied
			o.Object.Content, o.Object.ResourceVersion, o.Object.Previous = "", "", ""
			spoil(&o)
			list = append(list, o)
		}
		if got, want := take(t, s, list...), (trail.Taken{New: len(spoiled)}); got != want {
			t.Errorf("took %+v, want %+v", got, want)
		}
		if got, want := take(t, s, list...), (trail.Taken{Known: len(spoiled)}); got != want {
			t.Errorf("took %+v once more, want %+v", got, want)
		}
	})
}

// runs is a pod that runs images.
func runs(images ...string) map[string]any {
	var list []any
	for _, image := range images {
		list = append(list, map[string]any{"name": "c" + image, "image": image})
	}
	return map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "image"}, "spec": map[string]any{"containers": list}}
}

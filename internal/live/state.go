// SPDX-License-Identifier: Apache-2.0

package live

import (
	"cmp"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
)

// pending is what has not been told yet. Of what came and went in the meantime the end
// counts.
type pending struct {
	found    map[string]seaworthy.Finding
	lost     map[string]bool
	seen     map[seaworthy.Object]seaworthy.SeenObject
	vanished map[seaworthy.Object]bool
}

func newPending() *pending {
	return &pending{map[string]seaworthy.Finding{}, map[string]bool{}, map[seaworthy.Object]seaworthy.SeenObject{}, map[seaworthy.Object]bool{}}
}

func (p *pending) find(f *seaworthy.Finding) {
	p.found[f.Fingerprint] = *f
	delete(p.lost, f.Fingerprint)
}

func (p *pending) lose(print string) {
	delete(p.found, print)
	p.lost[print] = true
}

func (p *pending) see(o seaworthy.SeenObject) {
	p.seen[o.Object] = o
	delete(p.vanished, o.Object)
}

func (p *pending) vanish(o seaworthy.Object) {
	delete(p.seen, o)
	p.vanished[o] = true
}

// delta gives it in an order of its own, or nil for nothing.
func (p *pending) delta() *seaworthy.Delta {
	if len(p.found)+len(p.lost)+len(p.seen)+len(p.vanished) == 0 {
		return nil
	}
	d := &seaworthy.Delta{Gone: slices.Sorted(maps.Keys(p.lost))}
	for _, print := range slices.Sorted(maps.Keys(p.found)) {
		d.Found = append(d.Found, p.found[print])
	}
	for _, o := range slices.SortedFunc(maps.Keys(p.seen), compareObjects) {
		d.Seen = append(d.Seen, p.seen[o])
	}
	d.Vanished = slices.SortedFunc(maps.Keys(p.vanished), compareObjects)
	return d
}

func compareObjects(a, b seaworthy.Object) int {
	return cmp.Or(cmp.Compare(a.APIVersion, b.APIVersion), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// prints are the fingerprints of everything that holds.
func (j *judge) prints() map[[16]byte]bool {
	out := map[[16]byte]bool{}
	for _, e := range j.index.all() {
		for _, m := range e.marks {
			out[m.print] = true
		}
	}
	for _, list := range j.others {
		for _, m := range *list {
			out[m.print] = true
		}
	}
	return out
}

// state is what holds, for the other side to compare.
func (j *judge) state() seaworthy.FindingsState {
	var list []string
	for p := range maps.Keys(j.prints()) {
		list = append(list, hex.EncodeToString(p[:]))
	}
	return seaworthy.FindingsState{Findings: len(list), Digest: seaworthy.FindingsDigest(list)}
}

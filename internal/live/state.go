// SPDX-License-Identifier: Apache-2.0

package live

import (
	"cmp"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
)

// pending is what has not been told yet, by object. Of what came and went in the meantime
// the end counts.
type pending map[seaworthy.Object]*news

// news is what is new about one object. It is told in one piece: why a finding is gone
// shows in what became of its object.
type news struct {
	found    map[string]seaworthy.Finding
	lost     map[string]bool
	seen     *seaworthy.SeenObject
	vanished bool
}

func (p pending) of(o seaworthy.Object) *news {
	if p[o] == nil {
		p[o] = &news{found: map[string]seaworthy.Finding{}, lost: map[string]bool{}}
	}
	return p[o]
}

func (p pending) find(f *seaworthy.Finding) {
	n := p.of(f.Object)
	n.found[f.Fingerprint] = *f
	delete(n.lost, f.Fingerprint)
}

func (p pending) lose(o seaworthy.Object, print string) {
	n := p.of(o)
	delete(n.found, print)
	n.lost[print] = true
}

func (p pending) see(o seaworthy.SeenObject) {
	n := p.of(o.Object)
	n.seen, n.vanished = &o, false
}

func (p pending) vanish(o seaworthy.Object) {
	n := p.of(o)
	n.seen, n.vanished = nil, true
}

// deltaSize is about how many bytes a delta has at most, so that a message can hold it;
// more is told in several.
const deltaSize = 1 << 20

// deltas gives it in an order of its own.
func (p pending) deltas() []seaworthy.Delta {
	var out []seaworthy.Delta
	size := deltaSize
	for _, o := range slices.SortedFunc(maps.Keys(p), compareObjects) {
		n := p[o]
		if n.empty() {
			continue
		}
		if more := n.size(); size+more > deltaSize {
			out, size = append(out, seaworthy.Delta{}), more
		} else {
			size += more
		}
		n.add(&out[len(out)-1], o)
	}
	return out
}

func (n *news) empty() bool {
	return len(n.found)+len(n.lost) == 0 && n.seen == nil && !n.vanished
}

// size is about how many bytes it takes as JSON.
func (n *news) size() int {
	const finding, object = 700, 300 // names, paths, controls
	size := object + 40*len(n.lost)
	for _, f := range n.found {
		size += finding + len(f.Message) + len(f.Remediation)
	}
	if n.seen != nil {
		size += 2 * len(n.seen.Excerpt)
	}
	return size
}

func (n *news) add(d *seaworthy.Delta, o seaworthy.Object) {
	for _, print := range slices.Sorted(maps.Keys(n.found)) {
		d.Found = append(d.Found, n.found[print])
	}
	d.Gone = slices.AppendSeq(d.Gone, slices.Values(slices.Sorted(maps.Keys(n.lost))))
	if n.seen != nil {
		d.Seen = append(d.Seen, *n.seen)
	}
	if n.vanished {
		d.Vanished = append(d.Vanished, o)
	}
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

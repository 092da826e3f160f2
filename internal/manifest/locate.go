// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Locator finds lines of objects whose nodes were released. It keeps the lines of every
// object that is read after it was made, at some six bytes a field. Safe for concurrent
// use.
type Locator struct {
	mu      sync.Mutex
	objects map[*snapshot.Object]skeleton
}

// Locator makes the locator of the plan. Call it before the units are read.
func (p *Plan) Locator() *Locator {
	p.locator = &Locator{objects: map[*snapshot.Object]skeleton{}}
	return p.locator
}

// remember keeps the lines of an object that has its node still.
func (l *Locator) remember(o *snapshot.Object) {
	if l == nil || o.Source.Node == nil {
		return
	}
	lines := skeletonOf(o.Source.Node, o.Source.Line)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.objects[o] = lines
}

// Line is the line of a JSON path of an object in its file, as [snapshot.Object.Line] gave
// it while the object had its node; the object's first line where it had none.
func (l *Locator) Line(_ context.Context, o *snapshot.Object, path string) int {
	l.mu.Lock()
	lines := l.objects[o]
	l.mu.Unlock()
	return lines.find(snapshot.Steps(path), o.Source.Line)
}

// skeleton is a node tree of which only keys and lines are left, in a few bytes each. A
// collection is its kind and its entries one after another. An entry is the hash of its
// key (in a mapping), its line relative to that of the entry around it, the length of
// what its value takes, and the value; scalars take nothing. Keys of one mapping with
// the same hash cannot be told apart, which costs one finding in billions its line.
type skeleton string

const (
	skeletonMap  = 'm'
	skeletonList = 'l'
)

// maxAliased is how many entries of a skeleton may be reached through aliases, which can
// stand for more than the text has.
const maxAliased = 16 << 10

type skeletonWriter struct {
	out     []byte
	aliases int // around the current node
	aliased int // entries written for aliases
}

// writers keeps writers for the room in them.
var writers = sync.Pool{New: func() any { return new(skeletonWriter) }}

func skeletonOf(n *yaml.Node, line int) skeleton {
	p := writers.Get().(*skeletonWriter)
	defer writers.Put(p)
	*p = skeletonWriter{out: p.out[:0]}
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	p.value(n, line)
	return skeleton(p.out)
}

// full tells whether the current node is one alias too many.
func (p *skeletonWriter) full() bool { return p.aliases > 0 && p.aliased > maxAliased }

func (p *skeletonWriter) value(n *yaml.Node, line int) {
	if n.Kind == yaml.AliasNode {
		p.aliases++
		p.value(n.Alias, line)
		p.aliases--
		return
	}
	if p.full() {
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		p.out = append(p.out, skeletonMap)
		p.mapping(n, line)
	case yaml.SequenceNode:
		p.out = append(p.out, skeletonList)
		for _, e := range n.Content {
			if p.full() {
				return
			}
			p.entry(e, e.Line, line)
		}
	}
}

// mapping writes the entries of n, and then those that are merged into it.
func (p *skeletonWriter) mapping(n *yaml.Node, line int) {
	for i := 0; i+1 < len(n.Content) && !p.full(); i += 2 {
		p.out = binary.LittleEndian.AppendUint32(p.out, hash(n.Content[i].Value))
		p.entry(n.Content[i+1], n.Content[i].Line, line)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Tag != "!!merge" {
			continue
		}
		if m := target(n.Content[i+1]); m.Kind == yaml.MappingNode {
			p.aliases++
			p.mapping(m, line)
			p.aliases--
		}
	}
}

// entry writes the line of an entry and its value behind its length.
func (p *skeletonWriter) entry(value *yaml.Node, line, around int) {
	if p.aliases > 0 {
		p.aliased++
	}
	p.out = binary.AppendVarint(p.out, int64(line-around))
	at := len(p.out)
	p.value(value, line)
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(len(p.out)-at))
	p.out = slices.Insert(p.out, at, length[:n]...)
}

// hash is FNV-1a.
func hash(s string) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

// find gives the line to which the steps lead, as far as they lead.
func (o skeleton) find(steps []string, line int) int {
	at := []byte(o)
	for _, step := range steps {
		if len(at) == 0 {
			break
		}
		kind := at[0]
		index, ok := elementIndex(step)
		if kind == skeletonList && !ok {
			break
		}
		value, delta, ok := seek(at[1:], kind, hash(step), index)
		if !ok {
			break
		}
		at, line = value, line+delta
	}
	return line
}

// seek looks through the entries of a mapping for a hash, or of a list for an index.
func seek(at []byte, kind byte, h uint32, index int) (value []byte, delta int, ok bool) {
	for i := 0; len(at) > 0; i++ {
		found := i == index
		if kind == skeletonMap {
			found = binary.LittleEndian.Uint32(at) == h
			at = at[4:]
		}
		d, n := binary.Varint(at)
		at = at[n:]
		length, n := binary.Uvarint(at)
		at = at[n:]
		if found {
			return at[:length], int(d), true
		}
		at = at[length:]
	}
	return nil, 0, false
}

// elementIndex reads a step of the form [n].
func elementIndex(step string) (int, bool) {
	digits, ok := strings.CutPrefix(step, "[")
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, "]")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	return int(n), err == nil
}

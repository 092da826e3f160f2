// SPDX-License-Identifier: Apache-2.0

// Package tlog keeps an append-only Merkle log in the tile layout of c2sp.org/tlog-tiles,
// on golang.org/x/mod/sumdb/tlog. It knows bytes and hashes only: where tiles are kept is
// the business of a [Tiles], what entries mean that of those who write them.
//
// An entry commits to its content with a salt: leaf = when, what kind, of what, and
// SHA-256(salt ‖ content). Salt and content can be erased; the leaf, and with it the
// proof that there was something, stays.
package tlog

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is a SHA-256 of the log.
type Hash = tlog.Hash

// height is that of tiles, as c2sp.org/tlog-tiles fixes it: 256 hashes each.
const height = 8

// Tile is one tile: Hashes holds up to 256 hashes of level Level*8.
type Tile struct {
	Level  int
	N      int64
	Hashes []byte
}

// Tiles reads what was kept of a tile: as many whole hashes as there are, or an error.
type Tiles interface {
	Tile(level int, n int64) ([]byte, error)
}

// RecordHash is the hash of a leaf: SHA-256(0x00 ‖ leaf), as in RFC 6962.
func RecordHash(leaf []byte) Hash { return tlog.RecordHash(leaf) }

// reader finds the hashes of a log in its tiles and in what is being appended.
type reader struct {
	tiles Tiles
	cache map[tlog.Tile][]byte
	fresh map[int64]Hash
}

func newReader(t Tiles) *reader {
	return &reader{tiles: t, cache: map[tlog.Tile][]byte{}, fresh: map[int64]Hash{}}
}

// ReadHashes is tlog.HashReader.
func (r *reader) ReadHashes(indexes []int64) ([]Hash, error) {
	out := make([]Hash, len(indexes))
	for i, index := range indexes {
		if h, ok := r.fresh[index]; ok {
			out[i] = h
			continue
		}
		t := tlog.TileForIndex(height, index)
		key := tlog.Tile{H: height, L: t.L, N: t.N}
		data, ok := r.cache[key]
		if !ok {
			var err error
			if data, err = r.tiles.Tile(t.L, t.N); err != nil {
				return nil, fmt.Errorf("read tile %d/%d of the log: %w", t.L, t.N, err)
			}
			r.cache[key] = data
		}
		if len(data) < t.W*tlog.HashSize {
			return nil, fmt.Errorf("tile %d/%d of the log holds %d hashes, %d are needed", t.L, t.N, len(data)/tlog.HashSize, t.W)
		}
		h, err := tlog.HashFromTile(t, data[:t.W*tlog.HashSize], index)
		if err != nil {
			return nil, fmt.Errorf("read tile %d/%d of the log: %w", t.L, t.N, err)
		}
		out[i] = h
	}
	return out, nil
}

// Append gives the tiles that change when records are added to a log of the given size,
// whole as they are to be kept, and the root of the grown tree.
func Append(size int64, records []Hash, tiles Tiles) ([]Tile, Hash, error) {
	r := newReader(tiles)
	for i, h := range records {
		n := size + int64(i)
		hashes, err := tlog.StoredHashesForRecordHash(n, h, r)
		if err != nil {
			return nil, Hash{}, err
		}
		at := tlog.StoredHashIndex(0, n)
		for j, h := range hashes {
			r.fresh[at+int64(j)] = h
		}
	}
	grown := size + int64(len(records))
	var out []Tile
	for _, t := range tlog.NewTiles(height, size, grown) {
		data, err := tlog.ReadTileData(t, r)
		if err != nil {
			return nil, Hash{}, err
		}
		out = append(out, Tile{Level: t.L, N: t.N, Hashes: data})
	}
	root, err := tlog.TreeHash(grown, r)
	return out, root, err
}

// Root is the root of the tree of the first size records.
func Root(size int64, tiles Tiles) (Hash, error) { return tlog.TreeHash(size, newReader(tiles)) }

// RootOf is the root of a tree of records that are at hand: of a chunk of events, say.
func RootOf(records []Hash) Hash {
	var g Grower
	for _, h := range records {
		g.Add(h)
	}
	return g.Root()
}

// ProveRecord proves that record n is in the tree of the first size records.
func ProveRecord(size, n int64, tiles Tiles) ([]Hash, error) {
	return tlog.ProveRecord(size, n, newReader(tiles))
}

// ProveTree proves that the tree of the first old records is a prefix of that of the
// first size.
func ProveTree(size, old int64, tiles Tiles) ([]Hash, error) {
	return tlog.ProveTree(size, old, newReader(tiles))
}

// CheckRecord checks a proof of [ProveRecord].
func CheckRecord(proof []Hash, size int64, root Hash, n int64, record Hash) error {
	return tlog.CheckRecord(proof, size, root, n, record)
}

// CheckTree checks a proof of [ProveTree].
func CheckTree(proof []Hash, size int64, root Hash, old int64, oldRoot Hash) error {
	return tlog.CheckTree(proof, size, root, old, oldRoot)
}

// Grower computes the root of a tree from its records one by one, in little memory. The
// zero value is an empty tree.
type Grower struct {
	size  int64
	stack []Hash // of complete subtrees, as when counting in binary
}

// Size is how many records were added.
func (g *Grower) Size() int64 { return g.size }

// Add adds the next record.
func (g *Grower) Add(record Hash) {
	g.size++
	g.stack = append(g.stack, record)
	for n := g.size; n&1 == 0; n >>= 1 {
		last := len(g.stack) - 1
		g.stack = append(g.stack[:last-1], tlog.NodeHash(g.stack[last-1], g.stack[last]))
	}
}

// Root is the root of the tree so far.
func (g *Grower) Root() Hash {
	if g.size == 0 {
		h, _ := tlog.TreeHash(0, nil) // reads nothing
		return h
	}
	root := g.stack[len(g.stack)-1]
	for i := len(g.stack) - 2; i >= 0; i-- {
		root = tlog.NodeHash(g.stack[i], root)
	}
	return root
}

// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// The parts of an evidence package that prove the others. docs/evidence.md describes the
// format for whoever writes another verifier.
const (
	// SumsFile lists the SHA-256 of every file but those below, as sha256sum does.
	SumsFile = "SHA256SUMS"
	// SealFile is the entry of the log that names the digest of SumsFile.
	SealFile = "log/seal.json"
	// EntriesFile holds the entries about what is in the package, a JSON object a line.
	EntriesFile = "log/entries.jsonl"
	// HashesFile holds the hash of every entry of the log, 32 bytes each, in order.
	HashesFile = "log/hashes.bin"
	// CheckpointFile is the signed head of the log.
	CheckpointFile = "log/checkpoint.txt"
	// CosignedPrefix begins the names of older heads that witnesses cosigned, a file for each
	// size: a witness comes by from time to time, and not when a package is made.
	CosignedPrefix = "log/cosigned-"
	// TimestampFile is the RFC 3161 response over the checkpoint, where there is one.
	TimestampFile = "log/checkpoint.tsr"
	// StampedPrefix begins the names of older heads that an authority saw, and of what it said:
	// for each size a .txt and a .tsr.
	StampedPrefix = "log/stamped-"
	// EvidenceFolder holds the bytes of evidence, by digest.
	EvidenceFolder = "04_evidence/"
	// LeftOutFile names the evidence whose bytes are not there, a JSON object a line, where
	// there is such evidence.
	LeftOutFile = EvidenceFolder + "left-out.jsonl"
	// SealKind is the kind of the seal's entry.
	SealKind = "package"
)

// Entry is an entry of the log as a package holds it.
type Entry struct {
	Index int64  `json:"index"`
	Leaf  string `json:"leaf"`
	// Salt is in hexadecimal. Salt, Actor and Content are absent where they were erased.
	Salt    string  `json:"salt,omitempty"`
	Actor   string  `json:"actor,omitempty"`
	Content *string `json:"content,omitempty"`
}

// LeftOut is evidence whose bytes are not in a package, and why.
type LeftOut struct {
	Digest string `json:"sha256"`
	Reason string `json:"reason"`
}

// Seal is what the log says of a package.
type Seal struct {
	// Sums is the SHA-256 of [SumsFile], in hexadecimal.
	Sums  string `json:"sums"`
	Files int    `json:"files"`
	Name  string `json:"name"` // of the program
	// Program is the id of the program, and AsOf the moment that the package shows.
	Program string    `json:"program,omitempty"`
	AsOf    time.Time `json:"asOf,omitzero"`
	// Partial says what was left out, if anything was.
	Partial string `json:"partial,omitempty"`
	// Example says that everything in it is made up; empty: it is not.
	Example string `json:"example,omitempty"`
}

// Head is the log as of the seal.
type Head struct {
	Entry      Entry // of the seal
	Checkpoint string
	Size       int64
	Timestamp  []byte
	// Cosigned are older heads with the lines of witnesses, by size.
	Cosigned map[int64]string
	// Stamped are older heads with timestamps.
	Stamped []Stamped
	Tiles   tlog.Tiles
}

// Package writes an evidence package as a stream. Memory does not grow with it: the list
// of its files waits in temporary files. The same files make the same bytes.
type Package struct {
	zip   *archive
	sums  spill
	total hash.Hash // of sums
	files int

	open string
	hash hash.Hash
}

// NewPackage begins a package. Close it, whatever comes of it.
func NewPackage(w io.Writer, temp Temp) *Package {
	return &Package{zip: newArchive(w, temp), sums: spill{temp: temp}, total: sha256.New(), hash: sha256.New()}
}

// Close forgets what is not written yet. It does not end the package: [Package.Seal] does.
func (p *Package) Close() error { return errors.Join(p.zip.records.close(), p.sums.close()) }

// File begins the next file; what was begun before ends. Names are relative, with
// slashes.
func (p *Package) File(name string) (io.Writer, error) {
	if !cleanName(name) {
		return nil, fmt.Errorf("a package cannot hold a file called %q", name)
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	w, err := p.create(name)
	if err != nil {
		return nil, err
	}
	p.open = name
	p.hash.Reset()
	return io.MultiWriter(w, p.hash), nil
}

func (p *Package) create(name string) (io.Writer, error) {
	if strings.HasPrefix(name, EvidenceFolder) && path.Ext(name) == ".zst" || path.Ext(name) == ".xlsx" || name == HashesFile {
		return p.zip.create(name, stored) // does not get smaller
	}
	return p.zip.create(name, deflated)
}

// end notes the digest of the file that was written last.
func (p *Package) end() error {
	if p.open == "" {
		return nil
	}
	_, err := fmt.Fprintf(io.MultiWriter(&p.sums, p.total), "%x  %s\n", p.hash.Sum(nil), p.open)
	p.files++
	p.open = ""
	return err
}

// cleanName tells whether a file may be called so: nothing that leaves the folder where
// somebody unpacks, and nothing that breaks lines of SumsFile.
func cleanName(name string) bool {
	return name != "" && path.Clean(name) == name && !path.IsAbs(name) && !strings.HasPrefix(name, "..") &&
		!strings.ContainsAny(name, "\\\n\r\x00:")
}

// Seal ends the package. The seal says what it is called and of; log is called with the
// whole of it, appends the entry, signs a checkpoint that holds it, and gives both.
func (p *Package) Seal(ctx context.Context, seal Seal, log func(context.Context, Seal) (Head, error)) (Seal, error) {
	if err := p.end(); err != nil {
		return Seal{}, err
	}
	seal.Sums, seal.Files = hex.EncodeToString(p.total.Sum(nil)), p.files
	if err := p.write(SumsFile, p.sums.copyTo); err != nil {
		return Seal{}, err
	}
	head, err := log(ctx, seal)
	if err != nil {
		return Seal{}, fmt.Errorf("seal the package: %w", err)
	}
	err = p.write(SealFile, func(w io.Writer) error { return json.NewEncoder(w).Encode(head.Entry) })
	if err == nil {
		err = p.write(HashesFile, func(w io.Writer) error { return writeHashes(w, head) })
	}
	if err == nil {
		err = p.write(CheckpointFile, func(w io.Writer) error { _, err := io.WriteString(w, head.Checkpoint); return err })
	}
	for _, size := range slices.Sorted(maps.Keys(head.Cosigned)) {
		if err == nil {
			err = p.write(fmt.Sprintf("%s%d.txt", CosignedPrefix, size), func(w io.Writer) error { _, err := io.WriteString(w, head.Cosigned[size]); return err })
		}
	}
	if err == nil {
		err = p.writeStamped(head.Stamped)
	}
	if err == nil && len(head.Timestamp) > 0 {
		err = p.write(TimestampFile, func(w io.Writer) error { _, err := w.Write(head.Timestamp); return err })
	}
	if err != nil {
		return Seal{}, err
	}
	return seal, p.zip.close()
}

func (p *Package) write(name string, f func(io.Writer) error) error {
	w, err := p.create(name)
	if err != nil {
		return err
	}
	return f(w)
}

// writeHashes copies the hashes of the first entries, a tile at a time.
func writeHashes(w io.Writer, head Head) error {
	const width = int64(len(tlog.Hash{}))
	for n := int64(0); n*256 < head.Size; n++ {
		tile, err := head.Tiles.Tile(0, n)
		if err != nil {
			return err
		}
		want := min(256, head.Size-n*256) * width
		if int64(len(tile)) < want {
			return fmt.Errorf("tile 0/%d of the log is incomplete", n)
		}
		if _, err := w.Write(tile[:want]); err != nil {
			return err
		}
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// Verified is what came of the verification of a package.
type Verified struct {
	Name    string `json:"name"`
	Partial string `json:"partial,omitempty"`
	Example string `json:"example,omitempty"` // that everything in it is made up, in words
	Files   int    `json:"files"`
	Entries int    `json:"entries"` // of the log, about what is in the package
	LogSize int64  `json:"logSize"`
	Origin  string `json:"origin"`
	// Sums is the SHA-256 of [SumsFile] that the seal names, and Seal the seal's entry: the
	// server's list of packages shows both.
	Sums string `json:"sums"`
	Seal int64  `json:"seal"`
	// SealedAt is when the log took the package, in RFC 3339.
	SealedAt string `json:"sealedAt"`
	// Witnesses are those that were asked for and cosigned the log.
	Witnesses []Witnessed `json:"witnesses"`
	// Timestamp is when an authority that was asked for saw the checkpoint, in RFC 3339.
	Timestamp string `json:"timestamp,omitempty"`
	// Seen tells when such an authority saw how much of the log, oldest first.
	Seen []Seen `json:"seen,omitempty"`
	// LeftOut counts the evidence whose bytes are not there, as the package itself says.
	LeftOut int `json:"leftOut"`
	// Problems name every file and entry that was altered, is missing or was added.
	// None: the package is intact.
	Problems []string `json:"problems"`
}

// Witnessed says how much of the log a witness cosigned.
type Witnessed struct {
	Name string `json:"name"`
	Size int64  `json:"size"` // in entries
}

// Intact tells whether nothing was found.
func (v Verified) Intact() bool { return len(v.Problems) == 0 }

// Trust is what a package is verified with: all that the reader takes from elsewhere.
type Trust struct {
	Key note.Verifier // of the log
	// Witnesses must have cosigned the checkpoint.
	Witnesses []note.Verifier
	// Timestamp checks the RFC 3161 token over the checkpoint's note and gives its time;
	// nil: none is asked for.
	Timestamp func(token, note []byte) (time.Time, error)
}

// maxLine bounds a line of EntriesFile; one entry's content is at most a document.
const maxLine = 16 << 20

// verifier reads one package.
type verifier struct {
	trust   Trust
	heads   []signedHead
	files   *directory
	leftOut map[[leftOutLen]byte]bool // digests whose bytes are said not to be there
	result  Verified
	// hashes is a temporary copy of HashesFile, as zip has no random access.
	hashes *os.File
}

// leftOutLen is how much of a digest is held: enough that no two are alike.
const leftOutLen = 16

func leftOutKey(digest string) (key [leftOutLen]byte) {
	_, _ = hex.Decode(key[:], []byte(digest[:min(len(digest), 2*leftOutLen)])) // what is no digest is no file either
	return key
}

func (v *verifier) tell(format string, args ...any) {
	v.result.Problems = append(v.result.Problems, fmt.Sprintf(format, args...))
}

// Verify checks a package with the public key of its log alone, and with what else is
// trusted. The error says that it is no package or cannot be read; what was altered is
// in the result. Memory does not grow with the sizes of files, and with their number by
// some bytes each.
func Verify(r io.ReaderAt, size int64, trust Trust) (result Verified, err error) {
	v := &verifier{trust: trust, leftOut: map[[leftOutLen]byte]bool{}}
	if v.files, err = openDirectory(r, size, func(name string) { v.tell("%s is there twice", name) }); err != nil {
		return Verified{}, err
	}
	for _, name := range []string{SumsFile, SealFile, HashesFile, CheckpointFile} {
		if !v.files.know(name) {
			return Verified{}, seaworthy.Invalid("this is no evidence package: it has no %s", name)
		}
	}
	v.files.know(TimestampFile)
	if v.hashes, err = os.CreateTemp("", "seaworthy-verify-"); err != nil {
		return Verified{}, fmt.Errorf("make a temporary file: %w", err)
	}
	defer func() { err = errors.Join(err, v.hashes.Close(), os.Remove(v.hashes.Name())) }()
	for _, part := range []func() error{v.log, v.sums, v.readLeftOut, v.entries} {
		if err := part(); err != nil {
			return Verified{}, err
		}
	}
	return v.result, nil
}

// signedHead is a head of the log that the package holds.
type signedHead struct {
	file string
	tlog.Checkpoint
	note *note.Note
}

// log checks that the hashes add up to the signed checkpoint, and to the older ones that
// witnesses cosigned.
func (v *verifier) log() error {
	if err := v.readHeads(); err != nil {
		return err
	}
	roots, size, err := v.grow()
	if err != nil {
		return err
	}
	for _, h := range v.heads {
		last := h.file == CheckpointFile
		if root, ok := roots[h.Size]; !ok || root != h.Root || last && h.Size != size {
			v.tell("%s does not add up to the root that was signed (%s)", HashesFile, h.file)
		}
	}
	for _, w := range v.trust.Witnesses {
		v.witness(w)
	}
	v.seen()
	return nil
}

// readHeads reads the signed heads, newest last.
func (v *verifier) readHeads() error {
	names := []string{CheckpointFile}
	err := v.files.each(func(_ int64, name []byte) error {
		file := string(name)
		if (isCosigned(file) || isStamped(file)) && v.files.know(file) {
			names = append(names, file)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		text, err := v.small(name)
		if err != nil {
			return err
		}
		head, signed, err := tlog.OpenCheckpoint(text, v.trust.Key, v.trust.Witnesses...)
		if err != nil {
			v.tell("%s: %v (expected the key of %s)", name, err, v.trust.Key.Name())
			continue
		}
		v.heads = append(v.heads, signedHead{name, head, signed})
		if name == CheckpointFile {
			v.result.LogSize, v.result.Origin = head.Size, head.Origin
		}
		if isStamped(name) {
			v.files.know(timestampOf(name))
		}
		if name == CheckpointFile || isStamped(name) {
			if err := v.timestamp(name, head.Size, signed); err != nil {
				return err
			}
		}
	}
	return nil
}

// isCosigned tells whether a file is an older head with cosignatures.
func isCosigned(name string) bool { return isHead(name, CosignedPrefix) }

func isHead(name, prefix string) bool {
	size, ok := strings.CutPrefix(name, prefix)
	return ok && strings.HasSuffix(size, ".txt") && strings.Trim(strings.TrimSuffix(size, ".txt"), "0123456789") == ""
}

// grow adds up the hashes and gives the roots at the sizes of the heads.
func (v *verifier) grow() (map[int64]tlog.Hash, int64, error) {
	f, err := v.open(HashesFile)
	if err != nil {
		return nil, 0, err
	}
	wanted := map[int64]bool{}
	most := int64(0)
	for _, h := range v.heads {
		wanted[h.Size], most = true, max(most, h.Size)
	}
	roots := map[int64]tlog.Hash{}
	var g tlog.Grower
	var h tlog.Hash
	in := bufio.NewReaderSize(io.TeeReader(f, v.hashes), 1<<20)
	for {
		if wanted[g.Size()] {
			roots[g.Size()] = g.Root()
		}
		if g.Size() > most { // a copy of it is written, which a small package could have fill the disk
			v.tell("%s holds more than was signed", HashesFile)
			break
		}
		_, err := io.ReadFull(in, h[:])
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			v.tell("%s is damaged: %v", HashesFile, err)
			break
		}
		g.Add(h)
	}
	return roots, g.Size(), f.Close()
}

// witness checks how far a witness who was asked for cosigned.
func (v *verifier) witness(w note.Verifier) {
	most := int64(-1)
	for _, h := range v.heads {
		if slices.ContainsFunc(h.note.Sigs, func(s note.Signature) bool { return s.Name == w.Name() && s.Hash == w.KeyHash() }) {
			most = max(most, h.Size)
		}
	}
	if most < 0 {
		v.tell("%s is not cosigned by %s, nor is any older head of the log", CheckpointFile, w.Name())
		return
	}
	v.result.Witnesses = append(v.result.Witnesses, Witnessed{w.Name(), most})
}

// ownNote is the note as the log signed it, without what others added.
func ownNote(n *note.Note, key note.Verifier) []byte {
	for _, s := range n.Sigs {
		if s.Name == key.Name() && s.Hash == key.KeyHash() {
			return fmt.Appendf(nil, "%s\n— %s %s\n", n.Text, s.Name, s.Base64)
		}
	}
	return nil
}

// readLeftOut reads which evidence is said to have no bytes here. The list is one of the
// sealed files.
func (v *verifier) readLeftOut() error {
	if !v.files.has(LeftOutFile) {
		return nil
	}
	err := v.lines(LeftOutFile, func(line []byte) {
		var out LeftOut
		if err := json.Unmarshal(line, &out); err != nil || !isDigest(out.Digest) {
			v.tell("%s has a line that cannot be read: %.200q", LeftOutFile, line)
			return
		}
		v.leftOut[leftOutKey(out.Digest)] = true
	})
	v.result.LeftOut = len(v.leftOut)
	return err
}

// lines gives each line of a file, without what ends it.
func (v *verifier) lines(name string, f func(line []byte)) error {
	in, err := v.open(name)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for lines.Scan() {
		f(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		v.tell("%s is damaged: %v", name, err)
	}
	return in.Close()
}

// sums checks every file against SumsFile, and SumsFile against the seal.
func (v *verifier) sums() error {
	whole, err := v.open(SumsFile)
	if err != nil {
		return err
	}
	total := sha256.New()
	if _, err := io.Copy(total, whole); err != nil {
		v.tell("%s is damaged: %v", SumsFile, err)
	}
	if err := errors.Join(whole.Close(), v.seal(hex.EncodeToString(total.Sum(nil)))); err != nil {
		return err
	}
	if err := v.lines(SumsFile, v.sum); err != nil {
		return err
	}
	return v.files.unknown(func(name string) {
		if !strings.HasSuffix(name, "/") {
			v.tell("%s was added", name)
		}
	})
}

// sum checks the file that a line of SumsFile is about.
func (v *verifier) sum(line []byte) {
	digest, name, ok := strings.Cut(string(line), "  ")
	if !ok || !isDigest(digest) || !cleanName(name) {
		v.tell("%s has the line %.200q", SumsFile, line)
		return
	}
	v.result.Files++
	if !v.files.know(name) {
		v.tell("%s is missing", name)
		return
	}
	if got, err := v.digest(name); err != nil {
		v.tell("%s is damaged: %v", name, err)
	} else if got != digest {
		v.tell("%s was altered", name)
	}
}

// seal checks that the log holds an entry that names the digest of SumsFile.
func (v *verifier) seal(sums string) error {
	text, err := v.small(SealFile)
	if err != nil {
		return err
	}
	var e Entry
	var seal Seal
	if err := json.Unmarshal(text, &e); err != nil || e.Content == nil || json.Unmarshal([]byte(*e.Content), &seal) != nil {
		v.tell("%s cannot be read", SealFile)
		return nil
	}
	leaf, ok := v.entry(SealFile, e)
	v.result.Sums, v.result.Seal = seal.Sums, e.Index
	v.result.Name, v.result.Partial, v.result.Example = seal.Name, seal.Partial, seal.Example
	v.result.SealedAt = leaf.At.Format("2006-01-02T15:04:05Z07:00")
	switch {
	case !ok:
	case leaf.Kind != SealKind:
		v.tell("%s is an entry of the kind %s, not of a package", SealFile, leaf.Kind)
	case seal.Sums != sums:
		v.tell("%s is not the list that was sealed: files were altered, added or removed", SumsFile)
	}
	return nil
}

// entry checks that the log holds an entry and that its content is the one it commits to.
func (v *verifier) entry(where string, e Entry) (tlog.Entry, bool) {
	leaf, err := tlog.ParseLeaf([]byte(e.Leaf))
	if err != nil {
		v.tell("%s: entry %d: %v", where, e.Index, err)
		return leaf, false
	}
	var kept tlog.Hash
	if _, err := v.hashes.ReadAt(kept[:], e.Index*int64(len(kept))); err != nil || e.Index < 0 || kept != tlog.RecordHash([]byte(e.Leaf)) {
		v.tell("%s: entry %d (%s %s) is not in the log", where, e.Index, leaf.Kind, leaf.Subject)
		return leaf, false
	}
	if e.Content == nil { // erased; the leaf proves that there was something
		return leaf, true
	}
	salt, err := hex.DecodeString(e.Salt)
	if err != nil || tlog.Commit(salt, e.Actor, []byte(*e.Content)) != leaf.Commitment {
		v.tell("%s: the content of entry %d (%s %s), or its actor, was altered", where, e.Index, leaf.Kind, leaf.Subject)
		return leaf, false
	}
	return leaf, true
}

// entries checks every entry, and that the evidence they speak of is there.
func (v *verifier) entries() error {
	if !v.files.has(EntriesFile) {
		return nil // told by sums, if it was there
	}
	return v.lines(EntriesFile, func(line []byte) {
		v.result.Entries++
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			v.tell("%s: line %d cannot be read", EntriesFile, v.result.Entries)
			return
		}
		if leaf, ok := v.entry(EntriesFile, e); ok && leaf.Kind == "evidence" && e.Content != nil {
			v.evidence(e)
		}
	})
}

// evidence checks that the bytes that an entry names are in the package.
func (v *verifier) evidence(e Entry) {
	var said seaworthy.Evidence
	if err := json.Unmarshal([]byte(*e.Content), &said); err != nil {
		v.tell("%s: entry %d speaks of no evidence", EntriesFile, e.Index)
		return
	}
	if said.Digest == "" || !said.ErasedAt.IsZero() {
		return
	}
	if !v.leftOut[leftOutKey(said.Digest)] && !v.files.has(EvidencePath(said.Digest)) {
		v.tell("%s, which entry %d speaks of (%s), is missing", EvidencePath(said.Digest), e.Index, said.Title)
	}
}

// EvidencePath is where a package keeps the bytes of a digest.
func EvidencePath(digest string) string {
	if len(digest) < 2 {
		return EvidenceFolder + digest
	}
	return EvidenceFolder + digest[:2] + "/" + digest
}

// open opens a file of the package. What it gives is bounded by the size in the
// directory, so that a small file cannot unpack without end.
func (v *verifier) open(name string) (io.ReadCloser, error) {
	f, err := v.files.file(name)
	if err != nil {
		return nil, err
	}
	r, err := f.Open()
	if err != nil {
		return nil, seaworthy.Invalid("%s cannot be read: %v", name, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(r, int64(f.UncompressedSize64)), r}, nil
}

// maxSmall bounds the files that are read whole: the seal, heads of the log, a timestamp.
const maxSmall = 16 << 20

func (v *verifier) small(name string) ([]byte, error) {
	f, err := v.open(name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(f, maxSmall+1)); err != nil {
		return nil, seaworthy.Invalid("%s cannot be read: %v", name, err)
	}
	if b.Len() > maxSmall {
		return nil, seaworthy.Invalid("%s is larger than %d bytes", name, maxSmall)
	}
	return b.Bytes(), f.Close()
}

func (v *verifier) digest(name string) (string, error) {
	f, err := v.open(name)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		_ = f.Close() // which says the same again
		return "", err
	}
	got := hex.EncodeToString(h.Sum(nil))
	if digest, ok := strings.CutPrefix(name, EvidenceFolder); ok && len(digest) > 3 && isDigest(digest[3:]) && digest[3:] != got {
		return "", fmt.Errorf("its bytes are not those of its name")
	}
	return got, f.Close()
}

// SPDX-License-Identifier: Apache-2.0

// Package spool keeps messages on disk until somebody else has them: in order, numbered
// without holes, through restarts and kills.
//
// Messages are appended to segments, files that are named by the number of their first
// message. A message is its length, a checksum and its bytes. What a kill left half
// written at the end is cut off when the spool is opened again: it was never numbered for
// anybody. What is damaged elsewhere is said, with the numbers that it concerns.
//
// A spool that is full takes nothing new. What it holds is the older part of the story,
// and whoever writes to it knows from when on a part is missing.
package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// ErrFull is what Append fails with when the spool has no room.
var ErrFull = errors.New("the spool is full")

// The sizes of a spool.
const (
	DefaultLimit = 1 << 30  // bytes of all segments
	segmentSize  = 8 << 20  // from which a new one is begun
	MaxMessage   = 16 << 20 // bytes
	header       = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Message is one message and its number.
type Message struct {
	Sequence uint64
	Body     []byte
}

// Damage tells of messages that cannot be read any more.
type Damage struct {
	From, To uint64 // numbers; To is the last one
	Reason   string
}

// Spool is a folder with messages. It is safe for concurrent use by one process.
type Spool struct {
	dir   string
	limit int64

	acking   sync.Mutex // held by whoever acknowledges
	mu       sync.Mutex
	segments []segment
	last     *os.File   // the segment that is written to
	full     []*os.File // those before it that are not on the disk for certain
	next     uint64
	acked    uint64 // everything up to it is somebody else's
	size     int64
	damaged  []Damage
	// given is where the messages that Next gave last begin and end: nobody reads over
	// what is acknowledged from the beginning of its segment again.
	given [2]position
}

// position is where a message begins.
type position struct {
	segment, number uint64
	offset          int64
}

type segment struct {
	first uint64
	count uint64
	size  int64
}

const suffix = ".seg"

func (s *Spool) path(first uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%020d%s", first, suffix))
}

// Open opens a spool, or makes one. limit bounds its bytes on disk; 0: [DefaultLimit].
func Open(dir string, limit int64) (*Spool, error) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the spool: %w", err)
	}
	s := &Spool{dir: dir, limit: limit, next: 1}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// load reads which messages are there.
func (s *Spool) load() error {
	acked, err := s.readAcked()
	if err != nil {
		return err
	}
	s.acked, s.next = acked, acked+1
	names, err := filepath.Glob(filepath.Join(s.dir, "*"+suffix))
	if err != nil {
		return fmt.Errorf("list the spool: %w", err)
	}
	slices.Sort(names)
	for i, name := range names {
		first, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(name), suffix), 10, 64)
		if err != nil || first == 0 {
			return fmt.Errorf("%s is no part of a spool; move it elsewhere", name)
		}
		if err := s.loadSegment(first, i == len(names)-1); err != nil {
			return err
		}
	}
	return s.drop()
}

// loadSegment counts the messages of a segment. What is torn at its end is cut off where
// it is the last one; in another one it is damage.
func (s *Spool) loadSegment(first uint64, last bool) error {
	if first > s.next && (len(s.segments) > 0 || s.acked > 0) {
		s.damaged = append(s.damaged, Damage{s.next, first - 1, "segments are damaged or missing"})
	}
	f, err := os.OpenFile(s.path(first), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open the spool: %w", err)
	}
	defer func() {
		if f != s.last {
			_ = f.Close() // it was read
		}
	}()
	whole, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at the spool: %w", err)
	}
	seg := segment{first: first}
	for seg.size < whole.Size() {
		body, err := readAt(f, seg.size)
		if err != nil && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, errDamaged)) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the spool: %w", err)
		}
		seg.count++
		seg.size += header + int64(len(body))
	}
	if seg.size < whole.Size() && last { // of others, the name of the next one tells what is lost
		if err := f.Truncate(seg.size); err != nil {
			return fmt.Errorf("mend the spool: %w", err)
		}
	}
	s.segments = append(s.segments, seg)
	s.size += seg.size
	s.next = max(s.next, first+seg.count)
	if last {
		if _, err := f.Seek(seg.size, io.SeekStart); err != nil {
			return fmt.Errorf("open the spool: %w", err)
		}
		s.last = f
	}
	return nil
}

var errDamaged = errors.New("its checksum does not hold")

// readAt reads the message that begins at an offset.
func readAt(r io.ReaderAt, at int64) ([]byte, error) {
	var head [header]byte
	if _, err := r.ReadAt(head[:], at); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[:4])
	if n > MaxMessage {
		return nil, errDamaged
	}
	body := make([]byte, n)
	if _, err := r.ReadAt(body, at+header); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, errDamaged
	}
	return body, nil
}

// Append adds a message and gives its number. It is on disk against kills of the process
// at once, and against loss of power after [Spool.Sync].
func (s *Spool) Append(body []byte) (uint64, error) {
	if len(body) > MaxMessage {
		return 0, fmt.Errorf("a message of %d bytes is longer than the spool takes", len(body))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	need := int64(header + len(body))
	if s.size+need > s.limit {
		return 0, ErrFull
	}
	if s.last == nil || s.segments[len(s.segments)-1].size >= segmentSize {
		if err := s.begin(); err != nil {
			return 0, err
		}
	}
	seg := &s.segments[len(s.segments)-1]
	text := make([]byte, header, need)
	binary.LittleEndian.PutUint32(text, uint32(len(body)))
	binary.LittleEndian.PutUint32(text[4:], crc32.Checksum(body, castagnoli))
	if _, err := s.last.Write(append(text, body...)); err != nil {
		// Part of it may be there: the next message has to begin where this one did.
		_, seek := s.last.Seek(seg.size, io.SeekStart)
		return 0, errors.Join(fmt.Errorf("write to the spool: %w", err), s.last.Truncate(seg.size), seek)
	}
	seg.count++
	seg.size += need
	s.size += need
	s.next++
	return s.next - 1, nil
}

// begin starts a segment with the next number.
func (s *Spool) begin() error {
	f, err := os.OpenFile(s.path(s.next), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("begin a segment: %w", err)
	}
	if s.last != nil { // whoever appends does not wait for the disk
		s.full = append(s.full, s.last)
	}
	s.last = f
	s.segments = append(s.segments, segment{first: s.next})
	return nil
}

// Sync brings what was appended to the disk. Meanwhile more may be appended.
func (s *Spool) Sync() error {
	s.mu.Lock()
	full, last := s.full, s.last
	s.full = nil
	s.mu.Unlock()
	for i, f := range full {
		if err := f.Sync(); err != nil {
			s.mu.Lock()
			s.full = append(full[i:len(full):len(full)], s.full...)
			s.mu.Unlock()
			return fmt.Errorf("bring a segment to the disk: %w", err)
		}
		_ = f.Close() // it was brought to the disk
	}
	if last == nil {
		return nil
	}
	if err := last.Sync(); err != nil && !errors.Is(err, os.ErrClosed) { // closing it brought it to the disk
		return fmt.Errorf("bring a segment to the disk: %w", err)
	}
	return nil
}

// Next gives the oldest messages that nobody has acknowledged, at most n and, beyond the
// first one, at most so many bytes. A message that is damaged now is reported by
// [Spool.Damaged] and passed over. More may be appended while it reads.
func (s *Spool) Next(n int, bytes int64) ([]Message, error) {
	s.mu.Lock()
	r := reading{acked: s.acked, n: n, left: bytes, given: s.given}
	segments := slices.Clone(s.segments)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.damaged = append(s.damaged, r.damaged...)
		s.given = r.given
	}()
	first := true
	for _, seg := range segments {
		if seg.first+seg.count <= r.acked+1 {
			continue
		}
		at := r.from(seg)
		if first {
			r.given[0], first = at, false
		}
		f, err := os.Open(s.path(seg.first))
		if err != nil {
			return r.out, fmt.Errorf("read the spool: %w", err)
		}
		done, err := r.collect(f, seg, at)
		if err := errors.Join(err, f.Close()); err != nil || done {
			return r.out, err
		}
	}
	return r.out, nil
}

// reading is one call of Next.
type reading struct {
	acked   uint64
	n       int
	left    int64
	given   [2]position
	out     []Message
	damaged []Damage
}

// from gives the last known place in a segment before which everything is acknowledged.
func (r *reading) from(seg segment) position {
	at := position{segment: seg.first, number: seg.first}
	for _, p := range r.given {
		if p.segment == seg.first && p.number > at.number && p.number <= r.acked+1 {
			at = p
		}
	}
	return at
}

// collect reads messages of one segment.
func (r *reading) collect(f *os.File, seg segment, at position) (done bool, err error) {
	for ; at.number < seg.first+seg.count; at.number++ {
		body, err := readAt(f, at.offset)
		if errors.Is(err, errDamaged) {
			r.damaged = append(r.damaged, Damage{at.number, seg.first + seg.count - 1, "a segment was damaged on disk"})
			return false, nil
		}
		if err != nil {
			return true, fmt.Errorf("read message %d of the spool: %w", at.number, err)
		}
		if at.number > r.acked {
			if len(r.out) == r.n || len(r.out) > 0 && int64(len(body)) > r.left {
				return true, nil
			}
			r.out = append(r.out, Message{at.number, body})
			r.left -= int64(len(body))
		}
		at.offset += header + int64(len(body))
		r.given[1] = position{at.segment, at.number + 1, at.offset}
	}
	return false, nil
}

// Ack says that somebody else has everything up to a number. Segments that nobody needs
// any more are removed.
func (s *Spool) Ack(sequence uint64) error {
	s.acking.Lock()
	defer s.acking.Unlock()
	s.mu.Lock()
	acked, next := s.acked, s.next
	s.mu.Unlock()
	if sequence <= acked {
		return nil
	}
	if sequence >= next {
		return fmt.Errorf("message %d was acknowledged, and there is none: the last one is %d", sequence, next-1)
	}
	// Whoever appends does not wait for the disk's journal.
	if err := s.writeAcked(sequence); err != nil {
		return err
	}
	s.mu.Lock()
	s.acked = sequence
	s.mu.Unlock()
	return s.drop()
}

// drop removes segments whose messages all are somebody else's, but for the one that is
// written to.
func (s *Spool) drop() error {
	for {
		s.mu.Lock()
		over := len(s.segments) > 1 && s.segments[0].first+s.segments[0].count <= s.acked+1
		var first uint64
		if over {
			first = s.segments[0].first
		}
		s.mu.Unlock()
		if !over {
			return nil
		}
		if err := os.Remove(s.path(first)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a segment: %w", err)
		}
		s.mu.Lock()
		s.size -= s.segments[0].size
		s.segments = s.segments[1:]
		s.mu.Unlock()
	}
}

const ackedFile = "acknowledged"

func (s *Spool) readAcked() (uint64, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, ackedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the spool: %w", err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s does not hold a number; remove it, and everything is sent again", filepath.Join(s.dir, ackedFile))
	}
	return n, nil
}

// writeAcked replaces the file in one step.
func (s *Spool) writeAcked(n uint64) error {
	name := filepath.Join(s.dir, ackedFile)
	if err := os.WriteFile(name+".new", strconv.AppendUint(nil, n, 10), 0o600); err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	return nil
}

// Waiting counts messages that nobody has acknowledged, and their last number.
func (s *Spool) Waiting() (n, last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next - 1 - s.acked, s.next - 1
}

// Damaged gives what cannot be read any more, once: whoever asks tells of it.
func (s *Spool) Damaged() []Damage {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.damaged
	s.damaged = nil
	return out
}

// Close brings everything to the disk and closes the spool.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, f := range append(s.full, s.last) {
		if f != nil {
			errs = append(errs, f.Sync(), f.Close())
		}
	}
	s.full, s.last = nil, nil
	return errors.Join(errs...)
}

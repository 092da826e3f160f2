// SPDX-License-Identifier: Apache-2.0

package spool_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/spool"
)

func open(t *testing.T, dir string, limit int64) *spool.Spool {
	t.Helper()
	s, err := spool.Open(dir, limit)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t *testing.T, s *spool.Spool, body []byte) uint64 {
	t.Helper()
	n, err := s.Append(body)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func body(n uint64, size int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%d,", n), size)
}

// TestAgainstAModel does what comes to its mind: append, read, acknowledge, close and open
// again, be killed in the middle of a write. It holds the spool to a list.
func TestAgainstAModel(t *testing.T) {
	seeds := uint64(8)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 7))
		dir := t.TempDir()
		s := open(t, dir, 0)
		var waiting []uint64
		next := uint64(1)
		size := func(n uint64) int { return int(n*7919%200_000) / 8 } // up to 100 KB: several segments
		for range 400 {
			switch r.IntN(8) {
			case 0, 1, 2, 3:
				if n := add(t, s, body(next, size(next))); n != next {
					t.Fatalf("seed %d: message %d got number %d", seed, next, n)
				}
				waiting = append(waiting, next)
				next++
			case 4, 5:
				got, err := s.Next(1+r.IntN(20), 1<<20)
				if err != nil || (len(got) == 0) != (len(waiting) == 0) {
					t.Fatalf("seed %d: %d messages of %d, %v", seed, len(got), len(waiting), err)
				}
				for i, m := range got {
					if m.Sequence != waiting[i] || !bytes.Equal(m.Body, body(m.Sequence, size(m.Sequence))) {
						t.Fatalf("seed %d: message %d is not what was appended as %d", seed, m.Sequence, waiting[i])
					}
				}
			case 6:
				if len(waiting) > 0 {
					k := r.IntN(len(waiting))
					if err := s.Ack(waiting[k]); err != nil {
						t.Fatal(err)
					}
					waiting = waiting[k+1:]
				}
			case 7:
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				tear(t, r, dir)
				s = open(t, dir, 0)
				if d := s.Damaged(); d != nil {
					t.Fatalf("seed %d: %+v", seed, d)
				}
			}
			if n, last := s.Waiting(); n != uint64(len(waiting)) || last != next-1 {
				t.Fatalf("seed %d: %d wait up to %d, want %d up to %d", seed, n, last, len(waiting), next-1)
			}
		}
	}
}

// tear leaves what a kill leaves: part of a message at the end of the newest segment.
func tear(t *testing.T, r *rand.Rand, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(names) == 0 {
		return
	}
	slices.Sort(names)
	f, err := os.OpenFile(names[len(names)-1], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	half := [][]byte{nil, {1, 2, 3}, {200, 0, 0, 0, 1, 2, 3, 4, 'x'}, {1, 0, 0, 0, 9, 9, 9, 9, 'x'}, bytes.Repeat([]byte{0xff}, 30)}[r.IntN(5)]
	if _, err := f.Write(half); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFull(t *testing.T) {
	s := open(t, t.TempDir(), 1000)
	defer s.Close()
	first := add(t, s, make([]byte, 600))
	if _, err := s.Append(make([]byte, 600)); !errors.Is(err, spool.ErrFull) {
		t.Errorf("a second message: %v", err)
	}
	if n := add(t, s, make([]byte, 100)); n != first+1 {
		t.Errorf("what did not fit took a number: the next one is %d", n)
	}
	if _, err := s.Append(make([]byte, spool.MaxMessage+1)); err == nil || errors.Is(err, spool.ErrFull) {
		t.Errorf("a message beyond all limits: %v", err)
	}
}

func TestDamageIsTold(t *testing.T) {
	fill := func(t *testing.T) (string, []string) {
		dir := t.TempDir()
		s := open(t, dir, 0)
		for range 40 {
			add(t, s, make([]byte, 1<<20))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
		if err != nil || len(names) < 3 {
			t.Fatalf("%d segments, %v", len(names), err)
		}
		return dir, names
	}
	t.Run("a segment is missing", func(t *testing.T) {
		dir, names := fill(t)
		if err := os.Remove(names[1]); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir, 0)
		defer s.Close()
		if d := s.Damaged(); len(d) != 1 || d[0].From != 9 || d[0].To != 16 {
			t.Errorf("damage %+v", d)
		}
	})
	t.Run("bytes are altered", func(t *testing.T) {
		dir, names := fill(t)
		f, err := os.OpenFile(names[1], os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("x"), 3<<20); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir, 0)
		defer s.Close()
		if d := s.Damaged(); len(d) != 1 || d[0].From < 9 || d[0].To != 16 {
			t.Errorf("damage %+v", d)
		}
		got, err := s.Next(100, 1<<30)
		if err != nil || len(got) < 30 || got[len(got)-1].Sequence != 40 {
			t.Errorf("%d messages are left, %v", len(got), err)
		}
	})
	t.Run("a file of somebody else", func(t *testing.T) {
		dir, _ := fill(t)
		if err := os.WriteFile(filepath.Join(dir, "notes.seg"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := spool.Open(dir, 0); err == nil {
			t.Error("it is taken for a part of the spool")
		}
	})
}

func TestAcknowledgedTooMuch(t *testing.T) {
	s := open(t, t.TempDir(), 0)
	defer s.Close()
	add(t, s, []byte("a"))
	if err := s.Ack(2); err == nil {
		t.Error("a message that is not there was acknowledged")
	}
	if err := errors.Join(s.Ack(1), s.Ack(1)); err != nil {
		t.Error(err)
	}
}

func BenchmarkAppend(b *testing.B) {
	s, err := spool.Open(b.TempDir(), 1<<40)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	message := make([]byte, 2000)
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		if _, err := s.Append(message); err != nil {
			b.Fatal(err)
		}
	}
}

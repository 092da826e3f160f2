// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

const (
	followEvery = time.Second
	followLines = 4 << 20 // bytes read at once
	headBytes   = 256     // by which a file is known again
)

// mark is how far a log was read. A file is known again by its first bytes: it is renamed
// when it is rotated, and inodes are used again.
type mark struct {
	Head   string    `json:"head"` // SHA-256 of the first bytes, Size of them
	Size   int       `json:"size"`
	Offset int64     `json:"offset"`
	At     time.Time `json:"at"`
}

// follow follows the audit log through its rotations and the agent's restarts.
func (a *Agent) follow(ctx context.Context) error {
	if a.cfg.AuditLog == "" {
		return nil
	}
	f := &follower{a: a, file: a.cfg.AuditLog, keep: filepath.Join(a.cfg.Spool, "audit-log.json"), gap: a.gap}
	if err := f.load(); err != nil {
		a.log.Error("how far the audit log was read is not known; it is read from its beginning", "error", err)
	}
	said := ""
	for {
		more, err := f.read(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && err.Error() != said:
			a.log.Error("the audit log cannot be read", "error", err)
			said = err.Error()
		case err == nil:
			said = ""
		}
		if more && err == nil {
			continue
		}
		if !sleep(ctx, followEvery) {
			return ctx.Err()
		}
	}
}

type follower struct {
	a    *Agent
	file string
	keep string // file of the mark
	gap  func(seaworthy.AgentGap)
	mark mark
}

func (f *follower) load() error {
	text, err := os.ReadFile(f.keep)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(text, &f.mark)
}

// read takes the next whole lines, wherever they are now.
func (f *follower) read(ctx context.Context) (more bool, err error) {
	files, err := f.files()
	if err != nil || len(files) == 0 {
		return false, err
	}
	at, err := f.find(files)
	if err != nil {
		return false, err
	}
	for i := at; i < len(files) && ctx.Err() == nil; i++ {
		read, err := f.lines(files[i])
		if err != nil || read {
			return true, err
		}
		if i+1 == len(files) {
			return false, nil
		}
		// This one was rotated away and is read to its end.
		f.mark = mark{At: f.a.now().UTC()}
		if err := f.know(files[i+1]); err != nil {
			return false, err
		}
	}
	return false, ctx.Err()
}

// files lists the rotated logs, the oldest first, and the one that is written to. They are
// named by their time: audit-2026-01-02T15-04-05.000.log.
func (f *follower) files() ([]string, error) {
	ext := filepath.Ext(f.file)
	base := strings.TrimSuffix(filepath.Base(f.file), ext)
	entries, err := os.ReadDir(filepath.Dir(f.file))
	if err != nil {
		return nil, fmt.Errorf("look for rotated logs: %w", err)
	}
	var out []string
	for _, e := range entries {
		if name := e.Name(); strings.HasPrefix(name, base+"-") && strings.HasSuffix(name, ext) && e.Type().IsRegular() {
			out = append(out, filepath.Join(filepath.Dir(f.file), name))
		}
	}
	slices.Sort(out)
	if _, err := os.Stat(f.file); err == nil {
		out = append(out, f.file)
	}
	return out, nil
}

// find gives the file that was read last. When it is gone, so is what was in it unread.
func (f *follower) find(files []string) (int, error) {
	if f.mark.Size == 0 { // nothing was read ever: from what is written to now
		return len(files) - 1, f.know(files[len(files)-1])
	}
	for i, name := range slices.Backward(files) {
		if head, n, err := headOf(name, f.mark.Size); err == nil && n == f.mark.Size && head == f.mark.Head {
			return i, nil
		}
	}
	f.gap(seaworthy.AgentGap{
		Place: seaworthy.SeenByAudit, From: f.mark.At, To: f.a.now().UTC(), Reason: "the audit log was rotated away before it was read",
	})
	f.mark = mark{At: f.a.now().UTC()}
	return 0, f.know(files[0])
}

// know takes down by what a file is known again, as soon as it holds anything.
func (f *follower) know(name string) (err error) {
	f.mark.Head, f.mark.Size, err = headOf(name, headBytes)
	return err
}

func headOf(name string, n int) (string, int, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", 0, fmt.Errorf("read the audit log: %w", err)
	}
	defer file.Close()
	head := make([]byte, n)
	n, err = io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", 0, fmt.Errorf("read the audit log: %w", err)
	}
	sum := sha256.Sum256(head[:n])
	return hex.EncodeToString(sum[:]), n, nil
}

// lines takes whole lines from where the last ones ended and notes how far it came.
func (f *follower) lines(name string) (bool, error) {
	file, err := os.Open(name)
	if err != nil {
		return false, fmt.Errorf("read the audit log: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.NewSectionReader(file, f.mark.Offset, followLines))
	if err != nil {
		return false, fmt.Errorf("read the audit log: %w", err)
	}
	end := bytes.LastIndexByte(text, '\n') + 1
	if end == 0 {
		if len(text) == followLines {
			return false, seaworthy.Invalid("a line of the audit log is longer than %d MB", followLines>>20)
		}
		return false, nil
	}
	if err := f.a.events(text[:end]); err != nil { // one line spoils the rest of what was read: one by one, then
		for line := range bytes.Lines(text[:end]) {
			if err := f.a.events(line); err != nil {
				f.a.log.Warn("a line of the audit log cannot be read", "error", err)
				f.a.notRead(spoiled(err))
			}
		}
	}
	if f.mark.Size < headBytes {
		if err := f.know(name); err != nil {
			return false, err
		}
	}
	f.mark.Offset, f.mark.At = f.mark.Offset+int64(end), f.a.now().UTC()
	return true, f.save()
}

// save notes how far the log was read. What is read twice is told twice, which changes
// nothing.
func (f *follower) save() error {
	text, err := json.Marshal(f.mark)
	if err == nil {
		part := f.keep + ".part"
		if err = os.WriteFile(part, text, 0o600); err == nil {
			err = os.Rename(part, f.keep)
		}
	}
	if err != nil {
		return fmt.Errorf("note how far the audit log was read: %w", err)
	}
	return nil
}

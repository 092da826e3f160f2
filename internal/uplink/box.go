// SPDX-License-Identifier: Apache-2.0

package uplink

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/spool"
)

// box holds the messages of one instance.
type box struct {
	dir      string
	instance string
	changes  *stream
	findings *stream
}

// stream is one spool and what wakes its sender.
type stream struct {
	name  string
	spool *spool.Spool
	wake  chan struct{}
}

// entry is a message as it waits on disk. Its number is that of the spool; it is signed
// when it is sent.
type entry struct {
	At   time.Time       `json:"at"`
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`
}

// bodyField is where the body of an entry begins, which is its last field: it is large, was
// JSON when it came, and has a checksum on disk, so that nobody reads it in between.
const bodyField = `,"body":`

func (e *entry) write() ([]byte, error) {
	head, err := json.Marshal(entry{At: e.At, Kind: e.Kind, Body: json.RawMessage("0")})
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(head)+len(e.Body))
	out = append(out, bytes.TrimSuffix(head, []byte("0}"))...)
	return append(append(out, e.Body...), '}'), nil
}

func readEntry(text []byte) (e entry, err error) {
	head, body, found := bytes.Cut(text, []byte(bodyField))
	if !found || len(body) == 0 {
		return e, errors.New("it is no message")
	}
	err = json.Unmarshal(append(bytes.Clone(head), '}'), &e)
	e.Body = json.RawMessage(body[:len(body)-1])
	return e, err
}

const instanceFile = "instance"

// currentInstance reads the instance of a folder, or draws one. The name is on disk before
// any message is.
func currentInstance(dir string) (string, error) {
	name := filepath.Join(dir, instanceFile)
	text, err := os.ReadFile(name)
	if instance := strings.TrimSpace(string(text)); err == nil && instance != "" && filepath.IsLocal(instance) {
		if _, err := os.Stat(filepath.Join(dir, instance)); err == nil {
			return instance, nil
		}
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the name of the instance: %w", err)
	}
	return newInstance(dir)
}

// newInstance draws a name, makes its folder and makes it the current one.
func newInstance(dir string) (string, error) {
	instance := strings.ToLower(rand.Text())
	if err := os.MkdirAll(filepath.Join(dir, instance), 0o700); err != nil {
		return "", fmt.Errorf("make the folder of the instance: %w", err)
	}
	part := filepath.Join(dir, instanceFile+".part")
	err := os.WriteFile(part, []byte(instance+"\n"), 0o600)
	if err = cmp.Or(err, os.Rename(part, filepath.Join(dir, instanceFile))); err != nil {
		return "", fmt.Errorf("keep the name of the instance: %w", err)
	}
	return instance, nil
}

func openBox(dir, instance string, limit int64) (*box, error) {
	b := &box{dir: filepath.Join(dir, instance), instance: instance}
	for _, s := range []struct {
		name string
		to   **stream
	}{{seaworthy.StreamChanges, &b.changes}, {seaworthy.StreamFindings, &b.findings}} {
		sp, err := spool.Open(filepath.Join(b.dir, s.name), limit)
		if err != nil {
			return nil, fmt.Errorf("open the spool of %s: %w", s.name, err)
		}
		*s.to = &stream{name: s.name, spool: sp, wake: make(chan struct{}, 1)}
	}
	if err := os.MkdirAll(b.reports(), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of reports: %w", err)
	}
	return b, nil
}

// reports is where whole reports wait.
func (b *box) reports() string { return filepath.Join(b.dir, "reports") }

func (b *box) streams() []*stream { return []*stream{b.changes, b.findings} }

func (b *box) stream(name string) *stream {
	if name == seaworthy.StreamFindings {
		return b.findings
	}
	return b.changes
}

func (b *box) close() error { return errors.Join(b.changes.spool.Close(), b.findings.spool.Close()) }

// ring wakes the sender.
func (s *stream) ring() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// add puts a message at the end of a stream.
func (s *stream) add(at time.Time, kind string, body any) error {
	raw, ok := body.(json.RawMessage)
	if !ok {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return fmt.Errorf("write a message: %w", err)
		}
	}
	text, err := (&entry{At: at.UTC(), Kind: kind, Body: raw}).write()
	if err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	if _, err := s.spool.Append(text); err != nil {
		return err
	}
	s.ring()
	return nil
}

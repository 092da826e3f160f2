// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Learn shows the decoder the CustomResourceDefinitions of the plan, so that custom
// resources have their resource name and scope wherever their definition stands. Call it
// once, before the units are read. It looks into every YAML and JSON file that was found
// and into the crds folders of charts; a definition that only comes out of a template or
// from standard input counts for what follows it. Trouble is left to reading.
func (p *Plan) Learn(ctx context.Context, dec *snapshot.Decoder) error {
	files := p.candidates
	for _, u := range p.Units {
		if u.Kind == Chart {
			for _, ext := range extensions {
				found, _ := filepath.Glob(filepath.Join(escapeGlob(u.Path), "crds", "*"+ext))
				files = append(files[:len(files):len(files)], found...)
			}
		}
	}
	buf := make([]byte, 0, 64<<10)
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		buf = p.learnFile(file, buf, dec)
	}
	return nil
}

var definition = []byte("CustomResourceDefinition")

// learnFile looks into one file. Most hold no definition, and are only searched for the
// word.
func (p *Plan) learnFile(file string, buf []byte, dec *snapshot.Decoder) []byte {
	f, err := os.Open(file)
	if err != nil {
		return buf
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > p.opts.Limits.FileBytes {
		return buf
	}
	buf, err = readInto(f, buf[:0])
	if err != nil || !bytes.Contains(buf, definition) {
		return buf
	}
	s := newSplitter(bytes.NewReader(buf), nil, p.opts.Limits)
	for {
		c, err := s.next()
		if err != nil {
			return buf
		}
		if c.err != nil || !bytes.Contains(c.text, definition) {
			continue
		}
		docs, _ := parse(c, p.opts.Limits)
		for _, d := range docs {
			learnValue(d.value, dec, 0)
		}
	}
}

func learnValue(v any, dec *snapshot.Decoder, depth int) {
	if depth > maxLists {
		return
	}
	switch v := v.(type) {
	case []any:
		for _, c := range v {
			learnValue(c, dec, depth+1)
		}
	case map[string]any:
		if text(v, "kind") == "CustomResourceDefinition" {
			dec.Learn(v)
		} else if items, ok := v["items"].([]any); ok {
			learnValue(items, dec, depth+1)
		}
	}
}

// readInto reads all of r, into buf as long as that is large enough.
func readInto(r io.Reader, buf []byte) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

// escapeGlob quotes what would mean something in a pattern.
func escapeGlob(path string) string {
	var b []byte
	for i := 0; i < len(path); i++ {
		if c := path[i]; c == '*' || c == '?' || c == '[' {
			b = append(b, '[', c, ']')
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

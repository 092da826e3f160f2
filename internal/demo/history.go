// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy/examples"
)

// edit is a place where the shop looked otherwise during some days of the half year.
type edit struct {
	What string `yaml:"what"` // the story behind it
	// Days are intervals in days before the end of the half year: [180, 60] is from 180
	// days ago until 60 days ago.
	Days [][2]int `yaml:"days"`
	// Only names the places that it holds for: clusters and repositories; empty: all.
	Only []string `yaml:"only"`
	File string   `yaml:"file"`
	// Now is a text that stands in the file once, and Then what stood there instead. An
	// empty Now adds Then at the end; a file that is not there today is made.
	Now  string `yaml:"now"`
	Then string `yaml:"then"`
	// Absent says that there was no such file.
	Absent bool `yaml:"absent"`
}

// history is how the shop changed.
type history struct {
	Edits []edit `yaml:"edits"`
}

func readHistory() (*history, error) {
	data, err := fs.ReadFile(examples.History(), "edits.yaml")
	if err != nil {
		return nil, fmt.Errorf("read the history of the example: %w", err)
	}
	h := &history{}
	if err := yaml.Unmarshal(data, h); err != nil {
		return nil, fmt.Errorf("read the history of the example: %w", err)
	}
	return h, nil
}

// holds tells whether the shop looked so, some days before the end.
func (e *edit) holds(place string, ago int) bool {
	if len(e.Only) > 0 && !slices.Contains(e.Only, place) {
		return false
	}
	return slices.ContainsFunc(e.Days, func(d [2]int) bool { return ago <= d[0] && ago > d[1] })
}

// of lists by their places in the history the edits that hold: it names the state.
func (h *history) of(place string, ago int) []int {
	var out []int
	for i := range h.Edits {
		if h.Edits[i].holds(place, ago) {
			out = append(out, i)
		}
	}
	return out
}

// write writes the shop into a folder as it was when the edits held.
func (h *history) write(dir string, state []int) error {
	shop := examples.Shop()
	err := fs.WalkDir(shop, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(shop, name)
		if err != nil {
			return err
		}
		return put(dir, name, data)
	})
	if err != nil {
		return fmt.Errorf("write the example: %w", err)
	}
	for _, i := range state {
		if err := h.Edits[i].apply(dir); err != nil {
			return fmt.Errorf("take the example back to when %q: %w", h.Edits[i].What, err)
		}
	}
	return nil
}

func put(dir, name string, data []byte) error {
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

func (e *edit) apply(dir string) error {
	file := filepath.Join(dir, filepath.FromSlash(path.Clean(e.File)))
	if e.Absent {
		return os.Remove(file)
	}
	data, err := os.ReadFile(file)
	if err != nil && (e.Now != "" || !os.IsNotExist(err)) {
		return err
	}
	text := string(data)
	switch n := strings.Count(text, e.Now); {
	case e.Now == "":
		text += "\n---\n" + e.Then
	case n != 1:
		return fmt.Errorf("%s has the text %q %d times, not once", e.File, e.Now, n)
	default:
		text = strings.Replace(text, e.Now, e.Then, 1)
	}
	return put(dir, e.File, []byte(text))
}

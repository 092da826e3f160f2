// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// survey is what rendering a root will meet, found before it is rendered: kustomize
// would fetch what is remote without asking.
type survey struct {
	faults  []fault
	leave   map[string]bool // remote entries that are left out
	openapi bool            // some file brings its own OpenAPI schema
	broken  bool            // rendering it makes no sense
}

// fault is trouble with a file.
type fault struct {
	file string
	err  error
}

// surveyKustomizations surveys the roots. Trouble that several of them share is told
// once, with the first.
func (w *walker) surveyKustomizations(drop map[*Unit]bool) {
	told := map[string]*Unit{}
	for _, k := range w.kustomizations {
		if drop[k.unit] {
			continue
		}
		s := &surveyor{limits: w.plan.opts.Limits, network: w.plan.opts.AllowNetwork, seen: map[string]bool{}}
		s.leave = map[string]bool{}
		s.folder(k.dir)
		k.unit.survey = &s.survey
		var also *Unit
		s.faults = slices.DeleteFunc(s.faults, func(f fault) bool {
			p := problem(f.file, 0, f.err)
			key := fmt.Sprintf("%s:%d:%s", p.File, p.Line, p.Message)
			if first := told[key]; first != nil {
				also = first
				return true
			}
			told[key] = k.unit
			return false
		})
		if also != nil {
			s.faults = append(s.faults, fault{k.listing.file, fmt.Errorf("leads to the same errors as the kustomization %s", filepath.ToSlash(also.Path))})
		}
	}
}

// surveyor looks through everything that a kustomization leads to.
type surveyor struct {
	survey
	limits  Limits
	network bool
	seen    map[string]bool
}

func (s *surveyor) fail(file string, line int, format string, args ...any) {
	s.faults = append(s.faults, fault{file, &lineError{line, fmt.Errorf(format, args...)}})
}

func (s *surveyor) remote(file string, line int, address string) {
	s.fail(file, line, "names the remote %s, which is not fetched without network and so is not judged; allow the network, or vendor it and name the copy", address)
}

// folder looks through the kustomization of a folder.
func (s *surveyor) folder(dir string) {
	real, err := realPath(dir)
	if err != nil || s.seen[real] {
		return
	}
	s.seen[real] = true
	for _, name := range kustomizationFiles {
		file := filepath.Join(dir, name)
		if _, err := os.Stat(file); err == nil {
			s.file(dir, file)
		}
	}
}

func (s *surveyor) file(dir, file string) {
	l, err := list(file, s.limits)
	if err != nil {
		s.faults = append(s.faults, fault{file, err})
		s.broken = true
		return
	}
	s.openapi = s.openapi || l.openapi
	for _, e := range l.inflates {
		s.broken = true
		s.fail(file, e.line, "%s needs the helm program, which is not run; render it and scan what comes out (kustomize build --enable-helm DIR | seaworthy scan -)", e.value)
	}
	for _, e := range l.entries {
		s.entry(dir, file, e)
	}
}

func (s *surveyor) entry(dir, file string, e entry) {
	if e.plugin && strings.Contains(e.value, "\n") {
		s.plugin(file, e.line, []byte(e.value))
		return
	}
	if remote.MatchString(e.value) {
		if !s.network {
			s.leave[e.value] = true
			s.broken = s.broken || !e.resource
			s.remote(file, e.line, e.value)
		}
		return
	}
	path := filepath.Join(dir, filepath.FromSlash(e.value))
	info, err := os.Stat(path)
	switch {
	case err != nil: // kustomize says it
	case info.IsDir():
		s.folder(path)
	case e.plugin:
		if text, err := readLimited(path, s.limits); err == nil {
			s.plugin(path, 0, text)
		}
	}
}

// plugin looks through the configuration of a generator or transformer.
func (s *surveyor) plugin(file string, line int, text []byte) {
	docs, err := parse(chunk{text: text, line: 1}, s.limits)
	if err != nil || s.network {
		return // kustomize says it
	}
	for _, d := range docs {
		if at := remoteIn(d.value, ""); at != "" {
			s.broken = true
			s.remote(file, line, at)
		}
	}
}

// remoteIn finds a remote address below a key that names files.
func remoteIn(v any, key string) string {
	switch v := v.(type) {
	case map[string]any:
		for k, c := range v {
			if at := remoteIn(c, k); at != "" {
				return at
			}
		}
	case []any:
		for _, c := range v {
			if at := remoteIn(c, key); at != "" {
				return at
			}
		}
	case string:
		if _, path, ok := strings.Cut(v, "="); ok && key == "files" {
			v = path
		}
		if slices.Contains([]string{"path", "paths", "file", "files", "env", "envs"}, key) && remote.MatchString(v) {
			return v
		}
	}
	return ""
}

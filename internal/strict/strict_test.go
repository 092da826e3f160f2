// SPDX-License-Identifier: Apache-2.0

package strict_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/strict"
)

type boat struct {
	Name   string            `yaml:"name"`
	Crew   []sailor          `yaml:"crew"`
	Sails  map[string]int    `yaml:"sails"`
	Papers *papers           `yaml:"papers"`
	Flags  []string          `yaml:"flags"`
	Notes  map[string]string `yaml:"notes"`
	Motor  bool              `yaml:"motor"`
	Hidden string            `yaml:"-"`
}

type sailor struct {
	Name string `yaml:"name"`
	Rank string `yaml:"rank"`
}

type papers struct {
	Port    string         `yaml:"port"`
	Expires seaworthy.Date `yaml:"expires"`
}

func TestDecode(t *testing.T) {
	var got boat
	text := `
name: 1.30
crew:
- &mate {name: Ines}
- <<: *mate
  rank: mate
sails: {main: 2}
papers: {port: Bergen, expires: 2035-06-30}
notes: {a: 5, b: true}
motor: true
`
	if err := strict.Decode("boat.yaml", []byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != "1.30" || got.Notes["a"] != "5" || got.Notes["b"] != "true" {
		t.Errorf("text is not kept as it was written: %+v", got)
	}
	if diff := cmp.Diff([]sailor{{Name: "Ines"}, {"Ines", "mate"}}, got.Crew); diff != "" {
		t.Errorf("crew (-want +got):\n%s", diff)
	}
	if s := got.Papers.Expires.String(); s != "2035-06-30" {
		t.Errorf("expires = %s", s)
	}
}

func TestDecodeTellsWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key": {
			"name: Elida\nflag: [NO]\n",
			`boat.yaml: line 2: key "flag" is not known (did you mean "flags"?)`,
		},
		"unknown key like none": {
			"colour: red\n",
			`boat.yaml: line 1: key "colour" is not known (known are name, crew, sails, papers, flags, notes, motor)`,
		},
		"hidden key": {
			"Hidden: x\n",
			`boat.yaml: line 1: key "Hidden" is not known (known are name, crew, sails, papers, flags, notes, motor)`,
		},
		"deep keys, all at once": {
			"crew:\n- name: Ines\n  ranc: mate\n- nmae: Tom\npapers:\n  prot: Bergen\n",
			`boat.yaml: line 3: key "crew[0].ranc" is not known (did you mean "rank"?)` + "\n" +
				`boat.yaml: line 4: key "crew[1].nmae" is not known (did you mean "name"?)` + "\n" +
				`boat.yaml: line 6: key "papers.prot" is not known (did you mean "port"?)`,
		},
		"key twice": {
			"name: a\nmotor: true\nname: b\nnotes: {x: 1, x: 2}\n",
			`boat.yaml: line 3: key "name" stands there twice` + "\n" + `boat.yaml: line 4: key "notes.x" stands there twice`,
		},
		"text for a list":      {"flags: NO\n", "boat.yaml: line 1: a list is wanted, not `NO`"},
		"list for text":        {"name: [a]\n", "boat.yaml: line 1: text is wanted, not a list"},
		"text for a switch":    {"motor: perhaps\n", "boat.yaml: line 1: true or false is wanted, not `perhaps`"},
		"text for a number":    {"sails: {main: two}\n", "boat.yaml: line 1: a whole number is wanted, not `two`"},
		"text for a mapping":   {"\npapers: none\n", "boat.yaml: line 2: papers: a mapping with the keys port, expires is wanted"},
		"list for the whole":   {"- name: a\n", "boat.yaml: line 1: a mapping with the keys name, crew, sails, papers, flags, notes, motor is wanted"},
		"mapping for a date":   {"papers: {expires: {}}\n", "boat.yaml: line 1: papers.expires: text is wanted"},
		"no such day":          {"papers: {expires: 2035-02-30}\n", `boat.yaml: line 1: papers.expires: date "2035-02-30" is not of the form YYYY-MM-DD`},
		"two documents":        {"name: a\n---\nname: b\n", "boat.yaml: line 2: one document is wanted, here begins another"},
		"malformed":            {"name: [a\n", "boat.yaml: line 1: did not find expected ',' or ']'"},
		"malformed afterwards": {"name: a\n---\nname: [a\n", "boat.yaml: line 2: did not find expected ',' or ']'"},
		"contains itself":      {"flags: &c [*c]\n", "boat.yaml: line 1: text is wanted, not a list"},
	} {
		t.Run(name, func(t *testing.T) {
			err := strict.Decode("boat.yaml", []byte(c.text), &boat{})
			var known *seaworthy.Error
			if !errors.As(err, &known) || known.Kind != seaworthy.KindInvalid {
				t.Fatalf("Decode = %v, want an error about the input", err)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeNothing(t *testing.T) {
	for _, text := range []string{"", "# only words\n", "---\n", "null\n", "papers:\ncrew: null\n"} {
		got := boat{Name: "as it was"}
		if err := strict.Decode("boat.yaml", []byte(text), &got); err != nil || got.Name != "as it was" {
			t.Errorf("Decode(%q) = %v, and leaves %+v", text, err, got)
		}
	}
}

// A few letters must not become gigabytes.
func TestDecodeAliasBomb(t *testing.T) {
	text := "notes:\n  a: &a x\nflags: &f0 [x,x,x,x,x,x,x,x,x]\n"
	last := "f0"
	for i := 1; i < 12; i++ {
		name := "f" + strings.Repeat("x", i)
		text += "x" + name + ": &" + name + " [" + strings.Repeat("*"+last+",", 9) + "]\n"
		last = name
	}
	if err := strict.Decode("bomb.yaml", []byte(text), &boat{}); err == nil {
		t.Error("Decode(bomb) = nil error")
	}
	var anything map[string]any
	if err := strict.Decode("bomb.yaml", []byte(text), &anything); err == nil || !strings.Contains(err.Error(), "bomb.yaml") {
		t.Errorf("Decode(bomb) = %v, want an error that names the file", err)
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	missing, huge, good := filepath.Join(dir, "missing.yaml"), filepath.Join(dir, "huge.yaml"), filepath.Join(dir, "good.yaml")
	for file, text := range map[string]string{
		huge: "name: " + strings.Repeat("a", strict.MaxFile), good: "name: Elida\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var b boat
	if err := strict.ReadFile(good, &b); err != nil || b.Name != "Elida" {
		t.Errorf("ReadFile = %v, and %+v", err, b)
	}
	for file, want := range map[string]string{
		missing: "read " + missing + ": no such file or directory",
		huge:    huge + " is larger than 4 MB",
		dir:     "read " + dir + ": is a directory",
	} {
		err := strict.ReadFile(file, &b)
		var known *seaworthy.Error
		if !errors.As(err, &known) || known.Kind != seaworthy.KindInvalid || err.Error() != want {
			t.Errorf("ReadFile(%s) = %v, want %s", file, err, want)
		}
	}
}

func TestReader(t *testing.T) {
	files := fstest.MapFS{
		"a.yaml":        {Data: []byte("name: a\n---\n# nothing\n---\nname: b\n")},
		"deep/c.yml":    {Data: []byte("name: c\n")},
		".hidden.yaml":  {Data: []byte("nonsense: 1\n")},
		".git/x.yaml":   {Data: []byte("nonsense: 1\n")},
		"notes.txt":     {Data: []byte("nonsense")},
		"d-empty.yaml":  {Data: []byte("# nothing\n")},
		"e-broken.yaml": {Data: []byte("name: e\n---\nname: [\n")},
		"f-wrong.yaml":  {Data: []byte("nam: f\n---\nname: g\n")},
	}
	var r strict.Reader
	var names []string
	err := r.Folder(files, "boats", func(file string, n *yaml.Node) {
		var b boat
		if r.Decode(file, n, &b) {
			names = append(names, b.Name+" of "+file)
		}
		if b.Name == "g" {
			r.Unknown(file, n.Line, "boat", "gg", []string{"g"})
			r.Unknown(file, n.Line, "boat", "ship", []string{"g"})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a of boats/a.yaml", "b of boats/a.yaml", "c of boats/deep/c.yml", "e of boats/e-broken.yaml", "g of boats/f-wrong.yaml"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	problems := strings.Join([]string{
		"boats/d-empty.yaml: the file is empty",
		"boats/e-broken.yaml: line 3: did not find expected node content",
		`boats/f-wrong.yaml: line 1: key "nam" is not known (did you mean "name"?)`,
		`boats/f-wrong.yaml: line 3: boat "gg" is not known (did you mean "g"?)`,
		`boats/f-wrong.yaml: line 3: boat "ship" is not known`,
	}, "\n")
	if diff := cmp.Diff(problems, r.Err().Error()); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if err := new(strict.Reader).Err(); err != nil {
		t.Errorf("Err of a reader that read nothing = %v", err)
	}
}

func TestReaderOfNothing(t *testing.T) {
	var r strict.Reader
	err := r.Folder(os.DirFS(filepath.Join(t.TempDir(), "missing")), "boats", func(string, *yaml.Node) { t.Error("a document of nothing") })
	if err == nil || err.Error() != "no such file or directory" {
		t.Errorf("Folder = %v, want what the system says, without a name that nobody gave", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("name: Elida\ncrew: [{name: Ines}]\n"))
	f.Add([]byte("crew: &c [*c]\n"))
	f.Add([]byte("papers: {<<: &p {port: x}, expires: 2035-01-01}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		err := strict.Decode("boat.yaml", text, &boat{})
		var known *seaworthy.Error
		if err != nil && !errors.As(err, &known) {
			t.Errorf("Decode(%q) = %v, which no user should see", text, err)
		}
	})
}

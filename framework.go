// SPDX-License-Identifier: Apache-2.0

package seaworthy

// Framework is a catalogue of what an auditor asks.
type Framework struct {
	ID           string        `json:"id" yaml:"id"`
	Title        string        `json:"title" yaml:"title"`
	Source       string        `json:"source,omitempty" yaml:"source"` // where the ids come from
	Requirements []Requirement `json:"requirements" yaml:"requirements"`
	File         string        `json:"-" yaml:"-"`
}

// Requirement is one thing that a framework asks; for SOC 2, a criterion. The title is
// in our own words.
type Requirement struct {
	ID       string `json:"id" yaml:"id"`
	Title    string `json:"title,omitempty" yaml:"title"`
	Category string `json:"category,omitempty" yaml:"category"` // SOC 2: security, availability, …
	// Controls are the controls that support the requirement.
	Controls []string `json:"controls" yaml:"controls"`
	// Evidence is "manual" where no check can show anything; Upload says what people
	// bring instead.
	Evidence string   `json:"evidence,omitempty" yaml:"evidence"`
	Upload   []string `json:"upload,omitempty" yaml:"upload"`
}

// Validate says what is missing in a framework.
func (f Framework) Validate() error {
	if !kebab(f.ID) || f.Title == "" {
		return Invalid("a framework needs a kebab-case id and a title (id %q)", f.ID)
	}
	seen := map[string]bool{}
	for _, r := range f.Requirements {
		switch {
		case r.ID == "":
			return Invalid("framework %s: a requirement has no id", f.ID)
		case seen[r.ID]:
			return Invalid("framework %s: requirement %s stands there twice", f.ID, r.ID)
		case r.Evidence != "" && r.Evidence != "manual":
			return Invalid("framework %s: requirement %s: evidence %q is not known (only manual)", f.ID, r.ID, r.Evidence)
		}
		seen[r.ID] = true
	}
	return nil
}

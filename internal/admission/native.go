// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// NativeLabel marks the ConfigMaps from which exported policies take waivers; its value
// is [NativeParams].
const (
	NativeLabel  = "seaworthy.dev/native"
	NativeParams = "params"
)

// NativeWaivers writes waivers as exported policies read them: a key of a ConfigMap for
// each check of which something is waived. Waivers that are not approved, have ended, or
// speak of other clusters are none. Item finds the item of a waiver that speaks of one
// finding alone; nil: nobody can. Left says what no line can say, or has no room for.
func NativeWaivers(checks []string, list []seaworthy.TrackedWaiver, source string, now time.Time, item func(seaworthy.Waiver) (string, bool)) (data map[string]string, left []string) {
	lines := map[string][]string{}
	for _, w := range list {
		if !w.Counts(now) || w.SourceID != "" && w.SourceID != source || w.File != "" {
			continue
		}
		line, err := waiverLine(w.Waiver, item)
		if err != nil {
			left = append(left, fmt.Sprintf("a waiver of %s: %v", w.Check, err))
			continue
		}
		for _, id := range checks {
			if matchesAny([]string{w.Check}, id) {
				lines[id] = append(lines[id], line)
			}
		}
	}
	data = make(map[string]string, len(lines))
	room := maxWaivers
	for _, id := range slices.Sorted(maps.Keys(lines)) {
		of := lines[id]
		slices.Sort(of)
		of = slices.Compact(of)
		fits := 0
		for ; fits < len(of) && room >= len(of[fits])+1; fits++ {
			room -= len(of[fits]) + 1
		}
		if n := len(of) - fits; n > 0 { // without a waiver more is refused, not less
			left = append(left, fmt.Sprintf("%d waivers of %s: a ConfigMap holds no more", n, id))
		}
		if fits > 0 {
			data[cel.BoundWaivers+id] = strings.Join(of[:fits], "\n")
		}
	}
	return data, left
}

// maxWaivers bounds the bytes of waivers in a ConfigMap, which holds 1 MB: one that the API
// server does not take would leave waivers in force that were revoked.
const maxWaivers = 900_000

// waiverLine is a waiver as a policy reads it; see [cel.Bound].
func waiverLine(w seaworthy.Waiver, item func(seaworthy.Waiver) (string, bool)) (string, error) {
	words := []string{w.Expires.AddDate(0, 0, 1).UTC().Format(time.RFC3339)}
	for _, pattern := range []string{w.Kind, w.Namespace, w.Name} {
		words = append(words, anchored(glob(pattern)))
	}
	switch {
	case w.Fingerprint != "":
		key, ok := "", false
		if item != nil {
			key, ok = item(w)
		}
		if !ok {
			return "", fmt.Errorf("it is of one finding, whose item is not known")
		}
		words = append(words, anchored(regexp.QuoteMeta(key)))
	case w.Container != "":
		words = append(words, `^([^\[]*\.)?[A-Za-z]*[cC]ontainers\[`+glob(w.Container)+`\]`)
	default:
		words = append(words, "")
	}
	for _, word := range words {
		if _, err := regexp.Compile(word); err != nil || strings.ContainsAny(word, "\t\n\r") {
			return "", fmt.Errorf("a policy cannot match its pattern %q", word)
		}
	}
	return strings.Join(words, "\t"), nil
}

// NativeItem finds the item of a finding, which a report tells with the indices of lists
// and a policy with their keys. What is found is certain: it makes the fingerprint.
func NativeItem(source string, f *seaworthy.Finding) (string, bool) {
	keyed := index.ReplaceAllLiteralString(f.Path, "")
	if f.Container != "" {
		keyed = containerIndex.ReplaceAllString(f.Path, "${1}["+strings.ReplaceAll(f.Container, "$", "$$")+"]")
	}
	for _, key := range []string{f.Path, keyed} {
		if seaworthy.Fingerprint(source, f.Check, f.Object, key) == f.Fingerprint {
			return key, true
		}
	}
	return "", false
}

var (
	index          = regexp.MustCompile(`\[[0-9]+\]`)
	containerIndex = regexp.MustCompile(`([A-Za-z]*[cC]ontainers)\[[0-9]+\]`)
)

func anchored(expression string) string {
	if expression == "" {
		return ""
	}
	return "^" + expression + "$"
}

// glob turns a pattern as in path.Match into a regular expression.
func glob(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			b.WriteString(`[^/]*`)
		case '?':
			b.WriteString(`[^/]`)
		case '\\':
			if i++; i < len(pattern) {
				b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
			}
		case '[':
			n, text := class(pattern[i:])
			b.WriteString(text)
			i += n - 1
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	return b.String()
}

// class turns the class of characters with which a pattern begins into that of a regular
// expression, and says how long it is.
func class(pattern string) (n int, expression string) {
	var b strings.Builder
	b.WriteByte('[')
	i := 1
	if i < len(pattern) && pattern[i] == '^' {
		b.WriteByte('^')
		i++
	}
	for ; i < len(pattern) && pattern[i] != ']'; i++ {
		c := pattern[i]
		if c == '\\' && i+1 < len(pattern) {
			i++
			c = pattern[i]
		} else if c == '-' {
			b.WriteByte('-')
			continue
		}
		if c < 0x80 && !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9') {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	b.WriteByte(']')
	return i + 1, b.String()
}

// NativeMode says which modes a check may have in a cluster, and in CEL, where there are
// several, which one it has where an object is: the first of the settings that speaks of
// it counts. Off is among the modes.
func NativeMode(k *seaworthy.Check, settings []ModeIn, cluster, environment string, otherwise Mode) (expression string, modes []Mode, err error) {
	var b strings.Builder
	found := map[Mode]bool{}
	last := otherwise
	for i := range settings {
		m := settings[i]
		if err := m.prepare(); err != nil {
			return "", nil, fmt.Errorf("mode %d: %w", i+1, err)
		}
		if !m.concerns(k) || len(m.Clusters) > 0 && !matchesAny(m.Clusters, cluster) || len(m.Environments) > 0 && !slices.Contains(m.Environments, environment) {
			continue
		}
		condition := m.native()
		if condition == "" {
			last = m.Mode
			break
		}
		found[m.Mode] = true
		fmt.Fprintf(&b, "%s ? %s : ", condition, quotedCEL(string(m.Mode)))
	}
	found[last] = true
	modes = slices.SortedFunc(maps.Keys(found), func(a, b Mode) int { return slices.Index(Modes, a) - slices.Index(Modes, b) })
	if len(modes) == 1 {
		return "", modes, nil
	}
	return b.String() + quotedCEL(string(last)), modes, nil
}

const isNamespace = "object.kind == 'Namespace' && object.apiVersion == 'v1'"

// native says in CEL where a setting holds; empty: everywhere.
func (m *ModeIn) native() string {
	// The request for a Namespace whose name is drawn names none.
	const namespace = "(" + isNamespace + " ? object.metadata.name : request.?namespace.orValue(''))"
	var all []string
	var names, patterns []string
	for _, p := range m.Namespaces {
		if strings.ContainsAny(p, `*?[\`) {
			patterns = append(patterns, namespace+".matches("+quotedCEL(anchored(glob(p)))+")")
		} else {
			names = append(names, quotedCEL(p))
		}
	}
	if len(names) > 0 {
		patterns = append(patterns, namespace+" in ["+strings.Join(names, ", ")+"]")
	}
	if len(patterns) > 0 {
		all = append(all, "("+strings.Join(patterns, " || ")+")")
	}
	if m.selector != nil {
		all = append(all, "("+selecting(m.selector)+")")
	}
	return strings.Join(all, " && ")
}

// selecting is a selector of the labels of a namespace in CEL. What is in no namespace is
// not selected.
func selecting(s labels.Selector) string {
	const set = `(namespaceObject != null ? dyn(namespaceObject.metadata.?labels.orValue({})) : dyn(object.metadata.?labels.orValue({})))`
	words := []string{"(namespaceObject != null || " + isNamespace + ")"}
	requirements, _ := s.Requirements()
	for _, r := range requirements {
		key := quotedCEL(r.Key())
		var values []string
		for _, v := range r.ValuesUnsorted() {
			values = append(values, quotedCEL(v))
		}
		slices.Sort(values)
		list := "[" + strings.Join(values, ", ") + "]"
		has := set + "[?" + key + "]"
		switch r.Operator() {
		case selection.In, selection.Equals, selection.DoubleEquals:
			words = append(words, has+".hasValue() && "+has+".orValue('') in "+list)
		case selection.NotIn, selection.NotEquals:
			words = append(words, "!("+has+".hasValue() && "+has+".orValue('') in "+list+")")
		case selection.Exists:
			words = append(words, has+".hasValue()")
		case selection.DoesNotExist:
			words = append(words, "!"+has+".hasValue()")
		case selection.GreaterThan, selection.LessThan:
			sign := map[selection.Operator]string{selection.GreaterThan: ">", selection.LessThan: "<"}[r.Operator()]
			words = append(words, has+`.orValue('').matches('^-?[0-9]{1,18}$') && int(`+has+`.orValue('0')) `+sign+" int("+list+"[0])")
		}
	}
	return strings.Join(words, " && ")
}

// quotedCEL is a literal of CEL, whose escapes are Go's.
func quotedCEL(s string) string {
	q := strconv.Quote(strings.ToValidUTF8(s, "\uFFFD"))
	return "'" + strings.ReplaceAll(q[1:len(q)-1], "'", `\'`) + "'"
}

// Item finds the item of one finding of an object, by its fingerprint.
func (g *Guard) Item(ctx context.Context, object map[string]any, resource kschema.GroupVersionResource, check, fingerprint string) (string, bool) {
	o, err := g.dec.Decode(judgeable(object), snapshot.Origin{})
	if err != nil || !g.cfg.Catalogue.Runs(check) {
		return "", false
	}
	o.Resource, o.Schema = resource, nil
	alone := g.borrow()
	defer g.giveBack(alone)
	key, found := "", false
	q := scan.Asked{Operation: opCreate, Wants: func(k *seaworthy.Check) bool { return k.ID == check }}
	err = alone.Judge(ctx, o, q, func(j scan.Judged) {
		for i, f := range j.Findings {
			if f.Fingerprint == fingerprint {
				key, found = j.Items[i].Key, true
			}
		}
	})
	return key, found && err == nil
}

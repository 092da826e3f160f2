// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document is one parsed document: its value and the node that has its positions.
type document struct {
	node  *yaml.Node // nil where positions are not known
	value any
	dups  []duplicate
}

// duplicate is a key that a mapping holds twice; its last value counts.
type duplicate struct {
	steps []step
	line  int
}

// ordered sorts duplicates as they stand in the file: the readers find them in an order
// of their own.
func ordered(dups []duplicate) []duplicate {
	slices.SortStableFunc(dups, func(a, b duplicate) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(jsonPath(a.steps), jsonPath(b.steps)))
	})
	return dups
}

// step is one step of a path into a document: a key, or an index where the key is
// empty and index is not negative.
type step struct {
	key   string
	index int
}

// jsonPath writes steps as a JSON path, with keys that hold dots or brackets quoted.
func jsonPath(steps []step) string {
	var b strings.Builder
	for _, s := range steps {
		switch {
		case s.index >= 0:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case s.key == "" || strings.ContainsAny(s.key, `.[]"`):
			b.WriteString(`["` + s.key + `"]`)
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.key)
		}
	}
	return b.String()
}

// lineError is trouble at a line of the file.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return e.err.Error() }
func (e *lineError) Unwrap() error { return e.err }

// errKey is a mapping key that is a mapping or sequence itself: {{ .Values.name }} reads
// as one.
var errKey = errors.New("a mapping key is not a scalar")

// tree makes the value of a node tree and moves its lines to where they are in the file.
type tree struct {
	limits  Limits
	offset  int // what to add to the lines of nodes
	budget  int // what aliases may still add
	aliases int // how many aliases the current node was reached through
	open    map[*yaml.Node]bool
	steps   []step
	dups    []duplicate
}

func newTree(limits Limits, offset, size int) *tree {
	return &tree{limits: limits, offset: offset, budget: max(limits.AliasFactor*size, aliasFloor)}
}

func (t *tree) fail(n *yaml.Node, err error) error {
	var at *lineError
	if errors.As(err, &at) {
		return err
	}
	return &lineError{n.Line, err}
}

// value gives the value of n, which may be reached more than once through aliases.
func (t *tree) value(n *yaml.Node, depth int) (any, error) {
	if err := t.visit(n, depth); err != nil {
		return nil, err
	}
	switch n.Kind {
	case yaml.ScalarNode:
		v, err := scalar(n)
		if err != nil {
			return nil, t.fail(n, err)
		}
		return v, nil
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		if err := t.mapping(n, m, depth, false); err != nil {
			return nil, err
		}
		return m, nil
	case yaml.SequenceNode:
		return t.sequence(n, depth)
	case yaml.AliasNode:
		var v any
		err := t.through(n, func() (err error) {
			v, err = t.value(n.Alias, depth)
			return err
		})
		return v, err
	}
	return nil, t.fail(n, errors.New("the document has a part of an unknown kind"))
}

// visit holds a node to the limits and, the first time, moves it to its line.
func (t *tree) visit(n *yaml.Node, depth int) error {
	if t.aliases == 0 {
		n.Line += t.offset
	} else if t.budget -= 16 + len(n.Value); t.budget < 0 {
		return t.fail(n, t.limits.aliasError())
	}
	if depth > t.limits.Depth {
		return t.fail(n, t.limits.depthError())
	}
	return nil
}

// through follows an alias.
func (t *tree) through(n *yaml.Node, f func() error) error {
	if t.open[n.Alias] {
		return t.fail(n, fmt.Errorf("anchor %q holds itself", n.Value))
	}
	if t.open == nil {
		t.open = map[*yaml.Node]bool{}
	}
	t.open[n.Alias] = true
	t.aliases++
	err := f()
	t.aliases--
	delete(t.open, n.Alias)
	return err
}

func (t *tree) sequence(n *yaml.Node, depth int) (any, error) {
	s := make([]any, len(n.Content))
	for i, c := range n.Content {
		t.steps = append(t.steps, step{index: i})
		v, err := t.value(c, depth+1)
		if err != nil {
			return nil, err
		}
		s[i] = v
		t.steps = t.steps[:len(t.steps)-1]
	}
	return s, nil
}

// mapping adds the keys of n to m, which holds others already when n is merged into it.
// Later keys win over earlier ones, also over those of a merge (<<), and a merge over
// what stands before it: that is how kubectl reads them, though by YAML a key always
// wins over a merge.
func (t *tree) mapping(n *yaml.Node, m map[string]any, depth int, merged bool) error {
	var own map[string]bool // keys of n itself, once m holds others
	if merged {
		own = map[string]bool{}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if t.aliases == 0 {
			k.Line += t.offset
		}
		if k.Kind == yaml.ScalarNode && k.Value == "<<" && k.Tag == "!!merge" {
			if own == nil {
				own = keysOf(m)
			}
			if err := t.merge(v, m, depth); err != nil {
				return err
			}
			continue
		}
		key, err := t.key(k)
		if err != nil {
			return t.fail(k, err)
		}
		t.steps = append(t.steps, step{key, -1})
		value, err := t.value(v, depth+1)
		if err != nil {
			return err
		}
		_, twice := m[key]
		if own != nil {
			twice = own[key]
			own[key] = true
		}
		if twice && t.aliases == 0 {
			t.dups = append(t.dups, duplicate{append([]step(nil), t.steps...), k.Line})
		}
		t.steps = t.steps[:len(t.steps)-1]
		m[key] = value
	}
	return nil
}

func keysOf(m map[string]any) map[string]bool {
	keys := make(map[string]bool, len(m))
	for k := range m {
		keys[k] = true
	}
	return keys
}

var errMerge = errors.New("a merge (<<) needs a mapping or a list of mappings")

// merge adds the keys of what << names to m. Of a list, the first mapping wins.
func (t *tree) merge(n *yaml.Node, m map[string]any, depth int) error {
	switch n.Kind {
	case yaml.MappingNode:
		if err := t.visit(n, depth); err != nil {
			return err
		}
		return t.mapping(n, m, depth, true)
	case yaml.AliasNode:
		if n.Alias.Kind != yaml.MappingNode {
			return t.fail(n, errMerge)
		}
		return t.through(n, func() error { return t.mapping(n.Alias, m, depth, true) })
	case yaml.SequenceNode:
		for i := len(n.Content) - 1; i >= 0; i-- {
			if n.Content[i].Kind == yaml.SequenceNode {
				return t.fail(n, errMerge)
			}
			if err := t.merge(n.Content[i], m, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return t.fail(n, errMerge)
}

// key gives the text of a mapping key.
func (t *tree) key(n *yaml.Node) (string, error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case n.Kind != yaml.ScalarNode:
		return "", errKey
	case n.Style&yaml.TaggedStyle != 0:
		return taggedKey(n)
	case n.Style&quoted != 0:
		return n.Value, nil
	}
	return keyText(n.Value)
}

func taggedKey(n *yaml.Node) (string, error) {
	v, err := tagged(n.Tag, n.Value)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case nil:
		return "", errNullKey
	case float64, int64:
		if n.Tag == "!!float" {
			return floatKey(n.Value)
		}
	}
	return keyText(n.Value)
}

const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

// scalar gives the value of a scalar node.
func scalar(n *yaml.Node) (any, error) {
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		return tagged(n.Tag, n.Value)
	case n.Style&quoted != 0:
		return n.Value, nil
	}
	return resolve(n.Value)
}

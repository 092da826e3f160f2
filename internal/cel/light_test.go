// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	"github.com/seaworthy-dev/seaworthy/checks"
)

// TestChecksAreLight holds every check to having a light program: what the planner does
// not know is judged right, but many times slower.
func TestChecksAreLight(t *testing.T) {
	sources, err := checks.List()
	if err != nil {
		t.Fatal(err)
	}
	policies := make([]Policy, len(sources))
	for i, s := range sources {
		policies[i] = Policy{ID: s.ID, Spec: &s.Policy.Spec, Linear: true}
	}
	e := New(policies)
	for i := range policies {
		c, err := e.policy(i)
		if err != nil {
			t.Fatal(err)
		}
		if !c.light {
			t.Errorf("%s has no light program", policies[i].ID)
		}
		for name, v := range c.variables {
			if v.light.node == nil {
				t.Errorf("variable %s of %s has no light program", name, policies[i].ID)
			}
		}
	}
}

// odd holds values of every kind, in places where expressions look for others.
var odd = map[string]any{
	"kind": "Odd", "null": nil, "yes": true, "no": false, "n": int64(3), "half": 0.5, "three": 3.0,
	"text": "Grüße, Welt ", "ascii": " Team/App:1 ", "empty": "", "lines": "a\nb\n\nc",
	"list": []any{"b", "a", "b"}, "mixed": []any{int64(1), "1", true, nil, 1.0}, "none": []any{},
	"numbers": []any{int64(3), int64(1), int64(2)},
	"map":     map[string]any{"a": int64(1), "b": nil, "c": "x"}, "bare": map[string]any{},
	"items": []any{
		map[string]any{"name": "one", "on": true, "tags": []any{"x", "y"}},
		map[string]any{"name": "two", "nested": map[string]any{"deep": map[string]any{"key": "v"}}},
		map[string]any{}, nil, "text",
	},
}

// expressions, each of which is a condition; many of them are errors.
var expressions = []string{
	// values and operators
	`object.yes`, `object.no`, `!object.yes`, `!object.n`, `object.nothing`, `object.null.x`, `object.text.x`, `object.list.x`,
	`object.yes && object.nothing`, `object.no && object.nothing`, `object.nothing && object.no`, `object.nothing || object.yes`,
	`object.yes || object.nothing`, `object.n || object.yes`, `object.no || object.n`, `object.yes ? object.no : object.nothing`,
	`object.n ? true : false`, `object.no ? object.nothing : object.yes`,
	// equality
	`object.n == 3`, `object.n == 3.0`, `object.three == object.n`, `object.n == '3'`, `object.null == null`, `object.text != null`,
	`object.null != {}`, `object.bare == {}`, `object.map != {}`, `{} == object.none`, `object.none == []`, `object.list == ['b', 'a', 'b']`,
	`object.mixed == [1, '1', true, null, 1]`, `object.map == {'a': 1, 'b': null, 'c': 'x'}`, `object.yes == 'true'`, `[] == {}`,
	`{'a': object.n} == {'a': 3}`, `{'a': [{'b': object.text}]} != {'a': [{'b': 'x'}]}`, `object.half == 0.5`,
	// membership
	`'a' in object.list`, `'z' in object.list`, `1 in object.mixed`, `1.0 in object.mixed`, `null in object.mixed`, `'a' in object.map`,
	`'b' in object.map`, `1 in object.map`, `'a' in object.text`, `object.n in [1, 2, 3]`, `'a' in {'a': 1}`, `object.nothing in []`,
	// order
	`object.n > 2`, `object.n <= 3`, `object.n < 3.5`, `object.half < 1`, `object.text < 'a'`, `object.yes < true`, `object.n >= '3'`, `'b' > 'a'`,
	// selection
	`has(object.null)`, `has(object.nothing)`, `has(object.map.b)`, `has(object.text.x)`, `has(object.null.x)`, `has(object.nothing.x)`,
	`has(object.list.x)`, `object.?nothing.?deep.hasValue()`, `object.?null.hasValue()`, `object.?text.?x.hasValue()`, `object.?list.?x.hasValue()`,
	`object.?map.a.orValue(0) == 1`, `object.?map.z.orValue(0) == 0`, `object.map[?'a'].orValue(0) == 1`, `object.map['z'] == 1`,
	`object.?map[object.ascii].orValue(0) == 0`, `object.list[0] == 'b'`, `object.list[3] == 'b'`, `object.list[-1] == 'b'`,
	`object.list[?5].orValue('z') == 'z'`, `object.list[1.0] == 'a'`, `object.list['a'] == 'a'`, `object.map[1] == 1`,
	`object.?nothing.or(object.?n).orValue(1) == 3`, `object.?nothing.or(object.?nil).hasValue()`, `object.?nothing.or(object.?map).a.orValue(7) == 1`,
	`object.?null.orValue(1) == null`, `object.?n.value() == 3`, `optional.of(object.n).hasValue()`, `object.nothing.?x.hasValue()`,
	`[object.?n].size() == 1`, `object.items[1].?nested.?deep.?key.orValue('') == 'v'`, `{'a': {'b': 1}}.a.b == 1`, `has({'a': 1}.b)`,
	// macros
	`object.items.all(i, i.?name.orValue('x') != '')`, `object.items.exists(i, i.?on.orValue(false))`, `object.items.exists(i, i.on)`,
	`object.items.all(i, i.on)`, `object.numbers.all(n, n > 0)`, `object.numbers.exists(n, n == 2)`, `object.numbers.exists(n, n > 3 || n)`,
	`object.numbers.filter(n, n > 1).map(n, n + 1) == [4, 3]`, `object.numbers.map(n, n > 1, n * 2) == [6, 4]`, `object.map.exists(k, k == 'c')`,
	`object.map.all(k, k.size() == 1)`, `object.map.map(k, k).size() == 3`, `object.text.exists(c, c == 'G')`, `object.null.all(x, true)`,
	`object.list.filter(x, x == 'b') == ['b', 'b']`, `object.list.filter(x, object.n).size() == 0`, `object.list.exists_one(x, x == 'a')`,
	`object.list.map(x, object.list.map(y, x + y)).size() == 3`, `object.list.map(x, object.list.filter(x, x == 'a')[0] + x) == ['ab', 'aa', 'ab']`,
	`object.none.map(x, x.y) == []`, `{'a': 1, 'b': 2}.map(k, k).size() == 2`, `object.list.map(object, object)[0] == 'b'`,
	`object.items.filter(i, i != null).map(i, {'n': i.?name.orValue('-'), 'i': i}).exists(r, r.n == '-' && r.i == {})`,
	`cel.bind(x, object.n, x + 1) == 4`, `object.list.all(i, v, v != '')`, `object.numbers.sum() == 6`, `object.mixed.sum() == 6`,
	// text
	`object.text.size() == 12`, `size(object.list) == 3`, `object.map.size() == 3`, `object.n.size() == 1`, `{'a': 1}.size() == 1`,
	`object.text.trim() == 'Grüße, Welt'`, `object.text.lowerAscii() == 'grüße, welt '`, `object.ascii.upperAscii() == ' TEAM/APP:1 '`,
	`object.n.trim() == ''`, `object.text.contains('ü')`, `object.text.startsWith('G')`, `object.text.endsWith(' ')`, `object.n.contains('3')`,
	`object.lines.split('\n') == ['a', 'b', '', 'c']`, `object.empty.split(',') == ['']`, `object.text.split('').size() == 12`,
	`object.lines.split('\n', 2).size() == 2`, `object.list.join('-') == 'b-a-b'`, `object.list.join() == 'bab'`, `object.none.join(',') == ''`,
	`object.mixed.join(',') == ''`, `['', ''].join(',') == ','`, `['x'].join(',') == 'x'`, `object.text.matches('^Gr.+e')`, `object.text.matches('(')`, `object.text.matches('x|Welt')`, `object.text.matches('x|y')`, `object.n.matches('3|4')`,
	`object.text.matches('x|')`, `object.text.matches('Gr.|x')`,
	`object.text.matches(object.empty)`, `object.text.matches(object.ascii + '(')`, `object.n.matches('3')`, `object.text.substring(4) == 'e, Welt '`,
	`object.text.substring(1, 3) == 'rü'`, `object.ascii.substring(6) == 'App:1 '`, `object.ascii.substring(1, 5) == 'Team'`, `object.ascii.substring(5, 1) == ''`,
	`object.ascii.substring(-1) == ''`, `object.ascii.substring(99) == ''`, `object.ascii.substring(0, 99) == ''`, `object.ascii.substring(1.0) == ''`,
	`object.ascii.indexOf('a') == 3`, `object.ascii.lastIndexOf('/') == 5`, `object.text.indexOf('e') == 4`, `object.ascii.indexOf('ü') == -1`,
	`object.ascii.lastIndexOf('') == 12`, `object.ascii.indexOf('a', 4) == -1`, `object.list.indexOf('b') == 0`, `object.list.lastIndexOf('b') == 2`,
	`object.list.indexOf('z') == -1`, `object.mixed.indexOf('1') == 1`, `object.mixed.indexOf(1) == 0`, `object.mixed.lastIndexOf(1) == 4`, `object.n.indexOf('3') == 0`,
	`object.ascii.replace('x', 'y') == object.ascii`, `object.n.replace('3', '4') == '4'`, `object.list.replace('a', 'b') == ''`, `''.replace('', 'x') == 'x'`, `object.text.lastIndexOf('e') == 8`, `object.text.replace('ü', 'u').contains('Gruße')`,
	`object.text + 'x' == 'Grüße, Welt x'`, `object.text + 1 == ''`, `object.n + 1 == 4`, `object.n + 1 + 1 == 5`, `object.n + 1.0 == 4.0`,
	`object.list + [1] + object.none == ['b', 'a', 'b', 1]`, `object.none + [] == []`, `object.list + 'x' == []`, `object.n * 2 - 1 == 5`,
	`object.n / 0 == 1`, `-object.n == -3`, `string(object.n) == '3'`, `string(object.text) != ''`, `string(object.null) == ''`, `string(object.yes) == 'true'`,
	`int('7') == 7`, `int(object.text) == 7`, `dyn(object.n) == 3`, `type(object.n) == int`, `9223372036854775807 + object.n > 0`,
	`quantity('1Gi').isGreaterThan(quantity('900Mi'))`, `url('https://a.b/c?d=e').getQuery()['d'] == ['e']`, `object.lines.find('[b-z]') == 'b'`,
	`object.lines.findAll('[a-z]') == ['a', 'b', 'c']`, `b'abc' == b'abc'`, `duration('1s') < duration('2s')`, `object.numbers.isSorted()`,
	// names
	`request.operation == 'CREATE' && request.name == 'odd'`, `request.namespace == 'shop'`, `oldObject == null`, `params == null`, `has(params.x)`,
	`namespaceObject == null`, `namespaceObject.metadata.name == ''`, `params.?data.hasValue()`, `variables.late == 4`, `variables.wrong == 4`,
	`variables.fixed == 'ab'`, `object.text.matches(variables.fixed)`, `variables.deep.x[0].y == 3`, `object.items.exists(variables, variables == null)`,
}

// TestLightEqualsTracked judges odd expressions by light programs and by the API
// server's: verdicts, messages and errors must be the same.
func TestLightEqualsTracked(t *testing.T) {
	judge := func(linear bool, spec *admissionv1.ValidatingAdmissionPolicySpec) (out Verdict, light bool) {
		ev := New([]Policy{{ID: "policy", Spec: spec, Linear: linear}}).Evaluator()
		ev.Judge(&Request{Object: odd, Name: "odd", Operation: "CREATE"}, nil, func(_ int, v Verdict) { out = v })
		return out, ev.Most() == 0
	}
	text := func(err error) string {
		if err == nil {
			return ""
		}
		return err.Error()
	}
	light := 0
	for _, e := range expressions {
		spec := &admissionv1.ValidatingAdmissionPolicySpec{
			ParamKind: &admissionv1.ParamKind{APIVersion: "v1", Kind: "ConfigMap"},
			Variables: []admissionv1.Variable{
				{Name: "late", Expression: "object.n + 1"}, {Name: "wrong", Expression: "object.nothing"}, {Name: "fixed", Expression: "'a' + 'b'"},
				{Name: "deep", Expression: "{'x': [{'y': object.n}]}"},
			},
			Validations: []admissionv1.Validation{
				{Expression: e, MessageExpression: "'failed ' + variables.fixed + string(" + e + ")"},
				{Expression: "object.n == 3 && !(" + e + ")", Message: "the other way round"},
			},
		}
		got, quick := judge(true, spec)
		want, _ := judge(false, spec)
		if quick {
			light++
		}
		if got.Denied != want.Denied || !slices.Equal(got.Messages, want.Messages) || text(got.Err) != text(want.Err) {
			t.Errorf("%s: light %v %q %v, tracked %v %q %v", e, got.Denied, got.Messages, got.Err, want.Denied, want.Messages, want.Err)
		}
	}
	t.Logf("%d of %d expressions were judged by light programs", light, len(expressions))
	if light < len(expressions)/3 {
		t.Error("light programs judged too few for this to be a test of them")
	}
}

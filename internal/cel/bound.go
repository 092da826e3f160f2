// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"strconv"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	"github.com/seaworthy-dev/seaworthy"
)

// The keys of a ConfigMap by which a binding tells its policy what to do: the mode for
// which it is there, and what is waived of each check. They are no parameters of checks.
const (
	BoundMode    = "mode"
	BoundWaivers = "waivers."
)

// The fields of a line that waives something, with a tab between: until when, and regular
// expressions of kind, namespace, name and item.
const waiverFields = 5

// Bound makes the form of a check that is installed with bindings. It is [WorseOnly], and
// besides
//
//   - what a waiver accepts does not fail. Waivers are lines in the params of the binding.
//     A policy cannot ask what time it is, but the API server writes the time into what it
//     is about to store, and no waiver outlives that. On update the newest time that the
//     object shows may be long ago where nobody tracks its fields, so whoever keeps the
//     params takes out what has ended.
//   - with here, an expression that gives the mode of the check where the object is, a
//     binding counts only where the mode is its own.
//   - nothing is refused to whom a refusal would keep the cluster from coming up.
//   - the message says what a scan and the webhook say: the check's title, what fails, and
//     what to do.
//   - audit annotations say which items fail, which of them are waived, and in which mode.
func Bound(p *admissionv1.ValidatingAdmissionPolicy, k *seaworthy.Check, here string) *admissionv1.ValidatingAdmissionPolicy {
	out := WorseOnly(p)
	if out.Spec.ParamKind == nil {
		out.Spec.ParamKind = &admissionv1.ParamKind{APIVersion: "v1", Kind: "ConfigMap"}
	}
	worse := -1
	for i := range out.Spec.Variables {
		if out.Spec.Variables[i].Name == "worse" {
			worse = i
		}
	}
	if worse < 0 {
		return out
	}
	const mode = "params.?data[?'" + BoundMode + "'].orValue('')"
	v := &out.Spec.Variables[worse]
	if here != "" {
		v.Expression = "(" + here + ") != " + mode + " ? [] : " + v.Expression
	}
	v.Expression = mode + " == 'deny' && (" + spared + ") ? [] : " + v.Expression
	out.Spec.Variables = append(out.Spec.Variables, waiving(k.ID)...)
	remedy, _, _ := strings.Cut(strings.TrimSpace(k.Remediation), "\n")
	for i := range out.Spec.Validations {
		v := &out.Spec.Validations[i]
		v.Expression = rename(v.Expression, "worse", "open")
		v.MessageExpression = quoted(k.Title+": ") + " + variables.open.map(i, i.replace('" + remark + "', ': ', 1)).join(', ') + " + quoted(". "+remedy)
		v.Message = k.Title + ". " + remedy // where that is longer than the API server takes
	}
	out.Spec.AuditAnnotations = []admissionv1.AuditAnnotation{
		{Key: Offending, ValueExpression: "variables.worse.map(i, i in variables.open ? i : i + ' (waived)').join('; ')"},
		{Key: BoundMode, ValueExpression: "variables.worse.size() == 0 ? '' : " + mode},
	}
	return out
}

// spared are the API server, which makes the roles that come with Kubernetes before it is
// ready, and a kubelet that shows a static Pod, which runs whether it is shown or not.
const spared = "request.userInfo.?username.orValue('') == 'system:apiserver' || request.userInfo.?username.orValue('').startsWith('system:node:') && " +
	"object.metadata.?annotations[?'kubernetes.io/config.mirror'].hasValue()"

// quoted is a literal of CEL, whose escapes are Go's.
func quoted(s string) string {
	q := strconv.Quote(s)
	return "'" + strings.ReplaceAll(q[1:len(q)-1], "'", `\'`) + "'"
}

// waiving are the variables that find what no waiver accepts.
func waiving(id string) []admissionv1.Variable {
	clean := func(expression string) string { return strings.Join(strings.Fields(expression), " ") }
	return []admissionv1.Variable{
		{Name: "newest", Expression: clean(`(object.metadata.?managedFields.orValue([]).map(m, string(m.?time.orValue(''))) +
			[string(object.metadata.?creationTimestamp.orValue(''))]).max()`)},
		{Name: "waivers", Expression: clean(`variables.worse.size() == 0 ? [] :
			params.?data[?'` + BoundWaivers + id + `'].orValue('').split('\n').map(l, l.split('\t')).filter(w,
			w.size() == 5 && variables.newest < w[0] && object.kind.matches(w[1]) &&
			object.metadata.?namespace.orValue('').matches(w[2]) && object.metadata.?name.orValue('').matches(w[3]))`)},
		{Name: "open", Expression: clean(`variables.waivers.size() == 0 ? variables.worse :
			variables.worse.filter(i, !variables.waivers.exists(w, i.split('`) + remark + clean(`')[0].matches(w[4])))`)},
	}
}

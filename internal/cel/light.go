// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"slices"
)

// runLight is [Evaluator.run] by light programs. Where known is false they could not
// judge, and nothing has been said.
func (ev *Evaluator) runLight(c *compiled, params map[string]any, v *Verdict) (applies, known bool) {
	f := &ev.frame
	f.params, f.epoch = mappingOrNull(params), ev.epoch
	for i := range c.conditions {
		holds, ok := f.run(&c.conditions[i].light).(bool)
		if !ok || !holds {
			return false, ok
		}
	}
	denied := false
	var messages []string
	for i := range c.validations {
		check := &c.validations[i]
		holds, ok := f.run(&check.light).(bool)
		if !ok {
			return false, false
		}
		if holds {
			continue
		}
		denied = true
		if c.offending != nil && ev.ItemsOnly {
			continue
		}
		text := ""
		if check.message != nil {
			if text, ok = f.run(&check.message.light).(string); !ok {
				return false, false
			}
		}
		messages = append(messages, check.says(text))
	}
	if !denied {
		return true, true
	}
	items, ok := f.items(c.offending)
	if !ok {
		return false, false
	}
	v.Denied = true
	v.Items = append(v.Items, items...)
	v.Messages = append(v.Messages, messages...)
	return true, true
}

// items is [Evaluator.items] of a light program.
func (f *frame) items(offending *variable) ([]string, bool) {
	if offending == nil {
		return nil, true
	}
	list, ok := f.variable(offending).([]any)
	if !ok {
		return nil, false
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), true
}

// SPDX-License-Identifier: Apache-2.0

package snapshot

import "time"

// KeepChange puts in the place of an object's field managers, which are large, one entry
// that says when the object was last written; the decoder takes it away again.
func KeepChange(metadata map[string]any) {
	newest := ""
	managers, _ := metadata["managedFields"].([]any)
	for _, e := range managers {
		m, _ := e.(map[string]any)
		if sub, _ := m["subresource"].(string); sub != "" {
			continue
		}
		if at, _ := m["time"].(string); at > newest { // RFC 3339 in UTC sorts by time
			newest = at
		}
	}
	if newest == "" {
		delete(metadata, "managedFields")
		return
	}
	metadata["managedFields"] = []any{map[string]any{"time": newest}}
}

// lasting are kinds whose template never changes, while controllers write to them.
var lasting = map[string]bool{"ReplicaSet": true, "Pod": true}

// changedAt reads when an object was last written, and takes the entry of [KeepChange]
// away. It is what the API server says of itself; in files it is mostly not there.
func changedAt(written map[string]any) int64 {
	meta, _ := written["metadata"].(map[string]any)
	text, _ := meta["creationTimestamp"].(string)
	managers, _ := meta["managedFields"].([]any)
	if len(managers) == 1 {
		if m, _ := managers[0].(map[string]any); len(m) == 1 {
			at, _ := m["time"].(string)
			delete(meta, "managedFields")
			if kind, _ := written["kind"].(string); !lasting[kind] && at > text {
				text = at
			}
		}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0
	}
	return at.Unix()
}

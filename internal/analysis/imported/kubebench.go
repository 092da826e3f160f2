// SPDX-License-Identifier: Apache-2.0

package imported

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// bench is one part of what kube-bench found on a node.
type bench struct {
	NodeType string `json:"node_type"`
	Tests    []struct {
		Results []struct {
			Number string `json:"test_number"`
			Text   string `json:"test_desc"`
			Status string `json:"status"`
		} `json:"results"`
	} `json:"tests"`
}

// nodeLabel says on which node kube-bench ran, on the ConfigMap that holds what it found:
// its output does not.
const nodeLabel = "seaworthy.dev/node"

// kubeBench reads the output of kube-bench (--json) from ConfigMaps. The recommendations
// that a person has to look at are WARN there, and neither pass nor fail.
func kubeBench(b *book) {
	for o, c := range snapshot.All[*corev1.ConfigMap](b.Snapshot, "ConfigMap") {
		for _, key := range slices.Sorted(maps.Keys(c.Data)) {
			if !snapshot.HoldsBench(c.Data[key]) {
				continue
			}
			parts, err := readBench(c.Data[key])
			if err != nil {
				b.Report.Error(benchCheck, o, fmt.Errorf("read data.%s: %w", key, err))
				continue
			}
			about := b.whole()
			if node := c.Labels[nodeLabel]; node != "" {
				about = b.resolve(subject{"v1", "Node", "", node}, o)
			}
			if about != nil {
				b.bench(about, parts, time.Unix(o.Changed, 0))
			}
		}
	}
}

func (b *book) bench(about *snapshot.Object, parts []bench, at time.Time) {
	if at.Unix() <= 0 {
		at = time.Time{}
	}
	// Files and flags of a node change without its object, whose heartbeats say nothing.
	stale := b.stale(benchCheck, &snapshot.Object{}, at)
	for _, p := range parts {
		for _, t := range p.Tests {
			for _, r := range t.Results {
				switch {
				case r.Status == "FAIL":
					b.fail(benchCheck, about, seaworthy.Item{
						Key: p.NodeType + " " + r.Number, Message: fmt.Sprintf("kube-bench %s (%s): %s", r.Number, p.NodeType, sentence(r.Text)),
					})
				case r.Status == "PASS" && stale == "":
					b.pass(benchCheck, about)
				case r.Status == "PASS":
					b.lack(benchCheck, about, "%s", stale)
				}
			}
		}
	}
}

// readBench reads all forms of the output: an object with Controls and Totals, a list of
// parts, or parts one after the other.
func readBench(text string) ([]bench, error) {
	var out []bench
	dec := json.NewDecoder(strings.NewReader(text))
	for {
		var raw json.RawMessage
		if err := dec.Decode(&raw); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, err
		}
		var list []bench
		if raw[0] == '[' {
			if err := json.Unmarshal(raw, &list); err != nil {
				return nil, err
			}
			out = append(out, list...)
			continue
		}
		var whole struct {
			Controls []bench
			bench
		}
		if err := json.Unmarshal(raw, &whole); err != nil {
			return nil, err
		}
		out = append(append(out, whole.Controls...), whole.bench)
	}
}

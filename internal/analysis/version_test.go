// SPDX-License-Identifier: Apache-2.0

package analysis_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/analysis"
)

func TestParseVersion(t *testing.T) {
	for in, want := range map[string]string{
		"1.36": "1.36", "v1.36.2": "1.36", "v1.33.5-eks-113cf36": "1.33", "1.30+": "1.30", "v1.29.1+rke2r1": "1.29",
		"": "", "latest": "", "1": "", "-1.2": "",
	} {
		v, err := analysis.ParseVersion(in)
		if got := v.String(); (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("ParseVersion(%q) = %v, %v, want %q", in, got, err, want)
		}
	}
}

func TestManaged(t *testing.T) {
	for in, want := range map[string]bool{"EKS": true, "gke": true, "OpenShift": true, "self-managed": false, "": false} {
		if _, got := analysis.Managed(in); got != want {
			t.Errorf("Managed(%q) = %v, want %v", in, got, want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/config"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// clusterInput opens the live cluster of the kubeconfig.
func (p *program) clusterInput(context.Context, *config.Config, *scan.Config) (*scan.Input, error) {
	return nil, seaworthy.Invalid("this build cannot read a live cluster")
}

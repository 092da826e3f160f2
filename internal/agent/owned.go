// SPDX-License-Identifier: Apache-2.0

package agent

import "github.com/seaworthy-dev/seaworthy/internal/changes"

// owned adds to what came under a controller's name what is known of the owner of the
// object, as far as this replica watches: by that it is told from one who poses as it.
func (a *Agent) owned(o *changes.Observation) {
	if l := a.live.Load(); l != nil && o.Owner == nil && o.Object.OwnedBy != nil && changes.Controls(&o.Actor) {
		o.Owner = l.Owner(o.Object.Namespace, o.Object.OwnedBy)
	}
}

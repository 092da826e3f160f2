// SPDX-License-Identifier: Apache-2.0

package kubeapiserver

import (
	"os/exec"
	"syscall"
)

// dieWithParent keeps a test that panics or runs out of time from leaving servers behind.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
